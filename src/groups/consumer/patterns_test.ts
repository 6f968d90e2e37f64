/**
 * What is matched in place and what is not, what is remembered, and what changes when topics do.
 */
import { assertEquals } from "@std/assert";
import { matchNames, type Verdict } from "./consumer_regex.ts";
import { Patterns } from "./patterns.ts";

const COSTLY = "(a?){1000}b";

/** Topics that change when told to; costly patterns are matched when land() is called. */
class World {
  readonly topics = { state: 0, all: ["ab", "c"], names: () => this.topics.all };
  readonly asked: (readonly string[])[] = [];
  readonly patterns = new Patterns({
    topics: this.topics,
    matchLater: (pattern, names) => {
      this.asked.push(names);
      return new Promise((resolve, reject) => {
        this.land = (verdict = matchNames(pattern, names)) => resolve(verdict);
        this.fail = () => reject(new Error("stopped"));
      });
    },
  });
  land: (verdict?: Verdict) => void = () => {};
  fail: () => void = () => {};

  become(names: string[]): void {
    this.topics.all = names;
    this.topics.state++;
  }
}

Deno.test("a pattern that costs a moment is matched in place", () => {
  const { patterns, asked } = new World();
  assertEquals(patterns.prepare("a.*"), null);
  assertEquals(patterns.get("a.*"), { names: ["ab"] });
  assertEquals(patterns.get("a("), { fault: "missing closing )" });
  for (const behind of ["(?<=a)b", "a(?<!b)", "\\\\(?<=a)b"]) {
    assertEquals(patterns.get(behind), { fault: "it looks behind" }, behind);
  }
  assertEquals(patterns.get("\\(?<=a"), { names: [] }, "a bracket that is meant as one");
  assertEquals(asked, []);
});

Deno.test("a costly one is matched elsewhere, once for all who wait, and is known then", async () => {
  const world = new World(), { patterns } = world;
  assertEquals(patterns.get(COSTLY), null);
  const waiting = [patterns.prepare(COSTLY), patterns.prepare(COSTLY)];
  assertEquals(world.asked, [["ab", "c"]]);
  world.land();
  await Promise.all(waiting);
  assertEquals([patterns.get(COSTLY), patterns.prepare(COSTLY)], [{ names: ["ab"] }, null]);
});

Deno.test("when topics change only new names are matched, and those that went are left out", async () => {
  const world = new World(), { patterns } = world;
  const waiting = patterns.prepare(COSTLY);
  world.land();
  await waiting;
  world.become(["c", "aab", "d"]);
  assertEquals(patterns.get(COSTLY), null);
  assertEquals(world.asked.slice(1), [["aab", "d"]]);
  world.land();
  await patterns.prepare(COSTLY);
  assertEquals(patterns.get(COSTLY), { names: ["aab"] });
  world.become(["c", "aab"]);
  assertEquals(patterns.get(COSTLY), null);
});

Deno.test("a pattern that took too long is refused, and not tried again for that", async () => {
  const world = new World(), { patterns } = world;
  const waiting = patterns.prepare(COSTLY);
  world.land({ fault: "it takes too long" });
  await waiting;
  world.become(["x"]);
  assertEquals(patterns.get(COSTLY), { fault: "it takes too long" });
  assertEquals(world.asked.length, 1);
});

Deno.test("where matching fails nothing is remembered, and the next who asks begins anew", async () => {
  const world = new World(), { patterns } = world;
  assertEquals(patterns.get(COSTLY), null);
  world.fail();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(patterns.get(COSTLY), null);
  assertEquals(world.asked.length, 2);
});
