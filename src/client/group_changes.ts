/**
 * Group changes: what an operator may do to a group that nobody is a member of: commit for it, forget what it has
 * committed, delete it. The coordinator refuses each while there are members, so that nobody is overwritten who joins
 * meanwhile.
 */
import { DeleteGroups } from "../protocol/messages/delete_groups.ts";
import { OffsetCommit } from "../protocol/messages/offset_commit.ts";
import { OffsetDelete } from "../protocol/messages/offset_delete.ts";
import type { CallOptions } from "./call.ts";
import type { Cluster } from "./cluster.ts";
import { findCoordinator } from "./coordinators.ts";
import { check } from "./errors.ts";
import type { Committed } from "./groups.ts";
import type { TopicPartition } from "./list_offsets.ts";

/** Commits as a consumer without a group's protocol does; throws KafkaError for the first that is refused. */
export async function commitOffsets(
  cluster: Cluster,
  groupId: string,
  offsets: readonly Committed[],
  call: CallOptions = {},
): Promise<void> {
  await cluster.retry(async () => {
    const { connection } = await findCoordinator(cluster, "group", groupId);
    const version = connection.versionFor(OffsetCommit, LAST_VERSION_WITH_NAMES);
    const { topics } = await connection.request(OffsetCommit, version, {
      groupId,
      memberId: "",
      topics: [...byTopic(offsets)].map(([name, partitions]) => ({
        name,
        partitions: partitions.map(({ partition, offset }) => ({
          partitionIndex: partition,
          committedOffset: offset,
          committedMetadata: "",
        })),
      })),
    });
    for (const { name, partitions } of topics) {
      for (const { partitionIndex, errorCode } of partitions) {
        check(errorCode, `commit of group ${groupId} in ${name}-${partitionIndex}`);
      }
    }
  }, call);
}

const LAST_VERSION_WITH_NAMES = 9;

/** Forgets what a group has committed there. Partitions of topics that a member subscribes to are refused. */
export async function deleteOffsets(
  cluster: Cluster,
  groupId: string,
  partitions: readonly TopicPartition[],
  call: CallOptions = {},
): Promise<void> {
  await cluster.retry(async () => {
    const { connection } = await findCoordinator(cluster, "group", groupId);
    const response = await connection.request(OffsetDelete, connection.versionFor(OffsetDelete), {
      groupId,
      topics: [...byTopic(partitions)].map(([name, ofTopic]) => ({
        name,
        partitions: ofTopic.map(({ partition }) => ({ partitionIndex: partition })),
      })),
    });
    check(response.errorCode, `offsets of group ${groupId}`);
    for (const { name, partitions } of response.topics) {
      for (const { partitionIndex, errorCode } of partitions) {
        check(errorCode, `offset of group ${groupId} in ${name}-${partitionIndex}`);
      }
    }
  }, call);
}

/** Deletes a group with all it has committed. */
export async function deleteGroup(
  cluster: Cluster,
  groupId: string,
  call: CallOptions = {},
): Promise<void> {
  await cluster.retry(async () => {
    const { connection } = await findCoordinator(cluster, "group", groupId);
    const { results: [result] } = await connection.request(
      DeleteGroups,
      connection.versionFor(DeleteGroups),
      { groupsNames: [groupId] },
    );
    check(result.errorCode, `delete group ${groupId}`, result.errorMessage || null);
  }, call);
}

function byTopic<P extends TopicPartition>(partitions: readonly P[]): Map<string, P[]> {
  const found = new Map<string, P[]>();
  for (const one of partitions) {
    const others = found.get(one.topic);
    if (others === undefined) found.set(one.topic, [one]);
    else others.push(one);
  }
  return found;
}
