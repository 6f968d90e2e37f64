/** Proves that refusals are told of the last hour, by whom, and that nobody makes them many. */
import { assert, assertEquals } from "@std/assert";
import { Refusals } from "./refusals.ts";

const MINUTE_MS = 60_000;

function atTime() {
  const time = { nowMs: 1_700_000_000_000, monotonicMs: 0 };
  const refusals = new Refusals({
    nowMs: () => time.nowMs + time.monotonicMs,
    monotonicMs: () => time.monotonicMs,
  });
  return { time, refusals };
}

Deno.test("the same refused again is one entry with a count, and the most often comes first", () => {
  const { time, refusals } = atTime();
  refusals.note({ kind: "denied", principal: "User:a" });
  for (let i = 0; i < 3; i++) {
    time.monotonicMs = i * 10 * MINUTE_MS; // in several parts of the hour
    refusals.note({ kind: "login_failed", address: "10.0.0.1", reason: "failed" });
  }
  const [first, second, ...rest] = refusals.lately();
  assertEquals([first.kind, first.address, first.reason, first.count], [
    "login_failed",
    "10.0.0.1",
    "failed",
    3,
  ]);
  assertEquals(first.lastMs - first.firstMs, 20 * MINUTE_MS);
  assertEquals([second.kind, second.principal, second.address, second.count], [
    "denied",
    "User:a",
    null,
    1,
  ]);
  assertEquals(rest, []);
});

Deno.test("what is older than an hour is forgotten", () => {
  const { time, refusals } = atTime();
  refusals.note({ kind: "old" });
  time.monotonicMs = 30 * MINUTE_MS;
  refusals.note({ kind: "young" });
  time.monotonicMs = 54 * MINUTE_MS;
  assertEquals(refusals.lately().map(({ kind }) => kind).sort(), ["old", "young"]);
  time.monotonicMs = 61 * MINUTE_MS;
  assertEquals(refusals.lately().map(({ kind }) => kind), ["young"]);
  time.monotonicMs = 100 * MINUTE_MS;
  assertEquals(refusals.lately(), []);
});

Deno.test("a flood from many addresses is counted, stays small, and hides nothing of another kind", () => {
  const { time, refusals } = atTime();
  for (let minute = 0; minute < 60; minute++) {
    time.monotonicMs = minute * MINUTE_MS;
    for (let i = 0; i < 1000; i++) {
      refusals.note({ kind: "malformed_request", address: `10.0.${minute}.${i}` });
    }
  }
  refusals.note({ kind: "denied", principal: "User:alice" });
  const found = refusals.lately();
  assert(found.length <= 12 * 41 + 1, `${found.length} entries`);
  const counts = found.filter(({ kind }) => kind === "malformed_request");
  assertEquals(counts.reduce((sum, { count }) => sum + count, 0), 60_000);
  assertEquals(counts[0].address, null); // those without room of their own
  assertEquals(found.filter(({ kind }) => kind === "denied").length, 1);
});

Deno.test("long texts are cut, and kinds without end are one", () => {
  const { refusals } = atTime();
  refusals.note({ kind: "k", clientId: "x".repeat(10_000) });
  assertEquals(refusals.lately()[0].clientId!.length, 121);
  for (let i = 0; i < 1000; i++) refusals.note({ kind: `kind ${i}` });
  const kinds = new Set(refusals.lately().map(({ kind }) => kind));
  assert(kinds.size <= 32 + 41, `${kinds.size} kinds`);
  assertEquals(refusals.lately().reduce((sum, { count }) => sum + count, 0), 1001);
});
