/** ShiftedClock: the machine's clocks with an error that a test sets: for a broker whose timers are the machine's, too. */
import { type Clock, systemClock } from "../clock.ts";

export class ShiftedClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;

  /** `aheadMs`: how far the wall clock is ahead of the machine's. */
  constructor(aheadMs = 0) {
    this.#wallMs = aheadMs;
  }

  nowMs(): number {
    return systemClock.nowMs() + this.#wallMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#monotonicMs;
  }

  /** Time passes, as both clocks see it. */
  advance(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
  }

  /** Sets the wall clock alone. */
  stepWall(ms: number): void {
    this.#wallMs += ms;
  }
}
