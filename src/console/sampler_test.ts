/** Proves the figures of the overview: rates, latencies, what is kept, and when the disk is full. */
import { assert, assertEquals } from "@std/assert";
import { Metrics } from "../metrics/metrics.ts";
import type { Sample } from "./api.ts";
import { forecast } from "./forecast.ts";
import { SampleHistory } from "./history.ts";
import { Sampler } from "./sampler.ts";

function samplerOver(metrics: Metrics) {
  const clock = { ms: 1_700_000_000_000 }, disk: { free: number | null } = { free: 1000 };
  const sampler = new Sampler({
    metrics,
    nowMs: () => clock.ms,
    monotonicMs: () => clock.ms,
    freeBytes: () => disk.free,
    memory: () => ({ rss: 7, heapUsed: 3 }),
    apiName: (key) => `api ${key}`,
    turn: () => Promise.resolve(),
  });
  return { sampler, clock, disk };
}

Deno.test("rates are of the time between two looks, and latencies of those that do not wait", async () => {
  const metrics = new Metrics(), { sampler, clock } = samplerOver(metrics);
  metrics.partitions = () =>
    [{ topic: "t", partition: 0, sizeBytes: 10 }, {
      topic: "t",
      partition: 1,
      sizeBytes: NaN,
    }].map((one) => ({ ...one, logStartOffset: 0, logEndOffset: 0, highWatermark: 0 }));
  await sampler.look();
  assertEquals(sampler.now, null);
  const topic = metrics.topic("t");
  topic.bytesIn += 5000;
  topic.messagesIn += 50;
  for (let i = 0; i < 99; i++) metrics.requests.observe(0, 9, 100, 10, 0.3);
  metrics.requests.observe(0, 9, 100, 10, 400);
  for (let i = 0; i < 1000; i++) metrics.requests.observe(1, 12, 100, 10, 500); // Fetch waits
  clock.ms += 5000;
  const seen: Sample[] = [], end = sampler.watch((sample) => seen.push(sample));
  await sampler.look();
  const { now } = sampler;
  assertEquals(seen, [now!]);
  assertEquals([now!.bytesIn, now!.recordsIn, now!.requests, now!.logBytes], [1000, 10, 220, 10]);
  assert(now!.p50Ms! > 0.1 && now!.p50Ms! <= 0.5, String(now!.p50Ms));
  assertEquals(now!.p99Ms, 0.5);
  assertEquals(sampler.rateOf("t"), null); // it had no counters at the look before
  assertEquals(sampler.apis().map(({ api, requests }) => [api, requests]), [
    ["api 1", 200],
    ["api 0", 20],
  ]);
  end();
  metrics.forgetTopic("t");
  clock.ms += 5000;
  await sampler.look();
  assertEquals([sampler.now!.bytesIn, sampler.now!.requests, sampler.now!.p50Ms], [0, 0, null]);
  assertEquals(seen.length, 1);
});

Deno.test("an hour and a day are kept, however long it goes on", () => {
  const history = new SampleHistory(), one = { bytesIn: 1, p99Ms: null } as unknown as Sample;
  const beganMs = Math.ceil(1_700_000_000_000 / 60_000) * 60_000;
  for (let i = 0; i < 20_000; i++) {
    history.push({ ...one, atMs: beganMs + i * 5000, bytesIn: i % 12, p50Ms: i % 12 });
  }
  const hour = history.of("hour"), day = history.of("day");
  assertEquals([hour.atMs.length, hour.series.bytesIn.length, day.atMs.length], [720, 720, 1440]);
  assertEquals(hour.atMs.at(-1), beganMs + 19_999 * 5000);
  assertEquals(hour.atMs[0], beganMs + (20_000 - 720) * 5000);
  assertEquals(day.atMs[1] - day.atMs[0], 60_000);
  assertEquals([day.series.bytesIn[5], day.series.p50Ms[5], day.series.p99Ms[5]], [5.5, 11, null]);
});

Deno.test("a disk is full where the line through its free bytes ends, and never by a burst or a rise", () => {
  const minutes = (n: number) => Array.from({ length: n }, (_, i) => i * 60_000);
  const falling = minutes(60).map((ms) => 1_000_000 - ms / 10);
  const found = forecast(minutes(60), falling, 100_000);
  assertEquals(found.freeBytesPerSecond, -100);
  assertEquals(found.fullAtMs, 9_000_000);
  assertEquals(forecast(minutes(3), falling.slice(0, 3), 0).fullAtMs, null);
  assertEquals(forecast(minutes(60), minutes(60), 0).fullAtMs, null);
  assertEquals(forecast(minutes(60), minutes(60).map(() => null), 0).freeBytesPerSecond, null);
  assertEquals(forecast(minutes(60), falling, 2_000_000).fullAtMs, 59 * 60_000); // it is by now
});
