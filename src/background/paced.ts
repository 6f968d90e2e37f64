/**
 * Paced: work that is done in place and may take long. One at a time; after one that took long there is a pause as long
 * as it took, in which whoever else is served has the event loop. Work that takes no time is done at once.
 */
import { type Clock, systemClock, systemTimers, type Timers } from "../clock.ts";

export class Paced {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #waiting: (() => void)[] = [];
  #isPausing = false;

  constructor(
    { clock = systemClock, timers = systemTimers }: { clock?: Clock; timers?: Timers } = {},
  ) {
    this.#clock = clock;
    this.#timers = timers;
  }

  /** What the work answers: now, or when it is its turn. */
  run<T>(work: () => T): T | Promise<T> {
    if (!this.#isPausing) return this.#do(work);
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(this.#do(work));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #do<T>(work: () => T): T {
    const beganMs = this.#clock.monotonicMs();
    try {
      return work();
    } finally {
      const tookMs = this.#clock.monotonicMs() - beganMs;
      if (tookMs >= LONG_MS) this.#pause(tookMs);
    }
  }

  #pause(ms: number): void {
    this.#isPausing = true;
    this.#timers.after(ms, () => {
      this.#isPausing = false;
      while (!this.#isPausing && this.#waiting.length > 0) this.#waiting.shift()!();
    });
  }
}

const LONG_MS = 10;
