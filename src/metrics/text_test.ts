/**
 * What a scrape costs when names are long, series many and scrapers impatient: bounded bytes, one writing for all, and a
 * turn for others meanwhile; and that two names stay two series.
 */
import { assert, assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import { ClientMetrics } from "./client_metrics.ts";
import type { GroupGauges } from "./group_definitions.ts";
import { labelOf } from "./label.ts";
import { Metrics } from "./metrics.ts";
import { MetricsText } from "./text.ts";

function textFor(metrics: Metrics, maxBytes = 16 << 20): MetricsText {
  const settings = { prefix: "x", version: "1", apiName: String, errorName: String, maxBytes };
  return new MetricsText(metrics, settings);
}

function groupsOf(ids: Iterable<string>, lags = 2): Metrics {
  const metrics = new Metrics();
  metrics.groups = function* (): Generator<GroupGauges> {
    for (const groupId of ids) {
      yield {
        groupId,
        type: "classic",
        state: "Stable",
        generation: 1,
        members: 1,
        rebalancingMs: 0,
        lags: () =>
          Array.from({ length: lags }, (_, partition) => ({ topic: "t", partition, lag: 1 })),
      };
    }
  };
  return metrics;
}

async function linesOf(text: MetricsText): Promise<string[]> {
  return new TextDecoder().decode(await text.render()).split("\n");
}

/** 500 names of 32,000 characters that differ in the last ones only. */
const longIds = Array.from({ length: 500 }, (_, i) => String(i).padStart(32_000, "g"));

Deno.test("500 groups with ids of 32,000 characters are 500 series of each kind, in less than 4 MB", async () => {
  const lines = await linesOf(textFor(groupsOf(longIds)));
  for (const family of ["group_members", "group_state"]) {
    const series = lines.filter((line) => line.startsWith(`x_${family}{`));
    assertEquals([series.length, new Set(series).size], [500, 500], family);
  }
  const chars = lines.reduce((sum, line) => sum + line.length + 1, 0);
  assert(chars < 4e6, `${chars} characters`);
});

Deno.test("a name that is no longer than a topic's may be is shown whole", () => {
  assertEquals(labelOf("t".repeat(249)), "t".repeat(249));
  assertEquals(labelOf("t".repeat(256)), "t".repeat(256));
});

Deno.test("a long name's label is no other name's, whatever name is chosen", () => {
  const label = labelOf("g".repeat(1000));
  assertMatch(label, /^g{240}~[0-9a-f]{16}$/);
  assert(labelOf(label) !== label, "the label itself, taken for a name, is cut too");
  assert(labelOf("g".repeat(1001)) !== label);
});

Deno.test("a label ends in no half of a character", () => {
  assert(labelOf(`${"g".repeat(239)}${"🐟".repeat(100)}`).isWellFormed());
});

Deno.test("attributes that clients push and differ late are series of their own", () => {
  const clients = new ClientMetrics(10);
  const value = (attribute: string) => ({
    name: "m",
    value: 1,
    isDelta: false,
    attributes: [["k", attribute]] as const,
  });
  clients.push({ clientId: "c", instanceId: "i" }, [
    value("a".repeat(300) + "1"),
    value("a".repeat(300) + "2"),
  ]);
  assertEquals([...clients.series()].length, 2);
});

Deno.test("an answer is no longer than it may be, says so, and leaves small metrics in", async () => {
  const maxBytes = 65_536;
  const text = textFor(groupsOf(longIds), maxBytes);
  assert((await text.render()).length <= maxBytes);
  const lines = await linesOf(text);
  assert(lines.includes("x_scrape_truncated 1"));
  assert(lines.some((line) => line.startsWith("x_resident_memory_bytes ")));
  assert(lines.every((line) => line === "" || /^(# |x_)/.test(line)), "no line is cut");
  assert((await linesOf(textFor(new Metrics()))).includes("x_scrape_truncated 0"));
});

Deno.test("scrapes at the same time share one answer; the next one is written anew", async () => {
  let asked = 0;
  const metrics = groupsOf(["g"]);
  metrics.gauge("asked", "Times that it was asked.", () => ++asked);
  const text = textFor(metrics);
  const [first, second] = await Promise.all([text.render(), text.render()]);
  assertStrictEquals(first, second);
  assertEquals(asked, 1);
  await text.render();
  assertEquals(asked, 2);
});

Deno.test("others have a turn while many series are written, and a group that comes back is there once", async () => {
  const ids = new Set(Array.from({ length: 450 }, (_, i) => `g${i}`));
  const text = textFor(groupsOf(ids));
  let turns = 0;
  const timer = setInterval(() => {
    turns++;
    ids.delete("g0");
    ids.add("g0");
  }, 0);
  const lines = await linesOf(text);
  clearInterval(timer);
  assert(turns >= 5, `${turns} turns`);
  assertEquals(
    new Set(lines.filter((line) => line.startsWith("x_"))).size,
    lines.filter((line) => line.startsWith("x_")).length,
  );
});
