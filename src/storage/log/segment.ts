/**
 * Segment: the batches from one base offset to the next, with their two indexes.
 *
 * The `.log` blob is the only truth. The offset index says where to start looking, the time index which offset to
 * start from; either can be thrown away and is rebuilt from the log (recovery.ts). All of them are made at first use:
 * most segments of a large broker are asked nothing.
 */
import {
  baseOffset as batchBaseOffset,
  BATCH_OVERHEAD,
  lastOffset as batchLastOffset,
  maxTimestamp as batchMaxTimestamp,
  sizeInBytes,
} from "../../protocol/records/batch.ts";
import type { BufferPool } from "../../bytes/pool.ts";
import { OffsetIndex } from "../index/offset_index.ts";
import { type Blob, type Store, StoreError } from "../store.ts";
import { TimeIndex } from "../index/time_index.ts";
import { TxnIndex } from "../index/txn_index.ts";

export interface SegmentContext {
  readonly store: Store;
  readonly folder: string;
  readonly pool: BufferPool;
  /** What every file name ends in while compaction has not put the segment into its place. */
  readonly suffix?: string;
}

/** What an append needs to know of a batch. */
export interface BatchSummary {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
}

export interface ReadBounds {
  /** Bytes wanted at most. */
  readonly maxBytes: number;
  /** Batches that begin at or after this offset stay unread. */
  readonly endOffset: number;
  /** Whether the first batch is returned even when it alone is larger than maxBytes. */
  readonly minOneBatch: boolean;
}

export class Segment {
  readonly baseOffset: number;
  /** Timestamp of the first batch, from which segment.ms counts; null while empty or not read yet. */
  firstTimestampMs: number | null = null;
  readonly createdMs: number;
  readonly #context: SegmentContext;
  #log: Blob | null = null;
  #offsetIndex: OffsetIndex | null = null;
  #timeIndex: TimeIndex | null = null;
  #txnIndex: TxnIndex | null = null;
  #gone = false;
  /** Bytes admitted: those of the log, and those on their way to it; -1 until the log was asked. */
  #size = -1;
  #bytesSinceIndex = 0;
  #largestTimestampMs = -1;
  #offsetOfLargest = -1;
  #timesKnown = false;
  /** Where the next sequential read begins: after the last batch that was read. */
  #nextOffset = -1;
  #nextPosition = 0;

  constructor(context: SegmentContext, baseOffset: number, createdMs: number) {
    this.baseOffset = baseOffset;
    this.createdMs = createdMs;
    this.#context = context;
  }

  get log(): Blob {
    return this.#log ??= this.#openLog();
  }

