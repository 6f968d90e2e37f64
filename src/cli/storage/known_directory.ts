/**
 * KnownDirectory: what a start would know of a data directory that no broker uses, by the same functions: what its
 * metadata says of its partitions, and whether the broker would start at all. Reads only.
 */
import { checkMetadata } from "../../broker/metadata_start.ts";
import { parseUuid, ZERO_UUID } from "../../bytes/uuid.ts";
import { systemClock } from "../../clock.ts";
import type { Config } from "../../config/options.ts";
import { lastRunEpoch } from "../../storage/directory/interrupted_start.ts";
import {
  META_PROPERTIES,
  type MetaProperties,
  parseProperties,
} from "../../storage/directory/meta_properties.ts";
import { readPartitionMetadata } from "../../storage/directory/partition_metadata.ts";
import { METADATA_FOLDER } from "../../storage/recovery/root_files.ts";
import type { Catalogued, Finding } from "../../storage/recovery/verify.ts";
import type { Store } from "../../storage/store.ts";
import { Catalogue } from "../../topics/catalogue.ts";
import { FrozenLog } from "../../topics/frozen_log.ts";
import { readMetadataCut } from "../../topics/metadata_cut.ts";
import { IncompleteLogError } from "../../topics/metadata_log_error.ts";
import { Replay, replayLog } from "../../topics/metadata_replay.ts";
import { readQuorumState } from "../../topics/quorum_state.ts";

export interface Known {
  readonly catalogued: Catalogued;
  /** Of the last run that may have used the logs, by the metadata log; undefined where that is not whole. */
  readonly lastBrokerEpoch: number | undefined;
  /** What the broker would refuse to start for. */
  readonly findings: readonly Finding[];
  /** Null where the directory does not say whose it is, or its metadata cannot be read at all. */
  readonly metadata: KnownMetadata | null;
  /** Whether all that is wrong with the metadata log is that something of it is missing. */
  readonly isIncomplete: boolean;
}

export interface KnownMetadata {
  readonly nodeId: number;
  readonly log: FrozenLog;
  readonly catalogue: Catalogue;
}

export const NOTHING_KNOWN: Known = {
  catalogued: () => undefined,
  lastBrokerEpoch: undefined,
  findings: [],
  metadata: null,
  isIncomplete: false,
};

export async function knownOf(store: Store, config: Config): Promise<Known> {
  const meta = identityIn(store, config);
  if (meta === null) return NOTHING_KNOWN; // verifyRootFiles() tells it
  const problem = await startProblem(store, meta, config);
  const findings: Finding[] = problem === null
    ? []
    : [{ kind: "damage", file: METADATA_FOLDER, problem: withoutFolder(store, problem.message) }];
  let metadata: KnownMetadata;
  try {
    metadata = await metadataIn(store, meta, config);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { ...NOTHING_KNOWN, findings };
  }
  const { catalogue } = metadata;
  return {
    catalogued: cataloguedBy(store, catalogue, problem === null),
    lastBrokerEpoch: problem === null
      ? lastRunEpoch(store, catalogue.broker(meta.nodeId))
      : undefined,
    findings,
    metadata,
    isIncomplete: problem instanceof IncompleteLogError,
  };
}

/** By the directory's own word, whatever node the configuration is of. */
function identityIn(store: Store, config: Config): MetaProperties | null {
  const bytes = store.readAll(META_PROPERTIES);
  if (bytes === null) return null;
  const found = parseProperties(new TextDecoder().decode(bytes));
  const nodeId = Number(found.get("node.id") ?? config.nodeId);
  const directoryId = parseUuid(found.get("directory.id") ?? "") ?? ZERO_UUID;
  return { clusterId: found.get("cluster.id") ?? "", nodeId, directoryId };
}

/** Why the broker would refuse the directory for its metadata, or null. */
async function startProblem(
  store: Store,
  meta: MetaProperties,
  config: Config,
): Promise<Error | null> {
  try {
    await checkMetadata({ store, meta, clock: systemClock, config });
    return null;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return error;
  }
}

/** The message without what verify says itself. */
function withoutFolder(store: Store, message: string): string {
  const [told] = message.split(". Nothing has been changed");
  return told.replace(`${store.name}/`, "").replace(new RegExp(`^${METADATA_FOLDER} `), "");
}

async function metadataIn(
  store: Store,
  { nodeId }: MetaProperties,
  config: Config,
): Promise<KnownMetadata> {
  const folder = METADATA_FOLDER;
  const catalogue = new Catalogue({ nodeId, topicDefaults: config.topic });
  const log = new FrozenLog(store, folder, readQuorumState(store, folder)?.leaderEpoch);
  try {
    await replayLog(new Replay(catalogue), { store, log, folder });
  } finally {
    log.close();
  }
  return { nodeId, log, catalogue };
}

/** `isWhole`: a topic that is not in the metadata is none. */
function cataloguedBy(store: Store, catalogue: Catalogue, isWhole: boolean): Catalogued {
  const found = new Map<string, ReturnType<Catalogued>>();
  const lost = readMetadataCut(store)?.batches ?? 0; // above which a start goes
  for (const topic of catalogue.topics()) {
    const mayHaveGaps = catalogue.topicConfig(topic)["cleanup.policy"].includes("compact");
    for (const { index, leaderEpoch } of topic.partitions) {
      found.set(`${topic.name}-${index}`, {
        mayHaveGaps,
        maxLeaderEpoch: leaderEpoch + lost,
        topicId: topic.id,
        wasDeleted: (id) => catalogue.deleted.has(id),
      });
    }
  }
  return (folder) => {
    const known = found.get(folder);
    if (known !== undefined || folder === METADATA_FOLDER || !isWhole) return known;
    const topicId = readPartitionMetadata(store, folder);
    return topicId !== null && catalogue.deleted.has(topicId) ? "deleted" : "stray";
  };
}
