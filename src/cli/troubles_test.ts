/** Proves who is told of a broker that does not answer, when, and how often. */
import { assertEquals } from "@std/assert";
import { Troubles } from "./troubles.ts";

Deno.test("a broker that stays away is told of after a moment, now and then, and when it is back", () => {
  let nowMs = 0;
  const told: [number, string][] = [];
  const troubles = new Troubles((line) => void told.push([nowMs, line]), () => nowMs);
  const failure = new Error("Cannot connect to a:1: refused\x1b[2J");
  for (; nowMs <= 40_000; nowMs += 500) troubles.heard("a:1", failure);
  troubles.heard("a:1", null);
  troubles.heard("a:1", null);
  const line = "runnel: Cannot connect to a:1: refused\\u{1b}[2J; trying on";
  assertEquals(told, [[3000, line], [33_000, line], [40_500, "runnel: a:1 answers again"]]);
});

Deno.test("what is over within a moment is told to nobody, of each broker for itself", () => {
  let nowMs = 0;
  const told: string[] = [];
  const troubles = new Troubles((line) => void told.push(line), () => nowMs);
  const failure = new Error("refused");
  for (; nowMs < 20_000; nowMs += 1000) {
    troubles.heard("a:1", nowMs % 3000 === 2000 ? null : failure);
    troubles.heard("b:1", null);
  }
  assertEquals(told, []);
});
