/**
 * Lines: bytes as they come, cut at line feeds. A line is what is between two, byte for byte; behind the last line feed
 * there is one more only where something stands. No line is held that is longer than the limit.
 */
import { GatheredBytes } from "./gathered_bytes.ts";

export class Lines {
  readonly #maxBytes: number;
  /** Of the line that has no end yet. */
  readonly #held: GatheredBytes;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#held = new GatheredBytes(maxBytes);
  }

  /** The lines that end in `chunk`, which are views of it where they can. Throws LineTooLong. */
  *fed(chunk: Uint8Array): Generator<Uint8Array, void> {
    let at = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, at)) {
      const line = chunk.subarray(at, end);
      at = end + 1;
      if (!this.#held.takes(line.length)) throw new LineTooLong(this.#maxBytes);
      yield this.#held.length === 0 ? line : this.#joined(line);
    }
    if (!this.#held.takes(chunk.length - at)) throw new LineTooLong(this.#maxBytes);
    this.#held.add(chunk.subarray(at));
  }

  /** What stands behind the last line feed; null: nothing. */
  rest(): Uint8Array | null {
    return this.#held.length === 0 ? null : this.#held.taken();
  }

  #joined(last: Uint8Array): Uint8Array {
    this.#held.add(last);
    return this.#held.taken();
  }
}

export class LineTooLong extends Error {
  override readonly name = "LineTooLong";

  constructor(maxBytes: number) {
    super(`is longer than ${maxBytes} bytes, which is the most`);
  }
}

const LINE_FEED = 10;
