/**
 * notOurs: what a directory says that this broker cannot keep: then it must not write to it. Kafka's own directories of
 * one node with one log directory are fine; the rest would lose something that Kafka can read.
 */
import { sameName } from "../storage/backends/name_case.ts";
import type { MetaProperties } from "../storage/directory/meta_properties.ts";
import type { Catalogue, Partition } from "./catalogue.ts";
import { HELD_FEATURES } from "./features.ts";
import { METADATA_VERSIONS } from "./registration.ts";

/** The first thing found that is not understood, as a sentence after the directory's name; null when there is none. */
export function notOurs(
  catalogue: Catalogue,
  { nodeId, directoryId }: MetaProperties,
  { voters, kraftVersion, features }: {
    voters: readonly number[];
    kraftVersion: number;
    /** Those in force, or those that will be when the cluster begins. */
    features: ReadonlyMap<string, number>;
  },
): string | null {
  const others = voters.filter((id) => id !== nodeId);
  if (others.length > 0) {
    return `belongs to a quorum with node ${
      others.join(", ")
    }, but node ${nodeId} would write it alone: use the directory of a cluster with one controller`;
  }
  const broker = catalogue.brokers().find(({ brokerId }) => brokerId !== nodeId);
  if (broker !== undefined) {
    return `belongs to a cluster with broker ${broker.brokerId}, but broker ${nodeId} would serve it alone: move its partitions away and unregister it first`;
  }
  return unknownFeature(features, kraftVersion) ?? sharedFolder(catalogue) ??
    misplaced(catalogue, nodeId, directoryId) ??
    unregistered(catalogue, nodeId, directoryId);
}

function unknownFeature(
  features: ReadonlyMap<string, number>,
  kraftVersion: number,
): string | null {
  const { min, max } = METADATA_VERSIONS;
  const metadataVersion = features.get("metadata.version") ?? max;
  if (metadataVersion < min || metadataVersion > max) {
    return `is at metadata.version ${metadataVersion}, needs ${min} to ${max}`;
  }
  for (const [name, level] of [...features, ["kraft.version", kraftVersion] as const]) {
    if (name === "metadata.version") continue;
    const known = HELD_FEATURES.find((feature) => feature.name === name);
    if (known === undefined) {
      return `uses the feature ${name}, which this version of Runnel does not know`;
    }
    if (level > known.maxVersion) {
      return `is at ${name} ${level}, needs at most ${known.maxVersion}`;
    }
  }
  return null;
}

/** Two topics that would be one on this file system: what is in their folder is of one of them, or of both. */
function sharedFolder(catalogue: Catalogue): string | null {
  const same = catalogue.foldsCase ? sameName(catalogue.topics().map(({ name }) => name)) : null;
  return same === null
    ? null
    : `has the topics ${same[0]} and ${
      same[1]
    }, which are one folder on this file system, as it does not tell upper from lower case: bring the directory to one that does`;
}

/** Records that lie somewhere else. */
function misplaced(catalogue: Catalogue, nodeId: number, directoryId: string): string | null {
  for (const topic of catalogue.topics()) {
    if (topic.configs.get("remote.storage.enable") === "true") {
      return `has records of topic ${topic.name} in remote storage (remote.storage.enable), which Runnel cannot read`;
    }
    for (const partition of topic.partitions) {
      const where = `has partition ${topic.name}-${partition.index}`;
      const other = partition.replicas.find((id) => id !== nodeId);
      if (other !== undefined) {
        return `${where} with a replica on broker ${other}, needs all on ${nodeId}`;
      }
      const directory = otherDirectory(partition, directoryId);
      if (directory !== undefined) {
        return `${where} in another log directory, ${directory}: move it here first (kafka-reassign-partitions)`;
      }
    }
  }
  return null;
}

/** A directory whose id is not the one that this node registered with. */
function unregistered(catalogue: Catalogue, nodeId: number, directoryId: string): string | null {
  const { logDirs = [] } = catalogue.broker(nodeId) ?? {};
  if (logDirs.length === 0 || logDirs.some((id) => id === directoryId)) return null;
  return `knows broker ${nodeId} with the log directory ${
    logDirs.join(", ")
  }, but meta.properties has directory.id=${directoryId}`;
}

/** Ids up to 99 are reserved: unassigned, lost, migrating (DirectoryId). */
function otherDirectory(partition: Partition, directoryId: string): string | undefined {
  return partition.directories.find((id) =>
    id !== directoryId && !id.startsWith("AAAAAAAAAAAAAAAAAAA")
  );
}
