/**
 * Records within a batch, read one after the other. Keys, values and header values are views of the batch's bytes, or
 * of the decompressed ones.
 *
 *     length varint · attributes int8 (unused) · timestampDelta varlong · offsetDelta varint
 *     key length varint (-1: null), key · value length varint, value
 *     header count varint · each: key length varint, key (UTF-8) · value length varint (-1: null), value
 */
import { readVarint, readVarlong, readVarlongExactly, varintEnd } from "../../bytes/varint.ts";
import * as batch from "./batch.ts";
import { CompressionError, decompress, isCompressionType } from "./compression.ts";

export interface LogRecord {
  readonly offset: number;
  /** ±(2^53 - 1) where it is beyond. */
  readonly timestampMs: number;
  /** There where it is beyond 2^53, which no number has. */
  readonly exactTimestampMs?: bigint;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

export interface RecordHeader {
  /** With U+FFFD where its bytes are no UTF-8. */
  readonly key: string;
  /** There where the key is no UTF-8: what it is. Kafka asks nobody for UTF-8. */
  readonly keyBytes?: Uint8Array;
  readonly value: Uint8Array | null;
}

/** What a batch may decompress to unless told otherwise. */
const MAX_DECOMPRESSED_BYTES = 128 * 1024 * 1024;

/** A batch whose records are not what its header says. */
export class RecordError extends Error {
  override readonly name = "RecordError";
}

/**
 * The records of the batch at `at`, which must be whole and checked (batch.isIntact). Throws RecordError for a
 * malformed record, CompressionError for broken compression.
 */
export function readRecords(
  bytes: Uint8Array,
  at = 0,
  maxBytes: number = MAX_DECOMPRESSED_BYTES,
): Generator<LogRecord, void> {
  return readRecordsIn(recordBytes(bytes, at, maxBytes), bytes, at);
}

/** The same with the batch's records at hand (see recordBytes). */
export function* readRecordsIn(
  b: Uint8Array,
  bytes: Uint8Array,
  at = 0,
): Generator<LogRecord, void> {
  const origin = originOf(bytes, at);
  let next = 0;
  for (let left = batch.recordCount(bytes, at); left > 0; left--) {
    const record = readRecord(b, next, origin);
    next = recordEnd;
    yield record;
  }
}

/** As readRecords, for very many: each is handed to `take` as it is read. */
export function takeRecords(
  bytes: Uint8Array,
  at: number,
  take: (record: LogRecord) => void,
): void {
  const b = recordBytes(bytes, at), origin = originOf(bytes, at);
  let next = 0;
  for (let left = batch.recordCount(bytes, at); left > 0; left--) {
    const record = readRecord(b, next, origin);
    next = recordEnd;
    take(record);
  }
}

/** The bytes of a batch's records, decompressed when they are compressed, otherwise a view. */
export function recordBytes(
  bytes: Uint8Array,
  at = 0,
  maxBytes: number = MAX_DECOMPRESSED_BYTES,
): Uint8Array {
  const stored = bytes.subarray(at + batch.BATCH_OVERHEAD, at + batch.sizeInBytes(bytes, at));
  const type = batch.compression(bytes, at);
  if (type === 0) return stored;
  if (!isCompressionType(type)) {
    throw new CompressionError("broken", `Cannot decompress: compression ${type} is not defined`);
  }
  return decompress(type, stored, maxBytes);
}

/** What the deltas of a batch's records count from. */
interface Origin {
  readonly offset: number;
  readonly timestampMs: number;
  readonly appendTimeMs: number | null;
  /** Where numbers do not do; null: they do, as far as the records' own deltas go. */
  readonly exact: ExactOrigin | null;
}

interface ExactOrigin {
  readonly timestampMs: bigint;
  readonly appendTimeMs: bigint | null;
}

function originOf(bytes: Uint8Array, at: number): Origin {
  const timestampMs = batch.baseTimestamp(bytes, at);
  const appendTimeMs = batch.isLogAppendTime(bytes, at) ? batch.maxTimestamp(bytes, at) : null;
  const isExact = isInside(timestampMs) && isInside(appendTimeMs ?? 0);
  const exact = isExact ? null : {
    timestampMs: batch.exactBaseTimestamp(bytes, at),
    appendTimeMs: appendTimeMs === null ? null : batch.exactMaxTimestamp(bytes, at),
  };
  return { offset: batch.baseOffset(bytes, at), timestampMs, appendTimeMs, exact };
}

/** Whether it is no number at which others end: neither int64 nor varlong was cut off to it. */
function isInside(value: number): boolean {
  return value < Number.MAX_SAFE_INTEGER && value > -Number.MAX_SAFE_INTEGER;
}

/** Where the record ends that readRecord() returned last. */
let recordEnd = 0;

function readRecord(b: Uint8Array, at: number, origin: Origin): LogRecord {
  try {
    const length = readVarint(b, at), end = varintEnd + length;
    if (length < 0 || end > b.length) throw malformed(at, `is ${length} bytes long`);
    const deltaAt = varintEnd + 1; // after one byte of attributes
    const timestampDelta = readVarlong(b, deltaAt);
    const offset = origin.offset + readVarint(b, varintEnd);
    const key = readBytes(b, varintEnd, end);
    const value = readBytes(b, varintEnd + (key === null ? 0 : key.length), end);
    let next = varintEnd + (value === null ? 0 : value.length);
    const count = readVarint(b, next);
    next = varintEnd;
    if (count < 0 || count > (end - next) / 2) throw malformed(at, `has ${count} headers`);
    const headers: RecordHeader[] = count === 0 ? NO_HEADERS : [];
    for (let i = 0; i < count; i++) {
      const name = readBytes(b, next, end);
      if (name === null) throw malformed(at, "has a header without a name");
      const value = readBytes(b, varintEnd + name.length, end);
      next = varintEnd + (value === null ? 0 : value.length);
      headers.push(headerOf(name, value));
    }
    if (next !== end) throw malformed(at, `ends at ${next}, not at ${end}`);
    const timestampMs = origin.appendTimeMs ?? origin.timestampMs + timestampDelta;
    const record = { offset, timestampMs, key, value, headers };
    const isExact = origin.exact === null && isInside(timestampDelta) && isInside(timestampMs);
    const read = isExact ? record : withExactTime(record, origin, readVarlongExactly(b, deltaAt));
    recordEnd = end;
    return read;
  } catch (error) {
    if (error instanceof RangeError) throw malformed(at, `is cut off (${error.message})`);
    throw error;
  }
}

/** As Kafka adds them: int64s, that wrap. */
function withExactTime(record: LogRecord, origin: Origin, delta: bigint): LogRecord {
  const base = origin.exact?.timestampMs ?? BigInt(origin.timestampMs);
  const appendTimeMs = origin.exact === null ? origin.appendTimeMs : origin.exact.appendTimeMs;
  const exactTimestampMs = BigInt(appendTimeMs ?? BigInt.asIntN(64, base + delta));
  const timestampMs = saturated(exactTimestampMs);
  return exactTimestampMs === BigInt(timestampMs)
    ? { ...record, timestampMs }
    : { ...record, timestampMs, exactTimestampMs };
}

function saturated(value: bigint): number {
  const most = Number.MAX_SAFE_INTEGER;
  return Math.max(-most, Math.min(most, Number(value)));
}

function headerOf(name: Uint8Array, value: Uint8Array | null): RecordHeader {
  const key = utf8.decode(name);
  if (!key.includes("\ufffd")) return { key, value };
  try {
    strictUtf8.decode(name);
    return { key, value }; // it holds one of its own
  } catch {
    return { key, keyBytes: name, value };
  }
}

/** The bytes behind a length; varintEnd is left where they begin. */
function readBytes(b: Uint8Array, at: number, end: number): Uint8Array | null {
  const length = readVarint(b, at);
  if (length === -1) return null;
  if (length < -1 || length > end - varintEnd) throw malformed(at, `holds a length of ${length}`);
  return b.subarray(varintEnd, varintEnd + length);
}

const malformed = (at: number, why: string) =>
  new RecordError(`Cannot read the record at ${at}: it ${why}`);

/** Of most records; one list serves them all. */
const NO_HEADERS = Object.freeze([]) as unknown as RecordHeader[];
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const strictUtf8 = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
