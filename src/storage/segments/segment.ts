/**
 * Segment: the batches from one base offset to the next, with their two indexes.
 *
 * The `.log` blob is the only truth. The offset index says where to start looking, the time index which offset to
 * start from; either is a hint that is held against the batch it leads to, and rebuilt from the log when they disagree
 * (index_check.ts). Batches that lay there before this process came are checked when they are first read
 * (checked_range.ts); one that is not sound ends the read with a CorruptBatchError. All of them are made at first use:
 * most segments of a large broker are asked nothing.
 */
import {
  baseOffset as batchBaseOffset,
  BATCH_OVERHEAD,
  lastOffset as batchLastOffset,
  sizeInBytes,
} from "../../protocol/records/batch.ts";
import {
  isPointedAt,
  lastBatchAt,
  type ReadBounds,
  skipBefore,
  wholeBatches,
} from "./batch_window.ts";
import { CheckedLog, type CheckedSource } from "./checked_log.ts";
import type { Walk } from "./checked_range.ts";
import type { BatchSummary, SegmentContext } from "./segment_context.ts";
import { CorruptBatchError } from "./corrupt_batch_error.ts";
import { learnTimes, remakeIndexes } from "./index_check.ts";
import { OffsetIndex } from "../index/offset_index.ts";
import { type Blob, StoreError } from "../store.ts";
import { TimeIndex } from "../index/time_index.ts";
import { TxnIndex } from "../index/txn_index.ts";

export type { BatchSummary, ReadBounds, SegmentContext };

export class Segment implements CheckedSource {
  readonly baseOffset: number;
  /** Where the next segment begins; Infinity in the active one. */
  limitOffset = Infinity;
  /** Whether the aborted transactions were held against the batches (txn_index_rebuild.ts). */
  areTransactionsChecked = false;
  /** Timestamp of the first batch, from which segment.ms counts; null while empty or not read yet. */
  firstTimestampMs: number | null = null;
  /** When it was begun or opened here, in monotonic time… */
  readonly createdMs: number;
  /** …and when a batch was last added to it, or as long ago as that. */
  writtenMs: number;
  readonly #context: SegmentContext;
  #log: Blob | null = null;
  #offsetIndex: OffsetIndex | null = null;
  #timeIndex: TimeIndex | null = null;
  #txnIndex: TxnIndex | null = null;
  #gone = false;
  /** Whether the last read() ended where the log does. */
  reachedEnd = false;
  /** Bytes admitted: those of the log, and those on their way to it; -1 until the log was asked. */
  #size = -1;
  #bytesSinceIndex = 0;
  #largestTimestampMs = -1;
  #offsetOfLargest = -1;
  #timesKnown = false;
  /** The damage that hides times: all is left to who reads. */
  timesDamage: CorruptBatchError | null = null;
  #areIndexesRebuilt = false;
  /** Whether they were held against the log's end. */
  #areIndexesHeld = false;
  /** Why they could not be. */
  #rebuildFault: CorruptBatchError | null = null;
  readonly #checked = new CheckedLog(this);
  /** The end that was found for so many bytes. */
  #endOffset = -1;
  #endBytes = -1;
  /** Where the next sequential read begins: after the last batch that was read. */
  #nextOffset = -1;
  #nextPosition = 0;

