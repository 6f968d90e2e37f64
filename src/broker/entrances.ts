/**
 * Entrances: binds every listener of the configuration and HTTP's, with TLS where that is asked for, and looks after
 * their certificates.
 */
import { type ListenerConfig, listenersOf, type ListenerTls } from "../config/listeners.ts";
import type { Config } from "../config/options.ts";
import { httpAddressOf } from "../config/rules.ts";
import { logger } from "../log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Entrance } from "../server/listener.ts";
import { ANONYMOUS, type SessionListener } from "../server/session.ts";
import { listenTcp } from "../server/transport/tcp.ts";
import type { TlsPort } from "../server/transport/tls_port.ts";
import type { TransportListener } from "../server/transport/transport.ts";
import type { Authentication } from "./authentication.ts";
import type { MachineRoom } from "./machine.ts";

export interface EntranceParts {
  /** What listeners of SASL ask; null where there are none. */
  readonly authentication: Authentication | null;
  readonly machine: Pick<MachineRoom, "clock" | "timers">;
  readonly metrics: Metrics;
}

export class Entrances implements AsyncDisposable {
  readonly all: readonly Entrance[];
  /** Where HTTP is asked. */
  readonly http: TransportListener;
  readonly #ports: readonly TlsPort[];
  readonly #parts: EntranceParts;
  readonly #intervalMs: number;
  #cancelLook: () => void = () => {};
  #isClosed = false;
  #looking: Promise<void> = Promise.resolve();

  private constructor(
    { all, http, ports }: {
      all: readonly Entrance[];
      http: TransportListener;
      ports: readonly TlsPort[];
    },
    { parts, intervalMs }: { parts: EntranceParts; intervalMs: number },
  ) {
    this.all = all;
    this.http = http;
    this.#ports = ports;
    this.#parts = parts;
    this.#intervalMs = intervalMs;
    if (ports.length === 0) return;
    parts.metrics.gauge(
      "tls_certificate_expiry_seconds",
      "When the first of the certificates that listeners show expires, in seconds since 1970.",
      () => Math.min(...ports.map(({ certificate }) => certificate.notAfterMs)) / 1000,
    );
    this.#lookLater();
  }

  /** Throws what Deno.listen throws (AddrInUse, PermissionDenied, AddrNotAvailable), and ConfigError for what TLS cannot use. */
  static async open(config: Config, parts: EntranceParts): Promise<Entrances> {
    const all: Entrance[] = [], ports: TlsPort[] = [];
    try {
      for (const listener of listenersOf(config)) {
        const { mechanisms = NONE, rules: logins } = loginsOf(listener, parts) ?? {};
        if (listener.tls === null) {
          const session = { ...plainSession(listener), mechanisms, logins };
          for (const transport of await listenPlain(listener)) all.push({ transport, session });
          continue;
        }
        const { openTls, tlsSession } = await tlsEntrance();
        const session = { ...tlsSession(listener.name, listener.tls), mechanisms, logins };
        const port = await openTls(listener, listener.tls, () => parts.machine.clock.nowMs());
        ports.push(port);
        for (const transport of port.transports) all.push({ transport, session });
      }
      const http = await listenHttp(config, ports, parts);
      parts.metrics.gauge(
        "insecure",
        "1 while the broker was told to listen beyond this machine without asking who comes.",
        () => Number(config.insecure),
      );
      return new Entrances({ all, http, ports }, {
        parts,
        intervalMs: config.tls.reloadIntervalMs,
      });
    } catch (error) {
      for (const { transport } of all) transport.close();
      throw error;
    }
  }

  /** The port that a listener has. */
  portOf(name: string): number {
    return this.all.find(({ session }) => session.name === name)!.transport.address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#cancelLook();
    for (const { transport } of this.all) transport.close();
    this.http.close();
    await this.#looking;
  }

  #lookLater(): void {
    if (this.#isClosed) return;
    this.#cancelLook = this.#parts.machine.timers.after(this.#intervalMs, () => {
      this.#looking = this.#look().catch((error) => log.error("tls_look_failed", { error }))
        .finally(() => this.#lookLater());
    });
  }

  async #look(): Promise<void> {
    for (const port of this.#ports) {
      if (this.#isClosed) return;
      const look = await port.look();
      if (look?.kind === "taken") {
        const { subject, notAfterMs } = look.certificate;
        const until = new Date(notAfterMs).toISOString();
        log.info("tls_certificate_taken", { listener: port.name, subject, until });
      } else if (look?.kind === "refused") {
        log.warn("tls_certificate_refused", { listener: port.name, reason: look.reason });
      }
    }
  }
}

const log = logger("tls");

/** Loaded where there is TLS alone: it takes longer than the rest of a start. */
const tlsEntrance = () => import("./tls_entrance.ts");

const NONE: SessionListener["mechanisms"] = new Map();

function plainSession({ name }: ListenerConfig): SessionListener {
  return { name, isTls: false, mechanisms: NONE, principalOf: () => ANONYMOUS };
}

/** How clients log in by SASL, where the listener asks for that. */
function loginsOf({ protocol }: ListenerConfig, { authentication }: EntranceParts) {
  return protocol.startsWith("SASL_") ? authentication : null;
}

async function listenPlain(
  { addresses, port }: ListenerConfig,
): Promise<readonly TransportListener[]> {
  const transports: TransportListener[] = [];
  try {
    for (const host of addresses) {
      // In Deno it is bound at once; in the npm package, a turn later.
      transports.push(await listenTcp({ host, port: transports[0]?.address.port ?? port }));
    }
  } catch (error) {
    for (const transport of transports) transport.close();
    throw error;
  }
  return transports;
}

async function listenHttp(
  config: Config,
  ports: TlsPort[],
  parts: EntranceParts,
): Promise<TransportListener> {
  const host = httpAddressOf(config), port = config.httpPort;
  if (!config.http.tls) return listenTcp({ host, port });
  const { certificateFile, keyFile } = config.tls;
  const tls: ListenerTls = {
    certificateFile,
    keyFile: keyFile || certificateFile,
    clientCaFile: "",
    clientAuth: "none",
    principalMappingRules: "DEFAULT",
  };
  const { openTls } = await tlsEntrance(), nowMs = () => parts.machine.clock.nowMs();
  const opened = await openTls({ name: "HTTP", addresses: [host], port }, tls, nowMs);
  ports.push(opened);
  const [transport] = opened.transports;
  await transport.open?.(); // a start is asked for its health too
  return transport;
}
