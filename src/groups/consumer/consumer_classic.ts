/**
 * Members of a consumer group that speak the classic protocol, while the group changes over from one to the other
 * (KIP-848, GroupMetadataManager.classicGroup…ToConsumerGroup).
 *
 * The coordinator assigns for them too. Their generation is their member epoch, they learn of a step to take by a
 * heartbeat answered with 27, and take it by joining again:
 *
 * | request | what it is to the group |
 * |---|---|
 * | JoinGroup | a heartbeat that says everything: subscription and, for cooperative members, partitions owned |
 * | SyncGroup | asks for the assignment that the join arrived at |
 * | Heartbeat | lives on; 27 when joining again would get it further |
 * | LeaveGroup | leaves; also how administrators remove members of either protocol |
 */
import { ErrorCode } from "../../protocol/errors.ts";
import { CONSUMER_PROTOCOL_TYPE } from "../classic/classic_group.ts";
import type { JoinEvent } from "../classic/classic_join.ts";
import type { LeaveEvent } from "../classic/classic_leave.ts";
import type { HeartbeatEvent } from "../classic/classic_machine.ts";
import type { SyncEvent } from "../classic/classic_sync.ts";
import { advance } from "./consumer_advance.ts";
import type { Circumstances } from "./consumer_decision.ts";
import { type ConsumerFact, currentFact } from "./consumer_facts.ts";
import {
  type ClassicMetadata,
  type ConsumerGroup,
  type ConsumerMember,
  type MemberMetadata,
  MemberState,
  NO_TARGET,
  ownerOf,
} from "./consumer_group.ts";
import { classicJoinerFor, currentMember, isFullFor } from "./consumer_joiner.ts";
import { removals } from "./consumer_leaving.ts";
import type { TopicView } from "./consumer_topics.ts";
import { joinError, type Reply, syncError } from "../decision.ts";
import {
  readSubscription,
  type Subscription,
  withIds,
  writeAssignment,
} from "../classic/embedded_protocol.ts";

export type ClassicRequest = JoinEvent | SyncEvent | HeartbeatEvent | LeaveEvent;

export interface ClassicDecision {
  readonly facts: readonly ConsumerFact[];
  readonly reply: Reply;
}

export function decideClassicRequest(
  group: Readonly<ConsumerGroup>,
  event: ClassicRequest,
  circumstances: Circumstances,
): ClassicDecision {
  switch (event.kind) {
    case "join":
      return decideJoin(group, event, circumstances);
    case "sync":
      return decideSync(group, event, circumstances);
    case "heartbeat":
      return decideHeartbeat(group, event, circumstances);
    case "leave":
      return decideLeave(group, event, circumstances);
  }
}

function decideJoin(
  group: Readonly<ConsumerGroup>,
  event: JoinEvent,
  circumstances: Circumstances,
): ClassicDecision {
  const { memberId, newMemberId, instanceId, ticket } = event;
  // No member id in refusals: in Kafka they are exceptions here, other than in classic groups.
  const refuse = (errorCode: number, id = "") => ({
    facts: [],
    reply: joinError(ticket, errorCode, id),
  });
  const { settings: { maxSize, migrationPolicy } } = circumstances;
  if (migrationPolicy === "disabled" || !supportsProtocols(group, event)) {
    return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  }
  if (isFullFor(group, memberId, maxSize)) return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED);
  const isUnknown = memberId === "";
  if (isUnknown && instanceId === null && event.mustKnowMemberId) {
    return refuse(ErrorCode.MEMBER_ID_REQUIRED, newMemberId); // nothing is kept: any id may come back
  }
  const subscription = readSubscription(event.protocols[0].metadata);
  // Kafka answers -1, as for faults of its own.
  if (subscription === null) return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  const joiner = classicJoinerFor(group, event);
  if ("errorCode" in joiner) return refuse(joiner.errorCode);

  const { member } = joiner, metadata = joinedMetadata(member.metadata, event, subscription);
  const facts: ConsumerFact[] = [...joiner.facts, {
    kind: "member",
    memberId: member.id,
    metadata,
  }];
  const owned = withIds(subscription.ownedPartitions ?? [], circumstances.topics);
  const joining = { joiner, metadata, owned, mayDescribe: null };
  const progress = advance(group, joining, circumstances, facts);
  const updated = progress === null ? member : { ...member, ...progress };
  const isNew = !group.members.has(member.id);
  if (progress !== null || isNew) facts.push(currentFact(updated));
  const { now: { ms: nowMs } } = circumstances;
  facts.push(
    { kind: "revoking", memberId: member.id, deadlineMs: nowMs + metadata.rebalanceTimeoutMs },
    beat(member.id, event.sessionTimeoutMs, nowMs),
  );
  const body = {
    generationId: updated.epoch,
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocolName: event.protocols[0].name,
    leader: "",
    memberId: member.id,
    members: [],
  };
  return { facts, reply: { api: "join", ticket, body } };
}

