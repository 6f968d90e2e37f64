/**
 * Kafka's broker configs by name (AbstractKafkaConfig and DynamicBrokerConfig of Kafka 4.4): which of them can be altered
 * while a broker runs, and what those take. Tools set them by these names, whether this broker has a use for them or not.
 */
import type { TopicConfigSpec, TopicConfigType } from "../config/topic_configs.ts";

export interface KafkaBrokerConfig extends Pick<TopicConfigSpec, "type" | "min" | "max"> {
  /** Not to be set for the cluster as a whole. */
  readonly perBroker?: true;
}

/** Read at start only, each with its type. */
export const STATIC_BROKER_CONFIGS: ReadonlyMap<string, TopicConfigType> = new Map([
  ...ofType(
    "boolean",
    `
    auto.create.topics.enable auto.leader.rebalance.enable controlled.shutdown.enable
    controller.quorum.auto.join.enable delete.topic.enable log.cleaner.enable
    remote.log.storage.system.enable sasl.oauthbearer.allow.unverified.audience
    sasl.oauthbearer.allow.unverified.issuer sasl.oauthbearer.assertion.claim.jti.include
    ssl.allow.dn.changes ssl.allow.san.changes transaction.two.phase.commit.enable
    unstable.api.versions.enable unstable.feature.versions.enable
    `,
  ),
  ...ofType(
    "double",
    `
    remote.log.manager.task.retry.jitter
    `,
  ),
  ...ofType(
    "int",
    `
    add.partitions.to.txn.retry.backoff.max.ms add.partitions.to.txn.retry.backoff.ms
    alter.log.dirs.replication.quota.window.num
    alter.log.dirs.replication.quota.window.size.seconds broker.heartbeat.interval.ms
    broker.id broker.session.timeout.ms connection.failed.authentication.delay.ms
    controller.quorum.append.linger.ms controller.quorum.election.backoff.max.ms
    controller.quorum.election.timeout.ms controller.quorum.fetch.max.bytes
    controller.quorum.fetch.snapshot.max.bytes controller.quorum.fetch.timeout.ms
    controller.quorum.request.timeout.ms controller.quorum.retry.backoff.ms
    controller.quota.window.num controller.quota.window.size.seconds
    controller.socket.timeout.ms default.replication.factor
    delete.records.purgatory.purge.interval.requests fetch.max.bytes
    fetch.purgatory.purge.interval.requests group.consumer.heartbeat.interval.ms
    group.consumer.max.assignment.interval.ms group.consumer.max.heartbeat.interval.ms
    group.consumer.max.session.timeout.ms group.consumer.max.size
    group.consumer.min.assignment.interval.ms group.consumer.min.heartbeat.interval.ms
    group.consumer.min.session.timeout.ms group.consumer.regex.refresh.interval.ms
    group.consumer.session.timeout.ms group.coordinator.append.linger.ms
    group.coordinator.background.threads group.coordinator.threads
    group.initial.rebalance.delay.ms group.max.session.timeout.ms group.max.size
    group.min.session.timeout.ms group.share.delivery.count.limit
    group.share.heartbeat.interval.ms group.share.initialize.retry.interval.ms
    group.share.max.assignment.interval.ms group.share.max.delivery.count.limit
    group.share.max.heartbeat.interval.ms group.share.max.partition.max.record.locks
    group.share.max.record.lock.duration.ms group.share.max.session.timeout.ms
    group.share.max.share.sessions group.share.max.size group.share.min.assignment.interval.ms
    group.share.min.delivery.count.limit group.share.min.heartbeat.interval.ms
    group.share.min.partition.max.record.locks group.share.min.record.lock.duration.ms
    group.share.min.session.timeout.ms group.share.partition.max.record.locks
    group.share.record.lock.duration.ms group.share.session.timeout.ms
    group.streams.heartbeat.interval.ms group.streams.initial.rebalance.delay.ms
    group.streams.max.assignment.interval.ms group.streams.max.heartbeat.interval.ms
    group.streams.max.session.timeout.ms group.streams.max.size
    group.streams.max.standby.replicas group.streams.max.warmup.replicas
    group.streams.min.assignment.interval.ms group.streams.min.heartbeat.interval.ms
    group.streams.min.session.timeout.ms group.streams.min.task.offset.interval.ms
    group.streams.num.standby.replicas group.streams.num.warmup.replicas
    group.streams.session.timeout.ms group.streams.task.offset.interval.ms
    initial.broker.registration.timeout.ms internal.metadata.log.segment.bytes
    internal.metadata.max.batch.size.in.bytes kafka.metrics.polling.interval.secs
    log.flush.offset.checkpoint.interval.ms log.flush.start.offset.checkpoint.interval.ms
    log.retention.hours log.retention.minutes log.roll.hours log.roll.jitter.hours
    max.incremental.fetch.session.cache.slots max.request.partition.size.limit
    metadata.log.segment.bytes metadata.max.idle.interval.ms metrics.num.samples node.id
    num.partitions num.replica.alter.log.dirs.threads offset.metadata.max.bytes
    offsets.commit.timeout.ms offsets.load.buffer.size offsets.retention.minutes
    offsets.topic.compression.codec offsets.topic.num.partitions
    offsets.topic.replication.factor offsets.topic.segment.bytes
    producer.id.expiration.check.interval.ms producer.purgatory.purge.interval.requests
    queued.max.requests quota.window.num quota.window.size.seconds
    remote.log.manager.copy.quota.window.num remote.log.manager.copy.quota.window.size.seconds
    remote.log.manager.fetch.quota.window.num
    remote.log.manager.fetch.quota.window.size.seconds remote.log.manager.thread.pool.size
    remote.log.metadata.custom.metadata.max.bytes remote.log.reader.max.pending.tasks
    replica.fetch.backoff.ms replica.fetch.max.bytes replica.fetch.min.bytes
    replica.fetch.response.max.bytes replica.fetch.wait.max.ms
    replica.socket.receive.buffer.bytes replica.socket.timeout.ms replication.quota.window.num
    replication.quota.window.size.seconds request.timeout.ms sasl.login.connect.timeout.ms
    sasl.login.read.timeout.ms sasl.oauthbearer.assertion.claim.exp.seconds
    sasl.oauthbearer.assertion.claim.nbf.seconds sasl.oauthbearer.clock.skew.seconds
    sasl.server.max.receive.size share.coordinator.append.linger.ms
    share.coordinator.cold.partition.snapshot.interval.ms share.coordinator.load.buffer.size
    share.coordinator.snapshot.update.records.per.snapshot
    share.coordinator.state.topic.compression.codec share.coordinator.state.topic.min.isr
    share.coordinator.state.topic.num.partitions
    share.coordinator.state.topic.prune.interval.ms
    share.coordinator.state.topic.replication.factor
    share.coordinator.state.topic.segment.bytes share.coordinator.threads
    share.coordinator.write.timeout.ms share.fetch.purgatory.purge.interval.requests
    socket.listen.backlog.size socket.receive.buffer.bytes socket.request.max.bytes
    socket.send.buffer.bytes telemetry.max.bytes
    transaction.abort.timed.out.transaction.cleanup.interval.ms transaction.max.timeout.ms
    transaction.remove.expired.transaction.cleanup.interval.ms
    transaction.state.log.load.buffer.size transaction.state.log.min.isr
    transaction.state.log.num.partitions transaction.state.log.replication.factor
    transaction.state.log.segment.bytes transactional.id.expiration.ms
    `,
  ),
  ...ofType(
    "list",
    `
    advertised.listeners controller.listener.names controller.quorum.bootstrap.servers
    controller.quorum.voters early.start.listeners group.consumer.assignors
    group.coordinator.rebalance.protocols group.share.assignors group.streams.assignors
    group.streams.rack.aware.assignment.tags kafka.metrics.reporters log.dir log.dirs
    process.roles sasl.oauthbearer.expected.audience
    `,
  ),
  ...ofType(
    "long",
    `
    connections.max.idle.ms connections.max.reauth.ms
    controller.performance.always.log.threshold.ms controller.performance.sample.period.ms
    delegation.token.expiry.check.interval.ms delegation.token.expiry.time.ms
    delegation.token.max.lifetime.ms group.streams.acceptable.recovery.lag
    internal.metadata.delete.delay.millis leader.imbalance.check.interval.seconds
    log.dir.failure.timeout.ms log.flush.scheduler.interval.ms log.initial.task.delay.ms
    log.retention.check.interval.ms metadata.log.max.record.bytes.between.snapshots
    metadata.log.max.snapshot.interval.ms metadata.log.segment.ms metadata.max.retention.bytes
    metadata.max.retention.ms metrics.sample.window.ms offsets.retention.check.interval.ms
    queued.max.request.bytes remote.log.index.file.cache.ttl.ms
    remote.log.manager.task.interval.ms remote.log.manager.task.retry.backoff.max.ms
    remote.log.manager.task.retry.backoff.ms replica.high.watermark.checkpoint.interval.ms
    replica.lag.time.max.ms sasl.login.retry.backoff.max.ms sasl.login.retry.backoff.ms
    sasl.oauthbearer.jwks.endpoint.refresh.ms
    sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms
    sasl.oauthbearer.jwks.endpoint.retry.backoff.ms server.max.startup.time.ms
    socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms
    unclean.leader.election.interval.ms
    `,
  ),
  ...ofType(
    "string",
    `
    alter.config.policy.class.name authorizer.class.name broker.rack
    client.quota.callback.class create.topic.policy.class.name delegation.token.secret.key
    group.consumer.migration.policy group.share.dlq.manager.class.name
    group.share.persister.class.name group.streams.topology.description.plugin.class
    inter.broker.listener.name metadata.log.dir metrics.recording.level
    remote.log.metadata.manager.class.name remote.log.metadata.manager.class.path
    remote.log.metadata.manager.impl.prefix remote.log.metadata.manager.listener.name
    remote.log.storage.manager.class.name remote.log.storage.manager.class.path
    remote.log.storage.manager.impl.prefix replica.selector.class
    sasl.client.callback.handler.class sasl.login.callback.handler.class sasl.login.class
    sasl.mechanism.controller.protocol sasl.oauthbearer.assertion.algorithm
    sasl.oauthbearer.assertion.claim.aud sasl.oauthbearer.assertion.claim.iss
    sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.file
    sasl.oauthbearer.assertion.private.key.file
    sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.assertion.template.file
    sasl.oauthbearer.client.credentials.client.id
    sasl.oauthbearer.client.credentials.client.secret sasl.oauthbearer.expected.issuer
    sasl.oauthbearer.jwks.endpoint.url sasl.oauthbearer.jwt.retriever.class
    sasl.oauthbearer.jwt.validator.class sasl.oauthbearer.scope
    sasl.oauthbearer.scope.claim.name sasl.oauthbearer.sub.claim.name
    sasl.oauthbearer.token.endpoint.url sasl.server.callback.handler.class
    security.inter.broker.protocol security.providers ssl.principal.mapping.rules
    `,
  ),
]);

