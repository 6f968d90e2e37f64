/**
 * TokenBucket: what may be done at once is saved up, to the rate times all windows; what is done may overdraw it once, and
 * then nothing is allowed until it is paid back (KIP-599, Kafka: TokenBucket).
 */
import { wholeMs, WINDOWS, type Windows } from "./windowed_rate.ts";

export class TokenBucket {
  /** When something was taken last. */
  lastMs = -Infinity;
  readonly #windows: Windows;
  /** Null before the first use: it is full then. */
  #tokens: number | null = null;
  #updatedMs = 0;

  constructor(windows: Windows = WINDOWS) {
    this.#windows = windows;
  }

  /** Takes `value` whatever is left. */
  take(value: number, ratePerSecond: number, nowMs: number): void {
    this.#tokens = this.left(ratePerSecond, nowMs) - value;
    this.lastMs = nowMs;
  }

  /** Below zero where more was taken than was there. */
  left(ratePerSecond: number, nowMs: number): number {
    const { samples, windowMs } = this.#windows;
    const most = samples * windowMs / 1000 * ratePerSecond;
    const earned = ratePerSecond * (nowMs - this.#updatedMs) / 1000;
    this.#updatedMs = nowMs;
    return this.#tokens = this.#tokens === null ? most : Math.min(most, this.#tokens + earned);
  }

  /** Until it is paid back: 0 where it is not overdrawn. */
  waitMs(ratePerSecond: number, nowMs: number): number {
    const left = this.left(ratePerSecond, nowMs);
    return left >= 0 ? 0 : wholeMs(-left / ratePerSecond * 1000);
  }
}
