/**
 * WriteQueue: batches of one log on their way to its files.
 *
 * What one turn of the event loop brings is copied together and written at once: sharing a write(2) is what makes many
 * small batches cheap. Little is written in place, since that takes less time than handing it to a thread; much goes
 * through the thread pool, so that the page cache is filled on one core while the other reads the next requests.
 * Meanwhile more comes together. Order is kept: one write at a time, first come, first written.
 */
import type { BufferPool } from "../../bytes/pool.ts";
import type { Segment } from "../segments/segment.ts";

/** Batches that are written together. Its memory is the pool's until release(). */
export class Write {
  readonly segment: Segment;
  /** Where its first byte goes in the segment's file. */
  readonly position: number;
  buffer: Uint8Array;
  bytes = 0;
  /** Whether nobody is in a hurry to have any of it durable. */
  mayWait = true;
  readonly #pool: BufferPool;
  /** The offset after the last batch. */
  endOffset = 0;
  /** Resolves when write(2) has returned; rejects when it failed. */
  readonly written = Promise.withResolvers<void>();
  /** Resolves when the high watermark has passed it: when it is as durable as the flush policy promises. */
  readonly durable = Promise.withResolvers<void>();

  constructor(segment: Segment, position: number, pool: BufferPool, bytes: number) {
    this.segment = segment;
    this.position = position;
    this.#pool = pool;
    this.buffer = pool.take(bytes);
    this.written.promise.catch(ignore); // whoever waits has handlers of its own
    this.durable.promise.catch(ignore);
  }

  /** The bytes, or null when they are released. */
  get content(): Uint8Array | null {
    return this.buffer === RELEASED ? null : this.buffer.subarray(0, this.bytes);
  }

  add(bytes: Uint8Array): void {
    const end = this.bytes + bytes.length;
    if (end > this.buffer.length) this.#grow(end);
    this.buffer.set(bytes, this.bytes);
    this.bytes = end;
  }

  #grow(bytes: number): void {
    const larger = this.#pool.take(Math.max(bytes, 2 * this.buffer.length));
    larger.set(this.buffer.subarray(0, this.bytes));
    this.#pool.give(this.buffer);
    this.buffer = larger;
  }

  /** While memory is not scarce the bytes stay for the journal, which would have to read them from the file. */
  releaseWhenScarce(): void {
    if (this.#pool.lentBytes > SCARCE_BYTES) this.release();
  }

  /** It is lent no more, and goes back by release(), when nobody looks at it. */
  forget(): void {
    this.#pool.forget(this.buffer);
  }

  /** Gives the memory back. */
  release(): void {
    if (this.buffer !== RELEASED) this.#pool.give(this.buffer);
    this.buffer = RELEASED;
  }
}

export interface WriteQueueOptions {
  readonly pool: BufferPool;
  /** Up to so many bytes are written in place. */
  readonly maxInPlaceBytes: number;
  /** A write has returned. Called in order, before its promise resolves; whoever is called releases the write. */
  readonly onWritten: (write: Write) => void;
  /** A write failed with nothing of it left in the file; everything behind it is given up too. */
  readonly onFailed: (error: unknown, segment: Segment) => void;
}

export class WriteQueue {
  readonly #options: WriteQueueOptions;
  #writes: Write[] = [];
  /** Whether the first write is on the thread pool. */
  #isInFlight = false;
  #isScheduled = false;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  /** The last write that has not returned, or null. */
  get last(): Write | null {
    return this.#writes.length === 0 ? null : this.#writes[this.#writes.length - 1];
  }

  /** Copies a batch in, which goes to `position` of the segment; it is written when this turn of the event loop is over. */
  add(
    segment: Segment,
    position: number,
    bytes: Uint8Array,
    endOffset: number,
    mayWait: boolean,
  ): Write {
    const write = this.#open(segment, position, bytes.length);
    write.add(bytes);
    write.endOffset = endOffset;
    if (!mayWait) write.mayWait = false;
    if (!this.#isInFlight && !this.#isScheduled) {
      this.#isScheduled = true;
      queueMicrotask(() => this.#run());
    }
    return write;
  }

  /** Resolves when nothing is left to write. */
  async drain(): Promise<void> {
    for (let last = this.last; last !== null; last = this.last) {
      await last.written.promise.catch(ignore);
    }
  }

  /** Gives up everything that has not been written. */
  abandon(error: unknown): void {
    const writes = this.#writes;
    this.#writes = [];
    for (const write of writes) {
      write.written.reject(error);
      write.durable.reject(error);
      if (write !== writes[0] || !this.#isInFlight) write.release();
      else write.forget(); // a thread still reads from it
    }
  }

  /** A write that takes `more` bytes for this segment: the last one if it can, else a new one. */
  #open(segment: Segment, position: number, more: number): Write {
    const last = this.last;
    const isFree = last !== null && !(this.#isInFlight && this.#writes.length === 1);
    if (
      last !== null && isFree && last.segment === segment && last.bytes + more <= MAX_WRITE_BYTES
    ) return last;
    const write = new Write(segment, position, this.#options.pool, more);
    this.#writes.push(write);
    return write;
  }

  #run(): void {
    this.#isScheduled = false;
    while (this.#writes.length > 0 && !this.#isInFlight) {
      const write = this.#writes[0];
      const bytes = write.buffer.subarray(0, write.bytes);
      if (write.bytes > this.#options.maxInPlaceBytes) return this.#hand(write, bytes);
      try {
        write.segment.log.append(bytes);
      } catch (error) {
        return this.#fail(error, write);
      }
      this.#done(write);
    }
  }

  /** Through the thread pool. */
  #hand(write: Write, bytes: Uint8Array): void {
    this.#isInFlight = true;
    write.segment.log.appendAsync(bytes).then(() => {
      this.#isInFlight = false;
      if (this.#writes[0] === write) this.#done(write);
      else write.release(); // it was abandoned meanwhile
      this.#run();
    }, (error) => {
      this.#isInFlight = false;
      if (this.#writes[0] === write) return this.#fail(error, write);
      write.release();
      this.#run();
    });
  }

  #done(write: Write): void {
    this.#writes.shift();
    this.#options.onWritten(write);
    write.written.resolve();
  }

  #fail(error: unknown, write: Write): void {
    this.#options.onFailed(error, write.segment);
    this.abandon(error);
  }
}

/** Copies a stretch of a segment from the writes that brought it; false when not all of it is in memory any more. */
export function copyWritten(
  writes: readonly Write[],
  { segment, position }: { segment: Segment; position: number },
  into: Uint8Array,
): boolean {
  let copied = 0;
  for (const write of writes) {
    const at = write.position - position;
    if (write.segment !== segment || at < 0 || at + write.bytes > into.length) continue;
    const { content } = write;
    if (content === null) return false;
    into.set(content, at);
    copied += content.length;
  }
  return copied === into.length;
}

const ignore = () => {};

const SCARCE_BYTES = 64 << 20;
const RELEASED = new Uint8Array(0);
/**
 * Up to here writing in place is quicker than a thread's round trip (about 30 µs, and much longer on busy cores). With a
 * sync to follow, which takes a thread anyway, a second hand-over pays later.
 */
export const MAX_IN_PLACE_BYTES = { os: 64 << 10, interval: 64 << 10, fsync: 256 << 10 } as const;
/** What comes together while a write is in flight. */
const MAX_WRITE_BYTES = 1 << 20;
