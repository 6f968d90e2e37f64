/**
 * Connection: frames in, replies out, in the order the requests came.
 *
 * All requests that one read brings are dispatched at once, and all replies that are ready together leave in one
 * write: that is what makes many small requests cheap. While more is queued than the limits allow, nothing is read,
 * so that a client which does not take its replies is stopped by TCP and costs bounded memory.
 *
 * Memory: an idle connection waits with a small buffer of its own. A larger one is borrowed from the pool when a
 * frame or the traffic asks for it, and grows only as bytes arrive, never because a length was declared.
 */
import { readInt32 } from "../bytes/int64.ts";
import type { BufferPool } from "../bytes/pool.ts";
import { CLOSE, type ConnectionInfo, NO_REPLY } from "../handlers/handler.ts";

/** The bytes of one reply, its size in front; or none, or the end of the connection. */
export type Reply = readonly Uint8Array[] | typeof NO_REPLY | typeof CLOSE;

/** Answers one frame (without its size). The frame's memory is the connection's again when the call returns. */
export type Dispatch = (frame: Uint8Array, connection: ConnectionInfo) => Reply | Promise<Reply>;

export interface ConnectionLimits {
  /** Bytes of one request. */
  readonly maxFrameBytes: number;
  /** Requests in work before reading stops. */
  readonly maxQueuedRequests: number;
  /** Bytes of replies waiting to leave before reading stops. */
  readonly maxQueuedBytes: number;
  /** Bytes lent by the pool, over all connections, beyond which none gets a larger buffer. */
  readonly maxBufferedBytes: number;
}

/** What a connection needs of a socket; Deno.TcpConn and a TLS socket both are one. */
export interface Socket {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

export interface ConnectionOptions {
  readonly id: number;
  readonly peer: string;
  readonly peerPort?: number;
  /** This machine's address that the peer connected to. */
  readonly local?: string;
  readonly pool: BufferPool;
  readonly limits: ConnectionLimits;
  readonly dispatch: Dispatch;
}

export class Connection implements ConnectionInfo {
  readonly id: number;
  readonly peer: string;
  readonly peerPort?: number;
  readonly local: string;
  principal = "User:ANONYMOUS";
  clientSoftwareName = "unknown";
  clientSoftwareVersion = "unknown";
  readonly ends = new Set<() => void>();
  isEnding = false;

  /** When bytes last came, on the monotonic clock; the listener's sweep reads it. */
  lastReadMs = performance.now();
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  #buffer: Uint8Array | null = null;
  #bufferIsBorrowed = false;
  #start = 0;
  #end = 0;
  #smallReads = 0;
  /** Requests that are not answered yet, oldest first. */
  readonly #queue: Pending[] = [];
  /** Chunks ready to leave. */
  #out: Uint8Array[] = [];
  #outBytes = 0;
  #writing = false;
  #flushScheduled = false;
  #stopping = false;
  /** The connection ends with a reply that is decided: nothing more is read. */
  #isDeaf = false;
  /** It closes when what is on its way out has left. */
  #isLast = false;
  #closed = false;
  #roomAgain: (() => void) | null = null;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.id = options.id;
    this.peer = options.peer;
    this.peerPort = options.peerPort;
    this.local = options.local ?? "";
    this.#socket = socket;
    this.#options = options;
  }

  /** Whether a frame has begun to arrive and is not complete. */
  get isMidFrame(): boolean {
    return this.#end > this.#start;
  }

  /** Whether requests are in work or replies on their way. */
  get isBusy(): boolean {
    return this.#queue.length > 0 || this.#writing || this.#out.length > 0;
  }

