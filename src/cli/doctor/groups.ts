/** Groups: those that do not get on, and why: told from two looks at each. */
import type { Cluster } from "../../client/cluster.ts";
import {
  committedOffsets,
  describeGroup,
  type GroupDescription,
  type GroupListing,
  listGroups,
} from "../../client/groups.ts";
import { KafkaError } from "../../client/errors.ts";
import { type PartitionEnd, partitionEnds } from "../../client/partition_ends.ts";
import type { TopicPartition } from "../../client/list_offsets.ts";
import { counted } from "../counted.ts";
import { type Check, few, type Found } from "./finding.ts";
import { type GroupAtOnce, stuckBecause } from "./stuck.ts";

/** Those looked at; the ones with members first. */
const MAX_GROUPS = 200;
const AT_ONCE = 16;

export const groupsCheck: Check = {
  name: "groups",
  look: async (scene) => {
    const { cluster } = scene, found: Found[] = [];
    const listed = byActivity(await listGroups(cluster)), looked = listed.slice(0, MAX_GROUPS);
    await cluster.topics(); // all leaders at once
    const before = await lookAtAll(cluster, looked), beganMs = performance.now();
    await scene.later(); // a whole wait: clients commit every five seconds
    const after = await lookAtAll(cluster, looked), apartMs = performance.now() - beganMs;
    for (const { groupId } of looked) {
      const now = after.get(groupId), then = before.get(groupId);
      if (now instanceof KafkaError) {
        found.push({ severity: "unseen", what: `group ${groupId}: ${now.message}` });
      } else if (now !== undefined && then !== undefined && !(then instanceof KafkaError)) {
        for (const { severity, what, evidence } of stuckBecause(then, now, apartMs)) {
          const command = scene.runnel(["group", "describe"], [groupId]);
          found.push({ severity, what: `Group ${groupId} ${what}`, evidence, command });
        }
      }
    }
    const left = listed.slice(MAX_GROUPS);
    if (left.length > 0) {
      const names = few(left.map(({ groupId }) => groupId), 3);
      found.push({ severity: "unseen", what: `${counted(left.length, "more group")} (${names})` });
    }
    return found;
  },
};

/** Those that do something first. */
function byActivity(groups: readonly GroupListing[]): GroupListing[] {
  const isOfConsumers = ({ protocolType, type }: GroupListing) =>
    type === "consumer" || type === "classic" || protocolType === "consumer" || type === "";
  const weight = ({ state }: GroupListing) => state === "Empty" || state === "Dead" ? 1 : 0;
  return groups.filter(isOfConsumers).sort((a, b) => weight(a) - weight(b));
}

type Looked = GroupAtOnce | KafkaError;

/** Without those that are gone. */
async function lookAtAll(
  cluster: Cluster,
  groups: readonly GroupListing[],
): Promise<Map<string, Looked>> {
  const described = new Map<
    string,
    { group: GroupDescription; committed: Committed } | KafkaError
  >();
  const left = [...groups];
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) {
      const { groupId } = one;
      try {
        const [group, committed] = await Promise.all([
          describeGroup(cluster, groupId),
          committedOffsets(cluster, groupId),
        ]);
        if (group !== null) described.set(groupId, { group, committed });
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        described.set(groupId, error);
      }
    }
  }));
  const ends = await endsOf(cluster, described.values());
  return new Map([...described].map(([groupId, one]): [string, Looked] => [
    groupId,
    one instanceof KafkaError ? one : { ...one, ends },
  ]));
}

type Committed = Awaited<ReturnType<typeof committedOffsets>>;

/** Of every partition that one of them has something committed of, or reads; by "topic-partition". */
async function endsOf(
  cluster: Cluster,
  described: Iterable<{ group: GroupDescription; committed: Committed } | KafkaError>,
): Promise<Map<string, PartitionEnd>> {
  const wanted = new Map<string, TopicPartition>();
  for (const one of described) {
    if (one instanceof KafkaError) continue;
    const assigned = one.group.members.flatMap(({ partitions }) => partitions);
    for (const { topic, partition } of [...one.committed, ...assigned]) {
      wanted.set(`${topic}-${partition}`, { topic, partition });
    }
  }
  const ends = await partitionEnds(cluster, [...wanted.values()]);
  return new Map(ends.map((end) => [`${end.topic}-${end.partition}`, end]));
}
