/**
 * Outbox: replies of one connection on their way out. What is ready together leaves in one write: small neighbours are
 * copied together, large chunks are written as they are. Memory that was the pool's goes back when it is sent, or when
 * the peer has gone.
 *
 * A write that stands still keeps its memory. Since Deno 2.9 it ends when the socket is closed; before, it ends when the
 * peer takes something or goes, and keeps the socket open for so long. There a peer is trusted with no more than twice
 * what it has taken at once before: what is larger is copied piece by piece, so that one that takes nothing keeps a piece.
 */
import process from "node:process";
import type { BufferPool } from "../bytes/pool.ts";
import type { Socket } from "./transport/transport.ts";

export interface OutboxOptions {
  readonly pool: BufferPool;
  /** Something has left. */
  readonly onSent: () => void;
  /** Everything there was has left. */
  readonly onDrained: () => void;
  /** The socket took nothing more. */
  readonly onFailed: (error: unknown) => void;
  /** Whether a write that stands still ends when the socket is closed; absent: as this Deno has it. */
  readonly closingEndsWrites?: boolean;
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
  /** The pool's memory in the write under way: chunks, the one to copy to, and which of them the system looks at. */
  #leaving: readonly Uint8Array[] = NONE;
  #joined: Uint8Array | null = null;
  #looked: Uint8Array | null = null;
  #trustedBytes: number;
  #isWriting = false;
  #isScheduled = false;
  #isClosed = false;

  constructor(socket: Socket, options: OutboxOptions) {
    this.#socket = socket;
    this.#options = options;
    const { closingEndsWrites = CLOSING_ENDS_WRITES } = options;
    this.#trustedBytes = closingEndsWrites ? Infinity : JOIN_BYTES;
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

  /** Nothing leaves any more. What the system looks at is not lent again, and goes back when the write has ended. */
  close(): void {
    const { pool } = this.#options, looked = this.#looked;
    this.#isClosed = true;
    for (const chunk of this.#chunks) pool.give(chunk);
    this.#chunks = [];
    for (const chunk of this.#leaving) if (chunk !== looked) pool.give(chunk);
    if (this.#joined !== null && this.#joined !== looked) pool.give(this.#joined);
    this.#joined = null;
    this.#leaving = looked === null ? NONE : [looked];
    if (looked !== null) pool.forget(looked);
  }

  async #writeAll(): Promise<void> {
    while (this.#chunks.length > 0 && !this.#isClosed) {
      const chunks = this.#chunks;
      const bytes = this.bytes;
      this.#chunks = [];
      this.#leaving = chunks;
      this.unit++;
      try {
        if (chunks.length > 1) await this.#writeJoined(chunks);
        else if (bytes <= this.#trustedBytes) await this.#write(chunks[0], chunks[0]);
        else await this.#writeByPieces(chunks[0]);
      } finally { // also when the peer has gone
        this.#giveBack();
      }
      this.bytes -= bytes;
      this.#options.onSent();
    }
    this.#isWriting = false;
    this.#options.onDrained();
  }

  async #writeJoined(chunks: readonly Uint8Array[]): Promise<void> {
    const joined = this.#joinedBuffer();
    let filled = 0;
    for (const chunk of chunks) {
      if (this.#isClosed) return; // the memory may be others' by now
      if (filled + chunk.length <= JOIN_BYTES) {
        joined.set(chunk, filled);
        filled += chunk.length;
        continue;
      }
      if (filled > 0) await this.#write(joined.subarray(0, filled), joined);
      filled = 0;
      if (chunk.length < JOIN_BYTES / 2) {
        joined.set(chunk, 0);
        filled = chunk.length;
      } else {
        await (chunk.length <= this.#trustedBytes
          ? this.#write(chunk, chunk)
          : this.#writeByPieces(chunk));
      }
    }
    if (filled > 0) await this.#write(joined.subarray(0, filled), joined);
  }

  async #writeByPieces(chunk: Uint8Array): Promise<void> {
    const piece = this.#joinedBuffer(), { length } = chunk;
    for (let at = 0; at < length && !this.#isClosed; at += JOIN_BYTES) {
      const end = Math.min(at + JOIN_BYTES, length);
      piece.set(chunk.subarray(at, end));
      await this.#write(piece.subarray(0, end - at), piece);
    }
    this.#trustedBytes = 2 * length;
  }

  /** `memory` is what of the pool's the bytes lie in. */
  async #write(bytes: Uint8Array, memory: Uint8Array): Promise<void> {
    this.#looked = memory;
    for (let at = 0; at < bytes.length && !this.#isClosed;) {
      const written = await this.#socket.write(at === 0 ? bytes : bytes.subarray(at));
      at += written;
      this.movedBytes += written;
    }
    this.#looked = null;
  }

  #joinedBuffer(): Uint8Array {
    return this.#joined ??= this.#options.pool.take(JOIN_BYTES);
  }

  #giveBack(): void {
    const { pool } = this.#options;
    for (const chunk of this.#leaving) pool.give(chunk);
    if (this.#joined !== null) pool.give(this.#joined);
    this.#leaving = NONE;
    this.#joined = this.#looked = null;
  }
}

const NONE: readonly Uint8Array[] = [];
const JOIN_BYTES = 1 << 16;
/** Replies from here on count as memory lent, wherever their memory came from. */
const COUNTED_BYTES = 1 << 14;

const CLOSING_ENDS_WRITES = isSince(process.versions.deno, 2, 9);

/** Whether this is that version of Deno or a later one. */
function isSince(version: string | undefined, major: number, minor: number): boolean {
  const [ours, oursMinor] = (version ?? "0.0").split(".").map(Number);
  return ours > major || ours === major && oursMinor >= minor;
}
