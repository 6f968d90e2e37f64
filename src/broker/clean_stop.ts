/**
 * CleanStop: how the clean-stop marker comes to be the last thing written, and only when it is true: it says that no log
 * needs to be looked at. Not so while one is damaged, or something could not be written: then the journal stays, and the
 * next start looks.
 */
import { logger } from "../log.ts";
import { writeCleanShutdown } from "../storage/directory/clean_shutdown.ts";
import type { Journal } from "../storage/durability/journal.ts";
import { type Store, StoreError } from "../storage/store.ts";

export class CleanStop implements AsyncDisposable {
  readonly #store: Store;
  /** Of this run, once it is registered. */
  brokerEpoch: number | null = null;
  /** Of this run, once there is one. */
  journal: Journal | null = null;
  /** Whether the logs were closed, and are sound. */
  isSound = false;
  /** What only saves work, and could not be written. */
  readonly unwritten: string[] = [];
  /** What may not be on the device. */
  readonly unsynced: string[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const log = logger("broker"), { brokerEpoch, unwritten, unsynced } = this;
    const isClean = this.isSound && unwritten.length === 0 && unsynced.length === 0;
    if (isClean && brokerEpoch !== null) await this.#mark(brokerEpoch);
    else this.journal?.close();
    if (unwritten.length > 0) {
      const action = "nothing is lost: the next start looks at the logs";
      log.error("stop_incomplete", { unwritten: listed(unwritten), action });
    }
    if (unsynced.length === 0) return;
    throw new Error(`not everything could be written to the disk: ${listed(unsynced)}`);
  }

  /** Everything is in the logs' own files, and on the device. */
  async removeJournal(): Promise<void> {
    const { journal } = this;
    this.journal = null;
    await journal?.remove();
  }

  async #mark(brokerEpoch: number): Promise<void> {
    try {
      await this.removeJournal();
      await writeCleanShutdown(this.#store, brokerEpoch);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const action = "nothing is lost: the next start looks at the logs";
      logger("broker").error("stop_not_marked", { error: error.message, action });
    }
  }
}

/** The first of them in words: on a disk that takes nothing all logs fail alike. */
function listed(problems: readonly string[]): string {
  const first = problems.slice(0, MAX_LISTED).join("; "), more = problems.length - MAX_LISTED;
  return more > 0 ? `${first}; and ${more} more` : first;
}

const MAX_LISTED = 3;