  constructor(context: SegmentContext, baseOffset: number, createdMs: number) {
    this.baseOffset = baseOffset;
    this.createdMs = this.writtenMs = createdMs;
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

  get folder(): string {
    return this.#context.folder;
  }

  onProblem(event: string, details: Record<string, unknown>): void {
    this.#context.onProblem?.(event, details);
  }

  get mayHaveGaps(): boolean {
    return this.#context.mayHaveGaps ?? true;
  }

  get maxLeaderEpoch(): number {
    return this.#context.maxLeaderEpoch ?? Infinity;
  }

  /** Whether all of it was appended by this process. */
  get isFresh(): boolean {
    return this.#checked.range.appendedFrom === 0;
  }

  /**
   * The largest record timestamp here and an offset that has it; -1 and -1 when there is none. Infinity when damage
   * hides it: then the segment is neither too old to keep nor too old to be searched.
   */
  get largestTimestampMs(): number {
    this.#learnTimes();
    return this.timesDamage !== null ? Infinity : this.#largestTimestampMs;
  }

  /**
   * Opens what admit() writes to, so that a failure to do so leaves nothing half done. `endOffset` is the log's, where
   * this is its last segment.
   */
  openIndexes(endOffset = Infinity): void {
    this.create();
    this.#learnTimes();
    this.offsetIndex.create();
    this.timeIndex.create();
    if (!this.#areIndexesHeld && endOffset < Infinity) this.#forgetBeyond(endOffset);
  }

  /**
   * Entries of batches that are not here go: a power loss can leave the index files of a log that it cut, or bring back
   * what they had been cut by.
   */
  #forgetBeyond(endOffset: number): void {
    for (const index of [this.offsetIndex, this.timeIndex]) {
      if (index.entryCount === 0 || index.lastOffset < endOffset) continue;
      index.truncateTo(endOffset);
      const reason = "it has entries beyond the end of the log";
      this.onProblem("index_rebuilt", { path: index.path, reason });
    }
    this.#areIndexesHeld = true;
  }

  /** Takes up a batch that is about to be appended to the log, behind everything admitted before. */
  admit(batch: BatchSummary, bytes: number, indexIntervalBytes: number): void {
    this.#learnTimes();
    this.#checked.range.trust(this.size);
    this.#note(batch, this.size, bytes, indexIntervalBytes);
    this.#size += bytes;
    this.#endOffset = batch.lastOffset + 1;
    this.#endBytes = this.#size;
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
    if (this.timesDamage !== null) return; // the indexes end before the damage, or cannot be trusted to ascend
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
   * sends or copies it gives it back. Null when there is nothing within the bounds. Throws CorruptBatchError when what
   * it would give, or has to pass, is not sound.
   */
  read(offset: number, bounds: ReadBounds): Uint8Array | null {
    this.reachedEnd = false;
    const isNext = offset === this.#nextOffset;
    const led = isNext ? this.#nextPosition : this.offsetIndex.lookup(offset);
    let entryOffset = isNext ? -1 : this.offsetIndex.foundOffset;
    let position = led, want = Math.max(bounds.maxBytes, BATCH_OVERHEAD), walk: Walk | null = null;
    for (;;) {
      const left = this.log.size - position;
      if (left < BATCH_OVERHEAD) {
        this.reachedEnd = true;
        if (left === 0 || position >= this.#checked.range.trustedFrom && entryOffset < 0) {
          return null;
        }
        if (entryOffset < 0) {
          throw this.#checked.corrupt(position, offset, "no whole batch is left");
        }
      }
      const buffer = this.#context.pool.take(Math.max(0, Math.min(want, left)));
      const window = buffer.subarray(0, Math.max(0, Math.min(want, left)));
      let found: Uint8Array | null = null;
      try {
        let read = this.log.read(position, window);
        if (entryOffset >= 0 && !isPointedAt(window, read, entryOffset)) {
          this.rebuildIndexes(this.offsetIndex.path, leadsNowhere(entryOffset));
          return this.read(offset, bounds);
        }
        entryOffset = -1;
        const isCold = !this.#checked.range.covers(position, position + read);
        if (isCold) {
          walk ??= this.#checked.walkFrom(position, isNext ? offset : -1);
          const size = sizeInBytes(window);
          const whole = this.#checked.check(window, read, position, walk, offset);
          if (whole < 0) {
            if (!isNext && position === led && this.#mayIndexBeWrong()) {
              return this.read(offset, bounds);
            }
            throw this.#checked.thrown();
          }
          if (whole === 0) { // the first batch is cut off: it is checked whole or not at all
            want = Math.max(size, bounds.maxBytes);
            continue;
          }
          read = whole;
        }
        const start = skipBefore(window, read, offset);
        if (isCold && this.#lacksEntries(position + start - led)) {
          this.rebuildIndexes(this.offsetIndex.path, "entries are missing");
          return this.read(offset, bounds);
        }
        if (start + BATCH_OVERHEAD > read) { // every batch in the window lies before the offset
          if (start === 0) return null;
          position += start;
          continue;
        }
        if (isCold && !this.mayHaveGaps && batchBaseOffset(window, start) > offset) {
          throw this.#checked.corrupt(
            position + start,
            offset,
            "the batches before it are missing",
          );
        }
        const firstBytes = sizeInBytes(window, start);
        const isThere = batchBaseOffset(window, start) < bounds.endOffset;
        const mayExceed = bounds.minOneBatch && isThere;
        if (isThere && firstBytes < BATCH_OVERHEAD) { // damaged after it was written, or checked
          throw this.#checked.corrupt(position + start, offset, `its size is ${firstBytes} bytes`);
        }
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

  /** Reports that what must lie at the end of this segment is missing, and is what to throw. */
  corrupt(offset: number, reason: string): CorruptBatchError {
    return this.#checked.corrupt(this.size, offset, reason);
  }

  /** The position to look for `offset` from; the index is held against the batch there first. */
  positionOf(offset: number): number {
    const { offsetIndex } = this;
    const position = offsetIndex.lookup(offset), entryOffset = offsetIndex.foundOffset;
    if (offsetIndex.damage === null) {
      if (entryOffset < 0 || this.isFresh || this.#checked.isEntrySound(position, entryOffset)) {
        return position;
      }
    }
    this.rebuildIndexes(offsetIndex.path, offsetIndex.damage ?? leadsNowhere(entryOffset));
    return this.positionOf(offset);
  }

  /** The first bytes of the batch that holds `offset`, with all of its header; null when none does. */
  batchAt(offset: number): Uint8Array | null {
    for (const [bytes] of this.intact(this.positionOf(offset), HEADER_PIECE_BYTES)) {
      if (batchLastOffset(bytes, 0) < offset) continue;
      return batchBaseOffset(bytes, 0) <= offset ? bytes.slice(0, HEAD_BYTES) : null;
    }
    return null;
  }

  /** One past the last offset here; the base offset when there is no batch. Batches on their way count. */
  get endOffset(): number {
    const { size } = this;
    if (this.#endBytes === size) return this.#endOffset;
    let end = this.baseOffset;
    const from = size === 0 ? 0 : this.positionOf(this.offsetIndex.lastOffset);
    for (const [bytes] of this.intact(from)) end = batchLastOffset(bytes, 0) + 1;
    this.#endBytes = size;
    return this.#endOffset = end;
  }

  /** Whole batches from `position` on, each checked first (checked_log.ts). The bytes die with the next step. */
  intact(position = 0, pieceBytes?: number, always = false): Generator<[Uint8Array, number]> {
    return this.#checked.intact(position, pieceBytes, always);
  }

  /** The same unchecked, for who judges them: recovery and verify. */
  scan(position = 0, end = this.log.size): Generator<[Uint8Array, number]> {
    return this.#checked.scan(position, end);
  }

  /**
   * Cuts everything at and after `position`; indexes forget what pointed there. Where the store refuses, it may be called
   * again: what is in memory knows nothing of it by then.
   */
  truncate(position: number, nextOffset: number): void {
    this.#size = position;
    this.#checked.range.cut(position);
    this.#endBytes = -1;
    this.areTransactionsChecked = false;
    this.#nextOffset = -1;
    this.#timesKnown = position === 0;
    this.#largestTimestampMs = this.#offsetOfLargest = -1;
    this.#bytesSinceIndex = 0;
    if (position === 0) this.firstTimestampMs = null;
    this.log.truncate(position);
    this.offsetIndex.truncateTo(nextOffset);
    this.timeIndex.truncateTo(nextOffset);
    this.txnIndex.truncateTo(nextOffset);
  }

  /** Writes index entries that are only in memory; `seal` adds the last timestamp, as Kafka does when a segment rolls or closes. */
  flushIndexes(seal: boolean): void {
    if (this.#log === null) return; // nothing has come since it was sealed
    if (seal) {
      this.openIndexes();
      this.#learnTimes();
      const isBehind = this.timeIndex.lastOffset <= this.#offsetOfLargest;
      if (this.#largestTimestampMs >= 0 && this.timesDamage === null && isBehind) {
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
    const times = learnTimes(this, this.#indexIntervalBytes);
    this.firstTimestampMs = times.firstMs;
    this.#largestTimestampMs = times.largestMs;
    this.#offsetOfLargest = times.offsetOfLargest;
    this.timesDamage = times.damage; // writing goes on
    this.#bytesSinceIndex = this.log.size - this.offsetIndex.lastPosition;
    this.offsetIndex.unload(); // most are asked no more than this
    this.timeIndex.unload();
  }

  get #indexIntervalBytes(): number {
    return this.#context.indexIntervalBytes ?? DEFAULT_INDEX_INTERVAL_BYTES;
  }

  /** Whether an index that led so far before a batch should have had an entry that leads nearer. */
  #lacksEntries(bytesPassed: number): boolean {
    const isEmpty = this.offsetIndex.entryCount === 0;
    // Kafka indexes once an append, and compaction appends up to a megabyte; an interval may have been changed.
    return !this.#areIndexesRebuilt && this.offsetIndex.damage === null &&
        bytesPassed > this.#indexIntervalBytes + (isEmpty ? 0 : 2 << 20) ||
      this.offsetIndex.damage !== null;
  }

  /** Makes both indexes anew from the log, once; what is wrong after that is wrong with the log. */
  rebuildIndexes(path: string, reason: string): void {
    if (this.#rebuildFault !== null) throw this.#rebuildFault;
    try {
      if (this.#areIndexesRebuilt) {
        throw this.#checked.corrupt(0, this.baseOffset, `${path}: ${reason}`);
      }
      remakeIndexes(this, this.#indexIntervalBytes);
    } catch (error) {
      if (error instanceof CorruptBatchError) this.#rebuildFault = error;
      throw error;
    }
    this.#areIndexesRebuilt = true;
    this.onProblem("index_rebuilt", { path, reason });
  }

  /** Where an index led to what is no sound batch: whether it was the index, which is made anew then. */
  #mayIndexBeWrong(): boolean {
    if (this.#areIndexesRebuilt || this.#rebuildFault !== null) return false;
    if (this.offsetIndex.entryCount === 0) return false;
    try {
      this.rebuildIndexes(this.offsetIndex.path, this.#checked.fault.reason);
      return true;
    } catch (error) {
      if (!(error instanceof CorruptBatchError)) throw error;
      return false; // reported
    }
  }
}

function leadsNowhere(entryOffset: number): string {
  return `it leads to no batch that ends at ${entryOffset}`;
}

const HEADER_PIECE_BYTES = 1 << 14;
/** A header, and the record of a control batch. */
const HEAD_BYTES = 256;
const DEFAULT_INDEX_INTERVAL_BYTES = 4096;

/** "00000000000000000042": twenty digits, so that names sort as offsets do. */
export function segmentName(baseOffset: number): string {
  return String(baseOffset).padStart(20, "0");
}
