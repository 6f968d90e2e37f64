/**
 * The storage room: the logs of this node's partitions, how they become durable, and who works on them in the background.
 */
import type { Uuid } from "../bytes/uuid.ts";
import type { Config } from "../config/options.ts";
import { logger } from "../log.ts";
import type { BackgroundWork } from "../metrics/background.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { desiredAtStart } from "../placement/desired_logs.ts";
import { Cleaner } from "../storage/compaction/cleaner.ts";
import { type FlushPolicy, GroupCommit } from "../storage/durability/group_commit.ts";
import { Journal } from "../storage/durability/journal.ts";
import {
  dropJournal,
  journalFiles,
  type JournalLeft,
  NOTHING_LEFT,
  readJournal,
} from "../storage/durability/journal_entries.ts";
import { forgetStart } from "../storage/directory/interrupted_start.ts";
import { forgetRestored } from "../storage/directory/restored.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import { LogManager } from "../storage/log_manager.ts";
import { type Store, StoreError } from "../storage/store.ts";
import type { CleanStop } from "./clean_stop.ts";
import type { MachineRoom } from "./machine.ts";
import type { MetadataRoom } from "./metadata_room.ts";
import { unlessFull } from "./start_note.ts";

export interface StorageRoomOptions {
  readonly machine: MachineRoom;
  readonly metrics: Metrics;
  readonly metadata: MetadataRoom;
  readonly cleanStop: CleanStop;
  /** Whether the last broker on the directory stopped cleanly. */
  readonly wasClean: boolean;
  /** The epochs that partitions were led in before this start, which no batch is beyond. */
  readonly ledBefore: ReadonlyMap<Uuid, readonly number[]>;
  /** A log serves that was offline before. */
  readonly onOnline: (log: PartitionLog) => void;
}

export class StorageRoom implements AsyncDisposable {
  readonly logs: LogManager;
  readonly #cleaner: Cleaner;
  readonly #stack: AsyncDisposableStack;

  private constructor(logs: LogManager, cleaner: Cleaner, stack: AsyncDisposableStack) {
    this.logs = logs;
    this.#cleaner = cleaner;
    this.#stack = stack;
  }

  /** Opens what opens quickly; the rest is opened in the background. */
  static async open(config: Config, options: StorageRoomOptions): Promise<StorageRoom> {
    const { machine, metrics, metadata, cleanStop, wasClean } = options;
    const { store, isFile } = machine;
    await using stack = new AsyncDisposableStack();
    const earlier = journalFiles(store);
    const left = wasClean ? NOTHING_LEFT : readJournal(store, metadata.lastBrokerEpoch);
    const isJournaled = isFile && config.storage.flush === "fsync";
    const run = metadata.metadata.brokerEpoch;
    const journal = isJournaled ? openJournal(store, run, left) : null;
    cleanStop.journal = journal;
    await journal?.begin();
    const commit = commitOf(isFile ? config.storage.flush : "os", metrics, {
      journal,
      intervalMs: config.batching.flushIntervalMs,
      machine,
    });
    stack.defer(() => commit.drain());
    const logs = logManager(config, options, { commit, journal, left });
    stack.defer(() => closeLogs(logs, { machine, commit, cleanStop }));
    const { catalogue } = metadata.metadata;
    await logs.open(desiredAtStart(catalogue, metadata.nodes.selfId, options.ledBefore));
    await unlessFull(forgetStart(store)); // the logs are used from now on
    await unlessFull(forgetRestored(store));
    if (earlier.length > 0) await forgetEarlierJournal(store, earlier, { logs, journal });
    const cleaner = startCleaner(config, machine, logs);
    stack.defer(() => cleaner.stop());
    return new StorageRoom(logs, cleaner, stack.move());
  }

