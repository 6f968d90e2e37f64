/**
 * SnapshotWriter: writes the producer snapshots of one log, each not before the log is written up to its offset.
 *
 * A roll takes the state down when it gives out the new segment's offset; a failed write may still take that back, and a
 * snapshot that is on its way then would land after its segment is gone, and speak for other records later. Nobody
 * waits for a snapshot, since the log can do without.
 */
import { segmentName } from "../segments/segment.ts";
import type { Store } from "../store.ts";
import { encodeProducerSnapshot } from "./producer_snapshot.ts";
import type { ProducerState } from "./producer_state.ts";

export class SnapshotWriter {
  readonly #store: Store;
  readonly #folder: string;
  readonly #onFailure: (error: unknown) => void;
  #waiting: { readonly offset: number; readonly content: Uint8Array }[] = [];
  #writing: Promise<void> = Promise.resolve();
  #isEnded = false;

  constructor(store: Store, folder: string, onFailure: (error: unknown) => void) {
    this.#store = store;
    this.#folder = folder;
    this.#onFailure = onFailure;
  }

  /** Takes down the state as of `offset`: every batch below is applied, and none at or after it. */
  take(offset: number, state: ProducerState): void {
    this.#waiting.push({ offset, content: encodeProducerSnapshot(state.entries()) });
  }

  /** The log is written up to there. */
  reached(writtenOffset: number): void {
    while (this.#waiting.length > 0 && this.#waiting[0].offset <= writtenOffset) {
      const { offset, content } = this.#waiting.shift()!;
      const path = `${this.#folder}/${segmentName(offset)}.snapshot`;
      this.#writing = this.#writing
        .then(() => this.#isEnded ? undefined : this.#store.replace(path, content))
        .catch(this.#onFailure);
    }
  }

  /** What was not written never will be, and its offsets are free again. */
  takenBack(): void {
    this.#waiting = [];
  }

  /** The log serves nothing any more: no write begins, for its folder may be another log's soon. */
  end(): void {
    this.#waiting = [];
    this.#isEnded = true;
  }

  /** Resolves when everything that the log has reached is written, or was told to have failed. */
  settled(): Promise<void> {
    return this.#writing;
  }
}
