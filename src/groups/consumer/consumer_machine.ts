/**
 * The consumer protocol (KIP-848) as a pure machine, beside the classic one: decide() says what an event makes true
 * and what is answered, apply() (consumer_facts.ts) makes it true, due() says whose time is up, nextDeadline() when to
 * ask due() again. No clock, no timer, no I/O; what topics there are comes in as a view.
 *
 * A group that does not exist is a new one with epoch 0. The shell forgets it again when a decision has no facts.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { ConsumerFact } from "./consumer_facts.ts";
import {
  type ConsumerGroup,
  type ConsumerMember,
  type EpochAssignment,
  LEAVE_EPOCH,
  LEAVE_STATIC_EPOCH,
  MemberState,
  NO_PARTITIONS,
} from "./consumer_group.ts";
import { type Circumstances, type ConsumerDecision, refused } from "./consumer_decision.ts";
import { type ConsumerHeartbeatEvent, decideConsumerHeartbeat } from "./consumer_heartbeat.ts";
import { currentMember } from "./consumer_joiner.ts";
import { removals } from "./consumer_leaving.ts";

export type ConsumerEvent =
  | ConsumerHeartbeatEvent
  /** An administrator takes members out. */
  | { readonly kind: "removeMembers"; readonly memberIds: readonly string[] }
  /** The log was read to its end: sessions begin. */
  | { readonly kind: "loaded" }
  | ConsumerDueEvent;

/** What due() finds: silence, or partitions not given up in time. */
export interface ConsumerDueEvent {
  readonly kind: "consumerExpires";
  readonly memberId: string;
}

export function decide(
  group: Readonly<ConsumerGroup>,
  event: ConsumerEvent,
  circumstances: Circumstances,
): ConsumerDecision {
  switch (event.kind) {
    case "consumerHeartbeat":
      return event.memberEpoch < 0
        ? decideLeave(group, event, circumstances)
        : decideConsumerHeartbeat(group, event, circumstances);
    case "removeMembers": {
      const known = event.memberIds.filter((id) => group.members.has(id));
      return { facts: removals(group, known, circumstances), reply: null };
    }
    case "consumerExpires":
      return { facts: removals(group, [event.memberId], circumstances), reply: null };
    case "loaded":
      return { facts: sessionFacts(group, circumstances), reply: null };
  }
}

/** A member whose session, or time to give partitions up, has ended; null: nobody's. */
export function due(group: Readonly<ConsumerGroup>, nowMs: number): ConsumerDueEvent | null {
  for (const member of group.members.values()) {
    if (deadlineOf(member) <= nowMs) return { kind: "consumerExpires", memberId: member.id };
  }
  return null;
}

/** The earliest moment at which due() may find something that it does not find now; null: none by itself. */
export function nextDeadline(group: Readonly<ConsumerGroup>): number | null {
  let earliest = Infinity;
  for (const member of group.members.values()) earliest = Math.min(earliest, deadlineOf(member));
  return earliest === Infinity ? null : earliest;
}

function deadlineOf({ sessionDeadlineMs, rebalanceDeadlineMs }: Readonly<ConsumerMember>): number {
  return Math.min(sessionDeadlineMs, rebalanceDeadlineMs ?? Infinity);
}

/** A static member that leaves for a while keeps its partitions until its session ends. */
function decideLeave(
  group: Readonly<ConsumerGroup>,
  { memberId, instanceId, memberEpoch }: ConsumerHeartbeatEvent,
  circumstances: Circumstances,
): ConsumerDecision {
  if (group.epoch === 0) {
    const errorMessage = `Group ${group.id} not found.`;
    return refused({ errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage });
  }
  const member = currentMember(group, { memberId, instanceId });
  if ("errorCode" in member) return refused(member);
  const staysAway = instanceId !== null && memberEpoch === LEAVE_STATIC_EPOCH;
  const facts: ConsumerFact[] = staysAway
    ? [{
      kind: "current",
      memberId,
      epoch: LEAVE_STATIC_EPOCH,
      previousEpoch: member.previousEpoch,
      state: member.state,
      assigned: withoutEpochs(member.assigned),
      revoking: NO_PARTITIONS,
    }, { kind: "revoking", memberId, deadlineMs: null }]
    : removals(group, [memberId], circumstances);
  return { facts, reply: { memberId, memberEpoch: staysAway ? LEAVE_STATIC_EPOCH : LEAVE_EPOCH } };
}

function sessionFacts(
  group: Readonly<ConsumerGroup>,
  { now, settings }: Circumstances,
): ConsumerFact[] {
  const facts: ConsumerFact[] = [];
  for (const { id: memberId, state, metadata } of group.members.values()) {
    const timeoutMs = metadata.classic?.sessionTimeoutMs ?? settings.sessionTimeoutMs;
    facts.push({ kind: "consumerBeat", memberId, sessionDeadlineMs: now.ms + timeoutMs });
    const isRevoking = state === MemberState.UNREVOKED_PARTITIONS;
    const deadlineMs = isRevoking ? now.ms + metadata.rebalanceTimeoutMs : null;
    facts.push({ kind: "revoking", memberId, deadlineMs });
  }
  return facts;
}

function withoutEpochs(assigned: EpochAssignment): EpochAssignment {
  return new Map(Array.from(assigned, ([topicId, partitions]) => [
    topicId,
    new Map(Array.from(partitions.keys(), (partition) => [partition, 0])),
  ]));
}
