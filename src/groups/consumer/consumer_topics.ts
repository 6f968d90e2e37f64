/**
 * What consumer groups need to know of topics: ids and partition counts, and what subscriptions come to in them.
 */
import type { Uuid } from "../../bytes/uuid.ts";
import type { ConsumerGroup, MemberMetadata, ResolvedRegex } from "./consumer_group.ts";
import type { Patterns } from "./patterns.ts";

/** Topics as a member may see them, at one moment. */
export interface TopicView {
  /** Another value, by ===, whenever a topic was created, has grown or was deleted. */
  readonly state: unknown;
  byName(name: string): TopicFacts | undefined;
  byId(id: Uuid): TopicFacts | undefined;
  /** What a regular expression may match: topics that its member may describe. */
  names(): Iterable<string>;
  /** What patterns come to, where that is found out beforehand; absent: it is found out in place. */
  readonly patterns?: Pick<Patterns, "get">;
}

export interface TopicFacts {
  readonly id: Uuid;
  readonly name: string;
  readonly partitionCount: number;
}

/** Ids of the topics that a member subscribes to and that exist, sorted. */
export function subscribedTopicIds(
  { topicNames, topicRegex }: MemberMetadata,
  regexes: ReadonlyMap<string, ResolvedRegex>,
  topics: TopicView,
): Uuid[] {
  const ids: Uuid[] = [];
  for (const name of new Set([...topicNames, ...regexes.get(topicRegex)?.topics ?? []])) {
    const topic = topics.byName(name);
    if (topic) ids.push(topic.id);
  }
  return ids.sort();
}

/**
 * A number for all topics subscribed to that changes when one of them comes, goes or grows (KIP-848).
 * Kafka hashes by another function: a group that moves between the two has one rebalance too many, which is harmless.
 */
export function metadataHash(
  members: Iterable<MemberMetadata>,
  regexes: ReadonlyMap<string, ResolvedRegex>,
  topics: TopicView,
): number {
  const names = new Set<string>();
  for (const { topicNames, topicRegex } of members) {
    for (const name of topicNames) names.add(name);
    for (const name of regexes.get(topicRegex)?.topics ?? []) names.add(name);
  }
  const known: string[] = [];
  for (const name of names) {
    const topic = topics.byName(name);
    if (topic) known.push(`${topic.name} ${topic.id} ${topic.partitionCount}\n`);
  }
  return known.length === 0 ? 0 : hash53(known.sort().join(""));
}

/** Whether anyone but these members subscribes by the pattern. */
export function isRegexInUse(
  group: Readonly<ConsumerGroup>,
  pattern: string,
  except: ReadonlySet<string>,
): boolean {
  for (const { id, metadata } of group.members.values()) {
    if (metadata.topicRegex === pattern && !except.has(id)) return true;
  }
  return false;
}

/** Two FNV-1a hashes of 32 bits side by side, cut to the 53 that a number holds. */
function hash53(text: string): number {
  let high = 0x811c9dc5, low = 0x01234567;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit, 0x01000193) ^ high >>> 15;
  }
  return (high & 0x1fffff) * 0x1_0000_0000 + (low >>> 0);
}