/** ConsumerGroup.supportsClassicProtocols: consumers with a protocol that all classic members know. */
function supportsProtocols(
  group: Readonly<ConsumerGroup>,
  { protocolType, protocols }: JoinEvent,
): boolean {
  if (protocolType !== CONSUMER_PROTOCOL_TYPE) return false;
  return protocols.some(({ name }) => {
    for (const { metadata: { classic } } of group.members.values()) {
      if (classic !== null && !classic.protocols.some((one) => one.name === name)) return false;
    }
    return true;
  });
}

function joinedMetadata(
  before: MemberMetadata,
  event: JoinEvent,
  { topics, rackId }: Subscription,
): MemberMetadata {
  return {
    instanceId: event.instanceId ?? before.instanceId,
    rackId: rackId ?? before.rackId,
    clientId: event.clientId,
    clientHost: event.clientHost,
    topicNames: [...new Set(topics)].sort(),
    topicRegex: "", // classic members match their patterns themselves
    rebalanceTimeoutMs: event.rebalanceTimeoutMs,
    serverAssignor: before.serverAssignor,
    classic: { sessionTimeoutMs: event.sessionTimeoutMs, protocols: event.protocols },
  };
}

function decideSync(
  group: Readonly<ConsumerGroup>,
  event: SyncEvent,
  { topics, now }: Circumstances,
): ClassicDecision {
  const { ticket, protocolType, protocol } = event;
  const found = classicMember(group, event);
  if (typeof found === "number") return { facts: [], reply: syncError(ticket, found) };
  const { member, classic } = found, [chosen] = classic.protocols;
  const differs = protocolType !== null && protocolType !== CONSUMER_PROTOCOL_TYPE ||
    protocol !== null && protocol !== chosen.name;
  if (differs) {
    return { facts: [], reply: syncError(ticket, ErrorCode.INCONSISTENT_GROUP_PROTOCOL) };
  }
  // One that has yet to give partitions up must do that first, so it is told its assignment all the same.
  if (group.assignmentEpoch > member.epoch && member.state !== MemberState.UNREVOKED_PARTITIONS) {
    return {
      facts: mustJoin(member, now.ms),
      reply: syncError(ticket, ErrorCode.REBALANCE_IN_PROGRESS),
    };
  }
  const assigned = Array.from(
    member.assigned,
    ([topicId, partitions]) => [topicId, partitions.keys()] as const,
  );
  const assignment = writeAssignment(assigned, topics, chosen.metadata);
  return {
    facts: [
      { kind: "revoking", memberId: member.id, deadlineMs: null },
      beat(member.id, classic.sessionTimeoutMs, now.ms),
    ],
    reply: { api: "sync", ticket, body: { protocolType, protocolName: protocol, assignment } },
  };
}

