/**
 * ClassicGroup: a group of the classic protocol as data, and questions about it. Only apply() in classic_facts.ts
 * changes one.
 *
 *     Empty → PreparingRebalance → CompletingRebalance → Stable
 *
 * Members join while a rebalance is being prepared; the generation is then fixed and everyone waits for the leader's
 * assignment. A group that was deleted is no longer anywhere, which is what Kafka calls Dead.
 *
 * Deadlines (`…DeadlineMs`, `expiresAtMs`) are monotonic, `stateSinceMs` is wall-clock time. A ticket is the number of
 * a request that waits for its answer; the shell knows whose it is.
 */
import { ProtocolError } from "../../bytes/reader.ts";
import { decode } from "../../protocol/codec.ts";
import { ConsumerProtocolSubscription } from "../../protocol/messages/consumer_protocol.ts";

export interface ClassicGroup {
  readonly type: "classic";
  readonly id: string;
  state: ClassicState;
  /** When it got into this state: offsets expire counted from here once the group is empty. */
  stateSinceMs: number;
  /** "consumer", "connect", …; null for a group that only keeps offsets. */
  protocolType: string | null;
  protocol: string | null;
  generation: number;
  leaderId: string | null;
  /** In the order they came. */
  readonly members: Map<string, ClassicMember>;
  /** Member ids by group instance id (KIP-345). */
  readonly instances: Map<string, string>;
  /** Ids handed out that have not come back yet (KIP-394), with when they lapse. */
  readonly pendingMembers: Map<string, number>;
  /** Members of this generation that have not asked for their assignment yet. */
  readonly pendingSync: Set<string>;
  /** When a rebalance goes on without those who have not joined. */
  joinDeadlineMs: number | null;
  /** When those who have not synced are given up. */
  syncDeadlineMs: number | null;
  /** Set while an empty group waits for more members before its first generation (KIP-134). */
  initialDelay: { readonly remainingMs: number; readonly memberAdded: boolean } | null;
  /** When the rebalance under way began; null outside one. */
  rebalanceSinceMs: number | null;
}

export type ClassicState = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable";

export interface ClassicMember {
  readonly id: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  rebalanceTimeoutMs: number;
  sessionTimeoutMs: number;
  /** In the member's order of preference. */
  protocols: readonly Protocol[];
  assignment: Uint8Array;
  /** Has never been answered, so it cannot beat; it may stay silent for longer and is dropped even while it waits. */
  isNew: boolean;
  expiresAtMs: number;
  joinTicket: number | null;
  syncTicket: number | null;
}

export interface Protocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

export const NO_BYTES = new Uint8Array(0);
export const CONSUMER_PROTOCOL_TYPE = "consumer";

export function newClassicGroup(id: string, nowWallMs: number): ClassicGroup {
  return {
    type: "classic",
    id,
    state: "Empty",
    stateSinceMs: nowWallMs,
    protocolType: null,
    protocol: null,
    generation: 0,
    leaderId: null,
    members: new Map(),
    instances: new Map(),
    pendingMembers: new Map(),
    pendingSync: new Set(),
    joinDeadlineMs: null,
    syncDeadlineMs: null,
    initialDelay: null,
    rebalanceSinceMs: null,
  };
}

/** Whether a newcomer speaks what the group speaks: its type, and a protocol that every member knows. */
export function supportsProtocols(
  group: Readonly<ClassicGroup>,
  protocolType: string,
  protocols: readonly Protocol[],
): boolean {
  if (protocolType === "" || protocols.length === 0) return false;
  if (group.state === "Empty") return true;
  return protocolType === group.protocolType &&
    protocols.some(({ name }) => everyoneKnows(group.members.values(), name));
}

/**
 * The protocol with the most votes: each member votes for the first of its own that everyone knows. A tie goes to the
 * one voted for first; in Kafka it depends on a hash.
 */
export function selectProtocol(members: readonly Pick<ClassicMember, "protocols">[]): string {
  const votes = new Map<string, number>();
  const known = new Map<string, boolean>();
  for (const member of members) {
    for (const { name } of member.protocols) {
      let everyone = known.get(name);
      if (everyone === undefined) known.set(name, everyone = everyoneKnows(members, name));
      if (!everyone) continue;
      votes.set(name, (votes.get(name) ?? 0) + 1);
      break;
    }
  }
  let best = "", most = 0;
  for (const [name, count] of votes) if (count > most) [best, most] = [name, count];
  return best;
}

/** Whether two lists of protocols are the same, names, order and metadata. */
export function sameProtocols(a: readonly Protocol[], b: readonly Protocol[]): boolean {
  return a.length === b.length && a.every((one, i) => {
    const other = b[i];
    return one.name === other.name && sameBytes(one.metadata, other.metadata);
  });
}

/** What the member says of itself in a protocol. */
export function metadataOf(member: Readonly<ClassicMember>, protocol: string | null): Uint8Array {
  return member.protocols.find(({ name }) => name === protocol)?.metadata ?? NO_BYTES;
}

/** The longest time a member of the group wants to have for a rebalance. */
export function rebalanceTimeoutOf(group: Readonly<ClassicGroup>): number {
  let longestMs = 0;
  for (const { rebalanceTimeoutMs } of group.members.values()) {
    if (rebalanceTimeoutMs > longestMs) longestMs = rebalanceTimeoutMs;
  }
  return longestMs;
}

/** Whether nobody is missing for the next generation. */
export function allJoined(group: Readonly<ClassicGroup>): boolean {
  if (group.pendingMembers.size > 0) return false;
  for (const member of group.members.values()) if (member.joinTicket === null) return false;
  return true;
}

/** When silence ends the membership. Waiting for an answer counts as being alive, except before the first one. */
export function silentUntilMs(member: Readonly<ClassicMember>): number {
  const waits = member.joinTicket !== null || member.syncTicket !== null;
  return waits && !member.isNew ? Infinity : member.expiresAtMs;
}

/**
 * The topics a group of consumers reads; null when that is not known: another protocol type, no protocol chosen yet, or
 * a member whose subscription is none (ClassicGroup.computeSubscribedTopics).
 */
export function subscribedTopics(group: Readonly<ClassicGroup>): Set<string> | null {
  if (group.protocolType !== CONSUMER_PROTOCOL_TYPE) return null;
  const topics = new Set<string>();
  if (group.members.size === 0) return topics;
  if (group.protocol === null) return null;
  for (const member of group.members.values()) {
    const subscribed = topicsIn(metadataOf(member, group.protocol));
    if (subscribed === null) return null;
    for (const topic of subscribed) topics.add(topic);
  }
  return topics;
}

/** Whether offsets of the topic are in use; where that cannot be known a consumer group is taken to use them. */
export function isSubscribed(group: Readonly<ClassicGroup>, topic: string): boolean {
  const topics = subscribedTopics(group);
  return topics === null ? group.protocolType === CONSUMER_PROTOCOL_TYPE : topics.has(topic);
}

/**
 * Topics of a subscription as consumers write it: behind the version, whichever it is, version 0 is read, with which all
 * later ones begin. Null for what is none.
 */
function topicsIn(metadata: Uint8Array): readonly string[] | null {
  try {
    return decode(ConsumerProtocolSubscription, 0, metadata, 2).topics;
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

function everyoneKnows(
  members: Iterable<Pick<ClassicMember, "protocols">>,
  name: string,
): boolean {
  for (const { protocols } of members) {
    if (!protocols.some((protocol) => protocol.name === name)) return false;
  }
  return true;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
