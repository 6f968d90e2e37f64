/**
 * Group: a group of any type with its offsets, and the facts about it that the log keeps.
 *
 * Membership is told apart by its `type` and has a machine for each; offsets, listing, deletion and the log are shared.
 */
import type { StoredGroup } from "./classic/classic_facts.ts";
import { apply as applyClassic } from "./classic/classic_facts.ts";
import { type ClassicGroup, newClassicGroup } from "./classic/classic_group.ts";
import {
  apply as applyConsumer,
  CONSUMER_LOG_KINDS,
  type ConsumerLogFact,
} from "./consumer/consumer_facts.ts";
import {
  type ConsumerGroup,
  consumerGroupState,
  newConsumerGroup,
} from "./consumer/consumer_group.ts";
import { type CommittedOffset, GroupOffsets } from "./offsets/offsets.ts";

/** One group as a coordinator keeps it. */
export interface Group {
  readonly id: string;
  /** Its membership. A group that only keeps offsets is an empty classic one without a protocol type, as in Kafka. */
  members: ClassicGroup | ConsumerGroup;
  readonly offsets: GroupOffsets;
  /** Whether the log has a record of the group itself, not only offsets. */
  isStored: boolean;
  /**
   * Whether offsets were committed, or are pending, since it came to be or was last looked through. Such a group stays for
   * that long even without any, as in Kafka: it is listed, and who deletes its offsets once more is not told that it is
   * unknown.
   */
  hadOffsets: boolean;
}

/** What the log says. A batch of them is whole or not there at all. */
export type LogFact = StoredGroup | GroupGone | OffsetCommitted | OffsetGone | ConsumerLogFact;

const LOG_KINDS: ReadonlySet<string> = new Set<LogFact["kind"]>([
  "stored",
  "groupGone",
  "committed",
  "offsetGone",
  ...CONSUMER_LOG_KINDS,
]);

/** Whether the fact goes to the log; the others live in memory only. */
export function isLogFact(fact: { readonly kind: string }): fact is LogFact {
  return LOG_KINDS.has(fact.kind);
}

export interface GroupGone {
  readonly kind: "groupGone";
}

export interface OffsetCommitted {
  readonly kind: "committed";
  readonly topic: string;
  readonly partition: number;
  readonly committed: CommittedOffset;
}

export interface OffsetGone {
  readonly kind: "offsetGone";
  readonly topic: string;
  readonly partition: number;
}

export function newGroup(id: string, nowWallMs: number): Group {
  return {
    id,
    members: newClassicGroup(id, nowWallMs),
    offsets: new GroupOffsets(),
    isStored: false,
    hadOffsets: false,
  };
}

/** Makes a fact of the log true, whether it was just written or is read again. */
export function applyLogFact(group: Group, fact: LogFact): void {
  switch (fact.kind) {
    case "stored":
      group.isStored = true;
      if (group.members.type !== "classic") {
        group.members = newClassicGroup(group.id, fact.stateSinceMs);
      }
      return applyClassic(group.members, fact);
    case "groupGone":
      group.hadOffsets = false;
      if (group.members.type !== "classic") return; // in a compacted log the consumer group may come first
      group.isStored = false;
      group.members = newClassicGroup(group.id, group.members.stateSinceMs);
      return;
    case "committed":
      group.hadOffsets = true;
      return group.offsets.set(fact.topic, fact.partition, fact.committed);
    case "offsetGone":
      return group.offsets.delete(fact.topic, fact.partition);
    default:
      return applyConsumerFact(group, fact);
  }
}

/** A fact of a consumer group makes the group one; what is gone of one that is none any more is gone. */
function applyConsumerFact(group: Group, fact: ConsumerLogFact): void {
  if (group.members.type !== "consumer") {
    if (fact.kind.endsWith("Gone")) return;
    group.members = newConsumerGroup(group.id);
    group.isStored = true;
  }
  applyConsumer(group.members, fact);
  if (fact.kind !== "epochGone") return;
  group.members = newClassicGroup(group.id, 0);
  group.isStored = group.hadOffsets = false;
}

/** "Stable", …: the state in the words of the group's type. */
export function stateOf({ members }: Readonly<Group>): string {
  return members.type === "classic" ? members.state : consumerGroupState(members);
}

/**
 * The same in a replay. A record of the group replaces what earlier ones said of its members, whose subscriptions
 * and time-outs may have changed in between.
 */
export function replayLogFact(group: Group, fact: LogFact): void {
  if (fact.kind === "stored") group.members = newClassicGroup(group.id, fact.stateSinceMs);
  applyLogFact(group, fact);
}

/** Whether nothing would be lost if the group were forgotten. */
export function isVoid({ members, offsets, isStored }: Readonly<Group>): boolean {
  if (isStored || offsets.count > 0 || members.members.size > 0) return false;
  return members.type === "consumer" ||
    members.pendingMembers.size === 0 && members.state === "Empty";
}
