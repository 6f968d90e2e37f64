/**
 * GroupCommit: makes what was written durable, for all logs of a broker together, as the flush policy asks.
 *
 * | policy | acknowledged when | Kafka's equivalent |
 * |---|---|---|
 * | fsync | an fdatasync that began after the write has ended | log.flush.interval.messages=1, but shared |
 * | interval | write(2) has returned; an fdatasync follows within the interval | log.flush.interval.ms |
 * | os | write(2) has returned; the kernel decides | the default |
 *
 * In fsync mode one round makes every log durable as far as it was written when the round began, and everybody who waits is
 * answered together; the next round starts as the last one ends. So the more there is to do, the more one fdatasync
 * carries. When much has come meanwhile, the next round starts beside the last: the device takes two fdatasyncs in
 * little more time than one, and who came just after a round began waits for one round, not for two. Rounds go
 * through the journal (journal.ts), whose one fdatasync serves all logs; only a few logs with very much each,
 * which would have to be written twice, are synced themselves, side by side.
 *
 * So with a journal nothing is acknowledged, in whichever log, before everything that had been written before it, in
 * whichever log, is durable: a round takes all that is written, and rounds end in order. Transactions count on that
 * (produce_admission.ts). What a power loss leaves of bytes that were not acknowledged is another matter: those of one log
 * may be on the device, and those of another, written before, not.
 */
import { type Clock, systemClock, systemTimers, type Timers } from "../../clock.ts";
import type { Journal } from "./journal.ts";
import type { Stretch } from "./journal_entries.ts";
import { type Journaled, MAX_ROUNDS } from "./journal_file.ts";

export type FlushPolicy = "fsync" | "interval" | "os";

/** A log as the group commit sees it. */
export interface Syncable extends Journaled {
  /** The same, of sealed segments only. */
  syncSealed(): Promise<void>;
  /** What is written and not durable yet; nobody gets it twice. */
  takeStretches(): Stretch[];
}

export interface GroupCommitOptions {
  readonly policy: FlushPolicy;
  /** fsync: how long a write may wait for company, 0 to sync at once. interval: the time between syncs. */
  readonly intervalMs: number;
  /** Where rounds go; null syncs each log's own file. */
  readonly journal: Journal | null;
  /** A failed fdatasync: the pages are gone and no retry brings them back, so the process must end. */
  readonly onFailure: (error: unknown) => void;
  /** Told how long each round took, for metrics. */
  readonly onRound?: (durationMs: number, logs: number) => void;
  /** Without them, the system's. */
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** With so much to keep, a round begins beside the last one; OVERLAP_BYTES unless given. */
  readonly overlapBytes?: number;
}

export class GroupCommit {
  readonly policy: FlushPolicy;
  readonly #options: GroupCommitOptions;
  #dirty = new Set<Syncable>();
  /** Syncs of sealed segments, one after the other. */
  #sealed: Promise<void> = NOTHING;
  /** Bytes that were written since the last round began. */
  #dirtyBytes = 0;
  #isScheduled = false;
  /** Takes back the end of the waiting for what may wait; null when nothing waits. */
  #cancelWait: (() => void) | null = null;
  #inFlight = 0;
  /** Resolves when the last round that began, and so all before it, have ended. */
  #last: Promise<void> = NOTHING;
  #failed = false;
  readonly #clock: Clock;
  readonly #timers: Timers;
  /** Takes back the round that is due later; null when none is. */
  #cancel: (() => void) | null = null;

  constructor(options: GroupCommitOptions) {
    this.policy = options.policy;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#timers = options.timers ?? systemTimers;
  }

  /**
   * Whether nothing that is written later is acknowledged before what is written now. Where logs are synced by themselves,
   * each by its topic's flush.messages or all without a journal, one may be before the other.
   */
  get isOrdered(): boolean {
    return this.policy === "fsync" && this.isJournaled;
  }

  /** Whether rounds go through a journal, which tells a start how far acknowledgements can have come. */
  get isJournaled(): boolean {
    return this.#options.journal !== null;
  }

