/**
 * Proves how partitions are divided: as Kafka's assignors do where the rule leaves no choice, and else by what is asked of them
 * over random groups: everything is given once, to who subscribes, evenly, and little moves.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { SeededRandom } from "../../../testing/seeded_random.ts";
import type { Assignments, Assignor, MemberSubscription } from "./assignor.ts";
import { assignorsOf } from "./mod.ts";
import { nameOf, without } from "../partitions_by_topic.ts";

const NAMES = ["range", "roundrobin", "sticky", "cooperative-sticky"] as const;

function member(memberId: string, topics: readonly string[], more = {}): MemberSubscription {
  const none = { instanceId: null, userData: null, owned: [], generation: -1, rackId: null };
  return { memberId, topics, ...none, ...more };
}

const shown = (assignments: Assignments) =>
  Object.fromEntries([...assignments].map(([id, some]) => [id, some.map(nameOf)]));

Deno.test("range gives each topic in neighbourhoods, roundrobin all of them in turn", () => {
  const [range, roundRobin] = assignorsOf(["range", "roundrobin"]);
  const counts = new Map([["t", 3], ["u", 3]]),
    members = [member("b", ["t", "u"]), member("a", ["u", "t"])];
  assertEquals(shown(range.assign(counts, members)), {
    b: ["t-2", "u-2"],
    a: ["t-0", "t-1", "u-0", "u-1"],
  });
  assertEquals(shown(roundRobin.assign(counts, members)), {
    b: ["t-1", "u-0", "u-2"],
    a: ["t-0", "t-2", "u-1"],
  });
});

Deno.test("roundrobin passes over who does not subscribe to the topic", () => {
  const counts = new Map([["t0", 1], ["t1", 2], ["t2", 3]]);
  const members = [
    member("c0", ["t0"]),
    member("c1", ["t0", "t1"]),
    member("c2", ["t0", "t1", "t2"]),
  ];
  // The example of Kafka's RoundRobinAssignor.
  assertEquals(shown(assignorsOf(["roundrobin"])[0].assign(counts, members)), {
    c0: ["t0-0"],
    c1: ["t1-0"],
    c2: ["t1-1", "t2-0", "t2-1", "t2-2"],
  });
});

Deno.test("static members come first, by their own names", () => {
  const members = [
    member("1", ["t"]),
    member("2", ["t"], { instanceId: "z" }),
    member("3", ["t"], { instanceId: "y" }),
  ];
  const assigned = assignorsOf(["range"])[0].assign(new Map([["t", 3]]), members);
  assertEquals(shown(assigned), { 1: ["t-2"], 2: ["t-1"], 3: ["t-0"] });
});

Deno.test("cooperative-sticky gives what goes over only after its holder has given it up", () => {
  const [assignor] = assignorsOf(["cooperative-sticky"]), counts = new Map([["t", 4]]);
  const owned = [0, 1, 2, 3].map((partition) => ({ topic: "t", partition }));
  const first = assignor.assign(counts, [
    member("a", ["t"], { owned, generation: 1 }),
    member("b", ["t"]),
  ]);
  assertEquals([first.get("a")!.length, first.get("b")!.length], [2, 0]);
  const second = assignor.assign(counts, [
    member("a", ["t"], { owned: first.get("a"), generation: 2 }),
    member("b", ["t"], { generation: 2 }),
  ]);
  assertEquals(second.get("a"), first.get("a"));
  assertEquals(second.get("b")!.length, 2);
});

Deno.test("of two that hold a partition the newer is right, and neither of the same generation", () => {
  const [assignor] = assignorsOf(["cooperative-sticky"]), counts = new Map([["t", 2]]);
  const owned = [{ topic: "t", partition: 0 }];
  const assigned = assignor.assign(counts, [
    member("a", ["t"], { owned, generation: 1 }),
    member("b", ["t"], { owned, generation: 2 }),
  ]);
  assertEquals(shown(assigned), { a: ["t-1"], b: ["t-0"] });
});

Deno.test("an assignor that there is none of is refused by its name", () => {
  assertThrows(() => assignorsOf(["rang" as "range"]), TypeError, '"rang"');
  assertThrows(() => assignorsOf([]), TypeError, "empty");
});

for (const name of NAMES) {
  Deno.test(`${name} gives everything once over random groups that change, and evenly`, () => {
    const seed = Math.floor(Math.random() * 1e6), random = new SeededRandom(seed);
    for (let group = 0; group < 60; group++) runGroup(name, random, `seed ${seed} group ${group}`);
  });
}

interface Client {
  readonly id: string;
  topics: string[];
  owned: { topic: string; partition: number }[];
  readonly assignor: Assignor;
}

/** A group in which members come, go and subscribe to other things, and topics come and grow. */
function runGroup(name: typeof NAMES[number], random: SeededRandom, about: string): void {
  const isUniform = random.oneIn(2), topics = ["t", "u", "v"];
  const counts = new Map(topics.map((topic) => [topic, random.below(7)]));
  if (random.oneIn(3)) counts.delete("v"); // subscribed to, and not there
  const some = () => isUniform ? topics : topics.filter(() => !random.oneIn(3));
  const clients: Client[] = [];
  for (let change = 0; change < 12; change++) {
    if (clients.length === 0 || random.oneIn(2)) {
      const [assignor] = assignorsOf([name]);
      clients.push({ id: `m${change}`, topics: some(), owned: [], assignor });
    } else if (clients.length > 1 && random.below(2) === 1) {
      clients.splice(random.below(clients.length), 1);
    } else counts.set("t", (counts.get("t") ?? 0) + random.below(3));
    const isSticky = name === "sticky" || name === "cooperative-sticky";
    const before = new Map(clients.map((client) => [client.id, client.owned]));
    // Cooperative members that gave something up join once more.
    for (let round = 0; rebalance(clients, counts, change, about); round++) {
      assert(round < 4, `${about} change ${change}: no end of it`);
    }
    assertWhole(clients, counts, `${about} change ${change}`);
    if (isSticky || name === "roundrobin" && isUniform) {
      assertEven(clients, `${about} change ${change}`);
    }
    if (isSticky && isUniform) assertLittleMoved(clients, before, `${about} change ${change}`);
  }
}

