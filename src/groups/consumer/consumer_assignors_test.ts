/**
 * Proves what the server-side assignors promise, over random groups: everything is assigned once and only to who
 * subscribes, uniform is balanced and moves no more than it has to, range gives contiguous and equal numbers.
 */
import { assert, assertEquals } from "@std/assert";
import type { Uuid } from "../../bytes/uuid.ts";
import { type Random, withSeed } from "../../../tests/random.ts";
import { ASSIGNORS, type Subscriber } from "./consumer_assignors.ts";
import type { Assignment } from "./consumer_group.ts";

const ROUNDS = 400;

for (const name of ["uniform", "range"]) {
  Deno.test(`${name} assigns every partition once, to a subscriber`, () => {
    withSeed((random) => {
      for (let i = 0; i < ROUNDS; i++) {
        const { subscribers, counts } = randomGroup(random, random.oneIn(2));
        checkComplete(subscribers, counts, ASSIGNORS.get(name)!(subscribers, counts));
      }
    });
  });

  Deno.test(`${name} does not depend on the order of the members`, () => {
    withSeed((random) => {
      for (let i = 0; i < ROUNDS; i++) {
        const { subscribers, counts } = randomGroup(random, random.oneIn(2));
        const assign = ASSIGNORS.get(name)!;
        const shuffled = [...subscribers].sort(() => random.next() - 0.5);
        const a = assign(subscribers, counts), b = assign(shuffled, counts);
        for (const { id } of subscribers) assertEquals(a.get(id), b.get(id));
      }
    });
  });

  Deno.test(`${name} leaves a group alone that has not changed`, () => {
    withSeed((random) => {
      for (let i = 0; i < ROUNDS; i++) {
        const { subscribers, counts } = randomGroup(random, random.oneIn(2));
        const assign = ASSIGNORS.get(name)!;
        const first = assign(subscribers, counts);
        assertEquals(assign(withPrevious(subscribers, first), counts), first);
      }
    });
  });
}

Deno.test("uniform gives members with equal subscriptions shares that differ by one at most", () => {
  withSeed((random) => {
    for (let i = 0; i < ROUNDS; i++) {
      const { subscribers, counts } = randomGroup(random, true);
      const sizes = [...ASSIGNORS.get("uniform")!(subscribers, counts).values()].map(sizeOf);
      assert(Math.max(...sizes) - Math.min(...sizes) <= 1, `shares are ${sizes}`);
    }
  });
});

Deno.test("uniform leaves no partition with a member that has two more than another that may have it", () => {
  withSeed((random) => {
    for (let i = 0; i < ROUNDS; i++) {
      const { subscribers, counts } = randomGroup(random, false);
      const assigned = ASSIGNORS.get("uniform")!(subscribers, counts);
      for (const [id, assignment] of assigned) {
        for (const topicId of assignment.keys()) {
          for (const other of subscribers) {
            if (!other.topics.includes(topicId)) continue;
            const more = sizeOf(assignment) - sizeOf(assigned.get(other.id)!);
            assert(more < 2, `${id} has ${more} more than ${other.id}, and one that it may have`);
          }
        }
      }
    }
  });
});

Deno.test("uniform moves only what balance needs when a member joins or leaves", () => {
  withSeed((random) => {
    for (let i = 0; i < ROUNDS; i++) {
      const { subscribers, counts } = randomGroup(random, true);
      if (subscribers.length < 2) continue;
      const assign = ASSIGNORS.get("uniform")!;
      const [first, ...rest] = subscribers, one = { ...first, previous: new Map() };
      const without = withPrevious(rest, assign(rest, counts));
      const joined = assign([one, ...without], counts);
      const gained = sizeOf(joined.get(one.id)!);
      assert(moved(without, joined) <= gained, "more than the newcomer's share moved");
      const left = assign(withPrevious(rest, joined), counts);
      assertEquals(moved(withPrevious(rest, joined), left), 0, "a member lost what it had");
    }
  });
});

