/** Proves that what was counted comes out as well-formed Prometheus text, by reading each line back. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Metrics } from "./metrics.ts";
import { MetricsText } from "./text.ts";

async function textOf(metrics: Metrics): Promise<string> {
  const bytes = await new MetricsText(metrics, {
    maxBytes: 1 << 20,
    prefix: "test",
    version: "1.2.3",
    apiName: (key) => key === 0 ? "Produce" : `api_${key}`,
    errorName: (code) => `E${code}`,
  }).render();
  return new TextDecoder().decode(bytes);
}

const SAMPLE =
  /^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[\d.e+-]+|\+Inf|NaN)$/;

/** Reads as promtool does: HELP and TYPE before a family's samples, each series once, buckets that never fall. */
function parse(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of text.split("\n").filter((line) => line !== "")) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (type) {
      assert(!types.has(type[1]), `family ${type[1]} twice`);
      types.set(type[1], type[2]);
    } else if (!line.startsWith("# HELP ")) {
      const sample = SAMPLE.exec(line);
      assert(sample, `no sample: ${line}`);
      const [, name, labels = "", value] = sample!;
      const family = types.has(name) ? name : name.replace(/_(bucket|sum|count)$/, "");
      assert(types.has(family), `${name} has no TYPE`);
      if (types.get(family) === "counter") assertMatch(name, /_total$/);
      assert(!samples.has(`${name}{${labels}}`), `series twice: ${line}`);
      samples.set(`${name}{${labels}}`, Number(value));
    }
  }
  return samples;
}

Deno.test("requests are shown by API and version, with bytes and a cumulative histogram in seconds", async () => {
  const metrics = new Metrics();
  metrics.requests.observe(0, 9, 100, 50, 2);
  metrics.requests.observe(0, 9, 100, 50, 60_000);
  const samples = parse(await textOf(metrics));
  const labels = 'api="Produce",version="9"';
  assertEquals(samples.get(`test_requests_total{${labels}}`), 2);
  assertEquals(samples.get(`test_request_bytes_total{${labels}}`), 200);
  assertEquals(samples.get(`test_response_bytes_total{${labels}}`), 100);
  assertEquals(samples.get(`test_request_duration_seconds_bucket{${labels},le="0.001"}`), 0);
  assertEquals(samples.get(`test_request_duration_seconds_bucket{${labels},le="0.0025"}`), 1);
  assertEquals(samples.get(`test_request_duration_seconds_bucket{${labels},le="10"}`), 1);
  assertEquals(samples.get(`test_request_duration_seconds_bucket{${labels},le="+Inf"}`), 2);
  assertEquals(samples.get(`test_request_duration_seconds_sum{${labels}}`), 60.002);
  assertEquals(samples.get(`test_request_duration_seconds_count{${labels}}`), 2);
});

Deno.test("an API key or version out of range is not counted", async () => {
  const metrics = new Metrics();
  metrics.requests.observe(-1, 0, 1, 1, 1);
  metrics.requests.observe(32767, 32767, 1, 1, 1);
  metrics.requests.observe(1, 32, 1, 1, 1);
  assert(
    ![...parse(await textOf(metrics)).keys()].some((name) =>
      name.startsWith("test_requests_total")
    ),
  );
});

Deno.test("topics beyond the limit are added up under other, and a deleted one makes room", async () => {
  const metrics = new Metrics({ maxTopics: 1, maxPartitions: 1 });
  metrics.topic("a").bytesIn += 5;
  metrics.topic("b").bytesIn += 7;
  metrics.topic("c").messagesIn += 2;
  let samples = parse(await textOf(metrics));
  assertEquals(samples.get('test_topic_bytes_in_total{topic="a"}'), 5);
  assertEquals(samples.get('test_topic_bytes_in_total{topic="other"}'), 7);
  assertEquals(samples.get('test_topic_messages_in_total{topic="other"}'), 2);
  metrics.forgetTopic("a");
  metrics.topic("b").bytesIn += 1;
  samples = parse(await textOf(metrics));
  assertEquals(samples.get('test_topic_bytes_in_total{topic="b"}'), 1);
  assert(!samples.has('test_topic_bytes_in_total{topic="a"}'));
});

Deno.test("a topic called other shares the common counters, so that no series is written twice", async () => {
  const metrics = new Metrics();
  metrics.topic("other").bytesIn += 3;
  assertEquals(parse(await textOf(metrics)).get('test_topic_bytes_in_total{topic="other"}'), 3);
});

Deno.test("partitions are asked at the scrape, and at most maxPartitions are shown", async () => {
  const metrics = new Metrics({ maxTopics: 1, maxPartitions: 1 });
  metrics.partitions = () =>
    [0, 1].map((partition) => ({
      topic: "t",
      partition,
      logStartOffset: 1,
      logEndOffset: 9,
      highWatermark: 8,
      sizeBytes: 700,
    }));
  const samples = parse(await textOf(metrics));
  assertEquals(samples.get('test_partition_log_end_offset{topic="t",partition="0"}'), 9);
  assertEquals(samples.get('test_partition_log_start_offset{topic="t",partition="0"}'), 1);
  assertEquals(samples.get('test_partition_high_watermark{topic="t",partition="0"}'), 8);
  assertEquals(samples.get('test_partition_size_bytes{topic="t",partition="0"}'), 700);
  assert(!samples.has('test_partition_size_bytes{topic="t",partition="1"}'));
});

Deno.test("connections, errors, fsyncs, gauges and the build are shown", async () => {
  const metrics = new Metrics();
  metrics.connections.open = 3;
  metrics.produceError(10);
  metrics.observeFsync(4);
  metrics.gauge("buffered_bytes", "Bytes waiting.", () => 42);
  const samples = parse(await textOf(metrics));
  assertEquals(samples.get("test_connections{}"), 3);
  assertEquals(samples.get('test_produce_errors_total{code="10",error="E10"}'), 1);
  assertEquals(samples.get("test_fsync_duration_seconds_sum{}"), 0.004);
  assertEquals(samples.get("test_buffered_bytes{}"), 42);
  assert(
    [...samples.keys()].some((name) => name.startsWith('test_build_info{version="1.2.3",deno="')),
  );
  assert(samples.get("test_resident_memory_bytes{}")! > 0);
});

Deno.test("label values are escaped", async () => {
  const metrics = new Metrics();
  const topic = 'a"b\\c\nd';
  const counts = { logStartOffset: 0, logEndOffset: 0, highWatermark: 0, sizeBytes: 7 };
  metrics.partitions = () => [{ topic, partition: 0, ...counts }];
  const line = (await textOf(metrics)).split("\n").find((line) =>
    line.startsWith("test_partition_size_bytes{")
  );
  assertEquals(line, 'test_partition_size_bytes{topic="a\\"b\\\\c\\nd",partition="0"} 7');
});
