/**
 * TakeBack: what a failed write leaves to be done on the store. In memory it never was by then: its offsets are free
 * again. In the folder the segments that were begun behind it go, and the one that it went to is cut to what was written.
 *
 * Where the store refuses that as well, nothing is in doubt: it is known to the byte what has to go. So it is owed, the
 * log is read on and takes no batch, and it is tried again until it is done.
 */
import type { Timers } from "../../clock.ts";
import type { Segment } from "../segments/segment.ts";
import { removeSegment, SEGMENT_FILES_AND_SNAPSHOT } from "../segments/segment_files.ts";
import { type Store, StoreError } from "../store.ts";

export interface TakeBackOptions {
  readonly store: Store;
  readonly timers: Timers;
  readonly folder: string;
  readonly onProblem: (event: string, details: Record<string, unknown>) => void;
}

export class TakeBack {
  readonly #options: TakeBackOptions;
  /** Segments that are no part of the log any more, and have files. */
  readonly #gone: number[] = [];
  #cut: { readonly segment: Segment; readonly endOffset: number } | null = null;
  #reason: string | null = null;
  #tries = 0;
  #cancel: (() => void) | null = null;

  constructor(options: TakeBackOptions) {
    this.#options = options;
  }

  /** Why nothing can be appended for now; null when nothing is owed. */
  get reason(): string | null {
    return this.#reason;
  }

  /** A segment is taken out of the log, and closed. */
  remove(baseOffset: number): void {
    this.#gone.push(baseOffset);
  }

  /** The segment ends with its written bytes, before `endOffset`. Does it all, now or later. */
  cut(segment: Segment, endOffset: number): void {
    this.#cut = { segment, endOffset };
    if (!this.settle()) this.#tryLater();
  }

  /** Does what is owed; whether that is all of it. */
  settle(): boolean {
    const { store, folder, onProblem } = this.#options;
    try {
      for (const baseOffset of this.#gone) {
        removeSegment(store, folder, baseOffset, { suffix: "", files: SEGMENT_FILES_AND_SNAPSHOT });
      }
      if (this.#cut !== null) {
        this.#cut.segment.truncate(this.#cut.segment.log.size, this.#cut.endOffset);
      }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (this.#reason === null) {
        const action = "it is read, and takes no batch until that is done";
        onProblem("write_not_taken_back", { folder, error: error.message, action });
      }
      this.#reason = `a failed write could not be taken back: ${error.message}`;
      return false;
    }
    if (this.#reason !== null) onProblem("write_taken_back", { folder, tries: this.#tries });
    this.#gone.length = 0;
    this.#cut = this.#reason = null;
    this.#tries = 0;
    return true;
  }

  /** The log ends: nothing is tried any more. */
  close(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #tryLater(): void {
    this.#cancel?.(); // of a failure before
    const delayMs = Math.min(RETRY_MS * 2 ** Math.min(this.#tries++, 10), MAX_RETRY_MS);
    this.#cancel = this.#options.timers.after(delayMs, () => {
      this.#cancel = null;
      if (!this.settle()) this.#tryLater();
    });
  }
}

/** Tried again after so long, and twice as long each time. */
const RETRY_MS = 250, MAX_RETRY_MS = 5000;
