/**
 * Whether a member of a consumer group may commit or fetch offsets (ConsumerGroup.validateOffsetCommit, …OffsetFetch).
 */
import type { Uuid } from "../../bytes/uuid.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { ConsumerGroup, ConsumerMember } from "./consumer_group.ts";

export interface CommitClaim {
  readonly memberId: string;
  readonly instanceId: string | null;
  /** The member epoch, or the generation of a classic member; -1: not from a member. */
  readonly memberEpoch: number;
  /** OffsetCommit v9+, TxnOffsetCommit v6+, whose callers know what a stale member epoch is. */
  readonly knowsEpochs: boolean;
  readonly isTransactional: boolean;
}

/** An error code for one partition of a commit. */
export type PartitionCheck = (topicId: Uuid, partition: number) => number;

/** An error code for the whole commit, or what gives one for each partition. */
export function consumerCommitCheck(
  group: Readonly<ConsumerGroup>,
  { memberId, instanceId, memberEpoch, knowsEpochs, isTransactional }: CommitClaim,
): number | PartitionCheck {
  if (memberEpoch < 0 && group.members.size === 0) return ErrorCode.NONE;
  const isNobody = memberEpoch === -1 && memberId === "" && instanceId === null;
  if (isTransactional && isNobody) return ErrorCode.NONE;
  const member = group.members.get(memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  const isClassic = member.metadata.classic !== null;
  if (!isTransactional && !isClassic && !knowsEpochs) return ErrorCode.UNSUPPORTED_VERSION;
  if (memberEpoch === member.epoch) return ErrorCode.NONE;
  const isOld = isClassic || isTransactional && !knowsEpochs;
  const stale = isOld ? ErrorCode.ILLEGAL_GENERATION : ErrorCode.STALE_MEMBER_EPOCH;
  if (memberEpoch > member.epoch) return stale;
  // ConsumerGroup.createAssignmentEpochValidator: a member that has not heard of its new epoch yet may commit what it has had since the old one.
  return (topicId, partition) => {
    const since = assignedSince(member, topicId, partition);
    return since !== undefined && since <= memberEpoch ? ErrorCode.NONE : stale;
  };
}

/** Whether the member may fetch offsets; memberEpoch -1 without a member id (null, not empty): anyone may. */
export function consumerFetchError(
  group: Readonly<ConsumerGroup>,
  memberId: string | null,
  memberEpoch: number,
): number {
  if (memberId === null && memberEpoch < 0) return ErrorCode.NONE;
  const member = group.members.get(memberId ?? "");
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  if (memberEpoch === member.epoch) return ErrorCode.NONE;
  return member.metadata.classic === null
    ? ErrorCode.STALE_MEMBER_EPOCH
    : ErrorCode.ILLEGAL_GENERATION;
}

function assignedSince(
  { assigned, revoking }: Readonly<ConsumerMember>,
  topicId: Uuid,
  partition: number,
): number | undefined {
  return assigned.get(topicId)?.get(partition) ?? revoking.get(topicId)?.get(partition);
}