function decideHeartbeat(
  group: Readonly<ConsumerGroup>,
  event: HeartbeatEvent,
  { now, topics }: Circumstances,
): ClassicDecision {
  const answer = (errorCode: number): Reply => ({
    api: "heartbeat",
    ticket: event.ticket,
    body: { errorCode },
  });
  const found = classicMember(group, event);
  if (typeof found === "number") return { facts: [], reply: answer(found) };
  const { member, classic } = found;
  const facts: ConsumerFact[] = [beat(member.id, classic.sessionTimeoutMs, now.ms)];
  if (!hasStepToTake(group, member) && !isLeftAlone(group, topics)) {
    return { facts, reply: answer(ErrorCode.NONE) };
  }
  return {
    facts: [...facts, ...mustJoin(member, now.ms)],
    reply: answer(ErrorCode.REBALANCE_IN_PROGRESS),
  };
}

/** Whether joining again gets the member further; waiting for what others have to give up first does not. */
function hasStepToTake(
  group: Readonly<ConsumerGroup>,
  member: Readonly<ConsumerMember>,
): boolean {
  if (member.epoch < group.assignmentEpoch) return true;
  switch (member.state) {
    case MemberState.STABLE:
      return false;
    case MemberState.UNREVOKED_PARTITIONS:
      return true;
    case MemberState.UNRELEASED_PARTITIONS:
      return !waitsForOthers(group, member);
  }
}

/**
 * A new target assignment is made when a member of the consumer protocol beats. Where the policy keeps a group of
 * classic members from being downgraded there is none, so one of them has to join again. (In Kafka it waits for ever.)
 */
function isLeftAlone(group: Readonly<ConsumerGroup>, topics: TopicView): boolean {
  if (group.epoch === group.assignmentEpoch && topics.state === group.seenTopics) return false;
  for (const { metadata } of group.members.values()) if (metadata.classic === null) return false;
  return true;
}

/** ConsumerGroup.waitingOnUnreleasedPartition. */
function waitsForOthers(group: Readonly<ConsumerGroup>, member: Readonly<ConsumerMember>): boolean {
  for (const [topicId, partitions] of group.targets.get(member.id) ?? NO_TARGET) {
    const assigned = member.assigned.get(topicId);
    for (const partition of partitions) {
      if (!assigned?.has(partition) && ownerOf(group, topicId, partition) !== undefined) {
        return true;
      }
    }
  }
  return false;
}

/** It has been told to join again, for the first time: now it has its rebalance timeout to do so. */
function mustJoin(member: Readonly<ConsumerMember>, nowMs: number): ConsumerFact[] {
  if (member.rebalanceDeadlineMs !== null) return [];
  const deadlineMs = nowMs + member.metadata.rebalanceTimeoutMs;
  return [{ kind: "revoking", memberId: member.id, deadlineMs }];
}

function decideLeave(
  group: Readonly<ConsumerGroup>,
  event: LeaveEvent,
  circumstances: Circumstances,
): ClassicDecision {
  const leaving = new Set<string>();
  const members = event.members.map(({ memberId, instanceId }) => {
    const id = memberId === "" && instanceId !== null
      ? group.instances.get(instanceId) ?? ""
      : memberId;
    const member = currentMember(group, { memberId: id, instanceId });
    const errorCode = "errorCode" in member ? member.errorCode : ErrorCode.NONE;
    if (errorCode === ErrorCode.NONE) leaving.add(id);
    return { memberId, groupInstanceId: instanceId, errorCode };
  });
  return {
    facts: removals(group, [...leaving], circumstances),
    reply: { api: "leave", ticket: event.ticket, body: { members } },
  };
}

/** The member that the request is from, when it is one of the classic protocol and of this generation. */
function classicMember(
  group: Readonly<ConsumerGroup>,
  { memberId, instanceId, generation }: SyncEvent | HeartbeatEvent,
): { member: Readonly<ConsumerMember>; classic: ClassicMetadata } | number {
  const member = currentMember(group, { memberId, instanceId });
  if ("errorCode" in member) return member.errorCode;
  const { classic } = member.metadata;
  if (classic === null) return ErrorCode.UNKNOWN_MEMBER_ID;
  return generation === member.epoch ? { member, classic } : ErrorCode.ILLEGAL_GENERATION;
}

function beat(memberId: string, sessionTimeoutMs: number, nowMs: number): ConsumerFact {
  return { kind: "consumerBeat", memberId, sessionDeadlineMs: nowMs + sessionTimeoutMs };
}
