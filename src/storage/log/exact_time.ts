/**
 * Search by timestamps beyond 2^53, where numbers are not exact and reading saturates (see int64.ts): no clock has them,
 * but records may, where a topic bounds timestamps no further.
 */
import { readBigInt64 } from "../../bytes/reader.ts";
import { readVarint, readVarlongExactly, varintEnd } from "../../bytes/varint.ts";
import * as batch from "../../protocol/records/batch.ts";
import { recordBytes } from "../../protocol/records/record.ts";
import { meet, mustEndAt } from "../segments/segment_list.ts";
import type { PartitionLog } from "./partition_log.ts";
import { findByTimestamp, type FoundRecord } from "./time_search.ts";

const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);

/** The first record, from the log start on, that is at least as late, whatever is asked for. */
export function findByAnyTimestamp(
  log: PartitionLog,
  timestamp: bigint,
  maxDecompressedBytes: number,
): FoundRecord | null {
  if (timestamp < LARGEST) return findByTimestamp(log, Number(timestamp), maxDecompressedBytes);
  for (const bytes of batchesBeyond(log)) {
    if (maxTimestampOf(bytes) < timestamp) continue;
    for (const record of exactTimes(bytes, maxDecompressedBytes)) {
      if (record.timestamp < timestamp || record.offset < log.logStartOffset) continue;
      return { offset: record.offset, timestampMs: Number.MAX_SAFE_INTEGER };
    }
  }
  return null;
}

/** The same for the largest of all, where some are so large. */
export function findLargestBeyond(
  log: PartitionLog,
  maxDecompressedBytes: number,
): FoundRecord | null {
  let largest = LARGEST;
  for (const bytes of batchesBeyond(log)) {
    if (maxTimestampOf(bytes) <= largest) continue;
    for (const { offset, timestamp } of exactTimes(bytes, maxDecompressedBytes)) {
      if (offset >= log.logStartOffset && timestamp > largest) largest = timestamp;
    }
  }
  return findByAnyTimestamp(log, largest, maxDecompressedBytes);
}

/** Batches that are not wholly before the log start, with a timestamp where reading saturates. */
function* batchesBeyond(log: PartitionLog): Generator<Uint8Array> {
  for (const [i, segment] of log.segments.entries()) {
    if (i > 0) meet(log.segments[i - 1], segment); // what is missing may have been the answer
    if (segment.largestTimestampMs < Number.MAX_SAFE_INTEGER) continue;
    for (const [bytes] of segment.intact(0)) {
      if (batch.maxTimestamp(bytes) < Number.MAX_SAFE_INTEGER) continue;
      if (batch.lastOffset(bytes) >= log.logStartOffset) yield bytes;
    }
  }
  mustEndAt(log.segments, log.logEndOffset);
}

const BASE_TIMESTAMP = 27, MAX_TIMESTAMP = 35;

function maxTimestampOf(bytes: Uint8Array): bigint {
  return readBigInt64(bytes, MAX_TIMESTAMP);
}

/** Offset and timestamp of every record; the layout stands in record.ts. */
function* exactTimes(
  bytes: Uint8Array,
  maxDecompressedBytes: number,
): Generator<{ offset: number; timestamp: bigint }> {
  const b = recordBytes(bytes, 0, maxDecompressedBytes);
  const base = batch.baseOffset(bytes), baseTimestamp = readBigInt64(bytes, BASE_TIMESTAMP);
  const appended = batch.isLogAppendTime(bytes) ? maxTimestampOf(bytes) : null;
  for (let at = 0, left = batch.recordCount(bytes); left > 0; left--) {
    const length = readVarint(b, at), from = varintEnd;
    const timestamp = appended ??
      BigInt.asIntN(64, baseTimestamp + readVarlongExactly(b, from + 1));
    yield { offset: base + readVarint(b, varintEnd), timestamp };
    at = from + length;
  }
}
