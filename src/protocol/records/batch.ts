/**
 * Record batch v2 (magic 2): the header, read and patched in place. Every function takes the bytes and the position
 * the batch begins at, and allocates nothing; import them as `batch`:
 *
 *     import * as batch from "../protocol/records/batch.ts";
 *     const last = batch.lastOffset(bytes, at);
 *
 * | at | bytes | field | |
 * |---|---|---|---|
 * | 0 | 8 | baseOffset | patched by the broker; outside the CRC |
 * | 8 | 4 | batchLength | bytes after this field |
 * | 12 | 4 | partitionLeaderEpoch | patched by the broker; outside the CRC |
 * | 16 | 1 | magic | 2 |
 * | 17 | 4 | crc | CRC-32C of everything from 21 on |
 * | 21 | 2 | attributes | 0–2 compression, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon |
 * | 23 | 4 | lastOffsetDelta | |
 * | 27 | 8 | baseTimestamp | the first record's, or the delete horizon when bit 6 is set (KIP-534) |
 * | 35 | 8 | maxTimestamp | |
 * | 43 | 8 | producerId | -1: none |
 * | 51 | 2 | producerEpoch | |
 * | 53 | 4 | baseSequence | |
 * | 57 | 4 | recordCount | |
 * | 61 | | records | compressed as a whole when attributes say so |
 */
import { crc32c } from "../../bytes/crc32c.ts";
import {
  readInt16,
  readInt32,
  readInt64,
  writeInt16,
  writeInt32,
  writeInt64,
} from "../../bytes/int64.ts";
import { readBigInt64 } from "../../bytes/reader.ts";

/** Bytes of a batch without records. */
export const BATCH_OVERHEAD = 61;
/** Bytes before what batchLength counts: baseOffset and batchLength themselves. */
export const LOG_OVERHEAD = 12;
/** Where the part that the CRC covers begins. */
export const CRC_FROM = 21;
export const MAGIC_V2 = 2;

export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
export const NO_SEQUENCE = -1;
export const NO_TIMESTAMP = -1;

const COMPRESSION_MASK = 0x07;
export const LOG_APPEND_TIME_FLAG = 0x08;
export const TRANSACTIONAL_FLAG = 0x10;
export const CONTROL_FLAG = 0x20;
export const DELETE_HORIZON_FLAG = 0x40;

const BASE_OFFSET = 0, LENGTH = 8, LEADER_EPOCH = 12, MAGIC = 16, CRC = 17, ATTRIBUTES = 21;
const LAST_OFFSET_DELTA = 23, BASE_TIMESTAMP = 27, MAX_TIMESTAMP = 35, PRODUCER_ID = 43;
const PRODUCER_EPOCH = 51, BASE_SEQUENCE = 53, RECORD_COUNT = 57;

type Bytes = Uint8Array;

export const baseOffset = (b: Bytes, at = 0): number => readInt64(b, at + BASE_OFFSET);
/** The whole batch's bytes, as its header says. */
export const sizeInBytes = (b: Bytes, at = 0): number => readInt32(b, at + LENGTH) + LOG_OVERHEAD;
export const partitionLeaderEpoch = (b: Bytes, at = 0): number => readInt32(b, at + LEADER_EPOCH);
export const magic = (b: Bytes, at = 0): number => b[at + MAGIC] << 24 >> 24;
export const crc = (b: Bytes, at = 0): number => readInt32(b, at + CRC) >>> 0;
export const attributes = (b: Bytes, at = 0): number => readInt16(b, at + ATTRIBUTES);
/** A CompressionType's id, or 5–7, which Kafka does not define. */
export const compression = (b: Bytes, at = 0): number => b[at + ATTRIBUTES + 1] & COMPRESSION_MASK;
export const isLogAppendTime = (b: Bytes, at = 0): boolean =>
  (b[at + ATTRIBUTES + 1] & LOG_APPEND_TIME_FLAG) !== 0;
export const isTransactional = (b: Bytes, at = 0): boolean =>
  (b[at + ATTRIBUTES + 1] & TRANSACTIONAL_FLAG) !== 0;
export const isControl = (b: Bytes, at = 0): boolean =>
  (b[at + ATTRIBUTES + 1] & CONTROL_FLAG) !== 0;
export const hasDeleteHorizon = (b: Bytes, at = 0): boolean =>
  (b[at + ATTRIBUTES + 1] & DELETE_HORIZON_FLAG) !== 0;
