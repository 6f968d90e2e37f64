/**
 * AttemptPace: how fast an address may fail to log in. Each failure costs it a share of a second; past ten seconds' worth
 * its next attempts wait, and those that would wait longer than a client does are not looked at.
 */
export interface AttemptPaceOptions {
  readonly failuresPerSecond: number;
  /** Past this a wait is none. */
  readonly maxWaitMs: number;
  readonly monotonicMs: () => number;
}

/** Failures that are for free, in time. */
const BURST_MS = 10_000;
/** No address is held up longer than this after its last failure. */
const MAX_DEBT_MS = 60_000;
const MAX_ADDRESSES = 10_000;

export class AttemptPace {
  readonly #options: AttemptPaceOptions;
  /** When an address has paid for its failures; the one that failed last is the last. */
  readonly #paidAtMs = new Map<string, number>();

  constructor(options: AttemptPaceOptions) {
    this.#options = options;
  }

  /** How long an attempt has to wait; null when it is not to be looked at. */
  waitMs(address: string): number | null {
    const debtMs = (this.#paidAtMs.get(address) ?? -Infinity) - this.#options.monotonicMs();
    const waitMs = Math.max(0, debtMs - BURST_MS);
    return waitMs <= this.#options.maxWaitMs ? waitMs : null;
  }

  failed(address: string): void {
    const nowMs = this.#options.monotonicMs(), costMs = 1000 / this.#options.failuresPerSecond;
    const paidAtMs = Math.max(nowMs, this.#paidAtMs.get(address) ?? 0) + costMs;
    this.#paidAtMs.delete(address);
    this.#paidAtMs.set(address, Math.min(paidAtMs, nowMs + BURST_MS + MAX_DEBT_MS));
    if (this.#paidAtMs.size <= MAX_ADDRESSES) return;
    const [oldest] = this.#paidAtMs.keys();
    this.#paidAtMs.delete(oldest);
  }
}
