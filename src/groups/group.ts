/**
 * Group: a group of any type with its offsets, and the facts about it that the log keeps.
 *
 * Membership is told apart by its `type`, and so far is always classic; offsets, listing, deletion and the log do not
 * depend on it.
 */
import type { StoredGroup } from "./classic_facts.ts";
import { apply as applyClassic } from "./classic_facts.ts";
import { type ClassicGroup, newClassicGroup } from "./classic_group.ts";
import { type CommittedOffset, GroupOffsets } from "./offsets.ts";

/** One group as a coordinator keeps it. */
export interface Group {
  readonly id: string;
  /** Its membership. A group that only keeps offsets is an empty classic one without a protocol type, as in Kafka. */
  members: ClassicGroup;
  readonly offsets: GroupOffsets;
  /** Whether the log has a record of the group itself, not only offsets. */
  isStored: boolean;
}

/** What the log says. A batch of them is whole or not there at all. */
export type LogFact = StoredGroup | GroupGone | OffsetCommitted | OffsetGone;

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
  };
}

/** Makes a fact of the log true, whether it was just written or is read again. */
export function applyLogFact(group: Group, fact: LogFact): void {
  switch (fact.kind) {
    case "stored":
      group.isStored = true;
      return applyClassic(group.members, fact);
    case "groupGone":
      group.isStored = false;
      group.members = newClassicGroup(group.id, group.members.stateSinceMs);
      return;
    case "committed":
      return group.offsets.set(fact.topic, fact.partition, fact.committed);
    case "offsetGone":
      return group.offsets.delete(fact.topic, fact.partition);
  }
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
  return !isStored && offsets.count === 0 && members.members.size === 0 &&
    members.pendingMembers.size === 0 && members.state === "Empty";
}
