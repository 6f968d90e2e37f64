/**
 * ConsumerGroupHeartbeat: a member joins, changes its subscription, lets go of partitions or just lives on. In order,
 * as Kafka's GroupMetadataManager:
 *
 *  1. the member is found, made, or put in the place of a static member that was away;
 *  2. a new subscription, or a change of the topics, makes a new group epoch;
 *  3. a new group epoch makes a new target assignment, at most one in an assignment interval;
 *  4. the member takes its next step towards its target.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { ConsumerFact } from "./consumer_facts.ts";
import {
  type Assignment,
  type ConsumerGroup,
  type ConsumerMember,
  type EpochAssignment,
  isReconciled,
  type MemberMetadata,
  MemberState,
  NO_TARGET,
  ownerOf,
  type ResolvedRegex,
  sameNames,
  samePartitions,
} from "./consumer_group.ts";
import type { Circumstances, ConsumerDecision, HeartbeatReply } from "./consumer_decision.ts";
import { refused } from "./consumer_decision.ts";
import { type Joiner, joinerFor } from "./consumer_joiner.ts";
import { type OwnedPartitions, type Progress, reconcile } from "./consumer_reconcile.ts";
import { regexFault, resolveRegex } from "./consumer_regex.ts";
import { newTarget } from "./consumer_target.ts";
import { isRegexInUse, metadataHash, subscribedTopicIds } from "./consumer_topics.ts";

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
    group.epoch === group.assignmentEpoch && isReconciled(member, group.assignmentEpoch)
  ) return { facts: [beat], reply: replyTo(event, member, member, circumstances) };

  if (metadata.topicRegex !== member.metadata.topicRegex && metadata.topicRegex !== "") {
    const fault = regexFault(metadata.topicRegex);
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
  const progress = advance(group, { event, joiner, metadata }, circumstances, facts);
  const updated = progress === null ? member : { ...member, ...progress };
  if (progress !== null || isNew) facts.push(currentFact(updated));
  const deadlineMs = rebalanceDeadline(member, progress, metadata, circumstances.now.ms);
  if (deadlineMs !== member.rebalanceDeadlineMs || isNew) {
    facts.push({ kind: "revoking", memberId: member.id, deadlineMs });
  }
  facts.push(beat);
  return { facts, reply: replyTo(event, member, updated, circumstances) };
}

export function currentFact(member: Readonly<ConsumerMember>): ConsumerFact {
  const { id: memberId, epoch, previousEpoch, state, assigned, revoking } = member;
  return { kind: "current", memberId, epoch, previousEpoch, state, assigned, revoking };
}

/** Where Kafka 4.3 lets a group begin. */
const FIRST_EPOCH = 2;

interface Joining {
  readonly event: ConsumerHeartbeatEvent;
  readonly joiner: Joiner;
  readonly metadata: MemberMetadata;
}

