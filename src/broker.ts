/**
 * Broker: the only place that builds the rooms and connects them.
 *
 * Starting: take the directory and the ports (what can be refused is refused before a byte is written), replay the
 * metadata, open the logs it names, and only then accept. Stopping: the same backwards, so that the clean-stop marker is
 * the last thing written.
 */
import { BufferPool } from "./bytes/pool.ts";
import { checkMetadata, openMetadata, takeDirectory } from "./broker/metadata_start.ts";
import { follow, leaderEpochs, wantedLogs } from "./broker/served_partitions.ts";
import { randomUuid } from "./bytes/uuid.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Config } from "./config/options.ts";
import { resolveGroupConfig } from "./config/resource_configs.ts";
import { startHttp } from "./metrics/http.ts";
import { Metrics } from "./metrics/metrics.ts";
import { MetricsText } from "./metrics/registry.ts";
import { groupTopics } from "./handlers/group_topics.ts";
import { allHandlers } from "./handlers/mod.ts";
import { FetchSessions } from "./handlers/fetch_sessions.ts";
import { ASSIGNORS } from "./groups/consumer_assignors.ts";
import { GroupCoordinator } from "./groups/coordinator.ts";
import { scrapeGroups } from "./groups/group_scrape.ts";
import { offsetsTopic } from "./handlers/offsets_topic.ts";
import { logger } from "./log.ts";
import { errorName } from "./protocol/errors.ts";
import { apiByKey } from "./protocol/messages/mod.ts";
import type { Dispatch } from "./server/connection.ts";
import { dispatcher } from "./server/dispatch.ts";
import { Listener } from "./server/listener.ts";
import { Cleaner } from "./storage/compaction/cleaner.ts";
import {
  takeCleanShutdown,
  wasStoppedCleanly,
  writeCleanShutdown,
} from "./storage/directory/clean_shutdown.ts";
import { FileStore } from "./storage/backends/file_store.ts";
import { forgetStart, lastRunEpoch, noteStart } from "./storage/directory/interrupted_start.ts";
import { FreeSpace } from "./storage/directory/free_space.ts";
import { type FlushPolicy, GroupCommit } from "./storage/durability/group_commit.ts";
import { Journal } from "./storage/durability/journal.ts";
import {
  dropJournal,
  journalFiles,
  NOTHING_LEFT,
  readJournal,
} from "./storage/durability/journal_entries.ts";
import { LogManager } from "./storage/log_manager.ts";
import { MemoryStore } from "./storage/backends/memory_store.ts";
import { openMetaProperties } from "./storage/directory/meta_properties.ts";
import type { LogContext } from "./storage/log/log_context.ts";
import { DEFAULT_PRODUCER_LIMITS } from "./storage/producers/producer_state.ts";
import { type Store, StoreError } from "./storage/store.ts";
import { ConfigResource } from "./topics/catalogue.ts";
import type { MetadataLog } from "./topics/metadata_log.ts";
import { type NodeRegistry, registeredNodes } from "./topics/node_registry.ts";
import { VERSION } from "./version.ts";

/** A broker that answers. */
export interface RunningBroker {
  /** Where clients are told to connect: "127.0.0.1:9092". */
  readonly kafkaAddress: string;
  /** "127.0.0.1:9093". */
  readonly httpAddress: string | null;
  /** The data directory, or memory://. */
  readonly dataName: string;
  /** Stops accepting, finishes what is in flight, syncs and closes. */
  stop(): Promise<void>;
}

/** What a test puts in the place of the machine. */
export interface Machine {
  readonly freeBytes?: () => number;
  /** What stands between connections and handlers. */
  readonly around?: (dispatch: Dispatch) => Dispatch;
}

