/**
 * LogManager: all partition logs of a broker. Opens them, creates and deletes them as topics come and go, and has
 * written down what tells the next start where to look.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { systemTimers, type Timers } from "../clock.ts";
import type { TopicConfig } from "../config/topic_configs.ts";
import { Bookkeeping, type Entry, type Omitted } from "./bookkeeping.ts";
import { CheckpointDue } from "./checkpoint_due.ts";
import { CleanerPositions } from "./compaction/positions.ts";
import type { JournalEntry } from "./durability/journal_entries.ts";
import { folderOf, INVENTORY_FILE, type LogInventory } from "./directory/inventory.ts";
import type { LogRef } from "./log/open_log.ts";
import type { LogContext } from "./log/log_context.ts";
import type { PartitionLog } from "./log/partition_log.ts";
import { readPartitionMetadata } from "./directory/partition_metadata.ts";
import { expiredBefore, isActiveExpired } from "./log/retention.ts";
import { Opening, type Unopened, type WantedLog, within } from "./opening.ts";
import { type FoldersContext, markedName, sortOut } from "./directory/partition_folders.ts";
import { knownLog } from "./recovery/known_log.ts";
import { Remembered } from "./directory/remembered.ts";
import { StoreError } from "./store.ts";

export interface LogManagerOptions {
  readonly context: LogContext;
  /** Whether the last broker on this store stopped cleanly. */
  readonly cleanStart: boolean;
  /** What the journal has to redo; nothing after a clean stop. */
  readonly journal: readonly JournalEntry[];
  /** How often recovery points and log starts are written down (Kafka: log.flush.offset.checkpoint.interval.ms). */
  readonly checkpointIntervalMs: number;
  /** How often retention looks for old segments (Kafka: log.retention.check.interval.ms). */
  readonly retentionIntervalMs: number;
  /** Of this broker's registration in the metadata log. */
  readonly brokerEpoch?: number;
  /** Of the registration before: what was written under another is of another broker. Without it, whatever is there counts. */
  readonly lastBrokerEpoch?: number;
  /** Whether the journal says exactly what the last run acknowledged (readJournal()); without it, what it has counts. */
  readonly wasJournaled?: boolean;
  /** Whether the metadata log removed the topic with this id; without it, none was. */
  readonly wasDeleted?: (topicId: Uuid) => boolean;
  /** The metadata log: everything below `endOffset` is synced; bytes of all its segments. */
  readonly metadata?: () => { readonly endOffset: number; readonly bytes: number };
  /** Called when every log has been opened, and what it was opened with is written down. */
  readonly onAllKnown?: () => void;
  /** Told what opening, retention and deletion did that an operator should know. */
  readonly onEvent: (event: string, details: Record<string, unknown>) => void;
  /** The same where something was wrong; onEvent unless given. */
  readonly onWarning?: (event: string, details: Record<string, unknown>) => void;
}

export class LogManager {
  /** How far logs have been compacted. */
  readonly positions = new CleanerPositions();
  readonly #options: LogManagerOptions;
  readonly #context: LogContext;
  readonly #folders: FoldersContext;
  readonly #opening: Opening;
  readonly #books: Bookkeeping;
  /** Those that serve. */
  readonly #logs = new Map<Uuid, PartitionLog[]>();
  readonly #timers: Timers;
  /** Each ends something that is due later. */
  readonly #cancels = new Set<() => void>();
  #checkpointing: Promise<void> = Promise.resolve();
  #removing: Promise<void> = Promise.resolve();
  readonly #due = new CheckpointDue();
  #closed = false;
  /** Settled with the end of a clean stop, which writes everything down. */
  readonly #stopped = Promise.withResolvers<void>();

