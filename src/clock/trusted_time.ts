/**
 * TrustedTime: the time that deletion goes by: retention, compaction, and the expiry of offsets and producers. It is the
 * wall clock as far as monotonic time confirms it, so that a clock which is set wrong deletes nothing.
 *
 * | the wall clock | trusted time |
 * |---|---|
 * | goes on as monotonic time does | is the wall clock |
 * | is set back | is the wall clock, at once: nothing is older than it says |
 * | returns to where it was | is the wall clock, at once |
 * | leaps forward, or stands there at a start, by at most an hour since the time that was written down last | at a start: is the wall clock, at once |
 * | leaps forward otherwise | goes on as monotonic time does, until the clock has stood there, or further ahead, for an hour of monotonic time for each day of the leap, and at least ten minutes |
 *
 * So a machine that was off for a month expires what is too old after 30 hours, one that was suspended over night after 20
 * minutes, and whoever has set a clock forward by a year has two weeks to see the warning. Waiting costs no space: what was
 * there before the leap grows old by monotonic time as ever, and what came after it by how long it has been here.
 */
import type { Clock } from "../clock.ts";

/** What a look at the clocks brought that an operator should know. */
export type ClockNews =
  /** The wall clock is ahead of what is confirmed, and will be believed after `waitMs` of monotonic time. */
  | { readonly kind: "ahead"; readonly aheadMs: number; readonly waitMs: number }
  /** It is believed now, or has come back. */
  | { readonly kind: "settled" };

/** What is written down for the next start. */
export interface RememberedTime {
  /** The last confirmed wall time, ms since 1970. */
  readonly confirmedMs: number;
  /** How far ahead of that the clock had stood, at least, for `stoodMs`; both 0 when it had not. */
  readonly aheadMs: number;
  readonly stoodMs: number;
}

/** The wall clock has stood at `offsetMs` to the monotonic one, or further ahead, since `sinceMs`. */
interface Stand {
  readonly offsetMs: number;
  readonly sinceMs: number;
}

export class TrustedTime implements Clock {
  readonly #clock: Clock;
  /** Confirmed wall time less monotonic time. Offsets are all of this kind. */
  #confirmedMs: number;
  /** Ahead of what is confirmed, ascending, and so each has stood for less long than the one before. */
  #ahead: Stand[] = [];
  /** The furthest that the clock stood since it fell behind what is confirmed; null while it has not. */
  #behind: Stand | null = null;
  /** The offset that was told of as being ahead, or null. */
  #toldMs: number | null = null;

