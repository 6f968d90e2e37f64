/**
 * JoinedRecords: records of batches that were read, to be sent as one batch: offsets become dense, whatever compaction
 * or transactions left between them, and everything else stays the bytes it was.
 *
 * Timestamps are moved to one base where several batches come together. Beyond 2^53 ms that would lose precision: such a
 * batch has to stay alone (see mayJoin).
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
import * as batch from "./batch.ts";
import { compress, type CompressionType } from "./compression.ts";
import { recordBytes, RecordError } from "./record.ts";

/** A record without its length and its place. */
interface Piece {
  readonly bytes: Uint8Array;
  readonly attributes: number;
  /** Its timestamp delta as it stands there; 0 to 0: none of its own. */
  readonly timeFrom: number;
  readonly timeTo: number;
  /** To be added to that delta; 0: the bytes are copied. */
  readonly shiftMs: number;
  /** From the key on. */
  readonly tailFrom: number;
  readonly tailTo: number;
}

export class JoinedRecords {
  readonly #pieces: Piece[] = [];
  #base = new Uint8Array(8);
  #baseMs = 0;
  #maxMs: number = batch.NO_TIMESTAMP;
  /** Of a batch that stays alone: its header's, as bytes. */
  #exactMax: Uint8Array | null = null;
  /** What the records take uncompressed, about. */
  sizeInBytes = 0;

  get count(): number {
    return this.#pieces.length;
  }

  /**
   * Takes the records from `fromOffset` on of the batch at `at`, which must be whole and checked, until there are
   * `maxBytes`; one at least. Returns the offset of the first that was not taken, null when all were. The bytes must stay
   * as they are until build(). Throws RecordError, CompressionError.
   */
  add(bytes: Uint8Array, at: number, fromOffset: number, maxBytes = Infinity): number | null {
    const isAppendTime = batch.isLogAppendTime(bytes, at);
    const baseField = bytes.slice(at + BASE_TIMESTAMP, at + BASE_TIMESTAMP + 8);
    const maxField = bytes.slice(at + MAX_TIMESTAMP, at + MAX_TIMESTAMP + 8);
    const baseMs = isAppendTime ? batch.maxTimestamp(bytes, at) : batch.baseTimestamp(bytes, at);
    if (this.#pieces.length === 0) {
      this.#base = isAppendTime ? maxField : baseField;
      this.#baseMs = baseMs;
    }
    if (!mayJoin(bytes, at)) this.#exactMax = maxField;
    const shiftMs = baseMs - this.#baseMs;
    const records = recordBytes(bytes, at), base = batch.baseOffset(bytes, at);
    let next = 0;
    for (let left = batch.recordCount(bytes, at); left > 0; left--) {
      const from = next, length = readChecked(readVarint, records, from);
      const body = varintEnd;
      next = body + length;
      if (length < 4 || next > records.length) throw malformed(from, `is ${length} bytes long`);
      const deltaMs = readChecked(readVarlong, records, body + 1);
      const timeTo = varintEnd;
      const offset = base + readChecked(readVarint, records, timeTo);
      if (offset < fromOffset) continue;
      if (varintEnd > next) throw malformed(from, "is cut off");
      if (this.#pieces.length > 0 && this.sizeInBytes + length > maxBytes) return offset;
      this.#pieces.push({
        bytes: records,
        attributes: records[body],
        timeFrom: isAppendTime ? 0 : body + 1,
        timeTo: isAppendTime ? 0 : timeTo,
        shiftMs,
        tailFrom: varintEnd,
        tailTo: next,
      });
      this.sizeInBytes += length + RECORD_BYTES;
      this.#maxMs = Math.max(this.#maxMs, isAppendTime ? baseMs : baseMs + deltaMs);
    }
    return null;
  }

  /** A batch of them without a producer, at offset 0. The next ones may be added then. */
  build(compression: CompressionType): Uint8Array {
    const pieces = this.#pieces.splice(0);
    const plain = written(pieces);
    const packed = compress(compression, plain);
    const bytes = new Uint8Array(batch.BATCH_OVERHEAD + packed.length);
    bytes.set(packed, batch.BATCH_OVERHEAD);
    batch.writeHeader(bytes, 0, bytes.length, {
      baseOffset: 0,
      partitionLeaderEpoch: -1,
      attributes: compression,
      lastOffsetDelta: pieces.length - 1,
      baseTimestampMs: this.#baseMs,
      maxTimestampMs: this.#maxMs,
      producerId: batch.NO_PRODUCER_ID,
      producerEpoch: batch.NO_PRODUCER_EPOCH,
      baseSequence: batch.NO_SEQUENCE,
      recordCount: pieces.length,
    });
    if (this.#exactMax !== null) {
      bytes.set(this.#base, BASE_TIMESTAMP);
      bytes.set(this.#exactMax, MAX_TIMESTAMP);
      batch.writeCrc(bytes);
    }
    this.#exactMax = null;
    this.#maxMs = batch.NO_TIMESTAMP;
    this.sizeInBytes = 0;
    return bytes;
  }
}

/** Whether the records of a batch may be joined with those of others. */
export function mayJoin(bytes: Uint8Array, at: number): boolean {
  return Math.abs(batch.baseTimestamp(bytes, at)) < LARGEST_MS &&
    Math.abs(batch.maxTimestamp(bytes, at)) < LARGEST_MS;
}

function written(pieces: readonly Piece[]): Uint8Array {
  let size = 0;
  const lengths: number[] = [];
  for (const [place, piece] of pieces.entries()) {
    const length = 1 + timeSize(piece) + varintSize(place) + piece.tailTo - piece.tailFrom;
    lengths.push(length);
    size += varintSize(length) + length;
  }
  const into = new Uint8Array(size);
  let at = 0;
  for (const [place, piece] of pieces.entries()) {
    const { bytes, timeFrom, timeTo, shiftMs, tailFrom, tailTo } = piece;
    at = writeVarint(into, at, lengths[place]);
    into[at++] = piece.attributes;
    if (shiftMs !== 0 || timeTo === 0) at = writeVarlong(into, at, deltaOf(piece));
    else {
      into.set(bytes.subarray(timeFrom, timeTo), at);
      at += timeTo - timeFrom;
    }
    at = writeVarint(into, at, place);
    into.set(bytes.subarray(tailFrom, tailTo), at);
    at += tailTo - tailFrom;
  }
  return into;
}

function timeSize(piece: Piece): number {
  const isCopied = piece.shiftMs === 0 && piece.timeTo > 0;
  return isCopied ? piece.timeTo - piece.timeFrom : varlongSize(deltaOf(piece));
}

function deltaOf({ bytes, timeFrom, timeTo, shiftMs }: Piece): number {
  return (timeTo === 0 ? 0 : readVarlong(bytes, timeFrom)) + shiftMs;
}

function readChecked(
  read: (bytes: Uint8Array, at: number) => number,
  bytes: Uint8Array,
  at: number,
): number {
  try {
    return read(bytes, at);
  } catch (error) {
    throw malformed(at, `is cut off (${(error as Error).message})`);
  }
}

const malformed = (at: number, why: string) =>
  new RecordError(`Cannot read the record at ${at}: it ${why}`);

/** Sums and differences of two of them are exact, and neither is one that was cut to 2^53. */
const LARGEST_MS = 2 ** 52;
/** About what a record's length, timestamp and offset take. */
const RECORD_BYTES = 12;
/** In the header of a batch (batch.ts). */
const BASE_TIMESTAMP = 27, MAX_TIMESTAMP = 35;
