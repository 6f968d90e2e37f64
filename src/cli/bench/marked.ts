/**
 * Marked values: each record of a run says which one it is, so that it is known again when it is read.
 *
 *     run 8 bytes, at random · number int64 · the rest is payload
 */
export const MARK_BYTES = 16;

export class Marks {
  readonly #run = crypto.getRandomValues(new Uint8Array(8));

  /** A copy of the value with a mark in front, in the place of its first bytes. */
  marked(value: Uint8Array, number: number): Uint8Array {
    const copy = value.slice();
    copy.set(this.#run);
    new DataView(copy.buffer).setBigInt64(8, BigInt(number));
    return copy;
  }

  /** Null: it is not of this run. */
  numberOf(value: Uint8Array | null): number | null {
    if (value === null || value.length < MARK_BYTES) return null;
    if (this.#run.some((byte, i) => value[i] !== byte)) return null;
    return Number(new DataView(value.buffer, value.byteOffset).getBigInt64(8));
  }
}
