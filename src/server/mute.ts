/**
 * Mute: the time for which a connection is not read, as its client has had more than a quota allows. The system holds what
 * the client sends on, and then the client itself is held up.
 */
import type { Clock, Timers } from "../clock.ts";

export class Mute {
  readonly #clock: Clock;
  readonly #timers: Timers;
  #untilMs = 0;
  #end: (() => void) | null = null;

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  get isOn(): boolean {
    return this.#clock.monotonicMs() < this.#untilMs;
  }

  lengthen(ms: number): void {
    this.#untilMs = Math.max(this.#untilMs, this.#clock.monotonicMs() + ms);
  }

  /** Resolves when it may be over, or by end(). */
  async wait(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#end = resolve;
    const cancel = this.#timers.after(this.#untilMs - this.#clock.monotonicMs(), resolve);
    await promise;
    cancel();
    this.#end = null;
  }

  end(): void {
    this.#untilMs = 0;
    this.#end?.();
  }
}
