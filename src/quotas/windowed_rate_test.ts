/**
 * Rates and buckets give, number by number, what Kafka 4.4.0's own classes gave for the same records at the same times
 * (Rate, QuotaUtils.throttleTime and TokenBucket, in src/testing/kafka_quotas.json).
 */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import kafka from "../testing/kafka_quotas.json" with { type: "json" };
import { TokenBucket } from "./token_bucket.ts";
import { throttleMs, WindowedRate } from "./windowed_rate.ts";

const START_MS = 1_000_000;

Deno.test("a rate, its window and the time to wait are Kafka's", () => {
  let waits = 0;
  for (const { samples, windowMs, limit, steps } of kafka.rates) {
    const rate = new WindowedRate({ samples, windowMs });
    let nowMs = START_MS;
    for (const [gapMs, value, measured, window, wait] of steps) {
      nowMs += gapMs;
      rate.record(value, nowMs);
      assertAlmostEquals(rate.measure(nowMs), measured, 1e-9);
      assertEquals(rate.windowMs(nowMs), window);
      assertEquals(throttleMs(rate, limit, nowMs), wait);
      if (wait > 0) waits++;
    }
  }
  assert(waits > 50);
});

Deno.test("what is left in a bucket is Kafka's", () => {
  let overdrawn = 0;
  for (const { rate, steps } of kafka.buckets) {
    const bucket = new TokenBucket();
    let nowMs = START_MS;
    for (const [gapMs, value, left] of steps) {
      nowMs += gapMs;
      bucket.take(value, rate, nowMs);
      assertAlmostEquals(bucket.left(rate, nowMs), left, 1e-9);
      if (left < 0) {
        overdrawn++;
        assertEquals(bucket.waitMs(rate, nowMs), Math.round(-left / rate * 1000));
      }
    }
  }
  assert(overdrawn > 20);
});

Deno.test("who was silent may come with ten windows at once, and waits for the rest", () => {
  const rate = new WindowedRate();
  rate.record(10_000, START_MS);
  assertEquals(throttleMs(rate, 1000, START_MS), 0);
  rate.record(1000, START_MS);
  assertEquals(throttleMs(rate, 1000, START_MS), 1000);
  // The burst counts until it is out of all windows.
  assertEquals(throttleMs(rate, 1000, START_MS + 10_999), 1);
  assertEquals(throttleMs(rate, 1000, START_MS + 11_000), 0);
});

Deno.test("what is taken back does not count", () => {
  const rate = new WindowedRate();
  rate.record(20_000, START_MS);
  rate.record(-20_000, START_MS + 5);
  assertEquals(rate.measure(START_MS + 5), 0);
});
