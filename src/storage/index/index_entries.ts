/**
 * IndexEntries: the fixed-width, ascending entries of an index blob; what OffsetIndex and TimeIndex share.
 *
 * New entries collect in memory and reach the blob in groups: an index is only ever a hint, so losing the last ones
 * in a crash costs a rebuild and nothing else. Entries on the blob are read at the first look-up that needs them,
 * and dropped by unload(). The last entry alone is read alone: appending to an index needs no more than that.
 * So an index nobody asks costs a few fields, and since its blob is needed so rarely, it holds no descriptor in between.
 * Unlike Kafka's, the blob is never preallocated and ends with its last entry.
 */
import type { Blob, Store } from "../store.ts";
import { StoreError } from "../store.ts";

/** One number of the entry at `at`. */
export type ReadField = (bytes: Uint8Array, at: number) => number;

/** Entries in memory that make a write worth while. */
const GROUP_ENTRIES = 512;
const FIRST_ENTRIES = 8;
const NOTHING = new Uint8Array(0);

export class IndexEntries {
  readonly path: string;
  /** Why entries at the blob's end had to be dropped, so that the index had better be made anew; null when none were. */
  damage: string | null = null;
  readonly #store: Store;
  readonly #width: number;
  /** Whether the second of two neighbours may follow the first. */
  readonly #follows: (bytes: Uint8Array, before: number, at: number) => boolean;
  /** Entries on the blob; -1 until the blob was asked. */
  #stored = -1;
  /** The first #loadedCount entries of the blob. */
  #loaded: Uint8Array = NOTHING;
  #loadedCount = 0;
  /** The blob's last entry, read alone, and which one that is; -1 when it is not known. */
  #last: Uint8Array | null = null;
  #lastKnown = -1;
  /** Entries not on the blob yet. */
  #pending: Uint8Array = NOTHING;
  #pendingCount = 0;

  constructor(
    store: Store,
    path: string,
    width: number,
    follows: (bytes: Uint8Array, before: number, at: number) => boolean,
  ) {
    this.#store = store;
    this.path = path;
    this.#width = width;
    this.#follows = follows;
  }

  get count(): number {
    return this.#storedCount() + this.#pendingCount;
  }

