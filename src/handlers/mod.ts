/**
 * The handlers: every API that is served, in the order of their keys. ApiVersions derives from this list, and
 * docs/compatibility.md from the handlers' own declarations.
 */
import type { BufferPool } from "../bytes/pool.ts";
import type { Background } from "../background/background.ts";
import { Paced } from "../background/paced.ts";
import type { Turn } from "../background/turn.ts";
import { validateLater } from "../background/validate_later.ts";
import type { Clock, Timers } from "../clock.ts";
import type { Config } from "../config/options.ts";
import { countAdmissions } from "../metrics/admissions.ts";
import { errorName } from "../protocol/errors.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { GroupCoordinator } from "../groups/coordinator.ts";
import type { Patterns } from "../groups/consumer/patterns.ts";
import type { Authorizer } from "../security/acl/authorizer.ts";
import type { DelegationTokens } from "../security/tokens/delegation_tokens.ts";
import type { LogManager } from "../storage/log_manager.ts";
import { finalizedFeatures, GROUP_VERSION } from "../topics/features.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import type { NodeRegistry } from "../topics/node_registry.ts";
import type { MarkerWriter } from "../transactions/marker_writer.ts";
import { GetTelemetrySubscriptions } from "../protocol/messages/get_telemetry_subscriptions.ts";
import { PushTelemetry } from "../protocol/messages/push_telemetry.ts";
import type { TransactionCoordinator } from "../transactions/coordinator.ts";
import { addOffsetsToTxn } from "./add_offsets_to_txn.ts";
import { addPartitionsToTxn } from "./add_partitions_to_txn.ts";
import { alterClientQuotas } from "./alter_client_quotas.ts";
import { alterConfigs } from "./alter_configs.ts";
import { alterPartitionReassignments } from "./alter_partition_reassignments.ts";
import { alterReplicaLogDirs } from "./alter_replica_log_dirs.ts";
import { alterUserScramCredentials } from "./alter_user_scram_credentials.ts";
import { apiVersions } from "./api_versions.ts";
import { ClientTelemetry } from "./client_telemetry.ts";
import { consumerGroupDescribe } from "./consumer_group_describe.ts";
import { consumerGroupHeartbeat } from "./consumer_group_heartbeat.ts";
import { createAcls } from "./create_acls.ts";
import { createDelegationToken } from "./create_delegation_token.ts";
import { createPartitions } from "./create_partitions.ts";
import { createTopics } from "./create_topics.ts";
import { deleteAcls } from "./delete_acls.ts";
import { deleteGroups } from "./delete_groups.ts";
import { deleteRecords } from "./delete_records.ts";
import { deleteTopics } from "./delete_topics.ts";
import { describeAcls } from "./describe_acls.ts";
import { describeClientQuotas } from "./describe_client_quotas.ts";
import { describeCluster } from "./describe_cluster.ts";
import { describeConfigs } from "./describe_configs.ts";
import { describeDelegationToken } from "./describe_delegation_token.ts";
import { describeGroups } from "./describe_groups.ts";
import { describeLogDirs } from "./describe_log_dirs.ts";
import { describeProducers } from "./describe_producers.ts";
import { describeQuorum } from "./describe_quorum.ts";
import { describeTopicPartitions } from "./describe_topic_partitions.ts";
import { describeUserScramCredentials } from "./describe_user_scram_credentials.ts";
import { describeTransactions } from "./describe_transactions.ts";
import { endpointFor } from "./endpoints.ts";
import { electLeaders } from "./elect_leaders.ts";
import { endTxn } from "./end_txn.ts";
import { expireDelegationToken } from "./expire_delegation_token.ts";
import { fetch } from "./fetch.ts";
import type { FetchSessions } from "./fetch_sessions.ts";
import { findCoordinator } from "./find_coordinator.ts";
import { getTelemetrySubscriptions } from "./get_telemetry_subscriptions.ts";
import { withGuards } from "./guard.ts";
import { allGuards } from "./guards/mod.ts";
import type { Handler } from "./handler.ts";
import { heartbeat } from "./heartbeat.ts";
import { incrementalAlterConfigs } from "./incremental_alter_configs.ts";
import { initProducerId } from "./init_producer_id.ts";
import { joinGroup } from "./join_group.ts";
import { leaveGroup } from "./leave_group.ts";
import { listGroups } from "./list_groups.ts";
import { listConfigResources } from "./list_config_resources.ts";
import { listOffsets } from "./list_offsets.ts";
import { listPartitionReassignments } from "./list_partition_reassignments.ts";
import { listTransactions } from "./list_transactions.ts";
import { LongAnswers } from "./long_answers.ts";
import { metadata as metadataHandler } from "./metadata.ts";
import { OffsetAdmission } from "./offset_admission.ts";
import { offsetCommit } from "./offset_commit.ts";
import { offsetDelete } from "./offset_delete.ts";
import { offsetFetch } from "./offset_fetch.ts";
import { offsetForLeaderEpoch } from "./offset_for_leader_epoch.ts";
import type { Placed } from "./placed.ts";
import { produce } from "./produce.ts";
import { type AdmissionOptions, ProduceAdmission } from "./produce_admission.ts";
import { pushTelemetry } from "./push_telemetry.ts";
import { renewDelegationToken } from "./renew_delegation_token.ts";
import { saslAuthenticate } from "./sasl_authenticate.ts";
import { saslHandshake } from "./sasl_handshake.ts";
import { syncGroup } from "./sync_group.ts";
import { txnOffsetCommit } from "./txn_offset_commit.ts";
import { unregisterBroker } from "./unregister_broker.ts";
import { updateFeatures } from "./update_features.ts";
import { writeTxnMarkers } from "./write_txn_markers.ts";

