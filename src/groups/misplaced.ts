/**
 * Misplaced groups: what Runnel 0.1 put into another partition of `__consumer_offsets` than Kafka, for ids whose hash is
 * negative: it took `hash & 0x7fffffff` for Kafka's absolute value. Such groups of one partition all belong into one
 * other partition, and those of that one into the first: with h the hash, the two are congruent to h + 2^31 and -h.
 */
import { coordinatorPartition, javaHashCode } from "../protocol/coordinator_partition.ts";
import { currentFact } from "./consumer/consumer_facts.ts";
import { storedGroup } from "./classic/classic_facts.ts";
import { storedMembers } from "./classic/classic_sync.ts";
import type { Group, LogFact, OffsetCommitted, OffsetGone } from "./group.ts";
import { groupGone } from "./offsets/offset_machine.ts";
import type { RecordTimes } from "./record_times.ts";

/** Where Runnel 0.1 kept the group. */
export function earlierPartition(groupId: string, partitionCount: number): number {
  return (javaHashCode(groupId) & 0x7fffffff) % partitionCount;
}

/** Whether this partition has the group from Runnel 0.1, and Kafka would look for it in another. */
export function isMisplaced(groupId: string, index: number, partitionCount: number): boolean {
  return earlierPartition(groupId, partitionCount) === index &&
    coordinatorPartition(groupId, partitionCount) !== index;
}

/** The other partition of the pair. */
export function counterpartOf(index: number, partitionCount: number): number {
  return (2 ** 31 - index) % partitionCount;
}

/** One side: what a partition knows of the group, and when it was said. */
export interface Side {
  readonly group: Readonly<Group> | undefined;
  readonly times: RecordTimes;
}

/**
 * What of a misplaced group is newer than what its right partition has: membership as a whole, since epochs, members and
 * assignments go together, and each offset by itself. What is as old is there already, from a move that was cut off.
 */
export function newerFacts(
  groupId: string,
  from: Side,
  to: Side,
): { membership: LogFact[]; membershipMs: number; offsets: OffsetCommitted[] } {
  const { group } = from, membershipMs = from.times.membershipMs(groupId);
  if (group === undefined) return { membership: [], membershipMs, offsets: [] };
  const isNewer = isPart(to.group) || membershipMs > to.times.membershipMs(groupId);
  const earlier = to.group?.isStored ? groupGone(to.group) : [];
  const membership = group.isStored && isNewer ? [...earlier, ...membershipFacts(group)] : [];
  const offsets: OffsetCommitted[] = [];
  for (const [topic, partitions] of group.offsets.topics()) {
    for (const [partition, committed] of partitions) {
      const there = to.group?.offsets.get(topic, partition);
      const thereMs = there?.commitTimestampMs ?? to.times.goneMs(groupId, { topic, partition });
      if (committed.commitTimestampMs <= thereMs) continue;
      offsets.push({ kind: "committed", topic, partition, committed });
    }
  }
  return { membership, membershipMs, offsets };
}

/** The tombstones that take the whole group out of a partition. */
export function tombstones(group: Readonly<Group>): LogFact[] {
  const gone: OffsetGone[] = [];
  for (const [topic, partitions] of group.offsets.topics()) {
    for (const partition of partitions.keys()) gone.push({ kind: "offsetGone", topic, partition });
  }
  return group.isStored ? [...gone, ...groupGone(group)] : gone;
}

/** A consumer group has its epoch from its last batch: before that a move was cut off. */
function isPart(group: Readonly<Group> | undefined): boolean {
  return group?.members.type === "consumer" && group.members.epoch === 0;
}

/** All that the log says of the group itself; the epoch of a consumer group comes last. */
function membershipFacts({ members }: Readonly<Group>): LogFact[] {
  if (members.type === "classic") {
    const all = storedMembers(members, members.protocol, ({ assignment }) => assignment);
    return [storedGroup(members, { members: all })];
  }
  const facts: LogFact[] = [];
  for (const { id: memberId, metadata } of members.members.values()) {
    facts.push({ kind: "member", memberId, metadata });
  }
  for (const [pattern, resolved] of members.regexes) {
    facts.push({ kind: "regex", pattern, resolved });
  }
  for (const [memberId, assignment] of members.targets) {
    facts.push({ kind: "target", memberId, assignment });
  }
  const { assignmentEpoch, assignedAtMs, epoch, metadataHash } = members;
  facts.push({ kind: "targetEpoch", epoch: assignmentEpoch, assignedAtMs });
  for (const member of members.members.values()) facts.push(currentFact(member));
  return [...facts, { kind: "epoch", epoch, metadataHash }];
}
