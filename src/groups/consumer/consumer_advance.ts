/**
 * advance: what a request of a member does to a consumer group, whichever protocol the member speaks. In order, as
 * Kafka's GroupMetadataManager:
 *
 *  1. a new subscription, a change of the topics or of the assignor that most prefer makes a new group epoch;
 *  2. a new group epoch makes a new target assignment, at most one in an assignment interval;
 *  3. the member takes its next step towards its target.
 */
import type { Circumstances } from "./consumer_decision.ts";
import type { ConsumerFact } from "./consumer_facts.ts";
import {
  type Assignment,
  type ConsumerGroup,
  type ConsumerMember,
  isReconciled,
  type MemberMetadata,
  NO_TARGET,
  ownerOf,
  type ResolvedRegex,
  sameNames,
  samePartitions,
} from "./consumer_group.ts";
import type { Joiner } from "./consumer_joiner.ts";
import { type OwnedPartitions, type Progress, reconcile } from "./consumer_reconcile.ts";
import { resolveRegex } from "./consumer_regex.ts";
import { assignorName, assignorOf, newTarget } from "./consumer_target.ts";
import { isRegexInUse, metadataHash, subscribedTopicIds } from "./consumer_topics.ts";

/** Who asks, and what it now says of itself. */
export interface Joining {
  readonly joiner: Joiner;
  readonly metadata: MemberMetadata;
  readonly owned: OwnedPartitions;
  /**
   * What the member may know of, which is all that regular expressions find that it has resolved; absent where everybody
   * may know of everything. Null: it resolves none, as members of the classic protocol.
   */
  readonly mayDescribe?: ((topic: string) => boolean) | null;
}

/** Adds the facts about the group; returns where the member now is if it moved. */
export function advance(
  group: Readonly<ConsumerGroup>,
  { joiner, metadata, owned, mayDescribe }: Joining,
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
  const [defaultAssignor] = settings.assignors;
  // Counted where this member names another one alone: most heartbeats say nothing new.
  const assignorChanged = member.metadata.serverAssignor !== metadata.serverAssignor &&
    assignorOf(members.values(), defaultAssignor) !== assignorName(group, defaultAssignor);
  const regexChanged = member.metadata.topicRegex !== metadata.topicRegex;
  const resolved = resolve(group, { joiner, metadata, mayDescribe }, circumstances);
  facts.push(...resolved.facts);
  const { regexes } = resolved;

  let epoch = group.epoch === 0 ? FIRST_EPOCH : group.epoch;
  if (
    group.epoch === 0 || namesChanged || regexChanged || assignorChanged || resolved.isNews ||
    topics.state !== group.seenTopics
  ) {
    const hash = metadataHash(members.values(), regexes, topics);
    if (namesChanged || assignorChanged || resolved.isNews || hash !== group.metadataHash) epoch++;
    if (epoch !== group.epoch) facts.push({ kind: "epoch", epoch, metadataHash: hash });
    if (resolved.isCurrent) facts.push({ kind: "topicsSeen", state: topics.state });
  }

  let targets: ReadonlyMap<string, Assignment> = joiner.targets ?? group.targets;
  let { assignmentEpoch } = group;
  if (group.epoch === 0) {
    // It has an assignment from its first moment, of nothing and at no time: the next one need not wait for its interval.
    assignmentEpoch = FIRST_EPOCH;
    if (epoch === FIRST_EPOCH) {
      facts.push({ kind: "targetEpoch", epoch: FIRST_EPOCH, assignedAtMs: 0 });
    }
  }
  const waitMs = now.wallMs - group.assignedAtMs;
  // A clock that was set back must not hold assignments up.
  if (epoch > assignmentEpoch && (waitMs >= settings.assignmentIntervalMs || waitMs < 0)) {
    const prospect = { epoch, members, targets, regexes };
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
    owned,
    isSubscribed: (topicId) => subscribed.has(topicId),
    isTaken: (topicId, partition) => {
      const owner = ownerOf(group, topicId, partition);
      return owner !== undefined && owner !== member.id && owner !== replacedId;
    },
    hasSubscriptionChanged,
  });
  return progress === null || samePlace(member, progress) ? null : progress;
}