  get work(): readonly BackgroundWork[] {
    return [...Object.values(this.logs.work), this.#cleaner.work];
  }

  /** Partitions that are offline, a line each. */
  *problems(): Generator<string> {
    for (const { topic, partition, reason } of this.logs.offline()) {
      yield `${topic}-${partition} is offline: ${reason}`;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

const JOURNAL_BYTES = 64 << 20;
const CHECKPOINT_INTERVAL_MS = 60_000;

/** Syncs what is written as the policy asks; ends the process where a sync fails. */
export function commitOf(
  policy: FlushPolicy,
  metrics: Metrics,
  { journal, intervalMs, machine: { clock, timers } }: {
    readonly journal: Journal | null;
    readonly intervalMs: number;
    readonly machine: MachineRoom;
  },
): GroupCommit {
  return new GroupCommit({
    clock,
    timers,
    policy,
    intervalMs,
    journal,
    onFailure: fatal,
    onRound: (durationMs) => metrics.observeFsync(durationMs),
  });
}

/** A failed fsync: nothing may be acknowledged any more, and trying again would lie. Ends the process, code 1. */
function fatal(error: unknown): void {
  logger("storage").error("fsync_failed", { error: String(error), action: "the broker ends" });
  queueMicrotask(() => {
    throw error;
  });
}

function openJournal(store: Store, run: number, left: JournalLeft): Journal {
  if (left.unknown !== null && !left.isRestored) {
    const action = "damage with whole batches behind it is kept, and not cut";
    logger("broker").warn("journal_unknown", { reason: left.unknown, action });
  }
  return Journal.open({ store, run, fileBytes: JOURNAL_BYTES, onFailure: fatal }, left);
}

function logManager(
  config: Config,
  { machine, metadata, wasClean, onOnline }: StorageRoomOptions,
  { commit, journal, left }: { commit: GroupCommit; journal: Journal | null; left: JournalLeft },
): LogManager {
  const log = logger("broker"), { lastBrokerEpoch, log: metadataLog } = metadata;
  const { catalogue, brokerEpoch } = metadata.metadata;
  return new LogManager({
    context: { ...machine.logContext, commit },
    cleanStart: wasClean,
    journal: left.entries,
    checkpointIntervalMs: CHECKPOINT_INTERVAL_MS,
    retentionIntervalMs: config.storage.retentionCheckIntervalMs,
    brokerEpoch,
    lastBrokerEpoch,
    wasJournaled: left.unknown === null,
    wasDeleted: (topicId) => catalogue.deleted.has(topicId),
    onAllKnown: () => journal?.settle().catch(fatal),
    onOnline,
    metadata: () => ({ endOffset: metadataLog.recoveryPoint, bytes: metadataLog.size }),
    onEvent: (event, details) => log.info(event, details),
    onWarning: (event, details) => log.warn(event, details),
  });
}

async function closeLogs(
  logs: LogManager,
  { machine, commit, cleanStop }: {
    machine: MachineRoom;
    commit: GroupCommit;
    cleanStop: CleanStop;
  },
): Promise<void> {
  machine.isServing = false;
  await machine.makeRoom().catch(() => {}); // what cannot be written then is told
  const { unwritten, unsynced } = await logs.close(async () => {
    await commit.drain();
    await cleanStop.removeJournal(); // which nothing depends on any more, and which is large
  });
  cleanStop.unwritten.push(...unwritten);
  cleanStop.unsynced.push(...unsynced);
  cleanStop.isSound = logs.isSound;
}

/** Once what was recovered is written down, so that a start after this one knows how far the logs are synced. */
async function forgetEarlierJournal(
  store: Store,
  names: readonly string[],
  { logs, journal }: { readonly logs: LogManager; readonly journal: Journal | null },
): Promise<void> {
  const log = logger("storage");
  try {
    const [unwritten] = (await logs.checkpoint()).values();
    if (unwritten !== undefined) throw unwritten;
    const needed = logs.needsJournal.bind(logs);
    await dropJournal(store, names, needed, {
      onAside: (details) => log.warn("journal_aside", details),
      onKept: (files) => journal?.relyOn(files),
    });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn("journal_stays", { error: error.message }); // it does no harm; the next start asks it again
  }
}

function startCleaner(config: Config, machine: MachineRoom, logs: LogManager): Cleaner {
  const log = logger("cleaner"), { store, pool, time, timers } = machine;
  const { ioMaxBytesPerSecond } = config.compaction;
  const cleaner = new Cleaner({
    ...config.compaction,
    store,
    pool,
    clock: time,
    timers,
    logs: () => logs.all(),
    positions: logs.positions,
    checkpoint: () => logs.checkpoint(),
    ioMaxBytesPerSecond: ioMaxBytesPerSecond === 0 ? Infinity : ioMaxBytesPerSecond,
    maxDecompressedBytes: config.limits.maxDecompressedBytes,
    onEvent: (event, details) =>
      event === "log_compacted" ? log.info(event, details) : log.warn(event, details),
  });
  cleaner.start();
  return cleaner;
}
