/**
 * PartitionLog: one partition's batches, from the log start to the log end, and what may be read of them.
 *
 *     logStartOffset ≤ lastStableOffset ≤ highWatermark ≤ logEndOffset
 *
 * Offsets are given out synchronously: everything in append() happens before its caller can await, so appends of
 * one connection keep their order. How their bytes come to the device is the tail's business
 * (log_tail.ts). Acknowledgement is asynchronous: `durable` resolves when the high watermark has passed the batch,
 * and the high watermark, which bounds what consumers see, follows the end that the flush policy counts. So nothing is
 * ever read that a power loss could take back, unless the policy says so.
 */
import type { BufferPool } from "../../bytes/pool.ts";
import type { Uuid } from "../../bytes/uuid.ts";
import type { TopicConfig } from "../../config/topic_configs.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import * as batch from "../../protocol/records/batch.ts";
import { type GivesWay, systemTimers } from "../../clock.ts";
import { type Appended, type AppendOptions, refused } from "./appended.ts";
import { LogTail } from "../durability/log_tail.ts";
import type { LogContext, LogState } from "./log_context.ts";
import type { Waiter } from "../durability/high_watermark.ts";
import { LogEpochs } from "./log_epochs.ts";
import type { LeaderEpochs } from "../directory/leader_epochs.ts";
import { LogProducers } from "../producers/log_producers.ts";
import type { RememberedBatch } from "../producers/producer_entry.ts";
import type { ProducerState } from "../producers/producer_state.ts";
import { SnapshotWriter } from "../producers/snapshot_writer.ts";
import { mustRoll } from "./rolling.ts";
import { Segment, type SegmentContext } from "../segments/segment.ts";
import { discardSegment, SEGMENT_FILES_AND_SNAPSHOT } from "../segments/segment_files.ts";
import { SegmentList } from "../segments/segment_list.ts";
import { type Store, StoreError } from "../store.ts";
import type { AbortedTransaction, TxnIndex } from "../index/txn_index.ts";
import { TakeBack } from "./take_back.ts";
import { lookForMarkers } from "../producers/marker_look.ts";
import { abortedIn, soundTxnIndex, writableTxnIndex } from "../producers/txn_index_rebuild.ts";

/** How far a reader may see: the log end (replicas, recovery), the high watermark, or the last stable offset. */
export type ReadBound = "leo" | "hw" | "lso";

export class PartitionLog implements SegmentContext {
  readonly topicId: Uuid;
  readonly topic: string;
  readonly partition: number;
  readonly folder: string;
  /** Replaced whole when a topic config changes. */
  config: TopicConfig;
  #leaderEpoch = -1;
  /** Why this partition serves nothing (56), or null. */
  offline: string | null = null;
  /** Whether it is offline because its bytes are damaged; they stay as they are then. */
  isDamaged = false;

  readonly #context: LogContext;
  #mayHaveGaps: boolean;
  readonly #segments: SegmentList;
  readonly #tail: LogTail;
  #logStartOffset: number;
  readonly #producers: LogProducers;
  readonly #epochs: LogEpochs;
  readonly #snapshots: SnapshotWriter;
  /** What a failed write left to be done; null until one fails. */
  #takingBack: TakeBack | null = null;