  constructor(options: LogManagerOptions) {
    const { onEvent, onWarning = onEvent, cleanStart, wasDeleted = () => false } = options;
    this.#options = options;
    this.#context = { ...options.context, later: (ms, work) => this.#later(ms, work) };
    const { store, timers = systemTimers } = this.#context;
    this.#timers = timers;
    this.#folders = { store, wasDeleted, onWarning };
    this.#books = new Bookkeeping({
      store,
      positions: this.positions,
      brokerEpoch: options.brokerEpoch ?? 0,
      isHighWatermarkDurable: this.#context.commit.policy === "fsync",
      metadata: options.metadata ?? (() => ({ endOffset: 0, bytes: 0 })),
    });
    this.#opening = new Opening({
      context: this.#context,
      folders: this.#folders,
      cleanStart,
      onOpen: (log, one, isNew) => this.#opened(log, one, isNew),
      onDoomed: (folder) => this.#removeLater(0, folder),
      onWarning,
    });
  }

  /**
   * Takes up the logs of every wanted partition. When it resolves the journal's entries have been redone, and what can
   * be opened in about a second is open. Folders that no partition answers for are dealt with (partition_folders.ts).
   */
  async open(wanted: Iterable<WantedLog>): Promise<void> {
    const { store } = this.#context,
      { onEvent, onWarning = onEvent, lastBrokerEpoch } = this.#options;
    const present = new Set<string>();
    for (const { name, isFolder } of store.list("")) if (isFolder) present.add(name);
    const remembered = Remembered.read(store, lastBrokerEpoch, onWarning);
    const { cleanStart: clean, wasJournaled } = this.#options;
    const journal = Map.groupBy(this.#options.journal, (entry) => entry.folder);
    const lastRun = { clean, remembered, journal, wasJournaled };
    for (const one of wanted) {
      const isThere = present.delete(folderOf(one));
      this.#opening.add({ wanted: one, ...knownLog(one, lastRun), isThere });
    }
    await this.#begin();
    for (const folder of sortOut(this.#folders, present)) {
      this.#removeInTurn(() => store.removeAsync(folder));
    }
    await this.#opening.begin(OPEN_MS);
    await within(this.#removing, OPEN_MS, this.#timers);
    this.#every(this.#options.checkpointIntervalMs, () => this.checkpoint());
    this.#every(this.#options.retentionIntervalMs, () => this.enforceRetention());
    this.#every(LOOK_MS, () => this.#checkpointWhenDue());
  }

  /**
   * The log of a partition that serves. Undefined when there is none, and while it is being looked at: whoever asks tries
   * again, or waits with ready().
   */
  get(topicId: Uuid, partition: number): PartitionLog | undefined {
    const log = this.#logs.get(topicId)?.[partition];
    if (log !== undefined || this.#opening.isEmpty || this.#closed) return log;
    this.#opening.ask(topicId, partition);
    return this.#logs.get(topicId)?.[partition];
  }

  /** Whether an entry of an earlier run may be the only copy of what a log has lost. */
  needsJournal({ topicId, folder }: JournalEntry): boolean {
    const partition = Number(folder.slice(folder.lastIndexOf("-") + 1));
    return this.#logs.get(topicId)?.[partition]?.isDamaged === true ||
      this.#opening.has(topicId, partition);
  }

  /** The log once it is open; undefined when there is none, or it is offline. */
  async ready(topicId: Uuid, partition: number): Promise<PartitionLog | undefined> {
    const log = this.get(topicId, partition);
    if (log !== undefined) return log;
    await this.#opening.ready(topicId, partition);
    return this.#logs.get(topicId)?.[partition];
  }

  /** Why a partition does not serve though it should; null when it does, or is being looked at. */
  offlineReason(topicId: Uuid, partition: number): string | null {
    return this.#logs.get(topicId)?.[partition]?.offline ??
      this.#opening.offlineReason(topicId, partition);
  }

  /** Every log that is open. */
  *all(): Generator<PartitionLog> {
    for (const logs of this.#logs.values()) {
      for (const log of logs) if (log !== undefined) yield log;
    }
  }

  /** Partitions that do not serve, with the reason. */
  *offline(): Generator<LogRef & { readonly reason: string }> {
    for (const { wanted, offline } of this.#opening.unopened()) {
      const { topicId, topic, partition } = wanted;
      if (offline !== null) yield { topicId, topic, partition, reason: offline };
    }
    for (const { topicId, topic, partition, offline } of this.all()) {
      if (offline !== null) yield { topicId, topic, partition, reason: offline };
    }
  }

  /** Whether a stop may be called clean: not while a log is damaged, or has not been recovered. */
  get isSound(): boolean {
    for (const log of this.all()) {
      // Half renamed, say: what the journal alone has of it comes back at an unclean start only.
      const isOwed = log.offline !== null && log.recoveryPoint < log.logEndOffset;
      if (log.isDamaged || isOwed) return false;
    }
    return this.#opening.isSound;
  }

  /** Makes empty logs, and tries again where the store fails; an interrupted creation is repeated at the next start. */
  createAll(wanted: Iterable<WantedLog>): void {
    for (const one of wanted) {
      const nothing = {
        recoveryPoint: 0,
        logStartOffset: 0,
        clean: true,
        journal: [],
        compactedTo: 0,
        isNew: true,
      };
      const fresh = { ...nothing, isThere: false };
      this.#opening.add({ wanted: one, ...fresh });
      this.#opening.ask(one.topicId, one.partition);
    }
  }

  /** Takes a new config into effect on all partitions of a topic. */
  configure(topicId: Uuid, config: TopicConfig): void {
    for (const log of this.#logs.get(topicId) ?? []) if (log) log.config = config;
    this.#opening.change(topicId, (wanted) => ({ ...wanted, config }));
  }

  /** Takes up the leadership of an epoch, now or when the log is opened. */
  async lead(topicId: Uuid, partition: number, leaderEpoch: number): Promise<void> {
    this.#opening.change(
      topicId,
      (wanted) => wanted.partition === partition ? { ...wanted, leaderEpoch } : wanted,
    );
    await this.#logs.get(topicId)?.[partition]?.lead(leaderEpoch);
  }

  /**
   * Ends topics' logs at once and removes their files after `file.delete.delay.ms`, as Kafka does. When it resolves
   * nothing that was written down speaks of them, and their folders do not come back after a power loss.
   */
  async remove(topicIds: Iterable<Uuid>): Promise<void> {
    let isWritten = false, wasThere = false;
    // All of them end before anything is waited for: one that is opened meanwhile would live on in the folder of the next.
    const doomed = [...topicIds].map((topicId) => {
      const logs = this.#logs.get(topicId) ?? [];
      this.#logs.delete(topicId);
      for (const log of logs) log?.retire("the topic was deleted");
      return { topicId, logs, unopened: this.#opening.forget(topicId) };
    });
    for (const { topicId, logs, unopened } of doomed) {
      for (const log of logs) {
        if (!log) continue;
        isWritten ||= this.#books.last(log) !== undefined;
        wasThere = true;
        await log.gone();
        this.#discard(log.folder, log.config["file.delete.delay.ms"]);
      }
      for (const { wanted } of await unopened) {
        isWritten = wasThere = true;
        const folder = folderOf(wanted), found = readPartitionMetadata(this.#context.store, folder);
        if (found !== null && found !== topicId) continue; // was offline for that: it is not this topic's to remove
        this.#discard(folder, wanted.config["file.delete.delay.ms"]);
      }
    }
    try {
      if (wasThere) await this.#context.store.syncFolder("");
      if (isWritten) await this.checkpoint();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      // On a full disk topics can be deleted all the same. By topic id nothing is inherited; the next checkpoint mends the rest.
      this.#warn("checkpoint_failed", { error: error.message });
    }
  }

  /**
   * Writes down what there is of every log; segments before a log start that is on the device by then go. Once a stop has
   * begun that writes what counts, and whoever asks waits for it: a log start may be answered for when this resolves.
   */
  checkpoint(): Promise<void> {
    let isLeft = false;
    const done = this.#checkpointing.then(() => {
      isLeft = this.#closed;
      return isLeft ? undefined : this.#writeDown();
    });
    this.#checkpointing = done.catch(() => {}); // whoever asked has the error
    return done.then(() => isLeft ? this.#stopped.promise : undefined);
  }

  /** Deletes whole segments that are too old or beyond the size a topic may keep. */
  async enforceRetention(): Promise<void> {
    const nowMs = this.#context.clock.nowMs();
    for (const log of this.all()) {
      if (log.offline !== null) continue;
      try {
        await this.#expire(log, nowMs);
      } catch (error) { // of this log, or a full disk: the others are looked at all the same
        if (!(error instanceof StoreError)) throw error;
        this.#warn("retention_failed", { folder: log.folder, error: error.message });
      }
    }
  }

  async #expire(log: PartitionLog, nowMs: number): Promise<void> {
    const before = log.logStartOffset;
    if (isActiveExpired(log, nowMs)) log.roll();
    log.advanceStart(expiredBefore(log, nowMs));
    if (log.logStartOffset === before) return;
    await this.checkpoint();
    const { folder, logStartOffset: logStart } = log;
    this.#options.onEvent("segments_deleted", { folder, before, logStart });
  }

  /** A clean stop: everything synced, indexes and snapshots written, and what there is of every log written down. */
  close(): Promise<void> {
    this.#closed = true;
    this.#stopped.promise.catch(() => {}); // the stop itself has the error
    const stopped = this.#stop();
    stopped.then(this.#stopped.resolve, this.#stopped.reject);
    return stopped;
  }

  async #stop(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    await this.#opening.close();
    await this.#removing;
    await this.#checkpointing;
    const entries: Entry[] = [];
    const queue = [...this.all()];
    const worker = async () => {
      for (let log = queue.pop(); log; log = queue.pop()) {
        entries.push(await this.#books.close(log));
      }
    };
    await Promise.all(Array.from({ length: CLOSE_PARALLEL }, worker));
    for (const { record, wanted } of this.#opening.unopened()) {
      if (record !== undefined) entries.push(asEntry({ ...record, ...named(wanted) }));
    }
    entries.sort(byName);
    await this.#books.write(entries, { isClean: this.isSound, omitted: this.#omitted() });
  }

  /** Writes down, under this broker's epoch, that nothing is exact any more: any log may be opened from now on. */
  async #begin(): Promise<void> {
    try {
      await this.checkpoint();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#warn("inventory_failed", { error: error.message });
      this.#context.store.remove(INVENTORY_FILE); // a full disk still lets what is not true any more be removed
    }
  }

  #opened(log: PartitionLog, one: Unopened, isNew: boolean): void {
    const { wanted, record } = one;
    this.#books.opened(log, record);
    const found = this.positions.takeUp(log, one);
    if (found !== null) this.#warn("log_healed", { folder: log.folder, found });
    this.#add(log, wanted.leaderEpoch, isNew || !this.#options.cleanStart);
  }

  /** `isNewEpoch`: the leadership is taken up; otherwise it is as it was when the last broker stopped. */
  #add(log: PartitionLog, leaderEpoch: number, isNewEpoch: boolean): void {
    let logs = this.#logs.get(log.topicId);
    if (logs === undefined) this.#logs.set(log.topicId, logs = []);
    logs[log.partition] = log;
    log.leaderEpoch = leaderEpoch;
    if (!isNewEpoch) return;
    log.lead(leaderEpoch).catch((error) =>
      this.#warn("leader_epoch_failed", { folder: log.folder, error: String(error) })
    );
  }

  #omitted(): Omitted {
    const unknown = [...this.#opening.unopened()].filter(({ record, isNew }) =>
      record === undefined && !isNew
    );
    return {
      fromInventory: unknown.length > 0,
      fromRecoveryPoints: unknown.some(({ compactedTo }) => compactedTo === Infinity),
    };
  }

  async #writeDown(): Promise<void> {
    const measured = [...this.all()].map((log) => ({ log, entry: this.#books.measure(log) }));
    const omitted = this.#omitted(), isAllKnown = this.#opening.isEmpty; // of the same moment as the rows
    const logs: typeof measured = [], entries: Entry[] = [], failed: StoreError[] = [];
    let isAnyUnknown = false;
    for (const { record, wanted, offline } of this.#opening.unopened()) {
      if (record === undefined) continue;
      // One that may be opened at any moment is not known for certain any more.
      const isExact = record.isExact && offline !== null;
      entries.push(asEntry({ ...record, ...named(wanted), isExact }));
    }
    for (const { log, entry } of measured) {
      const error = await epochsSaved(log);
      if (this.#logs.get(log.topicId)?.[log.partition] !== log) continue; // deleted meanwhile
      if (error === null) {
        logs.push({ log, entry });
        entries.push(entry);
        continue;
      }
      failed.push(error);
      const last = this.#books.last(log); // which stays as it was
      if (last === undefined) isAnyUnknown = true;
      else entries.push(asEntry({ ...last, isExact: false }));
    }
    entries.sort(byName);
    await this.#books.write(entries, {
      isClean: false,
      omitted: { ...omitted, fromInventory: omitted.fromInventory || isAnyUnknown },
    });
    for (const { log, entry } of logs) {
      this.#books.wrote(log, entry);
      if (log.offline === null) log.dropBeforeStart(entry.log.logStartOffset);
    }
    if (failed.length > 0) throw failed[0]; // who waits for that log's start is not answered
    if (isAllKnown) this.#options.onAllKnown?.();
  }

  async #checkpointWhenDue(): Promise<void> {
    const { clock } = this.#context, beganMs = clock.monotonicMs();
    if (!this.#due.look(this.all(), beganMs)) return;
    await this.checkpoint();
    this.#due.wrote(beganMs, clock.monotonicMs());
  }

  /** Marks a folder deleted; a failure is the next start's business, which knows the topic id as deleted. */
  #discard(folder: string, delayMs: number): void {
    const doomed = markedName(folder, "delete");
    try {
      this.#context.store.rename(folder, doomed);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return this.#warn("deletion_failed", { folder, error: error.message });
    }
    this.#removeLater(delayMs, doomed);
  }

  #removeLater(delayMs: number, folder: string): void {
    this.#later(delayMs, () => this.#context.store.removeAsync(folder));
  }

  #warn(event: string, details: Record<string, unknown>): void {
    (this.#options.onWarning ?? this.#options.onEvent)(event, details);
  }

  #every(ms: number, work: () => Promise<void>): void {
    this.#after(ms, () => {
      this.#every(ms, work);
      work().catch((error) => this.#warn("housekeeping_failed", { error: String(error) }));
    });
  }

  /** One at a time, however many fall due together: the threads that they take are also those that sync. */
  #later(ms: number, work: () => Promise<void>): void {
    this.#after(ms, () => this.#removeInTurn(work));
  }

  #after(ms: number, work: () => void): void {
    if (this.#closed) return; // left over; the next start removes it
    const cancel = this.#timers.after(ms, () => {
      this.#cancels.delete(cancel);
      work();
    });
    this.#cancels.add(cancel);
  }

  #removeInTurn(work: () => Promise<void>): void {
    this.#removing = this.#removing.then(() => this.#closed ? undefined : work()).catch((error) =>
      this.#warn("housekeeping_failed", { error: String(error) })
    );
  }
}

/** Why a log's epochs could not be written, or null. One that was deleted meanwhile has none to write. */
async function epochsSaved(log: PartitionLog): Promise<StoreError | null> {
  try {
    await log.saveEpochs();
    return null;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return log.offline === null ? error : null;
  }
}

/** What is remembered of a log that is not open. */
function asEntry(log: LogInventory): Entry {
  return { log, highWatermark: log.endOffset };
}

function named({ topic, partition }: LogRef): { topic: string; partition: number } {
  return { topic, partition };
}

/** An order, so that what has not changed is written the same. */
function byName(a: Entry, b: Entry): number {
  if (a.log.topic !== b.log.topic) return a.log.topic < b.log.topic ? -1 : 1;
  return a.log.partition - b.log.partition;
}

const CLOSE_PARALLEL = 16;
/** How long a start waits for logs that need not be open before anything is served. */
const OPEN_MS = 1000;
/** How often it is looked whether a checkpoint is due. */
const LOOK_MS = 1000;
