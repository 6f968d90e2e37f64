/**
 * LeaveGroup, and every other way out of a classic group.
 *
 * An administrator removes a static member by its instance id alone; everyone else names the member id. A member id
 * that was only handed out is forgotten.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { ClassicFact } from "./classic_facts.ts";
import type { ClassicGroup } from "./classic_group.ts";
import type { Now } from "../../coordination/shard.ts";
import { type Decision, joinError, memberError, type Reply, syncError } from "../decision.ts";
import { rebalanceFacts, rebalanceReplies } from "./classic_rebalance.ts";

export interface LeaveEvent {
  readonly kind: "leave";
  readonly ticket: number;
  readonly members: readonly {
    readonly memberId: string;
    readonly instanceId: string | null;
  }[];
}

export function decideLeave(group: Readonly<ClassicGroup>, event: LeaveEvent, now: Now): Decision {
  const pending = new Set<string>(), leaving = new Set<string>();
  const members = event.members.map(({ memberId, instanceId }) => {
    const errorCode = leaveOne(group, memberId, instanceId, { pending, leaving });
    return { memberId, groupInstanceId: instanceId, errorCode };
  });
  const { facts, replies } = removals(group, [...leaving], now);
  const gone = [...pending].map((memberId): ClassicFact => ({ kind: "pendingGone", memberId }));
  const answer: Reply = { api: "leave", ticket: event.ticket, body: { members } };
  return { facts: [...gone, ...facts], replies: [...replies, answer] };
}

/** Takes the members out; a settled group then rebalances, and one that prepares a rebalance may find it complete. */
export function removals(
  group: Readonly<ClassicGroup>,
  memberIds: readonly string[],
  now: Now,
): Decision {
  if (memberIds.length === 0) return { facts: [], replies: [] };
  const facts: ClassicFact[] = [], replies: Reply[] = [];
  for (const memberId of memberIds) {
    const { joinTicket, syncTicket } = group.members.get(memberId)!;
    // Whoever still waits is answered, so that a member that lives after all comes back as a new one.
    if (joinTicket !== null) replies.push(joinError(joinTicket, ErrorCode.UNKNOWN_MEMBER_ID, ""));
    if (syncTicket !== null) replies.push(syncError(syncTicket, ErrorCode.UNKNOWN_MEMBER_ID));
    facts.push({ kind: "removed", memberId });
  }
  if (group.state !== "PreparingRebalance") {
    replies.push(...rebalanceReplies(group, new Set(memberIds)));
  }
  return { facts: [...facts, ...rebalanceFacts(group, now, null)], replies };
}

function leaveOne(
  group: Readonly<ClassicGroup>,
  memberId: string,
  instanceId: string | null,
  into: { pending: Set<string>; leaving: Set<string> },
): number {
  if (memberId === "" && instanceId !== null) {
    const current = group.instances.get(instanceId);
    if (current === undefined || into.leaving.has(current)) return ErrorCode.UNKNOWN_MEMBER_ID;
    into.leaving.add(current);
    return ErrorCode.NONE;
  }
  if (group.pendingMembers.has(memberId) && !into.pending.has(memberId)) {
    into.pending.add(memberId);
    return ErrorCode.NONE;
  }
  const current = instanceId === null ? undefined : group.instances.get(instanceId);
  if (into.leaving.has(current ?? memberId)) return ErrorCode.UNKNOWN_MEMBER_ID;
  const errorCode = memberError(group, memberId, instanceId);
  if (errorCode === ErrorCode.NONE) into.leaving.add(memberId);
  return errorCode;
}
