/**
 * WideRequests: how many requests that may name very many things are decoded at once. Decoded, such a request takes some
 * ten times its bytes, its answer again so much, and both are there from when it is decoded until it is answered; as bytes
 * it waits in a buffer that is counted (request_memory.ts). So over all connections no more of them are decoded than fit
 * into a share, first come, first served; one may be larger than the share when nobody else is there.
 *
 * Nobody waits for one that takes very long: after a while it has had its time, and the next one comes beside it.
 */
import type { Waiter } from "../bytes/pool.ts";

interface Decoded {
  readonly bytes: number;
  /** When it was first seen, on the monotonic clock. */
  sinceMs: number | null;
}

interface Waiting {
  readonly bytes: number;
  readonly begin: () => void;
}

export class WideRequests {
  readonly #shareBytes: number;
  readonly #onWait: () => void;
  /** Those that count. */
  readonly #decoded = new Set<Decoded>();
  /** In their order. */
  readonly #waiting = new Set<Waiting>();
  #usedBytes = 0;

  /** `shareBytes` as they are sent. */
  constructor(options: {
    readonly shareBytes: number;
    /** Called when one begins to wait; sweep() is due soon then. */
    readonly onWait: () => void;
  }) {
    this.#shareBytes = options.shareBytes;
    this.#onWait = options.onWait;
  }

  /** Whether somebody waits. */
  get isPressed(): boolean {
    return this.#waiting.size > 0;
  }

  /**
   * Resolves when a request of so many bytes may be decoded, with what is to be called when it is answered; or when its
   * connection ends, and then it counts for nothing.
   */
  enter(connection: Pick<Waiter, "isEnding" | "ends">, bytes: number): Promise<() => void> {
    if (connection.isEnding) return Promise.resolve(nothing);
    return new Promise((resolve) => {
      const end = () => {
        this.#waiting.delete(waiting);
        resolve(nothing);
        this.#letIn();
      };
      const begin = () => {
        connection.ends.delete(end);
        resolve(this.#begin(bytes));
      };
      const waiting = { bytes, begin };
      connection.ends.add(end);
      this.#waiting.add(waiting);
      this.#letIn();
      if (this.isPressed) this.#onWait();
    });
  }

  /** While others wait, those that have had their time count no more. */
  sweep(nowMs: number): void {
    for (const one of [...this.#decoded]) {
      one.sinceMs ??= nowMs;
      if (this.isPressed && nowMs - one.sinceMs >= LONG_MS) this.#leave(one);
    }
  }

  #letIn(): void {
    for (const next of this.#waiting) {
      if (this.#usedBytes > 0 && this.#usedBytes + next.bytes > this.#shareBytes) return;
      this.#waiting.delete(next);
      next.begin();
    }
  }

  #begin(bytes: number): () => void {
    const one: Decoded = { bytes, sinceMs: null };
    this.#decoded.add(one);
    this.#usedBytes += bytes;
    return () => this.#leave(one);
  }

  #leave(one: Decoded): void {
    if (!this.#decoded.delete(one)) return;
    this.#usedBytes -= one.bytes;
    this.#letIn();
  }
}

/**
 * Whether a request is asked to wait for its turn: those that are short are not, nor those whose bytes are records, nor
 * those that are answered when something happens.
 */
export function isWide(frame: Uint8Array): boolean {
  return frame.length > NARROW_BYTES && !(frame[0] === 0 && STAYING_APIS.includes(frame[1]));
}

const nothing = () => {};
/** What is shorter is decoded at once. */
const NARROW_BYTES = 16_384;
/** Produce, Fetch, JoinGroup and SyncGroup. */
const STAYING_APIS: readonly number[] = [0, 1, 11, 14];
/** After this one is waited for no more. */
const LONG_MS = 2000;
