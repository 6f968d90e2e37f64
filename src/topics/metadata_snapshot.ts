/**
 * MetadataSnapshot: the whole image as one file, `<end offset>-<epoch>.checkpoint` (KIP-630), so that the log before it
 * can go and a start costs what the image is large, not what the directory is old.
 *
 * Written whole or not at all, then the log is cut behind it: a crash in between leaves a log that is longer than it
 * needs to be. Records come in the order of Kafka's MetadataImage; a quorum whose voters stand in the log (KIP-853)
 * finds them in the header batch.
 */
import type { Store } from "../storage/store.ts";
import type { Catalogue } from "./catalogue.ts";
import { type QuorumRecords, snapshotFile } from "./metadata_batch.ts";
import type { NewRecord } from "./metadata_record.ts";
import { partitionRecord } from "./registration.ts";

/** When a snapshot is due: the first limit that is reached. */
export interface SnapshotLimits {
  /** Bytes of batches behind the last one (Kafka: metadata.log.max.record.bytes.between.snapshots). */
  readonly bytes: number;
  /** Age of the oldest batch behind the last one (Kafka: metadata.log.max.snapshot.interval.ms). */
  readonly intervalMs: number;
}

/** Writes the snapshot of everything before `endOffset` and removes the older ones. */
export async function writeSnapshot(
  store: Store,
  folder: string,
  image: {
    readonly catalogue: Catalogue;
    readonly metadataVersion: number;
    readonly quorum: QuorumRecords;
    readonly endOffset: number;
    readonly leaderEpoch: number;
    readonly nowMs: number;
  },
): Promise<void> {
  const { endOffset, leaderEpoch, nowMs, quorum } = image;
  const records = [...imageRecords(image.catalogue, image.metadataVersion)];
  const name = `${pad(endOffset, 20)}-${pad(leaderEpoch, 10)}.checkpoint`;
  await store.replace(`${folder}/${name}`, snapshotFile(records, { nowMs, leaderEpoch }, quorum));
}

/** Removes the snapshots before that of `endOffset`, and what a crash left of one. */
export function removeOlderSnapshots(store: Store, folder: string, endOffset: number): void {
  for (const { name } of store.list(folder)) {
    const found = snapshotOffset(name.replace(/\.tmp$/, ""));
    if (found !== null && found < endOffset) store.remove(`${folder}/${name}`);
  }
}

/** The offset after the last one that a snapshot file of this name holds, or null. */
export function snapshotOffset(name: string): number | null {
  return parseSnapshotName(name)?.endOffset ?? null;
}

/** What the name of a snapshot file says; null when it is none. */
export function parseSnapshotName(name: string): { endOffset: number; epoch: number } | null {
  const match = /^(\d{20})-(\d{10})\.checkpoint$/.exec(name);
  return match && { endOffset: Number(match[1]), epoch: Number(match[2]) };
}

/** Records that make the image from nothing. */
function* imageRecords(catalogue: Catalogue, metadataVersion: number): Generator<NewRecord> {
  const features = [...catalogue.features];
  // Kafka needs this one before it can read any other.
  features.sort(([a], [b]) => Number(b === "metadata.version") - Number(a === "metadata.version"));
  for (const [name, featureLevel] of features) {
    yield { kind: "FeatureLevelRecord", version: 0, value: { name, featureLevel } };
  }
  for (const broker of catalogue.brokers()) {
    const version = metadataVersion >= 30 ? 4 : 3;
    yield { kind: "RegisterBrokerRecord", version, value: broker };
  }
  for (const value of catalogue.controllers()) {
    yield { kind: "RegisterControllerRecord", version: 0, value };
  }
  for (const topic of catalogue.topics()) {
    yield {
      kind: "TopicRecord",
      version: 0,
      value: { name: topic.name, topicId: topic.id },
    };
    for (const partition of topic.partitions) {
      yield partitionRecord(topic, partition, metadataVersion);
    }
  }
  for (const { resourceType, resourceName, configs } of catalogue.allConfigs()) {
    for (const [name, value] of configs) {
      yield {
        kind: "ConfigRecord",
        version: 0,
        value: { resourceType, resourceName, name, value },
      };
    }
  }
  if (catalogue.nextProducerId > 0) {
    const value = { brokerId: -1, brokerEpoch: -1, nextProducerId: catalogue.nextProducerId };
    yield { kind: "ProducerIdsRecord", version: 0, value };
  }
  yield* catalogue.keptRecords();
}

const pad = (value: number, digits: number) => String(value).padStart(digits, "0");
