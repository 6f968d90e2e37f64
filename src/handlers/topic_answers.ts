/**
 * What Metadata and DescribeTopicPartitions both say: who serves a partition, and what a client may do.
 */
import { ErrorCode } from "../protocol/errors.ts";
import type { Partition } from "../topics/catalogue.ts";
import type { NodeRegistry } from "../topics/node_registry.ts";

/**
 * Every operation a topic and the cluster have, as bits (bit = Kafka's AclOperation). Without an authorizer everyone
 * may do everything.
 */
export const TOPIC_OPERATIONS = 0b1101_1111_1000; // read … alter, describe, and both of configs: 3576
export const CLUSTER_OPERATIONS = 0b1_1111_1010_0000; // create, alter, describe, cluster action, configs, idempotent write: 8096
/** Not asked for. */
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
