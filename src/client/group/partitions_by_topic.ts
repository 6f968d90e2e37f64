/** Partitions, as messages have them: topics with the numbers of their partitions. */
import type { TopicPartition } from "../list_offsets.ts";

export interface OfTopic {
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** Topics in the order they come in. */
export function byTopic(partitions: readonly TopicPartition[]): OfTopic[] {
  return [...grouped(partitions)].map(([topic, some]) => ({
    topic,
    partitions: some.map(({ partition }) => partition),
  }));
}

export function flat(topics: readonly OfTopic[]): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition }))
  );
}

export function grouped<P extends TopicPartition>(partitions: readonly P[]): Map<string, P[]> {
  const topics = new Map<string, P[]>();
  for (const one of partitions) {
    const some = topics.get(one.topic);
    if (some === undefined) topics.set(one.topic, [one]);
    else some.push(one);
  }
  return topics;
}

export const nameOf = ({ topic, partition }: TopicPartition) => `${topic}-${partition}`;

/** Those of `some` that are not in `others`. */
export function without<P extends TopicPartition>(
  some: readonly P[],
  others: readonly TopicPartition[],
): P[] {
  const names = new Set(others.map(nameOf));
  return some.filter((one) => !names.has(nameOf(one)));
}
