/**
 * Descriptors: how many of one kind of thing may be open, each of which takes a descriptor of the process.
 *
 * Nobody tells how many a process may have (Deno shows /proc to nobody with less than all rights; `deno run` raises the
 * soft limit to the hard one, the compiled executable does not), so it is tried out, a step each time more are needed:
 * the kind takes a step when so much besides stays free as it has to leave for the others.
 */
import { type Clock, systemClock } from "../../clock.ts";

export interface DescriptorOptions {
  /** What the configuration allows. */
  readonly most: number;
  /** What fits every limit, and is not tried out; each step doubles it, until steps are of the last size. */
  readonly firstStep: number;
  readonly lastStep: number;
  /** How many stay free for others beyond a step; absent: as many as the step. */
  readonly reserve?: number;
  /** How long what was tried out is believed, when it was less than a step: others come and go. */
  readonly believedMs: number;
  /** Opens something like any other, or throws. */
  readonly tryOpen: () => { close(): void };
  readonly clock?: Clock;
}

export class Descriptors {
  readonly #options: DescriptorOptions;
  readonly #clock: Clock;
  /** What may be open as far as was tried out. */
  #bound: number;
  #believedUntilMs = -Infinity;

  constructor(options: DescriptorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#bound = Math.min(Math.max(1, options.most), options.firstStep);
  }

  get bound(): number {
    return this.#bound;
  }

  /** Whether one more may be open besides `open` of its kind. */
  admits(open: number): boolean {
    return open < this.#bound || this.#grow(open);
  }

  /** There are fewer than was believed: no more than so many may be open, for a while. */
  lower(bound: number): void {
    this.#bound = Math.max(1, Math.min(this.#bound, bound));
    this.#believedUntilMs = this.#clock.monotonicMs() + this.#options.believedMs;
  }

  /** Tries whether more may be open; whether they may. */
  #grow(open: number): boolean {
    const { most, lastStep, believedMs, tryOpen } = this.#options;
    const step = Math.min(this.#bound, lastStep, most - this.#bound);
    if (step <= 0 || this.#clock.monotonicMs() < this.#believedUntilMs) return false;
    const reserve = this.#options.reserve ?? step;
    const tried: { close(): void }[] = [];
    try {
      while (tried.length < step + reserve) tried.push(tryOpen());
    } catch {
      this.#believedUntilMs = this.#clock.monotonicMs() + believedMs;
    }
    for (const one of tried) one.close();
    this.#bound += Math.max(0, tried.length - reserve);
    return open < this.#bound;
  }
}
