/** HeldTimers: the machine's timers, but those of one delay fall due when a test says so. */
import { systemTimers, type Timers } from "../clock.ts";

export class HeldTimers implements Timers {
  readonly #heldMs: number;
  #held: (() => void)[] = [];

  constructor(heldMs: number) {
    this.#heldMs = heldMs;
  }

  after(ms: number, work: () => void): () => void {
    if (ms !== this.#heldMs) return systemTimers.after(ms, work);
    this.#held.push(work);
    return () => void (this.#held = this.#held.filter((held) => held !== work));
  }

  /** How many wait. */
  get count(): number {
    return this.#held.length;
  }

  /** Those that wait fall due. */
  release(): void {
    const due = this.#held;
    this.#held = [];
    for (const work of due) work();
  }
}
