/**
 * What Metadata and DescribeTopicPartitions both say: who serves a partition, and what a client may do.
 */
import { ErrorCode } from "../protocol/errors.ts";
import type { Partition } from "../topics/catalogue.ts";
import type { NodeRegistry } from "../topics/node_registry.ts";

/** Of the operations that are allowed: not asked for. */
export const NO_OPERATIONS = -2147483648;

/** The fields of one partition. */
export function partitionAnswer(partition: Partition, nodes: NodeRegistry) {
  const isOffline = (id: number) => nodes.node(id)?.isFenced !== false;
  const hasLeader = partition.leaderId >= 0 && !isOffline(partition.leaderId);
  return {
    errorCode: hasLeader ? ErrorCode.NONE : ErrorCode.LEADER_NOT_AVAILABLE,
    partitionIndex: partition.index,
    leaderId: hasLeader ? partition.leaderId : -1,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: partition.replicas,
    isrNodes: partition.isr,
    offlineReplicas: partition.replicas.filter(isOffline),
  };
}