  /** Serves until the peer goes, breaks the protocol, or stop() is called. Never throws. */
  async serve(): Promise<void> {
    try {
      while (!this.#stopping && !this.#isDeaf && await this.#fill()) await this.#takeFrames();
      if (!this.#closed) await this.#finish();
    } catch (error) {
      if (!isDisconnect(error)) throw error;
    } finally {
      this.close();
      this.#replaceBuffer(0);
    }
  }

  /** Reads no further request; resolves by itself once what is in work has been answered. */
  stop(): void {
    this.#stopping = true;
    this.#endPolls();
    if (!this.isBusy) this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#socket.close();
    } catch {
      // the peer was faster
    }
    this.#endPolls();
    this.#makeRoom();
    for (const chunk of this.#out) this.#options.pool.give(chunk);
    this.#out = [];
  }

  #endPolls(): void {
    this.isEnding = true;
    for (const end of this.ends) end();
    this.ends.clear();
  }

  /** One read from the socket; false at the end of the stream. */
  async #fill(): Promise<boolean> {
    while (this.#mustGrow() && this.#overBudget() && !this.#closed) await pause(BUDGET_PAUSE_MS);
    const buffer = this.#spareBuffer();
    const read = await this.#socket.read(this.#end === 0 ? buffer : buffer.subarray(this.#end));
    if (read === null || this.#closed) return false;
    this.lastReadMs = performance.now();
    this.#end += read;
    this.#smallReads = this.#end <= SMALL_BYTES ? this.#smallReads + 1 : 0;
    return true;
  }

  #mustGrow(): boolean {
    return this.#end - this.#start === (this.#buffer?.length ?? 0) && this.#end > 0;
  }

  #overBudget(): boolean {
    return this.#options.pool.lentBytes > this.#options.limits.maxBufferedBytes;
  }

