/**
 * BatchBuilder: a batch that grows record by record, each written as it comes: what a producer holds of a record is its
 * bytes, and no objects. Whose it is (producer id, sequence) is said last, and may be said again.
 */
import * as batch from "./batch.ts";
import { compress, CompressionType } from "./compression.ts";
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
  /** Whether somebody may hold #bytes. */
  #isGiven = false;
  /** The records, compressed; null before. */
  #packed: Uint8Array | null = null;

  /** `capacity`: bytes it may have without being moved, about. */
  constructor(capacity: number) {
    this.#bytes = new Uint8Array(Math.max(capacity, MIN_CAPACITY));
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
    if (compression === CompressionType.none) return;
    this.#packed ??= compress(
      compression,
      this.#bytes.subarray(batch.BATCH_OVERHEAD, this.#used),
      level,
    );
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
    if (compression === CompressionType.none) {
      const bytes = this.#bytes.subarray(0, this.#used), isFirst = !this.#isGiven;
      this.#isGiven = true;
      return isFirst ? bytes : bytes.slice();
    }
    this.pack(compression, level);
    const packed = this.#packed!, bytes = new Uint8Array(batch.BATCH_OVERHEAD + packed.length);
    bytes.set(packed, batch.BATCH_OVERHEAD);
    return bytes;
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
