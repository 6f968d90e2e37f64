/**
 * CleanerPositions: how far each log has been compacted, and whether a pass is at work on it.
 *
 * By log, not by name: a topic that is deleted and made again begins anew. A position above the log end, or one of
 * another topic id, would let tombstones go while the values they deleted stay.
 */
import type { PartitionLog } from "../log/partition_log.ts";

export class CleanerPositions {
  readonly #compactedTo = new WeakMap<PartitionLog, number>();
  readonly #compactingTo = new WeakMap<PartitionLog, number>();

  /** Everything below has been compacted; undefined when nothing has. */
  compactedTo(log: PartitionLog): number | undefined {
    return this.#compactedTo.get(log);
  }

  /** A pass may be joining segments below this, or was cut off while it did; undefined when none is. */
  compactingTo(log: PartitionLog): number | undefined {
    return this.#compactingTo.get(log);
  }

  set(log: PartitionLog, offset: number): void {
    this.#compactedTo.set(log, offset);
  }

  begin(log: PartitionLog, offset: number): void {
    this.#compactingTo.set(log, Math.max(offset, this.#compactingTo.get(log) ?? 0));
  }

  /** A pass came to its end. */
  end(log: PartitionLog): void {
    this.#compactingTo.delete(log);
  }
}