export const lastOffsetDelta = (b: Bytes, at = 0): number => readInt32(b, at + LAST_OFFSET_DELTA);
export const lastOffset = (b: Bytes, at = 0): number => baseOffset(b, at) + lastOffsetDelta(b, at);
/** What records' timestamp deltas count from: the first record's timestamp, or the delete horizon. */
export const baseTimestamp = (b: Bytes, at = 0): number => readInt64(b, at + BASE_TIMESTAMP);
export const maxTimestamp = (b: Bytes, at = 0): number => readInt64(b, at + MAX_TIMESTAMP);
export const producerId = (b: Bytes, at = 0): number => readInt64(b, at + PRODUCER_ID);
export const producerEpoch = (b: Bytes, at = 0): number => readInt16(b, at + PRODUCER_EPOCH);
export const baseSequence = (b: Bytes, at = 0): number => readInt32(b, at + BASE_SEQUENCE);
export const recordCount = (b: Bytes, at = 0): number => readInt32(b, at + RECORD_COUNT);

/** The same, beyond 2^53 too. */
export const exactBaseTimestamp = (b: Bytes, at = 0): bigint =>
  readBigInt64(b, at + BASE_TIMESTAMP);
export const exactMaxTimestamp = (b: Bytes, at = 0): bigint => readBigInt64(b, at + MAX_TIMESTAMP);

/** Whether the header's largest timestamp is its base timestamp and this delta, exactly, beyond 2^53 too. */
export function saysMaxTimestamp(b: Bytes, delta: number): boolean {
  const base = readBigInt64(b, BASE_TIMESTAMP);
  return BigInt.asIntN(64, base + BigInt(delta)) === readBigInt64(b, MAX_TIMESTAMP);
}

/** The last record's sequence; sequences wrap from 2^31 - 1 to 0. */
export function lastSequence(b: Bytes, at = 0): number {
  const first = baseSequence(b, at);
  return first === NO_SEQUENCE ? NO_SEQUENCE : (first + lastOffsetDelta(b, at)) % 2147483648;
}

/** Whether the checksum matches. The batch must be whole. */
export function isIntact(b: Bytes, at = 0): boolean {
  return crc(b, at) === crc32c(b, at + CRC_FROM, at + sizeInBytes(b, at));
}

/** Computes and writes the checksum. */
export function writeCrc(b: Bytes, at = 0): void {
  writeInt32(b, at + CRC, crc32c(b, at + CRC_FROM, at + sizeInBytes(b, at)));
}

/** Stamps what the broker assigns; the checksum does not cover it. */
export function assign(
  b: Bytes,
  at: number,
  baseOffset: number,
  partitionLeaderEpoch: number,
): void {
  writeInt64(b, at + BASE_OFFSET, baseOffset);
  writeInt32(b, at + LEADER_EPOCH, partitionLeaderEpoch);
}

/** Gives every record this timestamp (message.timestamp.type=LogAppendTime) and renews the checksum. */
export function setLogAppendTime(b: Bytes, at: number, timestampMs: number): void {
  b[at + ATTRIBUTES + 1] |= LOG_APPEND_TIME_FLAG;
  writeInt64(b, at + MAX_TIMESTAMP, timestampMs);
  writeCrc(b, at);
}

/** Makes `timestampMs`, any int64, that of the batch's records, whose deltas are 0, and renews the checksum. */
export function setExactTimestamp(b: Bytes, at: number, timestampMs: bigint): void {
  const view = new DataView(b.buffer, b.byteOffset + at);
  view.setBigInt64(BASE_TIMESTAMP, timestampMs);
  view.setBigInt64(MAX_TIMESTAMP, timestampMs);
  writeCrc(b, at);
}

/** Lets every record keep its own timestamp, of which `maxTimestampMs` is the largest, and renews the checksum. */
export function setCreateTime(b: Bytes, at: number, maxTimestampMs: number): void {
  b[at + ATTRIBUTES + 1] &= ~LOG_APPEND_TIME_FLAG;
  writeInt64(b, at + MAX_TIMESTAMP, maxTimestampMs);
  writeCrc(b, at);
}

/**
 * Makes a batch that was read one that this producer sends, in no transaction, and renews the checksum. Timestamps count
 * from the same base, so what was a delete horizon is one no more.
 */
