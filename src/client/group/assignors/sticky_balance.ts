/**
 * Sticky balance: as even as subscriptions allow, and from there with as few moves as that takes: what a member has it
 * keeps, what nobody has goes to who has least, and then one after the other moves from who has most.
 */
import type { TopicPartition } from "../../list_offsets.ts";
import { nameOf } from "../partitions_by_topic.ts";
import {
  type Assignments,
  compare,
  inOrder,
  type MemberSubscription,
  subscribedTopics,
} from "./assignor.ts";

/** What a member had, and since which generation; of two that say so of one partition the newer is right. */
export interface Held {
  readonly partitions: readonly TopicPartition[];
  readonly generation: number;
}

export function balanced(
  partitionCounts: ReadonlyMap<string, number>,
  members: readonly MemberSubscription[],
  held: (member: MemberSubscription) => Held,
): Assignments {
  const takers = inOrder(members).map((member): Taker => ({
    memberId: member.memberId,
    topics: new Set(member.topics),
    has: new Map(),
  }));
  const holders = holdersOf(partitionCounts, members, held);
  const byId = new Map(takers.map((taker) => [taker.memberId, taker]));
  const free: TopicPartition[] = [];
  for (const topic of subscribedTopics(partitionCounts, members)) {
    for (let partition = 0; partition < partitionCounts.get(topic)!; partition++) {
      const one = { topic, partition }, holder = byId.get(holders.get(nameOf(one)) ?? "");
      if (holder === undefined) free.push(one);
      else holder.has.set(nameOf(one), one);
    }
  }
  // Those that few may have come first, while these have room.
  const choices = new Map<string, readonly Taker[]>();
  for (const topic of subscribedTopics(partitionCounts, members)) {
    choices.set(topic, takers.filter(({ topics }) => topics.has(topic)));
  }
  free.sort((a, b) => choices.get(a.topic)!.length - choices.get(b.topic)!.length);
  for (const one of free) least(choices.get(one.topic)!).has.set(nameOf(one), one);
  level(takers, choices);
  return new Map(takers.map(({ memberId, has }) => [memberId, [...has.values()].sort(byName)]));
}

interface Taker {
  readonly memberId: string;
  readonly topics: ReadonlySet<string>;
  readonly has: Map<string, TopicPartition>;
}

/** Who holds each partition now, of those that may go on holding it. */
function holdersOf(
  partitionCounts: ReadonlyMap<string, number>,
  members: readonly MemberSubscription[],
  held: (member: MemberSubscription) => Held,
): Map<string, string> {
  const holders = new Map<string, { memberId: string | null; generation: number }>();
  for (const member of members) {
    const { partitions, generation } = held(member), topics = new Set(member.topics);
    for (const one of partitions) {
      if (!topics.has(one.topic) || one.partition >= (partitionCounts.get(one.topic) ?? 0)) {
        continue;
      }
      const other = holders.get(nameOf(one));
      if (other === undefined || other.generation < generation) {
        holders.set(nameOf(one), { memberId: member.memberId, generation });
      } else if (other.generation === generation) other.memberId = null; // nobody can tell whose it is
    }
  }
  const found = new Map<string, string>();
  for (const [name, { memberId }] of holders) if (memberId !== null) found.set(name, memberId);
  return found;
}

/** Moves one after the other until no move makes two members more alike. Each move does, so that it ends. */
function level(takers: readonly Taker[], choices: ReadonlyMap<string, readonly Taker[]>): void {
  const rich = [...takers];
  do rich.sort((a, b) => b.has.size - a.has.size); while (
    rich.some((from) => givesOne(from, choices))
  );
}

function givesOne(from: Taker, choices: ReadonlyMap<string, readonly Taker[]>): boolean {
  const tried = new Set<string>();
  for (const [name, one] of from.has) {
    if (tried.has(one.topic)) continue;
    tried.add(one.topic);
    const to = least(choices.get(one.topic)!);
    if (from.has.size - to.has.size < 2) continue;
    from.has.delete(name);
    to.has.set(name, one);
    return true;
  }
  return false;
}

function least(takers: readonly Taker[]): Taker {
  let found = takers[0];
  for (const taker of takers) if (taker.has.size < found.has.size) found = taker;
  return found;
}

const byName = (a: TopicPartition, b: TopicPartition) =>
  compare(a.topic, b.topic) || a.partition - b.partition;
