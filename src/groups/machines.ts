/**
 * The machines of both protocols behind one face: a group's type decides which of them an event goes to.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { apply as applyClassic, type ClassicFact } from "./classic_facts.ts";
import * as classic from "./classic_machine.ts";
import type { Circumstances } from "./consumer_decision.ts";
import { apply as applyConsumer, type ConsumerFact } from "./consumer_facts.ts";
import { newConsumerGroup } from "./consumer_group.ts";
import type { ConsumerHeartbeatEvent } from "./consumer_heartbeat.ts";
import * as consumer from "./consumer_machine.ts";
import type { Reply } from "./decision.ts";
import { applyLogFact, type Group, type GroupGone, isLogFact } from "./group.ts";

export type GroupEvent = classic.ClassicEvent | ConsumerRequest | consumer.ConsumerEvent;

/** A heartbeat of the consumer protocol and who waits for its answer. */
export type ConsumerRequest = ConsumerHeartbeatEvent & { readonly ticket: number };

export type GroupFact = ClassicFact | ConsumerFact | GroupGone;

export interface GroupDecision {
  readonly facts: readonly GroupFact[];
  readonly replies: readonly Reply[];
}

export function decideEvent(
  group: Readonly<Group>,
  event: GroupEvent,
  { classicSettings, consumerCircumstances }: {
    readonly classicSettings: classic.ClassicSettings;
    readonly consumerCircumstances: Circumstances;
  },
): GroupDecision {
  const { members } = group;
  if (event.kind === "consumerHeartbeat") {
    return decideHeartbeat(group, event as ConsumerRequest, consumerCircumstances);
  }
  if (members.type === "classic") {
    const { now } = consumerCircumstances;
    return classic.decide(members, event as classic.ClassicEvent, now, classicSettings);
  }
  const { facts } = consumer.decide(
    members,
    event as consumer.ConsumerEvent,
    consumerCircumstances,
  );
  return { facts, replies: [] };
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
export function applyFact(group: Group, fact: GroupFact): void {
  if (isLogFact(fact)) applyLogFact(group, fact);
  else if (group.members.type === "classic") applyClassic(group.members, fact as ClassicFact);
  else applyConsumer(group.members, fact as ConsumerFact);
}

/** A classic group without members becomes a consumer group when the first member of that protocol comes. */
function decideHeartbeat(
  { id, members, isStored }: Readonly<Group>,
  event: ConsumerRequest,
  circumstances: Circumstances,
): GroupDecision {
  const { ticket } = event;
  const isClassic = members.type === "classic";
  if (isClassic && (members.state !== "Empty" || members.pendingMembers.size > 0)) {
    const errorMessage = `Group ${id} is not a consumer group.`;
    const body = { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage };
    return { facts: [], replies: [{ api: "consumerHeartbeat", ticket, body }] };
  }
  const group = isClassic ? newConsumerGroup(id) : members;
  const { facts, reply } = consumer.decide(group, event, circumstances);
  const gone: GroupGone[] = isClassic && isStored && facts.length > 0
    ? [{ kind: "groupGone" }]
    : [];
  const answer: Reply = { api: "consumerHeartbeat", ticket, body: reply! };
  return { facts: [...gone, ...facts], replies: [answer] };
}
