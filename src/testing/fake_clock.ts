/** FakeClock: a clock that moves only when told to. */
import type { Clock } from "../clock.ts";

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
