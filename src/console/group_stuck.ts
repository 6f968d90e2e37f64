/** Why a group does not get on, in words; what is well is not mentioned. */
import type { GroupDescription, GroupMember } from "../client/groups.ts";
import type { GroupOffset } from "./api.ts";

const MAX_NAMED = 5;

export function stuckBy(group: GroupDescription, offsets: readonly GroupOffset[]): string[] {
  const reasons: string[] = [], { members, state, rebalancingMs, pendingMembers } = group;
  const waiting = offsets.filter(({ lag }) => lag !== null && lag > 0);
  const behind = waiting.reduce((sum, { lag }) => sum + lag!, 0);
  if (members.length === 0 && behind > 0) {
    reasons.push(`nobody is a member, and ${behind} records wait`);
  }
  for (const what of ["join", "sync"] as const) {
    const awaited = members.filter((one) => one.awaited === what);
    if (awaited.length === 0) continue;
    const since = rebalancingMs === null ? "" : `, for ${secondsOf(rebalancingMs)} s`;
    reasons.push(`it waits for ${named(awaited)} to ${what}${since}`);
  }
  if (pendingMembers > 0) reasons.push(`${pendingMembers} that asked to join have not come back`);
  const behindTarget = members.filter(({ target, partitions }) =>
    target !== null &&
    (target.length !== partitions.length ||
      target.some((one) => !partitions.some((two) => isSame(one, two))))
  );
  if (behindTarget.length > 0 && group.type === "consumer" && state !== "Stable") {
    reasons.push(`${named(behindTarget)} have not taken over, or given up, what they are to`);
  }
  const silent = members.filter(({ silentMs, sessionTimeoutMs }) =>
    silentMs !== null && sessionTimeoutMs !== null && silentMs > sessionTimeoutMs / 2
  );
  if (silent.length > 0) {
    const longest = Math.max(...silent.map(({ silentMs }) => silentMs!));
    reasons.push(`${named(silent)} were not heard of for ${secondsOf(longest)} s`);
  }
  const orphaned = members.length === 0 ? [] : waiting.filter(({ memberId }) => memberId === null);
  if (orphaned.length > 0) {
    reasons.push(`no member has ${placesOf(orphaned)}, where records wait`);
  }
  const lost = offsets.filter(({ committed, start }) =>
    committed !== null && start !== null && committed < start
  );
  if (lost.length > 0) {
    reasons.push(`it has committed offsets of ${placesOf(lost)} that are not there any more`);
  }
  const ahead = offsets.filter(({ committed, end }) =>
    committed !== null && end !== null && committed > end
  );
  if (ahead.length > 0) {
    reasons.push(`it has committed offsets of ${placesOf(ahead)} that are not there yet`);
  }
  return reasons;
}

function named(members: readonly GroupMember[]): string {
  return listed(members.map(({ clientId, host }) => `${clientId} at ${host}`));
}

function placesOf(offsets: readonly GroupOffset[]): string {
  return listed(offsets.map(({ topic, partition }) => `${topic}-${partition}`));
}

function listed(names: readonly string[]): string {
  const rest = names.length - MAX_NAMED;
  const some = names.slice(0, MAX_NAMED).join(", ");
  return rest > 0 ? `${some} and ${rest} more` : some;
}

function secondsOf(ms: number): number {
  return Math.round(ms / 1000);
}

function isSame(
  a: { readonly topic: string; readonly partition: number },
  b: { readonly topic: string; readonly partition: number },
): boolean {
  return a.topic === b.topic && a.partition === b.partition;
}
