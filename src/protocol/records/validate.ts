/**
 * validateRecords: what a partition accepts of a Produce request, checked before anything is appended (Kafka:
 * LogValidator and ProduceRequest.validateRecords).
 *
 * Stricter than Kafka on purpose, each answered with 87 INVALID_RECORD: offset deltas must count 0, 1, 2 (Kafka stores
 * gaps and repetitions), the base offset must be 0, records stay below a bound when decompressed (Kafka has none),
 * broken compression is the client's fault (Kafka answers -1), and a client may not set a delete horizon.
 *
 * Accepted bytes are the same array with its header patched where the topic or the truth asks for it (LogAppendTime, a
 * lying maxTimestamp), or new ones when the topic has a codec of its own.
 */
import { ErrorCode } from "../errors.ts";
import * as batch from "./batch.ts";
import {
  compressForNow,
  CompressionError,
  CompressionType,
  decompressForNow,
  isCompressionType,
} from "./compression.ts";
import { readVarint, varintEnd } from "../../bytes/varint.ts";
import { readRecordsIn } from "./record.ts";
import { type Walk, walkRecords } from "./walk.ts";

export interface ValidateOptions {
  readonly apiVersion: number;
  readonly nowMs: number;
  /** max.message.bytes. */
  readonly maxMessageBytes: number;
  readonly maxBatchRecords: number;
  readonly maxDecompressedBytes: number;
  /** max.decompressed.message.bytes: of one record in a compressed batch. Without it, any. */
  readonly maxRecordBytes?: number;
  /** compression.type; "producer" keeps what the client chose. */
  readonly compression: CompressionType | "producer";
  /** For gzip and zstd, when recompressing. */
  readonly compressionLevel?: number;
  /** cleanup.policy contains compact: every record needs a key. */
  readonly isCompacted: boolean;
  /** message.timestamp.type is LogAppendTime. */
  readonly isLogAppendTime: boolean;
  /** message.timestamp.before.max.ms and .after.max.ms; not asked with LogAppendTime. */
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  /** Bytes to decompress, or to compress anew, past which the answer is LATER: the caller's turn is worth more. */
  readonly inPlaceBytes?: number;
}

/** There is more to do than was allowed in place: ask again without that limit, where it stops nobody. */
export const LATER = Symbol("later");

export interface AcceptedRecords {
  readonly errorCode: typeof ErrorCode.NONE;
  /** One batch, to be given its offset and leader epoch. */
  readonly bytes: Uint8Array;
  readonly recordCount: number;
  readonly maxTimestampMs: number;
  /** Of the first record with that timestamp. */
  readonly maxTimestampOffsetDelta: number;
  /** As it will be stored. */
  readonly compression: CompressionType;
  readonly isTransactional: boolean;
}

export interface RefusedRecords {
  readonly errorCode: Exclude<ErrorCode, typeof ErrorCode.NONE>;
  readonly errorMessage: string;
  /** The records to blame, when it is not the whole batch; at most MAX_RECORD_ERRORS. */
  readonly recordErrors: readonly RecordErrorEntry[];
  /** Whether it is not one batch at all, which Kafka refuses before it asks the partition's log. */
  readonly isMisframed: boolean;
}

/** Named as in the Produce response. */
export interface RecordErrorEntry {
  readonly batchIndex: number;
  readonly batchIndexErrorMessage: string;
}

const MAX_RECORD_ERRORS = 100;

export function validateRecords(
  bytes: Uint8Array | null,
  options: ValidateOptions,
): AcceptedRecords | RefusedRecords {
  return validateInPlace(bytes, { ...options, inPlaceBytes: undefined }) as
    | AcceptedRecords
    | RefusedRecords;
}

