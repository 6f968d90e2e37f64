/**
 * locate: which broker leads each partition of a consumer, by what is known of the topics, or is asked for once a topic.
 */
import { ErrorCode } from "../protocol/errors.ts";
import type { AssignedPartition } from "./assigned_partition.ts";
import type { Cluster, Topic } from "./cluster.ts";
import { KafkaError } from "./errors.ts";

/** A partition that has a leader. */
export interface Located {
  readonly assigned: AssignedPartition;
  readonly topic: Topic;
  readonly nodeId: number;
}

/** Those that have a leader; `onFailed` is told of the others, with the reason. Never rejects. */
export async function locate(
  cluster: Cluster,
  partitions: readonly AssignedPartition[],
  onFailed: (error: unknown, partitions: AssignedPartition[]) => void,
): Promise<Located[]> {
  const byTopic = new Map<string, AssignedPartition[]>();
  for (const assigned of partitions) {
    const others = byTopic.get(assigned.topic);
    if (others === undefined) byTopic.set(assigned.topic, [assigned]);
    else others.push(assigned);
  }
  const located: Located[] = [];
  await Promise.all([...byTopic].map(async ([name, ofTopic]) => {
    let topic: Topic;
    try {
      topic = await cluster.topic(name);
    } catch (error) {
      return onFailed(error, ofTopic);
    }
    for (const assigned of ofTopic) {
      const nodeId = topic.partitions[assigned.partition]?.leaderId;
      if (nodeId !== undefined && nodeId >= 0) located.push({ assigned, topic, nodeId });
      else onFailed(new KafkaError(reasonOf(nodeId), `partition ${assigned.name}`), [assigned]);
    }
  }));
  return located;
}

function reasonOf(leaderId: number | undefined): ErrorCode {
  return leaderId === undefined
    ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    : ErrorCode.LEADER_NOT_AVAILABLE;
}
