/**
 * GroupOffsets: what a group has committed, by topic and partition. applyLogFact() in group.ts is the only writer.
 *
 * Offsets are bigint: whatever a client commits comes back, be it negative or beyond 2^53.
 */
import type { Uuid } from "../../bytes/uuid.ts";

export interface CommittedOffset {
  readonly offset: bigint;
  /** -1: unknown. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestampMs: number;
  /** When it ends, given with the commit by old clients (OffsetCommit v2–4); -1: by the broker's retention. */
  readonly expireTimestampMs: number;
  /** Of the topic it was committed for; ZERO_UUID in records of old brokers. */
  readonly topicId: Uuid;
}

export class GroupOffsets {
  readonly #topics = new Map<string, Map<number, CommittedOffset>>();
  #count = 0;
  /** Of all of them, in characters. */
  metadataLength = 0;

  /** Partitions with an offset. */
  get count(): number {
    return this.#count;
  }

  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.#topics.get(topic)?.get(partition);
  }

  topics(): Iterable<[topic: string, partitions: ReadonlyMap<number, CommittedOffset>]> {
    return this.#topics;
  }

  set(topic: string, partition: number, committed: CommittedOffset): void {
    let partitions = this.#topics.get(topic);
    if (partitions === undefined) this.#topics.set(topic, partitions = new Map());
    const before = partitions.get(partition);
    if (before === undefined) this.#count++;
    this.metadataLength += committed.metadata.length - (before?.metadata.length ?? 0);
    partitions.set(partition, committed);
  }

  delete(topic: string, partition: number): void {
    const partitions = this.#topics.get(topic), before = partitions?.get(partition);
    if (partitions === undefined || before === undefined) return;
    partitions.delete(partition);
    this.#count--;
    this.metadataLength -= before.metadata.length;
    if (partitions.size === 0) this.#topics.delete(topic);
  }
}
