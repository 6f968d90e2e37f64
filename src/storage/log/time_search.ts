/**
 * Search by time: which record a timestamp leads to, exact to the record, inside compressed batches too.
 *
 * The time index brings the search near; batches are passed by their header, and only the one that must hold the
 * answer is read record by record. Both throw CorruptBatchError where damage may hide the answer.
 */
import * as batch from "../../protocol/records/batch.ts";
import { readRecords } from "../../protocol/records/record.ts";
import { findLargestBeyond } from "./exact_time.ts";
import { positionOfTime } from "../segments/index_check.ts";
import type { PartitionLog } from "./partition_log.ts";
import type { Segment } from "../segments/segment.ts";
import { meet, mustEndAt } from "../segments/segment_list.ts";

export interface FoundRecord {
  readonly offset: number;
  readonly timestampMs: number;
}

/** The first record, from the log start on, that is at least as late as `timestampMs`; null when there is none. */
export function findByTimestamp(
  log: PartitionLog,
  timestampMs: number,
  maxDecompressedBytes: number,
): FoundRecord | null {
  for (const [i, segment] of log.segments.entries()) {
    if (i > 0) meet(log.segments[i - 1], segment); // what is missing may have been the answer
    if (segment.largestTimestampMs < timestampMs) continue;
    for (const [bytes] of segment.intact(positionOfTime(segment, timestampMs))) {
      if (batch.maxTimestamp(bytes) < timestampMs || batch.lastOffset(bytes) < log.logStartOffset) {
        continue;
      }
      for (const record of readRecords(bytes, 0, maxDecompressedBytes)) {
        if (record.timestampMs >= timestampMs && record.offset >= log.logStartOffset) return record;
      }
    }
  }
  mustEndAt(log.segments, log.logEndOffset);
  return null;
}

/**
 * The first record, from the log start on, among those with the largest timestamp. Where no record has one, it is the
 * first record, as in Kafka (which also finds records below the log start, while their segment is there).
 */
export function findLargestTimestamp(
  log: PartitionLog,
  maxDecompressedBytes: number,
): FoundRecord | null {
  const best = newestOf(log.segments);
  log.segments.forEach((segment, i) => i > 0 && meet(log.segments[i - 1], segment));
  mustEndAt(log.segments, log.logEndOffset);
  if (best === null) return null;
  if (best.largestTimestampMs === Number.MAX_SAFE_INTEGER) {
    return findLargestBeyond(log, maxDecompressedBytes) ??
      findLargestFromStart(log, maxDecompressedBytes);
  }
  if (best.largestTimestampMs < 0) return findByTimestamp(log, -1, maxDecompressedBytes);
  const found = findByTimestamp(log, best.largestTimestampMs, maxDecompressedBytes);
  return found ?? findLargestFromStart(log, maxDecompressedBytes);
}

/** The segment with the largest timestamp, the first of several; null where there is no batch. */
function newestOf(segments: Iterable<Segment>): Segment | null {
  let best: Segment | null = null;
  for (const segment of segments) {
    const newestMs = segment.largestTimestampMs;
    if (segment.timesDamage !== null) throw segment.timesDamage;
    if (segment.size > 0 && (best === null || newestMs > best.largestTimestampMs)) best = segment;
  }
  return best;
}

/** The same where the newest record lies before the log start: the segment that holds the start is walked. */
function findLargestFromStart(log: PartitionLog, maxDecompressedBytes: number): FoundRecord | null {
  const { logStartOffset, segments } = log;
  const behind = segments.filter(({ baseOffset }) => baseOffset >= logStartOffset);
  let largestMs = newestOf(behind)?.largestTimestampMs ?? -Infinity;
  const first = segments.findLast(({ baseOffset }) => baseOffset < logStartOffset);
  for (const [bytes] of first?.intact(first.positionOf(logStartOffset)) ?? []) {
    if (batch.lastOffset(bytes) < logStartOffset || batch.maxTimestamp(bytes) <= largestMs) {
      continue;
    }
    if (batch.baseOffset(bytes) >= logStartOffset) largestMs = batch.maxTimestamp(bytes);
    else {
      for (const { offset, timestampMs } of readRecords(bytes, 0, maxDecompressedBytes)) {
        if (offset >= logStartOffset) largestMs = Math.max(largestMs, timestampMs);
      }
    }
  }
  return largestMs === -Infinity ? null : findByTimestamp(log, largestMs, maxDecompressedBytes);
}
