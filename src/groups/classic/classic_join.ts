/**
 * JoinGroup: someone enters a classic group, comes back to it, or takes part in its rebalance.
 *
 * | who | what happens |
 * |---|---|
 * | dynamic, without id, v4+ | is given an id to come back with (79, KIP-394) |
 * | dynamic, otherwise new | joins; the group rebalances |
 * | static, instance id unknown | joins; the group rebalances |
 * | static, instance id known, no member id | replaces its predecessor, in a stable group without a rebalance (KIP-345) |
 * | known member | takes part in the rebalance, or causes one when it is the leader or has something new to say |
 */
import { ErrorCode } from "../../protocol/errors.ts";
import { type ClassicFact, storedGroup } from "./classic_facts.ts";
import {
  type ClassicGroup,
  type ClassicMember,
  NO_BYTES,
  type Protocol,
  sameProtocols,
  selectProtocol,
  supportsProtocols,
} from "./classic_group.ts";
import { memberList } from "./classic_join_phase.ts";
import type { ClassicSettings } from "./classic_machine.ts";
import { rebalanceFacts, rebalanceReplies } from "./classic_rebalance.ts";
import { storedMembers } from "./classic_sync.ts";
import type { Now } from "../../coordination/shard.ts";
import { type Decision, joinError, memberError, type Reply, syncError } from "../decision.ts";

export interface JoinEvent {
  readonly kind: "join";
  readonly ticket: number;
  /** "" of one who is new. */
  readonly memberId: string;
  /** The id that a new one will have. */
  readonly newMemberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly protocolType: string;
  readonly protocols: readonly Protocol[];
  /** v4+: a dynamic member comes twice, the second time with the id it was given. */
  readonly mustKnowMemberId: boolean;
  /** v9+: a leader that comes back may be told to leave the assignment as it is (KIP-814). */
  readonly maySkipAssignment: boolean;
}

