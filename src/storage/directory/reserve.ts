/**
 * Reserve: a file of zeros, `runnel-reserve`, that takes some of the disk while there is plenty, and is given up where a
 * start, a stop or the deletion of a topic finds none: to register, to write down what the next start need not look for,
 * and to say that a topic is gone takes a few blocks. Without it a broker on a disk that others have filled could not be
 * started to be read, and nobody could make room by deleting.
 *
 * Made again as soon as there is room. Kafka ignores it; it may be removed at any time.
 */
import { type Store, StoreError } from "../store.ts";

export const RESERVE_FILE = "runnel-reserve";
const RESERVE_BYTES = 256 << 10;
/** With less a start or a stop may not get by. */
const SCARCE_BYTES = 128 << 10;
/** With so much it is made. */
const PLENTY_BYTES = 64 << 20;

export class Reserve {
  readonly #store: Store;
  /** Null until it was looked for. */
  #isThere: boolean | null = null;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Takes it, where so many free bytes are plenty and it is not there. Throws StoreError. */
  take(freeBytes: number): void {
    if (this.#isThere === true || freeBytes < PLENTY_BYTES || freeBytes === Infinity) return;
    const blob = this.#store.open(RESERVE_FILE);
    try {
      if (blob.size < RESERVE_BYTES) blob.append(new Uint8Array(RESERVE_BYTES - blob.size));
    } finally {
      blob.close();
    }
    this.#isThere = true;
  }

  /** Gives it up, where so many free bytes are too few; whether there was one. */
  giveUp(freeBytes: number): boolean {
    if (this.#isThere === false || freeBytes >= SCARCE_BYTES) return false;
    const wasThere = this.#store.readAll(RESERVE_FILE) !== null;
    try {
      this.#store.remove(RESERVE_FILE);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error; // a file system that cannot be written to has no use for it
    }
    this.#isThere = false;
    return wasThere;
  }
}
