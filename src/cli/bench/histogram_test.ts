/** Proves that percentiles are those of the values themselves, within 1% and never below, in all of the range. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Histogram } from "./histogram.ts";

const PERCENTS = [0, 1, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100];

/** What a list of the values has. */
function exact(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(1, Math.ceil(sorted.length * percent / 100)) - 1];
}

Deno.test("percentiles are the exact ones, at most 1% above and never below", () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  let state = seed;
  const random = () => (state = (state * 48271 + 11) % 0x7fffffff) / 0x7fffffff;
  const shapes: Record<string, () => number> = {
    "below a millisecond": () => random(),
    "even, to a second": () => random() * 1000,
    "over all magnitudes": () => 10 ** (random() * 9 - 3),
    "two hills": () => random() < 0.9 ? 1 + random() : 400 + random() * 100,
    "whole milliseconds": () => Math.floor(random() * 50),
  };
  for (const [name, next] of Object.entries(shapes)) {
    for (const count of [1, 2, 3, 100, 20_000]) {
      const histogram = new Histogram(), values = Array.from({ length: count }, next);
      for (const value of values) histogram.add(value);
      values.sort((a, b) => a - b);
      for (const percent of PERCENTS) {
        const found = histogram.percentile(percent), wanted = exact(values, percent);
        const told = `${name}, ${count}, p${percent}: ${found} for ${wanted}, seed ${seed}`;
        assert(found >= wanted && found <= wanted * 1.01 + 0.001, told);
      }
      assertEquals(histogram.count, count);
      assertEquals(histogram.maxMs, values.at(-1));
      const mean = values.reduce((sum, one) => sum + one, 0) / count;
      assert(Math.abs(histogram.meanMs - mean) <= mean * 1e-9, `${name}: mean`);
    }
  }
});

Deno.test("each bucket begins where the one below ends", () => {
  for (let us = 1; us < 2 ** 32; us = Math.ceil(us * 1.0007)) {
    const histogram = new Histogram();
    histogram.add(us / 1000);
    histogram.add(5_000_000); // so that the largest does not bound it
    const found = histogram.percentile(50) * 1000;
    assert(found >= us * (1 - 1e-9) && found <= us * 1.008, `${us} µs is told as ${found}`);
  }
});

Deno.test("nothing has no percentiles, and what is out of range is at its end", () => {
  const histogram = new Histogram();
  assertEquals(
    [histogram.percentile(50), histogram.maxMs, histogram.meanMs],
    [NaN, NaN, NaN],
  );
  histogram.add(-1);
  assertEquals(histogram.percentile(100), 0);
  histogram.add(1e12);
  assert(histogram.percentile(100) > 4_290_000);
  assertThrows(() => histogram.percentile(101), Error, "Percentile 101");
});
