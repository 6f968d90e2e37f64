/**
 * The machines of both protocols behind one face: a group's type decides which of them an event goes to.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { apply as applyClassic, type ClassicFact } from "./classic/classic_facts.ts";
import * as classic from "./classic/classic_machine.ts";
import type { ClassicGroup } from "./classic/classic_group.ts";
import { type ClassicRequest, decideClassicRequest } from "./consumer/consumer_classic.ts";
import type { Circumstances, HeartbeatReply, Refusal } from "./consumer/consumer_decision.ts";
import { apply as applyConsumer, type ConsumerFact } from "./consumer/consumer_facts.ts";
import { type ConsumerGroup, newConsumerGroup } from "./consumer/consumer_group.ts";
import type { ConsumerHeartbeatEvent } from "./consumer/consumer_heartbeat.ts";
import * as consumer from "./consumer/consumer_machine.ts";
import type { Reply } from "./decision.ts";
import { applyLogFact, type Group, type GroupGone, isLogFact, type LogFact } from "./group.ts";
import { downgrade, type Upgrade, upgrade } from "./migration.ts";

export type GroupEvent = classic.ClassicEvent | ConsumerRequest | consumer.ConsumerEvent;

/** A heartbeat of the consumer protocol and who waits for its answer. */
export type ConsumerRequest = ConsumerHeartbeatEvent & { readonly ticket: number };

export type GroupFact = ClassicFact | ConsumerFact | GroupGone;

export interface GroupDecision {
  readonly facts: readonly GroupFact[];
  readonly replies: readonly Reply[];
}

export interface DecisionContext {
  readonly classicSettings: classic.ClassicSettings;
  readonly consumerCircumstances: Circumstances;
}

export function decideEvent(
  group: Readonly<Group>,
  event: GroupEvent,
  context: DecisionContext,
): GroupDecision {
  const { members } = group, { classicSettings, consumerCircumstances } = context;
  if (members.type === "consumer") return decideInConsumerGroup(members, event, context);
  return event.kind === "consumerHeartbeat"
    ? decideHeartbeat(group, members, event as ConsumerRequest, context)
    : classic.decide(
      members,
      event as classic.ClassicEvent,
      consumerCircumstances.now,
      classicSettings,
    );
}

export function dueIn({ members }: Readonly<Group>, nowMs: number): GroupEvent | null {
  return members.type === "classic" ? classic.due(members, nowMs) : consumer.due(members, nowMs);
}

export function deadlineOf({ members }: Readonly<Group>): number | null {
  return members.type === "classic"
    ? classic.nextDeadline(members)
    : consumer.nextDeadline(members);
}

/** Makes a fact true, of the log or not. */
export function applyFact(group: Group, fact: GroupFact | LogFact): void {
  if (isLogFact(fact)) applyLogFact(group, fact);
  else if (group.members.type === "classic") applyClassic(group.members, fact as ClassicFact);
  else applyConsumer(group.members, fact as ConsumerFact);
}

/** Members of both protocols; a decision may leave only classic ones, which then are a classic group. */
function decideInConsumerGroup(
  group: Readonly<ConsumerGroup>,
  event: GroupEvent,
  { classicSettings, consumerCircumstances }: DecisionContext,
): GroupDecision {
  const { facts, replies } = isClassicRequest(event)
    ? decideClassic(group, event, consumerCircumstances)
    : decideConsumer(group, event as consumer.ConsumerEvent, consumerCircumstances);
  const { maxSize } = classicSettings;
  return { facts: downgrade(group, facts, consumerCircumstances, maxSize) ?? facts, replies };
}

function isClassicRequest(event: GroupEvent): event is ClassicRequest {
  switch (event.kind) {
    case "join":
    case "sync":
    case "heartbeat":
    case "leave":
      return true;
    default:
      return false;
  }
}

function decideClassic(
  group: Readonly<ConsumerGroup>,
  event: ClassicRequest,
  circumstances: Circumstances,
) {
  const { facts, reply } = decideClassicRequest(group, event, circumstances);
  return { facts, replies: [reply] };
}

function decideConsumer(
  group: Readonly<ConsumerGroup>,
  event: consumer.ConsumerEvent,
  circumstances: Circumstances,
) {
  const { facts, reply } = consumer.decide(group, event, circumstances);
  return {
    facts,
    replies: reply === null ? [] : [heartbeatReply(event as ConsumerRequest, reply)],
  };
}

/** A classic group becomes a consumer group when the first member of that protocol joins it. */
function decideHeartbeat(
  { id, isStored }: Readonly<Group>,
  members: Readonly<ClassicGroup>,
  event: ConsumerRequest,
  { consumerCircumstances: circumstances }: DecisionContext,
): GroupDecision {
  let group = newConsumerGroup(id), before: Pick<Upgrade, "facts" | "replies"> = NOTHING;
  if (members.state !== "Empty") {
    const upgraded = event.memberEpoch === 0 ? upgrade(members, circumstances) : notConsumer(id);
    if ("errorCode" in upgraded) return { facts: [], replies: [heartbeatReply(event, upgraded)] };
    ({ group, ...before } = upgraded);
  }
  const { facts, reply } = consumer.decide(group, event, circumstances);
  const answer = heartbeatReply(event, reply!);
  if (facts.length === 0) return { facts, replies: [answer] }; // refused, so all is as it was
  const gone: GroupGone[] = isStored ? [{ kind: "groupGone" }] : [];
  return {
    facts: [...gone, ...before.facts, ...facts],
    replies: [...before.replies, answer],
  };
}

const NOTHING = { facts: [], replies: [] };

function notConsumer(id: string): Refusal {
  const errorMessage = `Group ${id} is not a consumer group.`;
  return { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage };
}

function heartbeatReply({ ticket }: ConsumerRequest, body: HeartbeatReply): Reply {
  return { api: "consumerHeartbeat", ticket, body };
}
