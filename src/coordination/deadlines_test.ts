/** Proves that owners come up in the order of their deadlines and never late, against a list that is searched. */
import { assertEquals } from "@std/assert";
import { Deadlines } from "./deadlines.ts";

Deno.test("owners come up in the order of their deadlines", () => {
  const deadlines = new Deadlines<string>();
  for (const [owner, atMs] of [["c", 30], ["a", 10], ["d", 40], ["b", 20]] as const) {
    deadlines.set(owner, atMs);
  }
  assertEquals([deadlines.take(9), deadlines.nextMs], [null, 10]);
  assertEquals([deadlines.take(25), deadlines.take(25), deadlines.take(25)], ["a", "b", null]);
  assertEquals([deadlines.take(99), deadlines.take(99), deadlines.take(99)], ["c", "d", null]);
});

Deno.test("an earlier deadline counts, a later one leaves the owner where it was", () => {
  const deadlines = new Deadlines<string>();
  deadlines.set("a", 20);
  deadlines.set("a", 10);
  deadlines.set("a", 30);
  assertEquals([deadlines.take(10), deadlines.take(99)], ["a", null]);
  assertEquals(deadlines.nextMs, null);
});

Deno.test("no owner comes up late or twice, whatever the order they were set in", () => {
  const deadlines = new Deadlines<number>(), expected = new Map<number, number>();
  for (let i = 0, x = 7; i < 5000; i++) {
    x = Math.imul(x, 1103515245) + 12345 >>> 0;
    const owner = x % 97, atMs = (x >>> 8) % 1000;
    deadlines.set(owner, atMs);
    expected.set(owner, Math.min(atMs, expected.get(owner) ?? Infinity));
    if (i % 10 > 0) continue;
    const nowMs = (x >>> 16) % 1000;
    const due = [...expected].filter(([, atMs]) => atMs <= nowMs).map(([owner]) => owner);
    const taken: number[] = [];
    for (let one = deadlines.take(nowMs); one !== null; one = deadlines.take(nowMs)) {
      taken.push(one);
    }
    assertEquals(taken.sort(), due.sort());
    for (const owner of due) expected.delete(owner);
  }
});
