/**
 * StorageWorld: a broker's storage on a simulated disk, wired as broker.ts does: LogManager, GroupCommit, Journal and
 * Cleaner on a FaultyStore. It is opened, used, killed or cut from the power, and opened again on what is left.
 */
import { BufferPool } from "../bytes/pool.ts";
import type { Uuid } from "../bytes/uuid.ts";
import { FakeClock } from "./fake_clock.ts";
import { type TopicConfig, topicConfigDefaults } from "../config/topic_configs.ts";
import * as batch from "../protocol/records/batch.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { readRecords } from "../protocol/records/record.ts";
import type { FaultyStore } from "./faulty_store.ts";
import { microtasks, type SlowDevice } from "./slow_device.ts";
import {
  takeCleanShutdown,
  wasStoppedCleanly,
  writeCleanShutdown,
} from "../storage/directory/clean_shutdown.ts";
import { Cleaner } from "../storage/compaction/cleaner.ts";
import { type FlushPolicy, GroupCommit } from "../storage/durability/group_commit.ts";
import { Journal } from "../storage/durability/journal.ts";
import {
  dropJournal,
  journalFiles,
  NOTHING_LEFT,
  readJournal,
} from "../storage/durability/journal_entries.ts";
import type { Appended } from "../storage/log/appended.ts";
import type { LogContext } from "../storage/log/log_context.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import { LogManager } from "../storage/log_manager.ts";
import type { WantedLog } from "../storage/opening.ts";
import { DEFAULT_PRODUCER_LIMITS } from "../storage/producers/producer_state.ts";
import type { Sabotage } from "./sabotage.ts";

export interface WorldOptions {
  readonly clock?: FakeClock;
  readonly policy?: FlushPolicy;
  /** Bytes of a journal file; small ones turn often. */
  readonly journalBytes?: number;
  /** A fault put in on purpose. */
  readonly sabotage?: Sabotage;
  /** Whether a topic was deleted; without it, none was. */
  readonly wasDeleted?: (topicId: Uuid) => boolean;
  /** Told what storage tells an operator. */
  readonly onEvent?: (event: string, details: Record<string, unknown>) => void;
}

export class StorageWorld {
  readonly store: FaultyStore;
  readonly clock: FakeClock;
  readonly logs: LogManager;
  readonly cleaner: Cleaner;
  readonly #journal: Journal | null;
  readonly #commit: GroupCommit;
  readonly #brokerEpoch: number;
  #cleaning: Promise<boolean> | null = null;
  /** Whether storage gave up, as a broker does that ends its process. */
  hasFailed = false;

  private constructor(parts: {
    store: FaultyStore;
    clock: FakeClock;
    logs: LogManager;
    cleaner: Cleaner;
    journal: Journal | null;
    commit: GroupCommit;
    brokerEpoch: number;
  }) {
    this.store = parts.store;
    this.clock = parts.clock;
    this.logs = parts.logs;
    this.cleaner = parts.cleaner;
    this.#journal = parts.journal;
    this.#commit = parts.commit;
    this.#brokerEpoch = parts.brokerEpoch;
  }

  /** Starts storage on what the store holds. The device, if there is one, must be driven meanwhile. */
  static async open(
    store: FaultyStore,
    wanted: readonly WantedLog[],
    options: WorldOptions = {},
  ): Promise<StorageWorld> {
    const { clock = new FakeClock(), policy = "fsync", onEvent = () => {}, sabotage } = options;
    const failure = { happened: false };
    let world: StorageWorld | null = null;
    const onFailure = (error: unknown) => {
      failure.happened = true;
      if (world !== null) world.hasFailed = true;
      onEvent("storage_failed", { error: String(error) });
    };
    const marker = await takeCleanShutdown(store);
    const clean = wasStoppedCleanly(store, undefined, marker)
      ? marker
      : sabotage?.isAlwaysClean
      ? { brokerEpoch: 0 }
      : null;
    const earlier = journalFiles(store), left = clean === null ? readJournal(store) : NOTHING_LEFT;
    if (left.unknown !== null) onEvent("journal_unknown", { reason: left.unknown });
    const leftOver = sabotage?.journal?.(left.entries) ?? left.entries;
    const run = (left.run ?? 0) + 1;
    const fileBytes = options.journalBytes ?? 1 << 20;
    const journal = policy === "fsync"
      ? Journal.open({ store, fileBytes, onFailure, clock, run }, left)
      : null;
    await journal?.begin();
    const commitOptions = { policy, intervalMs: 0, journal, onFailure };
    const commit = sabotage?.groupCommit?.(commitOptions) ?? new GroupCommit(commitOptions);
    const pool = new BufferPool({ keepBytes: 1 << 20 });
    const context: LogContext = {
      store,
      clock,
      timers: store.device ?? undefined,
      pool,
      producers: sabotage?.producers ?? DEFAULT_PRODUCER_LIMITS,
      commit,
      onProblem: onEvent,
    };
    const logs = new LogManager({
      context,
      cleanStart: clean !== null,
      journal: leftOver,
      wasJournaled: left.unknown === null,
      checkpointIntervalMs: 1 << 30,
      retentionIntervalMs: 1 << 30,
      wasDeleted: options.wasDeleted,
      onAllKnown: () => journal?.settle().catch(onFailure),
      onEvent,
    });
    try {
      await logs.open(wanted);
      for (const { topicId, partition } of wanted) await logs.ready(topicId, partition);
      await logs.checkpoint();
      const onAside = (details: Record<string, unknown>) => onEvent("journal_aside", details);
      await dropJournal(store, earlier, (entry) => logs.needsJournal(entry), {
        onAside,
        onKept: (files) => journal?.relyOn(files),
      });
    } catch (error) {
      endTimers(logs);
      throw error;
    }
    const cleaner = new Cleaner({
      store,
      pool,
      clock,
      positions: logs.positions,
      logs: () => logs.all(),
      checkpoint: () => logs.checkpoint(),
      backoffMs: 1 << 30,
      dedupeBufferBytes: 1 << 20,
      ioMaxBytesPerSecond: Infinity,
      maxDecompressedBytes: 4 << 20,
      onEvent,
    });
    const brokerEpoch = (clean?.brokerEpoch ?? 0) + 1;
    world = new StorageWorld({ store, clock, logs, cleaner, journal, commit, brokerEpoch });
    world.hasFailed = failure.happened;
    return world;
  }

