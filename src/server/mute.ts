/**
 * Mute: the time for which a connection is not read, as its client has had more than a quota allows. The system holds what
 * the client sends on, and then the client itself is held up.
 */
import type { Clock } from "../clock.ts";

export class Mute {
  readonly #clock: Clock;
  #untilMs = 0;
  #end: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isOn(): boolean {
    return this.#clock.monotonicMs() < this.#untilMs;
  }

  lengthen(ms: number): void {
    this.#untilMs = Math.max(this.#untilMs, this.#clock.monotonicMs() + ms);
  }

  /** Resolves when it may be over, or by end(). */
  async wait(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#end = resolve;
      timer = setTimeout(
        resolve,
        Math.min(this.#untilMs - this.#clock.monotonicMs(), MAX_TIMER_MS),
      );
    });
    clearTimeout(timer);
    this.#end = null;
  }

  end(): void {
    this.#untilMs = 0;
    this.#end?.();
  }
}

const MAX_TIMER_MS = 2 ** 31 - 1;
