/** Proves that a pattern, whoever wrote it and wherever it stands, takes one turn of the event loop no longer than any other. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Admin } from "../client/admin.ts";
import { Producer } from "../client/producer.ts";
import { ConsoleBroker } from "../testing/console_broker.ts";
import type { RecordsAnswer } from "./api.ts";
import { ApiFailure } from "./failure.ts";
import { jsonPathOf, patternOf } from "./json_path.ts";
import { recordFilterOf } from "./record_filter.ts";

/** Texts on which no automaton remembers where it has been: every step is taken. */
function hardText(length: number): string {
  let state = 1;
  return Array.from({ length }, () => (state = (state * 48_271) % 2_147_483_647) % 2 ? "a" : "b")
    .join("");
}

const hardPattern = (steps: number) => `(?:a|b)*a(?:a|b){${steps}}[^ab]`;

function record(value: string) {
  const bytes = new TextEncoder().encode(value);
  return { offset: 7, timestampMs: 0, key: null, value: bytes, headers: [] };
}

/** At most so long; on a machine that does other things as well. */
function within(limitMs: number, what: string, run: () => void): void {
  const beganMs = performance.now();
  run();
  const tookMs = performance.now() - beganMs;
  assert(tookMs < limitMs, `${what}: ${tookMs} ms`);
}

Deno.test("a pattern that comes to much is not compiled, in a query, in a path or in a value", () => {
  const large = "a{1000}".repeat(140);
  within(200, "a query", () => assertThrows(() => patternOf(large, "regex"), ApiFailure));
  const json = JSON.stringify({ x: { a: "b", p: "a{1000}".repeat(1000) } });
  within(500, "a value", () => assertEquals(jsonPathOf("$[?search(@.a, @.p)]")(json), false));
  const inPath = jsonPathOf(`$[?search(@.a, '${large}')]`);
  within(500, "a path", () => assertEquals(inPath(json), false));
  const many = JSON.stringify(
    Array.from({ length: 3000 }, (_, i) => ({ a: "b", p: `[ab]{${100 + i % 300}}${i}` })),
  );
  const refused = JSON.stringify(
    Array.from({ length: 2000 }, (_, i) => ({ a: "b", p: `${"a{1000}".repeat(4)}${i}` })),
  );
  within(1500, "refused", () => jsonPathOf("$[?search(@.a, @.p)]")(refused));
  within(1500, "many", () => assertEquals(jsonPathOf("$[?search(@.a, @.p)]")(many), "too costly"));
});

Deno.test("the larger a pattern the less of a value it looks at, and that is told", () => {
  const problems: RecordsAnswer["problems"][number][] = [];
  const fits = (regex: string, value: string) => {
    const filter = recordFilterOf({ query: { regex } }, (problem) => problems.push(problem))!;
    return filter(record(value), { partition: 3 });
  };
  const text = hardText(64 * 1024);
  within(800, "one value", () => assertEquals(fits(hardPattern(460), text), false));
  assertEquals(problems.length, 1);
  assertEquals([problems[0].partition, problems[0].offset], [3, 7]);
  problems.length = 0;
  assertEquals(fits("\\d{4}-\\d{2}-\\d{2}", `${text.slice(20)}2026-11-30`), true); // a usual one sees all of it
  assertEquals(fits(hardPattern(460), text.slice(0, 4000)), false);
  assertEquals(problems, []);
});

Deno.test("a path that searches by many patterns costs no more than by one", () => {
  const json = JSON.stringify({ x: { a: hardText(60_000) } });
  const searches = Array.from({ length: 15 }, (_, i) => `search(@.a,'${hardPattern(400 + i)}')`);
  const isThere = jsonPathOf(`$[?${searches.join("||")}]`);
  within(800, "a value", () => assertEquals(isThere(json), "too costly"));
  assertEquals(jsonPathOf("$[?search(@.a, '^[ab]+$')]")(json), true);
  const problems: string[] = [];
  const filter = recordFilterOf(
    { query: { jsonpath: `$[?${searches.join("||")}]` } },
    ({ reason }) => problems.push(reason),
  )!;
  assertEquals(filter(record(json), { partition: 0 }), false);
  assertEquals(problems, ["its value costs too much to look at by this JSON path"]);
});

Deno.test("a path of so many steps that one value would take a second is refused, and usual ones are not", () => {
  const many = (part: string, count: number) => Array.from({ length: count }, () => part);
  const refused = [
    `$[?${many("@.a", 190).join("||")}]`,
    `$..[?${many("count(@.*)>9", 60).join("||")}]`,
    `$..${many("*.", 300).join("")}zz`,
    `$${many(".*", 400).join("")}`,
  ];
  for (const path of refused) assertThrows(() => jsonPathOf(path), ApiFailure, "at most");
  const deep = `${"[".repeat(45)}${many("1", 30_000).join(",")}${"]".repeat(45)}`;
  for (const path of [`$..[?${many("@.a", 12).join("||")}]`, "$..items[*].lines[*].sku"]) {
    within(1500, path, () => assertEquals(jsonPathOf(path)(deep), false));
  }
  const usual = "$.order.lines[?@.sku == 'x' && @.price > 1.5].tax[*].rates[?@.country == 'DE']";
  assertEquals(jsonPathOf(usual)("{}"), false);
});

Deno.test("while many values are looked at by a costly pattern others have their turn after each", async () => {
  await using console = await ConsoleBroker.start();
  await new Admin(console.cluster).createTopics([{ name: "t" }]);
  await using producer = new Producer(console.cluster, { lingerMs: 50, maxBatchBytes: 1 << 20 });
  const value = hardText(10_000);
  await Promise.all(Array.from({ length: 15 }, () => producer.send({ topic: "t", value })));
  let longestMs = 0, lastMs = performance.now();
  const watching = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - lastMs);
    lastMs = performance.now();
  }, 5);
  const regex = encodeURIComponent(hardPattern(400));
  const { scanned } = await console.get(`topics/t/records?at=start&regex=${regex}`);
  clearInterval(watching);
  assert(scanned.records > 2);
  assert(
    longestMs < scanned.elapsedMs / 2,
    `${longestMs} ms of ${scanned.elapsedMs} ms in one turn`,
  );
});
