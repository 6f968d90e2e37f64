/**
 * joinerFor: which member a heartbeat is from: a known one, a new one, or one that takes the place of a static member
 * that is away. Fences everyone else.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { Refusal } from "./consumer_decision.ts";
import type { ConsumerFact } from "./consumer_facts.ts";
import {
  type Assignment,
  type ConsumerGroup,
  type ConsumerMember,
  type EpochAssignment,
  LEAVE_STATIC_EPOCH,
  newConsumerMember,
} from "./consumer_group.ts";
import type { OwnedPartitions } from "./consumer_reconcile.ts";

export interface Joiner {
  readonly member: Readonly<ConsumerMember>;
  /** The member whose place it takes; null: none. */
  readonly replacedId: string | null;
  /** What makes that true. */
  readonly facts: readonly ConsumerFact[];
  /** Targets as they are then; null: as they are. */
  readonly targets: ReadonlyMap<string, Assignment> | null;
}

export interface Claim {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly instanceId: string | null;
  readonly owned: OwnedPartitions;
}

export function joinerFor(
  group: Readonly<ConsumerGroup>,
  claim: Claim,
  maxSize: number,
): Joiner | Refusal {
  const { memberId, memberEpoch, instanceId } = claim;
  if (group.epoch === 0 && memberEpoch !== 0) {
    const errorMessage = `Consumer group ${group.id} not found.`;
    return { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage };
  }
  if (isFullFor(group, memberId, maxSize)) {
    return {
      errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED,
      errorMessage: `The consumer group has reached its maximum capacity of ${maxSize} members.`,
    };
  }
  if (memberEpoch !== 0) {
    const member = currentMember(group, claim);
    if ("errorCode" in member) return member;
    return epochFault(member, memberEpoch, claim.owned) ?? itself(member);
  }
  const staticId = instanceId === null ? undefined : group.instances.get(instanceId);
  if (staticId === undefined) {
    return itself(group.members.get(memberId) ?? newConsumerMember(memberId));
  }
  const old = group.members.get(staticId)!;
  if (old.epoch !== LEAVE_STATIC_EPOCH && old.metadata.classic === null) {
    const errorMessage = `Static member ${memberId} with instance id ${instanceId} cannot join ` +
      `the group because the instance id is owned by ${old.id} member.`;
    return { errorCode: ErrorCode.UNRELEASED_INSTANCE_ID, errorMessage };
  }
  return replacement(group, old, memberId);
}

/**
 * The same for a member of the classic protocol, whose member id is enough: it has no epoch to be behind with. A static
 * one takes the place of its predecessor whether that said it would leave or not (KIP-345).
 */
export function classicJoinerFor(
  group: Readonly<ConsumerGroup>,
  { memberId, newMemberId, instanceId }: {
    readonly memberId: string;
    readonly newMemberId: string;
    readonly instanceId: string | null;
  },
): Joiner | Refusal {
  if (instanceId !== null && memberId !== "") {
    const member = currentMember(group, { memberId, instanceId });
    return "errorCode" in member ? member : itself(member);
  }
  const id = memberId === "" ? newMemberId : memberId;
  const oldId = instanceId === null ? undefined : group.instances.get(instanceId);
  if (oldId !== undefined) return replacement(group, group.members.get(oldId)!, id);
  return itself(group.members.get(id) ?? newConsumerMember(id));
}

export function isFullFor(
  group: Readonly<ConsumerGroup>,
  memberId: string,
  maxSize: number,
): boolean {
  return group.members.size >= maxSize && !group.members.has(memberId);
}

/** The member that this is, by its member id and, for a static member, its instance id. */
export function currentMember(
  group: Readonly<ConsumerGroup>,
  { memberId, instanceId }: Pick<Claim, "memberId" | "instanceId">,
): Readonly<ConsumerMember> | Refusal {
  if (instanceId !== null) {
    const currentId = group.instances.get(instanceId);
    if (currentId === undefined) {
      const errorMessage = `Instance id ${instanceId} is unknown.`;
      return { errorCode: ErrorCode.UNKNOWN_MEMBER_ID, errorMessage };
    }
    if (currentId !== memberId) {
      const errorMessage =
        `Static member ${memberId} with instance id ${instanceId} was fenced by member ${currentId}.`;
      return { errorCode: ErrorCode.FENCED_INSTANCE_ID, errorMessage };
    }
  }
  return group.members.get(memberId) ?? {
    errorCode: ErrorCode.UNKNOWN_MEMBER_ID,
    errorMessage: `Member ${memberId} is not a member of group ${group.id}.`,
  };
}

function itself(member: Readonly<ConsumerMember>): Joiner {
  return { member, replacedId: null, facts: [], targets: null };
}

/** A static member that comes back keeps everything but its member id. */
function replacement(
  group: Readonly<ConsumerGroup>,
  old: Readonly<ConsumerMember>,
  memberId: string,
): Joiner {
  const member: ConsumerMember = { ...old, id: memberId, epoch: 0, previousEpoch: 0 };
  const targets = new Map(group.targets), target = targets.get(old.id);
  targets.delete(old.id);
  const facts: ConsumerFact[] = [
    { kind: "currentGone", memberId: old.id },
    { kind: "targetGone", memberId: old.id },
    { kind: "memberGone", memberId: old.id },
    { kind: "member", memberId, metadata: old.metadata },
  ];
  if (target !== undefined) {
    targets.set(memberId, target);
    facts.push({ kind: "target", memberId, assignment: target });
  }
  const { state, assigned, revoking } = old;
  facts.push({ kind: "current", memberId, epoch: 0, previousEpoch: 0, state, assigned, revoking });
  return { member, replacedId: old.id, facts, targets };
}

/** A member may be one epoch behind when the answer that told it got lost, as long as it claims nothing else. */
function epochFault(
  member: Readonly<ConsumerMember>,
  epoch: number,
  owned: OwnedPartitions,
): Refusal | null {
  if (epoch === member.epoch) return null;
  const isLate = epoch < member.epoch && epoch === member.previousEpoch;
  if (isLate && isSubset(owned, member.assigned)) return null;
  const than = epoch > member.epoch ? "greater" : "smaller";
  return {
    errorCode: ErrorCode.FENCED_MEMBER_EPOCH,
    errorMessage: `The consumer group member has a ${than} member epoch (${epoch}) than the one ` +
      `known by the group coordinator (${member.epoch}). The member must abandon all its ` +
      "partitions and rejoin.",
  };
}

function isSubset(owned: OwnedPartitions, assigned: EpochAssignment): boolean {
  return owned !== null && owned.every(({ topicId, partitions }) => {
    const those = assigned.get(topicId);
    return those !== undefined && partitions.every((partition) => those.has(partition));
  });
}
