/**
 * SyncGroup: members ask for their part of the assignment; the leader brings it.
 *
 * The leader's is the moment a generation becomes durable: the group is written to the log with every assignment, and
 * only then are members told theirs. A follower that asks late gets what is stored.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import { type StoredGroup, storedGroup } from "./classic_facts.ts";
import { type ClassicGroup, type ClassicMember, metadataOf, NO_BYTES } from "./classic_group.ts";
import type { Now } from "../../coordination/shard.ts";
import { type Decision, type Reply, requestError, syncError } from "../decision.ts";

export interface SyncEvent {
  readonly kind: "sync";
  readonly ticket: number;
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly generation: number;
  /** Null where the version does not say. */
  readonly protocolType: string | null;
  readonly protocol: string | null;
  /** By member id; of the leader only. */
  readonly assignments: ReadonlyMap<string, Uint8Array>;
}

export function decideSync(group: Readonly<ClassicGroup>, event: SyncEvent, now: Now): Decision {
  const errorCode = syncRequestError(group, event);
  if (errorCode !== ErrorCode.NONE) return refusal(event, errorCode);
  const member = group.members.get(event.memberId)!;
  switch (group.state) {
    case "PreparingRebalance":
      return refusal(event, ErrorCode.REBALANCE_IN_PROGRESS);
    case "CompletingRebalance":
      return member.id === group.leaderId ? assign(group, event, now) : {
        facts: [{ kind: "syncing", memberId: member.id, ticket: event.ticket }],
        replies: earlier(member),
      };
    default:
      return {
        facts: [{ kind: "syncing", memberId: member.id, ticket: null }],
        replies: [assignmentReply(group, event.ticket, member.assignment)],
      };
  }
}

/** The group in the log's form with these assignments; whoever the leader forgot gets an empty one. */
export function storedMembers(
  group: Readonly<ClassicGroup>,
  protocol: string | null,
  assignmentOf: (member: Readonly<ClassicMember>) => Uint8Array,
): StoredGroup["members"] {
  return [...group.members.values()].map((member) => {
    const { id, instanceId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs } = member;
    return {
      id,
      instanceId,
      clientId,
      clientHost,
      rebalanceTimeoutMs,
      sessionTimeoutMs,
      subscription: metadataOf(member, protocol),
      assignment: assignmentOf(member),
    };
  });
}

function assign(group: Readonly<ClassicGroup>, event: SyncEvent, now: Now): Decision {
  const assignmentOf = ({ id }: Readonly<ClassicMember>) => event.assignments.get(id) ?? NO_BYTES;
  const leader = group.members.get(event.memberId)!;
  const replies = earlier(leader);
  for (const member of group.members.values()) {
    const ticket = member === leader ? event.ticket : member.syncTicket;
    if (ticket !== null) replies.push(assignmentReply(group, ticket, assignmentOf(member)));
  }
  const stored = storedGroup(group, {
    stateSinceMs: now.wallMs,
    members: storedMembers(group, group.protocol, assignmentOf),
  });
  return {
    facts: [
      stored,
      { kind: "syncing", memberId: leader.id, ticket: event.ticket },
      { kind: "syncsAnswered", nowMs: now.ms },
    ],
    replies,
  };
}

function syncRequestError(group: Readonly<ClassicGroup>, event: SyncEvent): number {
  const errorCode = requestError(group, event);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  const differs = (said: string | null, is: string | null) =>
    said !== null && is !== null && said !== is;
  return differs(event.protocolType, group.protocolType) || differs(event.protocol, group.protocol)
    ? ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    : ErrorCode.NONE;
}

/** A second request of a member that still waits takes the place of the first. */
function earlier({ syncTicket }: Readonly<ClassicMember>): Reply[] {
  return syncTicket === null ? [] : [syncError(syncTicket, ErrorCode.REBALANCE_IN_PROGRESS)];
}

function refusal(event: SyncEvent, errorCode: number): Decision {
  return { facts: [], replies: [syncError(event.ticket, errorCode)] };
}

function assignmentReply(
  group: Readonly<ClassicGroup>,
  ticket: number,
  assignment: Uint8Array,
): Reply {
  const { protocolType, protocol: protocolName } = group;
  return { api: "sync", ticket, body: { protocolType, protocolName, assignment } };
}
