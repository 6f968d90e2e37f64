/**
 * ConsumerGroup: a group of the consumer protocol (KIP-848) as data, and questions about it. Only apply() in
 * consumer_facts.ts changes one.
 *
 * Three epochs chase one another:
 *
 *     group epoch        counts changes of members, subscriptions and topics
 *     assignment epoch   the group epoch that the target assignment was made for
 *     member epoch       the assignment epoch that a member has arrived at
 *
 * Deadlines are monotonic; times in facts of the log are wall-clock time.
 */
import type { Uuid } from "../../bytes/uuid.ts";

export interface ConsumerGroup {
  readonly type: "consumer";
  readonly id: string;
  /** 0: the group does not exist yet. */
  epoch: number;
  /** Of the topics subscribed to, as they were when the epoch began (see consumer_topics.ts). */
  metadataHash: number;
  assignmentEpoch: number;
  /** When the target assignment was made, wall-clock time. */
  assignedAtMs: number;
  readonly members: Map<string, ConsumerMember>;
  /** Member ids by group instance id. */
  readonly instances: Map<string, string>;
  /** Target assignments by member id. */
  readonly targets: Map<string, Assignment>;
  /** Who has a partition, or has not given it up yet. */
  readonly owners: Map<Uuid, Map<number, string>>;
  /** Regular expressions that members subscribe by, with what they matched. */
  readonly regexes: Map<string, ResolvedRegex>;
  /** Which state of the topics the epoch takes account of; null after loading. Lives in memory only. */
  seenTopics: unknown;
}

export interface ConsumerMember {
  readonly id: string;
  metadata: MemberMetadata;
  /** 0 before its first assignment, -2 while a static member is away. */
  epoch: number;
  /** Accepted too, from a member that may have missed its last answer. */
  previousEpoch: number;
  state: MemberState;
  assigned: EpochAssignment;
  /** Taken away from it, but it has not said yet that it let go. */
  revoking: EpochAssignment;
  /** Silence until then ends the membership. */
  sessionDeadlineMs: number;
  /** What it has to give up must be given up by then; a classic member must have joined again, or synced. */
  rebalanceDeadlineMs: number | null;
}

/** What a member says of itself. Replaced as a whole, never changed. */
export interface MemberMetadata {
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Sorted, without duplicates. */
  readonly topicNames: readonly string[];
  /** "": none. */
  readonly topicRegex: string;
  readonly rebalanceTimeoutMs: number;
  readonly serverAssignor: string | null;
  /** Of a member that speaks the classic protocol; null otherwise. */
  readonly classic: ClassicMetadata | null;
}

export interface ClassicMetadata {
  readonly sessionTimeoutMs: number;
  readonly protocols: readonly { readonly name: string; readonly metadata: Uint8Array }[];
}

/** As Kafka's MemberState numbers them in the log. */
export const MemberState = {
  STABLE: 0,
  UNREVOKED_PARTITIONS: 1,
  UNRELEASED_PARTITIONS: 2,
} as const;
export type MemberState = typeof MemberState[keyof typeof MemberState];

/** Partitions by topic id, rising. Never changed, only replaced. */
export type Assignment = ReadonlyMap<Uuid, readonly number[]>;
/** The same, with the epoch each partition was assigned in. */
export type EpochAssignment = ReadonlyMap<Uuid, ReadonlyMap<number, number>>;

export interface ResolvedRegex {
  /** Sorted. */
  readonly topics: readonly string[];
  /** Of the topics' state, for Kafka's eyes. */
  readonly version: number;
  readonly resolvedAtMs: number;
}

/** What a member says of itself, in characters or bytes. */
export function metadataLength(
  { clientId, topicNames, topicRegex, classic }: MemberMetadata,
): number {
  let length = clientId.length + topicRegex.length;
  for (const name of topicNames) length += name.length;
  for (const { name, metadata } of classic?.protocols ?? []) {
    length += name.length + metadata.length;
  }
  return length;
}

/** Nothing is known of a member that is new. */
const NO_METADATA: MemberMetadata = {
  instanceId: null,
  rackId: null,
  clientId: "",
  clientHost: "",
  topicNames: [],
  topicRegex: "",
  rebalanceTimeoutMs: -1,
  serverAssignor: null,
  classic: null,
};

export const NO_PARTITIONS: EpochAssignment = new Map();
export const NO_TARGET: Assignment = new Map();

/** The epoch by which a member leaves, and the one by which a static member leaves for a while. */
export const LEAVE_EPOCH = -1;
export const LEAVE_STATIC_EPOCH = -2;

export function newConsumerGroup(id: string): ConsumerGroup {
  return {
    type: "consumer",
    id,
    epoch: 0,
    metadataHash: 0,
    assignmentEpoch: 0,
    assignedAtMs: 0,
    members: new Map(),
    instances: new Map(),
    targets: new Map(),
    owners: new Map(),
    regexes: new Map(),
    seenTopics: null,
  };
}

export function newConsumerMember(id: string, metadata = NO_METADATA): ConsumerMember {
  return {
    id,
    metadata,
    epoch: 0,
    previousEpoch: -1,
    state: MemberState.STABLE,
    assigned: NO_PARTITIONS,
    revoking: NO_PARTITIONS,
    sessionDeadlineMs: Infinity,
    rebalanceDeadlineMs: null,
  };
}

export type ConsumerGroupState = "Empty" | "Assigning" | "Reconciling" | "Stable";

/** The group's state in Kafka's words (ConsumerGroup.maybeUpdateGroupState). */
export function consumerGroupState(group: Readonly<ConsumerGroup>): ConsumerGroupState {
  if (group.members.size === 0) return "Empty";
  if (group.epoch > group.assignmentEpoch) return "Assigning";
  for (const member of group.members.values()) {
    if (!isReconciled(member, group.assignmentEpoch)) return "Reconciling";
  }
  return "Stable";
}

/** Whether the member has arrived at the target assignment of this epoch. */
export function isReconciled(
  { state, epoch }: Readonly<ConsumerMember>,
  assignmentEpoch: number,
): boolean {
  return state === MemberState.STABLE && epoch === assignmentEpoch;
}

/** Whether offsets of the topic are in use by a member, by name or by a regular expression. */
export function isSubscribedTo(group: Readonly<ConsumerGroup>, topic: string): boolean {
  for (const { metadata } of group.members.values()) {
    if (metadata.topicNames.includes(topic)) return true;
  }
  for (const { topics } of group.regexes.values()) if (topics.includes(topic)) return true;
  return false;
}

export function ownerOf(
  group: Readonly<ConsumerGroup>,
  topicId: Uuid,
  partition: number,
): string | undefined {
  return group.owners.get(topicId)?.get(partition);
}

export function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

export function sameTarget(a: Assignment, b: Assignment): boolean {
  if (a.size !== b.size) return false;
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId);
    if (others === undefined || others.length !== partitions.length) return false;
    if (!partitions.every((partition, i) => partition === others[i])) return false;
  }
  return true;
}

/** Whether two assignments have the same partitions, whatever their epochs. */
export function samePartitions(a: EpochAssignment, b: EpochAssignment): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId);
    if (others === undefined || others.size !== partitions.size) return false;
    for (const partition of partitions.keys()) if (!others.has(partition)) return false;
  }
  return true;
}
