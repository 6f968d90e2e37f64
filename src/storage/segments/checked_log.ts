/**
 * CheckedLog: a segment's `.log` as it is read: whole batches, none of which leaves before it was found sound, each
 * checked once (checked_range.ts). What is not sound is told of once and thrown.
 */
import {
  baseOffset,
  BATCH_OVERHEAD,
  lastOffset,
  sizeInBytes,
} from "../../protocol/records/batch.ts";
import type { Blob } from "../store.ts";
import {
  type BatchRules,
  CheckedRange,
  faultOf,
  headerFaultOf,
  step,
  type Walk,
} from "./checked_range.ts";
import { isPointedAt } from "./batch_window.ts";
import { CorruptBatchError } from "./corrupt_batch_error.ts";

/** The segment. */
export interface CheckedSource extends BatchRules {
  readonly folder: string;
  readonly log: Blob;
  onProblem(event: string, details: Record<string, unknown>): void;
}

export class CheckedLog {
  readonly range = new CheckedRange();
  /** What check() found last. */
  fault = NO_FAULT;
  readonly #source: CheckedSource;
  /** Where damage was reported. */
  #reported: Set<number> | null = null;

  constructor(source: CheckedSource) {
    this.#source = source;
  }

  /**
   * As scan(), but nothing leaves that is not sound: throws CorruptBatchError instead. `always` checks what this process
   * appended or checked before, too, all of which must be there: for who writes it elsewhere under a new checksum.
   */
  *intact(
    position = 0,
    pieceBytes = SCAN_BYTES,
    always = false,
  ): Generator<[Uint8Array, number]> {
    const end = this.#source.log.size, walk = this.walkFrom(position, -1);
    let reached = position;
    for (
      const each of this.scan(position, end, pieceBytes, (at, size) => {
        const fault = !always && at >= this.range.trustedFrom ? null : this.#sizeFault(at, size);
        if (fault !== null) throw this.corrupt(at, walk.offset, fault);
      })
    ) {
      const [bytes, at] = each;
      if (always || !this.range.covers(at, at + bytes.length)) {
        const fault = faultOf(bytes, 0, walk, this.#source);
        if (fault !== null) throw this.corrupt(at, walk.offset, fault);
        if (this.#source.mayHaveGaps) this.#mustBeFollowed(at, at + bytes.length, walk.offset);
        this.range.add(at, at + bytes.length, walk);
      } else step(bytes, 0, walk);
      reached = at + bytes.length;
      yield each;
    }
    if (reached < end && (always || reached < this.range.trustedFrom)) {
      throw this.corrupt(reached, walk.offset, "no whole batch begins there");
    }
  }

  /** Every batch from `position` on, as (bytes, position) pairs, unchecked; for who judges them (recovery, verify). The bytes die with the next step. */
  *scan(
    position = 0,
    end = this.#source.log.size,
    pieceBytes = SCAN_BYTES,
    mayRead: (position: number, size: number) => void = () => {},
  ): Generator<[Uint8Array, number]> {
    let buffer = new Uint8Array(Math.max(0, Math.min(pieceBytes, end - position)));
    while (position + BATCH_OVERHEAD <= end) {
      const read = this.#source.log.read(
        position,
        buffer.subarray(0, Math.min(buffer.length, end - position)),
      );
      let at = 0;
      while (at + BATCH_OVERHEAD <= read) {
        const size = sizeInBytes(buffer, at);
        if (size < BATCH_OVERHEAD || at + size > read) break;
        yield [buffer.subarray(at, at + size), position + at];
        at += size;
      }
      if (at > 0) position += at;
      else {
        const size = sizeInBytes(buffer, 0);
        if (size <= buffer.length || position + size > end) return; // torn: recovery's business
        mayRead(position, size);
        buffer = new Uint8Array(size);
      }
    }
  }

  /** What is known of the batch at `position` before it is read. */
  walkFrom(position: number, expectedOffset: number): Walk {
    const walk = { offset: position === 0 ? this.#source.baseOffset : expectedOffset, epoch: -1 };
    this.range.expect(position, walk);
    return walk;
  }

  /**
   * Checks the whole batches among `length` bytes from `position` for a read of `offset`; how many bytes may be given,
   * 0 when the first batch is cut off, or -1: then `fault` says why. What is sound before damage is given, and damage
   * that lies wholly before the offset is passed where the batches on both sides prove that it does.
   */
  check(window: Uint8Array, length: number, position: number, walk: Walk, offset: number): number {
    let from = this.range.uncheckedFrom(position) - position, at = from;
    if (at > 0) this.range.expect(position + at, walk);
    let gap: { at: number; offset: number; epoch: number } | null = null;
    while (at + BATCH_OVERHEAD <= length) {
      if (position + at >= this.range.trustedFrom) return length;
      const size = sizeInBytes(window, at), next = position + at + size;
      const isPlausible = size >= BATCH_OVERHEAD && next <= this.#source.log.size;
      const isWhole = isPlausible && at + size <= length;
      const { offset: expected, epoch } = walk;
      if (isPlausible && !isWhole && at > 0) break;
      const reason = isWhole
        ? faultOf(window, at, walk, this.#source)
        : isPlausible
        ? headerFaultOf(window, at, walk, this.#source) ??
          this.#nextFault(next, lastOffset(window, at) + 1)
        : `its size is ${size}`;
      if (reason !== null) {
        if (gap !== null && this.#nextFault(position + at, walk.offset) !== null) {
          at = gap.at; // of two batches that contradict each other the one behind a gap may be the wrong one
          walk.offset = gap.offset;
          walk.epoch = gap.epoch;
          this.range.add(position + from, position + at, walk);
          if (at > 0 && walk.offset > offset) return at;
          this.fault = { position: position + at, offset: walk.offset, reason };
          return -1;
        }
        this.range.add(position + from, position + at, walk);
        if (at > 0 && walk.offset > offset) return at;
        this.fault = { position: position + at, offset: walk.offset, reason };
        if (!isWhole || !this.#liesBefore(offset, window, at, next, walk)) return -1;
        this.thrown();
        step(window, at, walk);
        from = at + size;
      }
      if (!isWhole) break;
      const isBehindGap = this.#source.mayHaveGaps && baseOffset(window, at) !== expected;
      gap = isBehindGap ? { at, offset: expected, epoch } : null;
      at += size;
    }
    if (this.#source.mayHaveGaps && at > from) {
      const reason = this.#nextFault(position + at, walk.offset);
      this.fault = { position: position + at, offset: walk.offset, reason: reason ?? "" };
      if (reason !== null) return -1;
    }
    this.range.add(position + from, position + at, walk);
    return at;
  }

  /** Whether the index entry with `entryOffset` leads to a sound batch at `position`. Reports nothing. */
  isEntrySound(position: number, entryOffset: number): boolean {
    const { log } = this.#source;
    const read = log.read(position, header);
    if (read < BATCH_OVERHEAD && position >= this.range.trustedFrom) return true; // not written yet
    if (!isPointedAt(header, read, entryOffset)) return false;
    const size = sizeInBytes(header), end = position + size;
    if (size < BATCH_OVERHEAD || end > log.size || this.#sizeFault(position, size)) {
      return position >= this.range.trustedFrom; // written, but not all of it yet
    }
    if (this.range.covers(position, end)) return true;
    const bytes = new Uint8Array(size), walk = this.walkFrom(position, -1);
    log.read(position, bytes);
    return faultOf(bytes, 0, walk, this.#source) === null;
  }

  /** Whether a damaged batch cannot be the one that is looked for: its header fits those on both sides. */
  #liesBefore(offset: number, b: Uint8Array, at: number, next: number, walk: Walk): boolean {
    return !this.#source.mayHaveGaps && lastOffset(b, at) < offset && walk.offset >= 0 &&
      headerFaultOf(b, at, walk, this.#source) === null &&
      this.#source.log.size > next && this.#nextFault(next, lastOffset(b, at) + 1) === null;
  }

  /** Whether a batch larger than what was read of it may be so large: the memory for it is not taken on its word alone. */
  #sizeFault(position: number, size: number): string | null {
    if (this.#source.log.read(position, header) < BATCH_OVERHEAD) return null;
    return this.#nextFault(position + size, lastOffset(header) + 1);
  }

  /** Where gaps are legal a base offset may be too high: the batch behind tells. */
  #mustBeFollowed(position: number, nextPosition: number, offset: number): void {
    const fault = this.#nextFault(nextPosition, offset);
    if (fault !== null) throw this.corrupt(position, offset, fault);
  }

  /** What is wrong with where the batch at `position` begins, behind one that ends before `offset`, or with that one. */
  #nextFault(position: number, offset: number): string | null {
    if (this.#source.log.read(position, header) < BATCH_OVERHEAD) return null;
    const base = baseOffset(header);
    const isFitting = this.#source.mayHaveGaps ? base >= offset : base === offset;
    return isFitting ? null : `the one behind it begins at ${base}, needs ${offset}`;
  }

  /** Reports what check() found, and is what to throw. */
  thrown(): CorruptBatchError {
    return this.corrupt(this.fault.position, this.fault.offset, this.fault.reason);
  }

  /** Reports damage, the first time it is met at this position. */
  corrupt(position: number, offset: number, reason: string): CorruptBatchError {
    const { folder, baseOffset: segment } = this.#source;
    const at = Math.max(offset, segment);
    const reported = this.#reported ??= new Set();
    if (!reported.has(position) && reported.size < MAX_REPORTS) {
      reported.add(position);
      this.#source.onProblem("corrupt_batch", { folder, segment, position, offset: at, reason });
    }
    return new CorruptBatchError(
      `Cannot read the batch at position ${position} of segment ${segment} of ${folder}: ${reason}`,
      at,
    );
  }
}

const NO_FAULT = { position: 0, offset: 0, reason: "" };
const SCAN_BYTES = 1 << 18;
const MAX_REPORTS = 64;
const header = new Uint8Array(BATCH_OVERHEAD);
