/**
 * The offsets of a commit, plain or in a transaction: those of partitions that there are, and the answer to all of them. A
 * topic or partition that does not exist is refused by itself (3, by id 100). Null metadata is kept as "".
 */
import { type Uuid, ZERO_UUID } from "../bytes/uuid.ts";
import type { OffsetToCommit } from "../groups/offsets/offset_machine.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { Catalogue, Topic } from "../topics/catalogue.ts";

/** As both requests have it. */
interface TopicOffsets {
  readonly name: string;
  readonly topicId: Uuid;
  readonly partitions: readonly PartitionOffset[];
}

interface PartitionOffset {
  readonly partitionIndex: number;
  readonly committedOffset: bigint;
  readonly committedLeaderEpoch: number;
  readonly committedMetadata: string | null;
}

interface TopicAnswer {
  readonly name: string;
  readonly topicId: Uuid;
  readonly partitions: { readonly partitionIndex: number; readonly errorCode: number }[];
}

/** Either may be: an offset's place among those that go on, or why it does not. */
type Plan = { readonly at: number } | { readonly errorCode: number };

export interface OffsetsToCommit {
  readonly offsets: readonly OffsetToCommit[];
  /** The answer to the whole request, from an error code for each of the offsets. */
  readonly answer: (errorCodes: readonly number[]) => TopicAnswer[];
}

export function offsetsToCommit(
  catalogue: Catalogue,
  topics: readonly TopicOffsets[],
  byId: boolean,
): OffsetsToCommit {
  const offsets: OffsetToCommit[] = [];
  const plans = topics.map(({ name, topicId, partitions }) => {
    const topic = byId ? topicById(catalogue, topicId) : catalogue.topic(name);
    return partitions.map((partition) => planOne(topic, partition, { offsets, byId }));
  });
  const answer = (errorCodes: readonly number[]) =>
    topics.map(({ name, topicId, partitions }, t) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }, p) => {
        const plan = plans[t][p];
        return { partitionIndex, errorCode: "at" in plan ? errorCodes[plan.at] : plan.errorCode };
      }),
    }));
  return { offsets, answer };
}

function topicById(catalogue: Catalogue, topicId: Uuid): Topic | undefined {
  return topicId === ZERO_UUID ? undefined : catalogue.topicById(topicId);
}

function planOne(
  topic: Topic | undefined,
  { partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata }: PartitionOffset,
  { offsets, byId }: { offsets: OffsetToCommit[]; byId: boolean },
): Plan {
  if (topic === undefined && byId) return { errorCode: ErrorCode.UNKNOWN_TOPIC_ID };
  if (topic?.partitions[partitionIndex] === undefined) {
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION };
  }
  const at = offsets.push({
    topic: topic.name,
    topicId: topic.id,
    partition: partitionIndex,
    offset: committedOffset,
    leaderEpoch: committedLeaderEpoch,
    metadata: committedMetadata ?? "",
  }) - 1;
  return { at };
}
