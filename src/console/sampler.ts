/**
 * Sampler: looks at the metrics every few seconds and keeps what was. It only reads counters that are there: the rooms
 * that count know nothing of it, and what it costs does not depend on how many look at the console.
 */
import { LATENCY_BOUNDS_S } from "../metrics/histogram.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { ApiTraffic, DiskForecast, Sample } from "./api.ts";
import { forecast } from "./forecast.ts";
import { SampleHistory } from "./history.ts";
import { lookEvery, pause } from "./looks.ts";

export interface SamplerParts {
  readonly metrics: Metrics;
  readonly nowMs: () => number;
  /** Monotonic. */
  readonly monotonicMs: () => number;
  /** null where nobody can tell. */
  readonly freeBytes: () => number | null;
  readonly memory: () => { readonly rss: number; readonly heapUsed: number };
  readonly apiName: (apiKey: number) => string;
  /** Lets others have their turn. */
  readonly turn?: () => Promise<void>;
}

export interface TopicRate {
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** What was counted of an API, over its versions. */
interface ApiCounts {
  requests: number;
  bytesIn: number;
  bytesOut: number;
  readonly latency: Float64Array;
}

interface Counts {
  readonly atMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly recordsIn: number;
  readonly recordsOut: number;
  readonly errors: number;
  readonly eventLoop: Float64Array;
  readonly apis: ReadonlyMap<number, ApiCounts>;
  readonly topics: ReadonlyMap<string, TopicRate>;
}

const INTERVAL_MS = 5000;
/** Looks that traffic by API is taken over: a minute. */
const KEPT_LOOKS = 13;
const PARTITIONS_A_TURN = 500;
/** Fetch, JoinGroup, SyncGroup, ConsumerGroupHeartbeat: they wait for something to come. */
const WAITING_APIS: ReadonlySet<number> = new Set([1, 11, 14, 68]);
const PRODUCE = 0;

export class Sampler {
  readonly history = new SampleHistory();
  readonly #parts: SamplerParts;
  /** The last looks, oldest first. */
  readonly #looks: Counts[] = [];
  readonly #watchers = new Set<(sample: Sample) => void>();
  #now: Sample | null = null;

  constructor(parts: SamplerParts) {
    this.#parts = parts;
  }

  /** From now on it looks, until what is returned is disposed of; what fails once is tried again at the next look. */
  begin(onProblem: (error: unknown) => void): Disposable {
    return lookEvery(INTERVAL_MS, () => this.look(), onProblem);
  }

  /** The last sample; null before the second look. */
  get now(): Sample | null {
    return this.#now;
  }

