/**
 * What the offset and time index of a segment are held against: the log. An index that disagrees with it is made anew,
 * whole, as Kafka's LogSegment.recover does; what it is made from is checked batch by batch.
 */
import * as batch from "../../protocol/records/batch.ts";
import { CorruptBatchError } from "./corrupt_batch_error.ts";
import type { Segment } from "./segment.ts";

/**
 * Whether a time index entry says what the log says: the batch that holds its offset is the first with its timestamp,
 * and none since the entry before it has a later one. Kafka wrote the record's own offset before it wrote the batch's last.
 */
function isTimeEntrySound(segment: Segment, entry: number): boolean {
  if (segment.isFresh) return true; // this process wrote it
  const { timeIndex } = segment;
  timeIndex.load();
  if (timeIndex.damage !== null || entry >= timeIndex.entryCount) return false;
  const timestampMs = timeIndex.timestampOf(entry), offset = timeIndex.offsetOf(entry);
  const from = entry === 0 ? segment.baseOffset : timeIndex.offsetOf(entry - 1);
  const position = entry === 0 ? 0 : segment.positionOf(from);
  for (const [bytes] of segment.intact(position)) {
    const lastOffset = batch.lastOffset(bytes);
    if (lastOffset < from) continue;
    const latestMs = batch.maxTimestamp(bytes);
    if (latestMs === timestampMs) return batch.baseOffset(bytes) <= offset && offset <= lastOffset;
    if (latestMs > timestampMs || lastOffset >= offset) return false;
  }
  return false;
}

/** The position to search for `timestampMs` from: every record before is older. */
export function positionOfTime(segment: Segment, timestampMs: number): number {
  const { timeIndex } = segment;
  const entry = timeIndex.entryBefore(timestampMs);
  if (timeIndex.damage === null) {
    if (entry < 0) return 0;
    if (isTimeEntrySound(segment, entry)) return segment.positionOf(timeIndex.offsetOf(entry));
  }
  segment.rebuildIndexes(timeIndex.path, timeIndex.damage ?? disagrees(entry));
  return positionOfTime(segment, timestampMs);
}

/** Where a batch begins, near before a position of the log: as far back as the index has an entry. */
export function startBefore(segment: Segment, position: number): number {
  const offset = segment.offsetIndex.offsetBefore(position);
  if (offset < 0) return 0;
  const start = segment.positionOf(offset); // it may have made the index anew
  return start <= position ? start : 0;
}

/** What is known of a segment's timestamps; -1 where there are none. */
export interface SegmentTimes {
  /** Null when the first batch cannot be read: then the segment's age counts from its creation. */
  firstMs: number | null;
  largestMs: number;
  offsetOfLargest: number;
  /** Why the largest is not known. */
  damage: CorruptBatchError | null;
}

/** The last time index entry, and the batches behind it, know the largest timestamp. */
export function learnTimes(segment: Segment, indexIntervalBytes: number): SegmentTimes {
  const times: SegmentTimes = { firstMs: null, largestMs: -1, offsetOfLargest: -1, damage: null };
  unlessCorrupt(() => {
    for (const [bytes] of segment.intact(0, FIRST_BATCH_BYTES)) {
      times.firstMs = batch.maxTimestamp(bytes);
      break;
    }
  });
  times.damage = unlessCorrupt(() => askIndexes(segment, indexIntervalBytes, times));
  return times;
}

function askIndexes(segment: Segment, indexIntervalBytes: number, times: SegmentTimes): void {
  const { offsetIndex, timeIndex } = segment;
  segment.positionOf(offsetIndex.lastOffset);
  const last = timeIndex.entryCount - 1;
  const isSound = last < 0 || isTimeEntrySound(segment, last);
  if (timeIndex.damage !== null || !isSound) {
    segment.rebuildIndexes(timeIndex.path, timeIndex.damage ?? disagrees(last));
  }
  times.largestMs = timeIndex.lastTimestampMs;
  times.offsetOfLargest = timeIndex.lastOffset;
  const from = timeIndex.entryCount === 0 ? 0 : segment.positionOf(times.offsetOfLargest);
  let isDue = false;
  for (const [bytes, position] of segment.intact(from)) {
    isDue ||= position > indexIntervalBytes;
    const timestampMs = batch.maxTimestamp(bytes);
    if (timestampMs <= times.largestMs) continue;
    times.largestMs = timestampMs;
    times.offsetOfLargest = batch.lastOffset(bytes);
  }
  const isMissing = timeIndex.entryCount === 0 && times.largestMs >= 0;
  if (isMissing && isDue) {
    segment.rebuildIndexes(timeIndex.path, "it has no entry");
  }
}

function disagrees(entry: number): string {
  return `entry ${entry} is not what the log says`;
}

/** What `work` threw of damage, which was reported, or null. */
function unlessCorrupt(work: () => void): CorruptBatchError | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof CorruptBatchError) return error;
    throw error;
  }
}

const FIRST_BATCH_BYTES = 1 << 14;

/** Makes both indexes anew. Throws CorruptBatchError, with nothing changed, when the log is not sound. */
export function remakeIndexes(segment: Segment, indexIntervalBytes: number): void {
  const entries: [
    lastOffset: number,
    position: number,
    latestMs: number,
    offsetOfLatest: number,
  ][] = [];
  let sinceBytes = 0, latestMs = -1, offsetOfLatest = -1;
  for (const [bytes, position] of segment.intact(0)) {
    const lastOffset = batch.lastOffset(bytes), timestampMs = batch.maxTimestamp(bytes);
    if (timestampMs > latestMs) {
      latestMs = timestampMs;
      offsetOfLatest = lastOffset;
    }
    if (sinceBytes > indexIntervalBytes) {
      entries.push([lastOffset, position, latestMs, offsetOfLatest]);
      sinceBytes = 0;
    }
    sinceBytes += bytes.length;
  }
  const { offsetIndex, timeIndex } = segment;
  offsetIndex.clear();
  timeIndex.clear();
  for (const [lastOffset, position, latestMs, offsetOfLatest] of entries) {
    offsetIndex.append(lastOffset, position);
    if (latestMs >= 0) timeIndex.maybeAppend(latestMs, offsetOfLatest);
  }
  if (latestMs >= 0) timeIndex.maybeAppend(latestMs, offsetOfLatest);
  offsetIndex.flush();
  timeIndex.flush();
}