Deno.test("range gives contiguous ranges, and the same numbers of topics with equal counts", () => {
  withSeed((random) => {
    for (let i = 0; i < ROUNDS; i++) {
      const { subscribers, counts } = randomGroup(random, true);
      for (const assignment of ASSIGNORS.get("range")!(subscribers, counts).values()) {
        const byCount = new Map<number, readonly number[]>();
        for (const topicId of subscribers[0].topics) {
          const partitions = assignment.get(topicId) ?? [], count = counts.get(topicId)!;
          partitions.forEach((partition, at) => assertEquals(partition, partitions[0] + at));
          assertEquals(byCount.get(count) ?? partitions, partitions);
          byCount.set(count, partitions);
        }
      }
    }
  });
});

Deno.test("range puts static members first, by instance id", () => {
  const topic = topicOf(0);
  const subscriber = (id: string, instanceId: string | null) => ({
    id,
    instanceId,
    topics: [topic],
    previous: new Map(),
  });
  const subscribers = [subscriber("a", null), subscriber("z", "2"), subscriber("y", "1")];
  const assigned = ASSIGNORS.get("range")!(subscribers, new Map([[topic, 3]]));
  assertEquals(assigned.get("y"), new Map([[topic, [0]]]));
  assertEquals(assigned.get("z"), new Map([[topic, [1]]]));
  assertEquals(assigned.get("a"), new Map([[topic, [2]]]));
});

function randomGroup(random: Random, areEqual: boolean) {
  const counts = new Map<Uuid, number>();
  for (let i = random.between(1, 6); i > 0; i--) counts.set(topicOf(i), random.between(1, 12));
  const all = [...counts.keys()].sort();
  const some = () => all.filter(() => random.oneIn(2));
  const shared = some();
  const subscribers = Array.from({ length: random.between(1, 9) }, (_, i): Subscriber => ({
    id: `m${random.below(1000)}-${i}`,
    instanceId: random.oneIn(4) ? `i${i}` : null,
    topics: areEqual ? shared : some(),
    previous: new Map(),
  }));
  if (!random.oneIn(3)) return { subscribers, counts };
  // What was assigned in other times: too much, twice, of topics that are gone.
  const previous = subscribers.map((one): Subscriber => ({
    ...one,
    previous: new Map(
      [...some(), topicOf(99)].map((topicId) => [topicId, numbersBelow(random, 14)]),
    ),
  }));
  return { subscribers: previous, counts };
}

function numbersBelow(random: Random, limit: number): number[] {
  return Array.from({ length: limit }, (_, i) => i).filter(() => random.oneIn(2));
}

function topicOf(n: number): Uuid {
  return `${n}`.padStart(21, "0").concat("A") as Uuid;
}

function sizeOf(assignment: Assignment): number {
  let size = 0;
  for (const partitions of assignment.values()) size += partitions.length;
  return size;
}

function withPrevious(
  subscribers: readonly Subscriber[],
  assigned: ReadonlyMap<string, Assignment>,
): Subscriber[] {
  return subscribers.map((one) => ({ ...one, previous: assigned.get(one.id)! }));
}

/** How many partitions are not where they were. */
function moved(
  subscribers: readonly Subscriber[],
  assigned: ReadonlyMap<string, Assignment>,
): number {
  let count = 0;
  for (const { id, previous } of subscribers) {
    for (const [topicId, partitions] of previous) {
      const now = assigned.get(id)!.get(topicId) ?? [];
      count += partitions.filter((partition) => !now.includes(partition)).length;
    }
  }
  return count;
}

function checkComplete(
  subscribers: readonly Subscriber[],
  counts: ReadonlyMap<Uuid, number>,
  assigned: ReadonlyMap<string, Assignment>,
): void {
  const owners = new Map<string, string>();
  for (const { id, topics } of subscribers) {
    for (const [topicId, partitions] of assigned.get(id)!) {
      assert(topics.includes(topicId), `${id} has a topic that it is not subscribed to`);
      for (const partition of partitions) {
        const key = `${topicId} ${partition}`;
        assert(!owners.has(key), `${key} has two owners`);
        owners.set(key, id);
      }
    }
  }
  for (const topicId of new Set(subscribers.flatMap(({ topics }) => topics))) {
    for (let partition = 0; partition < counts.get(topicId)!; partition++) {
      assert(owners.has(`${topicId} ${partition}`), `${topicId} ${partition} has no owner`);
    }
  }
}
