/**
 * AdvancedClock: the machine's clocks and timers, which go on as they do and can be made to go further: for a broker whose
 * deadlines a test does not want to wait for.
 *
 * Time that is let pass goes by in at most MAX_STEPS steps, so that an hour costs no more than a day. What falls due in a
 * step is done in the order in which it was due, and what that sets going is waited for, so that a deadline which another
 * one brings about comes in its turn.
 */
import { setImmediate } from "node:timers";
import { type Clock, systemClock, systemTimers, type Timers } from "../clock.ts";

export class AdvancedClock implements Clock, Timers {
  #aheadMs = 0;
  readonly #waiting = new Set<Waiting>();
  #advancing: Promise<void> = Promise.resolve();

  nowMs(): number {
    return systemClock.nowMs() + this.#aheadMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#aheadMs;
  }

  after(ms: number, work: () => void): () => void {
    const one: Waiting = { dueMs: this.monotonicMs() + ms, work, cancel: () => {} };
    this.#waiting.add(one);
    this.#arm(one, ms);
    return () => this.#takeBack(one);
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Lets so many milliseconds pass. Resolves when what fell due has been done, as far as nothing but the broker is waited
   * for. One call after the other. Throws RangeError for what is no time.
   */
  advance(ms: number): Promise<void> {
    if (!(ms >= 0 && ms <= MAX_ADVANCE_MS)) {
      throw new RangeError(`Cannot advance the clock by ${ms} ms: 0 to ${MAX_ADVANCE_MS} it is`);
    }
    return this.#advancing = this.#advancing.catch(() => {}).then(() => this.#advance(ms));
  }

  async #advance(ms: number): Promise<void> {
    await settled(); // what was asked for before sets its deadline from before
    const stepMs = Math.ceil(ms / MAX_STEPS);
    for (let leftMs = Math.ceil(ms); leftMs > 0;) { // whole milliseconds: records are stamped with them
      const byMs = Math.min(leftMs, Math.max(stepMs, Math.ceil(this.#nextMs())));
      this.#aheadMs += byMs;
      leftMs -= byMs;
      this.#doDue();
      await settled();
    }
    for (const one of this.#waiting) {
      one.cancel();
      this.#arm(one, one.dueMs - this.monotonicMs());
    }
    for (let turn = 0; turn < LAST_TURNS; turn++) await settled();
  }

  /** How long until the next falls due; Infinity when none waits. */
  #nextMs(): number {
    let dueMs = Infinity;
    for (const one of this.#waiting) dueMs = Math.min(dueMs, one.dueMs);
    return dueMs - this.monotonicMs();
  }

  #doDue(): void {
    const nowMs = this.monotonicMs();
    const due = [...this.#waiting].filter(({ dueMs }) => dueMs <= nowMs);
    due.sort((a, b) => a.dueMs - b.dueMs);
    for (const one of due) {
      if (!this.#waiting.has(one)) continue; // one before it took it back
      this.#takeBack(one);
      one.work();
    }
  }

  #arm(one: Waiting, ms: number): void {
    one.cancel = systemTimers.after(Math.max(0, ms), () => {
      if (one.dueMs > this.monotonicMs() + EARLY_MS) { // longer than the system's timers can be
        return this.#arm(one, one.dueMs - this.monotonicMs());
      }
      this.#waiting.delete(one);
      one.work();
    });
  }

  #takeBack(one: Waiting): void {
    this.#waiting.delete(one);
    one.cancel();
  }
}

interface Waiting {
  readonly dueMs: number;
  readonly work: () => void;
  /** Of the system's timer behind it. */
  cancel: () => void;
}

/** A turn of the event loop: every promise that can be kept without waiting is. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const MAX_STEPS = 256;
/** What was set going by the last of it takes a few turns. */
const LAST_TURNS = 5;
/** A timer of the system may come so much before its time. */
const EARLY_MS = 2;
/** A hundred years. */
const MAX_ADVANCE_MS = 100 * 365 * 24 * 3_600_000;
