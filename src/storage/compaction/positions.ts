/**
 * CleanerPositions: how far each log has been compacted, and whether a pass is at work on it.
 *
 * By log, not by name: a topic that is deleted and made again begins anew. A position above the log end, or one of
 * another topic id, would let tombstones go while the values they deleted stay.
 */
import type { PartitionLog } from "../log/partition_log.ts";
import type { KnownLog } from "../recovery/known_log.ts";

export class CleanerPositions {
  readonly #compactedTo = new WeakMap<PartitionLog, number>();
  /** Of the pass at work. */
  readonly #passTo = new WeakMap<PartitionLog, number>();
  /** Of passes that did not come to their end, here, in an earlier run, or of another broker. */
  readonly #leftTo = new WeakMap<PartitionLog, number>();

  /** Everything below has been compacted; undefined when nothing has. */
  compactedTo(log: PartitionLog): number | undefined {
    return this.#compactedTo.get(log);
  }

  /**
   * A pass may be joining segments below this, or was cut off while it did; undefined when none is. What was cut off counts
   * until passes have come as far.
   */
  compactingTo(log: PartitionLog): number | undefined {
    const left = this.#leftTo.get(log) ?? 0, pass = this.#passTo.get(log);
    return left > (this.#compactedTo.get(log) ?? 0) ? Math.max(left, pass ?? 0) : pass;
  }

  /** Takes up what a log was opened with; in words what of it is forgotten, or null. */
  takeUp(
    log: PartitionLog,
    { record, isCompactionKnown }: Pick<KnownLog, "record" | "isCompactionKnown">,
  ): string | null {
    const { compactedTo = null, compactingTo = null } = record ?? {};
    if (compactingTo !== null) this.leave(log, compactingTo);
    // Somebody else may have compacted it, further than is written down: so the inventory says from now on.
    if (isCompactionKnown === false && log.mayHaveGaps) {
      this.leave(log, log.segments.at(-1)!.baseOffset);
    }
    if (compactedTo === null) return null;
    if (compactedTo <= log.logEndOffset) this.set(log, compactedTo);
    else this.leave(log, log.logEndOffset); // what is left of it has its gaps all the same
    return compactedTo <= log.logEndOffset
      ? null
      : `compacted up to ${compactedTo}, above the log end ${log.logEndOffset}: forgotten`;
  }

  set(log: PartitionLog, offset: number): void {
    this.#compactedTo.set(log, offset);
  }

  begin(log: PartitionLog, offset: number): void {
    const unended = this.#passTo.get(log);
    if (unended !== undefined) this.leave(log, unended);
    this.#passTo.set(log, offset);
  }

  /** A pass that is over may have joined segments below this, and said nothing of having ended. */
  leave(log: PartitionLog, offset: number): void {
    this.#leftTo.set(log, Math.max(offset, this.#leftTo.get(log) ?? 0));
  }

  /** A pass came to its end. */
  end(log: PartitionLog): void {
    this.#passTo.delete(log);
  }
}
