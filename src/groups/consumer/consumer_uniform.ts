/**
 * assignUniform: equal shares that move as little as they can (Kafka's UniformAssignor; the balance is its, the choice
 * of what moves is ours where Kafka's depends on the order of a hash map).
 *
 * Members with equal subscriptions differ by at most one partition. With different ones no move of a single partition
 * from a member to another makes the shares more equal.
 */
import type { Uuid } from "../../bytes/uuid.ts";
import type { Subscriber } from "./consumer_assignors.ts";
import type { Assignment } from "./consumer_group.ts";

export function assignUniform(
  subscribers: readonly Subscriber[],
  counts: ReadonlyMap<Uuid, number>,
): Map<string, Assignment> {
  const shares = subscribers.map(({ topics }): Share => ({ topics: new Set(topics), held: [] }));
  const free = keepPrevious(subscribers, shares, counts);
  if (haveEqualTopics(subscribers)) shareEqually(shares, free);
  else balance(shares, free);
  return new Map(subscribers.map(({ id }, i) => [id, toAssignment(shares[i].held)]));
}

interface Share {
  readonly topics: ReadonlySet<Uuid>;
  held: Held[];
}

interface Held {
  readonly topicId: Uuid;
  readonly partition: number;
}

/** Lets everyone keep what it had and still may have; returns what nobody has, topic by topic. */
function keepPrevious(
  subscribers: readonly Subscriber[],
  shares: readonly Share[],
  counts: ReadonlyMap<Uuid, number>,
): Held[] {
  const taken = new Map<Uuid, Set<number>>();
  for (const { topics } of subscribers) for (const topicId of topics) taken.set(topicId, new Set());
  subscribers.forEach(({ previous }, i) => {
    const { topics, held } = shares[i];
    for (const [topicId, partitions] of previous) {
      if (!topics.has(topicId)) continue;
      const count = counts.get(topicId)!, takenOfTopic = taken.get(topicId)!;
      for (const partition of partitions) {
        if (partition >= count || takenOfTopic.has(partition)) continue;
        takenOfTopic.add(partition);
        held.push({ topicId, partition });
      }
    }
  });
  const free: Held[] = [];
  for (const topicId of [...taken.keys()].sort()) {
    const takenOfTopic = taken.get(topicId)!, count = counts.get(topicId)!;
    for (let partition = 0; partition < count; partition++) {
      if (!takenOfTopic.has(partition)) free.push({ topicId, partition });
    }
  }
  return free;
}

function haveEqualTopics(subscribers: readonly Subscriber[]): boolean {
  const first = subscribers[0]?.topics ?? [];
  return subscribers.every(({ topics }) =>
    topics === first ||
    topics.length === first.length && topics.every((topicId, i) => topicId === first[i])
  );
}

/** Everyone may have everything: the shares are known beforehand. Those who hold more than others keep the odd ones. */
function shareEqually(shares: readonly Share[], free: Held[]): void {
  const total = shares.reduce((sum, { held }) => sum + held.length, free.length);
  const least = Math.floor(total / shares.length);
  let odd = total % shares.length;
  const quotas = shares.map(({ held }) => {
    if (held.length <= least || odd === 0) return least;
    odd--;
    return least + 1;
  });
  shares.forEach((share, i) => {
    if (quotas[i] === least && odd > 0) {
      quotas[i]++;
      odd--;
    }
    if (share.held.length > quotas[i]) free.push(...share.held.splice(quotas[i]));
  });
  let next = 0;
  shares.forEach(({ held }, i) => {
    while (held.length < quotas[i]) held.push(free[next++]);
  });
}

/** Gives what is free to whoever has least, the topics with the fewest takers first; then evens out what was kept. */
function balance(shares: readonly Share[], free: readonly Held[]): void {
  const takers = new Map<Uuid, Share[]>();
  for (const share of shares) {
    for (const topicId of share.topics) {
      const known = takers.get(topicId);
      if (known) known.push(share);
      else takers.set(topicId, [share]);
    }
  }
  const scarceFirst = [...free].sort((a, b) =>
    takers.get(a.topicId)!.length - takers.get(b.topicId)!.length
  );
  for (const one of scarceFirst) smallest(takers.get(one.topicId)!).held.push(one);
  // Each move makes the sum of the squares of the shares smaller, so this ends.
  for (let moved = true; moved;) {
    moved = false;
    for (const share of shares) if (moveSurplus(share, takers)) moved = true;
  }
}

/** Hands on what others have more need of. */
function moveSurplus(share: Share, takers: ReadonlyMap<Uuid, readonly Share[]>): boolean {
  let moved = false;
  const settled = new Map<Uuid, number>(); // the share's length at which a topic had nobody to go to
  for (let i = share.held.length - 1; i >= 0; i--) {
    const { topicId } = share.held[i];
    if (settled.get(topicId) === share.held.length) continue;
    const other = smallest(takers.get(topicId)!);
    if (share.held.length - other.held.length < 2) {
      settled.set(topicId, share.held.length);
      continue;
    }
    other.held.push(...share.held.splice(i, 1));
    moved = true;
  }
  return moved;
}

function smallest(shares: readonly Share[]): Share {
  let least = shares[0];
  for (const share of shares) if (share.held.length < least.held.length) least = share;
  return least;
}

function toAssignment(held: readonly Held[]): Assignment {
  const assignment = new Map<Uuid, number[]>();
  for (const { topicId, partition } of held) {
    const partitions = assignment.get(topicId);
    if (partitions) partitions.push(partition);
    else assignment.set(topicId, [partition]);
  }
  for (const partitions of assignment.values()) partitions.sort((a, b) => a - b);
  return assignment;
}
