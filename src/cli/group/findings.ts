/**
 * Findings: what keeps a group from getting on, told from two looks at it, in sentences for people.
 */
import { counted } from "../counted.ts";
import type { GroupDescription, GroupMember } from "../../client/groups.ts";

/** A group at one moment. */
export interface GroupLook {
  readonly group: GroupDescription;
  readonly partitions: readonly PartitionLook[];
}

export interface PartitionLook {
  readonly topic: string;
  readonly partition: number;
  /** null: nothing. */
  readonly committed: number | null;
  /** Where the partition's records begin and end; null when there is no such partition any more. */
  readonly start: number | null;
  readonly end: number | null;
  /** The member that has it; null: nobody. */
  readonly ownerId: string | null;
}

/** What a group is behind; null where that cannot be told. */
export function lagOf({ committed, start, end }: PartitionLook): number | null {
  if (start === null || end === null) return null;
  return Math.max(0, end - (committed ?? start));
}

/** One line a finding; none when the group is well. */
export function findings(before: GroupLook, now: GroupLook, apartMs: number): string[] {
  const { group } = now;
  return [
    ...rebalanceFindings(group),
    ...group.members.flatMap((member) => memberFindings(group, member)),
    ...partitionFindings(before, now, apartMs),
  ];
}

export function nameOf({ id, instanceId, clientId, host }: GroupMember): string {
  const who = instanceId === null ? id : `${id} (instance ${instanceId})`;
  return `${who}, client ${clientId || "without id"} at ${host}`;
}

function rebalanceFindings(group: GroupDescription): string[] {
  const lines: string[] = [];
  if (group.state === "Empty" || group.members.length === 0) {
    lines.push("The group has no members: nobody reads for it.");
  }
  if (group.rebalancingMs !== null) {
    lines.push(`A rebalance has been going on for ${seconds(group.rebalancingMs)}.`);
  } else if (UNSETTLED.has(group.state)) {
    lines.push(`The group is ${group.state}: its members have no settled assignment.`);
  }
  if (group.pendingMembers > 0) {
    lines.push(
      `${
        counted(group.pendingMembers, "member id")
      } handed out to clients that have not joined with them.`,
    );
  }
  return lines;
}

const UNSETTLED = new Set([
  "PreparingRebalance",
  "CompletingRebalance",
  "Assigning",
  "Reconciling",
]);

function memberFindings(group: GroupDescription, member: GroupMember): string[] {
  const lines: string[] = [];
  const { awaited, silentMs, sessionTimeoutMs, epoch } = member;
  if (awaited === "join") lines.push(`Has not joined the rebalance: ${nameOf(member)}.`);
  if (awaited === "sync") {
    lines.push(`Has joined, but not asked for its assignment: ${nameOf(member)}.`);
  }
  // Clients beat every third of their session, or more often.
  if (silentMs !== null && sessionTimeoutMs !== null && silentMs > sessionTimeoutMs / 2) {
    lines.push(
      `Has stopped beating: ${nameOf(member)}; silent for ${seconds(silentMs)}, dropped after ${
        seconds(sessionTimeoutMs)
      }.`,
    );
  }
  if (epoch !== null && group.epoch !== null && epoch < group.epoch) {
    lines.push(`Is at epoch ${epoch}, behind the group's ${group.epoch}: ${nameOf(member)}.`);
  }
  const kept = keptTooLong(member);
  if (kept.length > 0) lines.push(`Has yet to give up ${kept.join(", ")}: ${nameOf(member)}.`);
  return lines;
}

/** Partitions that a member of the consumer protocol has though they are to go elsewhere. */
function keptTooLong({ partitions, target }: GroupMember): string[] {
  if (target === null) return [];
  const due = new Set(target.map(partitionName));
  return partitions.map(partitionName).filter((name) => !due.has(name));
}

function partitionFindings(before: GroupLook, now: GroupLook, apartMs: number): string[] {
  const lines: string[] = [];
  const isAssigned = now.group.members.length > 0 && !UNSETTLED.has(now.group.state);
  const earlier = new Map(before.partitions.map((one) => [partitionName(one), one]));
  const unread = new Map<string, PartitionLook[]>();
  for (const one of now.partitions) {
    const name = partitionName(one);
    if (one.end === null) {
      lines.push(`${name} has a committed offset but does not exist.`);
      continue;
    }
    const lag = lagOf(one), then = earlier.get(name);
    const stands = Boolean(lag) && then !== undefined && one.committed === then.committed;
    if (one.ownerId === null) {
      if (isAssigned || stands) unread.set(one.topic, [...unread.get(one.topic) ?? [], one]);
    } else if (stands) {
      const at = one.committed === null ? "nothing is committed" : `still at ${one.committed}`;
      lines.push(`${name} makes no progress: ${at}, ${lag} behind, over ${seconds(apartMs)}.`);
    }
  }
  return [...lines, ...[...unread.values()].map(unreadFinding)];
}

/** One line a topic: a group without members would have one a partition. */
function unreadFinding(partitions: readonly PartitionLook[]): string {
  const [{ topic }] = partitions;
  const lag = partitions.reduce((sum, one) => sum + (lagOf(one) ?? 0), 0);
  const behind = lag === 0 ? "" : `, ${lag} behind`;
  if (partitions.length === 1) return `${partitionName(partitions[0])} has no owner${behind}.`;
  const which = ranges(partitions.map(({ partition }) => partition));
  return `${partitions.length} partitions of ${topic} have no owner${behind}: ${which}.`;
}

/** "0-2, 5" of numbers in order. */
function ranges(numbers: readonly number[]): string {
  const runs: [first: number, last: number][] = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run !== undefined && run[1] === number - 1) run[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([first, last]) => first === last ? `${first}` : `${first}-${last}`).join(", ");
}

export function partitionName({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}-${partition}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
