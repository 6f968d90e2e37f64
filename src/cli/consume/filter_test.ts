/** Proves which records a filter lets through. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { filterOf, type FilterOptions } from "./filter.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const RECORDS = [
  { key: "a", value: '{"id":1,"tags":["x"]}', headers: [{ key: "h", value: "1" }] },
  { key: "ab", value: '{"id":2}', headers: [{ key: "h", value: "" }] },
  { key: "", value: "no JSON", headers: [{ key: "h", value: null }] },
  { key: null, value: null, headers: [] },
];

/** Which of them, by their place. */
function passed(some: Partial<FilterOptions>): number[] | string {
  const filter = filterOf({ key: null, keyPattern: null, headers: [], path: null, ...some });
  if (typeof filter === "string") return filter;
  const orNull = (text: string | null) => text === null ? null : bytes(text);
  return RECORDS.flatMap(({ key, value, headers }, i) => {
    const isPassed = filter({
      topic: "t",
      partition: 0,
      offset: i,
      timestampMs: 0,
      key: orNull(key),
      value: orNull(value),
      headers: headers.map((one) => ({ key: one.key, value: orNull(one.value) })),
    });
    return isPassed ? [i] : [];
  });
}

Deno.test("without a filter every record passes", () => assertEquals(passed({}), [0, 1, 2, 3]));

Deno.test("a key is the same bytes, and an empty one is not null", () => {
  assertEquals(passed({ key: bytes("a") }), [0]);
  assertEquals(passed({ key: bytes("") }), [2]);
});

Deno.test("a pattern is found somewhere in the key, unless it has anchors", () => {
  assertEquals(passed({ keyPattern: "a" }), [0, 1]);
  assertEquals(passed({ keyPattern: "^a$" }), [0]);
  assertEquals(passed({ keyPattern: "" }), [0, 1, 2]);
  assertStringIncludes(passed({ keyPattern: "(" }) as string, "--key-pattern (");
});

Deno.test("a header is there, or has a value; empty is not null", () => {
  assertEquals(passed({ headers: ["h"] }), [0, 1, 2]);
  assertEquals(passed({ headers: ["h=1"] }), [0]);
  assertEquals(passed({ headers: ["h="] }), [1]);
  assertEquals(passed({ headers: ["h", "h=1"] }), [0]);
  assertEquals(passed({ headers: ["x"] }), []);
});

Deno.test("a JSON path finds something in the value; what is no JSON does not pass", () => {
  assertEquals(passed({ path: "$.id" }), [0, 1]);
  assertEquals(passed({ path: "$[?@ > 1]" }), [1]);
  assertEquals(passed({ path: "$.tags[?@ == 'x']" }), [0]);
  assertEquals(passed({ path: "$.constructor" }), []);
  assertStringIncludes(passed({ path: "id" }) as string, "--where id");
  assertStringIncludes(passed({ path: "$.id > 1" }) as string, "'$[?$.price > 3]'");
  assertEquals(passed({ path: "$[?$.id > 1]" }), [1]);
  assertStringIncludes(passed({ path: "$[?eval(1)]" }) as string, "eval");
});

Deno.test("a value nested very deeply does not pass, and does not end the command", () => {
  const filter = filterOf({ key: null, keyPattern: null, headers: [], path: "$..x" });
  const value = bytes("[".repeat(200_000) + "]".repeat(200_000));
  const rest = { topic: "t", partition: 0, offset: 0, timestampMs: 0, key: null, headers: [] };
  assertEquals(typeof filter === "function" && filter({ ...rest, value }), false);
});
