/** Fetched offsets: what a group has committed, asked of its coordinator as each version of OffsetFetch has it. */
import { OffsetFetch } from "../protocol/messages/offset_fetch.ts";
import type { Decoded } from "../protocol/schema.ts";
import type { Connection } from "./connection.ts";
import { check } from "./errors.ts";
import { grouped } from "./group/partitions_by_topic.ts";
import type { TopicPartition } from "./list_offsets.ts";

export interface FetchedOffset extends TopicPartition {
  /** Below 0: nothing is committed. */
  readonly offset: bigint;
  /** -1: not known. */
  readonly leaderEpoch: number;
  readonly metadata: string;
}

export interface OffsetsAsked {
  readonly groupId: string;
  /** null: all that the group has committed. */
  readonly partitions: readonly TopicPartition[] | null;
  /** Whether offsets of a transaction that is not over yet are waited for; brokers before Kafka 2.5 know of no such wish. */
  readonly isStable: boolean;
  /** Who asks, of a group of the consumer protocol; null: nobody of it. */
  readonly member?: { readonly memberId: string; readonly memberEpoch: number } | null;
}

/** One try. Throws KafkaError, for the first partition that fails too; ConnectionError. */
export async function fetchedOffsets(
  connection: Connection,
  { groupId, partitions, isStable, member = null }: OffsetsAsked,
): Promise<FetchedOffset[]> {
  const version = connection.versionFor(OffsetFetch, LAST_VERSION_WITH_NAMES);
  const topics = partitions && [...grouped(partitions)].map(([name, some]) => ({
    name,
    partitionIndexes: some.map(({ partition }) => partition),
  }));
  const hasGroups = version >= FIRST_VERSION_WITH_GROUPS;
  const answer = await connection.request(OffsetFetch, version, {
    ...hasGroups ? { groups: [{ groupId, topics, ...member }] } : { groupId, topics },
    requireStable: isStable && version >= FIRST_VERSION_WITH_STABLE,
  });
  return offsetsIn(groupId, hasGroups ? answer.groups[0] : answer);
}

/** All that many groups have committed, which its coordinator keeps; asked for together where it can be. One try each. */
export async function allFetchedOffsets(
  connection: Connection,
  groupIds: readonly string[],
): Promise<Map<string, FetchedOffset[]>> {
  const version = connection.versionFor(OffsetFetch, LAST_VERSION_WITH_NAMES);
  const found = new Map<string, FetchedOffset[]>();
  if (version < FIRST_VERSION_WITH_GROUPS) {
    for (const groupId of groupIds) {
      const asked = { groupId, partitions: null, isStable: false };
      found.set(groupId, await fetchedOffsets(connection, asked));
    }
    return found;
  }
  const { groups } = await connection.request(OffsetFetch, version, {
    groups: groupIds.map((groupId) => ({ groupId, topics: null })),
    requireStable: false,
  });
  for (const group of groups) found.set(group.groupId, offsetsIn(group.groupId, group));
  return found;
}

type OffsetsAnswer = Pick<
  Decoded<typeof OffsetFetch["response"]>,
  "errorCode" | "topics"
>;

/** Throws KafkaError. */
function offsetsIn(groupId: string, { errorCode, topics }: OffsetsAnswer): FetchedOffset[] {
  check(errorCode, `offsets of group ${groupId}`);
  return topics.flatMap(({ name, partitions }) =>
    partitions.map((one): FetchedOffset => {
      check(one.errorCode, `offset of ${name}-${one.partitionIndex} in group ${groupId}`);
      return {
        topic: name,
        partition: one.partitionIndex,
        offset: one.committedOffset,
        leaderEpoch: one.committedLeaderEpoch,
        metadata: one.metadata ?? "",
      };
    })
  );
}

const FIRST_VERSION_WITH_STABLE = 7, FIRST_VERSION_WITH_GROUPS = 8, LAST_VERSION_WITH_NAMES = 9;