  /** One pass over the dirtiest log, if none is under way. */
  async clean(): Promise<void> {
    if (this.#cleaning !== null) return;
    this.#cleaning = this.cleaner.cleanDirtiest();
    try {
      await this.#cleaning;
    } finally {
      this.#cleaning = null;
    }
  }

  /** A clean stop, in the order of broker.ts. */
  async stop(): Promise<void> {
    await this.cleaner.stop();
    await this.#cleaning;
    await this.logs.close();
    await this.#commit.drain();
    if (this.hasFailed) throw new Error("storage had failed: no clean stop");
    if (this.logs.isSound) {
      await this.#journal?.remove();
      await writeCleanShutdown(this.store, this.#brokerEpoch);
    } else this.#journal?.close();
  }

  /** The process is gone, with nothing written any more. */
  abandon(): void {
    this.store.powerOff();
    this.cleaner.stop().catch(() => {});
    endTimers(this.logs);
  }
}

/** A LogManager that is no more needed keeps no timers. */
function endTimers(logs: LogManager): void {
  logs.close().catch(() => {});
}

/** Opens storage on a slow device, which turns meanwhile. */
export async function openDriven(
  device: SlowDevice,
  store: FaultyStore,
  wanted: readonly WantedLog[],
  options: WorldOptions = {},
): Promise<StorageWorld> {
  return await device.drive(StorageWorld.open(store, wanted, options));
}

export function wantedLog(
  topicId: Uuid,
  name: { topic: string; partition?: number; leaderEpoch?: number },
  config: Partial<TopicConfig> = {},
): WantedLog {
  return {
    topicId,
    topic: name.topic,
    partition: name.partition ?? 0,
    leaderEpoch: name.leaderEpoch ?? 0,
    config: { ...topicConfigDefaults(), "file.delete.delay.ms": 0, ...config },
  };
}

/** A producer's place: its id, epoch and next sequence. */
export interface ProducerPlace {
  readonly producerId: number;
  readonly producerEpoch?: number;
  readonly baseSequence: number;
}

/** Appends one batch of these values. */
export function send(
  log: PartitionLog,
  values: readonly string[],
  producer?: ProducerPlace,
): Appended {
  const bytes = buildBatch({
    records: values.map((value) => ({ timestampMs: NOW_MS, value: utf8.encode(value) })),
    ...(producer && { producerEpoch: 0, ...producer }),
  });
  return log.append(bytes, { origin: "client", leaderEpoch: log.leaderEpoch });
}

/** Appends one batch of these keys and values; null deletes. */
export function sendKeyed(
  log: PartitionLog,
  pairs: readonly (readonly [key: string, value: string | null])[],
  producer?: ProducerPlace,
  timestampMs = NOW_MS,
): Appended {
  const bytes = buildBatch({
    records: pairs.map(([key, value]) => ({
      timestampMs,
      key: utf8.encode(key),
      value: value === null ? null : utf8.encode(value),
    })),
    ...(producer && { producerEpoch: 0, ...producer }),
  });
  return log.append(bytes, { origin: "client", leaderEpoch: log.leaderEpoch });
}

/** A value of so many bytes, that begins with its name. */
export function largeValue(name: string, bytes: number): string {
  return name.padEnd(bytes, `${name} `);
}

/** The values that a consumer is given from the log start to the high watermark, by offset. */
export async function consumed(log: PartitionLog): Promise<Map<number, string>> {
  const values = new Map<number, string>();
  for (let at = log.logStartOffset; at < log.highWatermark;) {
    const bytes = await log.read(at, { maxBytes: 1 << 16, bound: "hw", minOneBatch: true });
    if (bytes === null) break;
    for (const position of batch.batches(bytes)) {
      const one = bytes.subarray(position, position + batch.sizeInBytes(bytes, position));
      if (!batch.isIntact(one)) throw new Error(`${log.folder}: the batch at ${at} is not intact`);
      for (const { offset, value } of readRecords(one)) {
        if (offset >= at) values.set(offset, utf8Text.decode(value!));
      }
      at = batch.lastOffset(bytes, position) + 1;
    }
  }
  return values;
}

/** Whether a promise has been kept by now. */
export async function isResolved(promise: Promise<unknown>): Promise<boolean> {
  let is = false;
  promise.then(() => is = true, () => {});
  await microtasks();
  return is;
}

/** Where FakeClock begins: producers that were heard of long before are forgotten. */
const NOW_MS = 1_700_000_000_000;
const utf8 = new TextEncoder();
const utf8Text = new TextDecoder();
