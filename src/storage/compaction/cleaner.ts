/**
 * Cleaner: compacts the logs of topics with cleanup.policy=compact, one at a time, the dirtiest first (Kafka's
 * LogCleaner with one thread).
 *
 * It looks every `backoffMs`, and again as long as it finds something. How far each log has been compacted is kept with
 * the log (positions.ts) and written down with everything else that is remembered of it; without that a log is compacted
 * from its start again, to the same end.
 * A log whose records cannot be read is reported and left alone until the next start.
 */
import type { BufferPool } from "../../bytes/pool.ts";
import type { Clock } from "../../clock.ts";
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
  /** Every log that serves. */
  readonly logs: () => Iterable<PartitionLog>;
  /** How far each has been compacted; nowhere unless given. */
  readonly positions?: CleanerPositions;
  /** Makes the logs' recovery points, and those positions, survive a crash. */
  readonly checkpoint: () => Promise<void>;
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
  readonly #failed = new WeakSet<PartitionLog>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(options: CleanerOptions) {
    this.#options = options;
    this.#pace = new Pace(options.clock, options.ioMaxBytesPerSecond);
    this.#positions = options.positions ?? new CleanerPositions();
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#running = this.#run().finally(() => {
        if (!this.#pace.isStopped) this.start();
      });
    }, this.#options.backoffMs);
  }

  /** Ends the pass under way; what it has not finished the next start does again. */
  async stop(): Promise<void> {
    this.#pace.stop();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
  }

  /** Compacts the log that needs it most; false when none does. */
  async cleanDirtiest(): Promise<boolean> {
    const cleanable = this.#dirtiest();
    if (cleanable === null) return false;
    const { log } = cleanable, { clock, onEvent } = this.#options;
    const beganMs = clock.monotonicMs();
    // Written down before the first segment is replaced: a start must not miss the segments that were joined.
    this.#positions.begin(log, cleanable.firstUncleanableOffset);
    try {
      const compacted = await compact(cleanable, { ...this.#options, pace: this.#pace });
      this.#positions.set(log, compacted.endOffset);
      this.#positions.end(log);
      await this.#options.checkpoint();
      onEvent("log_compacted", {
        folder: log.folder,
        ...compacted,
        durationMs: Math.round(clock.monotonicMs() - beganMs),
      });
    } catch (error) {
      if (error instanceof CompactionInterrupted || !this.#serves(log)) return true;
      onEvent("compaction_failed", { folder: log.folder, error: String(error) });
      if (error instanceof StoreError) return false; // a full disk, say: tried again after the backoff
      this.#failed.add(log);
    }
    // Where the pass did not come to its end the position stays: some segments may have gaps between their batches by now.
    return true;
  }

  async #run(): Promise<void> {
    while (!this.#pace.isStopped && await this.cleanDirtiest());
  }

  #dirtiest(): Cleanable | null {
    const nowMs = this.#options.clock.nowMs();
    let dirtiest: Cleanable | null = null;
    for (const log of this.#options.logs()) {
      if (this.#failed.has(log)) continue;
      const cleanable = cleanableOf(log, this.#positions.compactedTo(log), nowMs);
      if (cleanable === null) continue;
      if (dirtiest === null || cleanable.dirtyRatio > dirtiest.dirtyRatio) dirtiest = cleanable;
    }
    return dirtiest;
  }

  /** Whether the log is there still: a topic may be deleted in the middle of anything. */
  #serves(log: PartitionLog): boolean {
    for (const one of this.#options.logs()) if (one === log) return true;
    return false;
  }
}
