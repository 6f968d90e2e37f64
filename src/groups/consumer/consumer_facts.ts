/**
 * Consumer facts: what can happen to a group of the consumer protocol, and apply(), the only thing that changes one.
 *
 * Facts of the log are, one to one, the records of Kafka's group coordinator. The others live in memory only: sessions
 * begin anew when a group has been loaded.
 */
import type { Uuid } from "../../bytes/uuid.ts";
import {
  type Assignment,
  type ConsumerGroup,
  type ConsumerMember,
  type EpochAssignment,
  type MemberMetadata,
  MemberState,
  newConsumerMember,
  NO_PARTITIONS,
  type ResolvedRegex,
} from "./consumer_group.ts";

export type ConsumerFact = ConsumerLogFact | ConsumerMemoryFact;

/** What the log says. Assignments of a member go before the member itself, the group's epoch goes last. */
export type ConsumerLogFact =
  | { readonly kind: "member"; readonly memberId: string; readonly metadata: MemberMetadata }
  | { readonly kind: "memberGone"; readonly memberId: string }
  | { readonly kind: "epoch"; readonly epoch: number; readonly metadataHash: number }
  | { readonly kind: "epochGone" }
  | { readonly kind: "target"; readonly memberId: string; readonly assignment: Assignment }
  | { readonly kind: "targetGone"; readonly memberId: string }
  | { readonly kind: "targetEpoch"; readonly epoch: number; readonly assignedAtMs: number }
  | { readonly kind: "targetEpochGone" }
  | CurrentAssignment
  | { readonly kind: "currentGone"; readonly memberId: string }
  | { readonly kind: "regex"; readonly pattern: string; readonly resolved: ResolvedRegex }
  | { readonly kind: "regexGone"; readonly pattern: string };

/** Where a member stands on its way to its target. */
export interface CurrentAssignment {
  readonly kind: "current";
  readonly memberId: string;
  readonly epoch: number;
  readonly previousEpoch: number;
  readonly state: MemberState;
  readonly assigned: EpochAssignment;
  readonly revoking: EpochAssignment;
}

export type ConsumerMemoryFact =
  | { readonly kind: "consumerBeat"; readonly memberId: string; readonly sessionDeadlineMs: number }
  | { readonly kind: "revoking"; readonly memberId: string; readonly deadlineMs: number | null }
  | { readonly kind: "topicsSeen"; readonly state: unknown };

/** Where the member stands, as a fact. */
export function currentFact(member: Readonly<ConsumerMember>): CurrentAssignment {
  const { id: memberId, epoch, previousEpoch, state, assigned, revoking } = member;
  return { kind: "current", memberId, epoch, previousEpoch, state, assigned, revoking };
}

export const CONSUMER_LOG_KINDS: readonly ConsumerLogFact["kind"][] = [
  "member",
  "memberGone",
  "epoch",
  "epochGone",
  "target",
  "targetGone",
  "targetEpoch",
  "targetEpochGone",
  "current",
  "currentGone",
  "regex",
  "regexGone",
];

export function apply(group: ConsumerGroup, fact: ConsumerFact): void {
  switch (fact.kind) {
    case "member":
      return describeMember(group, fact.memberId, fact.metadata);
    case "memberGone":
      return removeMember(group, fact.memberId);
    case "epoch":
      group.epoch = fact.epoch;
      group.metadataHash = fact.metadataHash;
      return;
    case "epochGone":
      group.epoch = 0;
      group.metadataHash = 0;
      group.seenTopics = null;
      return;
    case "target":
      group.targets.set(fact.memberId, fact.assignment);
      return;
    case "targetGone":
      group.targets.delete(fact.memberId);
      return;
    case "targetEpoch":
      group.assignmentEpoch = fact.epoch;
      group.assignedAtMs = fact.assignedAtMs;
      return;
    case "targetEpochGone":
      group.assignmentEpoch = group.assignedAtMs = 0;
      return;
    case "current":
      return assign(group, fact);
    case "currentGone":
      return dropAssignment(group, fact.memberId);
    case "regex":
      group.regexes.set(fact.pattern, fact.resolved);
      return;
    case "regexGone":
      group.regexes.delete(fact.pattern);
      return;
    case "consumerBeat":
      group.members.get(fact.memberId)!.sessionDeadlineMs = fact.sessionDeadlineMs;
      return;
    case "revoking":
      group.members.get(fact.memberId)!.rebalanceDeadlineMs = fact.deadlineMs;
      return;
    case "topicsSeen":
      group.seenTopics = fact.state;
  }
}

function describeMember(group: ConsumerGroup, memberId: string, metadata: MemberMetadata): void {
  const known = group.members.get(memberId);
  if (known) known.metadata = metadata;
  else group.members.set(memberId, newConsumerMember(memberId, metadata));
  if (metadata.instanceId !== null) group.instances.set(metadata.instanceId, memberId);
}

function removeMember(group: ConsumerGroup, memberId: string): void {
  const member = group.members.get(memberId);
  if (member === undefined) return; // a compacted log may keep the tombstone alone
  const { instanceId } = member.metadata;
  disown(group, member);
  group.members.delete(memberId);
  if (instanceId !== null && group.instances.get(instanceId) === memberId) {
    group.instances.delete(instanceId);
  }
}

function assign(group: ConsumerGroup, fact: CurrentAssignment): void {
  let member = group.members.get(fact.memberId);
  if (member === undefined) {
    // In a compacted log what the member last said of itself may come after its assignment.
    group.members.set(fact.memberId, member = newConsumerMember(fact.memberId));
  }
  disown(group, member);
  member.epoch = fact.epoch;
  member.previousEpoch = fact.previousEpoch;
  member.state = fact.state;
  member.assigned = fact.assigned;
  member.revoking = fact.revoking;
  own(group, member.id, fact.assigned);
  own(group, member.id, fact.revoking);
}

function dropAssignment(group: ConsumerGroup, memberId: string): void {
  const member = group.members.get(memberId);
  if (member === undefined) return;
  disown(group, member);
  member.epoch = 0;
  member.previousEpoch = -1;
  member.state = MemberState.STABLE;
  member.assigned = member.revoking = NO_PARTITIONS;
}

function own(group: ConsumerGroup, memberId: string, assignment: EpochAssignment): void {
  for (const [topicId, partitions] of assignment) {
    let owners = group.owners.get(topicId);
    if (owners === undefined) group.owners.set(topicId, owners = new Map<number, string>());
    for (const partition of partitions.keys()) owners.set(partition, memberId);
  }
}

function disown(group: ConsumerGroup, member: Readonly<ConsumerMember>): void {
  for (const assignment of [member.assigned, member.revoking]) {
    for (const [topicId, partitions] of assignment) release(group, member.id, topicId, partitions);
  }
}

function release(
  group: ConsumerGroup,
  memberId: string,
  topicId: Uuid,
  partitions: ReadonlyMap<number, number>,
): void {
  const owners = group.owners.get(topicId);
  if (owners === undefined) return;
  for (const partition of partitions.keys()) {
    if (owners.get(partition) === memberId) owners.delete(partition);
  }
  if (owners.size === 0) group.owners.delete(topicId);
}