/** Steps 2 to 4: adds the facts about the group, returns where the member now is if it moved. */
function advance(
  group: Readonly<ConsumerGroup>,
  { event, joiner, metadata }: Joining,
  circumstances: Circumstances,
  facts: ConsumerFact[],
): Progress | null {
  const { member, replacedId } = joiner, { topics, now, settings } = circumstances;
  const members = new Map<string, MemberMetadata>();
  for (const one of group.members.values()) {
    if (one.id !== replacedId) members.set(one.id, one.metadata);
  }
  members.set(member.id, metadata);

  const namesChanged = !sameNames(member.metadata.topicNames, metadata.topicNames);
  const regexChanged = member.metadata.topicRegex !== metadata.topicRegex;
  const resolved = resolve(group, { joiner, metadata }, circumstances);
  facts.push(...resolved.facts);
  const { regexes } = resolved;

  let { epoch } = group;
  if (epoch === 0 || namesChanged || regexChanged || topics.state !== group.seenTopics) {
    const hash = metadataHash(members.values(), regexes, topics);
    if (epoch === 0 || namesChanged || regexChanged || hash !== group.metadataHash) {
      epoch = epoch === 0 ? FIRST_EPOCH : epoch + 1;
      facts.push({ kind: "epoch", epoch, metadataHash: hash });
    }
    if (resolved.isCurrent) facts.push({ kind: "topicsSeen", state: topics.state });
  }

  let targets: ReadonlyMap<string, Assignment> = joiner.targets ?? group.targets;
  let { assignmentEpoch } = group;
  const waitMs = now.wallMs - group.assignedAtMs;
  // A clock that was set back must not hold assignments up.
  if (epoch > assignmentEpoch && (waitMs >= settings.assignmentIntervalMs || waitMs < 0)) {
    const prospect = { epoch, members, targets, regexes };
    const defaultAssignor = settings.assignors[0];
    const made = newTarget(prospect, { topics, defaultAssignor, wallMs: now.wallMs });
    facts.push(...made.facts);
    targets = made.targets;
    assignmentEpoch = epoch;
  }

  const hasSubscriptionChanged = namesChanged || regexChanged;
  if (!hasSubscriptionChanged && isReconciled(member, assignmentEpoch)) return null;
  const subscribed = new Set(subscribedTopicIds(metadata, regexes, topics));
  const progress = reconcile(member, {
    assignmentEpoch,
    target: targets.get(member.id) ?? NO_TARGET,
    owned: event.owned,
    isSubscribed: (topicId) => subscribed.has(topicId),
    isTaken: (topicId, partition) => {
      const owner = ownerOf(group, topicId, partition);
      return owner !== undefined && owner !== member.id && owner !== replacedId;
    },
    hasSubscriptionChanged,
  });
  return progress === null || samePlace(member, progress) ? null : progress;
}

/** Regular expressions as they will be: the member's old one may go, a new one is resolved, all are when topics change. */
function resolve(
  group: Readonly<ConsumerGroup>,
  { joiner: { member, replacedId }, metadata }: Pick<Joining, "joiner" | "metadata">,
  { topics, now: { wallMs } }: Circumstances,
): { facts: ConsumerFact[]; regexes: ReadonlyMap<string, ResolvedRegex>; isCurrent: boolean } {
  const before = member.metadata.topicRegex, after = metadata.topicRegex;
  const isStale = topics.state !== group.seenTopics && group.regexes.size > 0;
  if (before === after && !isStale) return { facts: [], regexes: group.regexes, isCurrent: true };
  const facts: ConsumerFact[] = [], regexes = new Map(group.regexes);
  const set = (pattern: string) => {
    const resolved = resolveRegex(pattern, topics, wallMs);
    regexes.set(pattern, resolved);
    facts.push({ kind: "regex", pattern, resolved });
  };
  const self = new Set(replacedId === null ? [member.id] : [member.id, replacedId]);
  if (before !== after && regexes.has(before) && !isRegexInUse(group, before, self)) {
    regexes.delete(before);
    facts.push({ kind: "regexGone", pattern: before });
  }
  const refresh = isStale && mayRefresh(group, wallMs);
  if (refresh) { for (const pattern of [...regexes.keys()]) set(pattern); }
  if (after !== "" && !regexes.has(after)) set(after);
  return { facts, regexes, isCurrent: !isStale || refresh };
}

/** Topics may come and go quickly; everything is matched again only now and then (Kafka's figure). */
const REGEX_REFRESH_MIN_INTERVAL_MS = 10_000;

function mayRefresh({ regexes, seenTopics }: Readonly<ConsumerGroup>, wallMs: number): boolean {
  if (seenTopics === null) return true;
  let latestMs = 0;
  for (const { resolvedAtMs } of regexes.values()) latestMs = Math.max(latestMs, resolvedAtMs);
  const passedMs = wallMs - latestMs;
  return passedMs >= REGEX_REFRESH_MIN_INTERVAL_MS || passedMs < 0;
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
  if (progress === null) return member.rebalanceDeadlineMs;
  return progress.state === MemberState.UNREVOKED_PARTITIONS ? nowMs + rebalanceTimeoutMs : null;
}

function samePlace(member: Readonly<ConsumerMember>, progress: Progress): boolean {
  return member.epoch === progress.epoch && member.previousEpoch === progress.previousEpoch &&
    member.state === progress.state && samePartitions(member.assigned, progress.assigned) &&
    samePartitions(member.revoking, progress.revoking);
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
