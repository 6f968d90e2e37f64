/**
 * Broker: the only place that builds the rooms (src/broker/) and connects them.
 *
 * Starting: take the directory and the ports (what can be refused is refused before a byte is written), replay the
 * metadata, open the logs it names, and only then accept. Each room is put on one stack as it opens, and a stop, or a
 * start that fails, closes them from the top: the clean-stop marker is written last of all, when all above it has ended.
 */
import { accessBy, authorizerOf } from "./broker/authorization.ts";
import type { AuditRoomOptions } from "./broker/audit_room.ts";
import { BrokerQuotas } from "./broker/broker_quotas.ts";
import { CleanStop } from "./broker/clean_stop.ts";
import { CoordinatorsRoom } from "./broker/coordinators_room.ts";
import { type Machine, MachineRoom } from "./broker/machine.ts";
import { MetadataRoom } from "./broker/metadata_room.ts";
import { ownRequests, requestsAs } from "./broker/own_requests.ts";
import { Readiness } from "./broker/readiness.ts";
import { refusalOf } from "./broker/refusal_of.ts";
import { ServerRoom } from "./broker/server_room.ts";
import { commitOf, StorageRoom } from "./broker/storage_room.ts";
import { TokensRoom } from "./broker/tokens_room.ts";
import type { Audit } from "./audit/audit.ts";
import type { Uuid } from "./bytes/uuid.ts";
import type { Asking } from "./client/asking.ts";
import { addressOf } from "./config/addresses.ts";
import { preallocated, tellPreallocated } from "./broker/without_effect.ts";
import type { Config } from "./config/options.ts";
import { allHandlers } from "./handlers/mod.ts";
import { FetchSessions } from "./handlers/fetch_sessions.ts";
import { logger } from "./log.ts";
import { BackgroundWork } from "./metrics/background.ts";
import { Metrics } from "./metrics/metrics.ts";
import { leaderEpochs } from "./placement/desired_logs.ts";
import { Placement } from "./placement/placement.ts";
import type { Authorizer } from "./security/acl/authorizer.ts";
import type { Dispatch } from "./server/connection.ts";
import { dispatcher, type DispatchOptions } from "./server/dispatch.ts";
import type { PartitionLog } from "./storage/log/partition_log.ts";
import type { LogManager } from "./storage/log_manager.ts";
import { StoreError } from "./storage/store.ts";
import { type CatalogueChange, changedTopics, noChange } from "./topics/catalogue_change.ts";
import type { MetadataStore } from "./topics/metadata_store.ts";

export type { Machine };

/** A broker that answers. */
export interface RunningBroker {
  /** Where clients of the first listener are told to connect: "127.0.0.1:9092". */
  readonly kafkaAddress: string;
  /** The same of each listener. */
  readonly listeners: readonly { readonly name: string; readonly address: string }[];
  /** "127.0.0.1:9093". */
  readonly httpAddress: string | null;
  /** The data directory, or memory://. */
  readonly dataName: string;
  /** How many logs a stop has closed so far: whether it gets on. */
  readonly closedLogs: number;
  /** Asks the broker itself, as who started it and not as a client: everything is allowed, and audited. */
  asking(): Asking;
  /**
   * Stops accepting, finishes what is in flight, syncs and closes. Rejects when not everything that was written may be on
   * the device; all else is given back then too.
   */
  stop(): Promise<void>;
  /** For those who have it in their process. */
  readonly metadata: MetadataStore;
  readonly nodeId: number;
  /** How much is free is asked now. */
  lookAtSpace(): void;
}

