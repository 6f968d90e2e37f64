/**
 * The server room: the ports. They are taken first, so that one in use is refused before a byte is written, and answer
 * when everything behind them is there: HTTP at once with "starting", Kafka from serve() on.
 */
import type { Audit } from "../audit/audit.ts";
import { addressOf } from "../config/addresses.ts";
import { asksConsoleLogin } from "../config/asks_console_login.ts";
import { type ListenerConfig, listenersOf } from "../config/listeners.ts";
import { SECURITY_PROTOCOLS } from "../config/listener_settings.ts";
import type { Config } from "../config/options.ts";
import { logger } from "../log.ts";
import type { HttpServer } from "../metrics/http.ts";
import type { PageLogin } from "../metrics/http_pages.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Dispatch } from "../server/connection.ts";
import { type Entrance, Listener } from "../server/listener.ts";
import type { Endpoint } from "../topics/registration.ts";
import type { ConnectionQuotas } from "../quotas/connection_quotas.ts";
import { FileStore } from "../storage/backends/file_store.ts";
import type { Authentication } from "./authentication.ts";
import { ConsoleRoom } from "./console_room.ts";
import { Entrances } from "./entrances.ts";
import { httpFor } from "./http.ts";
import { refusalOf } from "./refusal_of.ts";
import type { MachineRoom } from "./machine.ts";
import type { Readiness } from "./readiness.ts";
import { Status } from "./status.ts";

export interface ServerRoomOptions {
  readonly machine: MachineRoom;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly audit: Audit | null;
  readonly quotas: ConnectionQuotas;
}

export class ServerRoom implements AsyncDisposable {
  /** Where clients are told to connect, a listener each. */
  readonly endpoints: readonly Endpoint[];
  /** How clients log in; null where no listener asks for that. */
  readonly authentication: Authentication | null;
  /** What /status answers. */
  readonly status: Status;
  /** The pages that the broker shows itself by; null where it does not. */
  readonly console: ConsoleRoom | null;
  readonly #listener: Listener;
  readonly #http: HttpServer;
  readonly #stack: AsyncDisposableStack;
  #isServing = false;

  private constructor(
    parts: Pick<ServerRoom, "endpoints" | "authentication" | "status" | "console"> & {
      listener: Listener;
      http: HttpServer;
    },
    stack: AsyncDisposableStack,
  ) {
    this.#listener = parts.listener;
    this.#http = parts.http;
    this.endpoints = parts.endpoints;
    this.authentication = parts.authentication;
    this.status = parts.status;
    this.console = parts.console;
    this.#stack = stack;
  }

  /** Binds; throws what listening throws (Deno.errors.AddrInUse), and ConfigError for what TLS cannot use. */
  static async open(config: Config, options: ServerRoomOptions): Promise<ServerRoom> {
    await using stack = new AsyncDisposableStack();
    const { machine, machine: { store }, metrics, readiness } = options;
    const authentication = await authenticationOf(config, options);
    const entrances = stack.use(await Entrances.open(config, { ...options, authentication }));
    const listener = newListener(config, options, entrances.all);
    let room: ServerRoom | null = null;
    stack.defer(() => room !== null && room.#isServing ? undefined : listener.stop(0));
    if (store instanceof FileStore) store.onStarved = () => listener.relieve();
    const clients = () => listener.clients();
    const status = new Status({ config, metrics, readiness, machine, clients });
    const login = authentication !== null && asksConsoleLogin(config)
      ? await consoleLogin(authentication)
      : null;
    const pages = config.console.enabled
      ? new ConsoleRoom(config, { machine, metrics, status, login })
      : null;
    const http = httpFor(config, {
      metrics,
      store,
      readiness,
      listener: entrances.http,
      status: () => status.text,
      pages,
    });
    stack.defer(() => http.stop());
    const endpoints = listenersOf(config).map((one) => endpointOf(one, entrances.portOf(one.name)));
    return room = new ServerRoom(
      { listener, http, endpoints, authentication, status, console: pages },
      stack.move(),
    );
  }

  /** "127.0.0.1:9093" */
  get httpAddress(): string {
    return addressOf(this.#http.hostname, this.#http.port);
  }

  /** Of requests that are too large for a connection's own buffer. */
  get reservedBytes(): number {
    return this.#listener.reservedBytes;
  }

  /** Accepts clients. What is answered ends that: it finishes what is in flight. */
  async serve(dispatch: Dispatch): Promise<AsyncDisposable> {
    await this.#listener.start(dispatch);
    this.#isServing = true;
    return { [Symbol.asyncDispose]: () => this.#listener.stop(STOP_GRACE_MS) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

const MAX_QUEUED_REPLY_BYTES = 1 << 20;
const STOP_GRACE_MS = 3000;

/** Loaded where it is asked for alone: a broker starts faster without it. */
async function authenticationOf(
  config: Config,
  options: ServerRoomOptions,
): Promise<Authentication | null> {
  const isAsked = listenersOf(config).some(({ protocol }) => protocol.startsWith("SASL_"));
  if (!isAsked && !asksConsoleLogin(config)) return null;
  return await (await import("./authentication.ts")).Authentication.open(config, options);
}

async function consoleLogin(authentication: Authentication): Promise<PageLogin> {
  return new (await import("./console_login.ts")).ConsoleLogin(authentication);
}

function newListener(
  config: Config,
  { machine, metrics, audit, quotas }: ServerRoomOptions,
  entrances: readonly Entrance[],
): Listener {
  const log = logger("broker"), { store, pool, clock, timers, turn } = machine;
  return new Listener({
    entrances,
    tcpNodelay: config.performance.tcpNodelay,
    maxConnections: config.limits.maxConnections,
    quotas,
    limits: { ...config.limits, maxQueuedBytes: MAX_QUEUED_REPLY_BYTES },
    maxBufferedBytes: config.limits.maxBufferedBytes,
    pool,
    clock,
    timers,
    turn,
    tryOpen: store instanceof FileStore ? () => store.tryOpen() : undefined,
    counters: metrics.connections,
    onHandshake: audit === null ? undefined : (end) => audit.shookHands(end),
    onProblem: (event, details) => {
      log.clientEvent(event, details);
      metrics.refusals.note(refusalOf(event, details));
      if (event === "accept_failed") machine.relieve();
    },
  });
}

/** Where clients are told to connect: what is configured, else the first address and the port that was bound. */
function endpointOf(
  { name, protocol, addresses, advertised }: ListenerConfig,
  port: number,
): Endpoint {
  const told = { host: advertised?.host ?? addresses[0], port: advertised?.port ?? port };
  return { name, ...told, securityProtocol: SECURITY_PROTOCOLS.indexOf(protocol) };
}
