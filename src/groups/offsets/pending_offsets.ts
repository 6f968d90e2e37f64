/**
 * PendingOffsets: offsets committed in transactions that have not ended, by producer id. They count only once the
 * transaction's marker says so, and only where nothing later has been said of the partition by then: by a plain commit, or
 * by another transaction that ended first (OffsetMetadataManager.replayEndTransactionMarker). What was overtaken is
 * pending all the same, until the marker: require_stable waits for it. A tombstone takes what is pending with it.
 */
import type { OffsetCommitted } from "../group.ts";

export interface PendingOffset {
  readonly groupId: string;
  readonly fact: OffsetCommitted;
}

/** A partition of a topic. */
export interface OffsetPlace {
  readonly topic: string;
  readonly partition: number;
}

/** What open transactions may still change. */
export interface OpenOffsets {
  /** Whether one may change what the group has committed for the partition. */
  has(groupId: string, at: OffsetPlace): boolean;
  /** The partitions that the group has something pending for, each at least once. */
  of(groupId: string): OffsetPlace[];
}

export const NO_OPEN_OFFSETS: OpenOffsets = { has: () => false, of: () => [] };

interface Entry extends PendingOffset {
  /** The place of its record among all that were added. */
  readonly order: number;
  isOvertaken: boolean;
}

export class PendingOffsets implements OpenOffsets {
  readonly #byProducer = new Map<number, Map<string, Entry>>();
  /** How many are pending for a group. */
  readonly #counts = new Map<string, number>();
  #order = 0;
  #size = 0;
  /** Of all of them, in characters. */
  metadataLength = 0;

  /** How many are pending. */
  get count(): number {
    return this.#size;
  }

  add(producerId: number, { groupId, fact }: PendingOffset): void {
    let offsets = this.#byProducer.get(producerId);
    if (offsets === undefined) this.#byProducer.set(producerId, offsets = new Map());
    const key = keyOf(groupId, fact);
    const before = offsets.get(key);
    if (before === undefined) this.#count(groupId, 1);
    else this.#gone(before);
    this.metadataLength += fact.committed.metadata.length;
    offsets.set(key, { groupId, fact, order: ++this.#order, isOvertaken: false });
  }

  /** A plain commit of the partition is later than what is pending for it. */
  overtake(groupId: string, at: OffsetPlace): void {
    this.#overtake(keyOf(groupId, at), Infinity);
  }

  /** The offset was deleted, and whatever was to become of it. */
  drop(groupId: string, at: OffsetPlace): void {
    const key = keyOf(groupId, at);
    for (const offsets of this.#byProducer.values()) {
      const pending = offsets.get(key);
      if (pending === undefined) continue;
      offsets.delete(key);
      this.#count(groupId, -1);
      this.#gone(pending);
    }
  }

  has(groupId: string, at: OffsetPlace): boolean {
    if (!this.concerns(groupId)) return false;
    const key = keyOf(groupId, at);
    for (const offsets of this.#byProducer.values()) if (offsets.has(key)) return true;
    return false;
  }

  /** Whether an open transaction commits anything for the group. */
  concerns(groupId: string): boolean {
    return this.#counts.has(groupId);
  }

  of(groupId: string): OffsetPlace[] {
    if (!this.concerns(groupId)) return [];
    const places: OffsetPlace[] = [];
    for (const offsets of this.#byProducer.values()) {
      for (const pending of offsets.values()) {
        if (pending.groupId === groupId) places.push(pending.fact);
      }
    }
    return places;
  }

  clear(): void {
    this.#byProducer.clear();
    this.#counts.clear();
    this.#size = this.metadataLength = 0;
  }

  /** Ends the producer's transaction: its offsets, and which of them become true. */
  end(producerId: number, isCommit: boolean): (PendingOffset & { readonly isTrue: boolean })[] {
    const offsets = this.#byProducer.get(producerId);
    if (offsets === undefined) return [];
    this.#byProducer.delete(producerId);
    return Array.from(offsets, ([key, pending]) => {
      const { groupId, fact, order, isOvertaken } = pending;
      this.#count(groupId, -1);
      this.#gone(pending);
      const isTrue = isCommit && !isOvertaken;
      if (isTrue) this.#overtake(key, order);
      return { groupId, fact, isTrue };
    });
  }

  #overtake(key: string, order: number): void {
    for (const offsets of this.#byProducer.values()) {
      const pending = offsets.get(key);
      if (pending !== undefined && pending.order < order) pending.isOvertaken = true;
    }
  }

  #gone({ fact }: PendingOffset): void {
    this.metadataLength -= fact.committed.metadata.length;
  }

  #count(groupId: string, by: number): void {
    this.#size += by;
    const count = (this.#counts.get(groupId) ?? 0) + by;
    if (count === 0) this.#counts.delete(groupId);
    else this.#counts.set(groupId, count);
  }
}

function keyOf(groupId: string, { topic, partition }: OffsetPlace): string {
  return `${partition} ${topic} ${groupId}`; // topics have no spaces
}
