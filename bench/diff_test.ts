/** Proves that the figures of a comparison land under their own load, and that the ratio is that of the medians. */
import { assert, assertEquals } from "@std/assert";
import { median, pairs, ratioTable } from "./diff.ts";
import { Histogram } from "./histogram.ts";
import type { Line } from "./report.ts";

const line = (load: string, requests: number): Line => ({
  bench: "produce",
  flush: "os",
  load,
  requests,
  bytes: 0,
  seconds: 2,
  latency: new Histogram(),
});

Deno.test("median() of an even count is between the middle two", () => {
  assertEquals(median([5, 1, 3]), 3);
  assertEquals(median([4, 1, 3, 2]), 2.5);
});

Deno.test("ratioTable() divides the medians of the same load", () => {
  const before = [line("a", 200), line("b", 20), line("a", 240), line("a", 1000)];
  const after = [line("b", 10), line("a", 120), line("a", 110), line("a", 2000)];
  const compared = pairs(before, after);
  assertEquals(compared.map(({ name }) => name), ["produce, os: a", "produce, os: b"]);
  const table = ratioTable(compared, "HEAD~1");
  assert(table.includes("| produce, os: a | 120 (100–500) | 60 (55–1000) | 0.50 |"), table);
  assert(table.includes("| produce, os: b | 10 (10–10) | 5 (5–5) | 0.50 |"), table);
});
