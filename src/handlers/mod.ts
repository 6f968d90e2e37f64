/**
 * The handlers: every API that is served, in the order of their keys. ApiVersions derives from this list, and the
 * README's table of APIs too.
 */
import type { BufferPool } from "../bytes/pool.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config/options.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { LogManager } from "../storage/log_manager.ts";
import type { MetadataLog } from "../topics/metadata_log.ts";
import type { NodeRegistry } from "../topics/node_registry.ts";
import { apiVersions } from "./api_versions.ts";
import { deleteRecords } from "./delete_records.ts";
import { describeLogDirs } from "./describe_log_dirs.ts";
import { fetch } from "./fetch.ts";
import type { FetchSessions } from "./fetch_sessions.ts";
import type { Handler } from "./handler.ts";
import { listOffsets } from "./list_offsets.ts";
import { offsetForLeaderEpoch } from "./offset_for_leader_epoch.ts";
import { produce } from "./produce.ts";

/** What the broker has for its handlers. */
export interface Services {
  readonly config: Config;
  readonly clock: Clock;
  readonly pool: BufferPool;
  readonly metrics: Metrics;
  readonly metadata: MetadataLog;
  readonly nodes: NodeRegistry;
  readonly logs: LogManager;
  readonly sessions: FetchSessions;
  /** The data directory, absolute. */
  readonly logDir: string;
  readonly freeBytes: () => number;
}

export function allHandlers(services: Services): readonly Handler[] {
  const { config, clock, pool, metrics, metadata, nodes, logs, sessions } = services;
  const { catalogue } = metadata;
  const lookup = { catalogue, logs, nodes };
  const meter = (topic: string) => metrics.topic(topic);
  const handlers: readonly Handler[] = [
    produce({
      ...lookup,
      clock,
      maxBatchBytes: config.batching.maxBatchSize,
      maxBatchRecords: config.batching.maxBatchMessages,
      maxDecompressedBytes: config.limits.maxDecompressedBytes,
      compressionLevel: config.performance.compressionLevel,
      meter,
      onError: (errorCode) => metrics.produceError(errorCode),
    }),
    fetch({
      ...lookup,
      sessions,
      pool,
      maxFetchBytes: config.limits.maxFetchBytes,
      maxBufferedBytes: config.limits.maxBufferedBytes,
      meter,
    }),
    listOffsets({ ...lookup, maxDecompressedBytes: config.limits.maxDecompressedBytes }),
    apiVersions({
      handlers: () => handlers,
      features: () => ({
        finalized: [...catalogue.features].map(([name, level]) => ({ name, level })),
        epoch: metadata.version,
      }),
      clusterId: nodes.clusterId,
      nodeId: nodes.selfId,
    }),
    deleteRecords(lookup),
    offsetForLeaderEpoch(lookup),
    describeLogDirs({ ...lookup, logDir: services.logDir, freeBytes: services.freeBytes }),
  ];
  return handlers;
}