  /** Calls for each sample from now on; what is returned ends that. */
  watch(watcher: (sample: Sample) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Of a topic that has counters of its own; null where it has none, or was not looked at twice. */
  rateOf(topic: string): TopicRate | null {
    const [before, now] = this.#looks.slice(-2);
    const then = before?.topics.get(topic), counted = now?.topics.get(topic);
    if (then === undefined || counted === undefined) return null;
    const seconds = (now.atMs - before.atMs) / 1000;
    return {
      bytesIn: rate(counted.bytesIn - then.bytesIn, seconds),
      bytesOut: rate(counted.bytesOut - then.bytesOut, seconds),
    };
  }

  /** Of the last minute, the most asked for first. */
  apis(): ApiTraffic[] {
    const before = this.#looks[0], now = this.#looks.at(-1);
    if (before === undefined || now === undefined || before === now) return [];
    const seconds = (now.atMs - before.atMs) / 1000, found: ApiTraffic[] = [];
    for (const [key, counts] of now.apis) {
      const then = before.apis.get(key), requests = counts.requests - (then?.requests ?? 0);
      if (requests === 0) continue;
      const latency = differenceOf(counts.latency, then?.latency);
      found.push({
        api: this.#parts.apiName(key),
        requests: rate(requests, seconds),
        bytesIn: rate(counts.bytesIn - (then?.bytesIn ?? 0), seconds),
        bytesOut: rate(counts.bytesOut - (then?.bytesOut ?? 0), seconds),
        p50Ms: quantileMs(latency, 0.5),
        p99Ms: quantileMs(latency, 0.99),
      });
    }
    return found.sort((a, b) => b.requests - a.requests);
  }

  /** When the disk is full at the rate of the last hour. */
  disk(storage: { readonly path: string; readonly minFreeBytes: number }): DiskForecast {
    const { atMs, series } = this.history.of("hour");
    return {
      path: storage.path,
      logBytes: this.#now?.logBytes ?? 0,
      freeBytes: this.#now?.freeBytes ?? null,
      minFreeBytes: storage.minFreeBytes,
      ...forecast(atMs, series.freeBytes, storage.minFreeBytes),
    };
  }

  /** One look; begin() does that. */
  async look(): Promise<void> {
    const logBytes = await this.#logBytes();
    const counts = this.#count(), before = this.#looks.at(-1);
    this.#looks.push(counts);
    if (this.#looks.length > KEPT_LOOKS) this.#looks.shift();
    if (before === undefined || counts.atMs <= before.atMs) return;
    const sample = this.#now = this.#sampleOf(before, counts, logBytes);
    this.history.push(sample);
    for (const watcher of this.#watchers) watcher(sample);
  }

  async #logBytes(): Promise<number> {
    const { metrics, turn = pause } = this.#parts;
    let bytes = 0, looked = 0;
    for (const { sizeBytes } of metrics.partitions()) {
      if (!Number.isNaN(sizeBytes)) bytes += sizeBytes;
      if (++looked % PARTITIONS_A_TURN === 0) await turn();
    }
    return bytes;
  }

  #count(): Counts {
    const { metrics, monotonicMs } = this.#parts;
    const sums = { bytesIn: 0, bytesOut: 0, recordsIn: 0, recordsOut: 0 };
    const topics = new Map<string, TopicRate>();
    for (const [name, topic] of metrics.topics()) {
      const { bytesIn, bytesOut } = topic;
      sums.bytesIn += bytesIn;
      sums.bytesOut += bytesOut;
      sums.recordsIn += topic.messagesIn;
      sums.recordsOut += topic.messagesOut;
      if (name !== OTHER) topics.set(name, { bytesIn, bytesOut });
    }
    const apis = new Map<number, ApiCounts>();
    for (const slot of metrics.requests.slots()) {
      let api = apis.get(slot.apiKey);
      if (api === undefined) {
        const latency = new Float64Array(slot.latency.counts.length);
        apis.set(slot.apiKey, api = { requests: 0, bytesIn: 0, bytesOut: 0, latency });
      }
      api.requests += slot.count;
      api.bytesIn += slot.requestBytes;
      api.bytesOut += slot.responseBytes;
      for (const [i, n] of slot.latency.counts.entries()) api.latency[i] += n;
    }
    let errors = 0;
    for (const n of metrics.produceErrors.values()) errors += n;
    const eventLoop = metrics.eventLoopDelay.counts.slice();
    return { atMs: monotonicMs(), ...sums, errors, eventLoop, apis, topics };
  }

  #sampleOf(before: Counts, now: Counts, logBytes: number): Sample {
    const { metrics, nowMs, freeBytes, memory } = this.#parts;
    const seconds = (now.atMs - before.atMs) / 1000;
    const prompt = new Float64Array(LATENCY_BOUNDS_S.length + 1);
    let requests = 0, produce: Float64Array | null = null;
    for (const [key, counts] of now.apis) {
      const then = before.apis.get(key);
      requests += counts.requests - (then?.requests ?? 0);
      const latency = differenceOf(counts.latency, then?.latency);
      if (key === PRODUCE) produce = latency;
      if (!WAITING_APIS.has(key)) { for (const [i, n] of latency.entries()) prompt[i] += n; }
    }
    const { rss, heapUsed } = memory();
    const per = (name: "bytesIn" | "bytesOut" | "recordsIn" | "recordsOut" | "errors") =>
      rate(now[name] - before[name], seconds);
    return {
      atMs: nowMs(),
      bytesIn: per("bytesIn"),
      bytesOut: per("bytesOut"),
      recordsIn: per("recordsIn"),
      recordsOut: per("recordsOut"),
      requests: rate(requests, seconds),
      errors: per("errors"),
      p50Ms: quantileMs(prompt, 0.5),
      p99Ms: quantileMs(prompt, 0.99),
      produceP99Ms: produce === null ? null : quantileMs(produce, 0.99),
      eventLoopP99Ms: quantileMs(differenceOf(now.eventLoop, before.eventLoop), 0.99),
      connections: metrics.connections.open,
      logBytes,
      freeBytes: freeBytes(),
      residentBytes: rss,
      heapUsedBytes: heapUsed,
    };
  }
}

const OTHER = "other";

/** Never less than nothing: a topic that was deleted takes its counters with it. */
function rate(count: number, seconds: number): number {
  return Math.max(0, Math.round(count / seconds * 1000) / 1000);
}

function differenceOf(now: Float64Array, before: Float64Array | undefined): Float64Array {
  return before === undefined ? now : now.map((n, i) => n - before[i]);
}

/** Within a bucket values are taken to be spread evenly; above all bounds it is the last bound. */
function quantileMs(counts: Float64Array, quantile: number): number | null {
  const total = counts.reduce((sum, n) => sum + n, 0);
  if (total === 0) return null;
  let left = total * quantile;
  for (const [i, n] of counts.entries()) {
    if (left > n || n === 0) {
      left -= n;
      continue;
    }
    const low = i === 0 ? 0 : LATENCY_BOUNDS_S[i - 1], high = LATENCY_BOUNDS_S[i] ?? low;
    return Math.round((low + (high - low) * left / n) * 1e6) / 1000;
  }
  return LATENCY_BOUNDS_S.at(-1)! * 1000;
}