  constructor(context: LogContext, state: LogState, config: TopicConfig) {
    this.topicId = state.topicId;
    this.topic = state.topic;
    this.partition = state.partition;
    this.folder = `${state.topic}-${state.partition}`;
    this.config = config;
    this.#context = context;
    this.#mayHaveGaps = state.mayHaveGaps ?? config["cleanup.policy"].includes("compact");
    const isNew = state.segments.length === 0, { logEndOffset, recoveryPoint } = state;
    this.#producers = new LogProducers(context, this, state.snapshot);
    const bases = isNew ? [logEndOffset] : state.segments;
    const nowMs = context.clock.monotonicMs();
    this.#segments = new SegmentList(bases.map((base) => new Segment(this, base, nowMs)));
    if (isNew) this.#segments.active.create();
    this.#logStartOffset = state.logStartOffset;
    this.#epochs = new LogEpochs(context, this, isNew);
    this.#snapshots = new SnapshotWriter(context.store, this.folder, (error) => {
      if (this.offline !== null) return;
      context.onProblem("snapshot_failed", { folder: this.folder, error: String(error) });
    });
    this.#tail = new LogTail({
      ...context,
      config: () => this.config,
      topicId: this.topicId,
      folder: this.folder,
      segments: this.segments,
      logEndOffset,
      recoveryPoint,
      isNew,
      onSealed: (writtenOffset) => this.#snapshots.reached(writtenOffset),
      onTakenBack: (error, failed, end) => this.#takeBack(error, failed, end),
    });
  }

  /** 0 until somebody says. */
  get leaderEpoch(): number {
    return Math.max(0, this.#leaderEpoch);
  }

  set leaderEpoch(leaderEpoch: number) {
    this.#leaderEpoch = leaderEpoch;
  }

  /** What the segments hold batches against that lay there before (segment.ts). */
  get maxLeaderEpoch(): number {
    return this.#leaderEpoch < 0 ? Infinity : this.#leaderEpoch;
  }

  get mayHaveGaps(): boolean {
    return this.#mayHaveGaps || this.config["cleanup.policy"].includes("compact");
  }

  get indexIntervalBytes(): number {
    return this.config["index.interval.bytes"];
  }

  get onProblem(): LogContext["onProblem"] {
    return this.#context.onProblem;
  }

  get store(): Store {
    return this.#context.store;
  }

  get pool(): BufferPool {
    return this.#context.pool;
  }

  get logStartOffset(): number {
    return this.#logStartOffset;
  }

  get logEndOffset(): number {
    return this.#tail.logEndOffset;
  }

  get highWatermark(): number {
    return this.#tail.highWatermark.offset;
  }

  /** Everything below is in the segments' own files, and on the device. */
  get recoveryPoint(): number {
    return this.#tail.recoveryPoint;
  }

  /** Why nothing can be appended for now, though the rest is served; null when it can. */
  get writeFault(): string | null {
    return this.#takingBack?.reason ?? null;
  }

  /**
   * The first offset of the oldest open transaction, or the high watermark: read_committed ends here. Where retention has
   * taken the beginning of that transaction it is the log start.
   */
  get lastStableOffset(): number {
    const unstable = this.producers.firstUnstableOffset(this.highWatermark);
    return unstable === null ? this.highWatermark : Math.max(unstable, this.#logStartOffset);
  }

  /** Bytes that became visible since the broker started; two readings tell a long poll how much came between. */
  get visibleBytes(): number {
    return this.#tail.highWatermark.visibleBytes;
  }

  /** Bytes of all segments. */
  get size(): number {
    return this.#segments.bytes;
  }

  /** Whether what is written later, to whichever log, is acknowledged no sooner than what is written here before. */
  get isKeptInOrder(): boolean {
    return this.#context.commit.isOrdered;
  }

  get segments(): readonly Segment[] {
    return this.#segments.all;
  }

  /** Producer ids and transactions, read from the last snapshot and the batches after it at first use. */
  get producers(): ProducerState {
    return this.#producers.state;
  }

  /** The same where it has been read; null before. */
  get loadedProducers(): ProducerState | null {
    return this.#producers.loaded;
  }

  /** Where the leader epochs began, held against the batches at first use. */
  get epochs(): LeaderEpochs {
    return this.#epochs.sound;
  }

  /**
   * Appends whole, validated batches: assigns their offsets, stamps the leader epoch (both lie outside the CRC) and
   * queues the bytes as they came; they are copied. Of a client exactly one batch.
   */
  append(bytes: Uint8Array, options: AppendOptions): Appended {
    if (this.offline !== null || this.writeFault !== null) {
      return refused(ErrorCode.KAFKA_STORAGE_ERROR);
    }
    if (options.leaderEpoch !== this.leaderEpoch) return refused(ErrorCode.FENCED_LEADER_EPOCH);
    if (options.origin === "client" && this.#context.admits?.(bytes.length) === false) {
      return refused(ErrorCode.KAFKA_STORAGE_ERROR);
    }
    const first = this.logEndOffset;
    for (let at = 0; at < bytes.length;) {
      const size = batch.sizeInBytes(bytes, at);
      const one = size === bytes.length ? bytes : bytes.subarray(at, at + size);
      let heardMs = 0;
      if (batch.producerId(one, 0) >= 0) {
        if (!this.#producers.isReadable) return refused(ErrorCode.KAFKA_STORAGE_ERROR);
        heardMs = this.#context.clock.nowMs();
        const verdict = this.producers.check(one, options, heardMs);
        if (verdict.kind === "error") return refused(verdict.code);
        if (verdict.kind === "duplicate") return this.#alreadyThere(verdict);
      }
      const errorCode = this.#admit(one, options, heardMs);
      if (errorCode !== ErrorCode.NONE) return refused(errorCode);
      at += size;
    }
    const { written, durable } = this.#tail.progress, lastOffset = this.logEndOffset - 1;
    return { errorCode: ErrorCode.NONE, baseOffset: first, lastOffset, written, durable };
  }

  /**
   * Whole batches from `from` on, up to `bound`; null when there is nothing to see. The memory is the pool's: give
   * it back when it has been sent. The caller has checked that `from` lies between start and end. The answer may come
   * later: what does not lie on this machine's disk will.
   */
  read(
    from: number,
    options: { maxBytes: number; bound: ReadBound; minOneBatch: boolean },
  ): Uint8Array | null | Promise<Uint8Array | null> {
    const endOffset = this.#boundOffset(options.bound);
    const { maxBytes, minOneBatch } = options;
    return this.#segments.read(from, { maxBytes, endOffset, minOneBatch });
  }

  /** Whether anything lies between `from` and `bound`. */
  hasData(from: number, bound: ReadBound): boolean {
    return from < this.#boundOffset(bound);
  }

  addWaiter(waiter: Waiter): void {
    this.#tail.highWatermark.addWaiter(waiter);
  }

  removeWaiter(waiter: Waiter): void {
    this.#tail.highWatermark.removeWaiter(waiter);
  }

  /** Everything written so far is in the segments' own files, and on the device, when this resolves. */
  sync(): Promise<void> {
    return this.#tail.sync();
  }

  /** Takes up the leadership of an epoch; a new one is remembered with the offset it starts at (KIP-101). */
  async lead(leaderEpoch: number): Promise<void> {
    this.leaderEpoch = leaderEpoch;
    this.#epochs.assign(leaderEpoch, this.logEndOffset);
  }

  /**
   * Writes down epochs that began since the last time. An empty log needs none, and what a crash takes is in the
   * batches behind the recovery point, which is written down after this. Of a log that serves nothing there is nothing new.
   */
  async saveEpochs(): Promise<void> {
    if (this.offline === null && this.logEndOffset > 0) await this.#epochs.save();
  }

  /**
   * Moves the log start up (DeleteRecords, retention). The segments before it stay until the new start has been written
   * down (dropBeforeStart): at a start, a log that begins above its recorded start has lost something.
   */
  advanceStart(offset: number): void {
    if (offset <= this.#logStartOffset) return;
    this.#logStartOffset = offset;
    this.#tail.highWatermark.wake();
  }

  /** Drops segments that lie wholly before the log start; of one that was written down earlier, those before that. */
  dropBeforeStart(writtenStart: number = this.#logStartOffset): void {
    const startOffset = Math.min(writtenStart, this.#logStartOffset);
    this.#epochs.truncateFromStart(startOffset);
    const gone = this.#segments.takeBefore(startOffset);
    this.#tail.forget(gone);
    for (const segment of gone) segment.close();
    for (const { baseOffset } of gone) this.#discardOrLater(baseOffset);
  }

  /** Of a segment that is no part of the log any more; where the store refuses, again while the folder is this log's. */
  #discardOrLater(baseOffset: number): void {
    const { later, onProblem } = this.#context;
    try {
      this.discard(baseOffset, SEGMENT_FILES_AND_SNAPSHOT);
    } catch (error) {
      if (!(error instanceof StoreError) || later === undefined) throw error;
      onProblem("segment_not_removed", { folder: this.folder, baseOffset, error: error.message });
      later(DISCARD_RETRY_MS, async () => {
        if (this.offline === null) this.discard(baseOffset, SEGMENT_FILES_AND_SNAPSHOT);
      });
    }
  }

  /**
   * Puts the compacted segment, whose files `rename` brings to their names, in the place of those it was made from.
   * False, with nothing done, when they are not all there any more. One turn of the event loop, so no reader sees
   * the log in between.
   */
  replaceSegments(old: readonly Segment[], rename: () => void): boolean {
    if (this.offline !== null || !this.#segments.holds(old)) return false;
    for (const segment of old) segment.close();
    this.#tail.forget(old);
    rename();
    this.#mayHaveGaps = true; // whatever becomes of its policy
    const { baseOffset } = old[0], { writtenMs } = old[old.length - 1];
    this.#segments.replace(old, new Segment(this, baseOffset, writtenMs).create());
    return true;
  }

  /** Takes a closed segment's files out of the log, and off the disk after file.delete.delay.ms. */
  discard(baseOffset: number, files: readonly string[]): void {
    const delayMs = this.config["file.delete.delay.ms"];
    discardSegment(this.#context, this.folder, baseOffset, { files, delayMs });
  }

  /** Begins a new segment at the log end, when the active one holds anything. */
  roll(): void {
    const old = this.#segments.active;
    if (this.writeFault !== null) throw new StoreError(`${this.folder}: ${this.writeFault}`, "io");
    if (old.size === 0) return;
    old.flushIndexes(true);
    const producers = this.#producers.isReadable ? this.producers : null;
    const nowMs = this.#context.clock.monotonicMs();
    const next = new Segment(this, this.logEndOffset, nowMs).create();
    this.#segments.add(next);
    if (producers !== null) this.#snapshots.take(next.baseOffset, producers);
    this.#tail.seal(next);
  }

  /**
   * A clean stop: indexes, snapshot and data are on the device when this resolves. Answers with what only saves work and
   * could not be written; rejects where the data cannot be synced. Serves nothing afterwards, either way.
   */
  async close(): Promise<readonly StoreError[]> {
    await this.#tail.drain();
    try {
      return this.offline === null ? await this.#writeDown() : [];
    } finally {
      this.retire("the broker is stopping");
    }
  }

  async #writeDown(): Promise<readonly StoreError[]> {
    const unwritten: StoreError[] = [];
    const hint = (error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
      unwritten.push(error);
    };
    if (this.#takingBack?.settle() === false) this.isDamaged = true; // what is left of it lies in the file
    try {
      this.#segments.active.flushIndexes(true);
      if (this.#producers.loaded !== null && this.logEndOffset > this.#logStartOffset) {
        this.#snapshots.take(this.logEndOffset, this.producers);
        this.#snapshots.reached(this.#tail.writtenOffset);
      }
    } catch (error) {
      hint(error);
    }
    await this.#snapshots.settled();
    await this.sync(); // the names too, where no byte is owed: the next start takes them for synced
    if (await this.#segments.active.syncTransactions()) {
      await this.#context.store.syncFolder(this.folder);
    }
    await this.saveEpochs().catch(hint);
    return unwritten;
  }

  /** The store failed in the middle of something, and left what recovery can finish: it is to be opened anew. */
  fail(reason: string): void {
    if (this.offline !== null) return;
    this.retire(reason);
    this.#context.onFault?.(this);
  }

  /** The topic was deleted: it serves nothing from now on, and nothing of it needs to be kept. */
  end(): void {
    this.#tail.isGone = true;
    this.retire("the topic was deleted");
  }

  /** Ends the service of this log at once: its files cannot be relied on, or the broker stops. */
  retire(reason: string): void {
    this.offline = reason;
    this.#takingBack?.close();
    this.#tail.close(
      new StoreError(`${this.folder} serves nothing any more: ${reason}`, "io"),
    );
    this.#snapshots.end();
    for (const segment of this.segments) segment.close();
  }

  /** Resolves when a log that was retired has nothing on its way to its folder any more, whose name may be given away then. */
  async gone(): Promise<void> {
    await Promise.all([this.#snapshots.settled(), this.#epochs.settled()]);
  }

  /** Null where abortedTransactions() takes no time; else to be waited for. Never rejects. */
  lookForMarkers(from: number, given: Uint8Array, turn: GivesWay): Promise<void> | null {
    const segment = this.segments[this.#segments.at(from)];
    const isThere = () => this.offline === null && this.segments.includes(segment);
    return lookForMarkers(segment, given, { isThere, turn });
  }

  /** The aborted transactions that touch what a read_committed consumer was given from `from` on. */
  abortedTransactions(from: number, given: Uint8Array): AbortedTransaction[] {
    return abortedIn(this, from, given, this.#segments.at(from));
  }

  /** The aborted transactions whose marker lies in `segments[i]`, none missing if `complete`; from the log if need be. */
  txnIndexOf(i: number, complete = false): TxnIndex {
    const { segments, logStartOffset } = this;
    return soundTxnIndex(this.#context, this.folder, segments, i, { logStartOffset, complete });
  }

  #boundOffset(bound: ReadBound): number {
    if (bound === "hw") return this.highWatermark;
    return bound === "leo" ? this.logEndOffset : this.lastStableOffset;
  }

  #alreadyThere({ baseOffset, lastOffset, timestampMs }: RememberedBatch): Appended {
    return {
      errorCode: ErrorCode.NONE,
      baseOffset,
      lastOffset,
      knownTimestampMs: timestampMs,
      ...this.#tail.progressOf(lastOffset),
    };
  }

  /**
   * One batch to the active segment and the queue; the error code, with nothing changed, when there can be no segment for it.
   * `heardMs` is when a producer with an id was heard of.
   */
  #admit(one: Uint8Array, options: AppendOptions, heardMs: number): number {
    const base = this.logEndOffset;
    const last = base + batch.lastOffsetDelta(one, 0);
    const maxTimestampMs = batch.maxTimestamp(one, 0), nowMs = this.#context.clock.monotonicMs();
    try {
      const next = { bytes: one.length, lastOffset: last, timestampMs: maxTimestampMs };
      if (mustRoll(this.#segments.active, next, this.config, nowMs)) this.roll();
      this.#segments.active.openIndexes(base);
      if (batch.isControl(one, 0)) this.#writableTxnIndex(base);
    } catch (error) {
      if (error instanceof StoreError) return ErrorCode.KAFKA_STORAGE_ERROR;
      throw error;
    }
    batch.assign(one, 0, base, options.leaderEpoch);
    const summary = { baseOffset: base, lastOffset: last, maxTimestampMs };
    const { active } = this.#segments, position = active.size;
    active.admit(summary, one.length, this.config["index.interval.bytes"]);
    active.writtenMs = nowMs;
    if (batch.producerId(one, 0) >= 0) {
      const completed = this.producers.apply(one, base, heardMs, options.transactionVersion);
      if (completed?.isAborted) this.#writableTxnIndex(base).append(completed);
    }
    this.#tail.add(active, position, one, last + 1, options.mayWait === true);
    return ErrorCode.NONE;
  }

  #writableTxnIndex(lastOffset: number): TxnIndex {
    const { segments, logStartOffset } = this;
    return writableTxnIndex(this.#context, this.folder, segments, { logStartOffset, lastOffset });
  }

  /** A write failed: what was admitted behind the written end never was, and its offsets are free again. */
  #takeBack(error: unknown, failed: Segment, end: number): void {
    this.#context.onProblem("write_failed", { folder: this.folder, error: String(error) });
    this.#producers.forget(); // and so they are read from the log when they are asked for again
    this.#epochs.truncateFromEnd(end);
    this.#snapshots.takenBack();
    const { store, onProblem, timers = systemTimers } = this.#context;
    this.#takingBack ??= new TakeBack({ store, timers, folder: this.folder, onProblem });
    while (this.#segments.active !== failed) { // then the one before it is the active one again
      const removed = this.#segments.takeActive();
      removed.close();
      this.#takingBack.remove(removed.baseOffset);
    }
    this.#takingBack.cut(failed, end);
  }
}

/** When files that could not be taken away are tried again. */
const DISCARD_RETRY_MS = 5000;
