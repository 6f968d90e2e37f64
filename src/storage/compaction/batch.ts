/**
 * filterBatch: one batch with only the records that compaction keeps (Kafka's MemoryRecords.RecordFilter and
 * Cleaner.shouldRetainRecord).
 *
 * A batch that keeps everything stays as it is, byte for byte. One that loses records keeps its offsets, sequences,
 * codec and header; of its records' bytes those kept are copied as they are. Only where a delete horizon is set for
 * the first time (KIP-534) are records written anew: their timestamps then count from the horizon.
 */
import {
  readVarint,
  readVarlong,
  varintEnd,
  varintSize,
  varlongSize,
  writeVarint,
  writeVarlong,
} from "../../bytes/varint.ts";
import * as batch from "../../protocol/records/batch.ts";
import { compress, type CompressionType } from "../../protocol/records/compression.ts";
import { recordBytes, RecordError } from "../../protocol/records/record.ts";
import type { OffsetMap } from "./map.ts";

/** What holds for all batches of a pass. */
export interface FilterRules {
  readonly map: OffsetMap;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  readonly maxDecompressedBytes: number;
}

/** What was found out about one batch before its records are looked at. */
export interface BatchVerdict {
  /** No record stays, whatever its key. */
  readonly discardRecords: boolean;
  /** The header stays when no record does: a producer's last sequence, or the end of the range, is in it. */
  readonly keepEmpty: boolean;
  /** A marker that ends nothing any more: its delete horizon begins to run. */
  readonly isIdleMarker: boolean;
}

/** The batch itself when nothing changes, a new one, or null when nothing of it stays. */
export function filterBatch(
  bytes: Uint8Array,
  verdict: BatchVerdict,
  rules: FilterRules,
): Uint8Array | null {
  const count = batch.recordCount(bytes);
  if (verdict.discardRecords || count === 0) {
    if (!verdict.keepEmpty) return null;
    return count === 0 ? bytes : emptied(bytes);
  }
  const records = recordBytes(bytes, 0, rules.maxDecompressedBytes);
  const kept = batch.isControl(bytes)
    ? everyRecord(records)
    : keptRecords(bytes, records, count, rules);
  if (kept.count === 0) return verdict.keepEmpty ? emptied(bytes) : null;
  const setsHorizon = (kept.hasTombstone || verdict.isIdleMarker) && !batch.hasDeleteHorizon(bytes);
  if (!setsHorizon && kept.count === count) return bytes;
  return rewritten(
    bytes,
    records,
    kept,
    setsHorizon ? rules.nowMs + rules.deleteRetentionMs : null,
  );
}

/** Which records stay. */
interface Kept {
  count: number;
  /** Pairs of positions, from and to: neighbours that stay make one run. */
  readonly runs: number[];
  hasTombstone: boolean;
  maxTimestampDelta: number;
}

function everyRecord(records: Uint8Array): Kept {
  return { count: 1, runs: [0, records.length], hasTombstone: false, maxTimestampDelta: 0 };
}

function keptRecords(
  bytes: Uint8Array,
  records: Uint8Array,
  count: number,
  rules: FilterRules,
): Kept {
  const kept: Kept = { count: 0, runs: [], hasTombstone: false, maxTimestampDelta: -Infinity };
  const { map } = rules, { runs } = kept;
  const base = batch.baseOffset(bytes);
  const keepsTombstones = !batch.hasDeleteHorizon(bytes) ||
    rules.nowMs < batch.baseTimestamp(bytes);
  let at = 0;
  for (let left = count; left > 0; left--) {
    const from = at;
    at = locate(records, at);
    const { keyFrom, keyTo, isTombstone, timestampDelta } = located;
    const offset = base + located.offsetDelta;
    if (offset <= map.latestOffset) {
      if (keyFrom < 0 || isTombstone && !keepsTombstones) continue;
      if (offset < map.get(records, keyFrom, keyTo)) continue;
    }
    kept.count++;
    kept.hasTombstone ||= isTombstone;
    if (timestampDelta > kept.maxTimestampDelta) kept.maxTimestampDelta = timestampDelta;
    if (runs.length > 0 && runs[runs.length - 1] === from) runs[runs.length - 1] = at;
    else runs.push(from, at);
  }
  return kept;
}

