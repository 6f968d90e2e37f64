/** partitionEnds: where many partitions begin and end, each with its own error: what one of them lacks hides no other. */
import { ErrorCode } from "../protocol/errors.ts";
import { ListOffsets } from "../protocol/messages/list_offsets.ts";
import type { Cluster } from "./cluster.ts";
import { KafkaError } from "./errors.ts";
import { byTopic } from "./group/partitions_by_topic.ts";
import type { TopicPartition } from "./list_offsets.ts";

export interface PartitionEnd extends TopicPartition {
  /** Of the first record, and the one after the last; null where `error` is the reason. */
  readonly start: number | null;
  readonly end: number | null;
  readonly error: KafkaError | null;
}

const PARTITIONS_A_REQUEST = 2000;
const LATEST = -1, EARLIEST = -2;

/**
 * In no order; each partition once. Leaders are taken from what is known of the topics, and nothing is tried again: throws
 * ConnectionError where a broker is not reached.
 */
export async function partitionEnds(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
): Promise<PartitionEnd[]> {
  const byLeader = new Map<number, TopicPartition[]>(), found: PartitionEnd[] = [];
  for (const one of partitions) {
    const leaderId = await leaderOf(cluster, one);
    if (leaderId instanceof KafkaError) {
      found.push({ ...one, start: null, end: null, error: leaderId });
    } else {
      const ofLeader = byLeader.get(leaderId);
      if (ofLeader === undefined) byLeader.set(leaderId, [one]);
      else ofLeader.push(one);
    }
  }
  const answers = await Promise.all([...byLeader].map(async ([leaderId, ofLeader]) => {
    const ends: PartitionEnd[] = [];
    for (let from = 0; from < ofLeader.length; from += PARTITIONS_A_REQUEST) {
      const asked = ofLeader.slice(from, from + PARTITIONS_A_REQUEST);
      const [starts, latest] = await Promise.all(
        [EARLIEST, LATEST].map((timestamp) => ask(cluster, leaderId, { asked, timestamp })),
      );
      for (const { topic, partition } of asked) {
        const name = `${topic}-${partition}`, start = starts.get(name), end = latest.get(name);
        const error = start instanceof KafkaError ? start : end instanceof KafkaError ? end : null;
        ends.push({
          topic,
          partition,
          start: typeof start === "number" ? start : null,
          end: typeof end === "number" ? end : null,
          error,
        });
      }
    }
    return ends;
  }));
  return [...found, ...answers.flat()];
}

async function leaderOf(
  cluster: Cluster,
  { topic, partition }: TopicPartition,
): Promise<number | KafkaError> {
  try {
    const found = (await cluster.topic(topic)).partitions[partition];
    const code = found === undefined
      ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      : ErrorCode.LEADER_NOT_AVAILABLE;
    return found !== undefined && found.leaderId >= 0
      ? found.leaderId
      : new KafkaError(code, `${topic}-${partition}`);
  } catch (error) {
    if (error instanceof KafkaError) return error;
    throw error;
  }
}

async function ask(
  cluster: Cluster,
  leaderId: number,
  { asked, timestamp }: { readonly asked: readonly TopicPartition[]; readonly timestamp: number },
): Promise<Map<string, number | KafkaError>> {
  const connection = await cluster.connectionTo(leaderId);
  const answer = await connection.request(ListOffsets, connection.versionFor(ListOffsets, 10), {
    replicaId: -1,
    isolationLevel: 0,
    topics: byTopic(asked).map(({ topic, partitions }) => ({
      name: topic,
      partitions: partitions.map((partitionIndex) => ({ partitionIndex, timestamp })),
    })),
    timeoutMs: 30_000,
  });
  return new Map(
    answer.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, errorCode, offset }): [string, number | KafkaError] => [
        `${name}-${partitionIndex}`,
        errorCode === 0 ? offset : new KafkaError(errorCode, `${name}-${partitionIndex}`),
      ])
    ),
  );
}
