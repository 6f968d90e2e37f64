/** Log directories: how many bytes each replica takes on its broker's disk (DescribeLogDirs, KIP-113). */
import { DescribeLogDirs } from "../protocol/messages/describe_log_dirs.ts";
import type { CallOptions } from "./call.ts";
import type { Cluster } from "./cluster.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { check } from "./errors.ts";
import type { TopicPartition } from "./list_offsets.ts";

/** A partition's copy on one broker. */
export interface ReplicaSize extends TopicPartition {
  readonly nodeId: number;
  /** Of its log, with what is on its way to being deleted not counted. */
  readonly bytes: number;
}

/** Of every replica on every broker; none of a broker that shows them only to who may describe the cluster. */
export async function logDirs(cluster: Cluster, call: CallOptions = {}): Promise<ReplicaSize[]> {
  return await cluster.retry(async () => {
    const found: ReplicaSize[] = [];
    for (const { id } of await cluster.nodes()) found.push(...await replicasOf(cluster, id));
    return found;
  }, call);
}

async function replicasOf(cluster: Cluster, nodeId: number): Promise<ReplicaSize[]> {
  const connection = await cluster.connectionTo(nodeId);
  const version = connection.versionFor(DescribeLogDirs);
  const response = await connection.request(DescribeLogDirs, version, { topics: null });
  if (response.errorCode === ErrorCode.CLUSTER_AUTHORIZATION_FAILED) return [];
  check(response.errorCode ?? 0, `log directories of broker ${nodeId}`);
  return response.results.flatMap(({ topics }) =>
    topics.flatMap(({ name: topic, partitions }) =>
      partitions.map(({ partitionIndex: partition, partitionSize }) => ({
        topic,
        partition,
        nodeId,
        bytes: Number(partitionSize),
      }))
    )
  );
}
