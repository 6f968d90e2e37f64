/**
 * Small answers to administrators and groups, each as Apache Kafka 4.4.0 gave it when it was asked the same.
 */
import { assertEquals } from "@std/assert";
import type { Uuid } from "../../src/bytes/uuid.ts";
import { ApiVersions } from "../../src/protocol/messages/api_versions.ts";
import { ConsumerGroupDescribe } from "../../src/protocol/messages/consumer_group_describe.ts";
import { ConsumerGroupHeartbeat } from "../../src/protocol/messages/consumer_group_heartbeat.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { DescribeLogDirs } from "../../src/protocol/messages/describe_log_dirs.ts";
import { DescribeCluster } from "../../src/protocol/messages/describe_cluster.ts";
import { DescribeGroups } from "../../src/protocol/messages/describe_groups.ts";
import { DescribeTopicPartitions } from "../../src/protocol/messages/describe_topic_partitions.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { IncrementalAlterConfigs } from "../../src/protocol/messages/incremental_alter_configs.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { OffsetFetch } from "../../src/protocol/messages/offset_fetch.ts";
import { TestBroker } from "./harness.ts";

const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAAAQ" as Uuid,
  OTHER_UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAAAg" as Uuid;

Deno.test("a partition named twice in DescribeLogDirs is answered once", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { partitions: 2 });
  const connection = await broker.connect();
  const { results } = await connection.request(DescribeLogDirs, 4, {
    topics: [
      { topic: "t", partitions: [0, 0, 1, 0] },
      { topic: "t", partitions: [1] },
      { topic: "nosuch", partitions: [0] },
    ],
  });
  const found = results[0].topics.map(({ name, partitions }) => [
    name,
    partitions.map(({ partitionIndex }) => partitionIndex).sort(),
  ]);
  assertEquals(found, [["t", [0, 1]]]);
});

Deno.test("OffsetFetch 10 lists topics of unknown ids after the known ones", async () => {
  await using broker = await TestBroker.start();
  const id = await broker.createTopic("t");
  const connection = await broker.connect();
  await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
  const partitions = [{ partitionIndex: 0, committedOffset: 3n, committedMetadata: "" }];
  const credentials = { groupId: "g", generationIdOrMemberEpoch: -1, memberId: "" };
  await connection.request(OffsetCommit, 9, {
    ...credentials,
    topics: [{ name: "t", partitions }],
  });
  const { groups: [{ topics }] } = await connection.request(OffsetFetch, 10, {
    groups: [{
      groupId: "g",
      memberId: null,
      memberEpoch: -1,
      topics: [UNKNOWN_ID, id, OTHER_UNKNOWN_ID].map((topicId) => ({
        topicId,
        partitionIndexes: [0],
      })),
    }],
    requireStable: false,
  });
  const found = topics.map(({ topicId, partitions: [{ errorCode, committedOffset }] }) => [
    topicId,
    errorCode,
    committedOffset,
  ]);
  assertEquals(found, [[id, 0, 3n], [UNKNOWN_ID, 100, -1n], [OTHER_UNKNOWN_ID, 100, -1n]]);
});

Deno.test("telemetry is offered while a client metrics subscription asks for it", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  const offered = async () => {
    const ask = { clientSoftwareName: "test", clientSoftwareVersion: "1" };
    const { apiKeys } = await connection.request(ApiVersions, 3, ask);
    return apiKeys.map(({ apiKey }) => apiKey).filter((key) => key === 71 || key === 72);
  };
  const configure = async (value: string) => {
    const configs = [{ name: "metrics", configOperation: 0, value }];
    const resources = [{ resourceType: 16, resourceName: "all", configs }];
    const { responses } = await connection.request(IncrementalAlterConfigs, 1, { resources });
    assertEquals(responses[0].errorCode, 0);
  };
  assertEquals(await offered(), []);
  await configure("*");
  assertEquals(await offered(), [71, 72]);
  await configure("");
  assertEquals(await offered(), []);
});

Deno.test("without an authorizer everyone may do everything: all operations are shown to who asks", async () => {
  await using broker = await TestBroker.start();
  const id = await broker.createTopic("t");
  const connection = await broker.connect();
  const TOPIC = 3576, CLUSTER = 8096, GROUP = 3400, NOT_ASKED = -(2 ** 31);
  for (const asks of [true, false]) {
    const ofTopic = asks ? TOPIC : NOT_ASKED, ofCluster = asks ? CLUSTER : NOT_ASKED;
    const metadata = await connection.request(Metadata, 8, {
      topics: [{ name: "t" }, { name: "nosuch" }, { name: "b a d" }],
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: asks,
      includeTopicAuthorizedOperations: asks,
    });
    assertEquals(metadata.clusterAuthorizedOperations, ofCluster);
    const operations = metadata.topics.map((topic) => topic.topicAuthorizedOperations);
    assertEquals(operations, [ofTopic, ofTopic, ofTopic]);
    const byId = await connection.request(Metadata, 12, {
      topics: [{ name: null, topicId: id }, { name: null, topicId: UNKNOWN_ID }],
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: asks,
    });
    const found = byId.topics.map((topic) => topic.topicAuthorizedOperations);
    assertEquals(found, [ofTopic, NOT_ASKED]);
    const cluster = await connection.request(DescribeCluster, 1, {
      includeClusterAuthorizedOperations: asks,
    });
    assertEquals(cluster.clusterAuthorizedOperations, ofCluster);

    await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
    await connection.request(ConsumerGroupHeartbeat, 1, {
      groupId: "g",
      memberId: "m",
      memberEpoch: 0,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: ["t"],
      topicPartitions: [],
    });
    const consumers = await connection.request(ConsumerGroupDescribe, 1, {
      groupIds: ["g", "nosuch"],
      includeAuthorizedOperations: asks,
    });
    assertEquals(consumers.groups.map((group) => group.authorizedOperations), [
      asks ? GROUP : NOT_ASKED,
      NOT_ASKED,
    ]);
    for (const version of [5, 6]) {
      const { groups } = await connection.request(DescribeGroups, version, {
        groups: ["nosuch"],
        includeAuthorizedOperations: asks,
      });
      const shown = asks && version < 6 ? GROUP : NOT_ASKED; // from 6 on a group that is not there is an error
      assertEquals(groups[0].authorizedOperations, shown);
    }
  }
  const { topics } = await connection.request(DescribeTopicPartitions, 0, {
    topics: [{ name: "t" }, { name: "nosuch" }],
    responsePartitionLimit: 10,
  });
  assertEquals(topics.map((topic) => topic.topicAuthorizedOperations), [TOPIC, TOPIC]);
});

Deno.test("names that collide are made by one request, and not beside one that is there", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  const create = async (...names: string[]) => {
    const topics = names.map((name) => ({
      name,
      numPartitions: 1,
      replicationFactor: 1,
      assignments: [],
      configs: [],
    }));
    const created = await connection.request(CreateTopics, 7, { topics });
    return created.topics.map(({ name, errorCode }) => [name, errorCode]);
  };
  assertEquals(await create("x.y", "x_y"), [["x.y", 0], ["x_y", 0]]);
  assertEquals(await create("z.1"), [["z.1", 0]]);
  assertEquals(await create("z_1"), [["z_1", 17]]);
  // Asking for it does not make it: there simply is no such topic.
  const ask = { topics: [{ name: "z_1" }, { name: "b a d" }], allowAutoTopicCreation: true };
  const { topics } = await connection.request(Metadata, 9, ask);
  assertEquals(topics.map(({ name, errorCode }) => [name, errorCode]), [["z_1", 3], ["b a d", 17]]);
});
