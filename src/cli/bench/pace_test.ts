/** Proves when records are due, and from when they count. */
import { assertEquals } from "@std/assert";
import { Pace } from "./pace.ts";

Deno.test("the first is due at once, and so many a second behind it", () => {
  const pace = new Pace(200, 1000);
  assertEquals([1000, 1004.9, 1005, 1999, 2000].map((at) => pace.due(at)), [1, 1, 2, 200, 201]);
  assertEquals([0, 1, 200].map((number) => pace.dueMs(number)), [1000, 1005, 2000]);
  assertEquals(new Pace(0.5, 0).dueMs(3), 6000);
});

Deno.test("without a rate everything is due", () => {
  const pace = new Pace(null, 1000);
  assertEquals(pace.due(1000), Infinity);
  assertEquals(pace.countsFromMs(12345, 1001), 1001);
});

Deno.test("what goes out late counts from when it was due, but for what a timer may be late", () => {
  const pace = new Pace(100, 0);
  assertEquals(pace.countsFromMs(3, 31.5), 31.5);
  assertEquals(pace.countsFromMs(3, 500), 30);
});