/** What locate() found of a record; one object for all, so that a pass over millions allocates none. */
export const located = {
  timestampDelta: 0,
  offsetDelta: 0,
  /** Where the key lies; -1 when it is null. */
  keyFrom: -1,
  keyTo: -1,
  /** Whether the value is null. */
  isTombstone: false,
};

/** Reads the record at `at` as far as compaction needs to; where it ends. record.ts has the layout. */
export function locate(b: Uint8Array, at: number): number {
  try {
    const length = readVarint(b, at), end = varintEnd + length;
    if (length < 0 || end > b.length) throw malformed(at);
    located.timestampDelta = readVarlong(b, varintEnd + 1); // after one byte of attributes
    located.offsetDelta = readVarint(b, varintEnd);
    const keyLength = readVarint(b, varintEnd);
    const keyFrom = varintEnd, keyTo = keyFrom + Math.max(0, keyLength);
    located.keyFrom = keyLength < 0 ? -1 : keyFrom;
    located.keyTo = keyTo;
    located.isTombstone = readVarint(b, keyTo) < 0;
    if (varintEnd > end) throw malformed(at);
    return end;
  } catch (error) {
    if (error instanceof RangeError) throw malformed(at);
    throw error;
  }
}

function malformed(at: number): RecordError {
  return new RecordError(`Cannot compact the record at ${at} of its batch: it is malformed`);
}

/** The batch with the kept records; `horizonMs` sets its delete horizon. */
function rewritten(
  bytes: Uint8Array,
  records: Uint8Array,
  kept: Kept,
  horizonMs: number | null,
): Uint8Array {
  const baseTimestampMs = batch.baseTimestamp(bytes);
  const plain = horizonMs === null
    ? joined(records, kept.runs)
    : rebased(records, kept.runs, baseTimestampMs - horizonMs);
  const compression = batch.compression(bytes) as CompressionType;
  const packed = compress(compression, plain);
  const out = new Uint8Array(batch.BATCH_OVERHEAD + packed.length);
  out.set(packed, batch.BATCH_OVERHEAD);
  batch.copyHeader(bytes, out, compression);
  batch.setRetained(out, {
    recordCount: kept.count,
    maxTimestampMs: batch.isLogAppendTime(bytes) || batch.isControl(bytes)
      ? null
      : baseTimestampMs + kept.maxTimestampDelta,
    deleteHorizonMs: horizonMs,
  });
  return out;
}

function joined(records: Uint8Array, runs: readonly number[]): Uint8Array {
  if (runs.length === 2) return records.subarray(runs[0], runs[1]);
  let length = 0;
  for (let i = 0; i < runs.length; i += 2) length += runs[i + 1] - runs[i];
  const out = new Uint8Array(length);
  let at = 0;
  for (let i = 0; i < runs.length; i += 2) {
    out.set(records.subarray(runs[i], runs[i + 1]), at);
    at += runs[i + 1] - runs[i];
  }
  return out;
}

/** The records of the runs with `shiftMs` added to their timestamp deltas. */
function rebased(records: Uint8Array, runs: readonly number[], shiftMs: number): Uint8Array {
  let out = new Uint8Array(records.length + 64);
  let to = 0;
  for (let i = 0; i < runs.length; i += 2) {
    for (let at = runs[i]; at < runs[i + 1];) {
      const length = readVarint(records, at), attributesAt = varintEnd;
      const timestampDelta = readVarlong(records, attributesAt + 1), restAt = varintEnd;
      const end = attributesAt + length;
      const newLength = 1 + varlongSize(timestampDelta + shiftMs) + end - restAt;
      const need = to + varintSize(newLength) + newLength;
      if (need > out.length) out = grown(out, need);
      to = writeVarint(out, to, newLength);
      out[to++] = records[attributesAt];
      to = writeVarlong(out, to, timestampDelta + shiftMs);
      out.set(records.subarray(restAt, end), to);
      to += end - restAt;
      at = end;
    }
  }
  return out.subarray(0, to);
}

function grown(bytes: Uint8Array<ArrayBuffer>, need: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(need + (need >> 1));
  larger.set(bytes);
  return larger;
}

/** The header alone, as Kafka's writeEmptyHeader has it: offsets, sequences and flags stay, codec and horizon go. */
function emptied(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(batch.BATCH_OVERHEAD);
  batch.copyHeader(bytes, out, 0);
  batch.setEmpty(out);
  return out;
}