/** Starts a broker; throws, with everything given back, when it cannot. */
export async function startBroker(config: Config, machine: Machine = {}): Promise<RunningBroker> {
  await using stack = new AsyncDisposableStack();
  const house = await build(config, machine, stack);
  const rooms = stack.move();
  const [{ host, port }] = house.server.endpoints;
  return {
    kafkaAddress: addressOf(host, port),
    listeners: house.server.endpoints.map(({ name, host, port }) => ({
      name,
      address: addressOf(host, port),
    })),
    httpAddress: house.server.httpAddress,
    dataName: house.machine.store.name,
    get closedLogs() {
      return house.storage.logs.closedLogs;
    },
    asking: house.asking,
    stop: () => {
      house.readiness.phase = "stopping";
      return rooms.disposeAsync();
    },
    metadata: house.metadata.metadata,
    nodeId: house.metadata.nodes.selfId,
    lookAtSpace: () => house.machine.lookAtSpace(),
  };
}

/** The rooms in the order in which they open. */
interface House {
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  readonly machine: MachineRoom;
  readonly audit: Audit | null;
  readonly server: ServerRoom;
  readonly metadata: MetadataRoom;
  readonly tokens: TokensRoom;
  readonly storage: StorageRoom;
  readonly placement: Placement;
  readonly coordinators: CoordinatorsRoom;
}

async function build(config: Config, machine: Machine, stack: AsyncDisposableStack) {
  const readiness = new Readiness(), metrics = new Metrics(config.metrics);
  const room = stack.use(await MachineRoom.open(config, metrics, machine));
  const quotas = new BrokerQuotas(config, room.clock);
  const audit = await auditOf(config, { machine: room, metrics, readiness }, stack);
  const server = stack.use(
    await ServerRoom.open(config, {
      machine: room,
      metrics,
      readiness,
      audit,
      quotas: quotas.connections,
    }),
  );
  const cleanStop = stack.use(new CleanStop(room.store));
  const syncs = { journal: null, intervalMs: 0, machine: room },
    policy = room.isFile ? "fsync" : "os";
  const commit = commitOf(policy, metrics, syncs); // whatever the flush policy is
  const metadata = stack.use(await MetadataRoom.open(config, room, { commit, cleanStop }));
  room.watchSpace();
  const ledBefore = leaderEpochs(metadata.metadata.catalogue); // an unclean start begins new ones, which no batch has
  await room.makeRoom();
  const isClockRight = config.storage.trustClock;
  const wasClean = await metadata.start(room, {
    endpoints: server.endpoints,
    isClockRight,
    metrics,
  });

  const tokens = new TokensRoom(config, { machine: room, metadata: metadata.metadata, metrics });
  await server.authentication?.begin(room.store, {
    metadata: metadata.metadata,
    tokens: tokens.tokens,
  });

  let coordinators: CoordinatorsRoom | null = null;
  const storage = stack.use(
    await StorageRoom.open(config, {
      machine: room,
      metrics,
      metadata,
      cleanStop,
      wasClean,
      ledBefore,
      onOnline: (log) => coordinators?.online(log),
    }),
  );
  const placement = place(room, metadata, storage.logs);
  stack.defer(async () => {
    await placement.close(); // a change that waits for ten thousand logs to be made waits no more: the next start makes them
    await metadata.metadata.settled();
  });
  await placement.followAll();
  coordinators = stack.use(
    new CoordinatorsRoom(config, {
      machine: room,
      metrics,
      metadata: metadata.metadata,
      nodes: metadata.nodes,
      logs: storage.logs,
    }),
  );
  const house = {
    readiness,
    metrics,
    machine: room,
    audit,
    server,
    metadata,
    tokens,
    storage,
    placement,
  };
  const whole: House = { ...house, coordinators };
  metadata.metadata.watch((change) => follow(whole, change));
  coordinators.load();
  stack.use(tokens).begin();
  observe(whole);
  server.status.begun({
    clusterId: metadata.nodes.clusterId,
    nodeId: metadata.nodes.selfId,
    logs: storage.logs,
  });
  const atStart = { ...noChange(), brokerConfigured: true };
  tellPreallocated(preallocated(atStart, metadata.metadata.catalogue));

  quotas.follow(metadata.metadata, metrics);
  const { dispatch, asking, authorizer, own } = dispatchOf(config, whole, quotas);
  stack.use(await server.serve(machine.around?.(dispatch) ?? dispatch));
  stack.defer(metrics.watchEventLoop());
  stack.use(
    server.console?.begun({
      requestsAs: requestsAs({ ...own, onAnswered: () => {} }, authorizer),
      accessOf: accessBy(authorizer),
      segmentsOf: (topicId, partition) =>
        storage.logs.get(topicId as Uuid, partition)?.segments ?? null,
      metadataVersion: () => metadata.metadata.version,
      hasAcls: authorizer !== null,
      clusterId: metadata.nodes.clusterId,
      nodeId: metadata.nodes.selfId,
      kafkaAddress: addressOf(server.endpoints[0].host, server.endpoints[0].port),
    }),
  );
  room.isServing = true;
  readiness.phase = null;
  return { ...whole, asking };
}

