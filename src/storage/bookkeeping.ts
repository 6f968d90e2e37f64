/**
 * Bookkeeping: writes down what is known of every log, so that the next start knows where to look: the inventory for
 * Runnel, and Kafka's text checkpoints for a Kafka that takes the directory over.
 *
 * The inventory goes first, so that the texts are never ahead of it. A file whose content has not changed is not written.
 */
import {
  type CheckpointEntry,
  CLEANER_CHECKPOINT,
  formatCheckpoint,
  HIGH_WATERMARK_CHECKPOINT,
  LOG_START_CHECKPOINT,
  RECOVERY_POINT_CHECKPOINT,
} from "./directory/checkpoints.ts";
import type { CleanerPositions } from "./compaction/positions.ts";
import * as batch from "../protocol/records/batch.ts";
import {
  encodeInventory,
  type Inventory,
  INVENTORY_FILE,
  type LogInventory,
  type SegmentInventory,
} from "./directory/inventory.ts";
import { type Segment, segmentName } from "./segments/segment.ts";
import type { PartitionLog } from "./log/partition_log.ts";
import { snapshotCrcAt } from "./recovery/sidecars.ts";
import type { EpochEntry } from "./directory/leader_epochs.ts";
import { type Store, StoreError } from "./store.ts";

export interface BookkeepingOptions {
  readonly store: Store;
  readonly positions: CleanerPositions;
  /** Of this broker's registration. */
  readonly brokerEpoch: number;
  /** Whether what the high watermark has passed survives power loss, by the flush policy; it does unless said otherwise. */
  readonly isHighWatermarkDurable?: boolean;
  /** The metadata log: everything below `endOffset` is synced; bytes of all its segments. */
  readonly metadata: () => { readonly endOffset: number; readonly bytes: number };
}

/** A log as it is written down; the high watermark is Kafka's alone. */
export interface Entry {
  readonly log: LogInventory;
  readonly highWatermark: number;
}

/** What became of a log that was closed. */
export interface Closed {
  /** Null where it could not be measured, and never was. */
  readonly entry: Entry | null;
  /** What the store failed, so that not all of it may be on the device. */
  readonly error: StoreError | null;
  /** What only saves work, and could not be written. */
  readonly hint: StoreError | null;
}

/** Whether logs that are older than what would be written have no row in it, because nothing is known of them. */
export interface Omitted {
  readonly fromInventory: boolean;
  readonly fromRecoveryPoints: boolean;
}

export class Bookkeeping {
  readonly #options: BookkeepingOptions;
  /** What was written last of a log, to save looking again at what cannot have changed. */
  readonly #last = new WeakMap<PartitionLog, LogInventory>();
  /** Logs that nothing was done to since they were opened as recorded: their files need not be looked at again. */
  readonly #untouched = new WeakSet<PartitionLog>();
  readonly #written = new Map<string, Uint8Array>();
  /** Checksums of the first batches of segments, which stay as they are as long as the segment is the same. */
  readonly #heads = new WeakMap<Segment, number>();
  /** Whether there is anything for the cleaner's checkpoint to say, or to take back. */
  #isCleanerKnown = false;

  constructor(options: BookkeepingOptions) {
    this.#options = options;
  }

  /** Takes up what a log was opened with. */
  opened(log: PartitionLog, record: LogInventory | undefined): void {
    if (record === undefined) return;
    this.#last.set(log, record);
    if (record.isExact) this.#untouched.add(log);
  }

  /** What was written down last of a log. */
  last(log: PartitionLog): LogInventory | undefined {
    return this.#last.get(log);
  }

  /** What a log that serves, or did, consists of now. */
  measure(log: PartitionLog): Entry {
    const { positions } = this.#options, last = this.#last.get(log);
    const isSound = log.offline === null;
    const segments = isSound ? this.#segmentsOf(log) : last?.segments ?? []; // closed files have no size
    // Damaged, or half renamed: what was synced is all that can be said of it. A start holds the log against it.
    const { isHighWatermarkDurable = true } = this.#options;
    const endOffset = isSound && isHighWatermarkDurable ? log.highWatermark : log.recoveryPoint;
    return {
      highWatermark: log.highWatermark,
      log: {
        topicId: log.topicId,
        topic: log.topic,
        partition: log.partition,
        isExact: false,
        logStartOffset: log.logStartOffset,
        // Of the same moment as the segments: what was synced since is theirs to have grown by.
        recoveryPoint: isSound ? log.recoveryPoint : last?.recoveryPoint ?? log.recoveryPoint,
        endOffset,
        compactedTo: positions.compactedTo(log) ?? null,
        compactingTo: positions.compactingTo(log) ?? null,
        lastBatch: !isSound || isSameEnd(log, last) ? last?.lastBatch ?? null : null,
        snapshot: this.#snapshotOf(log, last),
        epochs: epochsOf(log, last),
        segments,
      },
    };
  }

