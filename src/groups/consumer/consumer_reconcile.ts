/**
 * reconcile: one step of a member towards its target assignment (Kafka's CurrentAssignmentBuilder).
 *
 * | state | what it waits for |
 * |---|---|
 * | UNREVOKED_PARTITIONS | the member has to say that it owns none of the partitions taken away; it keeps its epoch |
 * | UNRELEASED_PARTITIONS | another member has to give up partitions; it has its epoch and all that is free |
 * | STABLE | nothing |
 *
 * A partition is assigned only when nobody has it any more, which is what makes one owner at a time.
 */
import type { Uuid } from "../../bytes/uuid.ts";
import {
  type Assignment,
  type ConsumerMember,
  type EpochAssignment,
  MemberState,
  NO_PARTITIONS,
} from "./consumer_group.ts";

/** What a member reports to own, or null when it says nothing of it. */
export type OwnedPartitions =
  | readonly { readonly topicId: Uuid; readonly partitions: readonly number[] }[]
  | null;

export interface Towards {
  readonly assignmentEpoch: number;
  readonly target: Assignment;
  readonly owned: OwnedPartitions;
  readonly isSubscribed: (topicId: Uuid) => boolean;
  /** Whether another member still has the partition. */
  readonly isTaken: (topicId: Uuid, partition: number) => boolean;
  /** The subscription is another one now: what it no longer covers goes at once. */
  readonly hasSubscriptionChanged: boolean;
}

export type Progress = Pick<
  ConsumerMember,
  "epoch" | "previousEpoch" | "state" | "assigned" | "revoking"
>;

/** Where the member stands now; null: where it stood. */
export function reconcile(member: Readonly<ConsumerMember>, towards: Towards): Progress | null {
  switch (member.state) {
    case MemberState.STABLE:
      if (member.epoch !== towards.assignmentEpoch) return nextAssignment(member, towards);
      return towards.hasSubscriptionChanged ? withoutUnsubscribed(member, towards) : null;
    case MemberState.UNREVOKED_PARTITIONS:
      if (!ownsAny(towards.owned, member.revoking)) return nextAssignment(member, towards);
      return towards.hasSubscriptionChanged ? withoutUnsubscribed(member, towards) : null;
    case MemberState.UNRELEASED_PARTITIONS:
      return nextAssignment(member, towards);
  }
}

function nextAssignment(member: Readonly<ConsumerMember>, towards: Towards): Progress {
  const { assignmentEpoch, isTaken } = towards;
  const assigned = new Map<Uuid, Map<number, number>>();
  const revoking = new Map<Uuid, Map<number, number>>();
  const added = new Map<Uuid, number[]>();
  let waits = false;
  for (const topicId of new Set([...towards.target.keys(), ...member.assigned.keys()])) {
    const target = towards.isSubscribed(topicId) ? towards.target.get(topicId) ?? [] : [];
    const wanted = new Set(target);
    const current = member.assigned.get(topicId);
    for (const [partition, epoch] of current ?? []) {
      put(wanted.has(partition) ? assigned : revoking, topicId, partition, epoch);
    }
    for (const partition of target) {
      if (current?.has(partition)) continue;
      if (isTaken(topicId, partition)) waits = true;
      else append(added, topicId, partition);
    }
  }
  if (revoking.size > 0 && ownsAny(towards.owned, revoking)) {
    const state = MemberState.UNREVOKED_PARTITIONS;
    return { epoch: member.epoch, previousEpoch: member.epoch, state, assigned, revoking };
  }
  for (const [topicId, partitions] of added) {
    for (const partition of partitions) put(assigned, topicId, partition, assignmentEpoch);
  }
  return {
    epoch: assignmentEpoch,
    previousEpoch: member.epoch,
    state: waits ? MemberState.UNRELEASED_PARTITIONS : MemberState.STABLE,
    assigned,
    revoking: NO_PARTITIONS,
  };
}

/** Takes away what the member is not subscribed to any more, ahead of the next target assignment. */
function withoutUnsubscribed(member: Readonly<ConsumerMember>, towards: Towards): Progress | null {
  const gone = [...member.assigned].filter(([topicId]) => !towards.isSubscribed(topicId));
  if (gone.length === 0) return null;
  const assigned = new Map(member.assigned), revoking = new Map(member.revoking);
  for (const [topicId, partitions] of gone) {
    assigned.delete(topicId);
    revoking.set(topicId, new Map([...revoking.get(topicId) ?? [], ...partitions]));
  }
  const { epoch } = member;
  if (ownsAny(towards.owned, revoking)) {
    const state = MemberState.UNREVOKED_PARTITIONS;
    return { epoch, previousEpoch: epoch, state, assigned, revoking };
  }
  return {
    epoch,
    previousEpoch: epoch,
    state: member.state,
    assigned,
    revoking: member.revoking,
  };
}

/** Whether the member may still have any of these: it does until it says otherwise. */
function ownsAny(owned: OwnedPartitions, partitions: EpochAssignment): boolean {
  if (owned === null) return true;
  return owned.some((topic) => {
    const those = partitions.get(topic.topicId);
    return those !== undefined && topic.partitions.some((partition) => those.has(partition));
  });
}

function put(
  into: Map<Uuid, Map<number, number>>,
  topicId: Uuid,
  partition: number,
  epoch: number,
): void {
  const partitions = into.get(topicId);
  if (partitions) partitions.set(partition, epoch);
  else into.set(topicId, new Map([[partition, epoch]]));
}

function append(into: Map<Uuid, number[]>, topicId: Uuid, partition: number): void {
  const partitions = into.get(topicId);
  if (partitions) partitions.push(partition);
  else into.set(topicId, [partition]);
}
