/**
 * The administration of a whole broker over TCP: altered configs are in force at once and after a restart, producers of
 * a partition can be seen, and what a client pushes of its own metrics is on /metrics.
 */
import { assertEquals } from "@std/assert";
import { ZERO_UUID } from "../../src/bytes/uuid.ts";
import type { Connection } from "../../src/client/connection.ts";
import { DescribeConfigs } from "../../src/protocol/messages/describe_configs.ts";
import { DescribeProducers } from "../../src/protocol/messages/describe_producers.ts";
import { GetTelemetrySubscriptions } from "../../src/protocol/messages/get_telemetry_subscriptions.ts";
import { IncrementalAlterConfigs } from "../../src/protocol/messages/incremental_alter_configs.ts";
import { PushTelemetry } from "../../src/protocol/messages/push_telemetry.ts";
import { gauge, metricsData } from "../../src/testing/otlp.ts";
import { compress, CompressionType } from "../../src/protocol/records/compression.ts";
import { append, batchOf, produce } from "./calls.ts";
import { TestBroker, withDirectory } from "./harness.ts";

const TOPIC = 2, BROKER = 4, CLIENT_METRICS = 16;
const MESSAGE_TOO_LARGE = 10;

async function set(
  connection: Connection,
  resourceType: number,
  resourceName: string,
  configs: Readonly<Record<string, string>>,
): Promise<void> {
  const { responses: [{ errorMessage }] } = await connection.request(IncrementalAlterConfigs, 1, {
    resources: [{
      resourceType,
      resourceName,
      configs: Object.entries(configs).map(([name, value]) => ({
        name,
        configOperation: 0,
        value,
      })),
    }],
  });
  assertEquals(errorMessage, null);
}

async function shown(
  connection: Connection,
  resourceType: number,
  resourceName: string,
  name: string,
): Promise<[value: string | null, source: number]> {
  const { results: [{ configs: [config] }] } = await connection.request(DescribeConfigs, 4, {
    resources: [{ resourceType, resourceName, configurationKeys: [name] }],
  });
  return [config.value, config.configSource];
}

Deno.test("An altered topic config counts for the next batch, and one of the cluster for topics that set none", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  for (const topic of ["a", "b"]) await broker.createTopic(topic);
  const large = async (topic: string) =>
    (await produce(connection, { topic, records: batchOf(["x".repeat(1000)]) })).errorCode;
  assertEquals([await large("a"), await large("b")], [0, 0]);
  await set(connection, TOPIC, "a", { "max.message.bytes": "500" });
  assertEquals([await large("a"), await large("b")], [MESSAGE_TOO_LARGE, 0]);
  await set(connection, BROKER, "", { "message.max.bytes": "600" });
  assertEquals([await large("a"), await large("b")], [MESSAGE_TOO_LARGE, MESSAGE_TOO_LARGE]);
  await set(connection, TOPIC, "b", { "max.message.bytes": "5000" });
  assertEquals([await large("a"), await large("b")], [MESSAGE_TOO_LARGE, 0]);
});

Deno.test("Altered configs are in force after a restart", async () => {
  await withDirectory(async (path) => {
    {
      await using broker = await TestBroker.start({ path });
      const connection = await broker.connect();
      await broker.createTopic("t");
      await set(connection, TOPIC, "t", { "max.message.bytes": "500" });
      await set(connection, BROKER, "", { "log.retention.ms": "777" });
      await set(connection, CLIENT_METRICS, "m", { "interval.ms": "1000" });
    }
    await using broker = await TestBroker.start({ path });
    const connection = await broker.connect();
    assertEquals(await shown(connection, TOPIC, "t", "max.message.bytes"), ["500", 1]);
    assertEquals(await shown(connection, TOPIC, "t", "retention.ms"), ["777", 3]);
    assertEquals(await shown(connection, CLIENT_METRICS, "m", "interval.ms"), ["1000", 7]);
    const records = batchOf(["x".repeat(1000)]);
    assertEquals((await produce(connection, { topic: "t", records })).errorCode, MESSAGE_TOO_LARGE);
  });
});

Deno.test("DescribeProducers tells who writes to a partition, and refuses what is not there", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  await broker.createTopic("t", { partitions: 2 });
  const first = { producerId: 7, producerEpoch: 2, baseSequence: 0 };
  await append(connection, "t", ["a", "b", "c"], { batch: first });
  const { topics } = await connection.request(DescribeProducers, 0, {
    topics: [
      { name: "t", partitionIndexes: [0, 1, 9] },
      { name: "no", partitionIndexes: [0] },
      { name: "a/b", partitionIndexes: [0] },
    ],
  });
  const partitions = topics.flatMap((topic) => topic.partitions);
  assertEquals(partitions.map((one) => one.errorCode), [0, 0, 3, 3, 17]);
  const [{ lastTimestamp, ...producer }] = partitions[0].activeProducers;
  assertEquals(producer, {
    producerId: 7,
    producerEpoch: 2,
    lastSequence: 2,
    coordinatorEpoch: -1,
    currentTxnStartOffset: -1,
  });
  assertEquals(lastTimestamp > 1_600_000_000_000, true);
  assertEquals(partitions[1].activeProducers, []);
});

Deno.test("What a client pushes of its own metrics is on /metrics", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  await set(connection, CLIENT_METRICS, "all", { "metrics": "*", "interval.ms": "100" });
  const subscription = await connection.request(GetTelemetrySubscriptions, 0, {
    clientInstanceId: ZERO_UUID,
  });
  assertEquals(subscription.requestedMetrics, ["*"]);
  const { clientInstanceId, subscriptionId } = subscription;
  const compressionType = CompressionType.zstd;
  const { errorCode } = await connection.request(PushTelemetry, 0, {
    clientInstanceId,
    subscriptionId,
    terminating: false,
    compressionType,
    metrics: compress(compressionType, metricsData([gauge("queue.size", 42, { topic: 't"' })])),
  });
  assertEquals(errorCode, 0);
  assertEquals(
    await broker.metric("client_metric", 'metric="queue.size",attributes="topic=t\\""'),
    42,
  );
  assertEquals(await broker.metric("client_telemetry_pushes_total"), 1);
});
