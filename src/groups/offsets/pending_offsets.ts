/**
 * PendingOffsets: offsets committed in transactions that have not ended, by producer id. They count only once the
 * transaction's marker says so; a plain commit of the same partition in between makes them void, since it is later in
 * what the group did (OffsetMetadataManager.replayEndTransactionMarker).
 */
import type { OffsetCommitted } from "../group.ts";

export interface PendingOffset {
  readonly groupId: string;
  readonly fact: OffsetCommitted;
}

export class PendingOffsets {
  readonly #byProducer = new Map<number, Map<string, PendingOffset>>();

  get isEmpty(): boolean {
    return this.#byProducer.size === 0;
  }

  add(producerId: number, pending: PendingOffset): void {
    let offsets = this.#byProducer.get(producerId);
    if (offsets === undefined) this.#byProducer.set(producerId, offsets = new Map());
    offsets.set(keyOf(pending.groupId, pending.fact), pending);
  }

  /** A later word on the partition: what is pending for it will not count. */
  supersede(groupId: string, at: { readonly topic: string; readonly partition: number }): void {
    if (this.isEmpty) return;
    const key = keyOf(groupId, at);
    for (const offsets of this.#byProducer.values()) offsets.delete(key);
  }

  /** Whether an open transaction may still change what the group has committed for the partition. */
  has(groupId: string, at: { readonly topic: string; readonly partition: number }): boolean {
    if (this.isEmpty) return false;
    const key = keyOf(groupId, at);
    for (const offsets of this.#byProducer.values()) if (offsets.has(key)) return true;
    return false;
  }

  /** Whether an open transaction commits anything for the group: nothing of it expires meanwhile. */
  concerns(groupId: string): boolean {
    for (const offsets of this.#byProducer.values()) {
      for (const pending of offsets.values()) if (pending.groupId === groupId) return true;
    }
    return false;
  }

  clear(): void {
    this.#byProducer.clear();
  }

  /** Ends the producer's transaction; returns its offsets, which its commit makes true. */
  end(producerId: number): PendingOffset[] {
    const offsets = this.#byProducer.get(producerId);
    this.#byProducer.delete(producerId);
    return offsets === undefined ? [] : [...offsets.values()];
  }
}

function keyOf(
  groupId: string,
  { topic, partition }: { topic: string; partition: number },
): string {
  return `${partition} ${topic} ${groupId}`; // topics have no spaces
}