/** Starts a broker; throws, with everything given back, when it cannot. */
export async function startBroker(config: Config, machine: Machine = {}): Promise<RunningBroker> {
  const undo: (() => unknown)[] = [];
  try {
    return await start(config, machine, undo);
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

async function start(
  config: Config,
  machine: Machine,
  undo: (() => unknown)[],
): Promise<RunningBroker> {
  const clock = systemClock;
  const log = logger("broker");
  const metrics = new Metrics(config.metrics);
  const pool = new BufferPool({ keepBytes: config.performance.bufferPoolSize });

  const store = openStore(config);
  undo.push(() => store.close());
  const lock = store instanceof FileStore ? await takeDirectory(store) : null;
  undo.push(() => lock?.release());
  const listener = new Listener({
    addresses: config.listenAddresses,
    port: config.kafkaPort,
    tcpNodelay: config.performance.tcpNodelay,
    maxConnections: config.limits.maxConnections,
    idleTimeoutMs: config.limits.idleTimeoutMs,
    frameTimeoutMs: config.limits.frameTimeoutMs,
    limits: { ...config.limits, maxQueuedBytes: MAX_QUEUED_REPLY_BYTES },
    pool,
    counters: metrics.connections,
    onProblem: (event, details) => {
      log.clientEvent(event, details);
      if (event === "accept_failed" && store instanceof FileStore) store.relieve();
    },
  });
  undo.push(() => listener.stop(0));
  let notReady: string | null = "starting";
  const text = new MetricsText(metrics, {
    prefix: config.metrics.prefix,
    version: VERSION,
    apiName: (key) => apiByKey(key)?.name ?? String(key),
    errorName,
  });
  const http = startHttp({
    hostname: config.listenAddresses[0],
    port: config.httpPort,
    maxConnections: config.limits.httpConnections,
    metrics: config.metrics.enabled ? text : null,
    notReady: () => notReady,
  });
  undo.push(() => http.stop());
  const endpoint = { name: "PLAINTEXT", ...advertised(config, listener.port) };

  const meta = await openMetaProperties(store, { nodeId: config.nodeId });
  const isFile = store instanceof FileStore;
  await checkMetadata({ store, meta, clock, config });
  const freeBytes = machine.freeBytes ?? (() => store.freeBytes());
  const space = freeSpace(config, metrics, { freeBytes, isFile });
  undo.push(() => space.stop());
  const context = logContext(config, { store, pool, clock, space });
  const { metadata, log: metadataLog, wasCut } = await openMetadata(
    { ...context, commit: commitOf(isFile ? "fsync" : "os", null, metrics, 0) },
    { config, meta },
  );
  const registered = metadata.catalogue.broker(meta.nodeId), incarnationId = randomUuid();
  const lastBrokerEpoch = lastRunEpoch(store, registered);
  // Nothing has been written so far; from here on the directory is in use.
  const marker = await takeCleanShutdown(store);
  const isClean = wasStoppedCleanly(store, lastBrokerEpoch, marker);
  const ledBefore = leaderEpochs(metadata.catalogue); // an unclean start begins new ones, which no batch has
  await noteStart(store, { registered, incarnationId }).catch(unlessFull);
  await metadata.start({ endpoint, wasClean: isClean, wasCut, incarnationId });
  const { catalogue } = metadata;
  const nodes = registeredNodes(catalogue, { selfId: meta.nodeId, clusterId: meta.clusterId });

  const earlier = journalFiles(store);
  const left = isClean ? NOTHING_LEFT : readJournal(store, lastBrokerEpoch);
  const journal = isFile && config.storage.flush === "fsync"
    ? Journal.open(
      { store, run: metadata.brokerEpoch, fileBytes: JOURNAL_BYTES, onFailure: fatal },
      left,
    )
    : null;
  undo.push(() => journal?.close());
  if (journal !== null && left.unknown !== null) {
    const action = "damage with whole batches behind it is kept, and not cut";
    log.warn("journal_unknown", { reason: left.unknown, action });
  }
  await journal?.begin();
  const commit = commitOf(
    isFile ? config.storage.flush : "os",
    journal,
    metrics,
    config.batching.flushIntervalMs,
  );
  const logs = new LogManager({
    context: { ...context, commit },
    cleanStart: isClean,
    journal: left.entries,
    checkpointIntervalMs: CHECKPOINT_INTERVAL_MS,
    retentionIntervalMs: RETENTION_INTERVAL_MS,
    brokerEpoch: metadata.brokerEpoch,
    lastBrokerEpoch,
    wasJournaled: left.unknown === null,
    wasDeleted: (topicId) => catalogue.wasDeleted(topicId),
    onAllKnown: () => journal?.settle().catch(fatal),
    metadata: () => ({ endOffset: metadataLog.recoveryPoint, bytes: metadataLog.size }),
    onEvent: (event, details) => log.info(event, details),
    onWarning: (event, details) => log.warn(event, details),
  });
  await logs.open(wantedLogs(catalogue, nodes, ledBefore));
  await forgetStart(store).catch(unlessFull);
  if (earlier.length > 0) await forgetEarlierJournal(store, earlier, logs);
  const cleaner = startCleaner(config, { ...context, logs });
  undo.push(() => cleaner.stop());
  const groups = groupCoordinator(config, { clock, pool, metadata, nodes, logs });
  undo.push(() => groups.stop());
  metadata.watch((change) => follow(change, { catalogue, nodes, logs, metrics, groups }));
  const loadingGroups = groups.loadAll(); // in the background: requests are answered 14 until it is done
  collectGauges(metrics, logs, pool);
  scrapeGroups(metrics, groups, (topicName, partition) => {
    const topic = catalogue.topic(topicName);
    return topic === undefined ? null : logs.get(topic.id, partition)?.highWatermark ?? null;
  });

  const handlers = allHandlers({
    config,
    clock,
    pool,
    metrics,
    metadata,
    nodes,
    logs,
    groups,
    sessions: new FetchSessions({ slots: config.limits.fetchSessions, clock }),
    logDir: store.name,
    freeBytes,
  });
  const dispatch = dispatcher({
    handlers,
    onAnswered: (apiKey, version, requestBytes, responseBytes, latencyMs) =>
      metrics.requests.observe(apiKey, version, requestBytes, responseBytes, latencyMs),
    onProblem: (event, details) =>
      event === "handler_failed" ? log.error(event, details) : log.clientEvent(event, details),
  });
  listener.start(machine.around?.(dispatch) ?? dispatch);
  notReady = null;
  const unwatch = metrics.watchEventLoop();

  return {
    kafkaAddress: `${endpoint.host}:${endpoint.port}`,
    httpAddress: `${http.hostname}:${http.port}`,
    dataName: store.name,
    async stop() {
      notReady = "stopping";
      unwatch();
      await listener.stop(STOP_GRACE_MS);
      groups.stop();
      await loadingGroups;
      await metadata.settled();
      await cleaner.stop();
      space.stop();
      await logs.close();
      await metadataLog.close();
      await commit.drain();
      // The marker says that no log needs to be looked at: not so while one is damaged, which may need the journal too.
      if (logs.isSound) {
        await journal?.remove();
        await writeCleanShutdown(store, metadata.brokerEpoch);
      } else journal?.close();
      http.stop();
      store.close();
      lock?.release();
    },
  };
}

const MAX_QUEUED_REPLY_BYTES = 1 << 20;
const JOURNAL_BYTES = 64 << 20;
const CHECKPOINT_INTERVAL_MS = 60_000;
const RETENTION_INTERVAL_MS = 300_000;
const STOP_GRACE_MS = 3000;
const FREE_SPACE_INTERVAL_MS = 1000;

function openStore(config: Config): Store {
  const { path } = config.storage;
  if (path === "memory://") return new MemoryStore();
  return new FileStore(path, { maxOpenFiles: config.limits.openFiles });
}

function logContext(
  config: Config,
  parts: { store: Store; pool: BufferPool; clock: Clock; space: FreeSpace },
): Omit<LogContext, "commit"> {
  const log = logger("storage");
  const expirationMs = config.storage.producerIdExpirationMs;
  return {
    store: parts.store,
    pool: parts.pool,
    clock: parts.clock,
    producers: { ...DEFAULT_PRODUCER_LIMITS, expirationMs },
    admits: (bytes) => parts.space.admits(bytes),
    onProblem: (event, details) => {
      log.warn(event, details);
      if (event === "write_failed") parts.space.look();
    },
  };
}

function freeSpace(
  config: Config,
  metrics: Metrics,
  { freeBytes, isFile }: { freeBytes: () => number; isFile: boolean },
): FreeSpace {
  const log = logger("storage");
  const { minFreeBytes } = config.storage;
  const space = new FreeSpace({
    freeBytes,
    minFreeBytes,
    onChange: (isLow, freeBytes) =>
      isLow
        ? log.error("disk_low", { freeBytes, minFreeBytes, action: "producers are refused" })
        : log.warn("disk_has_room", { freeBytes, minFreeBytes, action: "producers are served" }),
    onProblem: (error) => log.warn("free_space_unknown", { error: String(error) }),
  });
  if (isFile && space.freeBytes === Infinity && minFreeBytes > 0) {
    log.warn("free_space_unknown", { need: "--allow-sys=statfs", action: "no floor is kept" });
  }
  metrics.gauge("storage_free_bytes", "Bytes free on the disk.", () => space.freeBytes);
  metrics.gauge(
    "storage_refuses_writes",
    "1 while producers are refused because fewer bytes than storage.min_free_bytes are free.",
    () => Number(space.isLow),
  );
  space.start(FREE_SPACE_INTERVAL_MS);
  return space;
}

function groupCoordinator(
  config: Config,
  parts: {
    clock: Clock;
    pool: BufferPool;
    metadata: MetadataLog;
    nodes: NodeRegistry;
    logs: LogManager;
  },
): GroupCoordinator {
  const { clock, pool, metadata, nodes, logs } = parts;
  const log = logger("groups");
  const { catalogue } = metadata;
  const { offsetsRetentionMinutes, offsetsPartitions, ...settings } = config.groups;
  const usual = {
    ...resolveGroupConfig(new Map()),
    maxSize: settings.consumerMaxSize,
    assignors: [...ASSIGNORS.keys()],
    migrationPolicy: settings.consumerMigrationPolicy,
  };
  return new GroupCoordinator({
    clock,
    settings: { ...settings, offsetsRetentionMs: offsetsRetentionMinutes * 60_000 },
    topic: offsetsTopic({
      catalogue,
      logs,
      nodes,
      metadata,
      partitions: offsetsPartitions,
      maxPartitions: config.limits.maxPartitions,
    }),
    consumer: {
      topics: groupTopics(metadata),
      settings: (groupId) => {
        const configs = catalogue.configs(ConfigResource.GROUP, groupId);
        return configs.size === 0 ? usual : { ...usual, ...resolveGroupConfig(configs) };
      },
    },
    give: (chunk) => pool.give(chunk),
    newId: () => crypto.randomUUID(),
    wake: (delayMs, work) => {
      const timer = setTimeout(work, delayMs);
      return () => clearTimeout(timer);
    },
    onEvent: (event, details) => log.clientEvent(event, details),
  });
}

function commitOf(
  policy: FlushPolicy,
  journal: Journal | null,
  metrics: Metrics,
  intervalMs: number,
): GroupCommit {
  return new GroupCommit({
    policy,
    intervalMs,
    journal,
    onFailure: fatal,
    onRound: (durationMs) => metrics.observeFsync(durationMs),
  });
}

/** A start goes on without what it only notes for a start after it. */
function unlessFull(error: unknown): void {
  if (!(error instanceof StoreError)) throw error;
  logger("storage").warn("start_not_noted", { error: error.message });
}

/** A failed fsync: nothing may be acknowledged any more, and trying again would lie. Ends the process, code 1. */
function fatal(error: unknown): void {
  logger("storage").error("fsync_failed", { error: String(error), action: "the broker ends" });
  queueMicrotask(() => {
    throw error;
  });
}

/** Once what was recovered is written down, so that a start after this one knows how far the logs are synced. */
async function forgetEarlierJournal(
  store: Store,
  names: readonly string[],
  logs: LogManager,
): Promise<void> {
  try {
    await logs.checkpoint();
    await dropJournal(
      store,
      names,
      (entry) => logs.needsJournal(entry),
      (details) => logger("storage").warn("journal_aside", details),
    );
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    logger("storage").warn("journal_stays", { error: error.message }); // it does no harm; the next start asks it again
  }
}

function startCleaner(
  config: Config,
  parts: { store: Store; pool: BufferPool; clock: Clock; logs: LogManager },
): Cleaner {
  const log = logger("cleaner");
  const { ioMaxBytesPerSecond } = config.compaction;
  const cleaner = new Cleaner({
    ...config.compaction,
    ...parts,
    logs: () => parts.logs.all(),
    positions: parts.logs.positions,
    checkpoint: () => parts.logs.checkpoint(),
    ioMaxBytesPerSecond: ioMaxBytesPerSecond === 0 ? Infinity : ioMaxBytesPerSecond,
    maxDecompressedBytes: config.limits.maxDecompressedBytes,
    onEvent: (event, details) =>
      event === "log_compacted" ? log.info(event, details) : log.warn(event, details),
  });
  cleaner.start();
  return cleaner;
}

function collectGauges(
  metrics: Metrics,
  logs: LogManager,
  pool: BufferPool,
): void {
  metrics.partitions = function* () {
    for (const log of logs.all()) {
      const { topic, partition, logStartOffset, logEndOffset, highWatermark, size } = log;
      yield { topic, partition, logStartOffset, logEndOffset, highWatermark, sizeBytes: size };
    }
  };
  metrics.gauge(
    "partitions_offline",
    "Partitions that answer with an error because their log is damaged or could not be opened.",
    () => [...logs.offline()].length,
  );
  metrics.gauge("buffers_lent_bytes", "Bytes of pooled buffers in use.", () => pool.lentBytes);
}

/** Where clients are told to connect: what is configured, else the first address and the port that was bound. */
function advertised(config: Config, port: number): { host: string; port: number } {
  const text = config.advertisedAddress;
  if (text === "") return { host: config.listenAddresses[0], port };
  const match = /^(\[.+\]|[^:]+)(?::(\d+))?$/.exec(text)!;
  return { host: match[1].replace(/^\[|\]$/g, ""), port: match[2] ? Number(match[2]) : port };
}