  /** Until resume(), the wall clock is believed as it stands. */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.#confirmedMs = this.#offsetMs();
  }

  /**
   * Takes up from what was written down last, as long ago as that may be; null where there is nothing that could be
   * deleted. `isRight`: the operator says that the wall clock is right.
   */
  resume(last: RememberedTime | null, { isRight = false } = {}): void {
    const offsetMs = this.#offsetMs(), nowMs = this.monotonicMs();
    this.#confirmedMs = offsetMs;
    this.#ahead = [];
    this.#behind = null;
    if (last === null || isRight) return;
    const lastOffsetMs = last.confirmedMs - nowMs, leapMs = offsetMs - lastOffsetMs;
    if (leapMs >= 0 && leapMs <= NEAR_MS) return;
    this.#confirmedMs = lastOffsetMs;
    if (last.stoodMs === 0 || leapMs < last.aheadMs) return;
    // It stands there still, or further: a machine that is switched off every night comes to the end of its wait, too.
    this.#ahead = [{ offsetMs: lastOffsetMs + last.aheadMs, sinceMs: nowMs - last.stoodMs }];
  }

  /** What to write down now. */
  remember(): RememberedTime {
    const [first] = this.#ahead;
    const aheadMs = first === undefined ? 0 : Math.floor(first.offsetMs - this.#confirmedMs);
    const stoodMs = aheadMs < SAME_MS ? 0 : Math.floor(this.monotonicMs() - first.sinceMs);
    return { confirmedMs: this.confirmedMs(), aheadMs: stoodMs === 0 ? 0 : aheadMs, stoodMs };
  }

  /** Trusted time, ms since 1970. */
  nowMs(): number {
    return Math.min(this.#clock.nowMs(), this.confirmedMs());
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  /** The last confirmed wall time and what has passed since. Ahead of the wall clock when that was set back. */
  confirmedMs(): number {
    return Math.floor(this.#confirmedMs + this.monotonicMs());
  }

  /**
   * What to stamp that will expire: the later of wall and confirmed time, so that what was made under a clock that had been
   * set back is not too old once it is right again.
   */
  stampMs(): number {
    return Math.max(this.#clock.nowMs(), this.confirmedMs());
  }

  /** How far the wall clock is ahead of trusted time. */
  unconfirmedMs(): number {
    return Math.max(0, this.#clock.nowMs() - this.confirmedMs());
  }

  /** Looks at both clocks; to be called again and again. What is not looked at is not confirmed. */
  look(): ClockNews | null {
    const offsetMs = this.#offsetMs(), nowMs = this.monotonicMs();
    if (offsetMs > this.#confirmedMs) {
      this.#behind = null;
      this.#standAhead(offsetMs, nowMs);
      this.#confirmAhead(nowMs);
    } else {
      this.#ahead = [];
      this.#standBehind(offsetMs, nowMs);
    }
    return this.#news(offsetMs, nowMs);
  }

  #offsetMs(): number {
    return this.#clock.nowMs() - this.#clock.monotonicMs();
  }

  #standAhead(offsetMs: number, nowMs: number): void {
    let sinceMs = nowMs;
    for (
      let last = this.#ahead.at(-1);
      last && last.offsetMs > offsetMs;
      last = this.#ahead.at(-1)
    ) {
      sinceMs = last.sinceMs; // where it stood further ahead it was at least here
      this.#ahead.pop();
    }
    // A little further is not told apart, and past the limit it is not noted: it only waits longer.
    const lastMs = this.#ahead.at(-1)?.offsetMs ?? -Infinity;
    if (offsetMs - lastMs < SAME_MS || this.#ahead.length >= MAX_STANDS) return;
    this.#ahead.push({ offsetMs, sinceMs });
  }

  /** Believes the clock as far ahead as it has stood for long enough. */
  #confirmAhead(nowMs: number): void {
    const stood = this.#ahead.findLastIndex(({ offsetMs, sinceMs }) =>
      nowMs - sinceMs >= waitOf(offsetMs - this.#confirmedMs)
    );
    if (stood < 0) return;
    this.#confirmedMs = this.#ahead[stood].offsetMs;
    // The rest waits from here on: however often it leaps, no time counts twice.
    this.#ahead = this.#ahead.slice(stood + 1).map(({ offsetMs }) => ({
      offsetMs,
      sinceMs: nowMs,
    }));
  }

  /** A clock that stays behind was wrong before: it is believed in the end, too, so that it may not leap there again. */
  #standBehind(offsetMs: number, nowMs: number): void {
    if (this.#confirmedMs - offsetMs < SAME_MS) {
      this.#behind = null;
      return;
    }
    const { offsetMs: furthestMs, sinceMs } = this.#behind ?? { offsetMs, sinceMs: nowMs };
    this.#behind = { offsetMs: Math.max(offsetMs, furthestMs), sinceMs };
    if (nowMs - sinceMs < waitOf(this.#confirmedMs - this.#behind.offsetMs)) return;
    this.#confirmedMs = this.#behind.offsetMs;
    this.#behind = null;
  }

  /** A leap is told of once, and again when the clock goes further; and its end. */
  #news(offsetMs: number, nowMs: number): ClockNews | null {
    const aheadMs = offsetMs - this.#confirmedMs;
    if (aheadMs < NEAR_MS) {
      const wasTold = this.#toldMs !== null;
      this.#toldMs = null;
      return wasTold ? { kind: "settled" } : null;
    }
    if (this.#toldMs !== null && offsetMs - this.#toldMs < NEAR_MS) return null;
    this.#toldMs = offsetMs;
    const sinceMs = this.#ahead.at(-1)?.sinceMs ?? nowMs;
    return { kind: "ahead", aheadMs, waitMs: Math.max(0, sinceMs + waitOf(aheadMs) - nowMs) };
  }
}

/** How long the wall clock has to stand where it leapt to. */
function waitOf(leapMs: number): number {
  return Math.max(MIN_WAIT_MS, leapMs / LEAP_PER_WAIT);
}

const MINUTE_MS = 60_000;
/** A start believes so much, and so much less is not worth a word. */
const NEAR_MS = 60 * MINUTE_MS;
/** Nearer together two stands are one. */
const SAME_MS = MINUTE_MS;
const MIN_WAIT_MS = 10 * MINUTE_MS;
/** An hour for each day. */
const LEAP_PER_WAIT = 24;
const MAX_STANDS = 64;
