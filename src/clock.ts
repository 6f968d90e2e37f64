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

/** Waiting, passed in beside the clock so that a simulation drives that too. */
export interface Timers {
  /** Does something after so many milliseconds; what is answered takes it back. */
  after(ms: number, work: () => void): () => void;
}

export const systemTimers: Timers = {
  after(ms, work) {
    const timer = setTimeout(work, Math.min(ms, MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

/** What setTimeout takes; more would be no wait at all. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** How long work lets others have a turn of the event loop (background/turn.ts). */
export interface GivesWay {
  /** Whether this turn has been at work for long. */
  readonly isLong: boolean;
  /** Resolves in a later turn. */
  next(): Promise<void>;
}
