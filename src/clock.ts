/**
 * Time, passed in so that a seeded simulation can drive it.
 *
 * Two clocks, never mixed: `nowMs` is what records are stamped with and may jump when the machine's clock is
 * set; `monotonicMs` only moves forward, and is what every timeout is measured against.
 */
export interface Clock {
  /** Wall clock, ms since 1970. */
  nowMs(): number;
  /** Milliseconds since some fixed moment; never goes back. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** A clock that moves only when told to. */
export class FakeClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;

  constructor(startMs = 1_700_000_000_000) {
    this.#wallMs = startMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** Lets time pass. */
  advance(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
  }

  /** Sets the wall clock alone, as NTP or an operator does. */
  stepWall(ms: number): void {
    this.#wallMs += ms;
  }
}
