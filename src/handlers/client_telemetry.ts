/**
 * ClientTelemetry: which client is to push which metrics, and how often (KIP-714; Kafka: ClientMetricsManager).
 *
 * The subscriptions are the configs of client-metrics resources. Those that match a client are added up: all their
 * metrics, the shortest interval. A client is known by the instance id it was given; the number of instances is
 * limited, the one unheard of for longest is forgotten first.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { crc32c } from "../bytes/crc32c.ts";
import type { Clock } from "../clock.ts";
import { type ClientFacts, type ClientMatch, parseClientMatch } from "../config/client_match.ts";
import { clientMetricsConfigs } from "../config/client_metrics_configs.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { ConfigResource } from "../topics/catalogue.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import type { RequestContext } from "./handler.ts";

export interface ClientTelemetryOptions {
  readonly metadata: MetadataStore;
  readonly clock: Clock;
  readonly maxInstances: number;
  /** Told of a client that is gone: silent for too long, or pushed out by others. */
  readonly onGone: (instanceId: Uuid) => void;
}

/** What a client is to push. */
export interface Subscription {
  /** Another one when anything of it changes. */
  readonly id: number;
  readonly intervalMs: number;
  /** Prefixes of names; "*" alone for all, none for nothing. */
  readonly metrics: readonly string[];
}

interface Instance {
  subscription: Subscription;
  /** The version of the metadata that the subscription was made from. */
  version: number;
  lastGetMs: number;
  lastPushMs: number;
  lastError: number;
  isTerminating: boolean;
}

interface ConfiguredSubscription {
  readonly matches: ClientMatch;
  readonly intervalMs: number;
  readonly metrics: readonly string[];
}

const DEFAULT_INTERVAL_MS = Number(clientMetricsConfigs["interval.ms"].default);
/** A client that missed so many pushes is gone, but not before the next scrape can see what it said last. */
const SILENT_INTERVALS = 3, MIN_SILENT_MS = 60_000;
const NEVER = -Infinity;

export class ClientTelemetry {
  readonly #options: ClientTelemetryOptions;
  /** In the order they were heard of. */
  readonly #instances = new Map<Uuid, Instance>();
  #configured: readonly ConfiguredSubscription[] = [];
  #version = -1;

  constructor(options: ClientTelemetryOptions) {
    this.#options = options;
  }

  /** Whether anything is asked of any client. */
  get isWanted(): boolean {
    return this.#subscriptions().some(({ metrics }) => metrics.length > 0);
  }

  /** What the client is to push, or the code it is refused with: it may not ask twice in an interval without need. */
  subscribe(id: Uuid, context: RequestContext): Subscription | number {
    const instance = this.#instance(id, context), nowMs = this.#options.clock.monotonicMs();
    const sinceMs = nowMs - Math.max(instance.lastGetMs, instance.lastPushMs);
    const mayAsk = sinceMs >= instance.subscription.intervalMs ||
      instance.lastError === ErrorCode.UNKNOWN_SUBSCRIPTION_ID ||
      instance.lastError === ErrorCode.UNSUPPORTED_COMPRESSION_TYPE;
    if (!mayAsk) return ErrorCode.THROTTLING_QUOTA_EXCEEDED;
    instance.lastGetMs = nowMs;
    instance.lastError = ErrorCode.NONE;
    return instance.subscription;
  }

  /** Whether a push may come now: 0, or the code it is refused with. The first one after asking may come at once. */
  admit(
    id: Uuid,
    context: RequestContext,
    push: { readonly subscriptionId: number; readonly isTerminating: boolean },
  ): number {
    const instance = this.#instance(id, context), nowMs = this.#options.clock.monotonicMs();
    if (instance.isTerminating) return ErrorCode.INVALID_REQUEST;
    const isDue = instance.lastGetMs > instance.lastPushMs ||
      nowMs - instance.lastPushMs >= instance.subscription.intervalMs;
    if (!isDue && !push.isTerminating) return ErrorCode.THROTTLING_QUOTA_EXCEEDED;
    instance.lastPushMs = nowMs;
    instance.isTerminating = push.isTerminating;
    return push.subscriptionId === instance.subscription.id
      ? ErrorCode.NONE
      : ErrorCode.UNKNOWN_SUBSCRIPTION_ID;
  }

