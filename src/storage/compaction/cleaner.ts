/**
 * Cleaner: compacts the logs of topics with cleanup.policy=compact, one at a time, the dirtiest first (Kafka's
 * LogCleaner with one thread).
 *
 * It looks every `backoffMs`, and again as long as it finds something. How far each log has been compacted is kept with
 * the log (positions.ts) and written down with everything else that is remembered of it; without that a log is compacted
 * from its start again, to the same end.
 * Each log stands for itself: one that the store fails is told, counted and tried again after a pause, one whose records
 * cannot be read is left alone until the next start; the others are compacted meanwhile.
 */
import type { BufferPool } from "../../bytes/pool.ts";
import { type Clock, systemTimers, type Timers } from "../../clock.ts";
import { BackgroundWork } from "../../metrics/background.ts";
import { Pace } from "./pace.ts";
import { compact, CompactionInterrupted } from "./pass.ts";
import { type Cleanable, cleanableOf } from "./plan.ts";
import { CleanerPositions } from "./positions.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import { type Store, StoreError } from "../store.ts";

export interface CleanerOptions {
  readonly store: Store;
  readonly pool: BufferPool;
  readonly clock: Clock;
  /** Without them, the system's. */
  readonly timers?: Timers;
  /** Every log that serves. */
  readonly logs: () => Iterable<PartitionLog>;
  /** How far each has been compacted; nowhere unless given. */
  readonly positions?: CleanerPositions;
  /** Makes the logs' recovery points, and those positions, survive a crash; answers with those it could not write. */
  readonly checkpoint: () => Promise<ReadonlyMap<PartitionLog, StoreError> | void>;
  /** Kafka: log.cleaner.backoff.ms */
  readonly backoffMs: number;
  /** Kafka: log.cleaner.dedupe.buffer.size */
  readonly dedupeBufferBytes: number;
  /** Kafka: log.cleaner.io.max.bytes.per.second; Infinity is no limit. */
  readonly ioMaxBytesPerSecond: number;
  readonly maxDecompressedBytes: number;
  readonly onEvent: (event: string, details: Record<string, unknown>) => void;
}

export class Cleaner {
  readonly #options: CleanerOptions;
  readonly #pace: Pace;
  readonly #positions: CleanerPositions;
  /** How it fares. */
  readonly work = new BackgroundWork("cleaner");
  /** Logs to leave alone until then, by monotonic time, and how often they have failed. */
  readonly #failed = new WeakMap<
    PartitionLog,
    { readonly untilMs: number; readonly times: number }
  >();
  #cancel: () => void = () => {};
  #running: Promise<void> = Promise.resolve();

  constructor(options: CleanerOptions) {
    this.#options = options;
    this.#pace = new Pace(options.clock, options.ioMaxBytesPerSecond, options.timers);
    this.#positions = options.positions ?? new CleanerPositions();
  }

  start(): void {
    const { timers = systemTimers, backoffMs } = this.#options;
    this.#cancel = timers.after(backoffMs, () => {
      this.#running = this.#run().catch((error) => this.#tell("all logs", error)).finally(() => {
        if (!this.#pace.isStopped) this.start();
      });
    });
  }

  /** Ends the pass under way; what it has not finished the next start does again. */
  async stop(): Promise<void> {
    this.#pace.stop();
    this.#cancel();
    await this.#running;
  }

  /** Compacts the log that needs it most; false when none does. */
  async cleanDirtiest(): Promise<boolean> {
    const cleanable = this.#dirtiest();
    if (cleanable === null) return false;
    const { log } = cleanable, { clock, onEvent } = this.#options;
    const beganMs = clock.monotonicMs();
    const checkpoint = async () => {
      const error = (await this.#options.checkpoint())?.get(log);
      if (error !== undefined) throw error; // the others are written down
    };
    // Written down before the first segment is replaced: a start must not miss the segments that were joined.
    this.#positions.begin(log, cleanable.firstUncleanableOffset);
    try {
      const compacted = await compact(cleanable, {
        ...this.#options,
        checkpoint,
        pace: this.#pace,
      });
      this.#positions.set(log, compacted.endOffset);
      this.#positions.end(log);
      await checkpoint();
      this.#succeeded(log);
      onEvent("log_compacted", {
        folder: log.folder,
        ...compacted,
        durationMs: Math.round(clock.monotonicMs() - beganMs),
      });
    } catch (error) {
      if (error instanceof CompactionInterrupted || !this.#serves(log)) return true;
      this.#fail(log, error);
    }
    // Where the pass did not come to its end the position stays: some segments may have gaps between their batches by now.
    return true;
  }

  async #run(): Promise<void> {
    while (!this.#pace.isStopped && await this.cleanDirtiest());
  }

  #dirtiest(): Cleanable | null {
    const { clock } = this.#options, nowMs = clock.nowMs(), monotonicMs = clock.monotonicMs();
    let dirtiest: Cleanable | null = null;
    this.#forgetGone();
    for (const log of this.#options.logs()) {
      if (monotonicMs < (this.#failed.get(log)?.untilMs ?? -Infinity)) continue;
      try {
        const cleanable = cleanableOf(log, this.#positions.compactedTo(log), nowMs);
        if (cleanable === null) continue;
        if (dirtiest === null || cleanable.dirtyRatio > dirtiest.dirtyRatio) dirtiest = cleanable;
      } catch (error) { // an index that cannot be read, say
        this.#fail(log, error);
      }
    }
    return dirtiest;
  }

  /** A log that was deleted fails no more. */
  #forgetGone(): void {
    if (this.work.failing.size === 0) return;
    const folders = new Set([...this.#options.logs()].map(({ folder }) => folder));
    this.work.keepFailing((part) => folders.has(part));
  }

  #succeeded(log: PartitionLog): void {
    this.#failed.delete(log);
    this.work.succeeded(log.folder, this.#options.clock.nowMs());
  }

  /** What the store failed is tried again after a pause; what it holds does not change by waiting. */
  #fail(log: PartitionLog, error: unknown): void {
    this.#tell(log.folder, error);
    const times = (this.#failed.get(log)?.times ?? 0) + 1;
    const pauseMs = error instanceof StoreError
      ? Math.min(RETRY_MS * 2 ** Math.min(times - 1, 10), MAX_RETRY_MS)
      : Infinity;
    this.#failed.set(log, { untilMs: this.#options.clock.monotonicMs() + pauseMs, times });
  }

  #tell(folder: string, error: unknown): void {
    if (!this.work.failed(folder, error)) return;
    this.#options.onEvent("compaction_failed", { folder, error: String(error) });
  }

  /** Whether the log is there still: a topic may be deleted in the middle of anything. */
  #serves(log: PartitionLog): boolean {
    for (const one of this.#options.logs()) if (one === log) return true;
    return false;
  }
}

/** Tried again after so long, and twice as long each time. */
const RETRY_MS = 1000, MAX_RETRY_MS = 60_000;
