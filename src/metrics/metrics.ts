/**
 * Metrics: what the rooms count while they work.
 *
 * Recording is adding to plain numbers, so it costs nothing worth saving; names, labels and text come to be only when
 * /metrics is asked (registry.ts). Latencies are recorded in milliseconds and shown in seconds, Prometheus' base unit.
 */
import type { BackgroundWork } from "./background.ts";
import type { GroupGauges } from "./group_definitions.ts";
import { ClientMetrics } from "./client_metrics.ts";
import { Histogram, LATENCY_BOUNDS_S } from "./histogram.ts";
import type { QuotaGauges } from "./quota_definitions.ts";
import { Refusals } from "./refusals.ts";

export interface MetricsSettings {
  /** Topics with counters of their own; the rest share one. */
  readonly maxTopics: number;
  /** Partitions shown; the rest are left out. */
  readonly maxPartitions: number;
  /** Groups shown, and partitions whose lag is shown, over all groups; the rest are left out. */
  readonly maxGroups: number;
  readonly maxGroupPartitions: number;
  /** Metrics that clients push; the rest are left out. */
  readonly maxClientSeries: number;
}

const DEFAULTS: MetricsSettings = {
  maxTopics: 500,
  maxPartitions: 2000,
  maxGroups: 500,
  maxGroupPartitions: 2000,
  maxClientSeries: 2000,
};

export class Metrics {
  readonly settings: MetricsSettings;
  readonly requests = new RequestMetrics();
  readonly connections = {
    open: 0,
    accepted: 0,
    refused: 0,
    /** By the reason; the listener knows which there are. */
    closed: new Map<string, number>(),
  };
  readonly fsync = new Histogram(LATENCY_BOUNDS_S);
  readonly eventLoopDelay = new Histogram(LATENCY_BOUNDS_S);
  /** Produce errors by Kafka's error code. */
  readonly produceErrors = new Map<number, number>();
  /** What was refused lately, and to whom. */
  readonly refusals = new Refusals();
  /** What clients push of their own metrics (KIP-714). */
  readonly clients: ClientMetrics;
  /** Every partition's offsets and size, asked at each scrape; the broker sets it. */
  partitions: () => Iterable<PartitionGauges> = () => [];
  /** Every group, asked at each scrape; the broker sets it. */
  groups: () => Iterable<GroupGauges> = () => [];
  /** Transactional ids by state, asked at each scrape; the broker sets it. */
  transactions: () => Iterable<readonly [state: string, count: number]> = () => [];
  /** What is counted under quotas, asked at each scrape; the broker sets it. */
  quotas: () => readonly QuotaGauges[] = () => [];
  /** What works in the background; the broker sets it. */
  background: readonly BackgroundWork[] = [];
  /** Single values that a room already keeps, asked at each scrape. */
  readonly gauges: Gauge[] = [];
  /** Histograms that a room keeps itself. */
  readonly histograms: KeptHistogram[] = [];

  readonly #topics = new Map<string, TopicMetrics>();
  readonly #other = new TopicMetrics();

  constructor(settings: Partial<MetricsSettings> = {}) {
    this.settings = { ...DEFAULTS, ...settings };
    this.clients = new ClientMetrics(this.settings.maxClientSeries);
  }

  /** A topic's counters, to keep and add to; the shared ones once there are too many topics. */
  topic(name: string): TopicMetrics {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      // A topic that is called "other" shares too: no series may appear twice.
      if (name === OTHER || this.#topics.size >= this.settings.maxTopics) return this.#other;
      this.#topics.set(name, topic = new TopicMetrics());
    }
    return topic;
  }

  /** Ends a deleted topic's counters and makes room for another's. */
  forgetTopic(name: string): void {
    this.#topics.delete(name);
  }

  /** Every topic that has counters, and "other" for those that share. */
  *topics(): Iterable<[name: string, TopicMetrics]> {
    yield* this.#topics;
    yield [OTHER, this.#other];
  }

  observeFsync(latencyMs: number): void {
    this.fsync.observe(latencyMs / 1000);
  }

  produceError(errorCode: number): void {
    this.produceErrors.set(errorCode, (this.produceErrors.get(errorCode) ?? 0) + 1);
  }

  /** Adds a gauge (or a counter, by a name ending in `_total`) read at each scrape. */
  gauge(name: string, help: string, read: () => number): void {
    this.gauges.push({ name, help, read });
  }

  /** Adds a histogram that a room fills, in base units. */
  histogram(name: string, help: string, histogram: Histogram): void {
    this.histograms.push({ name, help, histogram });
  }

  /** Samples how late timers fire; returns what ends it. */
  watchEventLoop(intervalMs = 250): () => void {
    let dueMs = performance.now() + intervalMs;
    const timer = setInterval(() => {
      const nowMs = performance.now();
      this.eventLoopDelay.observe(Math.max(0, nowMs - dueMs) / 1000);
      dueMs = nowMs + intervalMs;
    }, intervalMs);
    return () => clearInterval(timer);
  }
}

const OTHER = "other";

export class TopicMetrics {
  bytesIn = 0;
  bytesOut = 0;
  messagesIn = 0;
  messagesOut = 0;
}

export interface PartitionGauges {
  readonly topic: string;
  readonly partition: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly highWatermark: number;
  readonly sizeBytes: number;
}

export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly read: () => number;
}

export interface KeptHistogram {
  readonly name: string;
  readonly help: string;
  readonly histogram: Histogram;
}

/** One API and version. */
export class RequestSlot {
  count = 0;
  requestBytes = 0;
  responseBytes = 0;
  readonly latency = new Histogram(LATENCY_BOUNDS_S);
  constructor(readonly apiKey: number, readonly version: number) {}
}

/** Requests by API and version, in a flat array: keys 0 to 127, versions 0 to 31. */
class RequestMetrics {
  readonly #slots: (RequestSlot | undefined)[] = new Array(128 * 32);

  observe(
    apiKey: number,
    version: number,
    requestBytes: number,
    responseBytes: number,
    latencyMs: number,
  ): void {
    const slot = this.#slots[apiKey * 32 + version] ?? this.#open(apiKey, version);
    if (slot === null) return;
    slot.count++;
    slot.requestBytes += requestBytes;
    slot.responseBytes += responseBytes;
    slot.latency.observe(latencyMs / 1000);
  }

  *slots(): Iterable<RequestSlot> {
    for (const slot of this.#slots) if (slot !== undefined) yield slot;
  }

  #open(apiKey: number, version: number): RequestSlot | null {
    if (!(apiKey >= 0 && apiKey < 128 && version >= 0 && version < 32)) return null; // A client's unsupported version is no label.
    return this.#slots[apiKey * 32 + version] = new RequestSlot(apiKey, version);
  }
}