/** What the broker has for its handlers. */
export interface Services {
  readonly config: Config;
  /** Null: everybody may everything, and there are no ACLs to tell of. */
  readonly authorizer: Authorizer | null;
  /** Null: there are none, and nobody gets any. */
  readonly tokens: DelegationTokens | null;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly turn: Turn;
  /** Where batches that decompress to much are checked. */
  readonly decoding: Background;
  readonly pool: BufferPool;
  readonly metrics: Metrics;
  readonly metadata: MetadataStore;
  readonly nodes: NodeRegistry;
  readonly logs: LogManager;
  readonly placed: Placed;
  readonly sessions: FetchSessions;
  readonly groups: GroupCoordinator;
  readonly transactions: TransactionCoordinator;
  /** For producers without a transactional id; null when there is none for now. */
  readonly newProducerId: () => Promise<number | null>;
  readonly patterns: Patterns;
  readonly markers: MarkerWriter;
  /** How the transaction coordinator admits what is written in transactions. */
  readonly admission: Pick<
    AdmissionOptions,
    "gate" | "isVerifying"
  >;
  /** The data directory, absolute. */
  readonly logDir: string;
  readonly freeBytes: () => number;
}

/** An answer that says much of many things takes no more of the memory for requests and answers than one in so many. */
const ANSWER_SHARE = 8;
const TELEMETRY_APIS: readonly number[] = [GetTelemetrySubscriptions.key, PushTelemetry.key];
/** Clients that push metrics, as many as Kafka remembers. */
const TELEMETRY_MAX_INSTANCES = 16_384;