/** Loaded where it is asked for alone: a broker starts faster without it. */
async function auditOf(
  config: Config,
  parts: AuditRoomOptions,
  stack: AsyncDisposableStack,
): Promise<Audit | null> {
  if (config.audit.file === "" && !config.audit.toLog) return null;
  const { AuditRoom } = await import("./broker/audit_room.ts");
  return stack.use(await AuditRoom.open(config, parts)).audit;
}

function place(
  { clock, timers, turn }: MachineRoom,
  { metadata: { catalogue }, nodes }: MetadataRoom,
  logs: LogManager,
): Placement {
  const log = logger("placement");
  return new Placement({
    catalogue,
    nodeId: nodes.selfId,
    logs,
    timers,
    turn,
    work: new BackgroundWork("placement"),
    nowMs: () => clock.nowMs(),
    onEvent: (event, details) => log.warn(event, details),
  });
}

/** What a commit changed is carried out; it waits for that, so a created topic can be written to at once. */
async function follow(house: House, change: CatalogueChange): Promise<void> {
  const { metrics, placement, coordinators } = house;
  for (const topic of change.deleted) metrics.forgetTopic(topic.name);
  tellPreallocated(preallocated(change, house.metadata.metadata.catalogue));
  if (change.brokerConfigured) await placement.followAll();
  else await placement.follow(changedTopics(change));
  await coordinators.follow(change);
}

function observe(
  { readiness, metrics, machine, server, metadata, tokens, storage, placement, coordinators }:
    House,
) {
  const { logs } = storage;
  metrics.background = [
    ...machine.work,
    metadata.metadata.work,
    ...tokens.work,
    ...storage.work,
    placement.work,
    ...coordinators.work,
  ];
  metrics.partitions = function* () {
    for (const log of logs.all()) {
      const { topic, partition, logStartOffset, logEndOffset, highWatermark } = log;
      const sizeBytes = sizeOf(log);
      yield { topic, partition, logStartOffset, logEndOffset, highWatermark, sizeBytes };
    }
  };
  metrics.gauge(
    "partitions_offline",
    "Partitions that answer with an error: their log is damaged, or could not be opened or written to.",
    () => [...logs.offline()].length,
  );
  metrics.gauge(
    "placement_problems",
    "Changes of the metadata that are not carried out on this node's disk, and are tried again.",
    () => [...placement.problems()].length,
  );
  metrics.gauge(
    "metadata_writable",
    "1 while changes of the metadata can be written.",
    () => Number(metadata.problem === null),
  );
  metrics.gauge(
    "buffers_lent_bytes",
    "Bytes of pooled buffers in use: small requests, writes under way, replies.",
    () => machine.pool.lentBytes,
  );
  metrics.gauge(
    "requests_reserved_bytes",
    "Bytes reserved for requests that are too large for a connection's own buffer.",
    () => server.reservedBytes,
  );
  readiness.needs(() => metadata.problem);
  readiness.warnsOf(() => machine.problems());
  readiness.warnsOf(() => storage.problems());
  readiness.warnsOf(function* () {
    const offline = new Set(
      [...logs.offline()].map(({ topic, partition }) => `${topic}-${partition}`),
    );
    for (const { what, reason } of placement.problems()) {
      if (offline.has(what)) continue; // said already
      yield `${what} is not as the metadata says: ${reason}`;
    }
  });
  readiness.warnsOf(function* () {
    for (const { name, failing } of metrics.background) {
      if (name === placement.work.name) continue;
      for (const [part, reason] of failing) yield `${name} fails for ${part}: ${reason}`;
    }
  });
}

