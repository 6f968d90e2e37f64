/**
 * Status: what /status answers, for `runnel doctor` and for whoever watches a broker: what is wrong, what was refused
 * lately and to whom, who is connected by which software, and how much the process has left.
 *
 * It is made when it is asked for, at most once a second, and bounded: so many clients and partitions, the rest counted.
 */
import { getHeapStatistics } from "node:v8";
import process from "node:process";
import type { Clock } from "../clock.ts";
import type { Config } from "../config/options.ts";
import type { ConnectionInfo } from "../handlers/handler.ts";
import { recentEvents } from "../log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { labelOf } from "../metrics/label.ts";
import { FileStore } from "../storage/backends/file_store.ts";
import type { LogManager } from "../storage/log_manager.ts";
import type { Store } from "../storage/store.ts";
import { VERSION } from "../version.ts";
import type { Readiness } from "./readiness.ts";

/** What there is once the broker has started. */
interface Rooms {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly logs: Pick<LogManager, "offline">;
}

export interface StatusOptions {
  readonly config: Config;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly machine: {
    readonly clock: Clock;
    readonly store: Store;
    readonly freeBytes: () => number;
  };
  /** Who is connected. */
  readonly clients: () => Iterable<ConnectionInfo>;
}

export type StatusFacts = ReturnType<typeof factsOf>;

/** Those that have the same of everything are one. */
interface ClientCount {
  readonly clientId: string | null;
  readonly software: string;
  readonly version: string;
  readonly principal: string;
  readonly address: string;
  readonly listener: string;
  connections: number;
  /** Of these connections, since each was made. */
  requests: number;
}

const BELIEVED_MS = 1000;
const MAX_CLIENTS = 500, MAX_OFFLINE = 200, MAX_REFUSED = 500;
/** Connections that are looked at: of all there may be it would be a long turn of the event loop. */
const MAX_LOOKED = 5000;
/** So many descriptors are looked for: with these a broker has enough for a while. */
const LOOKED_FOR = 256;

export class Status {
  readonly #options: StatusOptions;
  readonly #startedMs: number;
  #rooms: Rooms | null = null;
  #made: { readonly facts: StatusFacts; readonly atMs: number; text: string | null } | null = null;

  constructor(options: StatusOptions) {
    this.#options = options;
    this.#startedMs = options.machine.clock.nowMs();
  }

  /** From now on the broker has a name and logs. */
  begun(rooms: Rooms): void {
    this.#rooms = rooms;
    this.#made = null;
  }

  /** As JSON. */
  get text(): string {
    const made = this.#now();
    return made.text ??= `${JSON.stringify(made.facts)}\n`;
  }

  get facts(): StatusFacts {
    return this.#now().facts;
  }

  get startedMs(): number {
    return this.#startedMs;
  }

  #now() {
    const atMs = this.#options.machine.clock.monotonicMs();
    if (this.#made === null || atMs - this.#made.atMs >= BELIEVED_MS) {
      this.#made = { facts: this.#make(), atMs, text: null };
    }
    return this.#made;
  }

  #make(): StatusFacts {
    return factsOf(this.#options, { rooms: this.#rooms, startedMs: this.#startedMs });
  }
}

function factsOf(
  { config, metrics, readiness, machine, clients }: StatusOptions,
  { rooms, startedMs }: { readonly rooms: Rooms | null; readonly startedMs: number },
) {
  const offline = [...rooms?.logs.offline() ?? []], counted = countClients(clients());
  return {
    version: VERSION,
    clusterId: rooms?.clusterId ?? null,
    nodeId: rooms?.nodeId ?? null,
    nowMs: machine.clock.nowMs(),
    startedMs,
    notReady: readiness.notReady,
    warnings: readiness.warnings,
    offline: offline.slice(0, MAX_OFFLINE).map(({ topic, partition, reason }) => ({
      topic,
      partition,
      reason,
    })),
    offlineCount: offline.length,
    storage: {
      path: machine.store.name,
      freeBytes: freeBytesOf(machine),
      minFreeBytes: config.storage.minFreeBytes,
    },
    process: { ...processFacts(), ...descriptors(machine.store) },
    tlsExpiresMs: expiryOf(metrics),
    limits: {
      maxConnections: config.limits.maxConnections,
      maxBufferedBytes: config.limits.maxBufferedBytes,
    },
    connections: metrics.connections.open,
    clients: counted.clients,
    clientsLeftOut: counted.leftOut,
    refused: metrics.refusals.lately().slice(0, MAX_REFUSED),
    events: recentEvents(),
  };
}

function countClients(
  all: Iterable<ConnectionInfo>,
): { readonly clients: readonly ClientCount[]; readonly leftOut: number } {
  const found = new Map<string, ClientCount>();
  let leftOut = 0, looked = 0;
  for (const one of all) {
    if (++looked > MAX_LOOKED) {
      leftOut++;
      continue;
    }
    if (!one.isReader) continue; // it has only just come, and was asked nothing yet
    const { clientId = null, clientSoftwareName, clientSoftwareVersion, principal } = one;
    const facts = {
      clientId: clientId === null ? null : labelOf(clientId),
      software: labelOf(clientSoftwareName),
      version: labelOf(clientSoftwareVersion),
      principal: labelOf(principal),
      address: one.peer,
      listener: one.listener,
    };
    const key = JSON.stringify(Object.values(facts)), known = found.get(key);
    const { requests = 0 } = one;
    if (known !== undefined) {
      known.connections++;
      known.requests += requests;
    } else if (found.size < MAX_CLIENTS) found.set(key, { ...facts, connections: 1, requests });
    else leftOut++;
  }
  return { clients: [...found.values()], leftOut };
}

/** Null where nobody can tell. */
export function freeBytesOf(
  { freeBytes }: Pick<StatusOptions["machine"], "freeBytes">,
): number | null {
  try {
    const bytes = freeBytes();
    return Number.isFinite(bytes) ? bytes : null;
  } catch {
    return null; // /readyz says what is wrong
  }
}

function processFacts() {
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    pid: process.pid,
    residentBytes: rss,
    heapUsedBytes: heapUsed,
    heapLimitBytes: getHeapStatistics().heap_size_limit,
    externalBytes: external,
  };
}

/** Of the first certificate of a listener that expires; null where none has one. */
function expiryOf({ gauges }: Metrics): number | null {
  const gauge = gauges.find(({ name }) => name === "tls_certificate_expiry_seconds");
  return gauge === undefined ? null : gauge.read() * 1000;
}

/** How many descriptors there are left, as far as they were looked for: some are opened, and closed in the same turn. */
function descriptors(store: Store) {
  if (!(store instanceof FileStore)) return { spareDescriptors: null, lookedFor: LOOKED_FOR };
  const opened: { close(): void }[] = [];
  try {
    while (opened.length < LOOKED_FOR) opened.push(store.tryOpen());
  } catch {
    // That is how many there are.
  } finally {
    for (const one of opened) one.close();
  }
  return { spareDescriptors: opened.length, lookedFor: LOOKED_FOR };
}
