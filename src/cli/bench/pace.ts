/**
 * Pace: when each of many things is due at a rate. One that goes out late, since those before it were not taken, counts
 * from when it was due: else a broker that stops answering is asked less, and looks better than it is.
 */
export class Pace {
  readonly #startMs: number;
  readonly #perMs: number;

  /** `rate`: a second; null: each is due at once. */
  constructor(rate: number | null, startMs: number) {
    this.#startMs = startMs;
    this.#perMs = rate === null ? Infinity : rate / 1000;
  }

  /** How many are due by then. */
  due(nowMs: number): number {
    return this.#perMs === Infinity
      ? Infinity
      : Math.floor((nowMs - this.#startMs) * this.#perMs) + 1;
  }

  /** When the one is due before which there are `number`. */
  dueMs(number: number): number {
    return this.#startMs + number / this.#perMs;
  }

  /** From when to count for the one that goes out now: `nowMs`, or when it was due if that is long ago. */
  countsFromMs(number: number, nowMs: number): number {
    if (this.#perMs === Infinity) return nowMs;
    const dueMs = this.dueMs(number);
    return nowMs - dueMs > TIMER_MS ? dueMs : nowMs;
  }
}

/** How late a timer may be: that is nobody's fault. */
const TIMER_MS = 2;