/** The same, or LATER when it comes to more than `inPlaceBytes`. */
export function validateInPlace(
  bytes: Uint8Array | null,
  options: ValidateOptions,
): AcceptedRecords | RefusedRecords | typeof LATER {
  const misframed = checkFrame(bytes, options.apiVersion);
  if (bytes === null || misframed !== null) return misframed!;
  const badHeader = checkContent(bytes, options) ?? checkHeader(bytes, options);
  if (badHeader !== null) return badHeader;
  const type = batch.compression(bytes) as CompressionType;
  const { maxDecompressedBytes, inPlaceBytes = Infinity } = options;
  let plain = bytes, at = batch.BATCH_OVERHEAD;
  if (type !== CompressionType.none) {
    try {
      const maxBytes = Math.min(maxDecompressedBytes, inPlaceBytes);
      plain = decompressForNow(type, bytes.subarray(at), maxBytes);
    } catch (error) {
      if (!(error instanceof CompressionError)) throw error;
      if (error.kind === "tooLarge" && inPlaceBytes < maxDecompressedBytes) return LATER;
      return invalid(error.message);
    }
    at = 0;
  }
  const isChanged = options.compression !== "producer" && options.compression !== type;
  if (isChanged && options.compression !== CompressionType.none && plain.length > inPlaceBytes) {
    return LATER;
  }
  const walk = walkRecords(plain, at, plain.length, batch.recordCount(bytes));
  plain = plain.subarray(at);
  const refused = checkWalk(bytes, plain, walk, options) ??
    (type === CompressionType.none ? null : checkRecordSizes(plain, options));
  return refused ?? accept(bytes, plain, walk, options);
}

/** No record may be larger once it is decompressed; not asked where all of them together are not. */
function checkRecordSizes(
  plain: Uint8Array,
  { maxRecordBytes = Infinity }: ValidateOptions,
): RefusedRecords | null {
  if (plain.length <= maxRecordBytes) return null;
  for (let at = 0, i = 0; at < plain.length; i++) {
    const bytes = readVarint(plain, at);
    if (bytes > maxRecordBytes) {
      return invalid(`Record ${i} has ${bytes} bytes; ${maxRecordBytes} are allowed`);
    }
    at = varintEnd + bytes;
  }
  return null;
}

/** The smallest batch of any magic: offset and length, and what Kafka's LegacyRecord needs. */
const MIN_BATCH = 26;

/**
 * Whether this is exactly one whole batch of magic 2, which Kafka looks at before it asks the log (Kafka:
 * ProduceRequest.validateRecords). The length comes first: where it is wrong there may be no magic.
 */
export function checkFrame(b: Uint8Array | null, apiVersion: number): RefusedRecords | null {
  const misframed = frameFault(b, apiVersion);
  return misframed && { ...misframed, isMisframed: true };
}

function frameFault(b: Uint8Array | null, apiVersion: number): RefusedRecords | null {
  if (b === null || b.length === 0) return invalid("There is no record batch; one is needed");
  if (b.length < batch.LOG_OVERHEAD) return cutOff(b);
  const size = batch.sizeInBytes(b);
  if (size < MIN_BATCH) {
    return corrupt(`The record batch is ${size} bytes by its header, needs at least ${MIN_BATCH}`);
  }
  if (b.length < batch.CRC_FROM) return cutOff(b);
  const magic = batch.magic(b);
  if (magic === 0 || magic === 1) {
    return invalid(`The record batch has magic ${magic}; Produce ${apiVersion} needs 2`);
  }
  if (magic !== batch.MAGIC_V2) return corrupt(`The record batch has magic ${magic}, not 2`);
  if (size < batch.BATCH_OVERHEAD) {
    return corrupt(`The record batch is ${size} bytes by its header, and needs at least 61`);
  }
  if (size > b.length) {
    return invalid(`The record batch is ${size} bytes by its header, and cut off at ${b.length}`);
  }
  if (size < b.length) {
    return invalid(`${b.length - size} bytes follow the record batch; a partition takes one batch`);
  }
  return null;
}

function cutOff(b: Uint8Array): RefusedRecords {
  return invalid(`The record batch is cut off at ${b.length} bytes`);
}

