/**
 * Lines: bytes as they come, cut at line feeds. A line is what is between two, byte for byte; behind the last line feed
 * there is one more only where something stands. No line is held that is longer than the limit.
 */
export class Lines {
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  #heldBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that end in `chunk`, which are views of it where they can. Throws LineTooLong. */
  *fed(chunk: Uint8Array): Generator<Uint8Array, void> {
    let at = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, at)) {
      const line = chunk.subarray(at, end);
      at = end + 1;
      yield this.#parts.length === 0 ? this.#checked(line) : this.#joined(line);
    }
    if (at < chunk.length) this.#hold(chunk.subarray(at));
  }

  /** What stands behind the last line feed; null: nothing. */
  rest(): Uint8Array | null {
    return this.#heldBytes === 0 ? null : this.#taken();
  }

  #joined(last: Uint8Array): Uint8Array {
    this.#hold(last);
    return this.#taken();
  }

  #hold(part: Uint8Array): void {
    this.#heldBytes += this.#checked(part).length;
    this.#parts.push(part);
  }

  #checked(part: Uint8Array): Uint8Array {
    if (this.#heldBytes + part.length > this.#maxBytes) throw new LineTooLong(this.#maxBytes);
    return part;
  }

  #taken(): Uint8Array {
    const parts = this.#parts, bytes = this.#heldBytes;
    this.#parts = [];
    this.#heldBytes = 0;
    if (parts.length === 1) return parts[0];
    const line = new Uint8Array(bytes);
    let at = 0;
    for (const part of parts) {
      line.set(part, at);
      at += part.length;
    }
    return line;
  }
}

export class LineTooLong extends Error {
  override readonly name = "LineTooLong";

  constructor(maxBytes: number) {
    super(`is longer than ${maxBytes} bytes, which is the most`);
  }
}

const LINE_FEED = 10;
