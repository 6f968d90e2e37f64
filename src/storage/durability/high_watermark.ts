/**
 * HighWatermark: how much of a log consumers may see, and who waits for it to move.
 *
 * It follows the flush policy, never the end of the log: what lies below it is kept. Two kinds of waiting hang on
 * it: acknowledgements, which leave when their write is below it, and long polls, which want to know of every move.
 */
import type { Write } from "./write_queue.ts";

/** Woken when more of the log becomes visible, its start moves, or it goes away. */
export interface Waiter {
  wake(): void;
}

export class HighWatermark {
  #offset: number;
  #visibleBytes = 0;
  /** Written, and not kept yet. */
  #unkept: Write[] = [];
  #waiters: Set<Waiter> | null = null;

  constructor(offset: number) {
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Bytes that became visible since the log was opened. */
  get visibleBytes(): number {
    return this.#visibleBytes;
  }

  /** The last write that is not kept yet, or null. */
  get lastUnkept(): Write | null {
    return this.#unkept.length === 0 ? null : this.#unkept[this.#unkept.length - 1];
  }

  /** Copies all but `skip` bytes of what is written and not kept yet; false when not all of it is in memory any more. */
  copyUnkept(into: Uint8Array, skip: number): boolean {
    let at = 0;
    for (const { content, bytes } of this.#unkept) {
      if (skip > 0) {
        skip -= bytes;
        continue;
      }
      if (content === null || at + content.length > into.length) return false;
      into.set(content, at);
      at += content.length;
    }
    return skip === 0 && at === into.length;
  }

  /** A write has returned; its acknowledgements wait here until it is kept. */
  expect(write: Write): void {
    this.#unkept.push(write);
  }

  /** Everything below `endOffset` is kept; `writtenBytes` is how much has been written up to there. */
  advance(endOffset: number, writtenBytes: number): void {
    if (endOffset <= this.#offset) return;
    this.#offset = endOffset;
    this.#visibleBytes = writtenBytes;
    let kept = 0;
    while (kept < this.#unkept.length && this.#unkept[kept].endOffset <= endOffset) {
      const write = this.#unkept[kept++];
      write.release();
      write.durable.resolve();
    }
    if (kept > 0) this.#unkept.splice(0, kept);
    this.wake();
  }

  /** The log is going away: nothing more will be kept. */
  abandon(error: unknown): void {
    for (const write of this.#unkept) {
      write.release();
      write.durable.reject(error);
    }
    this.#unkept = [];
  }

  addWaiter(waiter: Waiter): void {
    (this.#waiters ??= new Set()).add(waiter);
  }

  removeWaiter(waiter: Waiter): void {
    this.#waiters?.delete(waiter);
  }

  wake(): void {
    if (this.#waiters === null) return;
    for (const waiter of this.#waiters) waiter.wake();
  }
}
