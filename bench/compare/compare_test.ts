/** What Kafka's tools print is read as they print it, and the table tells ratios of medians. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { consumedPerSecond, loads, producedPerSecond } from "./loads.ts";
import { compareTable } from "./run.ts";

Deno.test("producedPerSecond() reads the last line of kafka-producer-perf-test", () => {
  const line = "500000 records sent, 308261.4 records/sec (29.40 MB/sec), 3.10 ms avg latency\n";
  assertEquals(producedPerSecond(`1000 records sent, 9.0 records/sec\n${line}`), 308261.4);
  assertThrows(() => producedPerSecond("boom"), Error, "boom");
});

Deno.test("consumedPerSecond() reads the records a second while fetching", () => {
  const header = "start.time, end.time, …, fetch.nMsg.sec\n";
  const row =
    "2026-01-01 00:00:00:000, 2026-01-01 00:00:01:000, 1, 1, 10, 10, 300, 700, 1, 14.2857";
  assertEquals(consumedPerSecond(header + row), 14.2857);
  assertThrows(() => consumedPerSecond(header), Error, "no rate");
});

Deno.test("compareTable() divides Runnel by Kafka, and CPU by the work done in the time", () => {
  const of = (perSecond: number[], cpuMs: number[]) => ({ perSecond, cpuMs });
  const table = compareTable([[loads("")[0], {
    "Kafka": of([100, 90, 120], [50, 45, 60]),
    "Runnel os": of([200], [50]),
    "Kafka fsync": of([10], [10]),
    "Runnel fsync": of([50], [10]),
  }]]);
  assert(table.includes("| os | 100 (90–120) | 200 (200–200) | 2.00× | 0.50× |"), table);
  assert(table.includes("| fsync | 10 (10–10) | 50 (50–50) | 5.00× | 0.20× |"), table);
});
