/**
 * buildBatch: a record batch from records, for the client, the internal topics and tests.
 */
import { varintSize, varlongSize, writeVarint, writeVarlong } from "../../bytes/varint.ts";
import * as batch from "./batch.ts";
import { compress, CompressionType } from "./compression.ts";
import type { RecordHeader } from "./record.ts";

export interface NewRecord {
  readonly timestampMs: number;
  readonly key?: Uint8Array | null;
  readonly value?: Uint8Array | null;
  readonly headers?: readonly RecordHeader[];
  /** Left out: the base offset plus the place in the batch. Given, offsets must rise. */
  readonly offset?: number;
}

export interface BatchOptions {
  readonly records: readonly NewRecord[];
  /** 0 by default, as clients send it. */
  readonly baseOffset?: number;
  readonly compression?: CompressionType;
  /** For gzip and zstd. */
  readonly level?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  readonly partitionLeaderEpoch?: number;
  /** Stamps all records with this time in place of their own. */
  readonly logAppendTimeMs?: number;
  /** When tombstones and transaction markers may go (KIP-534); takes the place of the base timestamp. */
  readonly deleteHorizonMs?: number;
  /** At least the last record's; compaction keeps it when the last record goes. */
  readonly lastOffsetDelta?: number;
}

export function buildBatch(options: BatchOptions): Uint8Array<ArrayBuffer> {
  const { records, compression = CompressionType.none } = options;
  const base = options.baseOffset ?? 0;
  const baseTimestampMs = options.deleteHorizonMs ?? records[0]?.timestampMs ?? batch.NO_TIMESTAMP;
  const plan = measure(records, base, baseTimestampMs);
  let bytes: Uint8Array<ArrayBuffer>;
  if (compression === CompressionType.none) {
    bytes = new Uint8Array(batch.BATCH_OVERHEAD + plan.size);
    writeRecords(bytes, batch.BATCH_OVERHEAD, plan);
  } else {
    const plain = new Uint8Array(plan.size);
    writeRecords(plain, 0, plan);
    const packed = compress(compression, plain, options.level);
    bytes = new Uint8Array(batch.BATCH_OVERHEAD + packed.length);
    bytes.set(packed, batch.BATCH_OVERHEAD);
  }
  const lastDelta = plan.records.length === 0
    ? -1
    : plan.records[plan.records.length - 1].offsetDelta;
  batch.writeHeader(bytes, 0, bytes.length, {
    baseOffset: base,
    partitionLeaderEpoch: options.partitionLeaderEpoch ?? -1,
    attributes: attributesOf(options, compression),
    lastOffsetDelta: options.lastOffsetDelta ?? lastDelta,
    baseTimestampMs,
    maxTimestampMs: options.logAppendTimeMs ?? plan.maxTimestampMs,
    producerId: options.producerId ?? batch.NO_PRODUCER_ID,
    producerEpoch: options.producerEpoch ?? batch.NO_PRODUCER_EPOCH,
    baseSequence: options.baseSequence ?? batch.NO_SEQUENCE,
    recordCount: records.length,
  });
  return bytes;
}

function attributesOf(options: BatchOptions, compression: CompressionType): number {
  return compression |
    (options.logAppendTimeMs !== undefined ? batch.LOG_APPEND_TIME_FLAG : 0) |
    (options.isTransactional ? batch.TRANSACTIONAL_FLAG : 0) |
    (options.isControl ? batch.CONTROL_FLAG : 0) |
    (options.deleteHorizonMs !== undefined ? batch.DELETE_HORIZON_FLAG : 0);
}

interface Plan {
  readonly records: readonly PlannedRecord[];
  readonly size: number;
  readonly maxTimestampMs: number;
}

interface PlannedRecord {
  readonly record: NewRecord;
  readonly offsetDelta: number;
  readonly timestampDelta: number;
  readonly headers: readonly { key: Uint8Array; value: Uint8Array | null }[];
  /** Bytes after the length. */
  readonly length: number;
}

function measure(records: readonly NewRecord[], base: number, baseTimestampMs: number): Plan {
  let size = 0, maxTimestampMs: number = batch.NO_TIMESTAMP;
  const planned = records.map((record, i) => {
    const offsetDelta = record.offset === undefined ? i : record.offset - base;
    const timestampDelta = record.timestampMs - baseTimestampMs;
    const headers = record.headers?.map(({ key, value }) => ({ key: utf8.encode(key), value })) ??
      [];
    let length = 1 + varlongSize(timestampDelta) + varintSize(offsetDelta) +
      sizeOf(record.key) + sizeOf(record.value) + varintSize(headers.length);
    for (const { key, value } of headers) length += sizeOf(key) + sizeOf(value);
    size += varintSize(length) + length;
    maxTimestampMs = Math.max(maxTimestampMs, record.timestampMs);
    return { record, offsetDelta, timestampDelta, headers, length };
  });
  return { records: planned, size, maxTimestampMs };
}

function sizeOf(bytes: Uint8Array | null | undefined): number {
  return bytes == null ? 1 : varintSize(bytes.length) + bytes.length;
}

function writeRecords(into: Uint8Array, at: number, plan: Plan): void {
  for (const { record, offsetDelta, timestampDelta, headers, length } of plan.records) {
    at = writeVarint(into, at, length);
    into[at++] = 0; // attributes: none are defined
    at = writeVarlong(into, at, timestampDelta);
    at = writeVarint(into, at, offsetDelta);
    at = writeBytes(into, at, record.key);
    at = writeBytes(into, at, record.value);
    at = writeVarint(into, at, headers.length);
    for (const { key, value } of headers) at = writeBytes(into, writeBytes(into, at, key), value);
  }
}

function writeBytes(into: Uint8Array, at: number, bytes: Uint8Array | null | undefined): number {
  if (bytes == null) return writeVarint(into, at, -1);
  at = writeVarint(into, at, bytes.length);
  into.set(bytes, at);
  return at + bytes.length;
}

const utf8 = new TextEncoder();
