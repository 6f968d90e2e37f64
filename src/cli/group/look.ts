/** Look: a group at one moment, with what it has committed of each partition and where those begin and end. */
import type { Cluster } from "../../client/cluster.ts";
import { committedOffsets, describeGroup, type GroupDescription } from "../../client/groups.ts";
import { listOffsets, type TopicPartition } from "../../client/list_offsets.ts";
import { type GroupLook, type PartitionLook, partitionName } from "./findings.ts";

/** A group as it is now; null when there is none of that name. */
export async function look(cluster: Cluster, groupId: string): Promise<GroupLook | null> {
  const group = await describeGroup(cluster, groupId);
  if (group === null) return null;
  const committed = new Map<string, number>();
  const wanted = new Map<string, TopicPartition>();
  for (const { offset, ...one } of await committedOffsets(cluster, groupId)) {
    committed.set(partitionName(one), Number(offset));
    wanted.set(partitionName(one), one);
  }
  const subscribed = new Set(group.members.flatMap(({ topics }) => topics));
  const names = new Set([...subscribed, ...[...wanted.values()].map(({ topic }) => topic)]);
  const counts = new Map<string, number>();
  for (const { name, partitions } of await cluster.retry(() => cluster.topics([...names]))) {
    counts.set(name, partitions.length);
  }
  for (const topic of subscribed) {
    for (let partition = 0; partition < (counts.get(topic) ?? 0); partition++) {
      wanted.set(partitionName({ topic, partition }), { topic, partition });
    }
  }
  const existing = [...wanted.values()].filter(({ topic, partition }) =>
    partition < (counts.get(topic) ?? 0)
  );
  const [starts, ends] = await Promise.all([
    bounds(cluster, existing, "earliest"),
    bounds(cluster, existing, "latest"),
  ]);
  const owners = ownersOf(group);
  const partitions = [...wanted].map(([name, one]): PartitionLook => ({
    ...one,
    committed: committed.get(name) ?? null,
    start: starts.get(name) ?? null,
    end: ends.get(name) ?? null,
    ownerId: owners.get(name) ?? null,
  }));
  partitions.sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1
  );
  return { group, partitions };
}

async function bounds(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  at: "earliest" | "latest",
): Promise<Map<string, number>> {
  const found = await listOffsets(cluster, partitions.map((one) => ({ ...one, at })));
  return new Map(found.map((one) => [partitionName(one), one.offset]));
}

function ownersOf(group: GroupDescription): Map<string, string> {
  const owners = new Map<string, string>();
  for (const { id, partitions } of group.members) {
    for (const one of partitions) owners.set(partitionName(one), id);
  }
  return owners;
}
