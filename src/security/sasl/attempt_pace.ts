/**
 * AttemptPace: how fast an address may fail to log in. Each failure costs it a share of a second, and ten seconds' worth is
 * for free. What is under way counts as if it had failed until it has not: many attempts at once are no more guesses than
 * one after the other. Those beyond wait, first come, first served; where that takes longer than clients wait they are not
 * looked at.
 *
 * An address of IPv6 is its network of 64 bits, as whoever has one has them all.
 *
 * Who is in and proves itself again is looked at apart, as its user at its address: what others there get wrong is not its
 * fault, and nobody guesses faster over connections that it opened before.
 */
import { networkOf } from "../network.ts";

/** Whose attempt it is. */
export interface Attempt {
  /** The address. */
  readonly peer: string;
  /** Who is in; null: nobody yet. */
  readonly principal?: string | null;
}

export interface AttemptPaceOptions {
  readonly failuresPerSecond: number;
  /** Past this a wait is none. */
  readonly maxWaitMs: number;
  readonly monotonicMs: () => number;
  /** Calls back after so long, unless what it gives is called. */
  readonly after: (ms: number, work: () => void) => () => void;
}

/** Failures that are for free, in time. */
const BURST_MS = 10_000;
/** No address is held up longer than this after its last failure. */
const MAX_DEBT_MS = 60_000;
const MAX_ADDRESSES = 10_000;

/** An address with attempts under way, or waiting for that. */
interface Busy {
  underWay: number;
  /** The oldest first. */
  readonly waiting: { readonly untilMs: number; readonly resolve: (mayEnter: boolean) => void }[];
  cancelLook: () => void;
}

export class AttemptPace {
  readonly #options: AttemptPaceOptions;
  /** When an address has paid for its failures; the one that failed last is the last. */
  readonly #paidAtMs = new Map<string, number>();
  readonly #busy = new Map<string, Busy>();

  constructor(options: AttemptPaceOptions) {
    this.#options = options;
  }

  /** Whether an attempt may be looked at, as soon as that is known. One that may leaves again. */
  enter(attempt: Attempt): Promise<boolean> {
    const address = keyOf(attempt), { maxWaitMs, monotonicMs } = this.#options;
    if (this.#debtMs(address) - BURST_MS > maxWaitMs) return Promise.resolve(false);
    let busy = this.#busy.get(address);
    if (busy === undefined) {
      busy = { underWay: 0, waiting: [], cancelLook: () => {} };
      this.#busy.set(address, busy);
    }
    const { waiting } = busy;
    return new Promise((resolve) => {
      waiting.push({ untilMs: monotonicMs() + maxWaitMs, resolve });
      this.#look(address, busy);
    });
  }

  leave(attempt: Attempt, { isFailure }: { readonly isFailure: boolean }): void {
    const address = keyOf(attempt), busy = this.#busy.get(address)!;
    busy.underWay--;
    if (isFailure) this.failed(attempt);
    this.#look(address, busy);
  }

  /** Of who is in, its address pays as well. */
  failed(attempt: Attempt): void {
    this.#pay(keyOf(attempt));
    if (attempt.principal != null) this.#pay(networkOf(attempt.peer));
  }

  #pay(address: string): void {
    const nowMs = this.#options.monotonicMs();
    const paidAtMs = Math.max(nowMs, this.#paidAtMs.get(address) ?? 0) + this.#costMs;
    this.#paidAtMs.delete(address);
    this.#paidAtMs.set(address, Math.min(paidAtMs, nowMs + BURST_MS + MAX_DEBT_MS));
    if (this.#paidAtMs.size <= MAX_ADDRESSES) return;
    const [oldest] = this.#paidAtMs.keys();
    this.#paidAtMs.delete(oldest);
  }

  get #costMs(): number {
    return 1000 / this.#options.failuresPerSecond;
  }

  /** What it has to wait until all is paid; negative when that was long ago. */
  #debtMs(address: string): number {
    return (this.#paidAtMs.get(address) ?? -Infinity) - this.#options.monotonicMs();
  }

  /** How long until one more may enter, if none leaves before. */
  #waitMs(address: string, { underWay }: Busy): number {
    return Math.max(0, this.#debtMs(address)) + underWay * this.#costMs - BURST_MS;
  }

  /** Lets in who may enter, sends away who has waited in vain, and comes back for the others. */
  #look(address: string, busy: Busy): void {
    const { waiting } = busy, { monotonicMs, after } = this.#options;
    busy.cancelLook();
    while (waiting.length > 0 && this.#waitMs(address, busy) <= 0) {
      busy.underWay++;
      waiting.shift()!.resolve(true);
    }
    while (waiting.length > 0 && waiting[0].untilMs <= monotonicMs()) {
      waiting.shift()!.resolve(false);
    }
    if (waiting.length > 0) {
      const againMs = Math.min(waiting[0].untilMs - monotonicMs(), this.#waitMs(address, busy));
      busy.cancelLook = after(Math.max(1, againMs), () => this.#look(address, busy));
    } else if (busy.underWay === 0) this.#busy.delete(address);
  }
}

function keyOf({ peer, principal = null }: Attempt): string {
  const address = networkOf(peer);
  return principal === null ? address : `${address} ${principal}`;
}
