/**
 * The server room: the ports. They are taken first, so that one in use is refused before a byte is written, and answer
 * when everything behind them is there: HTTP at once with "starting", Kafka from serve() on.
 */
import type { Config } from "../config/options.ts";
import { logger } from "../log.ts";
import { type HttpServer, startHttp } from "../metrics/http.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { MetricsText } from "../metrics/registry.ts";
import { errorName } from "../protocol/errors.ts";
import { apiByKey } from "../protocol/messages/mod.ts";
import type { Dispatch } from "../server/connection.ts";
import { Listener } from "../server/listener.ts";
import type { Endpoint } from "../topics/registration.ts";
import { VERSION } from "../version.ts";
import type { MachineRoom } from "./machine.ts";
import type { Readiness } from "./readiness.ts";

export interface ServerRoomOptions {
  readonly machine: MachineRoom;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
}

export class ServerRoom implements AsyncDisposable {
  /** Where clients are told to connect. */
  readonly endpoint: Endpoint;
  readonly #listener: Listener;
  readonly #http: HttpServer;
  readonly #stack: AsyncDisposableStack;
  #isServing = false;

  private constructor(
    parts: { listener: Listener; http: HttpServer; endpoint: Endpoint },
    stack: AsyncDisposableStack,
  ) {
    this.#listener = parts.listener;
    this.#http = parts.http;
    this.endpoint = parts.endpoint;
    this.#stack = stack;
  }

  /** Binds; throws what listening throws (Deno.errors.AddrInUse). */
  static async open(config: Config, options: ServerRoomOptions): Promise<ServerRoom> {
    await using stack = new AsyncDisposableStack();
    const listener = newListener(config, options);
    let room: ServerRoom | null = null;
    stack.defer(() => room !== null && room.#isServing ? undefined : listener.stop(0));
    const http = startHttp({
      hostname: config.listenAddresses[0],
      port: config.httpPort,
      maxConnections: config.limits.httpConnections,
      metrics: config.metrics.enabled ? metricsText(config, options.metrics) : null,
      notReady: () => options.readiness.notReady,
      warnings: () => options.readiness.warnings,
    });
    stack.defer(() => http.stop());
    const endpoint = { name: "PLAINTEXT", ...advertised(config, listener.port) };
    return room = new ServerRoom({ listener, http, endpoint }, stack.move());
  }

  /** "127.0.0.1:9093" */
  get httpAddress(): string {
    return `${this.#http.hostname}:${this.#http.port}`;
  }

  /** Accepts clients. What is answered ends that: it finishes what is in flight. */
  serve(dispatch: Dispatch): AsyncDisposable {
    this.#isServing = true;
    this.#listener.start(dispatch);
    return { [Symbol.asyncDispose]: () => this.#listener.stop(STOP_GRACE_MS) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

const MAX_QUEUED_REPLY_BYTES = 1 << 20;
const STOP_GRACE_MS = 3000;

function newListener(config: Config, { machine, metrics }: ServerRoomOptions): Listener {
  const log = logger("broker");
  return new Listener({
    addresses: config.listenAddresses,
    port: config.kafkaPort,
    tcpNodelay: config.performance.tcpNodelay,
    maxConnections: config.limits.maxConnections,
    idleTimeoutMs: config.limits.idleTimeoutMs,
    frameTimeoutMs: config.limits.frameTimeoutMs,
    limits: { ...config.limits, maxQueuedBytes: MAX_QUEUED_REPLY_BYTES },
    pool: machine.pool,
    counters: metrics.connections,
    onProblem: (event, details) => {
      log.clientEvent(event, details);
      if (event === "accept_failed") machine.relieve();
    },
  });
}

function metricsText(config: Config, metrics: Metrics): MetricsText {
  return new MetricsText(metrics, {
    prefix: config.metrics.prefix,
    version: VERSION,
    apiName: (key) => apiByKey(key)?.name ?? String(key),
    errorName,
  });
}

/** Where clients are told to connect: what is configured, else the first address and the port that was bound. */
function advertised(config: Config, port: number): { host: string; port: number } {
  const text = config.advertisedAddress;
  if (text === "") return { host: config.listenAddresses[0], port };
  const match = /^(\[.+\]|[^:]+)(?::(\d+))?$/.exec(text)!;
  return { host: match[1].replace(/^\[|\]$/g, ""), port: match[2] ? Number(match[2]) : port };
}
