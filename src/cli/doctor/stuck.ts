/**
 * Stuck: why a group does not get on, from two looks at it. A look costs few requests for many groups, so this judges by
 * less than `runnel group describe` shows, and says less: what stands, not all that can be seen.
 */
import type { Committed, GroupDescription, GroupMember } from "../../client/groups.ts";
import type { PartitionEnd } from "../../client/partition_ends.ts";
import { durationText, few, type Found } from "./finding.ts";

/** A group at one moment. */
export interface GroupAtOnce {
  readonly group: GroupDescription;
  readonly committed: readonly Committed[];
  /** By "topic-partition"; of other groups' partitions too. */
  readonly ends: ReadonlyMap<string, PartitionEnd>;
}

export type Stuck = Required<Pick<Found, "severity" | "what" | "evidence">>;

/** A rebalance takes as long as its slowest member takes to poll; one that takes longer than this is told. */
const LONG_REBALANCE_MS = 10_000;
const UNSETTLED = new Set([
  "PreparingRebalance",
  "CompletingRebalance",
  "Assigning",
  "Reconciling",
]);

export function stuckBecause(before: GroupAtOnce, now: GroupAtOnce, apartMs: number): Stuck[] {
  const { group } = now, hasMembers = group.members.length > 0;
  const rebalance = rebalanceOf(before, now, apartMs);
  return [
    ...rebalance === null ? [] : [rebalance],
    ...silent(group),
    ...rebalance === null && hasMembers ? standing(before, now, apartMs) : [],
    ...outside(now, hasMembers),
    ...hasMembers ? [] : unread(before, now, apartMs),
  ];
}

function rebalanceOf(
  { group: then }: GroupAtOnce,
  { group }: GroupAtOnce,
  apartMs: number,
): Stuck | null {
  if (!UNSETTLED.has(group.state)) return null;
  // Where the broker does not say for how long: since before the first look.
  const sinceMs = group.rebalancingMs ?? (UNSETTLED.has(then.state) ? apartMs : 0);
  const isLong = group.rebalancingMs === null ? sinceMs > 0 : sinceMs >= LONG_REBALANCE_MS;
  if (!isLong) return null;
  const awaited = group.members.filter(({ awaited }) => awaited !== null);
  const names = few((awaited.length > 0 ? awaited : group.members).map(nameOf), 3);
  return {
    severity: "warning",
    what: `has been rebalancing for ${durationText(sinceMs)}${
      group.rebalancingMs === null ? " at least" : ""
    }`,
    evidence: awaited.length > 0
      ? `it waits for ${names}: such a member polls too seldom (max.poll.interval.ms), or has stopped`
      : `it is ${group.state}; members: ${names || "none"}`,
  };
}

/** Clients beat every third of their session, or more often. */
function silent({ members }: GroupDescription): Stuck[] {
  const quiet = members.filter(({ silentMs, sessionTimeoutMs }) =>
    silentMs !== null && sessionTimeoutMs !== null && silentMs > sessionTimeoutMs / 2
  );
  if (quiet.length === 0) return [];
  return [{
    severity: "warning",
    what: `has ${quiet.length} of ${members.length} members that stopped beating`,
    evidence: few(quiet.map((one) => `${nameOf(one)} for ${durationText(one.silentMs!)}`), 3),
  }];
}

/** Partitions that somebody has, with records to read, and nothing committed meanwhile. */
function standing(before: GroupAtOnce, now: GroupAtOnce, apartMs: number): Stuck[] {
  const then = offsetsOf(before), offsets = offsetsOf(now), names: string[] = [];
  let lag = 0, grown = 0;
  for (const { topic, partition } of now.group.members.flatMap(({ partitions }) => partitions)) {
    const name = `${topic}-${partition}`, behind = lagOf(offsets.get(name), now.ends.get(name));
    const was = lagOf(then.get(name), before.ends.get(name));
    const isOwned = before.group.members.some(({ partitions }) =>
      partitions.some((one) => one.topic === topic && one.partition === partition)
    );
    if (!behind || !was || !isOwned || offsets.get(name) !== then.get(name)) continue;
    names.push(name);
    lag += behind;
    grown += behind - was;
  }
  if (names.length === 0) return [];
  const pace = grown > 0 ? `, ${grown} more than before` : "";
  return [{
    severity: "warning",
    what: `commits nothing of ${few(names, 3)}, though its members have them`,
    evidence: `${lag} records behind${pace}, over ${
      durationText(apartMs)
    }; who commits less often than that looks the same: --wait 60s tells`,
  }];
}

/** Committed where no record can be. */
function outside({ group, committed, ends }: GroupAtOnce, hasMembers: boolean): Stuck[] {
  const found: Stuck[] = [], severity = hasMembers ? "warning" : "note";
  for (const { topic, partition, offset } of committed) {
    const name = `${topic}-${partition}`, end = ends.get(name), at = Number(offset);
    if (end === undefined || end.start === null || end.end === null || at < 0) continue;
    const { start, end: last } = end;
    if (at > last) {
      found.push({
        severity,
        what: `has committed ${at} of ${name}, which ends at ${last}`,
        evidence:
          "the topic was made again, or lost records: what comes next is not read until the offset is reset",
      });
    } else if (at < start && hasMembers) {
      found.push({
        severity,
        what: `has committed ${at} of ${name}, which begins at ${start}`,
        evidence: `${start - at} records were deleted before ${group.groupId} read them`,
      });
    }
  }
  return found;
}

/** Nobody reads, and more comes. */
function unread(before: GroupAtOnce, now: GroupAtOnce, apartMs: number): Stuck[] {
  const offsets = offsetsOf(now);
  let lag = 0, grown = 0;
  for (const [name, offset] of offsets) {
    const behind = lagOf(offset, now.ends.get(name)), was = lagOf(offset, before.ends.get(name));
    if (behind === null || was === null) continue;
    lag += behind;
    grown += behind - was;
  }
  if (grown <= 0) return [];
  return [{
    severity: "note",
    what: "has no members, and falls behind",
    evidence: `${lag} records behind, ${grown} more over ${durationText(apartMs)}`,
  }];
}

function offsetsOf({ committed }: GroupAtOnce): Map<string, number> {
  return new Map(committed.map((one) => [`${one.topic}-${one.partition}`, Number(one.offset)]));
}

/** Null where that cannot be told. */
function lagOf(committed: number | undefined, end: PartitionEnd | undefined): number | null {
  if (end === undefined || end.start === null || end.end === null) return null;
  return Math.max(0, end.end - Math.max(committed ?? end.start, end.start));
}

function nameOf({ id, instanceId, clientId, host }: GroupMember): string {
  return `${instanceId ?? id} (client ${clientId || "without id"} at ${host})`;
}