function ofType(type: TopicConfigType, names: string): [string, TopicConfigType][] {
  return names.trim().split(/\s+/).map((name) => [name, type]);
}

/** Altered while the broker runs; those that are the defaults of topics' configs stand with these. */
export const DYNAMIC_BROKER_CONFIGS: Readonly<Record<string, KafkaBrokerConfig>> = {
  "background.threads": { type: "int", min: 1 },
  "config.providers": { type: "list" },
  "cordoned.log.dirs": { type: "list", perBroker: true },
  "errors.deadletterqueue.auto.create.topics.enable": { type: "boolean" },
  "errors.deadletterqueue.topic.name.prefix": { type: "string" },
  "follower.fetch.last.tiered.offset.enable": { type: "boolean" },
  "follower.replication.throttled.rate": { type: "long", min: 0 },
  "group.consumer.assignment.interval.ms": { type: "int", min: 0 },
  "group.consumer.assignor.offload.enable": { type: "boolean" },
  "group.coordinator.cached.buffer.max.bytes": { type: "int", min: 524288 },
  "group.share.assignment.interval.ms": { type: "int", min: 0 },
  "group.share.assignor.offload.enable": { type: "boolean" },
  "group.streams.assignment.interval.ms": { type: "int", min: 0 },
  "group.streams.assignor.offload.enable": { type: "boolean" },
  "leader.replication.throttled.rate": { type: "long", min: 0 },
  "listener.security.protocol.map": { type: "string", perBroker: true },
  "listeners": { type: "list", perBroker: true },
  "log.cleaner.backoff.ms": { type: "long", min: 0 },
  "log.cleaner.dedupe.buffer.size": { type: "long" },
  "log.cleaner.io.buffer.load.factor": { type: "double" },
  "log.cleaner.io.buffer.size": { type: "int", min: 0 },
  "log.cleaner.io.max.bytes.per.second": { type: "double" },
  "log.cleaner.threads": { type: "int", min: 0 },
  "max.connection.creation.rate": { type: "int", min: 0 },
  "max.connections": { type: "int", min: 0 },
  "max.connections.per.ip": { type: "int", min: 0 },
  "max.connections.per.ip.overrides": { type: "string" },
  "metric.reporters": { type: "list" },
  "num.io.threads": { type: "int", min: 1 },
  "num.network.threads": { type: "int", min: 1 },
  "num.recovery.threads.per.data.dir": { type: "int", min: 1 },
  "num.replica.fetchers": { type: "int", min: 1 },
  "principal.builder.class": { type: "string", perBroker: true },
  "producer.id.expiration.ms": { type: "int", min: 1 },
  "remote.fetch.max.wait.ms": { type: "int", min: 1 },
  "remote.list.offsets.request.timeout.ms": { type: "long", min: 1 },
  "remote.log.index.file.cache.total.size.bytes": { type: "long", min: 1 },
  "remote.log.manager.copier.thread.pool.size": { type: "int", min: 1 },
  "remote.log.manager.copy.max.bytes.per.second": { type: "long", min: 1 },
  "remote.log.manager.expiration.thread.pool.size": { type: "int", min: 1 },
  "remote.log.manager.fetch.max.bytes.per.second": { type: "long", min: 1 },
  "remote.log.manager.follower.thread.pool.size": { type: "int", min: 1 },
  "remote.log.reader.threads": { type: "int", min: 1 },
  "replica.alter.log.dirs.io.max.bytes.per.second": { type: "long", min: 0 },
  "share.coordinator.cached.buffer.max.bytes": { type: "int", min: 524288 },
  "transaction.partition.verification.enable": { type: "boolean" },
};
