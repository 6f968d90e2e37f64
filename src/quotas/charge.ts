/**
 * Charge: one request, charged to the counts of its client. What a quota has too much of is waited for: the answer says how
 * long, and leaves at once; then nothing is read from the connection for that time (KIP-219).
 */
import type { ClientCounts, ClientQuotas, Count } from "./client_quotas.ts";
import type { RequestQuota } from "./request_quota.ts";
import type { TokenBucket } from "./token_bucket.ts";
import { throttleMs, type WindowedRate } from "./windowed_rate.ts";

export class Charge implements RequestQuota {
  readonly #quotas: ClientQuotas;
  readonly #counts: ClientCounts;
  /** When the event loop took up the request, or took it up again; of performance.now(). */
  #resumedMs: number;
  #workedMs = 0;
  #isSettled = false;
  #throttleMs = 0;

  constructor(quotas: ClientQuotas, counts: ClientCounts, startedMs: number) {
    this.#quotas = quotas;
    this.#counts = counts;
    this.#resumedMs = startedMs;
  }

  /** Whether what the client produces is counted. */
  get bindsProduce(): boolean {
    return this.#counts.produce !== null;
  }

  get maxFetchBytes(): number {
    const { fetch } = this.#counts, { samples, windowMs } = this.#quotas.windows;
    return fetch === null ? Infinity : Math.floor(fetch.limit * (samples - 1) * windowMs / 1000);
  }

  /**
   * A Produce of so many bytes has come; how long the client has to wait. Kafka counts it when it is answered; so early it
   * is known before the next one is read.
   */
  produced(bytes: number): number {
    const { produce } = this.#counts;
    return produce === null ? 0 : this.#record(produce, bytes);
  }

  fetched(bytes: number): number {
    const { fetch } = this.#counts;
    const isTooLarge = fetch !== null && bytes > this.maxFetchBytes && this.#isWithin(fetch);
    const ms = fetch === null ? 0 : this.#record(fetch, bytes);
    this.#recordRequest(performance.now());
    if (isTooLarge) return 0;
    if (this.#throttleMs > 0 && fetch !== null) {
      (fetch.meter as WindowedRate).record(-bytes, this.#quotas.nowMs());
    }
    return Math.max(ms, this.#throttleMs);
  }

  mayChange(partitions: number, isLenient: boolean): boolean {
    const { changes } = this.#counts;
    if (changes === null) return true;
    const meter = changes.meter as TokenBucket, nowMs = this.#quotas.nowMs();
    const isOverdrawn = meter.left(changes.limit, nowMs) < 0;
    if (!isOverdrawn || isLenient) meter.take(partitions, changes.limit, nowMs);
    if (isOverdrawn || isLenient) this.#wait(changes, meter.waitMs(changes.limit, nowMs));
    return !isOverdrawn || isLenient;
  }

  /** The handler waits for something, which costs nobody anything. */
  pause(): void {
    this.#workedMs += performance.now() - this.#resumedMs;
    this.#resumedMs = NaN;
  }

  /** The answer is there: how long the client has to wait. */
  settle({ isAnswered = true }: { readonly isAnswered?: boolean } = {}): number {
    const nowMs = performance.now();
    if (isAnswered) this.#recordRequest(nowMs);
    this.#resumedMs = nowMs;
    return this.#throttleMs;
  }

  /** The answer is written, for which the next one waits. */
  encoded(): void {
    const { request } = this.#counts, workedMs = performance.now() - this.#resumedMs;
    if (request === null) return;
    (request.meter as WindowedRate).record(percentOf(workedMs), this.#quotas.nowMs());
  }

  #recordRequest(nowMs: number): void {
    const { request } = this.#counts;
    if (request === null || this.#isSettled) return;
    this.#isSettled = true;
    const sinceMs = nowMs - this.#resumedMs;
    const workedMs = this.#workedMs + (sinceMs > 0 ? sinceMs : 0);
    const { windowMs } = this.#quotas.windows;
    this.#record(request, percentOf(workedMs), windowMs);
  }

  #isWithin({ meter, limit }: Count): boolean {
    return (meter as WindowedRate).measure(this.#quotas.nowMs()) <= limit;
  }

  /** `mostMs`: longer it is not waited. */
  #record(count: Count, value: number, mostMs = Infinity): number {
    const nowMs = this.#quotas.nowMs(), rate = count.meter as WindowedRate;
    rate.record(value, nowMs);
    const ms = Math.min(throttleMs(rate, count.limit, nowMs), mostMs);
    this.#wait(count, ms);
    return ms;
  }

  #wait(count: Count, ms: number): void {
    if (ms <= 0) return;
    count.throttledMs += ms;
    this.#throttleMs = Math.max(this.#throttleMs, ms);
  }
}

/** Of one second of the event loop. */
function percentOf(workedMs: number): number {
  return workedMs / 10;
}