  /**
   * Notes that `log` has `bytes` that are written but not durable. Where they may wait, the round that takes them begins
   * with what else is written in this turn of the event loop, or after it.
   */
  written(log: Syncable, bytes: number, mayWait = false): void {
    if (this.policy === "os") return;
    this.#dirty.add(log);
    this.#dirtyBytes += bytes;
    if (!mayWait) return this.#schedule();
    this.#cancelWait ??= this.#timers.after(0, () => {
      this.#cancelWait = null;
      this.#schedule();
    });
  }

  /**
   * Notes that a sealed segment of `log` is written whole. Kafka syncs it then whatever the policy, so that a restart has
   * at most one segment to check. Nobody waits for that.
   */
  sealed(log: Syncable): void {
    this.#sealed = this.#sealed.then(() => this.#failed ? undefined : log.syncSealed())
      .catch((error) => this.#fail(error));
  }

  /** Syncs a log that asks for it itself; false when a sync has failed, and nothing may be acknowledged any more. */
  async flush(log: Syncable): Promise<boolean> {
    if (this.#failed) return false;
    try {
      await log.sync();
    } catch (error) {
      this.#fail(error);
    }
    return !this.#failed;
  }

  /** Forgets a log that is going away; for good, where its topic was deleted. */
  forget(log: Syncable): void {
    this.#dirty.delete(log);
    if (log.isGone) this.#options.journal?.forget(log);
  }

  /** Syncs whatever is waiting now; for a clean stop. */
  async drain(): Promise<void> {
    while (this.#inFlight > 0 || this.#dirty.size > 0) {
      if (this.#failed) return;
      this.#begin();
      await this.#last;
    }
    await this.#sealed;
    this.#cancel?.();
    this.#cancelWait?.();
    this.#cancel = this.#cancelWait = null;
  }

  #schedule(): void {
    if (this.#cancel !== null || this.#isScheduled || !this.#mayBegin()) return;
    if (this.policy === "fsync" && this.#options.intervalMs === 0) {
      this.#isScheduled = true;
      // Whatever else this turn of the event loop brings still joins the round.
      queueMicrotask(() => {
        this.#isScheduled = false;
        this.#begin();
      });
      return;
    }
    this.#cancel = this.#timers.after(this.#options.intervalMs, () => {
      this.#cancel = null;
      this.#begin();
    });
  }

  /** One round after the other; beside the last one another may begin when there is much for it. */
  #mayBegin(): boolean {
    if (this.#failed || this.#dirty.size === 0) return false;
    if (this.#inFlight === 0) return true;
    const { journal, intervalMs, overlapBytes = OVERLAP_BYTES } = this.#options;
    return this.#inFlight < MAX_ROUNDS && this.#dirtyBytes >= overlapBytes &&
      intervalMs === 0 && journal !== null && !journal.isWaiting;
  }

  /** A round, if one may begin. */
  #begin(): void {
    if (!this.#mayBegin()) return;
    this.#inFlight++;
    this.#last = this.#finish(this.#round(), this.#last);
  }

  /** Rounds end in the order they began: what is durable has no gap, and a failure comes before any later success. */
  async #finish(round: Promise<readonly Taken[]>, before: Promise<void>): Promise<void> {
    try {
      const [taken] = await Promise.all([round, before]);
      if (this.#failed) return; // no high watermark moves any more: nothing may be acknowledged after a failed fsync
      for (const { stretch } of taken) stretch.durable();
    } catch (error) {
      return this.#fail(error);
    } finally {
      this.#inFlight--;
    }
    // The device begins with what came meanwhile before the answers leave.
    if (this.#options.intervalMs > 0) this.#schedule();
    else this.#begin();
  }

  #fail(error: unknown): void {
    this.#failed = true;
    this.#options.onFailure(error);
  }

  /** Makes everything written so far survive power loss; the stretches that may be called durable when it resolves. */
  async #round(): Promise<readonly Taken[]> {
    const logs = this.#dirty;
    this.#dirty = new Set();
    this.#dirtyBytes = 0;
    const began = this.#clock.monotonicMs();
    const { journal } = this.#options;
    const taken = journal === null ? [] : takeAll(logs);
    if (journal === null) await syncAll(logs); // which says so to each log itself
    else if (taken.length > 0 && !await writeDown(journal, taken, logs)) {
      await syncAll(logs);
      await journal.mark(taken); // not before: what a mark reaches to is in the files
    }
    this.#options.onRound?.(this.#clock.monotonicMs() - began, logs.size);
    return taken;
  }
}

interface Taken {
  readonly log: Syncable;
  readonly stretch: Stretch;
}

/** The stretches of all logs. */
function takeAll(logs: ReadonlySet<Syncable>): Taken[] {
  const taken: Taken[] = [];
  for (const log of logs) for (const stretch of log.takeStretches()) taken.push({ log, stretch });
  return taken;
}

/** Writes the stretches to the journal, where that is the quicker way for them; whether that has been done. */
async function writeDown(
  journal: Journal,
  taken: readonly Taken[],
  logs: ReadonlySet<Syncable>,
): Promise<boolean> {
  const bytes = taken.reduce((sum, { stretch }) => sum + stretch.bytes, 0);
  const isMuch = logs.size <= MAX_PARALLEL && bytes > logs.size * MAX_JOURNALED_BYTES_PER_LOG;
  return !isMuch && bytes <= journal.maxRoundBytes && await journal.append(taken);
}

/** Syncs the logs, at most MAX_PARALLEL at a time: the device merges neighbours, the thread pool is shared. */
async function syncAll(logs: ReadonlySet<Syncable>): Promise<void> {
  if (logs.size <= MAX_PARALLEL) {
    const syncs: Promise<void>[] = [];
    for (const log of logs) syncs.push(log.sync());
    await Promise.all(syncs);
    return;
  }
  const queue = [...logs];
  const worker = async () => {
    for (let log = queue.pop(); log; log = queue.pop()) await log.sync();
  };
  await Promise.all(Array.from({ length: MAX_PARALLEL }, worker));
}

const NOTHING = Promise.resolve();
const MAX_PARALLEL = 16;
/** Less waits for the round that is on its way: a sync costs more than it would gain. */
const OVERLAP_BYTES = 64 << 10;

/** Above this, writing everything twice costs more than a few more syncs at the same time. */
const MAX_JOURNALED_BYTES_PER_LOG = 256 << 10;
