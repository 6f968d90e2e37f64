/** Finding whole batches among bytes that were read from a segment. The bytes are trusted, or were checked. */
import {
  baseOffset,
  BATCH_OVERHEAD,
  lastOffset,
  magic,
  MAGIC_V2,
  sizeInBytes,
} from "../../protocol/records/batch.ts";

export interface ReadBounds {
  /** Bytes wanted at most. */
  readonly maxBytes: number;
  /** Batches that begin at or after this offset stay unread. */
  readonly endOffset: number;
  /** Whether the first batch is returned even when it alone is larger than maxBytes. */
  readonly minOneBatch: boolean;
}

/** Where the first batch begins that ends at or after `offset`; where the next one would when there is none. */
export function skipBefore(bytes: Uint8Array, length: number, offset: number): number {
  let at = 0;
  while (at + BATCH_OVERHEAD <= length && lastOffset(bytes, at) < offset) {
    const size = sizeInBytes(bytes, at);
    if (size < BATCH_OVERHEAD) return length;
    at += size;
  }
  return at;
}

/** Where the last batch begins that wholeBatches() took in; a second result without an object per read. */
export let lastBatchAt = 0;

/** Where the last batch ends that fits the bounds. */
export function wholeBatches(
  bytes: Uint8Array,
  start: number,
  length: number,
  bounds: ReadBounds,
): number {
  let end = start, last = start;
  while (end + BATCH_OVERHEAD <= length) {
    const size = sizeInBytes(bytes, end);
    if (size < BATCH_OVERHEAD || end + size > length) break;
    if (end + size - start > bounds.maxBytes && !(end === start && bounds.minOneBatch)) break;
    if (baseOffset(bytes, end) >= bounds.endOffset) break;
    last = end;
    end += size;
  }
  lastBatchAt = last;
  return end;
}

/**
 * Whether an index entry with this offset may point at the batch the bytes begin with. The entry has the last offset of
 * that batch; Kafka before 4.0 wrote one entry for all batches of an append, with the last offset of the last of them.
 */
export function isPointedAt(bytes: Uint8Array, length: number, entryOffset: number): boolean {
  if (length < BATCH_OVERHEAD || magic(bytes) !== MAGIC_V2) return false;
  for (let at = 0;;) {
    const last = lastOffset(bytes, at);
    if (last >= entryOffset) return last === entryOffset;
    const size = sizeInBytes(bytes, at);
    if (size < BATCH_OVERHEAD) return false;
    at += size;
    if (at + BATCH_OVERHEAD > length) return true; // what could be seen agrees
  }
}
