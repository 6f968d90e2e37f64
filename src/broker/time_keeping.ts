/**
 * Time keeping: a broker's trusted time, by which it deletes. Takes it up from what the directory says, looks at the clocks
 * every second, writes the confirmed time down, and tells the operator of a wall clock that is not believed.
 */
import type { Timers } from "../clock.ts";
import type { RememberedTime, TrustedTime } from "../clock/trusted_time.ts";
import { logger } from "../log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { LAST_TIME_FILE, readLastTime, writeLastTime } from "../storage/directory/last_time.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import * as batch from "../protocol/records/batch.ts";
import type { Store } from "../storage/store.ts";
import { parseSnapshotName } from "../topics/metadata_snapshot.ts";

export interface TimeKeepingOptions {
  readonly time: TrustedTime;
  readonly store: Store;
  readonly timers: Timers;
  /** What to go by where no time was written down; every record of it was stamped when the directory was in use. */
  readonly metadataLog: PartitionLog;
  /** storage.trust_clock: the operator says that the clock is right at this start. */
  readonly isRight: boolean;
  readonly metrics: Metrics;
}

export class TimeKeeping implements AsyncDisposable {
  readonly #options: TimeKeepingOptions;
  readonly #log = logger("clock");
  #cancel: (() => void) | null = null;
  #writing: Promise<void> = Promise.resolve();
  #writtenMs = 0;

  private constructor(options: TimeKeepingOptions) {
    this.#options = options;
  }

  /** To be begun before anything is written that a wrong wall clock stamps: the next start may have nothing else to go by. */
  static async begin(options: TimeKeepingOptions): Promise<TimeKeeping> {
    const { time, store, metadataLog, isRight, metrics } = options;
    const keeping = new TimeKeeping(options);
    time.resume(keeping.#last(store, metadataLog), { isRight });
    keeping.#look();
    await keeping.#writing;
    metrics.gauge(
      "clock_unconfirmed_seconds",
      "How far the wall clock is ahead of the time that deletion goes by; above 0 while a leap waits to be confirmed.",
      () => Math.floor(time.unconfirmedMs() / 1000),
    );
    return keeping;
  }

  /** Writes the time down once more: how long the broker was off counts from here. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancel?.();
    this.#write();
    await this.#writing;
  }

  #last(store: Store, metadataLog: PartitionLog): RememberedTime | null {
    const written = readLastTime(store);
    if (written !== null && typeof written !== "string") return written;
    const confirmedMs = Math.max(newestIn(metadataLog), snapshotTime(store, metadataLog.folder));
    if (written !== null) {
      const action = "the newest record of the metadata log says when the directory was used last";
      this.#log.warn("clock_ignored", { reason: `${LAST_TIME_FILE} ${written}`, action });
    }
    return confirmedMs < 0 ? null : { confirmedMs, aheadMs: 0, stoodMs: 0 };
  }

  #look(): void {
    const { time, timers } = this.#options;
    const news = time.look();
    if (news?.kind === "settled") this.#log.info("clock_confirmed", {});
    if (news?.kind === "ahead") {
      this.#log.warn("clock_ahead", {
        by: asText(news.aheadMs),
        now: new Date(time.nowMs() + time.unconfirmedMs()).toISOString(),
        confirmed: new Date(time.nowMs()).toISOString(),
        action: `nothing is deleted for its age by this clock until it has run on for ${
          asText(news.waitMs)
        }: set it right if it is wrong; if it is right, wait, or start once with --storage-trust-clock`,
      });
    }
    if (time.monotonicMs() - this.#writtenMs >= WRITE_MS || this.#writtenMs === 0) this.#write();
    this.#cancel = timers.after(LOOK_MS, () => this.#look());
  }

  /** One at a time; what could not be written is tried again with the next. */
  #write(): void {
    const { time, store } = this.#options;
    this.#writtenMs = time.monotonicMs();
    this.#writing = this.#writing.then(() => writeLastTime(store, time.remember())).catch(
      (error) => this.#log.warn("clock_not_written", { error: String(error) }),
    );
  }
}

/** The newest timestamp of a log's records; -1 where there is none, as at a first start. */
function newestIn(log: PartitionLog): number {
  const times = log.segments.map(({ largestTimestampMs }) => largestTimestampMs);
  return Math.max(-1, ...times.filter(Number.isFinite));
}

/** When the newest snapshot of a folder was written: the log behind it may be empty. -1 where there is none. */
function snapshotTime(store: Store, folder: string): number {
  const newest = store.list(folder).findLast(({ name }) => parseSnapshotName(name) !== null);
  const bytes = newest === undefined ? null : store.readAll(`${folder}/${newest.name}`);
  return bytes === null || bytes.length < batch.BATCH_OVERHEAD ? -1 : batch.maxTimestamp(bytes, 0);
}

/** "400 days", "7 hours", "12 minutes" */
function asText(ms: number): string {
  const minutes = Math.max(1, Math.round(ms / 60_000));
  if (minutes >= 2 * 24 * 60) return `${Math.round(minutes / (24 * 60))} days`;
  return minutes >= 120 ? `${Math.round(minutes / 60)} hours` : `${minutes} minutes`;
}

const LOOK_MS = 1000;
const WRITE_MS = 10 * 60_000;
