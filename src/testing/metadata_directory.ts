/**
 * Fixture: a metadata log in a store as a broker has it: checked before anything is touched, opened, and copied with one
 * file changed.
 */
import { BufferPool } from "../bytes/pool.ts";
import { FakeClock } from "./fake_clock.ts";
import { topicConfigDefaults } from "../config/topic_configs.ts";
import { GroupCommit } from "../storage/durability/group_commit.ts";
import type { LogContext } from "../storage/log/log_context.ts";
import { MemoryStore } from "../storage/backends/memory_store.ts";
import { createLog, openLog } from "../storage/log/open_log.ts";
import { DEFAULT_PRODUCER_LIMITS } from "../storage/producers/producer_state.ts";
import type { Store } from "../storage/store.ts";
import { MetadataLog } from "../topics/metadata_log.ts";
import { METADATA_TOPIC, METADATA_TOPIC_ID } from "../topics/metadata_topic.ts";
import type { LastStop } from "../topics/start_evidence.ts";
import { META } from "./topics.ts";

const FOLDER = `${METADATA_TOPIC}-0`;

export function metadataContext(store: Store): LogContext {
  return {
    store,
    clock: new FakeClock(),
    pool: new BufferPool({ keepBytes: 1 << 20 }),
    producers: DEFAULT_PRODUCER_LIMITS,
    commit: new GroupCommit({ policy: "fsync", intervalMs: 0, journal: null, onFailure: () => {} }),
    onProblem: () => {},
  };
}

/** As a broker opens it, once it has been checked. */
export async function openMetadataIn(store: Store, snapshotBytes = Infinity): Promise<MetadataLog> {
  const context = metadataContext(store), config = topicConfigDefaults();
  const ref = { topicId: METADATA_TOPIC_ID, topic: METADATA_TOPIC, partition: 0 };
  const exists = store.list(FOLDER).some(({ name }) => name.endsWith(".log"));
  const checkpoint = {
    recoveryPoint: undefined,
    logStartOffset: undefined,
    clean: false,
    journal: [],
  };
  const opened = exists ? await openLog(context, ref, config, checkpoint) : null;
  if (opened?.damage) throw Object.assign(new Error(opened.damage), { kind: "refused" });
  const log = opened?.log ?? createLog(context, ref, config);
  return await MetadataLog.open({
    store,
    log,
    meta: META,
    clock: context.clock,
    topicDefaults: config,
    snapshots: { bytes: snapshotBytes, intervalMs: Infinity },
  });
}

export function checkMetadataIn(store: Store, lastStop: LastStop): Promise<void> {
  const options = {
    store,
    meta: META,
    clock: new FakeClock(),
    topicDefaults: topicConfigDefaults(),
  };
  return MetadataLog.check(options, lastStop);
}

/** A store with the same files, one of them with other bytes (null: without it). */
export async function changedStore(
  store: Store,
  path: string,
  bytes: Uint8Array | null,
): Promise<MemoryStore> {
  const copy = new MemoryStore();
  for (const { name, isFolder } of store.list("")) {
    if (!isFolder) continue;
    copy.makeFolder(name);
    for (const file of store.list(name)) {
      const at = `${name}/${file.name}`;
      if (at !== path) await copy.replace(at, store.readAll(at)!);
    }
  }
  if (bytes !== null) await copy.replace(path, bytes);
  return copy;
}
