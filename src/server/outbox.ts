/**
 * Outbox: replies of one connection on their way out. What is ready together leaves in one write: small neighbours are
 * copied together, large chunks are written as they are. Memory that was the pool's goes back when it is sent, or when
 * the peer has gone.
 */
import type { BufferPool } from "../bytes/pool.ts";
import type { Socket } from "./socket.ts";

export interface OutboxOptions {
  readonly pool: BufferPool;
  /** Something has left. */
  readonly onSent: () => void;
  /** Everything there was has left. */
  readonly onDrained: () => void;
  /** The socket took nothing more. */
  readonly onFailed: (error: unknown) => void;
}

export class Outbox {
  /** Bytes ready to leave and on their way. */
  bytes = 0;
  /** Bytes that have left. */
  movedBytes = 0;
  /** Writes begun. */
  unit = 0;
  readonly #socket: Socket;
  readonly #options: OutboxOptions;
  #chunks: Uint8Array[] = [];
  /** Those that are being written. */
  #leaving: readonly Uint8Array[] = [];
  #isWriting = false;
  #isScheduled = false;
  #isClosed = false;

  constructor(socket: Socket, options: OutboxOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  get isBusy(): boolean {
    return this.#isWriting || this.#chunks.length > 0;
  }

  /** Whether it is the peer's turn to take something. */
  get isWaiting(): boolean {
    return this.#isWriting;
  }

  add(chunks: readonly Uint8Array[]): void {
    const { pool } = this.#options;
    for (const chunk of chunks) {
      if (this.#isClosed) {
        pool.give(chunk);
        continue;
      }
      if (chunk.length >= COUNTED_BYTES) pool.adopt(chunk);
      this.#chunks.push(chunk);
      this.bytes += chunk.length;
    }
  }

  /** Sends what there is at the end of this turn: replies that become ready in the same turn leave together. */
  flushSoon(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.flush());
  }

  flush(): void {
    this.#isScheduled = false;
    if (this.#isWriting || this.#chunks.length === 0 || this.#isClosed) return;
    this.#isWriting = true;
    this.#writeAll().catch(this.#options.onFailed);
  }

  /**
   * Nothing leaves any more. What is being written is the collector's from here on: a write that stands still may not
   * end by the socket being closed (Deno 2.6), and the system may look at its memory as long as it has not.
   */
  close(): void {
    this.#isClosed = true;
    for (const chunk of this.#chunks) this.#options.pool.give(chunk);
    for (const chunk of this.#leaving) this.#options.pool.forget(chunk);
    this.#chunks = [];
    this.#leaving = [];
  }

  async #writeAll(): Promise<void> {
    const { pool } = this.#options;
    while (this.#chunks.length > 0 && !this.#isClosed) {
      const chunks = this.#chunks;
      const bytes = this.bytes;
      this.#chunks = [];
      this.#leaving = chunks;
      this.unit++;
      const joined = chunks.length > 1 ? pool.take(JOIN_BYTES) : null;
      try {
        if (joined === null) await this.#write(chunks[0]);
        else await this.#writeJoined(chunks, joined);
      } finally { // also when the peer has gone
        this.#leaving = [];
        for (const chunk of chunks) pool.give(chunk);
        if (joined !== null) pool.give(joined);
      }
      this.bytes -= bytes;
      this.#options.onSent();
    }
    this.#isWriting = false;
    this.#options.onDrained();
  }

  async #writeJoined(chunks: readonly Uint8Array[], joined: Uint8Array): Promise<void> {
    let filled = 0;
    for (const chunk of chunks) {
      if (filled + chunk.length <= JOIN_BYTES) {
        joined.set(chunk, filled);
        filled += chunk.length;
        continue;
      }
      if (filled > 0) await this.#write(joined.subarray(0, filled));
      filled = 0;
      if (chunk.length < JOIN_BYTES / 2) {
        joined.set(chunk, 0);
        filled = chunk.length;
      } else {
        await this.#write(chunk);
      }
    }
    if (filled > 0) await this.#write(joined.subarray(0, filled));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const written = await this.#socket.write(at === 0 ? bytes : bytes.subarray(at));
      at += written;
      this.movedBytes += written;
    }
  }
}

const JOIN_BYTES = 1 << 16;
/** Replies from here on count as memory lent, wherever their memory came from. */
const COUNTED_BYTES = 1 << 14;