  /** Notes what the last push was answered; after some errors the client may ask again at once. */
  answered(id: Uuid, errorCode: number): void {
    const instance = this.#instances.get(id);
    if (instance !== undefined) instance.lastError = errorCode;
  }

  /** Forgets who is silent: because it said goodbye, or without. */
  forgetGone(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [id, instance] of this.#instances) {
      const silentMs = nowMs - Math.max(instance.lastGetMs, instance.lastPushMs);
      const allowedMs = SILENT_INTERVALS * instance.subscription.intervalMs;
      if (silentMs > Math.max(allowedMs, MIN_SILENT_MS)) this.#forget(id);
    }
  }

  /** The instance, now the last heard of, with the subscription that is in force. */
  #instance(id: Uuid, context: RequestContext): Instance {
    const { metadata, maxInstances } = this.#options;
    let instance = this.#instances.get(id);
    if (instance === undefined) {
      if (this.#instances.size >= maxInstances) {
        for (const oldest of this.#instances.keys()) {
          this.#forget(oldest);
          break;
        }
      }
      const unheard = { lastGetMs: NEVER, lastPushMs: NEVER, isTerminating: false };
      const { version } = metadata;
      const subscription = this.#subscriptionOf(id, context);
      instance = { ...unheard, version, subscription, lastError: ErrorCode.NONE };
    } else {
      this.#instances.delete(id);
      if (instance.version !== metadata.version) {
        instance.version = metadata.version;
        instance.subscription = this.#subscriptionOf(id, context);
      }
    }
    this.#instances.set(id, instance);
    return instance;
  }

  #forget(id: Uuid): void {
    this.#instances.delete(id);
    this.#options.onGone(id);
  }

  #subscriptionOf(id: Uuid, context: RequestContext): Subscription {
    const client = factsOf(id, context);
    const matching = this.#subscriptions().filter(({ matches }) => matches(client));
    const metrics = new Set(matching.flatMap((subscription) => subscription.metrics));
    const intervalMs = matching.length === 0
      ? DEFAULT_INTERVAL_MS
      : Math.min(...matching.map((subscription) => subscription.intervalMs));
    const wanted = metrics.has("*") ? ["*"] : [...metrics].sort();
    const text = new TextEncoder().encode(JSON.stringify([id, wanted, intervalMs]));
    return { id: crc32c(text) | 0, intervalMs, metrics: wanted };
  }

  #subscriptions(): readonly ConfiguredSubscription[] {
    const { metadata } = this.#options;
    if (this.#version === metadata.version) return this.#configured;
    this.#version = metadata.version;
    const type = ConfigResource.CLIENT_METRICS;
    return this.#configured = metadata.catalogue.configured(type).map((name) =>
      configuredSubscription(metadata.catalogue.configs(type, name))
    );
  }
}

function configuredSubscription(configs: ReadonlyMap<string, string>): ConfiguredSubscription {
  const match = parseClientMatch(configs.get("match") ?? "");
  const metrics = (configs.get("metrics") ?? "").split(",").map((word) => word.trim());
  return {
    // A directory from Kafka may hold a pattern that is refused here; it matches nobody.
    matches: typeof match === "string" ? () => false : match,
    intervalMs: Number(configs.get("interval.ms") ?? DEFAULT_INTERVAL_MS),
    metrics: metrics.filter((word) => word !== ""),
  };
}

function factsOf(id: Uuid, { clientId, connection }: RequestContext): ClientFacts {
  return {
    client_instance_id: id,
    client_id: clientId ?? "",
    client_software_name: connection.clientSoftwareName,
    client_software_version: connection.clientSoftwareVersion,
    client_source_address: connection.peer,
    client_source_port: String(connection.peerPort ?? ""),
  };
}
