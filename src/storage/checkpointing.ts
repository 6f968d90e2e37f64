/**
 * Checkpointing: when and how all logs of a broker are written down: every so often, when much has come, and when somebody
 * has to know that it was (DeleteRecords, a pass of the cleaner). One at a time; who asks while one is under way shares
 * the next.
 *
 * A log that cannot be measured, or whose epochs cannot be written, keeps the row it had, and the others are written.
 */
import type { Clock } from "../clock.ts";
import type { BackgroundWork } from "../metrics/background.ts";
import { Bookkeeping, type BookkeepingOptions, type Entry, type Omitted } from "./bookkeeping.ts";
import { CheckpointDue } from "./checkpoint_due.ts";
import type { LogInventory } from "./directory/inventory.ts";
import type { LogRef } from "./log/open_log.ts";
import type { PartitionLog } from "./log/partition_log.ts";
import type { Opening } from "./opening.ts";
import { StoreError } from "./store.ts";

/** Logs that could not be written down, with why. */
export type Unwritten = ReadonlyMap<PartitionLog, StoreError>;

export interface CheckpointingOptions extends BookkeepingOptions {
  readonly clock: Clock;
  readonly work: BackgroundWork;
  /** Every log that serves. */
  readonly logs: () => Iterable<PartitionLog>;
  readonly isCurrent: (log: PartitionLog) => boolean;
  readonly opening: Opening;
  /** Called when every log has been opened, and what it was opened with is written down. */
  readonly onAllKnown?: () => void;
  readonly onWarning: (event: string, details: Record<string, unknown>) => void;
}

export class Checkpointing {
  readonly books: Bookkeeping;
  readonly #options: CheckpointingOptions;
  readonly #due = new CheckpointDue();
  #running: Promise<unknown> = Promise.resolve();
  /** The one that has not begun: whoever asks meanwhile is served by it. */
  #next: Promise<Unwritten> | null = null;
  #isClosed = false;
  /** Settled with the end of a stop, which writes everything down. */
  readonly #stopped = Promise.withResolvers<Unwritten>();

  constructor(options: CheckpointingOptions) {
    this.#options = options;
    this.books = new Bookkeeping(options);
    this.#stopped.promise.catch(() => {}); // the stop itself has the error
  }

  /**
   * Writes down what there is of every log; segments before a log start that is on the device by then go. Answers with the
   * logs that could not be, whose last row stands; rejects when none could. Once a stop has begun that writes what counts,
   * and whoever asks waits for it: a log start may be answered for when this resolves.
   */
  now(): Promise<Unwritten> {
    return this.#next ??= this.#after(this.#running);
  }

  /** The same, when it is due. */
  async whenDue(): Promise<void> {
    const { clock, logs } = this.#options, beganMs = clock.monotonicMs();
    if (!this.#due.look(logs(), beganMs)) return;
    await this.now();
    this.#due.wrote(beganMs, clock.monotonicMs());
  }

  /** A stop has begun: no checkpoint begins any more. Resolves when none is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  /** The last one, of logs that were closed, and again once there is room. Rejects when it could not be written. */
  async stop(
    closed: readonly (Entry | null)[],
    unwritten: Unwritten,
    { isSound, makeRoom }: {
      /** Whether all of it is exact. */
      readonly isSound: boolean;
      readonly makeRoom: () => Promise<void>;
    },
  ): Promise<void> {
    const entries = closed.filter((entry) => entry !== null), omitted = this.#omitted();
    const isAnyUnknown = entries.length < closed.length;
    for (const { record, wanted } of this.#options.opening.unopened()) {
      if (record !== undefined) entries.push(asEntry({ ...record, ...named(wanted) }));
    }
    entries.sort(byName);
    try {
      const fromInventory = omitted.fromInventory || isAnyUnknown;
      const how = { isClean: isSound, omitted: { ...omitted, fromInventory } };
      try {
        await this.books.write(entries, how);
      } catch (error) {
        if (!isSound || !(error instanceof StoreError)) throw error;
        await makeRoom();
        await this.books.write(entries, how);
      }
      this.#stopped.resolve(unwritten);
    } catch (error) {
      this.#stopped.reject(error);
      throw error;
    }
  }

  #after(before: Promise<unknown>): Promise<Unwritten> {
    const done = before.then(() => {
      this.#next = null;
      return this.#isClosed ? null : this.#writeDown();
    });
    this.#running = done.catch(() => {}); // whoever asked has the error
    return done.then((unwritten) => unwritten ?? this.#stopped.promise);
  }

  async #writeDown(): Promise<Unwritten> {
    const { work, clock, onWarning } = this.#options;
    const tell = (part: string, error: unknown) => {
      if (!work.failed(part, error)) return;
      const reason = error instanceof Error ? error.message : String(error);
      onWarning("checkpoint_failed", { what: part, error: reason });
    };
    try {
      const unwritten = await this.#writeAll();
      const folders = new Set([...unwritten.keys()].map(({ folder }) => folder));
      work.keepFailing((part) => folders.has(part));
      work.succeeded(ALL, clock.nowMs());
      for (const [{ folder }, error] of unwritten) tell(folder, error);
      return unwritten;
    } catch (error) {
      tell(ALL, error);
      throw error;
    }
  }

