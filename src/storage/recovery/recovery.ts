/**
 * Recovery: what a partition's folder holds after whatever happened to it.
 *
 * After a clean stop the checkpoints are believed. Otherwise every batch from the recovery point on is checked
 * (magic, size, offsets, CRC) and the indexes of those segments are built anew. What is found wrong decides:
 *
 * | found | means | answer |
 * |---|---|---|
 * | bytes at the end of a segment that are no whole, valid batch | a write that a crash tore | cut them, and the segments behind |
 * | the same with valid batches behind it in the file, or below the recovery point | damage | keep the bytes, partition offline |
 *
 * Kafka cuts in both cases, because its replicas refill what was cut; a single node has nobody to ask. A segment that
 * was begun before the one in front of it had reached the device may survive a power loss that took the end of
 * that one: nothing in it was acknowledged by a sync, since a sync covers both, so it goes too, as with Kafka.
 */
import * as batch from "../../protocol/records/batch.ts";
import { Segment, type SegmentContext, segmentName } from "../log/segment.ts";
import { removeSegment, SEGMENT_FILES_AND_SNAPSHOT } from "../log/segment_files.ts";

/** What the scan of a folder came to. */
export interface Recovered {
  readonly logEndOffset: number;
  /** Base offsets of the segments that are left. */
  readonly bases: readonly number[];
  /** Bytes of a torn tail that were cut. */
  readonly cutBytes: number;
  /** Why the partition must not be served, or null. */
  readonly damage: string | null;
  /** Leader epochs seen, each with its first offset, ascending. */
  readonly epochs: readonly { epoch: number; startOffset: number }[];
  /** Base offset of the first segment checked that holds a control batch: from there on transactions are to be replayed. */
  readonly firstControlSegment: number | null;
}

/** Checks the segments from the recovery point on, cuts a torn tail, rebuilds their indexes. */
export function recoverLog(
  context: SegmentContext,
  bases: readonly number[],
  options: {
    recoveryPoint: number;
    logStartOffset: number;
    indexIntervalBytes: number;
    /** Whether compaction may have left gaps between segments. */
    mayHaveGaps: boolean;
    nowMs: number;
  },
): Recovered {
  let first = bases.length - 1;
  while (first > 0 && bases[first] > options.recoveryPoint) first--;
  let expected = bases[first] ?? options.logStartOffset;
  let cutBytes = 0;
  const epochs: { epoch: number; startOffset: number }[] = [];
  let count = bases.length, firstControlSegment: number | null = null;
  for (let i = Math.max(0, first); i < count; i++) {
    const segment = new Segment(context, bases[i], options.nowMs);
    if (isLeftAlone(segment, expected, options)) {
      segment.close();
      removeFrom(context, bases, count = i);
      break;
    }
    const found = recoverSegment(
      segment,
      Math.max(expected, bases[i]),
      options.indexIntervalBytes,
      epochs,
    );
    expected = found.nextOffset;
    if (found.hasControlBatch) firstControlSegment ??= bases[i];
    const torn = segment.size - found.validBytes;
    if (torn > 0) {
      const damage = damageOf(segment, found.validBytes, expected, options.recoveryPoint);
      if (damage) {
        segment.close();
        const where = `${context.folder}: the batch at position ${found.validBytes} of segment ${
          bases[i]
        }`;
        return {
          logEndOffset: expected,
          bases,
          cutBytes: 0,
          damage: `${where} is not valid and ${damage}`,
          epochs,
          firstControlSegment,
        };
      }
      segment.truncate(found.validBytes, expected);
      cutBytes += torn + removeFrom(context, bases.slice(0, count), i + 1);
      count = i + 1;
    }
    segment.flushIndexes(i + 1 < count);
    segment.close();
  }
  const damage = expected < options.recoveryPoint
    ? `${context.folder}: the log ends at offset ${expected}, but was synced up to ${options.recoveryPoint}`
    : null;
  return {
    logEndOffset: expected,
    bases: bases.slice(0, count),
    cutBytes,
    damage,
    epochs,
    firstControlSegment,
  };
}

/** An empty last segment behind a gap: a power loss took the end of the segment before it. */
function isLeftAlone(
  segment: Segment,
  expected: number,
  options: { recoveryPoint: number; mayHaveGaps: boolean },
): boolean {
  const { baseOffset, size } = segment;
  return size === 0 && baseOffset > expected && baseOffset > options.recoveryPoint &&
    !options.mayHaveGaps;
}

/** Removes the segments from the index `from` on; their bytes. */
function removeFrom(context: SegmentContext, bases: readonly number[], from: number): number {
  const { store, folder } = context;
  let bytes = 0;
  for (const base of bases.slice(from)) {
    const blob = store.open(`${folder}/${segmentName(base)}.log`);
    bytes += blob.size;
    blob.close();
    removeSegment(store, folder, base, { suffix: "", files: SEGMENT_FILES_AND_SNAPSHOT });
  }
  return bytes;
}

/** Walks one segment's valid batches and indexes them. */
function recoverSegment(
  segment: Segment,
  expected: number,
  indexIntervalBytes: number,
  epochs: { epoch: number; startOffset: number }[],
): { nextOffset: number; validBytes: number; hasControlBatch: boolean } {
  segment.clearIndexes();
  let validBytes = 0, hasControlBatch = false;
  for (const [bytes, position] of segment.scan()) {
    if (!isValidBatch(bytes, expected)) break;
    const summary = {
      baseOffset: batch.baseOffset(bytes),
      lastOffset: batch.lastOffset(bytes),
      maxTimestampMs: batch.maxTimestamp(bytes),
    };
    segment.reindex(summary, position, bytes.length, indexIntervalBytes);
    const epoch = batch.partitionLeaderEpoch(bytes);
    if (epoch >= 0 && (epochs.length === 0 || epochs[epochs.length - 1].epoch < epoch)) {
      epochs.push({ epoch, startOffset: summary.baseOffset });
    }
    hasControlBatch ||= batch.isControl(bytes);
    expected = summary.lastOffset + 1;
    validBytes = position + bytes.length;
  }
  return { nextOffset: expected, validBytes, hasControlBatch };
}

/** Offsets never go back, though compaction may leave gaps. */
export function isValidBatch(bytes: Uint8Array, expected: number): boolean {
  return batch.magic(bytes) === batch.MAGIC_V2 &&
    batch.baseOffset(bytes) >= expected &&
    batch.lastOffsetDelta(bytes) >= 0 &&
    batch.isIntact(bytes);
}

/** Why an invalid stretch is more than a torn tail, or null when it is just that. */
function damageOf(
  segment: Segment,
  position: number,
  nextOffset: number,
  recoveryPoint: number,
): string | null {
  if (nextOffset < recoveryPoint) return `lies below the recovery point ${recoveryPoint}`;
  const tail = new Uint8Array(Math.min(segment.size - position, SEARCH_BYTES));
  segment.log.read(position, tail);
  for (let at = 1; at + batch.BATCH_OVERHEAD <= tail.length; at++) {
    if (tail[at + MAGIC_AT] !== batch.MAGIC_V2) continue;
    const size = batch.sizeInBytes(tail, at);
    if (size < batch.BATCH_OVERHEAD || at + size > tail.length) continue;
    if (isValidBatch(tail.subarray(at, at + size), nextOffset)) {
      return `a valid batch with offset ${batch.baseOffset(tail, at)} lies behind it`;
    }
  }
  return null;
}

const MAGIC_AT = 16;

/** How far behind an invalid batch a valid one is looked for: far more than a crash leaves unsynced. */
const SEARCH_BYTES = 64 << 20;
