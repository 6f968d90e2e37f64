/**
 * Proves what clients are told of topics, configs, the node and its directory: Metadata, DescribeTopicPartitions,
 * DescribeConfigs, IncrementalAlterConfigs, DescribeCluster and DescribeLogDirs.
 */
import { assertEquals } from "@std/assert";
import { randomUuid, ZERO_UUID } from "../../src/bytes/uuid.ts";
import type { Connection } from "../../src/client/connection.ts";
import { DescribeCluster } from "../../src/protocol/messages/describe_cluster.ts";
import { DescribeConfigs } from "../../src/protocol/messages/describe_configs.ts";
import { DescribeLogDirs } from "../../src/protocol/messages/describe_log_dirs.ts";
import { DescribeTopicPartitions } from "../../src/protocol/messages/describe_topic_partitions.ts";
import { IncrementalAlterConfigs } from "../../src/protocol/messages/incremental_alter_configs.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import type { Decoded } from "../../src/protocol/schema.ts";
import { append, batchOf, produce } from "./calls.ts";
import { TestBroker, withDirectory } from "./harness.ts";

async function names(connection: Connection): Promise<string[]> {
  const { topics } = await connection.request(Metadata, 12, { topics: null });
  return topics.map(({ name }) => name!).sort();
}

// ---- Metadata

Deno.test("every version of Metadata from 0 to 13 tells where a topic's partitions are", async () => {
  await using broker = await TestBroker.start();
  const topicId = await broker.createTopic("t", { partitions: 2 });
  const connection = await broker.connect();
  for (let version = 0; version <= 13; version++) {
    const answer = await connection.request(Metadata, version, { topics: [{ name: "t" }] });
    const { nodeId, host, port } = answer.brokers[0];
    assertEquals([nodeId, host, port], [0, "127.0.0.1", broker.port]);
    if (version >= 1) assertEquals(answer.controllerId, 0);
    if (version >= 2) assertEquals(answer.clusterId!.length, 22);
    const [topic] = answer.topics;
    assertEquals([topic.errorCode, topic.name, topic.isInternal], [0, "t", false]);
    assertEquals(topic.topicId, version >= 10 ? topicId : ZERO_UUID);
    const partitions = topic.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex);
    for (const [index, partition] of partitions.entries()) {
      const { partitionIndex, leaderId, leaderEpoch, replicaNodes, isrNodes } = partition;
      assertEquals([partitionIndex, leaderId, leaderEpoch], [index, 0, version >= 7 ? 0 : -1]);
      assertEquals([replicaNodes, isrNodes, partition.offlineReplicas], [[0], [0], []]);
    }
    assertEquals(partitions.length, 2);
  }
});

Deno.test("Metadata: null asks for all topics, an empty list for none, which in version 0 is all", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("a");
  await broker.createTopic("b");
  const connection = await broker.connect();
  const ask = async (version: number, topics: [] | null) => {
    return (await connection.request(Metadata, version, { topics })).topics.map(({ name }) => name);
  };
  assertEquals((await ask(0, [])).sort(), ["a", "b"]);
  for (const version of [1, 8, 13]) {
    assertEquals((await ask(version, null)).sort(), ["a", "b"]);
    assertEquals(await ask(version, []), []);
  }
});

Deno.test("Metadata by id: 100 for one that is not there, without a name", async () => {
  await using broker = await TestBroker.start();
  const topicId = await broker.createTopic("t");
  const connection = await broker.connect();
  const asked = [topicId, randomUuid()].map((topicId) => ({ topicId, name: null }));
  const { topics } = await connection.request(Metadata, 12, { topics: asked });
  const answers = new Map(
    topics.map(({ topicId, name, errorCode }) => [topicId, [name, errorCode]]),
  );
  assertEquals(answers.get(topicId), ["t", 0]);
  assertEquals(answers.get(asked[1].topicId), [null, 100]);
});

Deno.test("asking for an unknown topic creates it when client and broker both allow it", async () => {
  for (const [broker, client] of [[true, true], [true, false], [false, true]]) {
    await using running = await TestBroker.start({ autoCreateTopics: broker });
    const connection = await running.connect();
    const request = { topics: [{ name: "t" }], allowAutoTopicCreation: client };
    await connection.request(Metadata, 9, request);
    assertEquals(await names(connection), broker && client ? ["t"] : []);
    if (broker && client) await append(connection, "t", ["a"]);
  }
});

Deno.test("authorized operations are told when they are asked for", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  const topics = [{ name: "t" }], none = -2147483648;
  const asked = await connection.request(Metadata, 8, {
    topics,
    includeTopicAuthorizedOperations: true,
    includeClusterAuthorizedOperations: true,
  });
  assertEquals(asked.topics[0].topicAuthorizedOperations, 3576);
  assertEquals(asked.clusterAuthorizedOperations, 8096);
  const not = await connection.request(Metadata, 8, { topics });
  assertEquals([not.topics[0].topicAuthorizedOperations, not.clusterAuthorizedOperations], [
    none,
    none,
  ]);
});

// ---- Configs

async function alter(connection: Connection, name: string, value: string | null, operation = SET) {
  const configs = [{ name, configOperation: operation, value }];
  const { responses } = await connection.request(IncrementalAlterConfigs, 1, {
    resources: [{ resourceType: 2, resourceName: "t", configs }],
    validateOnly: false,
  });
  return responses[0].errorCode;
}

