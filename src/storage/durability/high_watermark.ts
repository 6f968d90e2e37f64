/**
 * HighWatermark: how much of a log consumers may see, and who waits for it to move.
 *
 * It is a policy over ends, never the end of the log, and nothing but follow() moves it. Today there is one end, the
 * log's own: what is durable under flush=fsync, what is written else. With followers it is the smallest of the ends of
 * the replicas in sync. Two kinds of waiting hang on it: acknowledgements, which leave when their write is below it, and
 * long polls, which want to know of every move.
 */
import type { Write } from "./write_queue.ts";

/** Woken when more of the log becomes visible, its start moves, or it goes away. */
export interface Waiter {
  wake(): void;
}

export class HighWatermark {
  #offset: number;
  #visibleBytes = 0;
  /** Written, and not below the high watermark yet; in the order of their offsets. */
  #pending: Write[] = [];
  #waiters: Set<Waiter> | null = null;
  /** Why nothing more will be acknowledged, or null. */
  #gone: unknown = null;

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

  /** The last write that waits, or null. */
  get lastPending(): Write | null {
    return this.#pending.length === 0 ? null : this.#pending[this.#pending.length - 1];
  }

  /** Written and not visible yet, in order. */
  get pending(): readonly Write[] {
    return this.#pending;
  }

  /** A write has returned; its acknowledgements wait here until it is below the high watermark. */
  expect(write: Write): void {
    this.#pending.push(write);
  }

  /** The ends allow it to be there. It never falls. */
  follow(offset: number): void {
    if (offset <= this.#offset) return;
    this.#offset = offset;
    let passed = 0;
    while (passed < this.#pending.length && this.#pending[passed].endOffset <= offset) {
      const write = this.#pending[passed++];
      this.#visibleBytes += write.bytes;
      write.release();
      write.durable.resolve();
    }
    if (passed > 0) this.#pending.splice(0, passed);
    this.wake();
  }

  /** Resolves when this offset is below; rejects when the log goes away before. For what no write is waited for. */
  passed(offset: number): Promise<void> {
    if (offset < this.#offset) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter = {
        wake: () => {
          if (offset >= this.#offset && this.#gone === null) return;
          this.removeWaiter(waiter);
          if (this.#gone === null) resolve();
          else reject(this.#gone);
        },
      };
      this.addWaiter(waiter);
    });
  }

  /** The log is going away: nothing more will be acknowledged. */
  abandon(error: unknown): void {
    this.#gone = error;
    for (const write of this.#pending) {
      write.release();
      write.durable.reject(error);
    }
    this.#pending = [];
    this.wake();
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
