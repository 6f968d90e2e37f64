/**
 * ClientQuotas: what is counted of every client that a quota binds, and the quotas that bind it.
 *
 * A count belongs to whom its quota names: all connections of one user share the user's. What the quotas of a client come to
 * is found once and kept until one is changed; the counts stay then. There is a limit to how many are counted, as a client may
 * call itself something else each time: those that have been silent longest are forgotten first, most of them with nothing
 * left in their windows.
 */
import { Charge } from "./charge.ts";
import {
  type ClientLimit,
  type Counted,
  type Limit,
  Limits,
  QUOTA_KINDS,
  type QuotaKind,
} from "./limits.ts";
import { TokenBucket } from "./token_bucket.ts";
import { WindowedRate, WINDOWS, type Windows } from "./windowed_rate.ts";

/** What is counted under one quota. */
export interface Count {
  readonly kind: QuotaKind;
  readonly of: Counted;
  /** Per second: bytes, percent of the event loop's time, partitions. */
  limit: number;
  readonly meter: WindowedRate | TokenBucket;
  /** What clients were told to wait, together. */
  throttledMs: number;
}

/** The counts of one client; null where nothing binds it. */
export interface ClientCounts {
  readonly produce: Count | null;
  readonly fetch: Count | null;
  readonly request: Count | null;
  readonly changes: Count | null;
}

export interface ClientQuotasOptions {
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly windows?: Windows;
  readonly changeWindows?: Windows;
  readonly maxCounts?: number;
}

export class ClientQuotas {
  readonly windows: Windows;
  readonly nowMs: () => number;
  readonly #changeWindows: Windows;
  readonly #maxCounts: number;
  readonly #limits = new Limits();
  readonly #counts = new Map<string, Count>();
  /** By user and client id; null for a client that nothing binds. */
  readonly #found = new Map<string, ClientCounts | null>();

  constructor({ nowMs, windows, changeWindows, maxCounts }: ClientQuotasOptions) {
    this.nowMs = nowMs;
    this.windows = windows ?? WINDOWS;
    this.#changeWindows = changeWindows ?? WINDOWS;
    this.#maxCounts = maxCounts ?? MAX_COUNTS;
  }

  /** Whether no quota is set: so it is for most brokers, and requests are asked nothing more then. */
  get isEmpty(): boolean {
    return this.#limits.isEmpty;
  }

  /** Sets a quota, or removes it with null. In force with the next request of whom it binds. */
  set(limit: Omit<ClientLimit, "value"> & { readonly value: number | null }): void {
    const { value } = limit;
    if (value === null) this.#limits.delete(limit);
    else this.#limits.set({ ...limit, value });
    this.#found.clear();
  }

  /** What a request of a client is charged to; null where no quota binds it. `startedMs` of performance.now(). */
  chargeFor(principal: string, clientId: string | null, startedMs: number): Charge | null {
    const counts = this.#countsOf(userOf(principal), clientId ?? "");
    return counts === null ? null : new Charge(this, counts, startedMs);
  }

  /** What was counted within the last hour under the quotas that are set, the latest first. */
  counts(): Count[] {
    const sinceMs = this.nowMs() - IDLE_MS, shown: Count[] = [];
    for (const count of this.#counts.values()) {
      if (count.meter.lastMs < sinceMs) continue;
      const { kind, of } = count, limit = this.#limits.find(kind, of.user ?? "", of.clientId ?? "");
      if (limit === null || keyOf(kind, limit.of) !== keyOf(kind, of)) continue;
      count.limit = limit.value;
      shown.push(count);
    }
    return shown.sort((a, b) => b.meter.lastMs - a.meter.lastMs);
  }

  #countsOf(user: string, clientId: string): ClientCounts | null {
    const id = clientId.slice(0, MAX_ID), key = `${user}\0${id}`;
    const found = this.#found.get(key);
    if (found !== undefined && id === clientId) return found;
    const limits = QUOTA_KINDS.map((kind) => this.#limits.find(kind, user, clientId));
    if (this.#counts.size > this.#maxCounts) this.#forget();
    if (this.#found.size >= this.#maxCounts) this.#found.clear();
    const [produce, fetch, request, changes] = limits.map((limit, i) =>
      limit === null ? null : this.#count(QUOTA_KINDS[i], limit)
    );
    const counts = limits.every((limit) => limit === null)
      ? null
      : { produce, fetch, request, changes };
    if (id === clientId) this.#found.set(key, counts);
    return counts;
  }

  #count(kind: QuotaKind, { of: { user, clientId }, value }: Limit): Count {
    const of = { user, clientId: clientId?.slice(0, MAX_ID) ?? null };
    const key = keyOf(kind, of), known = this.#counts.get(key);
    if (known !== undefined) {
      known.limit = value;
      return known;
    }
    const meter = kind === "controller_mutation_rate"
      ? new TokenBucket(this.#changeWindows)
      : new WindowedRate(this.windows);
    const count = { kind, of, limit: value, meter, throttledMs: 0 };
    this.#counts.set(key, count);
    return count;
  }

  /** Makes room for half of what there may be. */
  #forget(): void {
    this.#found.clear();
    const bySilence = [...this.#counts].sort(([, a], [, b]) => a.meter.lastMs - b.meter.lastMs);
    for (const [key] of bySilence.slice(0, this.#maxCounts / 2)) this.#counts.delete(key);
  }
}

/** Counts in memory, a kilobyte each at most. */
const MAX_COUNTS = 10_000;
/** Longer client ids that begin alike are counted together. */
const MAX_ID = 256;
/** Kafka forgets its sensors after so long. */
const IDLE_MS = 3_600_000;

/** The name of a principal, whatever its type: "User:alice" is alice. */
function userOf(principal: string): string {
  return principal.slice(principal.indexOf(":") + 1);
}

function keyOf(kind: QuotaKind, { user, clientId }: Counted): string {
  return JSON.stringify([kind, user, clientId]);
}
