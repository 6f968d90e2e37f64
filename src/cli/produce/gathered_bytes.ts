/** GatheredBytes: bytes that come in pieces, however small, until they are one array; so many of them at most. */
export class GatheredBytes {
  readonly #maxBytes: number;
  #room = new Uint8Array();
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Whether so many more may come. */
  takes(bytes: number): boolean {
    return this.#length + bytes <= this.#maxBytes;
  }

  /** A copy of it is kept; it has to be one that may come. */
  add(part: Uint8Array): void {
    const needed = this.#length + part.length;
    if (needed > this.#room.length) {
      const larger = new Uint8Array(Math.max(needed, Math.min(needed * 2, this.#maxBytes)));
      larger.set(this.#room.subarray(0, this.#length));
      this.#room = larger;
    }
    this.#room.set(part, this.#length);
    this.#length = needed;
  }

  /** All of them; it is empty afterwards. */
  taken(): Uint8Array {
    const all = this.#room.subarray(0, this.#length), isLarge = all.length > KEPT_BYTES;
    this.#length = 0;
    if (!isLarge) return all.slice();
    this.#room = new Uint8Array();
    return all;
  }
}

/** Room that is used again. */
const KEPT_BYTES = 64 << 10;
