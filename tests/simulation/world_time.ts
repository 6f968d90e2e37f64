/** WorldTime: the timers of a simulated world, and time that passes from one to the next. */
import { FakeClock } from "../../src/testing/fake_clock.ts";

interface Timer {
  readonly atMs: number;
  readonly work: () => void;
}

export class WorldTime {
  readonly clock = new FakeClock();
  #timers: Timer[] = [];

  /** Does something after so long; what is answered takes it back. */
  readonly later = (ms: number, work: () => unknown): () => void => {
    const timer = { atMs: this.clock.monotonicMs() + ms, work };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  };

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.later(ms, resolve));
  }

  /** Time for every timer on the way; before each, what `settle` lets happen. */
  async pass(ms: number, settle: () => Promise<void>): Promise<void> {
    const untilMs = this.clock.monotonicMs() + ms;
    for (;;) {
      await settle();
      const next = this.#timers.reduce<Timer | null>(
        (a, b) => a === null || b.atMs < a.atMs ? b : a,
        null,
      );
      if (next === null || next.atMs > untilMs) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.clock.advance(Math.max(0, next.atMs - this.clock.monotonicMs()));
      next.work();
    }
    this.clock.advance(untilMs - this.clock.monotonicMs());
  }
}
