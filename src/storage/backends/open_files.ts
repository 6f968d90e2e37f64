/**
 * OpenFiles: which blobs of a FileStore hold descriptors, and who gives them back when there are to be no more.
 *
 * Kafka keeps every segment open and has its administrator raise the limit; when it is reached, Kafka takes the whole
 * directory offline. Here as many stay open as the process may have, less what connections need. Nobody tells how
 * many that is (Deno shows /proc to nobody with less than all rights), so it is tried out, a step each time more are
 * needed: blobs take a step when as much again stays free. Past that, they take turns.
 */

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

/** What fits every limit; each step doubles it, until steps are of the last size. */
const FIRST_STEP = 32;
const LAST_STEP = 4096;
/** How long what was tried out is believed, when it was less than a step: connections come and go. */
const BELIEVED_MS = 60_000;
/** How far to look past dirty blobs for a clean one to close. */
const EVICTION_SCAN = 32;

export class OpenFiles {
  /** Roughly the longest unused first, see #evict. */
  readonly #files = new Set<OpenFile>();
  /** What the configuration allows. */
  readonly #most: number;
  /** What may be open as far as was tried out. */
  #bound: number;
  #believedUntilMs = 0;
  readonly #tryOpen: () => { close(): void };

  /** `tryOpen` opens a file like any other, or throws. */
  constructor(most: number, tryOpen: () => { close(): void }) {
    this.#most = Math.max(1, most);
    this.#bound = Math.min(this.#most, FIRST_STEP);
    this.#tryOpen = tryOpen;
  }

  get size(): number {
    return this.#files.size;
  }

  /** A blob opened its first descriptor, */
  add(file: OpenFile): void {
    if (this.#files.size >= this.#bound && !this.#grow()) this.#evict();
    this.#files.add(file);
  }

  /** or closed its last. */
  remove(file: OpenFile): void {
    this.#files.delete(file);
  }

  /** Something else found no descriptor: blobs give back a quarter of theirs, and stay below that for a while. */
  relieve(): void {
    this.#bound = Math.max(1, Math.min(this.#bound, this.#files.size) * 3 >> 2);
    this.#believedUntilMs = performance.now() + BELIEVED_MS;
    for (let over = this.#files.size - this.#bound; over > 0; over--) this.#evict();
  }

  close(): void {
    for (const file of [...this.#files]) file.close();
  }

  /** Tries whether more may be open; whether they may. */
  #grow(): boolean {
    const step = Math.min(this.#bound, LAST_STEP, this.#most - this.#bound);
    if (step <= 0 || performance.now() < this.#believedUntilMs) return false;
    const tried: { close(): void }[] = [];
    try {
      while (tried.length < 2 * step) tried.push(this.#tryOpen());
    } catch {
      this.#believedUntilMs = performance.now() + BELIEVED_MS;
    }
    for (const one of tried) one.close();
    this.#bound += Math.max(0, tried.length - step);
    return this.#files.size < this.#bound;
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
