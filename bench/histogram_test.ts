/** Proves that percentiles are within the width of a bucket, over the whole range. */
import { assert, assertEquals } from "@std/assert";
import { Histogram } from "./histogram.ts";

Deno.test("percentile() is at most 1% above the value", () => {
  for (const unitMs of [0.01, 1, 1000]) {
    const histogram = new Histogram();
    for (let i = 1; i <= 1000; i++) histogram.add(i * unitMs);
    for (const percent of [1, 50, 99, 100]) {
      const ratio = histogram.percentile(percent) / (percent * 10 * unitMs);
      assert(ratio > 0.9999 && ratio < 1.0101, `p${percent} of ${unitMs}: ${ratio}`);
    }
  }
});

Deno.test("merge() counts both", () => {
  const one = new Histogram(), other = new Histogram();
  one.add(1);
  other.add(100);
  one.merge(other);
  assertEquals(one.count, 2);
  assert(one.percentile(100) > 99);
});