export function allHandlers(services: Services): readonly Handler[] {
  const {
    config,
    authorizer,
    clock,
    pool,
    metrics,
    metadata,
    nodes,
    logs,
    placed,
    sessions,
    groups,
    transactions,
  } = services;
  const { catalogue } = metadata;
  const lookup = { catalogue, logs, nodes };
  const nodeId = nodes.selfId, endpoint = endpointFor(config, nodes);
  const limits = {
    numPartitions: config.numPartitions,
    maxPartitions: config.limits.maxPartitions,
  };
  const admission = { ...services.admission, clock, onAnswered: countAdmissions(metrics) };
  const paced = new Paced(services);
  const maxAnswerBytes = config.limits.maxBufferedBytes / ANSWER_SHARE;
  const answers = new LongAnswers({ turn: services.turn, maxBytes: maxAnswerBytes });
  const tokenServices = {
    metadata,
    tokens: services.tokens,
    clock,
    turn: services.turn,
    settings: config.delegationToken,
  };
  const meter = (topic: string) => metrics.topic(topic);
  const telemetry = new ClientTelemetry({
    metadata,
    clock,
    maxInstances: TELEMETRY_MAX_INSTANCES,
    onGone: (instanceId) => metrics.clients.forget(instanceId),
  });
  const hasConsumerGroups = () => (catalogue.features.get(GROUP_VERSION) ?? 0) > 0;
  metrics.clients.forgetGone = () => telemetry.forgetGone();
  const handlers: readonly Handler[] = [
    produce({
      ...lookup,
      clock,
      maxBatchBytes: config.batching.maxBatchSize,
      maxBatchRecords: config.batching.maxBatchMessages,
      maxDecompressedBytes: config.limits.maxDecompressedBytes,
      compressionLevel: config.performance.compressionLevel,
      validateLater: validateLater(services.decoding),
      turn: services.turn,
      admission: new ProduceAdmission(admission),
      meter,
      onError: (errorCode, from, topic) => {
        metrics.produceError(errorCode);
        metrics.refusals.note({
          kind: "produce_failed",
          reason: errorName(errorCode),
          what: topic,
          address: from?.connection.peer,
          principal: from?.connection.principal,
          clientId: from?.clientId,
        });
      },
    }),
    fetch({
      ...lookup,
      sessions,
      clock,
      timers: services.timers,
      pool,
      maxFetchBytes: config.limits.maxFetchBytes,
      meter,
      turn: services.turn,
    }),
    listOffsets({
      ...lookup,
      paced,
      answers,
      maxDecompressedBytes: config.limits.maxDecompressedBytes,
    }),
    metadataHandler({
      metadata,
      nodes,
      endpointFor: endpoint,
      autoCreateTopics: config.autoCreateTopics,
      answers,
      ...limits,
    }),
    offsetCommit({ groups, catalogue }),
    offsetFetch({ groups, catalogue, answers }),
    findCoordinator({
      groups,
      transactions,
      catalogue,
      nodes,
      endpointFor: endpoint,
      answers,
    }),
    joinGroup(groups),
    heartbeat(groups),
    leaveGroup(groups),
    syncGroup(groups),
    describeGroups(groups, answers),
    listGroups(groups),
    saslHandshake(),
    apiVersions({
      handlers: () => handlers,
      // As a Kafka without a reporter of client metrics: librdkafka tells its user of pushes it is not to make.
      isOffered: (apiKey) =>
        !TELEMETRY_APIS.includes(apiKey) || config.metrics.offerPush || telemetry.isWanted,
      features: () => ({ finalized: finalizedFeatures(metadata), epoch: metadata.version }),
      clusterId: nodes.clusterId,
      nodeId,
    }),
    createTopics({ metadata, placed, nodeId, staticConfigs: config.topicSet, answers, ...limits }),
    deleteTopics({ metadata }),
    deleteRecords(lookup),
    initProducerId({ transactions, newProducerId: services.newProducerId }),
    offsetForLeaderEpoch(lookup),
    addPartitionsToTxn({ transactions, catalogue, answers }),
    addOffsetsToTxn({ transactions, groups }),
    endTxn(transactions),
    writeTxnMarkers(services.markers, answers),
    txnOffsetCommit({
      groups,
      catalogue,
      admission: new OffsetAdmission({ ...lookup, ...admission }),
    }),
    describeAcls({ authorizer }),
    createAcls({ authorizer, metadata, maxAcls: config.authorization.maxAcls }),
    deleteAcls({ authorizer, metadata }),
    describeConfigs({ metadata, nodeId, config, answers }),
    alterConfigs({ metadata, nodeId, config }),
    alterReplicaLogDirs({ catalogue, logDir: services.logDir, answers }),
    describeLogDirs({ ...lookup, logDir: services.logDir, freeBytes: services.freeBytes }),
    deleteGroups(groups, answers),
    saslAuthenticate(),
    createPartitions({ metadata, placed, ...limits }),
    createDelegationToken(tokenServices),
    renewDelegationToken(tokenServices),
    expireDelegationToken(tokenServices),
    describeDelegationToken(tokenServices, answers),
    electLeaders({ catalogue }),
    incrementalAlterConfigs({ metadata, nodeId, config }),
    alterPartitionReassignments({ catalogue }),
    listPartitionReassignments({ catalogue }),
    offsetDelete({ groups, catalogue }),
    describeClientQuotas({ catalogue }),
    alterClientQuotas({ metadata }),
    describeUserScramCredentials({ catalogue, answers }),
    alterUserScramCredentials({ metadata }),
    describeQuorum({ metadata, nodeId, clock, endpointFor: endpoint }),
    updateFeatures({ metadata, nodeId }),
    describeCluster({ nodes, endpointFor: endpoint }),
    describeProducers(lookup, answers),
    unregisterBroker({ metadata, nodeId }),
    describeTransactions(transactions, answers),
    listTransactions({ transactions, patterns: services.patterns, clock }),
    getTelemetrySubscriptions({ telemetry, maxBytes: config.metrics.maxPushBytes }),
    pushTelemetry({
      telemetry,
      metrics: metrics.clients,
      maxBytes: config.metrics.maxPushBytes,
      maxPoints: config.metrics.maxClientSeries,
      paced,
    }),
    consumerGroupHeartbeat(groups, { patterns: services.patterns, isServed: hasConsumerGroups }),
    consumerGroupDescribe(groups, { answers, isServed: hasConsumerGroups }),
    listConfigResources({ catalogue }),
    describeTopicPartitions({ catalogue, nodes }),
  ];
  return withGuards(handlers, allGuards(catalogue));
}
