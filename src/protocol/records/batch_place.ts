/**
 * BatchPlace: whether the batch at a place of a log is the one that belongs there. The checksum covers neither the base
 * offset nor the leader epoch nor the length, so the place has to say what they may be:
 *
 * - Without compaction a batch begins exactly where the last one ended. With it base offsets ascend.
 * - No batch reaches the base of the next segment, or beyond what a segment's indexes can point at.
 * - Leader epochs do not fall, and none is later than the log's.
 *
 * Recovery, reading, backups and what becomes state in memory judge by these rules alone. What is wrong is said so that it
 * can follow "the batch".
 */
import * as batch from "./batch.ts";
import { CompressionType } from "./compression.ts";

export interface Place {
  /** One past the last offset before it. */
  readonly nextOffset: number;
  /** Whether compaction may have taken what lay between. */
  readonly mayHaveGaps: boolean;
  /** No offset here reaches this one. */
  readonly endOffset: number;
}

/** Where the batches of a segment have to end. */
export function endOfSegment(baseOffset: number, nextBase: number | null): number {
  return Math.min(nextBase ?? Infinity, baseOffset + OFFSETS_OF_A_SEGMENT);
}

/** What is wrong with the header of the batch at `at`, which need not be whole; null when it may stand there. */
export function wrongHeader(bytes: Uint8Array, at: number, place: Place): string | null {
  if (batch.magic(bytes, at) !== batch.MAGIC_V2) {
    return `has magic ${batch.magic(bytes, at)}, needs ${batch.MAGIC_V2}`;
  }
  const base = batch.baseOffset(bytes, at), delta = batch.lastOffsetDelta(bytes, at);
  const { nextOffset, endOffset, mayHaveGaps } = place;
  if (mayHaveGaps ? base < nextOffset : base !== nextOffset) {
    return `has base offset ${base}, needs ${nextOffset}${mayHaveGaps ? " or more" : ""}`;
  }
  if (delta < 0) return `has last offset delta ${delta}, needs 0 or more`;
  return base + delta < endOffset
    ? null
    : `has last offset ${base + delta}, needs less than ${endOffset}`;
}

/** The same of a whole batch, with its checksum. */
export function wrongBatch(bytes: Uint8Array, at: number, place: Place): string | null {
  return wrongHeader(bytes, at, place) ?? wrongChecksum(bytes, at);
}

/** Of a whole batch. */
export function wrongChecksum(bytes: Uint8Array, at: number): string | null {
  return batch.isIntact(bytes, at) ? null : "does not match its checksum";
}

/** What is wrong with the leader epoch behind one of `least`, in a log whose latest is `most`. */
export function wrongEpoch(
  bytes: Uint8Array,
  at: number,
  { least, most }: { least: number; most: number },
): string | null {
  const epoch = batch.partitionLeaderEpoch(bytes, at);
  if (epoch < least) return `has leader epoch ${epoch}, after ${least}`;
  return epoch > most ? `has leader epoch ${epoch}, and the latest is ${most}` : null;
}

/** Whether what stands at `at` could be the header of a batch of any log, with an offset from `from` on. */
export function looksLikeBatch(bytes: Uint8Array, at: number, from: number): boolean {
  const delta = batch.lastOffsetDelta(bytes, at), count = batch.recordCount(bytes, at);
  if (batch.magic(bytes, at) !== batch.MAGIC_V2 || delta < 0) return false;
  if (count < 0 || count > delta + 1) return false;
  const attributes = batch.attributes(bytes, at);
  if (attributes < 0 || attributes > MAX_ATTRIBUTES) return false;
  if (batch.compression(bytes, at) > CompressionType.zstd) return false;
  const base = batch.baseOffset(bytes, at);
  return base >= from && base < from + OFFSETS_OF_A_SEGMENT;
}

/** Indexes hold offsets relative to the segment's base in 31 bits. */
const OFFSETS_OF_A_SEGMENT = 2 ** 31;
/** Bits 0 to 6. */
const MAX_ATTRIBUTES = 0x7f;
