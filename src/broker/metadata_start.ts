/**
 * Metadata start: a broker takes a directory, looks at its metadata log, and opens it. Whatever can be refused is
 * refused here, before a byte is written.
 */
import type { Clock, GivesWay } from "../clock.ts";
import type { Config } from "../config/options.ts";
import { logger } from "../log.ts";
import type { FileStore } from "../storage/backends/file_store.ts";
import { peekCleanShutdown } from "../storage/directory/clean_shutdown.ts";
import { mustBeFree } from "../storage/directory/first_start.ts";
import { readInventory } from "../storage/directory/inventory.ts";
import { DirectoryLock } from "../storage/directory/lock.ts";
import type { LogContext } from "../storage/log/log_context.ts";
import { createLog, openLog } from "../storage/log/open_log.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import { META_PROPERTIES, type MetaProperties } from "../storage/directory/meta_properties.ts";
import { type Store, StoreError } from "../storage/store.ts";
import { FrozenLog } from "../topics/frozen_log.ts";
import { batchesIn, noteMetadataCut } from "../topics/metadata_cut.ts";
import { MetadataLog } from "../topics/metadata_log.ts";
import { METADATA_TOPIC, METADATA_TOPIC_ID } from "../topics/metadata_topic.ts";
import { readQuorumState } from "../topics/quorum_state.ts";
import type { RecordedEnd } from "../topics/start_evidence.ts";

/** Locks the directory; before that, since a lock is a file in it, whether it is one to begin in. */
export async function takeDirectory(store: FileStore): Promise<DirectoryLock> {
  if (store.readAll(META_PROPERTIES) === null) mustBeFree(store);
  return await DirectoryLock.take(store.name);
}

/** Refuses a directory whose metadata log is not ours, or not the whole of what was committed. Only reads. */
export async function checkMetadata(
  { store, meta, clock, config }: {
    readonly store: Store;
    readonly meta: MetaProperties;
    readonly clock: Clock;
    readonly config: Config;
  },
): Promise<void> {
  const lastStop = { marker: peekCleanShutdown(store), recordedEnd: recordedEnd(store) };
  await MetadataLog.check({ store, meta, clock, topicDefaults: config.topic }, lastStop);
}

/** Where the log ended when that was last written down; null when it was not. */
function recordedEnd(store: Store): RecordedEnd | null {
  const inventory = readInventory(store);
  if (inventory === null || typeof inventory === "string") return null;
  const { brokerEpoch, isClean, metadata } = inventory;
  return { brokerEpoch, isExact: isClean, ...metadata };
}

/** Opens the log and replays it. */
export async function openMetadata(
  context: LogContext,
  { config, meta, makeRoom, turn }: {
    readonly config: Config;
    readonly meta: MetaProperties;
    readonly makeRoom: () => Promise<boolean>;
    readonly turn: GivesWay;
  },
): Promise<{ metadata: MetadataLog; log: PartitionLog; wasCut: boolean }> {
  const { store, clock } = context, events = logger("metadata");
  await noteTornEnd(store);
  const { log, wasCut } = await openMetadataLog(context, config);
  const metadata = await MetadataLog.open({
    store,
    log,
    meta,
    clock,
    topicDefaults: config.topic,
    snapshots: {
      bytes: config.storage.metadataSnapshotBytes,
      intervalMs: config.storage.metadataSnapshotIntervalMs,
    },
    makeRoom,
    give: (bytes) => context.pool.give(bytes),
    turn,
    onProblem: (event, details) => events.warn(event, details),
  });
  return { metadata, log, wasCut };
}

/** Before the end is cut: what it may have given out is skipped by the start that gets so far, if this one does not. */
async function noteTornEnd(store: Store): Promise<void> {
  const folder = `${METADATA_TOPIC}-0`;
  const { tail } = new FrozenLog(store, folder, readQuorumState(store, folder)?.leaderEpoch);
  if (tail === null) return;
  try {
    await noteMetadataCut(store, { batches: batchesIn(tail.bytes), isAccepted: false });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    logger("metadata").warn("cut_not_noted", { error: error.message }); // this start knows of it all the same
  }
}

/** The metadata log is small and its end is not in any checkpoint: its last segment is always checked. */
async function openMetadataLog(
  context: LogContext,
  config: Config,
): Promise<{ log: PartitionLog; wasCut: boolean }> {
  const ref = { topicId: METADATA_TOPIC_ID, topic: METADATA_TOPIC, partition: 0 };
  const topicConfig = { ...config.topic, "cleanup.policy": [], "segment.bytes": 1 << 30 };
  const exists = context.store.list(`${METADATA_TOPIC}-0`).some(({ name }) =>
    name.endsWith(".log")
  );
  if (!exists) return { log: createLog(context, ref, topicConfig), wasCut: false };
  const { log, damage, cutBytes, warnings } = await openLog(context, ref, topicConfig, {
    recoveryPoint: undefined,
    logStartOffset: undefined,
    clean: false,
    journal: [],
  });
  if (damage !== null) throw Object.assign(new Error(damage), { kind: "damage" });
  const events = logger("metadata");
  if (cutBytes > 0) events.warn("torn_tail_cut", { folder: log.folder, bytes: cutBytes });
  for (const found of warnings) events.warn("log_healed", { folder: log.folder, found });
  return { log, wasCut: cutBytes > 0 };
}