  /** Closes a log; what it consists of for good, where all of it is on the device, and what the store failed of it. */
  async close(log: PartitionLog): Promise<Closed> {
    let entry: Entry | null = null;
    const hints: StoreError[] = [];
    try {
      entry = this.measure(log);
      return {
        entry: await this.#closeWhole(log, entry, hints),
        error: null,
        hint: hints[0] ?? null,
      };
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (entry === null) await log.close().catch(() => {}); // it is told what came first
      return { entry: entry ?? this.#lastEntry(log), error, hint: hints[0] ?? null };
    }
  }

  #lastEntry(log: PartitionLog): Entry | null {
    const last = this.#last.get(log);
    return last === undefined
      ? null
      : { log: { ...last, isExact: false }, highWatermark: last.endOffset };
  }

  async #closeWhole(log: PartitionLog, entry: Entry, hints: StoreError[]): Promise<Entry> {
    const wasSound = log.offline === null;
    let hint: Stretch | null = null;
    try {
      if (wasSound && entry.log.lastBatch === null) hint = lastIndexed(log);
      if (wasSound) { for (const segment of log.segments) this.#headOf(segment); }
    } finally {
      hints.push(...await log.close());
    }
    const endOffset = log.logEndOffset;
    if (!wasSound || log.isDamaged || log.recoveryPoint < endOffset) return entry;
    const { store } = this.#options, segments = this.#segmentsOf(log, true);
    const crc = snapshotCrcAt(store, log.folder, endOffset);
    return {
      highWatermark: endOffset,
      log: {
        ...entry.log,
        isExact: true,
        logStartOffset: log.logStartOffset, // records may have been deleted meanwhile
        recoveryPoint: endOffset,
        endOffset,
        lastBatch: hint === null ? entry.log.lastBatch : lastBatchIn(store, log.folder, hint),
        snapshot: crc === null ? entry.log.snapshot : { offset: endOffset, crc },
        segments,
      },
    };
  }

  /**
   * Writes all of it. A log start that is in it has reached the device when this resolves. A log without a row is one that
   * was made later, so what has none for another reason (`omitted`) keeps the files from being written that say so.
   */
  async write(
    entries: readonly Entry[],
    { isClean, omitted, freesSpace = false }: {
      isClean: boolean;
      omitted: Omitted;
      /** Whether segments go when this is done, so that it must succeed on a disk without a free byte. */
      freesSpace?: boolean;
    },
  ): Promise<void> {
    const { brokerEpoch, metadata } = this.#options;
    const logs = entries.map(({ log }) => log);
    if (!omitted.fromInventory) {
      const inventory: Inventory = { brokerEpoch, isClean, metadata: metadata(), logs };
      await this.#replace(INVENTORY_FILE, encodeInventory(inventory), freesSpace);
    }
    const rows = (pick: (entry: Entry) => number | null): Uint8Array => {
      const found: CheckpointEntry[] = [];
      for (const entry of entries) {
        const offset = pick(entry), { topic, partition } = entry.log;
        if (offset !== null) found.push({ topic, partition, offset });
      }
      return formatCheckpoint(found);
    };
    if (!omitted.fromRecoveryPoints) {
      await this.#replace(RECOVERY_POINT_CHECKPOINT, rows(({ log }) => log.recoveryPoint));
    }
    await this.#replace(HIGH_WATERMARK_CHECKPOINT, rows((entry) => entry.highWatermark));
    await this.#replace(LOG_START_CHECKPOINT, rows(trimmedStart), freesSpace);
    this.#isCleanerKnown ||= logs.some((log) => log.compactedTo !== null) ||
      this.#options.store.readAll(CLEANER_CHECKPOINT) !== null;
    if (this.#isCleanerKnown) {
      await this.#replace(CLEANER_CHECKPOINT, rows(({ log }) => log.compactedTo));
    }
  }

  /** Notes that this stands in the inventory. */
  wrote(log: PartitionLog, entry: Entry): void {
    this.#last.set(log, entry.log);
  }

