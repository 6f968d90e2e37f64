/**
 * Records within a batch, read one after the other. Keys, values and header values are views of the batch's bytes, or
 * of the decompressed ones.
 *
 *     length varint · attributes int8 (unused) · timestampDelta varlong · offsetDelta varint
 *     key length varint (-1: null), key · value length varint, value
 *     header count varint · each: key length varint, key (UTF-8) · value length varint (-1: null), value
 */
import { readVarint, readVarlong, varintEnd } from "../../bytes/varint.ts";
import * as batch from "./batch.ts";
import { CompressionError, decompress, isCompressionType } from "./compression.ts";

export interface LogRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

export interface RecordHeader {
  readonly key: string;
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
}

function originOf(bytes: Uint8Array, at: number): Origin {
  return {
    offset: batch.baseOffset(bytes, at),
    timestampMs: batch.baseTimestamp(bytes, at),
    appendTimeMs: batch.isLogAppendTime(bytes, at) ? batch.maxTimestamp(bytes, at) : null,
  };
}

/** Where the record ends that readRecord() returned last. */
let recordEnd = 0;

function readRecord(b: Uint8Array, at: number, origin: Origin): LogRecord {
  try {
    const length = readVarint(b, at), end = varintEnd + length;
    if (length < 0 || end > b.length) throw malformed(at, `is ${length} bytes long`);
    const timestampDelta = readVarlong(b, varintEnd + 1); // after one byte of attributes
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
      headers.push({ key: utf8.decode(name), value });
    }
    if (next !== end) throw malformed(at, `ends at ${next}, not at ${end}`);
    const timestampMs = origin.appendTimeMs ?? origin.timestampMs + timestampDelta;
    recordEnd = end;
    return { offset, timestampMs, key, value, headers };
  } catch (error) {
    if (error instanceof RangeError) throw malformed(at, `is cut off (${error.message})`);
    throw error;
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
