/** ByteSink: bytes and text on their way to standard output, in large pieces. Who stops reading ends it: OutputClosed. */
import { OutputClosed } from "./output.ts";

export class ByteSink {
  readonly #write: (bytes: Uint8Array) => Promise<number>;
  #buffer = new Uint8Array(PIECE_BYTES * 2);
  #used = 0;

  /** `write` takes some of the bytes, as Deno.stdout.write does. */
  constructor(write = (bytes: Uint8Array) => Deno.stdout.write(bytes)) {
    this.#write = write;
  }

  /** Whether it is time to flush(). */
  get isFull(): boolean {
    return this.#used >= PIECE_BYTES;
  }

  text(text: string): void {
    this.#reserve(text.length * 3);
    this.#used += ENCODER.encodeInto(text, this.#buffer.subarray(this.#used)).written;
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  /** Resolves when everything has gone. Throws OutputClosed. */
  async flush(): Promise<void> {
    try {
      for (let at = 0; at < this.#used;) {
        at += await this.#write(this.#buffer.subarray(at, this.#used));
      }
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) throw new OutputClosed();
      throw error;
    }
    this.#used = 0;
    // One large record does not keep its room.
    if (this.#buffer.length > KEPT_BYTES) this.#buffer = new Uint8Array(PIECE_BYTES * 2);
  }

  #reserve(bytes: number): void {
    const needed = this.#used + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.#used));
    this.#buffer = larger;
  }
}

const PIECE_BYTES = 64 << 10;
const KEPT_BYTES = 1 << 20;
const ENCODER = new TextEncoder();
