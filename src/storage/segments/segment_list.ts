/** SegmentList: the segments of one log, in the order of their offsets. There is always one; the last is the active one. */
import type { CorruptBatchError } from "./corrupt_batch_error.ts";
import type { ReadBounds, Segment } from "./segment.ts";

export class SegmentList {
  readonly #all: Segment[];
  #active: Segment;

  constructor(all: Segment[]) {
    this.#all = all;
    this.#active = all[all.length - 1];
    for (let i = 1; i < all.length; i++) all[i - 1].limitOffset = all[i].baseOffset;
  }

  get all(): readonly Segment[] {
    return this.#all;
  }

  /** The one that batches are appended to. */
  get active(): Segment {
    return this.#active;
  }

  /** Bytes of all of them. */
  get bytes(): number {
    let bytes = 0;
    for (const segment of this.#all) bytes += segment.size;
    return bytes;
  }

  /** Index of the one that holds `offset`. */
  at(offset: number): number {
    let low = 0, high = this.#all.length - 1;
    while (low < high) {
      const middle = low + high + 1 >> 1;
      if (this.#all[middle].baseOffset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /**
   * Whole batches of one segment from `from` on; null when there is nothing within the bounds. The memory is the pool's.
   * Throws CorruptBatchError where what lies there is not sound, or nothing lies where something must.
   */
  read(from: number, bounds: ReadBounds): Uint8Array | null {
    for (let i = this.at(from); from < bounds.endOffset && i < this.#all.length; i++) {
      const segment = this.#all[i];
      if (from < segment.baseOffset && !segment.mayHaveGaps) throw missing(segment, from);
      const found = segment.read(from, bounds);
      if (found !== null) return found;
      // There is more, but not within the bounds.
      if (!segment.reachedEnd || segment.endOffset > from) return null;
      if (i + 1 < this.#all.length) from = Math.max(from, meet(segment, this.#all[i + 1]));
      else if (!segment.mayHaveGaps) throw missing(segment, from);
    }
    return null;
  }

  /** Another one behind all; it is active now. */
  add(segment: Segment): void {
    this.#active.limitOffset = segment.baseOffset;
    this.#all.push(segment);
    this.#active = segment;
  }

  /** Takes out the active one; the one before it is active again. */
  takeActive(): Segment {
    const taken = this.#all.pop()!;
    this.#active = this.#all[this.#all.length - 1];
    this.#active.limitOffset = Infinity;
    return taken;
  }

  /** Takes out those that lie wholly before `offset`. */
  takeBefore(offset: number): Segment[] {
    let count = 0;
    while (count + 1 < this.#all.length && this.#all[count + 1].baseOffset <= offset) count++;
    return this.#all.splice(0, count);
  }

  /** Whether these are in the list, one after the other. */
  holds(segments: readonly Segment[]): boolean {
    const at = this.#all.indexOf(segments[0]);
    return segments.every((segment, i) => this.#all[at + i] === segment);
  }

  /** Puts `by` in the place of sealed segments that the list holds. */
  replace(old: readonly Segment[], by: Segment): void {
    by.limitOffset = old[old.length - 1].limitOffset;
    this.#all.splice(this.#all.indexOf(old[0]), old.length, by);
  }
}

/**
 * Where the next segment begins, which is where this one ends, unless compaction has been there. A segment that was cut
 * short, emptied or removed shows here, and only here.
 */
export function meet(segment: Segment, next: Segment): number {
  const { endOffset, mayHaveGaps } = segment;
  if (endOffset !== next.baseOffset && !(mayHaveGaps && endOffset < next.baseOffset)) {
    throw segment.corrupt(endOffset, `the next segment begins at ${next.baseOffset}`);
  }
  return next.baseOffset;
}

/** That the last segment ends where the log does: asked where what is missing would change the answer. */
export function mustEndAt(segments: readonly Segment[], logEndOffset: number): void {
  const last = segments.at(-1);
  if (last === undefined || last.mayHaveGaps || last.endOffset === logEndOffset) return;
  throw last.corrupt(last.endOffset, `the log goes on to ${logEndOffset}`);
}

function missing(segment: Segment, offset: number): CorruptBatchError {
  return segment.corrupt(offset, `there is nothing at offset ${offset}`);
}
