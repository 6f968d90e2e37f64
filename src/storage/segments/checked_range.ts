/**
 * CheckedRange: which of a segment's bytes are known to be what they should be, and what makes a batch so.
 *
 * What this process appended is trusted: it was checked when it came. What lay there before is checked when it is
 * first read; one contiguous stretch of it is remembered, which is all that a consumer reading on and on needs.
 *
 *     0 ......... from ======== to ......... trustedFrom ========>
 */
import * as batch from "../../protocol/records/batch.ts";
import { wrongChecksum, wrongEpoch, wrongHeader } from "../../protocol/records/batch_place.ts";

/** What the batch before leads one to expect of the next; -1 where that is not known. */
export interface Walk {
  offset: number;
  epoch: number;
}

/** What holds for all batches of a segment. */
export interface BatchRules {
  /** No batch begins before. */
  readonly baseOffset: number;
  /** Where the next segment begins: no batch reaches there. */
  readonly limitOffset: number;
  /** Whether compaction may have left gaps. Otherwise a batch begins where the one before ended. */
  readonly mayHaveGaps: boolean;
  readonly maxLeaderEpoch: number;
}

export class CheckedRange {
  #trustedFrom = Infinity;
  #appendedFrom = Infinity;
  #from = 0;
  #to = 0;
  readonly #end: Walk = { offset: -1, epoch: -1 };

  /** Where the bytes begin that this process appended. */
  get appendedFrom(): number {
    return this.#appendedFrom;
  }

  /** Where the bytes begin that are trusted to the end: those, and what was checked right before them. */
  get trustedFrom(): number {
    return this.#trustedFrom;
  }

  covers(from: number, to: number): boolean {
    return from >= this.#trustedFrom || from >= this.#from && to <= this.#to;
  }

  /** The first position from `position` on that is not known to be checked: itself or the end of the checked stretch. */
  uncheckedFrom(position: number): number {
    return position >= this.#from && position < this.#to ? this.#to : position;
  }

  /** What to expect of a batch at `position`. */
  expect(position: number, walk: Walk): void {
    if (position !== this.#to || this.#to === this.#from) return;
    walk.offset = this.#end.offset;
    walk.epoch = this.#end.epoch;
  }

  /** Everything from `position` on is about to be appended. */
  trust(position: number): void {
    if (position >= this.#trustedFrom) return;
    this.#trustedFrom = this.#appendedFrom = position;
    this.#join();
  }

  /** Whole batches from `from` to `to` were found sound; `end` is what they lead to. */
  add(from: number, to: number, end: Walk): void {
    if (to <= from || from >= this.#trustedFrom) return;
    const touches = from <= this.#to && to >= this.#from && this.#to > this.#from;
    if (touches && to <= this.#to) {
      this.#from = Math.min(this.#from, from);
      return;
    }
    this.#from = touches ? Math.min(this.#from, from) : from;
    this.#to = to;
    this.#end.offset = end.offset;
    this.#end.epoch = end.epoch;
    this.#join();
  }

  /** The bytes from `position` on are gone. */
  cut(position: number): void {
    this.#trustedFrom = Math.min(this.#trustedFrom, position);
    this.#appendedFrom = Math.min(this.#appendedFrom, position);
    if (this.#to > position) this.#from = this.#to = 0;
  }

  /** What was checked up to where trust begins extends it. */
  #join(): void {
    if (this.#to > this.#from && this.#to >= this.#trustedFrom) {
      this.#trustedFrom = Math.min(this.#trustedFrom, this.#from);
    }
  }
}

/** What is wrong with the whole batch at `at`, or null; then `walk` is what to expect of the next. */
export function faultOf(b: Uint8Array, at: number, walk: Walk, rules: BatchRules): string | null {
  const fault = headerFaultOf(b, at, walk, rules);
  if (fault !== null) return fault;
  const wrong = wrongChecksum(b, at);
  if (wrong !== null) return `it ${wrong}`;
  step(b, at, walk);
  return null;
}

/** Passes a batch that is known to be sound. */
export function step(b: Uint8Array, at: number, walk: Walk): void {
  walk.offset = batch.lastOffset(b, at) + 1;
  walk.epoch = batch.partitionLeaderEpoch(b, at);
}

/** What the checksum does not cover, and what need not be computed. */
export function headerFaultOf(
  b: Uint8Array,
  at: number,
  walk: Walk,
  rules: BatchRules,
): string | null {
  const isKnown = walk.offset >= 0;
  const wrong = wrongHeader(b, at, {
    nextOffset: isKnown ? walk.offset : rules.baseOffset,
    mayHaveGaps: rules.mayHaveGaps || !isKnown,
    endOffset: rules.limitOffset,
  }) ?? wrongEpoch(b, at, { least: walk.epoch, most: rules.maxLeaderEpoch });
  return wrong === null ? null : `it ${wrong}`;
}
