/**
 * LogTail: the end of a log, on its way to the device. Batches that have their offset go through the write queue to their
 * segment, then the group commit makes them durable; DurableEnd knows how far they have come, the high watermark follows
 * the end that the flush policy counts, and acknowledgements leave when it has passed them.
 */
import type { BufferPool } from "../../bytes/pool.ts";
import type { Timers } from "../../clock.ts";
import type { TopicConfig } from "../../config/topic_configs.ts";
import type { Uuid } from "../../bytes/uuid.ts";
import type { Segment } from "../segments/segment.ts";
import { type Store, StoreError } from "../store.ts";
import { type Behind, DurableEnd } from "./durable_end.ts";
import type { GroupCommit, Syncable } from "./group_commit.ts";
import { HighWatermark } from "./high_watermark.ts";
import { OwnFlush } from "./own_flush.ts";
import type { Stretch } from "./journal_entries.ts";
import { copyWritten, MAX_IN_PLACE_BYTES, type Write, WriteQueue } from "./write_queue.ts";

export interface LogTailOptions {
  readonly store: Store;
  readonly pool: BufferPool;
  readonly commit: GroupCommit;
  readonly timers?: Timers;
  /** The topic's config as it is now. */
  readonly config: () => TopicConfig;
  readonly topicId: Uuid;
  readonly folder: string;
  /** Ascending; the last is the active one. */
  readonly segments: readonly Segment[];
  readonly logEndOffset: number;
  /** Everything below is in the segments' own files, and on the device. */
  readonly recoveryPoint: number;
  /** Whether the files were made just now. */
  readonly isNew: boolean;
  /** A sealed segment is written whole: nothing can take the roll back any more. */
  readonly onSealed: (writtenOffset: number) => void;
  /** A write to this segment failed; what was admitted behind it never was. The log ends there again. */
  readonly onTakenBack: (error: unknown, failed: Segment, logEndOffset: number) => void;
}

/** When a batch has come how far. */
export interface Progress {
  readonly written: Promise<void>;
  readonly durable: Promise<void>;
}

export class LogTail implements Syncable {
  readonly highWatermark: HighWatermark;
  readonly #options: LogTailOptions;
  readonly #ends: DurableEnd<Segment>;
  /** Null under a policy that syncs everything. */
  readonly #ownFlush: OwnFlush | null;
  /** Made for the first append. */
  #queue: WriteQueue | null = null;
  #isClosed = false;
  /** Whether the topic was deleted. */
  isGone = false;