/** Of a group that subscribes to nothing yet; its first subscription makes the second. */
const FIRST_EPOCH = 1;

/**
 * Regular expressions as they will be: the member's old one may go, a new one is resolved, all are when topics change.
 * `isNews` where that is a reason for a new epoch: a pattern matches other topics than before, the member has come to
 * one that others subscribe by already, or it has none any more (Kafka: maybeUpdateRegularExpressions and
 * handleRegularExpressionsResult, which resolves later; a new pattern without a match is no reason).
 */
function resolve(
  group: Readonly<ConsumerGroup>,
  { joiner: { member, replacedId }, metadata, mayDescribe }: Omit<Joining, "owned">,
  circumstances: Circumstances,
): {
  facts: ConsumerFact[];
  regexes: ReadonlyMap<string, ResolvedRegex>;
  isCurrent: boolean;
  isNews: boolean;
} {
  const { topics, now: { wallMs } } = circumstances;
  const before = member.metadata.topicRegex, after = metadata.topicRegex;
  const isStale = topics.state !== group.seenTopics && group.regexes.size > 0;
  const isOld = areRegexesOld(group, circumstances);
  if (before === after && !isStale && !isOld) {
    return { facts: [], regexes: group.regexes, isCurrent: true, isNews: false };
  }
  const facts: ConsumerFact[] = [], regexes = new Map(group.regexes);
  let isKnown = true;
  let isNews = before !== after && (after === "" || regexes.has(after));
  const set = (pattern: string) => {
    const resolved = mayDescribe === null
      ? null
      : resolveRegex(pattern, topics, wallMs, mayDescribe);
    if (resolved === null) {
      isKnown = false; // it keeps what it had, and is asked for again
      return;
    }
    if (!sameNames(regexes.get(pattern)?.topics ?? [], resolved.topics)) isNews = true;
    regexes.set(pattern, resolved);
    facts.push({ kind: "regex", pattern, resolved });
  };
  const self = new Set(replacedId === null ? [member.id] : [member.id, replacedId]);
  if (before !== after && regexes.has(before) && !isRegexInUse(group, before, self)) {
    regexes.delete(before);
    facts.push({ kind: "regexGone", pattern: before });
  }
  const mayRefresh = group.seenTopics === null ||
    passedSince(group, wallMs) >= REGEX_REFRESH_MIN_INTERVAL_MS;
  const refresh = (isStale || isOld) && mayRefresh;
  if (refresh) { for (const pattern of [...regexes.keys()]) set(pattern); }
  if (after !== "" && !regexes.has(after)) set(after);
  return { facts, regexes, isCurrent: isKnown && (!isStale || refresh), isNews };
}

/** Whether it is time to match again: what members may know of changes too, and nobody tells the group. */
export function areRegexesOld(
  group: Readonly<ConsumerGroup>,
  { now: { wallMs }, settings }: Circumstances,
): boolean {
  return passedSince(group, wallMs) >= settings.regexRefreshIntervalMs;
}

/** Topics may come and go quickly; everything is matched again only now and then (Kafka's figure). */
const REGEX_REFRESH_MIN_INTERVAL_MS = 10_000;

/** How long ago the group's regular expressions were resolved; a clock that was set back says nothing, so: long ago. */
function passedSince({ regexes }: Readonly<ConsumerGroup>, wallMs: number): number {
  if (regexes.size === 0) return 0;
  let latestMs = 0;
  for (const { resolvedAtMs } of regexes.values()) latestMs = Math.max(latestMs, resolvedAtMs);
  return wallMs < latestMs ? Infinity : wallMs - latestMs;
}

function samePlace(member: Readonly<ConsumerMember>, progress: Progress): boolean {
  return member.epoch === progress.epoch && member.previousEpoch === progress.previousEpoch &&
    member.state === progress.state && samePartitions(member.assigned, progress.assigned) &&
    samePartitions(member.revoking, progress.revoking);
}