export function setProducer(
  b: Bytes,
  at: number,
  producer: { producerId: number; producerEpoch: number; baseSequence: number },
): void {
  assign(b, at, 0, -1);
  b[at + ATTRIBUTES + 1] &= COMPRESSION_MASK;
  writeInt64(b, at + PRODUCER_ID, producer.producerId);
  writeInt16(b, at + PRODUCER_EPOCH, producer.producerEpoch);
  writeInt32(b, at + BASE_SEQUENCE, producer.baseSequence);
  writeCrc(b, at);
}

/** What a header holds, for writing one. */
export interface BatchHeader {
  baseOffset: number;
  partitionLeaderEpoch: number;
  attributes: number;
  lastOffsetDelta: number;
  baseTimestampMs: number;
  maxTimestampMs: number;
  producerId: number;
  producerEpoch: number;
  baseSequence: number;
  recordCount: number;
}

/** Writes the header of a batch of `size` bytes at `at`, whose records are in place already, checksum included. */
export function writeHeader(b: Bytes, at: number, size: number, header: BatchHeader): void {
  assign(b, at, header.baseOffset, header.partitionLeaderEpoch);
  writeInt32(b, at + LENGTH, size - LOG_OVERHEAD);
  b[at + MAGIC] = MAGIC_V2;
  writeInt16(b, at + ATTRIBUTES, header.attributes);
  writeInt32(b, at + LAST_OFFSET_DELTA, header.lastOffsetDelta);
  writeInt64(b, at + BASE_TIMESTAMP, header.baseTimestampMs);
  writeInt64(b, at + MAX_TIMESTAMP, header.maxTimestampMs);
  writeInt64(b, at + PRODUCER_ID, header.producerId);
  writeInt16(b, at + PRODUCER_EPOCH, header.producerEpoch);
  writeInt32(b, at + BASE_SEQUENCE, header.baseSequence);
  writeInt32(b, at + RECORD_COUNT, header.recordCount);
  writeCrc(b, at);
}

/**
 * The header of the batch at `from` with other records behind it: everything but its length, compression and checksum
 * is copied as bytes, so that no int64 loses precision.
 */
export function copyHeader(from: Bytes, to: Bytes, compression: number): void {
  to.set(from.subarray(0, BATCH_OVERHEAD));
  writeInt32(to, LENGTH, to.length - LOG_OVERHEAD);
  to[ATTRIBUTES + 1] = to[ATTRIBUTES + 1] & ~COMPRESSION_MASK | compression;
  writeCrc(to);
}

/** What compaction changes in the header when some records are gone; null leaves a value as it is. */
export function setRetained(
  b: Bytes,
  retained: { recordCount: number; maxTimestampMs: number | null; deleteHorizonMs: number | null },
): void {
  writeInt32(b, RECORD_COUNT, retained.recordCount);
  if (retained.maxTimestampMs !== null) writeInt64(b, MAX_TIMESTAMP, retained.maxTimestampMs);
  if (retained.deleteHorizonMs !== null) {
    b[ATTRIBUTES + 1] |= DELETE_HORIZON_FLAG;
    writeInt64(b, BASE_TIMESTAMP, retained.deleteHorizonMs);
  }
  writeCrc(b);
}

/** The header of a batch that compaction keeps for its offsets and sequences alone. */
export function setEmpty(b: Bytes): void {
  b[ATTRIBUTES + 1] &= ~DELETE_HORIZON_FLAG;
  writeInt64(b, BASE_TIMESTAMP, NO_TIMESTAMP);
  writeInt32(b, RECORD_COUNT, 0);
  writeCrc(b);
}

/**
 * The positions of the whole batches between `from` and `to`, in order. Stops before a batch that is cut off (a fetch
 * response may end in one) or whose length cannot be one, so a caller that must know compares the end with `to`.
 */
export function* batches(b: Bytes, from = 0, to: number = b.length): Generator<number, void> {
  for (let at = from, end = endOf(b, at, to); end !== -1; at = end, end = endOf(b, at, to)) {
    yield at;
  }
}

/** Where the batch at `at` ends, or -1 when no whole one begins there. */
export function endOf(b: Bytes, at: number, to: number = b.length): number {
  if (to - at < BATCH_OVERHEAD) return -1;
  const end = at + sizeInBytes(b, at);
  return end > to || end < at + BATCH_OVERHEAD ? -1 : end;
}
