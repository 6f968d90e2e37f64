/**
 * ConsumerGroupHeartbeat: a member joins, changes its subscription, lets go of partitions or just lives on. The member
 * is found, made, or put in the place of a static member that was away (consumer_joiner.ts); then group and member move
 * on (consumer_advance.ts).
 */
import type { Uuid } from "../../bytes/uuid.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { advance, areRegexesOld } from "./consumer_advance.ts";
import { type ConsumerFact, currentFact } from "./consumer_facts.ts";
import {
  type ConsumerGroup,
  type ConsumerMember,
  type EpochAssignment,
  isReconciled,
  type MemberMetadata,
  MemberState,
  sameNames,
  samePartitions,
} from "./consumer_group.ts";
import type { Circumstances, ConsumerDecision, HeartbeatReply } from "./consumer_decision.ts";
import { refused } from "./consumer_decision.ts";
import { joinerFor } from "./consumer_joiner.ts";
import type { OwnedPartitions, Progress } from "./consumer_reconcile.ts";
import { regexFault } from "./consumer_regex.ts";

export interface ConsumerHeartbeatEvent {
  readonly kind: "consumerHeartbeat";
  readonly memberId: string;
  /** 0 joins, -1 leaves, -2 leaves for a while. */
  readonly memberEpoch: number;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  // From here on null, and -1, mean: as before.
  readonly rackId: string | null;
  readonly rebalanceTimeoutMs: number;
  readonly topicNames: readonly string[] | null;
  readonly topicRegex: string | null;
  readonly serverAssignor: string | null;
  readonly owned: OwnedPartitions;
  /** Whether the member may know of a topic; absent where everybody may. Patterns match no others. */
  readonly mayDescribe?: (topic: string) => boolean;
}

export function decideConsumerHeartbeat(
  group: Readonly<ConsumerGroup>,
  event: ConsumerHeartbeatEvent,
  circumstances: Circumstances,
): ConsumerDecision {
  const joiner = joinerFor(group, event, circumstances.settings.maxSize);
  if ("errorCode" in joiner) return refused(joiner);
  const { member } = joiner;
  const metadata = updatedMetadata(member.metadata, event);
  const isNew = !group.members.has(member.id) || joiner.replacedId !== null;
  const sessionDeadlineMs = circumstances.now.ms + circumstances.settings.sessionTimeoutMs;
  const beat = { kind: "consumerBeat", memberId: member.id, sessionDeadlineMs } as const;
  if (
    !isNew && metadata === member.metadata && circumstances.topics.state === group.seenTopics &&
    group.epoch === group.assignmentEpoch && isReconciled(member, group.assignmentEpoch) &&
    !areRegexesOld(group, circumstances)
  ) return { facts: [beat], reply: replyTo(event, member, member, circumstances) };

  if (metadata.topicRegex !== member.metadata.topicRegex && metadata.topicRegex !== "") {
    const fault = regexFault(metadata.topicRegex, circumstances.topics);
    if (fault !== null) {
      const errorMessage =
        `SubscribedTopicRegex \`${metadata.topicRegex}\` is not a valid regular expression: ${fault}.`;
      return refused({ errorCode: ErrorCode.INVALID_REGULAR_EXPRESSION, errorMessage });
    }
  }
  const facts: ConsumerFact[] = [...joiner.facts];
  if (metadata !== member.metadata || isNew && joiner.replacedId === null) {
    facts.push({ kind: "member", memberId: member.id, metadata });
  }
  const progress = advance(
    group,
    { joiner, metadata, owned: event.owned, mayDescribe: event.mayDescribe },
    circumstances,
    facts,
  );
  const updated = progress === null ? member : { ...member, ...progress };
  if (progress !== null || isNew) facts.push(currentFact(updated));
  const deadlineMs = rebalanceDeadline(member, progress, metadata, circumstances.now.ms);
  if (deadlineMs !== member.rebalanceDeadlineMs || isNew) {
    facts.push({ kind: "revoking", memberId: member.id, deadlineMs });
  }
  facts.push(beat);
  return { facts, reply: replyTo(event, member, updated, circumstances) };
}

/** What the member says of itself now; the same object when that is nothing new. */
function updatedMetadata(before: MemberMetadata, event: ConsumerHeartbeatEvent): MemberMetadata {
  const after: MemberMetadata = {
    instanceId: event.instanceId ?? before.instanceId,
    rackId: event.rackId ?? before.rackId,
    clientId: event.clientId,
    clientHost: event.clientHost,
    topicNames: event.topicNames === null
      ? before.topicNames
      : [...new Set(event.topicNames)].sort(),
    topicRegex: event.topicRegex ?? before.topicRegex,
    rebalanceTimeoutMs: event.rebalanceTimeoutMs < 0
      ? before.rebalanceTimeoutMs
      : event.rebalanceTimeoutMs,
    serverAssignor: event.serverAssignor ?? before.serverAssignor,
    classic: null,
  };
  const same = after.instanceId === before.instanceId && after.rackId === before.rackId &&
    after.clientId === before.clientId && after.clientHost === before.clientHost &&
    sameNames(after.topicNames, before.topicNames) && after.topicRegex === before.topicRegex &&
    after.rebalanceTimeoutMs === before.rebalanceTimeoutMs &&
    after.serverAssignor === before.serverAssignor && before.classic === null;
  return same ? before : after;
}

function rebalanceDeadline(
  member: Readonly<ConsumerMember>,
  progress: Progress | null,
  { rebalanceTimeoutMs }: MemberMetadata,
  nowMs: number,
): number | null {
  if (progress === null) {
    return member.metadata.classic === null ? member.rebalanceDeadlineMs : null;
  }
  return progress.state === MemberState.UNREVOKED_PARTITIONS ? nowMs + rebalanceTimeoutMs : null;
}

/** The assignment is told to who joins, who says everything of itself (after an error), and whose assignment changed. */
function replyTo(
  event: ConsumerHeartbeatEvent,
  before: Readonly<ConsumerMember>,
  after: Readonly<ConsumerMember>,
  { settings: { heartbeatIntervalMs } }: Circumstances,
): HeartbeatReply {
  const saysAll = event.rebalanceTimeoutMs !== -1 && event.owned !== null &&
    (event.topicNames !== null || event.topicRegex !== null);
  const told = event.memberEpoch === 0 || saysAll ||
    !samePartitions(before.assigned, after.assigned);
  return {
    memberId: after.id,
    memberEpoch: after.epoch,
    heartbeatIntervalMs,
    assignment: told ? { topicPartitions: topicPartitions(after.assigned) } : null,
  };
}

function topicPartitions(assigned: EpochAssignment): { topicId: Uuid; partitions: number[] }[] {
  return Array.from(assigned, ([topicId, partitions]) => ({
    topicId,
    partitions: [...partitions.keys()].sort((a, b) => a - b),
  }));
}
