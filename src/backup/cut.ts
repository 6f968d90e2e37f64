/**
 * takeCut: the moment a backup is of.
 *
 * A backup must hold all of a transaction or none, and no commit of an offset whose record it lacks. So the high
 * watermarks of all partitions, those of the internal topics among them, have to be of one moment. One ListOffsets
 * request is enough: a broker answers it in one turn of its event loop, in which nothing else happens. What a record
 * depends on was below a high watermark before the record was written: the state of a transaction before its records
 * and markers, a record before the commit of its offset.
 */
import type { Uuid } from "../bytes/uuid.ts";
import type { Connection } from "../client/connection.ts";
import { check } from "../client/errors.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeConfigs } from "../protocol/messages/describe_configs.ts";
import { DescribeQuorum } from "../protocol/messages/describe_quorum.ts";
import { ListOffsets } from "../protocol/messages/list_offsets.ts";
import { Metadata } from "../protocol/messages/metadata.ts";

export interface NamedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: Uuid;
}

export interface PartitionCut extends NamedPartition {
  /** The log start just before the cut. */
  readonly startOffset: number;
  /** The high watermark. */
  readonly endOffset: number;
}

export interface Cut {
  readonly clusterId: string;
  readonly partitions: readonly PartitionCut[];
  /** Those that the broker cannot read or write. */
  readonly offline: readonly NamedPartition[];
}

export interface Partitions {
  readonly clusterId: string;
  /** In the order of the broker's answer. */
  readonly partitions: readonly NamedPartition[];
}

/** All there are now. */
export async function partitionsOf(connection: Connection): Promise<Partitions> {
  const metadata = await connection.request(Metadata, connection.versionFor(Metadata), {
    topics: null,
    allowAutoTopicCreation: false,
  });
  const found = metadata.topics.flatMap(({ errorCode, name, topicId, partitions }) => {
    check(errorCode, `topic ${name}`);
    return partitions.map(({ partitionIndex }) => ({
      topic: name!,
      partition: partitionIndex,
      topicId,
    }));
  });
  return { clusterId: metadata.clusterId ?? "", partitions: found };
}

/**
 * Without the partitions that were deleted since they were listed.
 */
export async function takeCut(connection: Connection, of?: Partitions): Promise<Cut> {
  const { clusterId, partitions } = of ?? await partitionsOf(connection);
  // The starts come first: a log start only moves up, so what the cut has lies above them.
  const starts = await offsetsAt(connection, partitions, EARLIEST);
  const ends = await offsetsAt(connection, partitions, LATEST);
  const cuts: PartitionCut[] = [], offline: NamedPartition[] = [];
  for (const one of partitions) {
    const key = `${one.topic}-${one.partition}`;
    if (starts.get(key) === OFFLINE || ends.get(key) === OFFLINE) {
      offline.push(one);
      continue;
    }
    const startOffset = starts.get(key), endOffset = ends.get(key);
    if (startOffset !== undefined && endOffset !== undefined) {
      cuts.push({ ...one, startOffset, endOffset });
    }
  }
  return { clusterId, partitions: cuts, offline };
}

/** Those that the broker cannot read or write now. */
export async function offlineAmong(
  connection: Connection,
  { partitions }: Partitions,
): Promise<NamedPartition[]> {
  const starts = await offsetsAt(connection, partitions, EARLIEST);
  return partitions.filter(({ topic, partition }) =>
    starts.get(`${topic}-${partition}`) === OFFLINE
  );
}

/** The end of the metadata log: all that the broker knows of topics, configs and producer ids is below. */
export async function metadataEndOf(connection: Connection): Promise<number> {
  const { errorCode, topics } = await connection.request(
    DescribeQuorum,
    connection.versionFor(DescribeQuorum),
    { topics: [{ topicName: METADATA_TOPIC, partitions: [{ partitionIndex: 0 }] }] },
  );
  check(errorCode, "the end of the metadata log");
  const partition = topics[0].partitions[0];
  check(partition.errorCode, "the end of the metadata log");
  return partition.highWatermark;
}

/** The topics whose cleanup.policy has "compact" in it. */
export async function compactedTopics(
  connection: Connection,
  topics: readonly string[],
): Promise<Set<string>> {
  const compacted = new Set<string>();
  if (topics.length === 0) return compacted;
  const version = connection.versionFor(DescribeConfigs);
  const { results } = await connection.request(DescribeConfigs, version, {
    resources: topics.map((resourceName) => ({
      resourceType: TOPIC,
      resourceName,
      configurationKeys: ["cleanup.policy"],
    })),
    includeSynonyms: false,
  });
  for (const { errorCode, resourceName, configs } of results) {
    if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) continue; // seen when the topics are listed again
    check(errorCode, `the configs of ${resourceName}`);
    if (configs[0]?.value?.includes("compact")) compacted.add(resourceName);
  }
  return compacted;
}

const LATEST = -1, EARLIEST = -2;
/** In place of an offset. */
const OFFLINE = -1;
const TOPIC = 2;
const METADATA_TOPIC = "__cluster_metadata";

/** By "<topic>-<partition>", OFFLINE where it cannot be read; without those that were deleted meanwhile. */
async function offsetsAt(
  connection: Connection,
  asked: readonly NamedPartition[],
  timestamp: number,
): Promise<Map<string, number>> {
  const byTopic = new Map<string, { partitionIndex: number; timestamp: number }[]>();
  for (const { topic, partition } of asked) {
    if (!byTopic.has(topic)) byTopic.set(topic, []);
    byTopic.get(topic)!.push({ partitionIndex: partition, timestamp });
  }
  const { topics } = await connection.request(ListOffsets, connection.versionFor(ListOffsets), {
    replicaId: -1,
    topics: [...byTopic].map(([name, partitions]) => ({ name, partitions })),
  });
  const offsets = new Map<string, number>();
  for (const { name, partitions } of topics) {
    for (const { partitionIndex, errorCode, offset } of partitions) {
      if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) continue;
      const isOffline = errorCode === ErrorCode.KAFKA_STORAGE_ERROR;
      if (!isOffline) check(errorCode, `the end of ${name}-${partitionIndex}`);
      offsets.set(`${name}-${partitionIndex}`, isOffline ? OFFLINE : offset);
    }
  }
  return offsets;
}
