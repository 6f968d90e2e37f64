/** FakeTimers: timers that fall due only as a test lets time pass. */
import { setImmediate } from "node:timers";
import type { Timers } from "../clock.ts";

export class FakeTimers implements Timers {
  #nowMs = 0;
  #waiting: { readonly dueMs: number; readonly work: () => void }[] = [];

  after(ms: number, work: () => void): () => void {
    const one = { dueMs: this.#nowMs + ms, work };
    this.#waiting.push(one);
    return () => void (this.#waiting = this.#waiting.filter((other) => other !== one));
  }

  /** How many wait. */
  get count(): number {
    return this.#waiting.length;
  }

  /** How long until the next falls due; Infinity when none waits. */
  get nextMs(): number {
    return Math.min(...this.#waiting.map(({ dueMs }) => dueMs)) - this.#nowMs;
  }

  /** Lets time pass; what falls due does its work, in order, and all promises that can be kept are. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    for (;;) {
      const due = this.#waiting.filter(({ dueMs }) => dueMs <= untilMs);
      if (due.length === 0) break;
      const next = due.reduce((a, b) => b.dueMs < a.dueMs ? b : a);
      this.#waiting = this.#waiting.filter((other) => other !== next);
      this.#nowMs = next.dueMs;
      next.work();
      await settled();
    }
    this.#nowMs = untilMs;
  }
}

/** A turn of the event loop; by a timer it would be a millisecond, and there are weeks of turns. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
