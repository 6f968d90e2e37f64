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
import { ListOffsets } from "../protocol/messages/list_offsets.ts";
import { Metadata } from "../protocol/messages/metadata.ts";

export interface PartitionCut {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: Uuid;
  /** The log start; asked after the cut, so it may lie above `endOffset`. */
  readonly startOffset: number;
  /** The high watermark. */
  readonly endOffset: number;
}

export interface Cut {
  readonly clusterId: string;
  readonly partitions: readonly PartitionCut[];
}

/** Throws KafkaError for a partition that cannot be read (56): a backup without it would not be one. */
export async function takeCut(connection: Connection): Promise<Cut> {
  const metadata = await connection.request(Metadata, connection.versionFor(Metadata), {
    topics: null,
    allowAutoTopicCreation: false,
  });
  const ids = new Map<string, Uuid>();
  const asked = metadata.topics.map(({ errorCode, name, topicId, partitions }) => {
    check(errorCode, `topic ${name}`);
    ids.set(name!, topicId);
    return { name: name!, partitions: partitions.map(({ partitionIndex }) => partitionIndex) };
  });
  const ends = await offsetsAt(connection, asked, LATEST);
  const starts = await offsetsAt(connection, asked, EARLIEST);
  const partitions: PartitionCut[] = [];
  for (const { name, partitions: indexes } of asked) {
    for (const partition of indexes) {
      const key = `${name}-${partition}`, endOffset = ends.get(key);
      if (endOffset === undefined) continue; // deleted since
      const startOffset = starts.get(key) ?? endOffset, topicId = ids.get(name)!;
      partitions.push({ topic: name, partition, topicId, startOffset, endOffset });
    }
  }
  return { clusterId: metadata.clusterId ?? "", partitions };
}

const LATEST = -1, EARLIEST = -2;

/** By "<topic>-<partition>"; without those that were deleted meanwhile. */
async function offsetsAt(
  connection: Connection,
  asked: readonly { name: string; partitions: readonly number[] }[],
  timestamp: number,
): Promise<Map<string, number>> {
  const { topics } = await connection.request(ListOffsets, connection.versionFor(ListOffsets), {
    replicaId: -1,
    topics: asked.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((partitionIndex) => ({ partitionIndex, timestamp })),
    })),
  });
  const offsets = new Map<string, number>();
  for (const { name, partitions } of topics) {
    for (const { partitionIndex, errorCode, offset } of partitions) {
      if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) continue;
      check(errorCode, `the end of ${name}-${partitionIndex}`);
      offsets.set(`${name}-${partitionIndex}`, offset);
    }
  }
  return offsets;
}
