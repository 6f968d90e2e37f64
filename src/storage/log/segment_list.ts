/** SegmentList: the segments of one log, in the order of their offsets. There is always one; the last is the active one. */
import type { ReadBounds, Segment } from "./segment.ts";

export class SegmentList {
  readonly #all: Segment[];
  #active: Segment;

  constructor(all: Segment[]) {
    this.#all = all;
    this.#active = all[all.length - 1];
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

  /** Whole batches of one segment from `from` on; null when there is nothing within the bounds. The memory is the pool's. */
  read(from: number, bounds: ReadBounds): Uint8Array | null {
    for (let i = this.at(from); from < bounds.endOffset && i < this.#all.length; i++) {
      const found = this.#all[i].read(from, bounds);
      if (found !== null) return found;
      if (i + 1 < this.#all.length) from = Math.max(from, this.#all[i + 1].baseOffset);
    }
    return null;
  }

  /** Another one behind all; it is active now. */
  add(segment: Segment): void {
    this.#all.push(segment);
    this.#active = segment;
  }

  /** Takes out the active one; the one before it is active again. */
  takeActive(): Segment {
    const taken = this.#all.pop()!;
    this.#active = this.#all[this.#all.length - 1];
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
    this.#all.splice(this.#all.indexOf(old[0]), old.length, by);
  }
}
