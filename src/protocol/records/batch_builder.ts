/**
 * BatchBuilder: a batch that grows record by record, each written as it comes: what a producer holds of a record is its
 * bytes, and no objects. Whose it is (producer id, sequence) is said last, and may be said again.
 */
import * as batch from "./batch.ts";
import { compressForNow, CompressionType } from "./compression.ts";
import type { NewRecord } from "./build.ts";
import { measuredRecord, writeRecord } from "./write_record.ts";

/** What a batch is finished with. */
export interface BatchOwner {
  readonly compression: CompressionType;
  /** For gzip and zstd. */
  readonly level?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
}

/** A record with its time where no number has it, of which `timestampMs` is then what comes nearest. */
export interface TimedRecord extends NewRecord {
  readonly exactTimestampMs?: bigint;
}

export class BatchBuilder {
  #bytes: Uint8Array<ArrayBuffer>;
  #used: number = batch.BATCH_OVERHEAD;
  readonly #timestamps: number[] = [];
  #maxTimestampMs: number = batch.NO_TIMESTAMP;
  /** Of the one record there is. */
  #exactTimestampMs: bigint | undefined;
  /** Whether somebody may hold #bytes or #packed. */
  #isGiven = false;
  /** The records, compressed, behind the room for a header; null before. */
  #packed: Uint8Array<ArrayBuffer> | null = null;
  #released: Uint8Array<ArrayBuffer> | null = null;

  /** `capacity`: bytes it may have without being moved, about; `room`: what another one released, in place of new memory. */
  constructor(capacity: number, room: Uint8Array<ArrayBuffer> | null = null) {
    const needed = Math.max(capacity, MIN_CAPACITY);
    this.#bytes = room !== null && room.length >= needed ? room : new Uint8Array(needed);
  }

  /** How many records. */
  get count(): number {
    return this.#timestamps.length;
  }

  /** Uncompressed. */
  get sizeInBytes(): number {
    return this.#used;
  }

  timestampMs(i: number): number {
    return this.#timestamps[i];
  }

  /** There where no number has it. */
  get exactTimestampMs(): bigint | undefined {
    return this.#exactTimestampMs;
  }

  /** Whether add() takes it: a time that no number has, or is too far from the first, needs a batch of its own. */
  takes({ timestampMs, exactTimestampMs }: TimedRecord): boolean {
    return this.count === 0 ||
      exactTimestampMs === undefined && this.#exactTimestampMs === undefined &&
        Math.abs(timestampMs - this.#timestamps[0]) <= Number.MAX_SAFE_INTEGER;
  }

  /** Behind the others, if it takes it; its bytes are copied. Not behind pack() or finish(). */
  add(record: TimedRecord): void {
    if (!this.takes(record)) throw new Error("This batch cannot hold the record's time");
    const offsetDelta = this.count, { timestampMs } = record;
    const timestampDelta = offsetDelta === 0 ? 0 : timestampMs - this.#timestamps[0];
    const measured = measuredRecord(record, { offsetDelta, timestampDelta });
    this.#reserve(measured.size);
    this.#used = writeRecord(this.#bytes, this.#used, measured);
    this.#timestamps.push(timestampMs);
    this.#exactTimestampMs = record.exactTimestampMs;
    this.#maxTimestampMs = Math.max(this.#maxTimestampMs, timestampMs);
  }

  /** Compresses the records ahead of finish(), which then has little to do. Throws what compress() throws. */
  pack(compression: CompressionType, level?: number): void {
    if (compression === CompressionType.none || this.#packed !== null) return;
    const plain = this.#bytes.subarray(batch.BATCH_OVERHEAD, this.#used);
    const packed = compressForNow(compression, plain, level);
    this.#packed = new Uint8Array(batch.BATCH_OVERHEAD + packed.length);
    this.#packed.set(packed, batch.BATCH_OVERHEAD);
    this.#released = this.#bytes.length <= MOST_KEPT ? this.#bytes : null;
    this.#bytes = NOTHING;
  }

  /** Memory that it needs no more as it is compressed, once; null: there is none. */
  released(): Uint8Array<ArrayBuffer> | null {
    const room = this.#released;
    this.#released = null;
    return room;
  }

  /** The batch. Once more it is another array: the first may be on its way still. Throws what compress() throws. */
  finish({ compression, level, isTransactional, ...owner }: BatchOwner): Uint8Array<ArrayBuffer> {
    const bytes = this.#whole(compression, level), count = this.count;
    batch.writeHeader(bytes, 0, bytes.length, {
      baseOffset: 0,
      partitionLeaderEpoch: -1,
      attributes: compression | (isTransactional ? batch.TRANSACTIONAL_FLAG : 0),
      lastOffsetDelta: count - 1,
      baseTimestampMs: count === 0 ? batch.NO_TIMESTAMP : this.#timestamps[0],
      maxTimestampMs: this.#maxTimestampMs,
      producerId: owner.producerId ?? batch.NO_PRODUCER_ID,
      producerEpoch: owner.producerEpoch ?? batch.NO_PRODUCER_EPOCH,
      baseSequence: owner.baseSequence ?? batch.NO_SEQUENCE,
      recordCount: count,
    });
    if (this.#exactTimestampMs !== undefined) {
      batch.setExactTimestamp(bytes, 0, this.#exactTimestampMs);
    }
    return bytes;
  }

  /** Its records behind the room for a header. */
  #whole(compression: CompressionType, level: number | undefined): Uint8Array<ArrayBuffer> {
    this.pack(compression, level);
    if ((compression === CompressionType.none) !== (this.#packed === null)) {
      throw new Error("This batch is compressed already");
    }
    const bytes = this.#packed ?? this.#bytes.subarray(0, this.#used);
    const isFirst = !this.#isGiven;
    this.#isGiven = true;
    return isFirst ? bytes : bytes.slice();
  }

  #reserve(more: number): void {
    const needed = this.#used + more;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = larger;
  }
}

const MIN_CAPACITY = 512;
/** What one large record has taken is not kept for small ones. */
const MOST_KEPT = 1 << 20;
const NOTHING = new Uint8Array(0);