  async #replace(file: string, content: Uint8Array, freesSpace = false): Promise<void> {
    const { store } = this.#options, before = this.#written.get(file);
    if (before !== undefined && equal(before, content)) return;
    this.#written.delete(file); // half done is not done
    try {
      await store.replace(file, content);
    } catch (error) {
      const isFull = error instanceof StoreError && error.kind === "noSpace";
      if (!freesSpace || !isFull) throw error;
      // Not one byte is free, and what would free some waits for this: the old one gives its room. It only saves work.
      store.remove(file);
      await store.syncFolder(""); // ext4 gives freed blocks out again when their removal is committed
      await store.replace(file, content);
    }
    this.#written.set(file, content);
  }

  #segmentsOf(log: PartitionLog, isClosed = false): readonly SegmentInventory[] {
    const last = this.#last.get(log);
    const isUntouched = this.#untouched.has(log) && last !== undefined &&
      log.visibleBytes === 0 && log.logEndOffset === last.endOffset &&
      last.segments.length === log.segments.length &&
      last.segments.every(({ baseOffset }, i) => baseOffset === log.segments[i].baseOffset) &&
      (this.#options.positions.compactedTo(log) ?? null) === last.compactedTo &&
      this.#options.positions.compactingTo(log) === undefined;
    if (isUntouched) return last.segments;
    this.#untouched.delete(log);
    const { recoveryPoint, logEndOffset } = log;
    return log.segments.map((segment, i) => {
      const { baseOffset, size } = segment;
      const end = log.segments[i + 1]?.baseOffset ?? logEndOffset;
      // Of what is not synced whole it is not known how many bytes are.
      const bytes = end <= recoveryPoint ? size : 0;
      const head = baseOffset < recoveryPoint ? this.#headOf(segment, isClosed) : undefined;
      return head === undefined ? { baseOffset, bytes } : { baseOffset, bytes, head };
    });
  }

  #headOf(segment: Segment, isClosed = false): number | undefined {
    const known = this.#heads.get(segment);
    if (known !== undefined || isClosed || segment.size === 0) return known;
    const header = new Uint8Array(batch.BATCH_OVERHEAD);
    if (segment.log.read(0, header) < header.length) return undefined;
    const head = batch.crc(header, 0);
    this.#heads.set(segment, head);
    return head;
  }

  /** The snapshot of the moment the active segment began, when it was not looked for already. */
  #snapshotOf(log: PartitionLog, last: LogInventory | undefined): LogInventory["snapshot"] {
    const { baseOffset } = log.segments[log.segments.length - 1];
    if (baseOffset === 0 || last?.snapshot && last.snapshot.offset >= baseOffset) {
      return last?.snapshot ?? null;
    }
    const crc = snapshotCrcAt(this.#options.store, log.folder, baseOffset);
    return crc === null ? null : { offset: baseOffset, crc };
  }
}

/** Null where the first segment begins there: Kafka writes down only what it could not tell from the files. */
function trimmedStart({ log }: Entry): number | null {
  const begins = log.segments[0]?.baseOffset ?? 0;
  return log.logStartOffset > begins ? log.logStartOffset : null;
}

/** The epochs are read only where they may have changed: by taking the lead, or because the log start moved. */
function epochsOf(log: PartitionLog, last: LogInventory | undefined): readonly EpochEntry[] {
  if (log.logEndOffset === 0) return [];
  const isSame = last?.epochs.at(-1)?.epoch === log.leaderEpoch &&
    last.logStartOffset === log.logStartOffset;
  if (isSame) return last.epochs;
  return log.epochs.entries;
}

/** Whether the last segment that holds anything is as long as it was. */
function isSameEnd({ segments }: PartitionLog, last: LogInventory | undefined): boolean {
  const now = segments.findLast(({ size }) => size > 0);
  const before = last?.segments.findLast(({ bytes }) => bytes > 0);
  return now !== undefined && now.baseOffset === before?.baseOffset && now.size === before.bytes;
}

/** A stretch of a segment's file that begins with a batch and ends with the last one. */
interface Stretch {
  readonly baseOffset: number;
  readonly from: number;
  readonly to: number;
}

/** From the last batch of a log that its index knows of. */
function lastIndexed(log: PartitionLog): Stretch | null {
  const segment = log.segments.findLast(({ size }) => size > 0);
  if (segment === undefined) return null;
  const { baseOffset, size, offsetIndex: { lastPosition } } = segment;
  return { baseOffset, from: lastPosition < size ? Math.max(0, lastPosition) : 0, to: size };
}

/** The last batch, found from header to header; null when the headers do not lead to the end. */
function lastBatchIn(
  store: Store,
  folder: string,
  { baseOffset, from, to }: Stretch,
): LogInventory["lastBatch"] {
  const blob = store.open(`${folder}/${segmentName(baseOffset)}.log`);
  const window = new Uint8Array(Math.min(WINDOW_BYTES, to - from));
  let at = from, windowAt = from, have = 0;
  try {
    for (;;) {
      if (at + batch.BATCH_OVERHEAD > windowAt + have) {
        windowAt = at;
        have = blob.read(at, window.subarray(0, Math.min(window.length, to - at)));
        if (have < batch.BATCH_OVERHEAD) return null;
      }
      const next = at + batch.sizeInBytes(window, at - windowAt);
      if (next === to) return { position: at, crc: batch.crc(window, at - windowAt) };
      if (next < at + batch.BATCH_OVERHEAD || next > to) return null;
      at = next;
    }
  } finally {
    blob.close();
  }
}

const WINDOW_BYTES = 16 << 10;

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