  async #writeAll(): Promise<Unwritten> {
    const { opening, isCurrent, onAllKnown } = this.#options;
    const measured = [...this.#options.logs()].map((log) => ({ log, entry: this.#measure(log) }));
    const omitted = this.#omitted(), isAllKnown = opening.isEmpty; // of the same moment as the rows
    const logs: { readonly log: PartitionLog; readonly entry: Entry }[] = [], entries: Entry[] = [];
    const unwritten = new Map<PartitionLog, StoreError>();
    let isAnyUnknown = false;
    for (const { record, wanted, offline, isFault } of opening.unopened()) {
      if (record === undefined) continue;
      // One that may be opened at any moment, or is tried again, is not known for certain any more.
      const isExact = record.isExact && offline !== null && !isFault;
      entries.push(asEntry({ ...record, ...named(wanted), isExact }));
    }
    for (const { log, entry } of measured) {
      const error = entry instanceof StoreError ? entry : await epochsSaved(log);
      if (!isCurrent(log)) {
        // Deleted meanwhile; or failed, and to be opened again: what was measured still holds, and a log without a row
        // would be taken for one that was never compacted.
        if (!this.#isWanted(log)) continue;
        const row = entry instanceof StoreError ? this.books.last(log) : entry.log;
        if (row === undefined) isAnyUnknown = true;
        else entries.push(asEntry({ ...row, isExact: false }));
        continue;
      }
      if (error === null) {
        logs.push({ log, entry: entry as Entry });
        entries.push(entry as Entry);
        continue;
      }
      unwritten.set(log, error);
      const last = this.books.last(log); // which stays as it was
      if (last === undefined) isAnyUnknown = true;
      else entries.push(asEntry({ ...last, isExact: false }));
    }
    entries.sort(byName);
    await this.books.write(entries, {
      isClean: false,
      omitted: { ...omitted, fromInventory: omitted.fromInventory || isAnyUnknown },
      freesSpace: logs.some(({ log }) => hasSegmentsBeforeStart(log)),
    });
    for (const { log, entry } of logs) {
      this.books.wrote(log, entry);
      if (log.offline === null) this.#drop(log, entry);
    }
    if (isAllKnown && unwritten.size === 0) onAllKnown?.();
    return unwritten;
  }

  /** Whether a log that serves no more waits to be opened again, or was. */
  #isWanted({ topicId, partition }: PartitionLog): boolean {
    if (this.#options.opening.has(topicId, partition)) return true;
    for (const log of this.#options.logs()) {
      if (log.topicId === topicId && log.partition === partition) return true;
    }
    return false;
  }

  /** What can be said of a log that has just ended; what was written down last where the store does not answer. */
  rowOf(log: PartitionLog): LogInventory | undefined {
    const entry = this.#measure(log);
    return entry instanceof StoreError ? this.books.last(log) : entry.log;
  }

  #measure(log: PartitionLog): Entry | StoreError {
    try {
      return this.books.measure(log);
    } catch (error) {
      if (error instanceof StoreError) return error;
      throw error;
    }
  }

  #drop(log: PartitionLog, { log: { logStartOffset } }: Entry): void {
    try {
      log.dropBeforeStart(logStartOffset);
    } catch (error) { // the segments are out of the log; what is left of their files a start puts aside
      if (!(error instanceof StoreError)) throw error;
      const details = { folder: log.folder, error: error.message };
      this.#options.onWarning("segments_not_removed", details);
    }
  }

  #omitted(): Omitted {
    const unknown = [...this.#options.opening.unopened()].filter(({ record, isNew }) =>
      record === undefined && !isNew
    );
    return {
      fromInventory: unknown.length > 0,
      fromRecoveryPoints: unknown.some(({ compactedTo }) => compactedTo === Infinity),
    };
  }
}

/** What the checkpoint of all logs is called where it fails. */
const ALL = "all logs";

function hasSegmentsBeforeStart({ segments, logStartOffset }: PartitionLog): boolean {
  return segments.length > 1 && segments[1].baseOffset <= logStartOffset;
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
