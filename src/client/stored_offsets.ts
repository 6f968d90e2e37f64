/** Stored offsets: what a group has committed, with the text beside each offset, which is the committer's own. */
import { OffsetCommit } from "../protocol/messages/offset_commit.ts";
import type { Cluster } from "./cluster.ts";
import { findCoordinator } from "./coordinators.ts";
import { check } from "./errors.ts";
import { fetchedOffsets } from "./fetched_offsets.ts";
import { grouped } from "./group/partitions_by_topic.ts";
import type { TopicPartition } from "./list_offsets.ts";

export interface StoredOffset extends TopicPartition {
  readonly offset: bigint;
  /** null and "" are the same to a broker. */
  readonly metadata: string;
}

/** Everything a group has committed, and nothing of a transaction that is open. Retries; throws KafkaError. */
export async function storedOffsets(cluster: Cluster, groupId: string): Promise<StoredOffset[]> {
  return await cluster.retry(async () => {
    const { connection } = await findCoordinator(cluster, "group", groupId);
    const all = await fetchedOffsets(connection, { groupId, partitions: null, isStable: true });
    return all.filter(({ offset }) => offset >= 0n).map((
      { topic, partition, offset, metadata },
    ) => ({
      topic,
      partition,
      offset,
      metadata,
    }));
  });
}

/** Commits for a group without members; throws KafkaError for the first that is refused, 25 where it has some. */
export async function storeOffsets(
  cluster: Cluster,
  groupId: string,
  offsets: readonly StoredOffset[],
): Promise<void> {
  await cluster.retry(async () => {
    const { connection } = await findCoordinator(cluster, "group", groupId);
    const version = connection.versionFor(OffsetCommit, LAST_VERSION_WITH_NAMES);
    const { topics } = await connection.request(OffsetCommit, version, {
      groupId,
      memberId: "",
      topics: [...grouped(offsets)].map(([name, partitions]) => ({
        name,
        partitions: partitions.map(({ partition, offset, metadata }) => ({
          partitionIndex: partition,
          committedOffset: offset,
          committedMetadata: metadata,
        })),
      })),
    });
    for (const { name, partitions } of topics) {
      for (const { partitionIndex, errorCode } of partitions) {
        check(errorCode, `commit of group ${groupId} in ${name}-${partitionIndex}`);
      }
    }
  });
}

const LAST_VERSION_WITH_NAMES = 9;
