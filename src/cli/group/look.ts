/**
 * Look: groups at one moment, with what each has committed of each partition and where those begin and end. Many groups are
 * looked at with a few requests.
 */
import type { Cluster } from "../../client/cluster.ts";
import {
  type Committed,
  committedOffsetsOf,
  describeGroups,
  type GroupDescription,
} from "../../client/groups.ts";
import { listOffsets, type TopicPartition } from "../../client/list_offsets.ts";
import { type GroupLook, type PartitionLook, partitionName } from "./findings.ts";

/** A group as it is now; null when there is none of that name. */
export async function look(cluster: Cluster, groupId: string): Promise<GroupLook | null> {
  return (await looks(cluster, [groupId])).get(groupId) ?? null;
}

/** Those of them that there are, in the order asked. */
export async function looks(
  cluster: Cluster,
  groupIds: readonly string[],
): Promise<Map<string, GroupLook>> {
  const [groups, committed] = await Promise.all([
    describeGroups(cluster, groupIds),
    committedOffsetsOf(cluster, groupIds),
  ]);
  const seen = groupIds.flatMap((groupId): Seen[] => {
    const group = groups.get(groupId);
    return group === undefined ? [] : [{ group, committed: committed.get(groupId) ?? [] }];
  });
  const counts = await partitionCounts(cluster, seen);
  const wanted = seen.map((one) => wantedOf(one, counts));
  const existing = new Map<string, TopicPartition>();
  for (const [name, one] of wanted.flatMap((some) => [...some])) {
    if (one.partition < (counts.get(one.topic) ?? 0)) existing.set(name, one);
  }
  const [starts, ends] = await Promise.all([
    bounds(cluster, [...existing.values()], "earliest"),
    bounds(cluster, [...existing.values()], "latest"),
  ]);
  return new Map(
    seen.map((one, at) => [one.group.groupId, lookOf(one, wanted[at], { starts, ends })]),
  );
}

interface Seen {
  readonly group: GroupDescription;
  readonly committed: readonly Committed[];
}

/** By name; topics that are not there are not in it. */
async function partitionCounts(
  cluster: Cluster,
  seen: readonly Seen[],
): Promise<Map<string, number>> {
  const names = new Set(seen.flatMap(({ group, committed }) => [
    ...subscribedBy(group),
    ...committed.map(({ topic }) => topic),
  ]));
  const topics = await cluster.retry(() => cluster.topics([...names]));
  return new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
}

function subscribedBy({ members }: GroupDescription): Set<string> {
  return new Set(members.flatMap(({ topics }) => topics));
}

/** What it has committed, and all of what its members subscribe to, by "topic-partition". */
function wantedOf(
  { group, committed }: Seen,
  counts: ReadonlyMap<string, number>,
): Map<string, TopicPartition> {
  const wanted = new Map<string, TopicPartition>();
  const want = (one: TopicPartition) => wanted.set(partitionName(one), one);
  for (const { topic, partition } of committed) want({ topic, partition });
  for (const topic of subscribedBy(group)) {
    for (let partition = 0; partition < (counts.get(topic) ?? 0); partition++) {
      want({ topic, partition });
    }
  }
  return wanted;
}

async function bounds(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  at: "earliest" | "latest",
): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (let from = 0; from < partitions.length; from += PARTITIONS_AT_ONCE) {
    const some = partitions.slice(from, from + PARTITIONS_AT_ONCE);
    for (const one of await listOffsets(cluster, some.map((one) => ({ ...one, at })))) {
      found.set(partitionName(one), one.offset);
    }
  }
  return found;
}

/** Of one request: brokers have a limit, and others wait for their turn meanwhile. */
const PARTITIONS_AT_ONCE = 5000;

function lookOf(
  { group, committed }: Seen,
  wanted: ReadonlyMap<string, TopicPartition>,
  { starts, ends }: {
    readonly starts: ReadonlyMap<string, number>;
    readonly ends: ReadonlyMap<string, number>;
  },
): GroupLook {
  const offsets = new Map(committed.map((one) => [partitionName(one), Number(one.offset)]));
  const owners = ownersOf(group);
  const partitions = [...wanted].map(([name, one]): PartitionLook => ({
    ...one,
    committed: offsets.get(name) ?? null,
    start: starts.get(name) ?? null,
    end: ends.get(name) ?? null,
    ownerId: owners.get(name) ?? null,
  }));
  partitions.sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1
  );
  return { group, partitions };
}

function ownersOf(group: GroupDescription): Map<string, string> {
  const owners = new Map<string, string>();
  for (const { id, partitions } of group.members) {
    for (const one of partitions) owners.set(partitionName(one), id);
  }
  return owners;
}