/** One log that cannot be looked at keeps no scrape from the others. */
function sizeOf(log: PartitionLog): number {
  try {
    return log.size;
  } catch (error) {
    if (error instanceof StoreError) return NaN;
    throw error;
  }
}

/** What a request may name: a few things of each partition that there may be, and no fewer than this. */
const MIN_ELEMENTS = 100_000, ELEMENTS_A_PARTITION = 4;

function dispatchOf(
  config: Config,
  house: House,
  quotas: BrokerQuotas,
): {
  readonly dispatch: Dispatch;
  readonly asking: () => Asking;
  readonly authorizer: Authorizer | null;
  readonly own: Omit<DispatchOptions, "accessOf" | "quotas">;
} {
  const { machine, audit, metrics, metadata, tokens, storage, placement, coordinators } = house;
  const { clock, timers, turn, decoding, pool, store, freeBytes } = machine;
  const log = logger("broker");
  const authorizer = authorizerOf(config, metadata.metadata);
  const { catalogue } = metadata.metadata;
  if (audit !== null) {
    audit.topics = {
      nameOf: (topicId) => catalogue.topicById(topicId)?.name,
      has: (name) => catalogue.topic(name) !== undefined,
      areMadeWhenAskedFor: config.autoCreateTopics,
    };
  }
  const sessions = new FetchSessions({
    slots: config.limits.fetchSessions,
    maxOfOne: Math.max(100_000, config.limits.maxPartitions),
    clock,
  });
  const handlers = allHandlers({
    config,
    authorizer,
    tokens: tokens.tokens,
    clock,
    timers,
    turn,
    decoding,
    pool,
    metrics,
    metadata: metadata.metadata,
    nodes: metadata.nodes,
    logs: storage.logs,
    placed: placement,
    groups: coordinators.groups,
    transactions: coordinators.transactions.coordinator,
    newProducerId: coordinators.transactions.newProducerId,
    admission: coordinators.transactions.admission,
    patterns: coordinators.topics.patterns,
    markers: coordinators.markers,
    sessions,
    logDir: store.name,
    freeBytes,
  });
  const maxElements = Math.max(MIN_ELEMENTS, ELEMENTS_A_PARTITION * config.limits.maxPartitions);
  const giveBack = (bytes: Uint8Array) => pool.give(bytes);
  const options: Omit<DispatchOptions, "accessOf" | "quotas"> = {
    handlers: machine.handlers?.(handlers, { sessions, catalogue, giveBack }) ?? handlers,
    maxElements,
    giveBack,
    audit,
    onAnswered: (apiKey, version, requestBytes, responseBytes, latencyMs) =>
      metrics.requests.observe(apiKey, version, requestBytes, responseBytes, latencyMs),
    onDenied: ({ reason, what }, { peer, principal }, clientId) =>
      metrics.refusals.note({ kind: "denied", reason, what, address: peer, principal, clientId }),
    onProblem: (event, details) => {
      log.clientEvent(event, details, event === "handler_failed" ? "error" : "warn");
      metrics.refusals.note(refusalOf(event, details));
    },
  };
  const accessOf = audit?.accessBy(authorizer) ?? accessBy(authorizer);
  return {
    dispatch: dispatcher({ ...options, accessOf, quotas: quotas.clients }),
    asking: () => ownRequests(options, { isOpen: authorizer === null }),
    authorizer,
    own: options,
  };
}
