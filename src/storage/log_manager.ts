/**
 * LogManager: all partition logs of a broker. Opens them at start, creates and deletes them as topics come and go,
 * and keeps the checkpoint files that tell the next start where to look.
 */
import type { Uuid } from "../bytes/uuid.ts";
import type { TopicConfig } from "../config/topic_configs.ts";
import {
  type CheckpointEntry,
  CLEANER_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  LOG_START_CHECKPOINT,
  readCheckpoint,
  RECOVERY_POINT_CHECKPOINT,
  writeCheckpoint,
} from "./checkpoints.ts";
import type { JournalEntry } from "./durability/journal_entries.ts";
import { createLog, type LogRef, openLog, repairMetadata, topicIdOf } from "./log/open_log.ts";
import type { LogContext } from "./log/log_context.ts";
import type { PartitionLog } from "./log/partition_log.ts";
import { expiredBefore, isActiveExpired } from "./log/retention.ts";

/** A partition that should exist, with what the catalogue says of it. */
export interface WantedLog extends LogRef {
  readonly leaderEpoch: number;
  readonly config: TopicConfig;
}

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
  /** Told what opening, retention and deletion did that an operator should know. */
  readonly onEvent: (event: string, details: Record<string, unknown>) => void;
}

export class LogManager {
  readonly #options: LogManagerOptions;
  readonly #context: LogContext;
  readonly #logs = new Map<Uuid, PartitionLog[]>();
  readonly #timers = new Set<ReturnType<typeof setInterval>>();
  #checkpointing: Promise<void> = Promise.resolve();
  #removing: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: LogManagerOptions) {
    this.#options = options;
    this.#context = { ...options.context, later: (ms, work) => this.#later(ms, work) };
  }

  /** Opens the logs of every wanted partition; folders of topics that are no more are removed. */
  async open(wanted: Iterable<WantedLog>): Promise<void> {
    const { store } = this.#context;
    const present = new Set<string>();
    for (const { name, isFolder } of store.list("")) if (isFolder) present.add(name);
    const damaged = (reason: string) => this.#options.onEvent("checkpoint_ignored", { reason });
    const recoveryPoints = index(readCheckpoint(store, RECOVERY_POINT_CHECKPOINT, damaged));
    const compacted = index(readCheckpoint(store, CLEANER_CHECKPOINT, damaged));
    const logStarts = index(readCheckpoint(store, LOG_START_CHECKPOINT, damaged));
    const journal = Map.groupBy(this.#options.journal, (entry) => entry.folder);
    for (const one of wanted) {
      const folder = `${one.topic}-${one.partition}`;
      const topicId = present.has(folder) ? topicIdOf(this.#context, folder) : one.topicId;
      const ofAnother = topicId !== null && topicId !== one.topicId;
      if (ofAnother) this.#discard(folder);
      if (topicId === null) repairMetadata(this.#context, one);
      const entries = (journal.get(folder) ?? []).filter((entry) => entry.topicId === one.topicId);
      if (!present.delete(folder) || ofAnother) {
        if (entries.length === 0) {
          this.#create(one);
          continue;
        }
        store.makeFolder(folder); // a power loss took the name; the journal has what was acknowledged
        repairMetadata(this.#context, one);
      }
      const { log, cutBytes, damage, warnings } = await openLog(this.#context, one, one.config, {
        recoveryPoint: recoveryPoints.get(folder),
        logStartOffset: logStarts.get(folder),
        clean: this.#options.cleanStart,
        journal: entries,
        maxLeaderEpoch: one.leaderEpoch,
        wasCompacted: compacted.has(folder),
      });
      for (const warning of warnings) this.#options.onEvent("log_healed", { folder, warning });
      if (cutBytes > 0) this.#options.onEvent("torn_tail_cut", { folder, bytes: cutBytes });
      if (damage) this.#options.onEvent("partition_offline", { folder, reason: damage });
      else if (this.#options.cleanStart) log.leaderEpoch = one.leaderEpoch; // as it was when it stopped
      else await log.lead(one.leaderEpoch);
      this.#add(log);
    }
    for (const folder of present) if (isPartitionFolder(folder)) this.#discard(folder);
    this.#every(this.#options.checkpointIntervalMs, () => this.checkpoint());
    this.#every(this.#options.retentionIntervalMs, () => this.enforceRetention());
  }

  /** The log of a partition, or undefined when there is none (yet). */
  get(topicId: Uuid, partition: number): PartitionLog | undefined {
    return this.#logs.get(topicId)?.[partition];
  }

  /** Whether an entry of an earlier run may be the only copy of what a log has lost. */
  needsJournal({ topicId, folder }: JournalEntry): boolean {
    return this.#logs.get(topicId)?.some((log) => log?.folder === folder && log.isDamaged) ?? false;
  }

  /** Every log. */
  *all(): Generator<PartitionLog> {
    for (const logs of this.#logs.values()) {
      for (const log of logs) if (log !== undefined) yield log;
    }
  }

  /** Makes empty logs; an interrupted creation is repeated at the next start, from the catalogue. */
  createAll(wanted: Iterable<WantedLog>): void {
    for (const one of wanted) this.#create(one);
  }

  /** Takes a new config into effect on all partitions of a topic. */
  configure(topicId: Uuid, config: TopicConfig): void {
    for (const log of this.#logs.get(topicId) ?? []) if (log) log.config = config;
  }

  /** Ends a topic's logs at once and removes their files after `file.delete.delay.ms`, as Kafka does. */
  remove(topicId: Uuid): void {
    const logs = this.#logs.get(topicId);
    this.#logs.delete(topicId);
    for (const log of logs ?? []) {
      if (!log) continue;
      log.retire("the topic was deleted");
      const doomed = `${log.folder}.${crypto.randomUUID().replaceAll("-", "")}-delete`;
      this.#context.store.rename(log.folder, doomed);
      this.#later(
        log.config["file.delete.delay.ms"],
        () => this.#context.store.removeAsync(doomed),
      );
    }
  }

  /** Writes down recovery points, high watermarks and log starts. Calls in turn, never two at a time. */
  checkpoint(): Promise<void> {
    return this.#checkpointing = this.#checkpointing.then(() => this.#writeCheckpoints());
  }

  /** Deletes whole segments that are too old or beyond the size a topic may keep. */
  async enforceRetention(): Promise<void> {
    const nowMs = this.#context.clock.nowMs();
    for (const log of this.all()) {
      if (log.offline !== null) continue;
      const before = log.logStartOffset;
      if (isActiveExpired(log, nowMs)) log.roll();
      log.advanceStart(expiredBefore(log, nowMs));
      if (log.logStartOffset === before) continue;
      this.#options.onEvent("segments_deleted", {
        folder: log.folder,
        before,
        logStart: log.logStartOffset,
      });
      await this.checkpoint();
    }
  }

  /** A clean stop: everything synced, indexes and snapshots written, checkpoints current. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#removing;
    await this.#checkpointing;
    const entries = this.#checkpointEntries(); // before closing: offline logs keep their last checkpoint
    const queue = [...this.all()];
    const worker = async () => {
      for (let log = queue.pop(); log; log = queue.pop()) await log.close();
    };
    await Promise.all(Array.from({ length: CLOSE_PARALLEL }, worker));
    await this.#write(entries.map((entry) => ({ ...entry, recoveryPoint: entry.logEndOffset() })));
  }

  #create(wanted: WantedLog): void {
    const log = createLog(this.#context, wanted, wanted.config);
    log.lead(wanted.leaderEpoch);
    this.#add(log);
  }

  #add(log: PartitionLog): void {
    let logs = this.#logs.get(log.topicId);
    if (!logs) this.#logs.set(log.topicId, logs = []);
    logs[log.partition] = log;
  }

  #discard(folder: string): void {
    this.#options.onEvent("folder_removed", { folder, reason: "no topic has this partition" });
    this.#context.store.remove(folder);
  }

  #writeCheckpoints(): Promise<void> {
    return this.#closed ? Promise.resolve() : this.#write(this.#checkpointEntries());
  }

  #checkpointEntries() {
    const entries = [];
    for (const log of this.all()) {
      const { topic, partition, recoveryPoint, highWatermark, logStartOffset } = log;
      const logEndOffset = () => log.isDamaged ? recoveryPoint : log.logEndOffset;
      const isTrimmed = logStartOffset > (log.segments[0]?.baseOffset ?? 0);
      entries.push({
        topic,
        partition,
        recoveryPoint,
        highWatermark,
        logStartOffset,
        isTrimmed,
        logEndOffset,
      });
    }
    return entries;
  }

  async #write(
    entries: readonly {
      topic: string;
      partition: number;
      recoveryPoint: number;
      highWatermark: number;
      logStartOffset: number;
      isTrimmed: boolean;
    }[],
  ): Promise<void> {
    const { store } = this.#context;
    for (const log of this.all()) await log.saveEpochs();
    const rows = (pick: (entry: typeof entries[number]) => number): CheckpointEntry[] =>
      entries.map((entry) => ({
        topic: entry.topic,
        partition: entry.partition,
        offset: pick(entry),
      }));
    await writeCheckpoint(store, RECOVERY_POINT_CHECKPOINT, rows((entry) => entry.recoveryPoint));
    await writeCheckpoint(store, HIGH_WATERMARK_CHECKPOINT, rows((entry) => entry.highWatermark));
    const trimmed = entries.filter((entry) => entry.isTrimmed);
    await writeCheckpoint(
      store,
      LOG_START_CHECKPOINT,
      trimmed.map((entry) => ({
        topic: entry.topic,
        partition: entry.partition,
        offset: entry.logStartOffset,
      })),
    );
  }

  #every(ms: number, work: () => Promise<void>): void {
    this.#timers.add(setInterval(() => {
      work().catch((error) =>
        this.#options.onEvent("housekeeping_failed", { error: String(error) })
      );
    }, ms));
  }

  /** One at a time, however many fall due together: the threads that they take are also those that sync. */
  #later(ms: number, work: () => Promise<void>): void {
    if (this.#closed) return; // left over; the next start removes it
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#removing = this.#removing.then(() => this.#closed ? undefined : work()).catch((error) =>
        this.#options.onEvent("housekeeping_failed", { error: String(error) })
      );
    }, Math.min(ms, MAX_TIMER_MS));
    this.#timers.add(timer);
  }
}

const CLOSE_PARALLEL = 16;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** "<topic>-<partition>", or such a folder on its way out ("….<32 hex>-delete"). */
function isPartitionFolder(name: string): boolean {
  if (name === "__cluster_metadata-0") return false;
  return /^.+-\d+$/.test(name) || /^.+-\d+\.[0-9a-f]{32}-delete$/.test(name);
}

function index(entries: readonly CheckpointEntry[]): Map<string, number> {
  const offsets = new Map<string, number>();
  for (const { topic, partition, offset } of entries) offsets.set(`${topic}-${partition}`, offset);
  return offsets;
}
