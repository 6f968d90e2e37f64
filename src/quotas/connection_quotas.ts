/**
 * ConnectionQuotas: how many connections there may be, and how many may come a second: of an address, of a listener and of
 * all (Kafka: ConnectionQuotas, KIP-612).
 *
 * Who comes too fast of all, or by a listener, waits until it is accepted. An address that comes too fast is not let in, and
 * is told so late that it does not come again at once.
 */
import { isIP } from "node:net";
import { throttleMs, WindowedRate, type Windows } from "./windowed_rate.ts";

export interface ConnectionLimit {
  /** At one time. */
  readonly most: number;
  /** A second. */
  readonly rate: number;
}

export interface ConnectionQuotasOptions {
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly windows: Windows;
  /** Of all. */
  readonly rate: number;
  /** Of one address. */
  readonly mostOfAddress: number;
  readonly overrides: ReadonlyMap<string, number>;
  /** By their names; one that is not here has no limit of its own. */
  readonly listeners: ReadonlyMap<string, ConnectionLimit>;
}

/** Why a connection is not let in, and after how long it is to be told so. */
export interface NotLetIn {
  readonly need: string;
  readonly afterMs: number;
}

export class ConnectionQuotas {
  readonly #options: ConnectionQuotasOptions;
  readonly #overrides: ReadonlyMap<string, number>;
  readonly #all: WindowedRate;
  readonly #byListener: ReadonlyMap<string, ListenerCount>;
  /** How many are open. */
  readonly #open = new Map<string, number>();
  /** Limits by address; null is the default. */
  readonly #limits = new Map<string | null, number>();
  readonly #rates = new Map<string, WindowedRate>();

  constructor(options: ConnectionQuotasOptions) {
    const { windows, listeners, overrides } = options;
    this.#options = options;
    this.#overrides = new Map([...overrides].map(([name, most]) => [plainAddress(name), most]));
    this.#all = new WindowedRate(windows);
    this.#byListener = new Map(
      [...listeners].map((
        [name, limit],
      ) => [name, { limit, rate: new WindowedRate(windows), open: 0 }]),
    );
  }

  /** How many a second may come from an address, or by default (null); a null rate takes that back. */
  setRate(address: string | null, rate: number | null): void {
    const key = address === null ? null : plainAddress(address);
    if (rate === null) this.#limits.delete(key);
    else this.#limits.set(key, rate);
  }

  /** How long one that has come by a listener is to wait; it counts as having come. */
  delayMs(listener: string): number {
    const nowMs = this.#options.nowMs(), one = this.#byListener.get(listener);
    const all = this.#came(this.#all, this.#options.rate, nowMs);
    return one === undefined ? all : Math.max(all, this.#came(one.rate, one.limit.rate, nowMs));
  }

  /** Lets one in, which is to leave() then, or says why not. */
  enter(peer: string, listener: string): NotLetIn | null {
    const address = plainAddress(peer), one = this.#byListener.get(listener);
    if (one !== undefined && one.open >= one.limit.most) {
      return {
        need: `max_connections of the listener ${listener} is ${one.limit.most}`,
        afterMs: 0,
      };
    }
    const tooFast = this.#tooFast(address, one);
    if (tooFast !== null) return tooFast;
    const most = this.#overrides.get(address) ?? this.#options.mostOfAddress;
    const open = this.#open.get(address) ?? 0;
    if (open >= most) {
      return { need: `quotas.max_connections_per_ip of ${address} is ${most}`, afterMs: 0 };
    }
    this.#open.set(address, open + 1);
    if (one !== undefined) one.open++;
    return null;
  }

  leave(peer: string, listener: string): void {
    const address = plainAddress(peer), left = this.#open.get(address)! - 1;
    if (left > 0) this.#open.set(address, left);
    else this.#open.delete(address);
    const one = this.#byListener.get(listener);
    if (one !== undefined) one.open--;
  }

  #tooFast(address: string, one: ListenerCount | undefined): NotLetIn | null {
    const limit = this.#limits.get(address) ?? this.#limits.get(null);
    if (limit === undefined) return null;
    const nowMs = this.#options.nowMs(), rate = this.#rateOf(address, nowMs);
    const afterMs = this.#came(rate, limit, nowMs);
    if (afterMs === 0) return null;
    for (const each of [rate, this.#all, one?.rate]) each?.record(-1, nowMs); // it did not come
    return { need: `connection_creation_rate of ${address} is ${limit}`, afterMs };
  }

  #came(rate: WindowedRate, limit: number, nowMs: number): number {
    rate.record(1, nowMs);
    return Math.min(throttleMs(rate, limit, nowMs), this.#options.windows.windowMs);
  }

  #rateOf(address: string, nowMs: number): WindowedRate {
    const known = this.#rates.get(address);
    if (known !== undefined) return known;
    if (this.#rates.size >= MAX_RATES) this.#forget(nowMs);
    const rate = new WindowedRate(this.#options.windows);
    this.#rates.set(address, rate);
    return rate;
  }

  /** What is out of all windows, or else who came first. */
  #forget(nowMs: number): void {
    const { samples, windowMs } = this.#options.windows, before = nowMs - samples * windowMs;
    for (const [address, { lastMs }] of this.#rates) {
      if (lastMs <= before) this.#rates.delete(address);
    }
    if (this.#rates.size < MAX_RATES) return;
    this.#rates.delete(this.#rates.keys().next().value!);
  }
}

interface ListenerCount {
  readonly limit: ConnectionLimit;
  readonly rate: WindowedRate;
  open: number;
}

const MAX_RATES = 10_000;

/** The same text for the same address, however it is written: "127.1", "localhost", "::ffff:127.0.0.1". */
export function plainAddress(text: string): string {
  if (/^localhost$/i.test(text)) return "127.0.0.1";
  const bare = text.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(bare)?.[1] ?? bare;
  if (isIP(mapped) === 4) return mapped;
  if (isIP(mapped) === 6) return new URL(`http://[${mapped}]`).hostname.slice(1, -1);
  // Fewer than four numbers: the last one fills what is left.
  const parts = mapped.split("."), last = Number(parts.pop());
  if (!/^\d+(\.\d+){0,2}$/.test(mapped)) return mapped;
  const bytes = parts.map(Number);
  for (let i = 3 - bytes.length; i >= 0; i--) bytes.push(Math.floor(last / 256 ** i) % 256);
  return bytes.join(".");
}