export function decideJoin(
  group: Readonly<ClassicGroup>,
  event: JoinEvent,
  now: Now,
  settings: ClassicSettings,
): Decision {
  if (!hasRoom(group, event.memberId, settings.maxSize)) return refuseForSize(group, event);
  if (!supportsProtocols(group, event.protocolType, event.protocols)) {
    return refuse(event, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  }
  if (event.memberId !== "") return joinKnown(group, event, now, settings);
  if (event.instanceId !== null) {
    const oldId = group.instances.get(event.instanceId);
    return oldId === undefined
      ? joinNew(group, event, event.newMemberId, now, settings)
      : replaceStatic(group, event, group.members.get(oldId)!, now);
  }
  return event.mustKnowMemberId
    ? handOutId(group, event, now, settings)
    : joinNew(group, event, event.newMemberId, now, settings);
}

/** How long a new member may wait for its first answer, whatever its session timeout: it cannot beat yet. */
const NEW_MEMBER_TIMEOUT_MS = 5 * 60_000;

/** GroupMetadataManager.acceptJoiningMember: while a rebalance is prepared those who wait count, so the last are left out. */
function hasRoom(group: Readonly<ClassicGroup>, memberId: string, maxSize: number): boolean {
  if (group.state === "Empty") return true;
  const member = group.members.get(memberId);
  if (group.state !== "PreparingRebalance") {
    return member !== undefined || group.members.size < maxSize;
  }
  if (member !== undefined && member.joinTicket !== null) return true;
  let waiting = 0;
  for (const { joinTicket } of group.members.values()) if (joinTicket !== null) waiting++;
  return waiting < maxSize;
}

/** A member that came too late for a place while a rebalance was prepared loses its membership. */
function refuseForSize(group: Readonly<ClassicGroup>, event: JoinEvent): Decision {
  const facts: ClassicFact[] = [];
  const { memberId } = event;
  if (group.pendingMembers.has(memberId)) facts.push({ kind: "pendingGone", memberId });
  if (group.members.has(memberId)) facts.push({ kind: "removed", memberId });
  return { facts, replies: [joinError(event.ticket, ErrorCode.GROUP_MAX_SIZE_REACHED, "")] };
}

function refuse(event: JoinEvent, errorCode: number): Decision {
  return { facts: [], replies: [joinError(event.ticket, errorCode, event.memberId)] };
}

function handOutId(
  group: Readonly<ClassicGroup>,
  event: JoinEvent,
  now: Now,
  settings: ClassicSettings,
): Decision {
  // Kafka hands out any number of ids; here they are bounded as members are.
  if (group.pendingMembers.size >= settings.maxSize) {
    return refuse(event, ErrorCode.GROUP_MAX_SIZE_REACHED);
  }
  const expiresAtMs = now.ms + event.sessionTimeoutMs;
  return {
    facts: [{ kind: "pending", memberId: event.newMemberId, expiresAtMs }],
    replies: [joinError(event.ticket, ErrorCode.MEMBER_ID_REQUIRED, event.newMemberId)],
  };
}

function joinNew(
  group: Readonly<ClassicGroup>,
  event: JoinEvent,
  id: string,
  now: Now,
  settings: ClassicSettings,
): Decision {
  const { instanceId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs } = event;
  const member: ClassicMember = {
    id,
    instanceId,
    clientId,
    clientHost,
    rebalanceTimeoutMs,
    sessionTimeoutMs,
    protocols: event.protocols,
    assignment: NO_BYTES,
    isNew: true,
    expiresAtMs: now.ms + NEW_MEMBER_TIMEOUT_MS,
    joinTicket: event.ticket,
    syncTicket: null,
  };
  return {
    facts: [
      { kind: "joined", protocolType: event.protocolType, member },
      ...rebalanceFacts(group, now, settings.initialRebalanceDelayMs),
    ],
    replies: rebalanceReplies(group),
  };
}

function joinKnown(
  group: Readonly<ClassicGroup>,
  event: JoinEvent,
  now: Now,
  settings: ClassicSettings,
): Decision {
  if (group.pendingMembers.has(event.memberId)) {
    return joinNew(group, event, event.memberId, now, settings);
  }
  const errorCode = memberError(group, event.memberId, event.instanceId);
  if (errorCode !== ErrorCode.NONE) return refuse(event, errorCode);
  const member = group.members.get(event.memberId)!;
  const isLeader = member.id === group.leaderId;
  const isSame = sameProtocols(member.protocols, event.protocols);
  switch (group.state) {
    case "PreparingRebalance":
      return rejoin(group, event, member, now);
    case "CompletingRebalance": // the same again: the answer was lost
      return isSame
        ? { facts: [], replies: [currentGeneration(group, event, member, isLeader)] }
        : rejoin(group, event, member, now);
    case "Stable": // a leader joins because it saw something change, topics for example
      return isLeader || !isSame
        ? rejoin(group, event, member, now)
        : { facts: [], replies: [currentGeneration(group, event, member, false)] };
    default:
      return refuse(event, ErrorCode.UNKNOWN_MEMBER_ID);
  }
}

function rejoin(
  group: Readonly<ClassicGroup>,
  event: JoinEvent,
  member: Readonly<ClassicMember>,
  now: Now,
): Decision {
  return {
    facts: [rejoined(event, member.id, event.ticket), ...rebalanceFacts(group, now, null)],
    replies: [...earlier(member), ...rebalanceReplies(group)],
  };
}

function rejoined(event: JoinEvent, memberId: string, ticket: number | null): ClassicFact {
  const { rebalanceTimeoutMs, sessionTimeoutMs, protocols } = event;
  return { kind: "rejoined", memberId, rebalanceTimeoutMs, sessionTimeoutMs, protocols, ticket };
}

/** A second request of a member that still waits takes the place of the first. */
function earlier({ joinTicket, id }: Readonly<ClassicMember>): Reply[] {
  if (joinTicket === null) return [];
  return [joinError(joinTicket, ErrorCode.REBALANCE_IN_PROGRESS, id)];
}

function currentGeneration(
  group: Readonly<ClassicGroup>,
  event: JoinEvent,
  member: Readonly<ClassicMember>,
  withMembers: boolean,
): Reply {
  return {
    api: "join",
    ticket: event.ticket,
    body: {
      generationId: group.generation,
      protocolType: group.protocolType,
      protocolName: group.protocol,
      leader: group.leaderId ?? "",
      memberId: member.id,
      members: withMembers ? memberList(group.members.values(), group.protocol) : [],
    },
  };
}

/** A static member that restarted: the old member id is fenced, its place goes to the new one. */
function replaceStatic(
  group: Readonly<ClassicGroup>,
  event: JoinEvent,
  old: Readonly<ClassicMember>,
  now: Now,
): Decision {
  const newId = event.newMemberId;
  const facts: ClassicFact[] = [{ kind: "replaced", oldId: old.id, newId }];
  const replies: Reply[] = [];
  if (old.joinTicket !== null) {
    replies.push(joinError(old.joinTicket, ErrorCode.FENCED_INSTANCE_ID, old.id));
  }
  if (old.syncTicket !== null) {
    replies.push(syncError(old.syncTicket, ErrorCode.FENCED_INSTANCE_ID));
  }
  const beat: ClassicFact = {
    kind: "beat",
    memberId: newId,
    expiresAtMs: now.ms + event.sessionTimeoutMs,
  };
  const after = withReplacement(group, event, old);
  if (group.state === "Stable" && selectProtocol([...after.members.values()]) === group.protocol) {
    const stored = storedGroup(after, {
      members: storedMembers(after, group.protocol, ({ assignment }) => assignment),
    });
    facts.push(rejoined(event, newId, null), beat, stored);
    return { facts, replies: [...replies, replacedReply(group, after, event)] };
  }
  facts.push(rejoined(event, newId, event.ticket), beat, ...rebalanceFacts(group, now, null));
  return { facts, replies: [...replies, ...rebalanceReplies(group, new Set([old.id]))] };
}

/** The group as it will be once the member is replaced, without touching the one that is. */
function withReplacement(
  group: Readonly<ClassicGroup>,
  event: JoinEvent,
  old: Readonly<ClassicMember>,
): ClassicGroup {
  const { newMemberId: id, protocols, rebalanceTimeoutMs, sessionTimeoutMs } = event;
  const replacement = { ...old, id, protocols, rebalanceTimeoutMs, sessionTimeoutMs };
  const members = new Map<string, ClassicMember>();
  for (const member of group.members.values()) {
    if (member !== old) members.set(member.id, { ...member });
  }
  members.set(id, replacement);
  return { ...group, members, leaderId: group.leaderId === old.id ? id : group.leaderId };
}

/**
 * Before v9 a leader that comes back is told of its old id as the leader, so that it does not assign again; from v9 on
 * it is told to skip the assignment, but sees the members (KIP-814).
 */
function replacedReply(
  group: Readonly<ClassicGroup>,
  after: Readonly<ClassicGroup>,
  event: JoinEvent,
): Reply {
  const isLeader = after.leaderId === event.newMemberId;
  const skips = event.maySkipAssignment && isLeader;
  return {
    api: "join",
    ticket: event.ticket,
    body: {
      generationId: group.generation,
      protocolType: group.protocolType,
      protocolName: group.protocol,
      leader: (event.maySkipAssignment ? after.leaderId : group.leaderId) ?? "",
      skipAssignment: skips,
      memberId: event.newMemberId,
      members: skips ? memberList(after.members.values(), after.protocol) : [],
    },
  };
}
