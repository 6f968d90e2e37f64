/**
 * Inbox: bytes of one connection as they arrive, cut into frames.
 *
 * An idle connection waits with a small buffer of its own. A larger one is borrowed from the pool when a frame or the
 * traffic asks for it, up to what a connection may hold without asking. A frame that outgrows that is asked leave for
 * (request_memory.ts) when so much of it is here, and gets memory of its own size: that there is much to come takes no
 * memory before it comes, as the system gives pages when they are touched.
 */
import { readInt32 } from "../bytes/int64.ts";
import type { BufferPool } from "../bytes/pool.ts";
import type { Clock } from "../clock.ts";
import type { Grant, Holder, RequestMemory } from "./request_memory.ts";
import type { Socket } from "./transport/transport.ts";

export interface InboxOptions {
  readonly pool: BufferPool;
  readonly memory: RequestMemory;
  readonly clock: Clock;
  /** How large a request may be: less before the client is known. */
  readonly frames: { readonly maxFrameBytes: number; readonly isStranger: boolean };
  /** Called to end the connection when it is too slow while others wait for its memory. */
  readonly cut: () => void;
}

/** A length that no request has: nothing behind it can be trusted to begin where it should. */
export const BAD_FRAME = Symbol("bad frame");

export class Inbox implements Holder {
  /** When bytes last came, on the monotonic clock. */
  lastReadMs: number;
  movedBytes = 0;
  /** Requests taken so far. */
  unit = 0;
  readonly #socket: Socket;
  readonly #options: InboxOptions;
  #buffer: Uint8Array | null = null;
  /** Whether the buffer is the pool's. */
  #isBorrowed = false;
  /** Set while the buffer is for one large frame. */
  #grant: Grant | null = null;
  #start = 0;
  #end = 0;
  #smallReads = 0;
  #isReading = false;
  #isClosed = false;

  constructor(socket: Socket, options: InboxOptions) {
    this.#socket = socket;
    this.#options = options;
    this.lastReadMs = options.clock.monotonicMs();
  }

  /** Whether a frame has begun to arrive and is not complete. */
  get isMidFrame(): boolean {
    return this.#end > this.#start;
  }

  /** Whether the peer is to send on: not while what it sent is being worked on, nor between requests. */
  get isWaiting(): boolean {
    return this.#isReading && this.isMidFrame;
  }

  get isStranger(): boolean {
    return this.#options.frames.isStranger;
  }

  cut(): void {
    this.#options.cut();
  }

  /** Nothing more is read. Memory is given back by release(), when nobody looks at it any more. */
  close(): void {
    this.#isClosed = true;
    this.#options.memory.withdraw(this);
  }