/** Whether cooperative members have given something up. */
function rebalance(
  clients: Client[],
  counts: ReadonlyMap<string, number>,
  generation: number,
  about: string,
): boolean {
  const { isCooperative } = clients[0].assignor;
  const members = clients.map(({ id, topics, owned, assignor }) =>
    member(id, topics, {
      userData: assignor.userData?.() ?? null,
      owned: isCooperative ? owned : [],
      generation: isCooperative ? generation : -1,
    })
  );
  const assigned = clients[0].assignor.assign(counts, members);
  assertEquals([...assigned.keys()].sort(), clients.map(({ id }) => id).sort(), about);
  const given = [...assigned.values()].flat().map(nameOf);
  assertEquals(new Set(given).size, given.length, `${about}: something is given twice`);
  for (const client of clients) {
    const partitions = assigned.get(client.id)!;
    if (isCooperative) {
      for (const other of clients) {
        const others = new Set(other === client ? [] : other.owned.map(nameOf));
        const taken = partitions.filter((one) => others.has(nameOf(one)));
        assertEquals(taken, [], `${about}: given while another still has it`);
      }
    }
  }
  const isGivingUp = clients.some(({ id, owned }) => without(owned, assigned.get(id)!).length > 0);
  for (const client of clients) {
    client.owned = assigned.get(client.id)!;
    client.assignor.assigned?.(client.owned, generation);
  }
  return isCooperative && isGivingUp;
}

function assertWhole(
  clients: readonly Client[],
  counts: ReadonlyMap<string, number>,
  about: string,
): void {
  const wanted = [...counts].filter(([topic]) =>
    clients.some(({ topics }) => topics.includes(topic))
  )
    .flatMap(([topic, count]) => Array.from({ length: count }, (_, i) => `${topic}-${i}`));
  const given = clients.flatMap(({ owned }) => owned.map(nameOf));
  assertEquals(given.sort(), wanted.sort(), about);
  for (const { topics, owned } of clients) {
    assert(owned.every(({ topic }) => topics.includes(topic)), `${about}: not subscribed`);
  }
}

/** No partition could go to somebody who has two fewer. */
function assertEven(clients: readonly Client[], about: string): void {
  for (const from of clients) {
    for (const to of clients) {
      if (from.owned.length - to.owned.length < 2) continue;
      const movable = from.owned.filter(({ topic }) => to.topics.includes(topic));
      assertEquals(movable, [], `${about}: ${from.id} has too much, ${to.id} too little`);
    }
  }
}

/** Who stays loses only what is above the even share. */
function assertLittleMoved(
  clients: readonly Client[],
  before: ReadonlyMap<string, Client["owned"]>,
  about: string,
): void {
  const total = clients.reduce((sum, { owned }) => sum + owned.length, 0);
  const share = Math.floor(total / clients.length);
  for (const { id, owned } of clients) {
    const has = new Set(owned.map(nameOf));
    const kept = before.get(id)!.filter((one) => has.has(nameOf(one))).length;
    assert(kept >= Math.min(before.get(id)!.length, share), `${about}: ${id} kept ${kept}`);
  }
}
