/**
 * LogWalk: the batches of one partition's segments, one after the other, each checked. The same walk judges what is
 * copied and what lies in a backup.
 *
 * A batch must match its checksum and begin where the last one ended. Only compaction leaves gaps: it takes records out
 * and leaves offsets as they are. A segment without a gap therefore holds every record that was written to it.
 */
import { createHash } from "node:crypto";
import * as batch from "../protocol/records/batch.ts";
import { wrongBatch } from "../protocol/records/batch_place.ts";

export interface Readable {
  readonly size: number;
  read(position: number, into: Uint8Array): number;
}

/** What a segment held, up to the end of the backup. */
export interface WalkedSegment {
  /** Whole batches below the end: what of the file is part of the backup. */
  readonly bytes: number;
  /** Of those bytes, hexadecimal. */
  readonly sha256: string;
  readonly batches: number;
  /** The offset after the last batch; where the segment before ended when there is none. */
  readonly endOffset: number;
  /** The first offsets that are not there, "from to" with `to` excluded; null when all are. */
  readonly gap: readonly [number, number] | null;
  /** Where and why the walk ended early; null when it did not. */
  readonly damage: Damage | null;
}

export interface Damage {
  readonly position: number;
  /** "the batch with offset 42 does not match its checksum" */
  readonly what: string;
}

export interface WalkLimits {
  /** Where the first batch should begin: the end of the segment before. */
  readonly nextOffset: number;
  /** The walk of the last segment ends where a batch does at it; no batch reaches beyond. */
  readonly endOffset: number;
  /** Where the next segment begins; Infinity for the last. */
  readonly nextBase: number;
}

/** The segments of a log in their order, from where the log starts up to where the backup ends. */
export class LogWalk {
  readonly #startOffset: number;
  readonly #endOffset: number;
  #next: number | null = null;

  constructor({ startOffset, endOffset }: { startOffset: number; endOffset: number }) {
    this.#startOffset = startOffset;
    this.#endOffset = endOffset;
  }

  /** Where the log ends as far as it was walked; null when it was not. */
  get reached(): number | null {
    return this.#next;
  }

  segment(file: Readable, baseOffset: number, nextBase: number): WalkedSegment {
    // The first one may begin below the log start, and holds what lies there still.
    const due = this.#next ?? Math.min(baseOffset, this.#startOffset);
    const walked = walkSegment(file, {
      nextOffset: Math.max(due, baseOffset),
      endOffset: this.#endOffset,
      nextBase,
    });
    // What follows damage is judged by itself.
    const isCut = walked.damage !== null && nextBase !== Infinity;
    this.#next = isCut ? nextBase : walked.endOffset;
    return due < baseOffset ? { ...walked, gap: [due, baseOffset] } : walked;
  }
}

function walkSegment(file: Readable, limits: WalkLimits): WalkedSegment {
  const hash = createHash("sha256");
  let bytes = 0, batches = 0, next = limits.nextOffset;
  const isLast = limits.nextBase === Infinity;
  const limit = Math.min(limits.nextBase, limits.endOffset);
  let gap: readonly [number, number] | null = null, damage: Damage | null = null;
  for (const [found, position] of batchesOf(file)) {
    if (next === limits.endOffset && isLast) break; // what follows is not part of the backup
    const base = batch.baseOffset(found), end = batch.lastOffset(found) + 1;
    const problem = wrongBatch(found, 0, { nextOffset: next, mayHaveGaps: true, endOffset: limit });
    if (problem !== null) {
      damage = { position, what: `the batch with offset ${base} ${problem}` };
      break;
    }
    if (base > next) gap ??= [next, base];
    else if (batch.recordCount(found) !== end - base) gap ??= [base, end];
    hash.update(found);
    bytes = position + found.length;
    next = end;
    batches++;
  }
  // Behind the end of the backup a batch may be half written; below it all bytes are batches.
  const isPast = isLast && next === limits.endOffset;
  if (damage === null && !isPast && bytes < file.size) {
    damage = { position: bytes, what: `${file.size - bytes} bytes are no whole batch` };
  }
  return { bytes, sha256: hash.digest("hex"), batches, endOffset: next, gap, damage };
}

/** Each whole batch with its position; ends at the first that is not whole. The bytes die with the next step. */
export function* batchesOf(file: Readable): Generator<[Uint8Array, number]> {
  let buffer = new Uint8Array(CHUNK_BYTES);
  for (let position = 0; position + batch.BATCH_OVERHEAD <= file.size;) {
    const read = file.read(position, buffer);
    let at = 0, next = 0;
    while (at + batch.BATCH_OVERHEAD <= read) {
      next = batch.sizeInBytes(buffer, at);
      if (next < batch.BATCH_OVERHEAD || at + next > read) break;
      yield [buffer.subarray(at, at + next), position + at];
      at += next;
    }
    if (at > 0) position += at;
    else {
      // A damaged length must not make us allocate a whole segment.
      if (next <= read || position + next > file.size || next > MAX_BATCH_BYTES) return;
      buffer = new Uint8Array(next);
    }
  }
}

/** The files' bytes up to `bytes`, piece by piece; fewer when the file is shorter. */
export function* chunksOf(file: Readable, bytes: number): Generator<Uint8Array> {
  const buffer = new Uint8Array(Math.min(bytes, CHUNK_BYTES));
  for (let position = 0; position < bytes;) {
    const n = file.read(position, buffer.subarray(0, Math.min(buffer.length, bytes - position)));
    if (n === 0) return;
    yield buffer.subarray(0, n);
    position += n;
  }
}

export function sha256Of(file: Readable, bytes: number): string {
  const hash = createHash("sha256");
  for (const chunk of chunksOf(file, bytes)) hash.update(chunk);
  return hash.digest("hex");
}

const CHUNK_BYTES = 1 << 20;
/** Larger than any batch a broker takes. */
const MAX_BATCH_BYTES = 256 << 20;
