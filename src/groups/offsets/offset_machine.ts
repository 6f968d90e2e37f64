/**
 * Decisions about committed offsets: who may commit, what may be deleted, what has expired. Pure, like the machines
 * of the groups: the answers are facts and error codes.
 */
import type { Uuid } from "../../bytes/uuid.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import {
  CONSUMER_PROTOCOL_TYPE,
  isSubscribed,
  subscribedTopics,
} from "../classic/classic_group.ts";
import { isSubscribedTo } from "../consumer/consumer_group.ts";
import { goneFacts } from "../consumer/consumer_leaving.ts";
import { consumerCommitCheck, type PartitionCheck } from "../consumer/consumer_offsets.ts";
import { requestError } from "../decision.ts";
import { type Group, type LogFact, type OffsetGone, stateOf } from "../group.ts";
import type { CommittedOffset } from "./offsets.ts";
import { NO_OPEN_OFFSETS, type OffsetPlace, type OpenOffsets } from "./pending_offsets.ts";

export interface OffsetCommitEvent {
  /** -1 together with an empty member id: not from a member. */
  readonly generation: number;
  readonly memberId: string;
  readonly instanceId: string | null;
  /** v2–4: how long to keep it; -1: as the broker does. */
  readonly retentionTimeMs: number;
  /** Committed in a transaction, for which fewer checks hold. */
  readonly isTransactional?: boolean;
  readonly offsets: readonly OffsetToCommit[];
}

export interface OffsetToCommit {
  readonly topic: string;
  readonly topicId: Uuid;
  readonly partition: number;
  readonly offset: bigint;
  readonly leaderEpoch: number;
  readonly metadata: string;
}

/**
 * Whether these credentials may commit (ClassicGroup.validateOffsetCommit). A group without members takes commits
 * from anyone who does not claim to be one; a member may commit while a rebalance is prepared, not while one completes.
 * In a consumer group it may depend on the partition.
 */
export function commitError(
  group: Readonly<Group> | undefined,
  event: OffsetCommitEvent,
  knowsGroupIdNotFound: boolean,
): number | PartitionCheck {
  const { generation, memberId, instanceId, isTransactional = false } = event;
  if (group === undefined) {
    if (generation < 0) return ErrorCode.NONE;
    return knowsGroupIdNotFound ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION;
  }
  const { members } = group;
  if (members.type === "consumer") {
    // The version that knows of missing groups is the one that knows of member epochs.
    const knowsEpochs = knowsGroupIdNotFound;
    const claim = { memberId, instanceId, memberEpoch: generation, knowsEpochs, isTransactional };
    return consumerCommitCheck(members, claim);
  }
  if (generation < 0 && members.state === "Empty") return ErrorCode.NONE;
  if (generation < 0 && memberId === "" && instanceId === null) {
    // Transactions of older clients do not say who they are.
    return isTransactional ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID;
  }
  const errorCode = requestError(members, event);
  if (errorCode !== ErrorCode.NONE || isTransactional) return errorCode;
  return members.state === "CompletingRebalance" ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}

/** The facts of a commit that is allowed, and an error code for each of its offsets. */
export function decideCommit(
  event: OffsetCommitEvent,
  { wallMs, maxMetadataLength, check }: {
    wallMs: number;
    maxMetadataLength: number;
    check?: PartitionCheck;
  },
): { facts: LogFact[]; errorCodes: number[] } {
  const facts: LogFact[] = [];
  const errorCodes = event.offsets.map((one) => {
    // Kafka counts UTF-16 units too.
    if (one.metadata.length > maxMetadataLength) return ErrorCode.OFFSET_METADATA_TOO_LARGE;
    const { topic, partition, topicId, offset, leaderEpoch, metadata } = one;
    const refused = check?.(topicId, partition) ?? ErrorCode.NONE;
    if (refused !== ErrorCode.NONE) return refused;
    const expireTimestampMs = event.retentionTimeMs < 0
      ? -1
      : Math.min(wallMs + event.retentionTimeMs, Number.MAX_SAFE_INTEGER);
    const committed: CommittedOffset = {
      offset,
      leaderEpoch,
      metadata,
      commitTimestampMs: wallMs,
      expireTimestampMs,
      topicId,
    };
    facts.push({ kind: "committed", topic, partition, committed });
    return ErrorCode.NONE;
  });
  return { facts, errorCodes };
}

/** Whether offsets may be deleted at all: of consumers always, of others only without members. */
export function offsetDeleteError({ members }: Readonly<Group>): number {
  if (members.type === "consumer") return ErrorCode.NONE;
  const inUse = members.state !== "Empty" && members.protocolType !== CONSUMER_PROTOCOL_TYPE;
  return inUse ? ErrorCode.NON_EMPTY_GROUP : ErrorCode.NONE;
}

/** Deletes what no member is subscribed to, be it pending; what was never committed counts as deleted. */
export function decideOffsetDelete(
  group: Readonly<Group>,
  offsets: readonly OffsetPlace[],
  open: OpenOffsets = NO_OPEN_OFFSETS,
): { facts: LogFact[]; errorCodes: number[] } {
  const facts: LogFact[] = [];
  const errorCodes = offsets.map(({ topic, partition }) => {
    if (isInUse(group.members, topic)) return ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC;
    if (group.offsets.get(topic, partition) || open.has(group.id, { topic, partition })) {
      facts.push({ kind: "offsetGone", topic, partition });
    }
    return ErrorCode.NONE;
  });
  return { facts, errorCodes };
}

