/**
 * Where a request's topic and partition lead: the log, or the error code Kafka gives when there is none here.
 */
import { type Uuid, ZERO_UUID } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { LogManager } from "../storage/log_manager.ts";
import { CorruptBatchError } from "../storage/segments/corrupt_batch_error.ts";
import { StoreError } from "../storage/store.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import type { Catalogue, Topic } from "../topics/catalogue.ts";
import type { NodeRegistry } from "../topics/node_registry.ts";

export interface PartitionLookup {
  readonly catalogue: Catalogue;
  readonly logs: Pick<LogManager, "get" | "offlineReason">;
  readonly nodes: NodeRegistry;
}

/** The topic by name, or by id in the versions that carry ids; the error code when it is unknown. */
export function findTopic(
  { catalogue }: PartitionLookup,
  name: string,
  id: Uuid,
): Topic | typeof ErrorCode.UNKNOWN_TOPIC_OR_PARTITION | typeof ErrorCode.UNKNOWN_TOPIC_ID {
  if (id !== ZERO_UUID) return catalogue.topicById(id) ?? ErrorCode.UNKNOWN_TOPIC_ID;
  return catalogue.topic(name) ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
}

/** The log of a partition that this node leads, or the error code. */
export function findLog(
  lookup: PartitionLookup,
  topic: Topic,
  index: number,
): PartitionLog | number {
  const partition = topic.partitions[index];
  if (partition === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  if (partition.leaderId !== lookup.nodes.selfId) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
  const log = lookup.logs.get(topic.id, index);
  if (log === undefined) {
    return lookup.logs.offlineReason(topic.id, index) !== null
      ? ErrorCode.KAFKA_STORAGE_ERROR
      : ErrorCode.NOT_LEADER_OR_FOLLOWER; // not taken up yet, or being recovered: clients try again
  }
  return log.offline === null ? log : ErrorCode.KAFKA_STORAGE_ERROR;
}

/** The error of a partition that could not be read; throws what is none of the store's, or of its bytes. */
export function readError(error: unknown): number {
  if (error instanceof CorruptBatchError) return ErrorCode.CORRUPT_MESSAGE; // the log has told the operator
  if (error instanceof StoreError) return ErrorCode.KAFKA_STORAGE_ERROR;
  throw error;
}

/** Checks the leader epoch a client believes in; -1 says it does not know one (KIP-320). */
export function epochError(log: PartitionLog, believed: number): number {
  if (believed === -1 || believed === log.leaderEpoch) return ErrorCode.NONE;
  return believed < log.leaderEpoch
    ? ErrorCode.FENCED_LEADER_EPOCH
    : ErrorCode.UNKNOWN_LEADER_EPOCH;
}
