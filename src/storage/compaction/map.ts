/**
 * OffsetMap: the last offset of each key in the dirty part of a log; what compaction decides by (Kafka's
 * SkimpyOffsetMap).
 *
 * An entry is 24 bytes whatever the key: 16 of hash, 8 of offset, in two typed arrays with open addressing. The
 * memory is bounded by `maxBytes`; when the map is full, one pass of the cleaner covers the log only so far, and the
 * next goes on from there.
 */
import { hashed, hashKey } from "./hash.ts";

export const ENTRY_BYTES = 24;
/** Share of the slots that are used at most: linear probing gets slow beyond. */
const MAX_LOAD = 0.75;
const MIN_SLOTS = 16;

export class OffsetMap {
  /** The last offset that the map has taken into account; records after it are not judged. */
  latestOffset = -1;
  readonly #slots: number;
  readonly #maxKeys: number;
  readonly #hashes: Uint32Array;
  /** Offset plus one; 0 is a free slot, so that fresh memory is an empty map and costs nothing until used. */
  readonly #offsets: Float64Array;
  #size = 0;

  /** `expectedKeys` keeps the map of a small log small. */
  constructor({ maxBytes, expectedKeys }: { maxBytes: number; expectedKeys: number }) {
    const wanted = Math.ceil(expectedKeys / MAX_LOAD) + 1;
    this.#slots = Math.max(MIN_SLOTS, Math.min(wanted, Math.floor(maxBytes / ENTRY_BYTES)));
    this.#maxKeys = Math.floor(this.#slots * MAX_LOAD);
    this.#hashes = new Uint32Array(this.#slots * 4);
    this.#offsets = new Float64Array(this.#slots);
  }

  /** Keys in the map. */
  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#hashes.byteLength + this.#offsets.byteLength;
  }

  /** Notes that the key b[from, to) was last seen at `offset`; false, with nothing changed, when the map is full. */
  put(b: Uint8Array, from: number, to: number, offset: number): boolean {
    const slot = this.#find(b, from, to);
    if (this.#offsets[slot] === 0) {
      if (this.#size >= this.#maxKeys) return false;
      this.#size++;
      this.#hashes.set(hashed, slot * 4);
    }
    this.#offsets[slot] = offset + 1;
    return true;
  }

  /** The last offset of the key b[from, to), or -1. */
  get(b: Uint8Array, from: number, to: number): number {
    return this.#offsets[this.#find(b, from, to)] - 1;
  }

  /** The slot of the key, or the free one where it belongs. */
  #find(b: Uint8Array, from: number, to: number): number {
    hashKey(b, from, to);
    const hashes = this.#hashes, offsets = this.#offsets, slots = this.#slots;
    const h0 = hashed[0], h1 = hashed[1], h2 = hashed[2], h3 = hashed[3];
    let slot = h0 % slots;
    while (offsets[slot] !== 0) {
      const at = slot * 4;
      if (
        hashes[at] === h0 && hashes[at + 1] === h1 && hashes[at + 2] === h2 && hashes[at + 3] === h3
      ) break;
      if (++slot === slots) slot = 0;
    }
    return slot;
  }
}