/** Not larger than is allowed, with a checksum that matches. */
function checkContent(b: Uint8Array, options: ValidateOptions): RefusedRecords | null {
  const size = batch.sizeInBytes(b);
  if (size > options.maxMessageBytes) return tooLarge(size, options);
  if (!batch.isIntact(b)) return corrupt("The record batch does not match its checksum");
  return null;
}

function checkHeader(b: Uint8Array, options: ValidateOptions): RefusedRecords | null {
  const count = batch.recordCount(b), type = batch.compression(b);
  if (batch.baseOffset(b) !== 0) {
    return invalid(`The base offset is ${batch.baseOffset(b)}; a client sends 0`);
  }
  if (batch.isControl(b)) return invalid("Clients may not write control batches");
  if (batch.hasDeleteHorizon(b)) return invalid("Clients may not set a delete horizon");
  if (count <= 0) return invalid(`The record batch counts ${count} records; at least 1 is needed`);
  if (batch.lastOffsetDelta(b) !== count - 1) {
    return invalid(`The last offset delta is ${batch.lastOffsetDelta(b)} with ${count} records`);
  }
  if (count > options.maxBatchRecords) {
    return invalid(`The record batch has ${count} records; ${options.maxBatchRecords} are allowed`);
  }
  if (!isCompressionType(type)) return invalid(`Compression ${type} is not defined`);
  if (type === CompressionType.zstd && options.apiVersion < 7) {
    return refuse(
      ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
      `zstd needs Produce 7; this is ${options.apiVersion}`,
    );
  }
  return checkProducer(b);
}

function checkProducer(b: Uint8Array): RefusedRecords | null {
  const id = batch.producerId(b), epoch = batch.producerEpoch(b), sequence = batch.baseSequence(b);
  if (id < batch.NO_PRODUCER_ID) return invalid(`Producer id ${id} is negative`);
  if (id === batch.NO_PRODUCER_ID) {
    return batch.isTransactional(b) ? invalid("A transactional batch needs a producer id") : null;
  }
  if (sequence < 0) return invalid(`Producer ${id} sends the negative sequence ${sequence}`);
  if (epoch < 0) {
    return refuse(
      ErrorCode.INVALID_PRODUCER_EPOCH,
      `Producer ${id} has the negative epoch ${epoch}`,
    );
  }
  return null;
}

function checkWalk(
  b: Uint8Array,
  plain: Uint8Array,
  walk: Walk,
  options: ValidateOptions,
): RefusedRecords | null {
  if (walk.error !== null) {
    const { index, error } = walk;
    if (index === batch.recordCount(b)) return invalid(`The records are malformed: ${error}`);
    const message = `Record ${index} is malformed: ${error}`;
    return invalid(message, [{ batchIndex: index, batchIndexErrorMessage: message }]);
  }
  if (options.isCompacted && walk.nullKeyIndex !== -1) {
    return blame(
      b,
      plain,
      ErrorCode.INVALID_RECORD,
      ({ key }) => key === null ? "A compacted topic needs a key in every record" : null,
    );
  }
  if (options.isLogAppendTime) return null;
  const base = batch.baseTimestamp(b);
  const earliest = options.nowMs - options.timestampBeforeMaxMs;
  const latest = options.nowMs + options.timestampAfterMaxMs;
  if (base + walk.minTimestampDelta >= earliest && base + walk.maxTimestampDelta <= latest) {
    return null;
  }
  return blame(
    b,
    plain,
    ErrorCode.INVALID_TIMESTAMP,
    ({ timestampMs }) =>
      timestampMs === batch.NO_TIMESTAMP || timestampMs >= earliest && timestampMs <= latest
        ? null
        : `Timestamp ${timestampMs} is outside ${earliest} to ${latest}`,
  );
}

