/**
 * OpenFiles: which blobs of a FileStore hold descriptors, and who gives them back when there are to be no more.
 *
 * Kafka keeps every segment open and has its administrator raise the limit; when it is reached, Kafka takes the whole
 * directory offline. Here as many stay open as the process may have, less what connections need: blobs take a step when
 * as much again stays free (descriptors.ts). Past that, they take turns.
 */
import { Descriptors } from "./descriptors.ts";

/** A blob, as seen from here. */
export interface OpenFile {
  /** Used since evict() last looked. */
  used: boolean;
  /** Holds bytes that may not be on the device. */
  readonly dirty: boolean;
  /** Must keep its descriptors for now. */
  readonly busy: boolean;
  /** Closes its descriptors, and tells remove(). */
  release(): void;
  /** The same for good, when it is not busy any more. */
  close(): void;
}

const FIRST_STEP = 32;
const LAST_STEP = 4096;
const BELIEVED_MS = 60_000;
/** How far to look past dirty blobs for a clean one to close. */
const EVICTION_SCAN = 32;

export class OpenFiles {
  /** Roughly the longest unused first, see #evict. */
  readonly #files = new Set<OpenFile>();
  readonly #descriptors: Descriptors;
  /** As FileStore. */
  onStarved: () => void = () => {};

  /** `tryOpen` opens a file like any other, or throws. */
  constructor(most: number, tryOpen: () => { close(): void }) {
    this.#descriptors = new Descriptors({
      most,
      firstStep: FIRST_STEP,
      lastStep: LAST_STEP,
      believedMs: BELIEVED_MS,
      tryOpen,
    });
  }

  get size(): number {
    return this.#files.size;
  }

  /** A blob opened its first descriptor, */
  add(file: OpenFile): void {
    if (!this.#descriptors.admits(this.#files.size)) this.#evict();
    this.#files.add(file);
  }

  /** or closed its last. */
  remove(file: OpenFile): void {
    this.#files.delete(file);
  }

  /** Something else found no descriptor: blobs give back a quarter of theirs, and stay below that for a while. */
  relieve(): void {
    const { bound } = this.#descriptors;
    this.#descriptors.lower(Math.min(bound, this.#files.size) * 3 >> 2);
    for (let over = this.#files.size - this.#descriptors.bound; over > 0; over--) this.#evict();
  }

  close(): void {
    for (const file of [...this.#files]) file.close();
  }

  /** Second chance: a blob used since it was last looked at goes to the end of the queue. So a use costs one store
   * to a field, not a move in a list. */
  #evict(): void {
    let dirty: OpenFile | null = null;
    const most = 2 * this.#files.size;
    let scanned = 0;
    for (const file of this.#files) {
      // A Set visits what was re-added, so after one round of second chances every blob has `used` false.
      if (scanned++ > most || dirty !== null && scanned > EVICTION_SCAN) break;
      if (file.busy || file.used) {
        file.used = false;
        this.#files.delete(file);
        this.#files.add(file);
      } else if (file.dirty) {
        dirty ??= file;
      } else {
        return file.release();
      }
    }
    dirty?.release(); // None: all have a sync in flight, and the limit is passed for as long as that takes.
  }
}