/** A group without members goes with all its offsets, also those of transactions that are still open. */
export function decideGroupDelete(
  group: Readonly<Group>,
  open: OpenOffsets = NO_OPEN_OFFSETS,
): { errorCode: number; facts: LogFact[] } {
  if (stateOf(group) !== "Empty") return { errorCode: ErrorCode.NON_EMPTY_GROUP, facts: [] };
  const facts = [
    ...goneOffsets(group, () => true),
    ...gonePending(group, open, () => true),
    ...groupGone(group),
  ];
  return { errorCode: ErrorCode.NONE, facts };
}

/** The facts by which the log forgets the group itself. */
export function groupGone({ members }: Readonly<Group>): LogFact[] {
  return members.type === "consumer" ? goneFacts(members) : [{ kind: "groupGone" }];
}

/** What a topic's deletion takes with it. */
export function topicOffsets(
  group: Readonly<Group>,
  topics: ReadonlySet<string>,
  open: OpenOffsets = NO_OPEN_OFFSETS,
): OffsetGone[] {
  const isGone = (topic: string) => topics.has(topic);
  return [...goneOffsets(group, isGone), ...gonePending(group, open, isGone)];
}

/**
 * Offsets past their retention, and the group itself once it is empty and has none (ClassicGroup's
 * offsetExpirationCondition). Counted from:
 *
 * | group | from |
 * |---|---|
 * | never had members | the commit |
 * | empty | when it became empty, or the commit if later |
 * | consumers, stable | the commit, for topics nobody is subscribed to any more |
 * | anything else | never |
 *
 * What an open transaction may still change stays, and so does a group that one commits for.
 */
export function decideExpiry(
  group: Readonly<Group>,
  rules: ExpiryRules,
): LogFact[] {
  const { members, offsets } = group, { wallMs, retentionMs, open = NO_OPEN_OFFSETS } = rules;
  if (members.type === "consumer") return consumerExpiry(group, rules);
  const simple = members.protocolType === null, empty = members.state === "Empty";
  const inUse = empty ? null : members.state === "Stable" ? subscribedTopics(members) : null;
  if (!empty && inUse === null) return [];
  const sinceMs = empty && !simple ? members.stateSinceMs : 0;
  const expired = goneOffsets(
    group,
    (topic, { commitTimestampMs, expireTimestampMs }, partition) => {
      if (inUse?.has(topic) || open.has(group.id, { topic, partition })) return false;
      if (expireTimestampMs >= 0) return wallMs >= expireTimestampMs;
      return wallMs - Math.max(sinceMs, commitTimestampMs) >= retentionMs;
    },
  );
  const nothingLeft = expired.length === offsets.count && empty &&
    members.pendingMembers.size === 0 && open.of(group.id).length === 0;
  return nothingLeft ? [...expired, { kind: "groupGone" }] : expired;
}

interface ExpiryRules {
  readonly wallMs: number;
  readonly retentionMs: number;
  readonly open?: OpenOffsets;
}

/** In a consumer group: by the age of the commit, for topics nobody is subscribed to. */
function consumerExpiry(
  group: Readonly<Group>,
  { wallMs, retentionMs, open = NO_OPEN_OFFSETS }: ExpiryRules,
): LogFact[] {
  const expired = goneOffsets(
    group,
    (topic, { commitTimestampMs, expireTimestampMs }, partition) => {
      if (isInUse(group.members, topic) || open.has(group.id, { topic, partition })) return false;
      if (expireTimestampMs >= 0) return wallMs >= expireTimestampMs;
      return wallMs - commitTimestampMs >= retentionMs;
    },
  );
  const nothingLeft = expired.length === group.offsets.count && stateOf(group) === "Empty" &&
    open.of(group.id).length === 0;
  return nothingLeft ? [...expired, ...groupGone(group)] : expired;
}

function isInUse(members: Readonly<Group>["members"], topic: string): boolean {
  return members.type === "consumer"
    ? isSubscribedTo(members, topic)
    : isSubscribed(members, topic);
}

function goneOffsets(
  { offsets }: Readonly<Group>,
  isGone: (topic: string, committed: CommittedOffset, partition: number) => boolean,
): OffsetGone[] {
  const gone: OffsetGone[] = [];
  for (const [topic, partitions] of offsets.topics()) {
    for (const [partition, committed] of partitions) {
      if (isGone(topic, committed, partition)) gone.push({ kind: "offsetGone", topic, partition });
    }
  }
  return gone;
}

/** Of what is only pending, each partition once. */
function gonePending(
  { id, offsets }: Readonly<Group>,
  open: OpenOffsets,
  isGone: (topic: string) => boolean,
): OffsetGone[] {
  const gone = new Map<string, OffsetGone>();
  for (const { topic, partition } of open.of(id)) {
    if (!isGone(topic) || offsets.get(topic, partition) !== undefined) continue;
    gone.set(`${topic} ${partition}`, { kind: "offsetGone", topic, partition });
  }
  return [...gone.values()];
}
