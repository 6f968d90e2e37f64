/** Reads a line of /proc as proc(5) has it, and this process's own figures. */
import { assert, assertEquals } from "@std/assert";
import { ownUsage, parseStat } from "./usage.ts";

Deno.test("parseStat() is not misled by brackets and spaces in a process's name", () => {
  const stat =
    "4711 (a) b (c) S 1 2 3 0 -1 4194304 9 9 0 0 150 50 7 7 20 0 12 0 99 123456 1000 9\n";
  assertEquals(parseStat(stat), { cpuMs: 2000, rssBytes: 1000 * 4096 });
});

Deno.test("ownUsage() grows with work", () => {
  const before = ownUsage();
  assert(before.rssBytes > 1 << 20);
  const until = performance.now() + 30;
  while (performance.now() < until) Math.random();
  assert(ownUsage().cpuMs > before.cpuMs);
});
