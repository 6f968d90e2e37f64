/**
 * What to compact: how dirty a log is, how far it may be compacted, and which segments become one (Kafka's
 * LogCleanerManager and Cleaner.groupSegmentsBySize).
 *
 *     log start ≤ … clean … ≤ first dirty offset ≤ … dirty … ≤ first uncleanable offset ≤ log end
 *
 * Uncleanable are the active segment, what lies beyond the last stable offset or is not synced yet (a sealed segment is
 * soon), and segments with a record younger than min.compaction.lag.ms. All bounds but the first dirty offset are
 * bounds of segments.
 */
import type { PartitionLog } from "../log/partition_log.ts";
import type { Segment } from "../segments/segment.ts";

/** A log that is dirty enough. */
export interface Cleanable {
  readonly log: PartitionLog;
  readonly firstDirtyOffset: number;
  readonly firstUncleanableOffset: number;
  /** Dirty bytes by all bytes below the first uncleanable offset. */
  readonly dirtyRatio: number;
}

/** What there is to compact in a log of which everything below `cleanedTo` has been; null when it is not due. */
export function cleanableOf(
  log: PartitionLog,
  cleanedTo: number | undefined,
  nowMs: number,
): Cleanable | null {
  const { config, segments } = log;
  if (log.offline !== null || !config["cleanup.policy"].includes("compact")) return null;
  const isValid = cleanedTo !== undefined && cleanedTo >= log.logStartOffset &&
    cleanedTo <= log.logEndOffset;
  const firstDirtyOffset = isValid ? cleanedTo : log.logStartOffset;
  const firstDirty = indexOf(segments, firstDirtyOffset);
  // The active segment is the cheap bound, and the ratio can only fall below it: most logs end here.
  if (!isDue(log, firstDirty, segments.length - 1, nowMs)) return null;
  const firstUncleanable = firstUncleanableIndex(log, firstDirty, nowMs);
  if (!isDue(log, firstDirty, firstUncleanable, nowMs)) return null;
  return {
    log,
    firstDirtyOffset,
    firstUncleanableOffset: segments[firstUncleanable].baseOffset,
    dirtyRatio: dirtyRatio(segments, firstDirty, firstUncleanable),
  };
}

/** Neighbours that together fit one segment, and its indexes, as Kafka's groups. */
export function groupSegments(
  segments: readonly Segment[],
  limits: { segmentBytes: number; indexBytes: number; firstUncleanableOffset: number },
): Segment[][] {
  const groups: Segment[][] = [];
  let group: Segment[] = [], bytes = 0, indexBytes = 0;
  for (const [i, segment] of segments.entries()) {
    const size = segment.size, indexSize = segment.timeIndex.entryCount * 12;
    const nextOffset = segments[i + 1]?.baseOffset ?? limits.firstUncleanableOffset;
    const fits = group.length > 0 && bytes + size <= limits.segmentBytes &&
      indexBytes + indexSize <= limits.indexBytes &&
      (size === 0 || nextOffset - 1 - group[0].baseOffset <= MAX_INT32);
    if (!fits) {
      groups.push(group = []);
      bytes = indexBytes = 0;
    }
    group.push(segment);
    bytes += size;
    indexBytes += indexSize;
  }
  return groups;
}

const MAX_INT32 = 2 ** 31 - 1;

function isDue(log: PartitionLog, from: number, to: number, nowMs: number): boolean {
  const ratio = dirtyRatio(log.segments, from, to);
  return ratio > log.config["min.cleanable.dirty.ratio"] || ratio > 0 && isTooOld(log, from, nowMs);
}

/** Whether a dirty record has waited for longer than max.compaction.lag.ms. */
function isTooOld(log: PartitionLog, firstDirty: number, nowMs: number): boolean {
  const before = nowMs - log.config["max.compaction.lag.ms"];
  if (before <= 0) return false;
  for (let i = firstDirty; i + 1 < log.segments.length; i++) {
    const segment = log.segments[i];
    if (segment.largestTimestampMs < 0) continue; // also learns the first one
    if (segment.firstTimestampMs !== null && segment.firstTimestampMs < before) return true;
  }
  return false;
}

function dirtyRatio(segments: readonly Segment[], firstDirty: number, end: number): number {
  let clean = 0, dirty = 0;
  for (let i = 0; i < end; i++) {
    if (i < firstDirty) clean += segments[i].size;
    else dirty += segments[i].size;
  }
  return dirty === 0 ? 0 : dirty / (clean + dirty);
}

function firstUncleanableIndex(log: PartitionLog, firstDirty: number, nowMs: number): number {
  const { segments } = log;
  const bound = Math.min(log.lastStableOffset, log.recoveryPoint);
  const lagMs = log.config["min.compaction.lag.ms"];
  let i = firstDirty;
  while (i + 1 < segments.length && segments[i + 1].baseOffset <= bound) {
    if (lagMs > 0 && segments[i].largestTimestampMs > nowMs - lagMs) break;
    i++;
  }
  return i;
}

/** The segment that holds `offset`. */
function indexOf(segments: readonly Segment[], offset: number): number {
  let i = segments.length - 1;
  while (i > 0 && segments[i].baseOffset > offset) i--;
  return i;
}