/** Names every record to which `fault` objects; null when it turns out there is none. */
function blame(
  b: Uint8Array,
  plain: Uint8Array,
  errorCode: RefusedRecords["errorCode"],
  fault: (record: { key: Uint8Array | null; timestampMs: number }) => string | null,
): RefusedRecords | null {
  const recordErrors: RecordErrorEntry[] = [];
  // A batch that claims LogAppendTime is stored without the claim here, so its records' own times count.
  const own = batch.isLogAppendTime(b) ? withoutLogAppendTime(b) : b;
  for (const record of readRecordsIn(plain, own)) {
    const message = fault(record);
    if (message === null) continue;
    recordErrors.push({ batchIndex: record.offset, batchIndexErrorMessage: message });
    if (recordErrors.length === MAX_RECORD_ERRORS) break;
  }
  if (recordErrors.length === 0) return null;
  return refuse(errorCode, recordErrors[0].batchIndexErrorMessage, recordErrors);
}

function withoutLogAppendTime(b: Uint8Array): Uint8Array {
  const copy = b.slice();
  batch.setCreateTime(copy, 0, batch.maxTimestamp(b));
  return copy;
}

function accept(
  bytes: Uint8Array,
  plain: Uint8Array,
  walk: Walk,
  options: ValidateOptions,
): AcceptedRecords | RefusedRecords {
  const recordCount = batch.recordCount(bytes);
  const wanted = options.compression === "producer"
    ? batch.compression(bytes)
    : options.compression;
  if (wanted !== batch.compression(bytes)) {
    bytes = recompressed(bytes, plain, wanted as CompressionType, options.compressionLevel);
    if (bytes.length > options.maxMessageBytes) return tooLarge(bytes.length, options);
  }
  const ownMaxMs = ownMax(bytes, walk);
  if (options.isLogAppendTime) batch.setLogAppendTime(bytes, 0, options.nowMs);
  else if (batch.isLogAppendTime(bytes) || batch.maxTimestamp(bytes) !== ownMaxMs) {
    if (!Number.isSafeInteger(ownMaxMs)) return invalid(`Timestamp ${ownMaxMs} is beyond 2^53`);
    batch.setCreateTime(bytes, 0, ownMaxMs);
  }
  return {
    errorCode: ErrorCode.NONE,
    bytes,
    recordCount,
    maxTimestampMs: options.isLogAppendTime ? options.nowMs : ownMaxMs,
    maxTimestampOffsetDelta: options.isLogAppendTime ? recordCount - 1 : walk.maxTimestampIndex,
    compression: wanted as CompressionType,
    isTransactional: batch.isTransactional(bytes),
  };
}

/** The largest timestamp of the records; where no number has it, that of the header, if it is the same. */
function ownMax(bytes: Uint8Array, { maxTimestampDelta }: Walk): number {
  const ownMaxMs = batch.baseTimestamp(bytes) + maxTimestampDelta;
  return ownMaxMs >= Number.MAX_SAFE_INTEGER && batch.saysMaxTimestamp(bytes, maxTimestampDelta)
    ? batch.maxTimestamp(bytes)
    : ownMaxMs;
}

function recompressed(
  bytes: Uint8Array,
  plain: Uint8Array,
  type: CompressionType,
  level?: number,
): Uint8Array {
  const packed = compressForNow(type, plain, level);
  const into = new Uint8Array(batch.BATCH_OVERHEAD + packed.length);
  into.set(packed, batch.BATCH_OVERHEAD);
  batch.copyHeader(bytes, into, type);
  return into;
}

function refuse(
  errorCode: RefusedRecords["errorCode"],
  errorMessage: string,
  recordErrors: readonly RecordErrorEntry[] = [],
): RefusedRecords {
  return { errorCode, errorMessage, recordErrors, isMisframed: false };
}

const invalid = (message: string, recordErrors?: readonly RecordErrorEntry[]) =>
  refuse(ErrorCode.INVALID_RECORD, message, recordErrors);

const corrupt = (message: string) => refuse(ErrorCode.CORRUPT_MESSAGE, message);

const tooLarge = (size: number, { maxMessageBytes }: ValidateOptions) =>
  refuse(
    ErrorCode.MESSAGE_TOO_LARGE,
    `The record batch is ${size} bytes; max.message.bytes allows ${maxMessageBytes}`,
  );
