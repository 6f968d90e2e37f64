/**
 * buildBatch: a record batch from records, for the client, the internal topics and tests.
 */
import * as batch from "./batch.ts";
import { compress, CompressionType } from "./compression.ts";
import type { RecordHeader } from "./record.ts";
import { type MeasuredRecord, measuredRecord, writeRecord } from "./write_record.ts";

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
  readonly records: readonly MeasuredRecord[];
  readonly size: number;
  readonly maxTimestampMs: number;
}

function measure(records: readonly NewRecord[], base: number, baseTimestampMs: number): Plan {
  let size = 0, maxTimestampMs: number = batch.NO_TIMESTAMP;
  const measured = records.map((record, i) => {
    const found = measuredRecord(record, {
      offsetDelta: record.offset === undefined ? i : record.offset - base,
      timestampDelta: record.timestampMs - baseTimestampMs,
    });
    size += found.size;
    maxTimestampMs = Math.max(maxTimestampMs, record.timestampMs);
    return found;
  });
  return { records: measured, size, maxTimestampMs };
}

function writeRecords(into: Uint8Array, at: number, plan: Plan): void {
  for (const record of plan.records) at = writeRecord(into, at, record);
}
