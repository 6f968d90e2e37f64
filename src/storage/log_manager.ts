/**
 * LogManager: all partition logs of a broker. Opens them, creates and deletes them as topics come and go, and has
 * written down what tells the next start where to look.
 *
 * Work in the background treats each log by itself: what fails is told with the log's name, counted, and tried again.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { type GivesWay, systemTimers, type Timers } from "../clock.ts";
import { BackgroundWork } from "../metrics/background.ts";
import type { TopicConfig } from "../config/topic_configs.ts";
import type { Entry } from "./bookkeeping.ts";
import { Checkpointing, type Unwritten } from "./checkpointing.ts";
import { CleanerPositions } from "./compaction/positions.ts";
import type { JournalEntry } from "./durability/journal_entries.ts";
import { everCompactedTo, folderOf, INVENTORY_FILE } from "./directory/inventory.ts";
import type { LogRef } from "./log/open_log.ts";
import type { LogContext } from "./log/log_context.ts";
import type { PartitionLog } from "./log/partition_log.ts";
import { Removals } from "./removals.ts";
import { expire } from "./log/expire.ts";
import { Opening, type Unopened, type WantedLog, within } from "./opening.ts";
import { type FoldersContext, sortOut } from "./directory/partition_folders.ts";
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
  /** A log serves that was offline before: whoever was told so, or holds the one that failed, takes this. */
  readonly onOnline?: (log: PartitionLog) => void;
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
  readonly #checkpoints: Checkpointing;
  /** Those that serve. */
  readonly #logs = new Map<Uuid, PartitionLog[]>();
  readonly #timers: Timers;
  readonly #removals: Removals;
  /** What works in the background here. */
  readonly work = {
    retention: new BackgroundWork("retention"),
    checkpoints: new BackgroundWork("checkpoints"),
    removals: new BackgroundWork("removals"),
  };
  /** Whether every log that there is, is known here: else nothing may be written down. */
  #areAllKnown = false;
  #closed = false;
  /** How many logs close() has closed so far. */
  closedLogs = 0;

  constructor(options: LogManagerOptions) {
    const { onEvent, onWarning = onEvent, cleanStart, wasDeleted = () => false } = options;
    this.#options = options;
    const { store, clock, timers = systemTimers } = options.context;
    this.#timers = timers;
    this.#removals = new Removals({
      store,
      timers,
      work: this.work.removals,
      nowMs: () => clock.nowMs(),
      onWarning,
    });
    this.#context = {
      ...options.context,
      later: (ms, work) => this.#removals.later(ms, work),
      onFault: (log) => this.#fault(log),
    };
    this.#folders = { store, wasDeleted, onWarning };
    this.#opening = new Opening({
      context: this.#context,
      folders: this.#folders,
      cleanStart,
      onOpen: (log, one, how) => this.#opened(log, one, how),
      onDoomed: (folder) => this.#removals.removeLater(0, folder),
      onWarning,
    });
    this.#checkpoints = new Checkpointing({
      store,
      clock,
      positions: this.positions,
      brokerEpoch: options.brokerEpoch ?? 0,
      isHighWatermarkDurable: options.context.commit.policy === "fsync",
      metadata: options.metadata ?? (() => ({ endOffset: 0, bytes: 0 })),
      work: this.work.checkpoints,
      logs: () => this.all(),
      isCurrent: (log) => this.#logs.get(log.topicId)?.[log.partition] === log,
      opening: this.#opening,
      onAllKnown: options.onAllKnown,
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
    this.#areAllKnown = true;
    await this.#begin();
    for (const folder of sortOut(this.#folders, present)) {
      this.#removals.inTurn(() => store.removeAsync(folder), folder);
    }
    await this.#opening.begin(OPEN_MS);
    await within(this.#removals.settled(), OPEN_MS, this.#timers);
    this.#every(this.#options.checkpointIntervalMs, () => this.checkpoint());
    this.#every(this.#options.retentionIntervalMs, () => this.enforceRetention());
    this.#every(LOOK_MS, () => this.#checkpoints.whenDue());
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

  /** What there is of a partition; null when there is nothing. */
  held(topicId: Uuid, partition: number): HeldLog | null {
    return this.#logs.get(topicId)?.[partition] ??
      this.#opening.wanted(topicId, partition) ?? null;
  }

  /** Every topic of which there is something: logs, or a folder that is still to be marked deleted. */
  topicIds(): Set<Uuid> {
    const ids = this.#removals.owedTopics();
    for (const topicId of this.#logs.keys()) ids.add(topicId);
    for (const topicId of this.#opening.topicIds()) ids.add(topicId);
    return ids;
  }

  holds(topicId: Uuid): boolean {
    return this.#logs.has(topicId) || this.#opening.knows(topicId) ||
      this.undeleted(topicId) !== null;
  }

  /** Why a log that should be there cannot be made or opened for now; null when nothing is wrong, or it is damaged. */
  faultOf(topicId: Uuid, partition: number): string | null {
    return this.#opening.faultOf(topicId, partition);
  }

  /** Why a folder of a deleted topic still bears its name; null when none does. */
  undeleted(topicId: Uuid): string | null {
    return this.#removals.owed(topicId);
  }

  /** Partitions that do not serve, or take no batch, with the reason. */
  *offline(): Generator<LogRef & { readonly reason: string }> {
    for (const { wanted, offline } of this.#opening.unopened()) {
      const { topicId, topic, partition } = wanted;
      if (offline !== null) yield { topicId, topic, partition, reason: offline };
    }
    for (const { topicId, topic, partition, offline, writeFault } of this.all()) {
      const reason = offline ?? writeFault;
      if (reason !== null) yield { topicId, topic, partition, reason };
    }
  }

  /** Whether a stop may be called clean: not while a log is damaged, or has not been recovered. */
  get isSound(): boolean {
    if (!this.#areAllKnown) return false;
    for (const log of this.all()) {
      // Half renamed, say: what the journal alone has of it comes back at an unclean start only.
      const isOwed = log.offline !== null && log.recoveryPoint < log.logEndOffset;
      if (log.isDamaged || isOwed) return false;
    }
    return this.#opening.isSound;
  }

  /** There are to be these logs, empty ones; each is made when it is asked for first. */
  expect(wanted: Iterable<WantedLog>): void {
    for (const one of wanted) this.#opening.expect(one);
  }

  /** Makes a log that is expected, and tries again where the store fails; a stop before leaves it to the next start. */
  make(topicId: Uuid, partition: number): void {
    this.#opening.ask(topicId, partition);
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
   * nothing that was written down speaks of them, and their folders do not come back after a power loss. What takes long
   * gives way.
   */
  async remove(topicIds: Iterable<Uuid>, turn?: GivesWay): Promise<void> {
    let isWritten = false, wasThere = false;
    // All of them end before anything is waited for: one that is opened meanwhile would live on in the folder of the next.
    const doomed = [...topicIds].map((topicId) => {
      const logs = this.#logs.get(topicId) ?? [];
      this.#logs.delete(topicId);
      for (const log of logs) log?.end();
      return { topicId, logs, unopened: this.#opening.forget(topicId) };
    });
    for (const { topicId, logs, unopened } of doomed) {
      this.#removals.retry(topicId);
      for (const log of logs) {
        if (!log) continue;
        isWritten ||= this.#checkpoints.books.last(log) !== undefined;
        wasThere = true;
        await log.gone();
        const { folder, config: { "file.delete.delay.ms": delayMs } } = log;
        this.#removals.discard({ folder, topicId, delayMs });
        if (turn?.isLong) await turn.next();
      }
      for (const one of await unopened) {
        if (one.isThere) isWritten = wasThere = true;
        const { wanted, isThere } = one, delayMs = wanted.config["file.delete.delay.ms"];
        const doomed = { folder: folderOf(wanted), topicId, delayMs };
        this.#removals.discardOwn({ ...doomed, wasThere: isThere });
        if (turn?.isLong) await turn.next();
      }
    }
    try {
      if (wasThere) await this.#context.store.syncFolder("");
      if (isWritten) await this.checkpoint();
    } catch (error) {
      // On a full disk topics can be deleted all the same. By topic id nothing is inherited; the next checkpoint mends the rest.
      if (!(error instanceof StoreError)) throw error;
    }
  }

  /** Writes down what there is of every log (checkpointing.ts). */
  checkpoint(): Promise<Unwritten> {
    return this.#checkpoints.now();
  }

  /** Deletes whole segments that are too old or beyond the size a topic may keep; what fails of it is told. */
  async enforceRetention(): Promise<void> {
    const { retention } = this.work, { clock } = this.#context, nowMs = clock.nowMs();
    const trimmed: { readonly log: PartitionLog; readonly before: number }[] = [];
    for (const log of this.all()) {
      if (log.offline !== null) continue;
      const before = log.logStartOffset;
      try {
        expire(log, clock);
        retention.succeeded(log.folder, nowMs);
      } catch (error) {
        if (retention.failed(log.folder, error)) {
          this.#warn("retention_failed", { folder: log.folder, error: String(error) });
        }
      }
      if (log.logStartOffset > before) trimmed.push({ log, before });
    }
    this.#keepFailing(retention);
    if (trimmed.length === 0) return;
    const unwritten = await this.checkpoint(); // once for all of them
    for (const { log: { folder, logStartOffset: logStart }, before } of trimmed) {
      if (![...unwritten.keys()].some((log) => log.folder === folder)) {
        this.#options.onEvent("segments_deleted", { folder, before, logStart });
      }
    }
  }

  /**
   * A clean stop: everything synced, indexes and snapshots written, and what there is of every log written down. All of
   * its steps are taken, whichever fail; answers with what the store failed, in words. The next start looks at it. `makeRoom`
   * frees what is not needed once all is synced: called where it cannot be written down, which is tried once more then.
   */
  async close(makeRoom: () => Promise<void> = async () => {}): Promise<StopReport> {
    this.#closed = true;
    const report = { unwritten: [] as string[], unsynced: [] as string[] },
      entries: (Entry | null)[] = [];
    const unwritten = new Map<PartitionLog, StoreError>(), hints: StoreError[] = [];
    await this.#opening.close();
    await this.#removals.close();
    await this.#checkpoints.close();
    if (!this.#areAllKnown) return report; // the start that failed has opened none
    const queue = [...this.all()];
    const worker = async () => {
      for (let log = queue.pop(); log; log = queue.pop()) {
        const { entry, error, hint } = await this.#checkpoints.books.close(log);
        entries.push(entry);
        this.closedLogs++;
        if (hint !== null) hints.push(hint);
        if (error === null) continue;
        unwritten.set(log, error);
        report.unsynced.push(`${log.folder}: ${error.message}`);
      }
    };
    await Promise.all(Array.from({ length: CLOSE_PARALLEL }, worker));
    if (hints.length > 0) {
      const action = "the next start makes them of the logs";
      this.#warn("hints_unwritten", { logs: hints.length, error: hints[0].message, action });
    }
    const isSound = this.isSound && unwritten.size === 0;
    try {
      await this.#checkpoints.stop(entries, unwritten, { isSound, makeRoom });
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      report.unwritten.push(error.message);
    }
    return report;
  }

  /** Writes down, under this broker's epoch, that nothing is exact any more: any log may be opened from now on. */
  async #begin(): Promise<void> {
    try {
      await this.checkpoint();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error; // which was told
      this.#context.store.remove(INVENTORY_FILE); // a full disk still lets what is not true any more be removed
    }
  }

  #opened(
    log: PartitionLog,
    one: Unopened,
    { isNew, wasOffline }: { isNew: boolean; wasOffline: boolean },
  ): void {
    const { wanted, record, mustReach } = one;
    this.#checkpoints.books.opened(log, record);
    const found = this.positions.takeUp(log, one);
    if (found !== null) this.#warn("log_healed", { folder: log.folder, found });
    this.#add(log, wanted.leaderEpoch, isNew || !this.#options.cleanStart);
    if (wasOffline) this.#options.onOnline?.(log);
    if (mustReach === undefined) return;
    this.checkpoint().catch(() => {}); // its recovery point; the next one tells what is wrong
  }

  /** The store failed a log in the middle of something: it is recovered, as at a start, and serves again. */
  #fault(log: PartitionLog): void {
    const { topicId, topic, partition, leaderEpoch, config } = log, logs = this.#logs.get(topicId);
    if (this.#closed || logs?.[partition] !== log) return;
    const record = this.#checkpoints.rowOf(log);
    delete logs[partition];
    const compactedTo = record === undefined ? Infinity : everCompactedTo(record);
    const nothingJournaled = { wasJournaled: false, isJournalUnknown: true, journal: [] };
    this.#opening.again(
      {
        wanted: { topicId, topic, partition, leaderEpoch, config },
        record,
        recoveryPoint: record?.recoveryPoint,
        logStartOffset: record?.logStartOffset,
        clean: false,
        compactedTo,
        isCompactionKnown: record !== undefined,
        isNew: false,
        isThere: true,
        mustReach: log.highWatermark,
        ...nothingJournaled,
      },
      log.offline!,
      log.gone(),
    );
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

  /** Of logs that are there still. */
  #keepFailing(work: BackgroundWork): void {
    if (work.failing.size === 0) return;
    const folders = new Set([...this.all()].map(({ folder }) => folder));
    work.keepFailing((part) => folders.has(part));
  }

  #warn(event: string, details: Record<string, unknown>): void {
    (this.#options.onWarning ?? this.#options.onEvent)(event, details);
  }

  /** Again and again, with a pause between; what fails is told by who does it. */
  #every(ms: number, work: () => Promise<unknown>): void {
    this.#removals.after(ms, () => {
      work().catch(() => {}).finally(() => this.#every(ms, work));
    });
  }
}

/** What a stop could not do. */
export interface StopReport {
  /** What only saves work at the next start. */
  readonly unwritten: readonly string[];
  /** Logs of which not all may be on the device. */
  readonly unsynced: readonly string[];
}

/** What is held of a partition, whether it serves or waits to be opened. */
export type HeldLog = Pick<PartitionLog, "leaderEpoch" | "config">;

const CLOSE_PARALLEL = 16;
/** How long a start waits for logs that need not be open before anything is served. */
const OPEN_MS = 1000;
/** How often it is looked whether a checkpoint is due. */
const LOOK_MS = 1000;
