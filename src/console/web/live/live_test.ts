import { assertEquals } from "@std/assert";
import type { History, Sample } from "../../api.ts";
import { withSample } from "./live.ts";

const SAMPLE: Sample = {
  atMs: 5000,
  bytesIn: 1,
  bytesOut: 2,
  recordsIn: 3,
  recordsOut: 4,
  requests: 5,
  errors: 0,
  p50Ms: null,
  p99Ms: 7,
  produceP99Ms: null,
  eventLoopP99Ms: null,
  connections: 1,
  logBytes: 9,
  freeBytes: null,
  residentBytes: 1,
  heapUsedBytes: 1,
};

Deno.test("a sample is put behind the history in every series, and once", () => {
  const { atMs: _, ...values } = SAMPLE;
  const empty = Object.fromEntries(Object.keys(values).map((name) => [name, []]));
  const none: History = { range: "hour", stepMs: 5000, atMs: [], series: empty as never };
  const one = withSample(none, SAMPLE);
  assertEquals([one.atMs, one.series.p99Ms, one.series.p50Ms], [[5000], [7], [null]]);
  assertEquals(withSample(one, SAMPLE), one);
  let many = one;
  for (let atMs = 10_000; atMs <= 10_000_000; atMs += 5000) {
    many = withSample(many, { ...SAMPLE, atMs });
  }
  assertEquals([many.atMs.length, many.series.bytesIn.length, many.atMs.at(-1)], [
    720,
    720,
    10_000_000,
  ]);
});
