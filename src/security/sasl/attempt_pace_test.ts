/** Proves how fast an address may fail, and that what it owes is forgotten in time and bounded. */
import { assertEquals } from "@std/assert";
import { AttemptPace } from "./attempt_pace.ts";

function pace() {
  const time = { ms: 1000 };
  const options = { failuresPerSecond: 10, maxWaitMs: 5000, monotonicMs: () => time.ms };
  return { time, pace: new AttemptPace(options) };
}

function fail(one: AttemptPace, address: string, times: number): void {
  for (let i = 0; i < times; i++) one.failed(address);
}

Deno.test("ten seconds' worth of failures is for free, then attempts wait, and then they are not looked at", () => {
  const { time, pace: one } = pace();
  fail(one, "a", 100);
  assertEquals([one.waitMs("a"), one.waitMs("b")], [0, 0]);
  one.failed("a");
  assertEquals(one.waitMs("a"), 100);
  fail(one, "a", 49);
  assertEquals(one.waitMs("a"), 5000);
  one.failed("a");
  assertEquals([one.waitMs("a"), one.waitMs("b")], [null, 0]);
  time.ms += 5100;
  assertEquals(one.waitMs("a"), 0);
});

Deno.test("however often it fails, an address is looked at again within a minute and what attempts wait", () => {
  const { time, pace: one } = pace();
  fail(one, "a", 1_000_000);
  assertEquals(one.waitMs("a"), null);
  time.ms += 55_000;
  assertEquals(one.waitMs("a"), 5000);
  time.ms += 5000;
  assertEquals(one.waitMs("a"), 0);
});

Deno.test("of ten thousand addresses the one that failed longest ago is forgotten first", () => {
  const { pace: one } = pace();
  fail(one, "a", 120);
  fail(one, "b", 120);
  one.failed("a");
  for (let i = 0; i < 9_999; i++) one.failed(`c${i}`);
  assertEquals([one.waitMs("a"), one.waitMs("b")], [2100, 0]);
});