  /** A buffer with room behind #end. */
  #spareBuffer(): Uint8Array {
    const held = this.#end - this.#start;
    if (held === 0) {
      this.#start = this.#end = 0;
      if (this.#bufferIsBorrowed && this.#smallReads > SMALL_READS_TO_SHRINK) {
        this.#replaceBuffer(0);
      }
      this.#buffer ??= new Uint8Array(SMALL_BYTES);
      return this.#buffer;
    }
    let buffer = this.#buffer!;
    const frame = held >= 4 ? readInt32(buffer, this.#start) + 4 : 0;
    const wanted = Math.max(frame, held + 1);
    if (this.#start + wanted <= buffer.length) return buffer;
    if (wanted > buffer.length) {
      // Grow as bytes arrive: at most twice what is here, whatever the frame declares.
      this.#replaceBuffer(Math.max(READ_BYTES, Math.min(wanted, held * 2)));
      buffer = this.#buffer!;
    } else {
      buffer.copyWithin(0, this.#start, this.#end);
    }
    this.#start = 0;
    this.#end = held;
    return buffer;
  }

  /** Moves what is held into a buffer of at least `bytes`; 0 goes back to none. */
  #replaceBuffer(bytes: number): void {
    const old = this.#buffer;
    const next = bytes === 0 ? null : this.#options.pool.take(bytes);
    if (old && next) next.set(old.subarray(this.#start, this.#end));
    if (old && this.#bufferIsBorrowed) this.#options.pool.give(old);
    this.#buffer = next;
    this.#bufferIsBorrowed = next !== null;
  }

  /** Dispatches every complete frame in the buffer. */
  async #takeFrames(): Promise<void> {
    while (this.#end - this.#start >= 4) {
      const size = readInt32(this.#buffer!, this.#start);
      if (size <= 0 || size > this.#options.limits.maxFrameBytes) {
        this.#reply(CLOSE);
        break;
      }
      const from = this.#start + 4;
      if (this.#end - from < size) break;
      this.#start = from + size;
      this.#take(this.#buffer!.subarray(from, from + size));
      if (this.#closed || this.#isDeaf) break;
      if (this.#isFull()) {
        this.#flush();
        await this.#room();
        if (this.#closed) return;
      }
    }
    this.#flush();
  }

  #take(frame: Uint8Array): void {
    const reply = this.#options.dispatch(frame, this);
    if (!(reply instanceof Promise)) return this.#reply(reply);
    const pending = new Pending(null);
    this.#queue.push(pending);
    reply.then((ready) => {
      pending.reply = ready;
      this.#drain();
    }, (error) => {
      this.close();
      throw error;
    });
  }

  /** Sends a reply, or lets it wait for the ones before it. */
  #reply(reply: Reply): void {
    if (reply === CLOSE) this.#isDeaf = true;
    if (this.#queue.length === 0) this.#send(reply);
    else this.#queue.push(new Pending(reply));
  }

  /** Moves replies from the head of the queue to the way out, as far as they are ready. */
  #drain(): void {
    let ready = 0;
    while (ready < this.#queue.length && this.#queue[ready].reply !== null) {
      this.#send(this.#queue[ready++].reply!);
    }
    if (ready === 0) return;
    this.#queue.splice(0, ready);
    if (this.#queue.length === 0) this.#makeRoom();
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    queueMicrotask(() => this.#flush()); // replies that become ready in the same turn leave together
  }

  #send(reply: Reply): void {
    if (reply === NO_REPLY) return;
    if (reply === CLOSE) return this.#closeAfterReplies();
    for (const chunk of reply) {
      if (this.#closed || this.#isLast) this.#options.pool.give(chunk);
      else this.#out.push(chunk), this.#outBytes += chunk.length;
    }
  }

  /** What was answered before leaves; nothing is read or answered any more. */
  #closeAfterReplies(): void {
    this.#isLast = true;
    this.#endPolls();
    this.#flush();
    if (!this.#writing) this.close();
  }

  #flush(): void {
    this.#flushScheduled = false;
    if (this.#writing || this.#out.length === 0 || this.#closed) return;
    this.#writing = true;
    this.#writeAll().catch((error) => {
      this.close();
      if (!isDisconnect(error)) throw error;
    });
  }

  async #writeAll(): Promise<void> {
    const pool = this.#options.pool;
    while (this.#out.length > 0 && !this.#closed) {
      const chunks = this.#out;
      const bytes = this.#outBytes;
      this.#out = [];
      const joined = chunks.length > 1 ? pool.take(JOIN_BYTES) : null;
      try {
        if (joined === null) await this.#write(chunks[0]);
        else await this.#writeJoined(chunks, joined);
      } finally { // also when the peer has gone
        for (const chunk of chunks) pool.give(chunk);
        if (joined !== null) pool.give(joined);
      }
      this.#outBytes -= bytes;
      this.#makeRoom();
    }
    this.#writing = false;
    if (this.#isLast || this.#stopping && !this.isBusy) this.close();
  }

  /** Small neighbours are copied together into `joined`, large chunks are written as they are. */
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
    let written = await this.#socket.write(bytes);
    while (written < bytes.length) written += await this.#socket.write(bytes.subarray(written));
  }

  #isFull(): boolean {
    const { maxQueuedRequests, maxQueuedBytes } = this.#options.limits;
    return this.#queue.length >= maxQueuedRequests || this.#outBytes > maxQueuedBytes;
  }

  /** Resolves when there is room for another request, or the connection is closed. */
  async #room(): Promise<void> {
    while (this.#isFull() && !this.#closed) {
      await new Promise<void>((resolve) => this.#roomAgain = resolve);
    }
  }

  #makeRoom(): void {
    const resolve = this.#roomAgain;
    this.#roomAgain = null;
    resolve?.();
  }

  /** After the last request: long polls end, and what is in work gets a moment to leave. */
  async #finish(): Promise<void> {
    this.#endPolls();
    const deadlineMs = performance.now() + FINISH_MS;
    while (this.isBusy && !this.#closed && performance.now() < deadlineMs) {
      await pause(5);
    }
  }
}

/** A request in work; the reply waits here for the ones before it. */
class Pending {
  constructor(public reply: Reply | null) {}
}

const SMALL_BYTES = 4096;
const READ_BYTES = 1 << 17;
const SMALL_READS_TO_SHRINK = 64;
const JOIN_BYTES = 1 << 16;
const FINISH_MS = 1000;
const BUDGET_PAUSE_MS = 10;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What a peer that goes away looks like. */
export function isDisconnect(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.TimedOut ||
    error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.UnexpectedEof;
}
