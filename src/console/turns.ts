/**
 * Turns: so many looks into logs at a time, the others in the order in which they came: what the console takes of memory
 * and of the processor does not grow with how many ask.
 */
import { ApiFailure } from "./failure.ts";

const AT_A_TIME = 2, MAX_WAITING = 64;

interface HoldOptions {
  readonly hasBegun?: boolean;
  /** Aborted when nobody waits for it any more. */
  readonly signal?: AbortSignal;
}

export class Turns {
  readonly #atATime: number;
  readonly #maxWaiting: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(
    { atATime = AT_A_TIME, maxWaiting = MAX_WAITING }: {
      readonly atATime?: number;
      readonly maxWaiting?: number;
    } = {},
  ) {
    this.#atATime = atATime;
    this.#maxWaiting = maxWaiting;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Runs it when it is its turn. Throws ApiFailure where too many wait. */
  async take<T>(run: () => Promise<T>, options: HoldOptions = {}): Promise<T> {
    const end = await this.hold(options);
    try {
      return await run();
    } finally {
      end();
    }
  }

  /**
   * Resolves when it is its turn, with what ends that. Throws ApiFailure where too many wait; `hasBegun`: it waits in any
   * case, as what goes on with what was begun is bounded where it began. Throws ApiFailure, too, where nobody waits any more.
   */
  async hold({ hasBegun = false, signal }: HoldOptions = {}): Promise<() => void> {
    if (this.#taken < this.#atATime) this.#taken++;
    else {
      if (!hasBegun && this.#waiting.length >= this.#maxWaiting) {
        throw new ApiFailure("too_many_streams", "too many look through records: try again");
      }
      await this.#wait(signal);
    }
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken--;
      else next();
    };
  }
  /** Resolves when a turn is handed on. */
  async #wait(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = () => {
      const at = this.#waiting.indexOf(resolve);
      if (at < 0) return; // it has its turn
      this.#waiting.splice(at, 1);
      reject(new ApiFailure("too_late", "nobody waits for it"));
    };
    this.#waiting.push(resolve);
    signal?.addEventListener("abort", leave);
    if (signal?.aborted) leave();
    try {
      await promise;
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }
}
