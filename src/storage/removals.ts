/**
 * Removals: what is on its way out of a store. Folders of deleted topics are marked so by their names at once, as Kafka
 * does, and removed after `file.delete.delay.ms`, one at a time: the threads that take part are also those that sync.
 *
 * A folder that cannot be looked into or renamed is owed, and tried again until it is marked or bears somebody else's topic id: its name
 * may have been given to a topic that was made again. What cannot be removed is tried again too; after a stop it is the
 * next start's business, which knows marked folders and deleted topic ids.
 */
import type { Uuid } from "../bytes/uuid.ts";
import type { Timers } from "../clock.ts";
import type { BackgroundWork } from "../metrics/background.ts";
import { markedName } from "./directory/partition_folders.ts";
import { isBegunFor, readPartitionMetadata } from "./directory/partition_metadata.ts";
import { type Store, StoreError } from "./store.ts";

/** A deleted partition's folder. */
export interface Doomed {
  readonly folder: string;
  readonly topicId: Uuid;
  readonly delayMs: number;
  /** Whether it was there at the start, so that it is this topic's if it says nothing else. */
  readonly wasThere?: boolean;
}

export interface RemovalsOptions {
  readonly store: Store;
  readonly timers: Timers;
  readonly work: BackgroundWork;
  readonly nowMs: () => number;
  readonly onWarning: (event: string, details: Record<string, unknown>) => void;
}

export class Removals {
  readonly #options: RemovalsOptions;
  /** Each ends something that is due later. */
  readonly #cancels = new Set<() => void>();
  /** Folders that bear a deleted topic's name still. */
  readonly #owed = new Map<string, Doomed & { readonly reason: string }>();
  #removing: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: RemovalsOptions) {
    this.#options = options;
  }

  /** Why a folder of this topic is not marked deleted; null when none is owed. */
  owed(topicId: Uuid): string | null {
    for (const one of this.#owed.values()) if (one.topicId === topicId) return one.reason;
    return null;
  }

  /** The topics with folders that are owed. */
  owedTopics(): Set<Uuid> {
    return new Set([...this.#owed.values()].map(({ topicId }) => topicId));
  }

  /** Marks the folder of a log that has just ended. */
  discard(doomed: Doomed): void {
    this.#mark(doomed);
  }

  /**
   * Marks a folder if it is this topic's, or was only begun for it: one that is another's was the reason why its log was
   * offline, or has been moved aside since.
   */
  discardOwn(doomed: Doomed): void {
    const { folder, topicId, wasThere = false } = doomed, { store } = this.#options;
    try {
      const found = readPartitionMetadata(store, folder);
      const isOwn = found === topicId || found === null && wasThere ||
        isBegunFor(store, folder, topicId);
      if (isOwn) this.#mark(doomed);
      else this.#settled(folder);
    } catch (error) {
      this.#owe(doomed, error);
    }
  }

  /** Tries once more to mark what is owed of a topic. */
  retry(topicId: Uuid): void {
    for (const one of [...this.#owed.values()]) {
      if (one.topicId === topicId) this.discardOwn(one);
    }
  }

  /** Removes a marked folder after a while. */
  removeLater(delayMs: number, folder: string): void {
    this.later(delayMs, () => this.#options.store.removeAsync(folder), folder);
  }

  /** Does something after a while, in turn, and again where it fails; left over at a stop, the next start does it. */
  later(delayMs: number, work: () => Promise<void>, what = "a file"): void {
    this.after(delayMs, () => this.inTurn(work, what));
  }

  /** Does something when everything that is under way is done. */
  inTurn(work: () => Promise<void>, what: string, failures = 0): void {
    const { onWarning, work: told, nowMs } = this.#options;
    this.#removing = this.#removing.then(() => this.#isClosed ? undefined : work()).then(
      () => void told.succeeded(what, nowMs()),
      (error) => {
        if (told.failed(what, error)) onWarning("removal_failed", { what, error: String(error) });
        const delayMs = Math.min(RETRY_MS * 2 ** Math.min(failures, 10), MAX_RETRY_MS);
        this.after(delayMs, () => this.inTurn(work, what, failures + 1));
      },
    );
  }

  after(ms: number, work: () => void): void {
    if (this.#isClosed) return;
    const cancel = this.#options.timers.after(ms, () => {
      this.#cancels.delete(cancel);
      work();
    });
    this.#cancels.add(cancel);
  }

  /** Resolves when nothing is being removed. */
  async settled(): Promise<void> {
    await this.#removing;
  }

  /** Nothing begins any more; resolves when what is under way has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const cancel of this.#cancels) cancel();
    await this.#removing;
  }

  #mark(doomed: Doomed): void {
    const { folder, delayMs } = doomed, marked = markedName(folder, "delete");
    try {
      this.#options.store.rename(folder, marked);
    } catch (error) {
      if (error instanceof StoreError && error.kind === "absent") return this.#settled(folder);
      return this.#owe(doomed, error);
    }
    this.#settled(folder);
    this.removeLater(delayMs, marked);
  }

  #owe(doomed: Doomed, error: unknown): void {
    if (!(error instanceof StoreError)) throw error;
    const { folder } = doomed, { work, onWarning } = this.#options;
    this.#owed.set(folder, { ...doomed, reason: error.message });
    if (work.failed(folder, error)) onWarning("deletion_failed", { folder, error: error.message });
  }

  #settled(folder: string): void {
    this.#owed.delete(folder);
    this.#options.work.succeeded(folder, this.#options.nowMs());
  }
}

/** What the store failed is tried again after so long, and twice as long each time. */
const RETRY_MS = 1000, MAX_RETRY_MS = 30_000;
