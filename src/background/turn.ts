/**
 * Turn: whether this turn of the event loop has been at work for so long that others should have one. Loops that a client
 * can make long ask it now and then, and go on in a later turn.
 */
import { type Clock, type GivesWay, systemClock } from "../clock.ts";

export class Turn implements GivesWay {
  readonly #clock: Clock;
  #beganMs = 0;
  #isKnown = false;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Counts from when it was first asked in this turn. */
  get isLong(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (!this.#isKnown) {
      this.#isKnown = true;
      this.#beganMs = nowMs;
      setTimeout(() => this.#isKnown = false, 0);
    }
    return nowMs - this.#beganMs >= LONG_MS;
  }

  /** Resolves in a later turn, when whoever else was ready has been served. */
  next(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 0));
  }
}

const LONG_MS = 10;