const SET = 0, DELETE = 1;

Deno.test("a topic config that is altered has effect at once and after a restart, and can be taken back", () =>
  withDirectory(async (path) => {
    const send = async (broker: TestBroker) => {
      const call = { topic: "t", records: batchOf(["x".repeat(2000)]) };
      return (await produce(await broker.connect(), call)).errorCode;
    };
    {
      await using broker = await TestBroker.start({ path });
      await broker.createTopic("t");
      assertEquals(await send(broker), 0);
      assertEquals(await alter(await broker.connect(), "max.message.bytes", "1000"), 0);
      assertEquals(await send(broker), 10);
    }
    await using broker = await TestBroker.start({ path });
    assertEquals(await send(broker), 10);
    assertEquals(await alter(await broker.connect(), "max.message.bytes", null, DELETE), 0);
    assertEquals(await send(broker), 0);
  }));

Deno.test("altering configs: bad values are 40, unknown operations 42, and nothing changes", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  assertEquals(await alter(connection, "retention.ms", "soon"), 40);
  assertEquals(await alter(connection, "no.such", "1"), 40);
  assertEquals(await alter(connection, "retention.ms", "1", 9), 42);
  const resources = [{ resourceType: 2, resourceName: "t", configurationKeys: ["retention.ms"] }];
  const { results } = await connection.request(DescribeConfigs, 4, { resources });
  assertEquals(results[0].configs[0].value, "604800000");
});

// ---- The describing APIs

type Page = Decoded<typeof DescribeTopicPartitions.response>;

Deno.test("DescribeTopicPartitions pages through topics by name, a limit below 1 counting as 1", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("b", { partitions: 2 });
  await broker.createTopic("a");
  const connection = await broker.connect();
  const pages: (string | number)[][] = [];
  let cursor: { topicName: string; partitionIndex: number } | null = null;
  for (const responsePartitionLimit of [0, -1, 1]) {
    const request = { topics: [], responsePartitionLimit, cursor };
    const page: Page = await connection.request(DescribeTopicPartitions, 0, request);
    pages.push(
      page.topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex }) => `${name}-${partitionIndex}`)
      ),
    );
    cursor = page.nextCursor;
  }
  assertEquals(pages, [["a-0"], ["b-0"], ["b-1"]]);
  assertEquals(cursor, null);
});

Deno.test("DescribeConfigs tells a topic's configs with value and source; unknown topics 3, bad names 17", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { configs: { "max.message.bytes": "1234" } });
  const connection = await broker.connect();
  const ask = (resourceType: number, resourceName: string, keys: string[] | null = null) =>
    connection.request(DescribeConfigs, 4, {
      resources: [{ resourceType, resourceName, configurationKeys: keys }],
      includeSynonyms: true,
    });
  const { results: [topic] } = await ask(2, "t");
  const all = new Map(topic.configs.map((one) => [one.name, one]));
  const { value, configSource, synonyms } = all.get("max.message.bytes")!;
  assertEquals([value, configSource], ["1234", 1]);
  assertEquals(synonyms.map((one) => one.value), ["1234", "1048588"]);
  assertEquals(all.get("cleanup.policy")!.value, "delete");
  const { results: [few] } = await ask(2, "t", ["segment.bytes", "no.such"]);
  assertEquals(few.configs.map(({ name }) => name), ["segment.bytes"]);
  const { results: [same] } = await ask(2, "t", []);
  assertEquals(same.configs.length, topic.configs.length, "no keys ask for all");
  assertEquals((await ask(2, "none")).results[0].errorCode, 3);
  assertEquals((await ask(2, "a/b")).results[0].errorCode, 17);
  assertEquals((await ask(4, "0", ["node.id"])).results[0].configs[0].value, "0");
  assertEquals((await ask(4, "7")).results[0].errorCode, 42);
  assertEquals((await ask(99, "x")).results[0].errorCode, 42);
});

Deno.test("DescribeCluster names this node; a controller's endpoint is 114, an unknown kind 115", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  for (let version = 0; version <= 2; version++) {
    const answer = await connection.request(DescribeCluster, version, {});
    assertEquals([answer.errorCode, answer.controllerId], [0, 0]);
    const { brokerId, host, port } = answer.brokers[0];
    assertEquals([brokerId, host, port], [0, "127.0.0.1", broker.port]);
  }
  for (const [endpointType, code] of [[2, 114], [3, 115]]) {
    const { errorCode } = await connection.request(DescribeCluster, 1, { endpointType });
    assertEquals(errorCode, code);
  }
});

Deno.test("DescribeLogDirs tells the bytes of each partition, and leaves out what is not there", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { partitions: 2 });
  const connection = await broker.connect();
  const records = batchOf(["a"]);
  const size = records.length;
  await produce(connection, { topic: "t", partition: 1, records });
  for (let version = 1; version <= 4; version++) {
    const topics = [{ topic: "t", partitions: [0, 1, 9] }, { topic: "none", partitions: [0] }];
    const { results } = await connection.request(DescribeLogDirs, version, { topics });
    const told = results[0].topics.map(({ name, partitions }) => [
      name,
      partitions.map((one) => [one.partitionIndex, one.partitionSize]),
    ]);
    assertEquals(told, [["t", [[0, 0], [1, size]]]]);
  }
});
