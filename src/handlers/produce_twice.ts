/**
 * A Produce request that names a partition more than once, as Kafka takes it: its last batch is appended and the
 * partition answered once. A batch among them that is none decides the answer, which does not keep the other from being
 * appended (KafkaApis.handleProduceRequest gathers both by partition).
 */
import { type Uuid, ZERO_UUID } from "../bytes/uuid.ts";
import { checkFrame, type RefusedRecords } from "../protocol/records/validate.ts";

export interface TopicData {
  readonly name: string;
  readonly topicId: Uuid;
  readonly partitionData: readonly PartitionData[];
}

export interface PartitionData {
  readonly index: number;
  readonly records: Uint8Array | null;
  /** Answered in place of what becomes of the records. */
  readonly misframed?: Pick<RefusedRecords, "errorCode" | "errorMessage">;
}

/** Whether a topic, or a partition within one, stands in the request twice. Allocates nothing while there are few. */
export function namesTwice(topics: readonly TopicData[]): boolean {
  return hasTwice(topics, sameTopic, keyOf) ||
    topics.some(({ partitionData }) => hasTwice(partitionData, sameIndex, ({ index }) => index));
}

/** Every partition once, in the order in which they come first. */
export function eachOnce(topics: readonly TopicData[], apiVersion: number): TopicData[] {
  const merged = new Map<string, { topic: TopicData; partitions: Map<number, PartitionData> }>();
  for (const topic of topics) {
    const key = keyOf(topic), partitions = merged.get(key)?.partitions ?? new Map();
    merged.set(key, { topic, partitions });
    for (const { index, records } of topic.partitionData) {
      const before: PartitionData | undefined = partitions.get(index);
      const fault = checkFrame(records, apiVersion);
      const misframed = fault ?? before?.misframed;
      partitions.set(index, {
        index,
        records: fault === null || before === undefined ? records : before.records,
        ...misframed && {
          misframed: { errorCode: misframed.errorCode, errorMessage: misframed.errorMessage },
        },
      });
    }
  }
  return Array.from(merged.values(), ({ topic: { name, topicId }, partitions }) => ({
    name,
    topicId,
    partitionData: [...partitions.values()],
  }));
}

const FEW = 16;

function hasTwice<T>(
  all: readonly T[],
  isSame: (a: T, b: T) => boolean,
  keyOf: (one: T) => unknown,
): boolean {
  if (all.length > FEW) return new Set(all.map(keyOf)).size < all.length;
  for (let i = 1; i < all.length; i++) {
    for (let j = 0; j < i; j++) if (isSame(all[i], all[j])) return true;
  }
  return false;
}

function sameTopic(a: TopicData, b: TopicData): boolean {
  return a.topicId === b.topicId && a.name === b.name;
}

function sameIndex(a: PartitionData, b: PartitionData): boolean {
  return a.index === b.index;
}

function keyOf({ name, topicId }: TopicData): string {
  return topicId === ZERO_UUID ? name : topicId;
}