  /** One read from the socket; false at the end of the stream. `isExact`: of no more than one frame. */
  async fill(isExact = false): Promise<boolean> {
    const buffer = this.#spareBuffer() ?? await this.#frameBuffer();
    if (buffer === null) return false;
    this.#isReading = true;
    const read = await this.#socket.read(
      isExact
        ? buffer.subarray(this.#end, this.#end + this.#missingBytes())
        : this.#end === 0
        ? buffer
        : buffer.subarray(this.#end),
    );
    this.#isReading = false;
    if (read === null || this.#isClosed) return false;
    this.lastReadMs = this.#options.clock.monotonicMs();
    this.movedBytes += read;
    this.#end += read;
    this.#smallReads = this.#end <= SMALL_BYTES ? this.#smallReads + 1 : 0;
    return true;
  }

  /** The next complete frame, without its size; null when there is none yet. Good until the next fill(). */
  next(): Uint8Array | null | typeof BAD_FRAME {
    const from = this.#start + 4;
    if (this.#end < from) return null;
    const size = readInt32(this.#buffer!, this.#start);
    if (size <= 0 || size > this.#options.frames.maxFrameBytes) return BAD_FRAME;
    if (this.#end - from < size) return null;
    this.#start = from + size;
    this.unit++;
    return this.#buffer!.subarray(from, this.#start);
  }

  /** How large the frame that has begun says it is; after BAD_FRAME what it says in place of that. */
  get frameSize(): number {
    return readInt32(this.#buffer!, this.#start);
  }

  /** Nothing is read for a while: keeps no memory but what has come. */
  rest(): void {
    const held = this.#end - this.#start;
    if (held === 0) this.#replaceBuffer(null);
    else if (this.#isBorrowed && 2 * held <= this.#buffer!.length) {
      this.#replaceBuffer(new Uint8Array(held));
    }
  }

  /** Of the frame that has begun, or of the size that it begins with. */
  #missingBytes(): number {
    const held = this.#end - this.#start;
    return held < 4 ? 4 - held : readInt32(this.#buffer!, this.#start) + 4 - held;
  }

  /** Gives all memory back. */
  release(): void {
    this.#replaceBuffer(null);
  }

  /** A buffer with room behind #end; null when the frame needs one that has to be asked for. */
  #spareBuffer(): Uint8Array | null {
    const held = this.#end - this.#start;
    if (held === 0) return this.#emptyBuffer();
    const buffer = this.#buffer!;
    const wanted = Math.max(held >= 4 ? readInt32(buffer, this.#start) + 4 : 0, held + 1);
    if (this.#start + wanted <= buffer.length) return buffer;
    if (wanted <= buffer.length || held < buffer.length) {
      buffer.copyWithin(0, this.#start, this.#end);
      this.#start = 0;
      this.#end = held;
      return buffer;
    }
    const { ownBytes } = this.#options.memory;
    if (wanted > ownBytes && 2 * held > ownBytes) return null;
    return this.#borrow(Math.min(ownBytes, Math.max(READ_BYTES, Math.min(wanted, 2 * held))));
  }

  #emptyBuffer(): Uint8Array {
    this.#start = this.#end = 0;
    if (this.#grant !== null) this.#replaceBuffer(null);
    else if (this.#isBorrowed && this.#smallReads > SMALL_READS_TO_SHRINK) {
      this.#replaceBuffer(null);
    }
    return this.#buffer ??= new Uint8Array(SMALL_BYTES);
  }

  /** Memory for the frame that has begun, when it is its turn; null when the connection went meanwhile. */
  async #frameBuffer(): Promise<Uint8Array | null> {
    const bytes = readInt32(this.#buffer!, this.#start) + 4;
    const asked = this.#options.memory.ask(this, bytes);
    const grant = asked instanceof Promise ? await asked : asked;
    if (this.#isClosed || grant === null) {
      grant?.release();
      return null;
    }
    const isKept = bytes <= KEPT_BYTES;
    const buffer = isKept
      ? this.#options.pool.take(bytes).subarray(0, bytes)
      : new Uint8Array(bytes);
    this.#replaceBuffer(buffer, isKept);
    this.#grant = grant;
    return buffer;
  }

  #borrow(bytes: number): Uint8Array {
    const buffer = this.#options.pool.take(bytes);
    this.#replaceBuffer(buffer, true);
    return buffer;
  }

  /** Moves what is held into another buffer, or none. */
  #replaceBuffer(next: Uint8Array | null, isBorrowed = false): void {
    const old = this.#buffer;
    if (old !== null && next !== null) {
      next.set(old.subarray(this.#start, this.#end));
      this.#end -= this.#start;
      this.#start = 0;
    }
    if (old !== null && this.#isBorrowed) this.#options.pool.give(old);
    else if (old !== null && this.#grant !== null) letGo(old);
    this.#grant?.release();
    this.#grant = null;
    this.#buffer = next;
    this.#isBorrowed = isBorrowed;
  }
}

/** Gives memory back to the system now: a collector that sees no garbage but 100 MiB of it comes too late. */
function letGo(buffer: Uint8Array): void {
  (buffer.buffer as ArrayBuffer).transfer(0);
}

const SMALL_BYTES = 4096;
const READ_BYTES = 1 << 17;
const SMALL_READS_TO_SHRINK = 64;
/** Frames up to here come again and again: the pool keeps memory for them. */
const KEPT_BYTES = 4 << 20;