  get offsetIndex(): OffsetIndex {
    return this.#offsetIndex ??= new OffsetIndex(
      this.#context.store,
      this.#path(".index"),
      this.baseOffset,
    );
  }

  get timeIndex(): TimeIndex {
    return this.#timeIndex ??= new TimeIndex(
      this.#context.store,
      this.#path(".timeindex"),
      this.baseOffset,
    );
  }

  /** Aborted transactions whose marker lies here. */
  get txnIndex(): TxnIndex {
    return this.#txnIndex ??= new TxnIndex(this.#context.store, this.#path(".txnindex"));
  }

  /** Bytes of all batches, written or about to be. */
  get size(): number {
    return this.#size < 0 ? this.#size = this.log.size : this.#size;
  }

  /** Opens the log now, making it when there is none. */
  create(): this {
    this.#log ??= this.#openLog();
    return this;
  }

  /** The largest record timestamp here and an offset that has it; -1 and -1 when there is none. */
  get largestTimestampMs(): number {
    this.#learnTimes();
    return this.#largestTimestampMs;
  }

  get offsetOfLargestTimestamp(): number {
    this.#learnTimes();
    return this.#offsetOfLargest;
  }

  /** Opens what admit() writes to, so that a failure to do so leaves nothing half done. */
  openIndexes(): void {
    this.create();
    this.offsetIndex.create();
    this.timeIndex.create();
  }

  /** Takes up a batch that is about to be appended to the log, behind everything admitted before. */
  admit(batch: BatchSummary, bytes: number, indexIntervalBytes: number): void {
    this.#learnTimes();
    this.#note(batch, this.size, bytes, indexIntervalBytes);
    this.#size += bytes;
  }

  /** Takes up a batch that is in the log already into the indexes; recovery's half of admit. */
  reindex(batch: BatchSummary, position: number, bytes: number, indexIntervalBytes: number): void {
    this.#timesKnown = true;
    this.#note(batch, position, bytes, indexIntervalBytes);
  }

  #note(batch: BatchSummary, position: number, bytes: number, indexIntervalBytes: number): void {
    if (this.firstTimestampMs === null && batch.maxTimestampMs >= 0) {
      this.firstTimestampMs = batch.maxTimestampMs;
    }
    if (batch.maxTimestampMs > this.#largestTimestampMs) {
      this.#largestTimestampMs = batch.maxTimestampMs;
      this.#offsetOfLargest = batch.lastOffset;
    }
    // As LogSegment.append: an entry points at the batch that follows at least indexIntervalBytes after the last.
    if (this.#bytesSinceIndex > indexIntervalBytes) {
      this.offsetIndex.append(batch.lastOffset, position);
      if (this.#largestTimestampMs >= 0) {
        this.timeIndex.maybeAppend(this.#largestTimestampMs, this.#offsetOfLargest);
      }
      this.#bytesSinceIndex = 0;
    }
    this.#bytesSinceIndex += bytes;
  }

  /**
   * Whole batches from the one that holds `offset` on (or the first after it). The memory is the pool's; whoever
   * sends or copies it gives it back. Null when there is nothing within the bounds.
   */
  read(offset: number, bounds: ReadBounds): Uint8Array | null {
    let position = offset === this.#nextOffset
      ? this.#nextPosition
      : this.offsetIndex.lookup(offset);
    let want = Math.max(bounds.maxBytes, BATCH_OVERHEAD);
    for (;;) {
      const left = this.log.size - position;
      if (left < BATCH_OVERHEAD) return null;
      const buffer = this.#context.pool.take(Math.min(want, left));
      const window = buffer.subarray(0, Math.min(want, left));
      let found: Uint8Array | null = null;
      try {
        const read = this.log.read(position, window);
        const start = skipBefore(window, read, offset);
        if (start + BATCH_OVERHEAD > read) { // every batch in the window lies before the offset
          if (start === 0) return null;
          position += start;
          continue;
        }
        const firstBytes = sizeInBytes(window, start);
        const mayExceed = bounds.minOneBatch && batchBaseOffset(window, start) < bounds.endOffset;
        if (
          start + firstBytes > read && (mayExceed || firstBytes <= bounds.maxBytes) && read < left
        ) {
          position += start; // the first batch is cut off: read it whole
          want = Math.max(firstBytes, bounds.maxBytes);
          continue;
        }
        const end = wholeBatches(window, start, read, bounds);
        if (end === start) return null;
        this.#nextOffset = batchLastOffset(window, lastBatchAt) + 1;
        this.#nextPosition = position + end;
        return found = window.subarray(start, end);
      } finally {
        if (found === null) this.#context.pool.give(buffer);
      }
    }
  }

  /** Every batch from `position` on, as (bytes, position) pairs, read in large pieces; for scans. The bytes die with the next step. */
  *scan(position = 0, end = this.log.size): Generator<[Uint8Array, number]> {
    let buffer = new Uint8Array(Math.max(0, Math.min(SCAN_BYTES, end - position)));
    while (position + BATCH_OVERHEAD <= end) {
      const read = this.log.read(
        position,
        buffer.subarray(0, Math.min(buffer.length, end - position)),
      );
      let at = 0;
      while (at + BATCH_OVERHEAD <= read) {
        const size = sizeInBytes(buffer, at);
        if (size < BATCH_OVERHEAD || at + size > read) break;
        yield [buffer.subarray(at, at + size), position + at];
        at += size;
      }
      if (at > 0) position += at;
      else {
        const size = sizeInBytes(buffer, 0);
        if (size <= buffer.length || position + size > end) return; // torn: recovery's business
        buffer = new Uint8Array(size);
      }
    }
  }

  /** Cuts everything at and after `position`; indexes forget what pointed there. */
  truncate(position: number, nextOffset: number): void {
    this.log.truncate(position);
    this.#size = position;
    this.offsetIndex.truncateTo(nextOffset);
    this.timeIndex.truncateTo(nextOffset);
    this.txnIndex.truncateTo(nextOffset);
    this.#nextOffset = -1;
    this.#timesKnown = position === 0;
    this.#largestTimestampMs = this.#offsetOfLargest = -1;
    this.#bytesSinceIndex = 0;
    if (position === 0) this.firstTimestampMs = null;
  }

  /** Empties both indexes, for a rebuild by reindex(), and the transactions', for one by rebuildTxnIndexes(). */
  clearIndexes(): void {
    this.offsetIndex.clear();
    this.timeIndex.clear();
    this.txnIndex.rewrite([]);
    this.firstTimestampMs = null;
    this.#largestTimestampMs = this.#offsetOfLargest = -1;
    this.#timesKnown = true;
    this.#bytesSinceIndex = 0;
  }

  /** Writes index entries that are only in memory; `seal` adds the last timestamp, as Kafka does when a segment rolls or closes. */
  flushIndexes(seal: boolean): void {
    if (this.#log === null) return; // nothing has come since it was sealed
    if (seal) {
      this.openIndexes();
      this.#learnTimes();
      if (this.#largestTimestampMs >= 0) {
        this.timeIndex.maybeAppend(this.#largestTimestampMs, this.#offsetOfLargest);
      }
    }
    this.#offsetIndex?.flush();
    this.#timeIndex?.flush();
  }

  /**
   * fdatasync of the log and of the aborted transactions, which nobody looks for below the recovery point. Whether the
   * latter may have made a file. The segment may be closed or removed meanwhile; then nothing is owed.
   */
  async sync(): Promise<boolean> {
    if (this.#gone) return false;
    try {
      await this.log.sync();
      return !this.#gone && await this.syncTransactions();
    } catch (error) {
      if (!this.#gone) throw error;
      return false;
    }
  }

  /** fdatasync of the aborted transactions, when any were written since the last. Whether there were. */
  async syncTransactions(): Promise<boolean> {
    return await this.#txnIndex?.sync() ?? false;
  }

  /** Drops what can be read again. */
  unload(): void {
    this.#offsetIndex?.unload();
    this.#timeIndex?.unload();
    this.#txnIndex?.unload();
  }

  close(): void {
    this.#gone = true;
    this.#log?.close();
    this.#offsetIndex?.close();
    this.#timeIndex?.close();
    this.#txnIndex?.close();
  }

  #path(file: string): string {
    const { folder, suffix } = this.#context;
    return `${folder}/${segmentName(this.baseOffset)}${file}${suffix ?? ""}`;
  }

  #openLog(): Blob {
    const path = this.#path(".log");
    if (this.#gone) throw new StoreError(`Cannot use ${path}: it was closed`, "io");
    return this.#context.store.open(path);
  }

  /** After a lazy open: the last time index entry, and the batches behind it, know the largest timestamp. */
  #learnTimes(): void {
    if (this.#timesKnown) return;
    this.#timesKnown = true;
    if (this.size === 0) return;
    this.#largestTimestampMs = this.timeIndex.lastTimestampMs;
    this.#offsetOfLargest = this.timeIndex.lastOffset;
    const from = this.timeIndex.entryCount === 0
      ? 0
      : this.offsetIndex.lookup(this.#offsetOfLargest);
    this.#bytesSinceIndex = this.log.size - this.offsetIndex.lastPosition;
    for (const [batch] of this.scan(from)) {
      const timestampMs = batchMaxTimestamp(batch, 0);
      if (timestampMs > this.#largestTimestampMs) {
        this.#largestTimestampMs = timestampMs;
        this.#offsetOfLargest = batchLastOffset(batch, 0);
      }
    }
    for (const [batch] of this.scan(0)) {
      this.firstTimestampMs = batchMaxTimestamp(batch, 0);
      break;
    }
  }
}

const SCAN_BYTES = 1 << 18;

/** "00000000000000000042": twenty digits, so that names sort as offsets do. */
export function segmentName(baseOffset: number): string {
  return String(baseOffset).padStart(20, "0");
}

/** Where the first batch begins that ends at or after `offset`; where the next one would when there is none. */
function skipBefore(bytes: Uint8Array, length: number, offset: number): number {
  let at = 0;
  while (at + BATCH_OVERHEAD <= length && batchLastOffset(bytes, at) < offset) {
    const size = sizeInBytes(bytes, at);
    if (size < BATCH_OVERHEAD) return length;
    at += size;
  }
  return at;
}

/** Where the last batch begins that wholeBatches() took in; a second result without an object per read. */
let lastBatchAt = 0;

/** Where the last batch ends that fits the bounds. */
function wholeBatches(
  bytes: Uint8Array,
  start: number,
  length: number,
  bounds: ReadBounds,
): number {
  let end = start;
  while (end + BATCH_OVERHEAD <= length) {
    const size = sizeInBytes(bytes, end);
    if (size < BATCH_OVERHEAD || end + size > length) break;
    if (end + size - start > bounds.maxBytes && !(end === start && bounds.minOneBatch)) break;
    if (batchBaseOffset(bytes, end) >= bounds.endOffset) break;
    lastBatchAt = end;
    end += size;
  }
  return end;
}