  constructor(options: LogTailOptions) {
    const { store, folder, segments, logEndOffset, recoveryPoint, isNew, commit } = options;
    this.#options = options;
    this.#ends = new DurableEnd({
      store,
      folder,
      active: segments[segments.length - 1],
      logEndOffset,
      isNew,
      isJournaled: commit.isJournaled,
      onDurable: () => this.#follow(),
    });
    const sync = () => commit.flush(this), onSynced = () => this.#follow();
    this.#ownFlush = commit.policy === "fsync"
      ? null
      : new OwnFlush({ ...options, ends: this.#ends, sync, onSynced });
    if (recoveryPoint < logEndOffset) this.#findUnsynced();
    this.highWatermark = new HighWatermark(this.#acknowledgedOffset);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get logEndOffset(): number {
    return this.#ends.admittedOffset;
  }

  get writtenOffset(): number {
    return this.#ends.writtenOffset;
  }

  get recoveryPoint(): number {
    return this.#ends.syncedOffset;
  }

  /**
   * Takes a batch that goes to `position` of the active segment, and has its offsets; the bytes are copied. What `mayWait`
   * is made durable with what else this turn brings.
   */
  add(
    active: Segment,
    position: number,
    bytes: Uint8Array,
    endOffset: number,
    mayWait: boolean,
  ): void {
    this.#ends.admit(bytes.length, endOffset);
    (this.#queue ??= this.#newQueue()).add(active, position, bytes, endOffset, mayWait);
  }

  /** How far everything up to the log end is. */
  get progress(): Progress {
    const { written, durable } = this.#queue!.last!;
    return { written: written.promise, durable: durable.promise };
  }

  /** How far the batch is that ends with this offset, which was admitted before. */
  progressOf(lastOffset: number): Progress {
    const onTheWay = this.#queue?.last ?? null;
    const isWritten = lastOffset < this.writtenOffset || onTheWay === null;
    const written = isWritten ? NOTHING : onTheWay.written.promise;
    if (lastOffset < this.highWatermark.offset) return { written, durable: NOTHING };
    const last = onTheWay ?? this.highWatermark.lastPending;
    return { written, durable: last?.durable.promise ?? this.highWatermark.passed(lastOffset) };
  }

  /** The active segment is sealed, `next` takes its place. */
  seal(next: Segment): void {
    if (this.#ends.seal(next)) this.#sealed();
  }

  /** These segments are no part of the log any more. */
  forget(segments: readonly Segment[]): void {
    this.#ends.forget(segments);
  }

  /** fdatasync of everything written so far, each segment's own file, and of the names of new ones. */
  async sync(): Promise<void> {
    if (!this.#isClosed) await this.#ends.sync();
  }

  async syncSealed(): Promise<void> {
    if (!this.#isClosed) await this.#ends.syncSealed();
  }

  takeStretches(): Stretch[] {
    const { topicId, folder } = this.#options;
    const stretches: Stretch[] = [];
    for (const behind of this.#ends.takeBehind()) {
      stretches.push(new TailStretch(this, behind, topicId, folder));
    }
    return stretches;
  }

  /** Copies what a stretch has into `into`; what is not there any more is a StoreError. */
  copy({ segment, position }: Behind<Segment>, into: Uint8Array): void {
    if (copyWritten(this.highWatermark.pending, { segment, position }, into)) return;
    const read = segment.log.read(position, into);
    if (read === into.length) return;
    throw new StoreError(
      `Cannot read ${into.length} bytes at ${position} of ${segment.log.path}: only ${read} are there`,
      "io",
    );
  }

  /** What a stretch has is durable. */
  durable(behind: Behind<Segment>): void {
    this.#ends.durable(behind);
  }

  /** Resolves when nothing is left to write. */
  async drain(): Promise<void> {
    await this.#queue?.drain();
  }

  /** Nothing more is written, synced or acknowledged: whoever waits hears why. */
  close(reason: StoreError): void {
    this.#isClosed = true;
    this.#options.commit.forget(this);
    this.#ownFlush?.close();
    this.#queue?.abandon(reason);
    this.#ends.close();
    this.highWatermark.abandon(reason);
  }

  /** The end that the flush policy counts. */
  get #acknowledgedOffset(): number {
    const { writtenOffset, durableOffset } = this.#ends;
    const mustBeDurable = this.#ownFlush === null || this.#ownFlush.isOwed;
    return mustBeDurable ? durableOffset : writtenOffset;
  }

  #follow(): void {
    this.highWatermark.follow(this.#acknowledgedOffset);
  }

  /** What recovery found behind the recovery point is in the files, and perhaps not on the device. */
  #findUnsynced(): void {
    const { segments, logEndOffset, recoveryPoint, commit } = this.#options;
    for (const [i, segment] of segments.entries()) {
      const offset = segments[i + 1]?.baseOffset ?? logEndOffset;
      if (offset <= recoveryPoint) continue;
      this.#ends.found(segment, { bytes: segment.log.size, offset }, recoveryPoint);
      commit.written(this, segment.log.size);
    }
  }

  #newQueue(): WriteQueue {
    const { pool, commit } = this.#options;
    return new WriteQueue({
      pool,
      maxInPlaceBytes: MAX_IN_PLACE_BYTES[commit.policy],
      onWritten: (write) => this.#written(write),
      onFailed: (error, failed) =>
        this.#options.onTakenBack(error, failed, this.#ends.takeBack(failed)),
    });
  }

  /** write(2) has returned for these batches. */
  #written(write: Write): void {
    const { segment, bytes, endOffset, mayWait } = write;
    const isWhole = this.#ends.written(segment, bytes, endOffset);
    this.highWatermark.expect(write);
    if (isWhole) this.#sealed();
    this.#options.commit.written(this, bytes, mayWait);
    this.#ownFlush?.written();
    this.#follow();
    if (this.highWatermark.offset < endOffset) write.releaseWhenScarce();
  }

  #sealed(): void {
    this.#options.onSealed(this.writtenOffset);
    this.#options.commit.sealed(this);
  }
}

/** What the journal takes of a log: one object, since there is one for every log of every round. */
class TailStretch implements Stretch {
  readonly topicId: Uuid;
  readonly folder: string;
  readonly segmentBase: number;
  readonly position: number;
  readonly bytes: number;
  readonly #tail: LogTail;
  readonly #behind: Behind<Segment>;

  constructor(tail: LogTail, behind: Behind<Segment>, topicId: Uuid, folder: string) {
    this.topicId = topicId;
    this.folder = folder;
    this.segmentBase = behind.segment.baseOffset;
    this.position = behind.position;
    this.bytes = behind.bytes;
    this.#tail = tail;
    this.#behind = behind;
  }

  read(into: Uint8Array): void {
    this.#tail.copy(this.#behind, into);
  }

  durable(): void {
    this.#tail.durable(this.#behind);
  }
}

const NOTHING = Promise.resolve();
