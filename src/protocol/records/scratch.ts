/**
 * Scratch: memory to decompress into that is used again, because asking the allocator for 64 KiB a batch (and having
 * it zeroed, and collected) costs more than decompressing does. Up to `keepBytes` are kept; more is lent and forgotten.
 */
export class Scratch {
  readonly #keepBytes: number;
  #kept = new Uint8Array(0);

  constructor(options: { keepBytes: number }) {
    this.#keepBytes = options.keepBytes;
  }

  /** At least `size` bytes of whatever content, until the next call. */
  take(size: number): Uint8Array<ArrayBuffer> {
    if (this.#kept.length >= size) return this.#kept;
    if (size > this.#keepBytes) return new Uint8Array(size);
    return this.#kept = new Uint8Array(size);
  }

  /** `bytes` with room for `size`, of which the first `used` stand as before. */
  grow(bytes: Uint8Array<ArrayBuffer>, used: number, size: number): Uint8Array<ArrayBuffer> {
    if (bytes.length >= size) return bytes;
    const larger = this.take(size);
    larger.set(bytes.subarray(0, used));
    return larger;
  }
}