  /** A field of the entry `index`. */
  get(index: number, read: ReadField): number {
    const stored = this.#storedCount();
    if (index >= stored) return read(this.#pending, (index - stored) * this.#width);
    if (index < this.#loadedCount) return read(this.#loaded, index * this.#width);
    if (index !== stored - 1) {
      this.load();
      return read(this.#loaded, index * this.#width);
    }
    if (this.#lastKnown !== index) {
      this.#last ??= new Uint8Array(this.#width);
      this.#withBlob((blob) => blob.read(index * this.#width, this.#last!));
      this.#lastKnown = index;
    }
    return read(this.#last!, 0);
  }

  /** The last entry whose field is not above `target`, or -1. Fields ascend. */
  floor(target: number, read: ReadField): number {
    const stored = this.#storedCount();
    if (this.#pendingCount > 0 && read(this.#pending, 0) <= target) {
      return stored + floorIn(this.#pending, this.#pendingCount, this.#width, target, read);
    }
    if (stored === 0) return -1;
    this.load();
    return floorIn(this.#loaded, this.#loadedCount, this.#width, target, read);
  }

  /** Makes room for one more entry; the caller writes it into `tail` at the returned position. */
  add(): number {
    this.#storedCount();
    const used = this.#pendingCount * this.#width;
    if (used === this.#pending.length) this.#makeRoom();
    return this.#pendingCount++ * this.#width;
  }

  /** Where add() has the entry written. */
  get tail(): Uint8Array {
    return this.#pending;
  }

  /** Keeps the first `count` entries. */
  truncate(count: number): void {
    const stored = this.#storedCount();
    if (count === 0) this.damage = null;
    if (count >= stored) {
      this.#pendingCount = Math.min(this.#pendingCount, count - stored);
      return;
    }
    this.#drop(count);
  }

  #drop(count: number): void {
    this.#lastKnown = -1;
    this.#pendingCount = 0;
    this.#withBlob((blob) => blob.truncate(count * this.#width));
    this.#stored = count;
    this.#loadedCount = Math.min(this.#loadedCount, count);
  }

  /** Writes the entries in memory to the blob. When that fails they stay, and the next flush tries again. */
  flush(): void {
    if (this.#pendingCount === 0) return;
    const bytes = this.#pending.subarray(0, this.#pendingCount * this.#width);
    this.#withBlob((blob) => {
      const good = this.#stored * this.#width;
      if (blob.size > good) blob.truncate(good); // what a failed append left
      blob.append(bytes);
    });
    this.#stored += this.#pendingCount;
    this.#lastKnown = -1;
    this.#pendingCount = 0;
    this.#pending = NOTHING;
  }

  /**
   * Makes the blob when there is none: Kafka takes an index that is missing for damage, though it be empty. Whatever the next
   * entry is held against is in memory then, so that nothing can fail when it is added.
   */
  create(): void {
    const stored = this.#storedCount();
    if (this.#pendingCount === 0 && stored > 0) this.get(stored - 1, () => 0);
  }

  /** fdatasync of what flush() wrote. */
  async sync(): Promise<void> {
    const blob = this.#store.open(this.path);
    try {
      await blob.sync();
    } finally {
      blob.close();
    }
  }

  /** Reads the blob's entries into memory, those that are not there yet. */
  load(): void {
    const stored = this.#storedCount();
    if (this.#loadedCount === stored) return;
    const bytes = new Uint8Array(stored * this.#width);
    const have = this.#loadedCount * this.#width;
    bytes.set(this.#loaded.subarray(0, have));
    this.#withBlob((blob) => blob.read(have, bytes.subarray(have)));
    this.#loaded = bytes;
    this.#loadedCount = stored;
    const good = this.ascending();
    // What is not ascending was torn or, after an unclean stop of Kafka, is its preallocated tail of zeros. The
    // entries before it are a good index still, only a shorter one.
    if (good === stored) return;
    const rest = bytes.subarray(good * this.#width);
    if (rest.some((byte) => byte !== 0)) this.damage = `it does not ascend at entry ${good}`;
    this.#drop(good);
  }

  /** Drops what load() read; the blob has it. */
  unload(): void {
    this.#loaded = NOTHING;
    this.#loadedCount = 0;
  }

  /** How many of the loaded entries ascend as they should, from the first on. */
  ascending(): number {
    let at = 0;
    while (at < this.#loadedCount) {
      if (!this.#follows(this.#loaded, (at - 1) * this.#width, at * this.#width)) break;
      at++;
    }
    return at;
  }

  /** Why the blob is not the sorted list of whole entries it should be, or null. Changes nothing. */
  sanityCheck(): string | null {
    const bytes = this.#store.readAll(this.path) ?? NOTHING;
    const over = bytes.length % this.#width;
    if (over !== 0) {
      return `${this.path} is ${bytes.length} bytes, needs a multiple of ${this.#width}`;
    }
    for (let at = 0; at < bytes.length; at += this.#width) {
      if (this.#follows(bytes, at - this.#width, at)) continue;
      return `${this.path} does not ascend at entry ${at / this.#width} of ${
        bytes.length / this.#width
      }`;
    }
    return null;
  }

  /** Forgets everything without writing: a clean stop flushes first, a removal need not. */
  close(): void {
    this.#loaded = this.#pending = NOTHING;
    this.#loadedCount = this.#pendingCount = 0;
    this.#stored = this.#lastKnown = -1;
  }

  #withBlob<T>(use: (blob: Blob) => T): T {
    const blob = this.#store.open(this.path);
    try {
      return use(blob);
    } finally {
      blob.close();
    }
  }

  #storedCount(): number {
    return this.#stored < 0 ? this.#askStored() : this.#stored;
  }

  #askStored(): number {
    const width = this.#width;
    // A tail of zeros, Kafka's or a file system's, shows in the last two entries.
    const lastTwo = new Uint8Array(2 * width);
    this.#stored = this.#withBlob((blob) => {
      const whole = Math.floor(blob.size / width);
      if (blob.size !== whole * width) {
        const rest = new Uint8Array(blob.size - whole * width);
        blob.read(whole * width, rest);
        if (rest.some((byte) => byte !== 0)) {
          this.damage = `it is ${blob.size} bytes, needs a multiple of ${width}`;
        }
        blob.truncate(whole * width);
      }
      if (whole >= 2) blob.read((whole - 2) * width, lastTwo);
      return whole;
    });
    if (this.#stored < 2 || !this.#follows(lastTwo, 0, width)) this.load();
    return this.#stored;
  }

  #makeRoom(): void {
    if (this.#pendingCount >= GROUP_ENTRIES) {
      const buffer = this.#pending;
      try {
        this.flush();
        if (buffer.length === GROUP_ENTRIES * this.#width) this.#pending = buffer;
        if (this.#pending.length > 0) return;
      } catch (e) {
        // A full disk fails the log itself soon enough; entries wait in memory for flush() to have better luck.
        if (!(e instanceof StoreError)) throw e;
      }
    }
    const entries = Math.max(FIRST_ENTRIES, this.#pendingCount * 2);
    const grown = new Uint8Array(entries * this.#width);
    grown.set(this.#pending);
    this.#pending = grown;
  }
}

function floorIn(
  bytes: Uint8Array,
  count: number,
  width: number,
  target: number,
  read: ReadField,
): number {
  let low = -1, high = count - 1;
  while (low < high) {
    const middle = low + high + 1 >> 1;
    if (read(bytes, middle * width) <= target) low = middle;
    else high = middle - 1;
  }
  return low;
}
