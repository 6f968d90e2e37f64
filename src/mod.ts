/**
 * Runnel in your own process: a broker that listens for every Kafka client, and a small client of its own.
 *
 * ```ts
 * import { Broker, Consumer, Producer } from "runnel";
 *
 * await using broker = await Broker.start(); // in memory, on any free port
 * await using producer = new Producer({ bootstrap: broker.address, allowAutoTopicCreation: true });
 * await producer.send({ topic: "greetings", value: "hello" });
 * using consumer = new Consumer({ bootstrap: broker.address }, { autoOffsetReset: "earliest" });
 * consumer.assign([{ topic: "greetings", partition: 0 }]);
 * for (const record of await consumer.poll(1000)) console.log(record.offset, record.value);
 * ```
 *
 * What belongs together goes into a transaction: readers with `isolation: "readCommitted"` see all of it or nothing.
 *
 * ```ts
 * await using copier = new TransactionalProducer({ bootstrap: broker.address }, { transactionalId: "copier" });
 * await copier.init(); // once; fences an earlier one
 * copier.begin();
 * copier.send({ topic: "greetings", value: "hello again" });
 * await copier.sendOffsets("readers", [{ topic: "greetings", partition: 0, offset: 1 }]);
 * await copier.commit(); // TransactionError with kind "abort": abort() and begin anew
 * ```
 */
export { Broker, type BrokerClock, type BrokerOptions } from "./broker/embedded/broker.ts";
export type {
  ErrorName,
  Fault,
  FaultRule,
  Faults,
  LastingFault,
} from "./broker/embedded/faults.ts";
export { ConfigError } from "./config/load.ts";
export type { Config } from "./config/options.ts";
export {
  Admin,
  type ChangeOptions,
  type ClusterDescription,
  type ConfigEntry,
  type ConfigResource,
  type ConfigSource,
  type NewTopic,
} from "./client/admin.ts";
export type { Acl, AclFilter } from "./client/admin_acls.ts";
export type { Quota, QuotaEntity } from "./client/admin_quotas.ts";
export type { ScramCredential, ScramMechanism } from "./client/admin_users.ts";
export type { CallOptions, SignalOptions } from "./client/call.ts";
export {
  Cluster,
  type ClusterOptions,
  type Node,
  type Partition,
  type Topic,
} from "./client/cluster.ts";
export type { Committable } from "./client/committable.ts";
export type { SaslOptions } from "./client/sasl.ts";
export type { TlsOptions } from "./client/connection.ts";
export { Consumer } from "./client/consumer.ts";
export {
  type CommittedOffset,
  type ConsumerOptions,
  type ConsumerRecord,
  type FetchOptions,
  type GroupOptions,
  type RebalanceListener,
  type Subscription,
  SubscriptionPattern,
} from "./client/consumer_options.ts";
export {
  ConnectionError,
  KafkaError,
  TransactionError,
  type TransactionErrorKind,
  WakeupError,
} from "./client/errors.ts";
export type {
  Assignments,
  Assignor,
  AssignorName,
  MemberSubscription,
} from "./client/group/assignors/assignor.ts";
export type { Committed, GroupDescription, GroupListing, GroupMember } from "./client/groups.ts";
export type { ReplicaSize } from "./client/log_dirs.ts";
export type {
  TransactionDescription,
  TransactionFilters,
  TransactionListing,
} from "./client/transactions.ts";
export type {
  FoundOffset,
  Isolation,
  ListOffsetsOptions,
  OffsetAt,
  TopicPartition,
} from "./client/list_offsets.ts";
export type { Partitioner } from "./client/partitioner.ts";
export {
  type Delivery,
  Producer,
  type ProducerOptions,
  type ProducerRecord,
  type Receiver,
} from "./client/producer.ts";
export {
  type GroupMetadata,
  type OffsetToCommit,
  TransactionalProducer,
  type TransactionalProducerOptions,
} from "./client/transactional_producer.ts";
export { ErrorCode } from "./protocol/errors.ts";
