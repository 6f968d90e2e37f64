/**
 * The handlers of topics, cluster and producer ids: each answer goes through the codec in every version served, over a
 * metadata log in memory. Codes and shapes are those a Kafka 4.4.0 was seen to give.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { type Uuid, ZERO_UUID } from "../bytes/uuid.ts";
import { type Config, defaultConfig } from "../config/options.ts";
import { CreatePartitions } from "../protocol/messages/create_partitions.ts";
import { CreateTopics } from "../protocol/messages/create_topics.ts";
import { DeleteTopics } from "../protocol/messages/delete_topics.ts";
import { DescribeCluster } from "../protocol/messages/describe_cluster.ts";
import { DescribeConfigs } from "../protocol/messages/describe_configs.ts";
import { DescribeTopicPartitions } from "../protocol/messages/describe_topic_partitions.ts";
import { IncrementalAlterConfigs } from "../protocol/messages/incremental_alter_configs.ts";
import { InitProducerId } from "../protocol/messages/init_producer_id.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import { adminFixture, ask, everyVersion } from "../testing/admin.ts";

const UNKNOWN = "SOMEsomeSOMEsomeSOMEsA" as Uuid;

Deno.test("CreateTopics creates in every version, and tells the configs from version 5 on", async () => {
  const { handlers, catalogue } = await adminFixture();
  await everyVersion(handlers.createTopics, async (version) => {
    const configs = [{ name: "retention.ms", value: "5" }];
    const topic = { name: `t${version}`, numPartitions: 3, replicationFactor: 1, configs };
    const { topics } = await ask(handlers.createTopics, CreateTopics, version, { topics: [topic] });
    assertEquals(topics[0].errorCode, 0);
    assertEquals(catalogue.topic(topic.name)!.partitions.length, 3);
    if (version < 5) return;
    const shown = topics[0].configs!.map(({ name, value, configSource }) =>
      `${name}=${value} ${configSource}`
    );
    assertEquals(shown.length, 37);
    assertEquals(shown.filter((text) => /^(retention.ms|min.insync|cleanup)/.test(text)), [
      "cleanup.policy=delete 5",
      "min.insync.replicas=1 3",
      "retention.ms=5 1",
    ]);
    assertEquals(topics[0].topicId, version < 7 ? ZERO_UUID : catalogue.topic(topic.name)!.id);
  });
});

Deno.test("validateOnly answers as if, and creates nothing", async () => {
  const { handlers, catalogue } = await adminFixture();
  const topics = [{ name: "t", numPartitions: 1, replicationFactor: 1 }];
  const made = await ask(handlers.createTopics, CreateTopics, 7, { topics, validateOnly: true });
  assertEquals([made.topics[0].errorCode, made.topics[0].numPartitions], [0, 1]);
  assertEquals(catalogue.topics(), []);
});

Deno.test("DeleteTopics deletes by name in every version and by id from version 6 on", async () => {
  const { handlers, fixture, catalogue } = await adminFixture();
  await everyVersion(handlers.deleteTopics, async (version) => {
    await fixture.create("t");
    const request = version < 6
      ? { topicNames: ["t", "no"] }
      : { topics: [{ name: null, topicId: catalogue.topic("t")!.id }, { name: "no" }] };
    const { responses } = await ask(handlers.deleteTopics, DeleteTopics, version, request);
    assertEquals(responses.map(({ name, errorCode }) => [name, errorCode]), [["t", 0], ["no", 3]]);
    assertEquals(catalogue.topics(), []);
  });
});

Deno.test("CreatePartitions grows a topic in every version", async () => {
  const { handlers, fixture, catalogue } = await adminFixture();
  await fixture.create("t");
  await everyVersion(handlers.createPartitions, async (version) => {
    const grow = (validateOnly: boolean) =>
      ask(handlers.createPartitions, CreatePartitions, version, {
        topics: [{ name: "t", count: version + 2, assignments: null }],
        validateOnly,
      });
    assertEquals((await grow(true)).results[0].errorCode, 0);
    assertEquals(catalogue.topic("t")!.partitions.length, version + 1);
    assertEquals((await grow(false)).results[0].errorCode, 0);
    assertEquals(catalogue.topic("t")!.partitions.length, version + 2);
  });
});

Deno.test("Metadata tells all topics, some and none in every version", async () => {
  const { handlers, fixture, catalogue } = await adminFixture();
  await fixture.create("b", 2);
  await fixture.create("a");
  await everyVersion(handlers.metadata, async (version) => {
    const names = async (topics: { name: string }[] | null) =>
      (await ask(handlers.metadata, Metadata, version, { topics })).topics.map(({ name }) => name);
    assertEquals(await names(version === 0 ? [] : null), ["a", "b"]);
    assertEquals(await names([{ name: "b" }]), ["b"]);
    if (version > 0) assertEquals(await names([]), []);
  });
  const answer = await ask(handlers.metadata, Metadata, 13, {
    topics: [{ name: "b" }],
    includeTopicAuthorizedOperations: true,
  });
  assertEquals(answer.brokers, [{ nodeId: 3, host: "127.0.0.1", port: 9092, rack: null }]);
  assertEquals([answer.controllerId, answer.clusterId], [3, "4L6g3nShT-eMCtK--X86sw"]);
  assertEquals(answer.topics[0].topicAuthorizedOperations, 3576);
  assertEquals(answer.topics[0].topicId, catalogue.topic("b")!.id);
  assertEquals(answer.topics[0].partitions[1], {
    errorCode: 0,
    partitionIndex: 1,
    leaderId: 3,
    leaderEpoch: 0,
    replicaNodes: [3],
    isrNodes: [3],
    offlineReplicas: [],
  });
});

Deno.test("Metadata tells a topic once that is named over and over, by name or by id, as Kafka does", async () => {
  const { handlers, fixture } = await adminFixture();
  await fixture.create("t", 3);
  const { id: topicId } = fixture.catalogue.topic("t")!;
  for (const topic of [{ name: "t" }, { name: null, topicId }]) {
    const { topics } = await ask(handlers.metadata, Metadata, 13, {
      topics: Array(1000).fill(topic),
    });
    assertEquals(topics.map(({ name, partitions }) => [name, partitions.length]), [["t", 3]]);
  }
});

Deno.test("Metadata creates an unknown topic only where client and broker allow it", async () => {
  for (const broker of [true, false]) {
    for (const client of [true, false]) {
      const { handlers, catalogue } = await adminFixture({ autoCreateTopics: broker });
      const { topics: [topic] } = await ask(handlers.metadata, Metadata, 12, {
        topics: [{ name: "new" }],
        allowAutoTopicCreation: client,
      });
      const isCreated = broker && client;
      assertEquals([topic.errorCode, topic.partitions.length], isCreated ? [0, 2] : [3, 0]);
      assertEquals(catalogue.topic("new") !== undefined, isCreated);
    }
  }
});

Deno.test("Metadata refuses bad names, unknown ids, and ids before version 12; what would collide is unknown", async () => {
  const { handlers, fixture, catalogue } = await adminFixture();
  await fixture.create("a.b");
  const codes = async (version: number, topics: { name?: string | null; topicId?: Uuid }[]) =>
    (await ask(handlers.metadata, Metadata, version, { topics })).topics.map((t) => t.errorCode);
  assertEquals(await codes(12, [{ name: "a/b" }, { name: "" }]), [17, 17]);
  assertEquals(await codes(12, [{ name: "a_b" }]), [3]); // collides, so that it is not made
  const topicId = catalogue.topic("a.b")!.id;
  assertEquals(
    await codes(12, [{ name: null, topicId }, { name: null, topicId: UNKNOWN }]),
    [0, 100],
  );
  assertEquals(await codes(11, [{ name: null, topicId }]), [42]);
  assertEquals(await codes(12, [{ name: "__transaction_state" }]), [3]);
});

Deno.test("DescribeCluster tells brokers and controller in every version", async () => {
  const { handlers } = await adminFixture();
  await everyVersion(handlers.describeCluster, async (version) => {
    const answer = await ask(handlers.describeCluster, DescribeCluster, version, {
      includeClusterAuthorizedOperations: true,
      includeFencedBrokers: version >= 2,
    });
    assertEquals(answer.brokers.map(({ brokerId, port }) => [brokerId, port]), [[3, 9092]]);
    assertEquals([answer.controllerId, answer.clusterAuthorizedOperations], [3, 8096]);
  });
  for (const [endpointType, errorCode] of [[2, 114], [7, 115]]) {
    const answer = await ask(handlers.describeCluster, DescribeCluster, 1, { endpointType });
    assertEquals([answer.errorCode, answer.brokers], [errorCode, []]);
  }
});

Deno.test("DescribeTopicPartitions goes through all partitions page by page", async () => {
  const { handlers, fixture } = await adminFixture();
  for (const name of ["b", "a"]) await fixture.create(name, 3);
  const seen: string[] = [];
  type Cursor = { topicName: string; partitionIndex: number } | null;
  let cursor: Cursor = null;
  let pages = 0;
  const nextPage = (from: Cursor) =>
    ask(handlers.describeTopicPartitions, DescribeTopicPartitions, 0, {
      responsePartitionLimit: 2,
      cursor: from,
    });
  do {
    const page: Awaited<ReturnType<typeof nextPage>> = await nextPage(cursor);
    for (const { name, partitions } of page.topics) {
      for (const { partitionIndex } of partitions) seen.push(`${name}${partitionIndex}`);
    }
    cursor = page.nextCursor;
    pages++;
  } while (cursor !== null);
  assertEquals(seen, ["a0", "a1", "a2", "b0", "b1", "b2"]);
  assertEquals(pages, 3);
});

Deno.test("DescribeTopicPartitions refuses a cursor that cannot be", async () => {
  const { handlers, fixture } = await adminFixture();
  await fixture.create("a");
  const codes = async (topics: string[], topicName: string, partitionIndex: number) => {
    const answer = await ask(handlers.describeTopicPartitions, DescribeTopicPartitions, 0, {
      topics: topics.map((name) => ({ name })),
      cursor: { topicName, partitionIndex },
    });
    return answer.topics.map((topic) => topic.errorCode);
  };
  assertEquals(await codes(["a"], "a", -1), [42]);
  assertEquals(await codes(["a", "c"], "b", 0), [42, 42]);
  assertEquals(await codes(["a", "b/c", "x"], "a", 0), [0, 17, 3]);
});

Deno.test("a change that takes more than a batch of the metadata log may is refused, and the next one is made", async () => {
  const { handlers } = await adminFixture();
  const value = Array.from({ length: 2200 }, (_, i) => `org.metric${i}`).join(","); // 32 KB
  const subscriptions = (count: number) => ({
    resources: Array.from({ length: count }, (_, i) => ({
      resourceType: 16,
      resourceName: `s${i}`,
      configs: [{ name: "metrics", configOperation: 0, value }],
    })),
  });
  const altered = async (count: number) => {
    const handler = handlers.incrementalAlterConfigs;
    const { responses } = await ask(handler, IncrementalAlterConfigs, 1, subscriptions(count));
    return [responses.length, responses[0].errorCode, responses[count - 1].errorMessage];
  };
  const [count, code, message] = await altered(300);
  assertEquals([count, code], [300, 44]);
  assertMatch(String(message), /^Unable to perform excessively large batch operation: 300 /);
  assertEquals(await altered(200), [200, 0, null]);
});

Deno.test("DescribeConfigs tells a topic's configs in every version, from wherever they are", async () => {
  const config = {
    ...defaultConfig(),
    topicSet: new Map([["segment.bytes", "2000000"]]),
  };
  const { handlers, fixture } = await adminFixture({ config });
  await fixture.create("t", 1, { "retention.ms": "5" });
  await everyVersion(handlers.describeConfigs, async (version) => {
    const { results: [result] } = await ask(handlers.describeConfigs, DescribeConfigs, version, {
      resources: [{ resourceType: 2, resourceName: "t", configurationKeys: null }],
      includeSynonyms: true,
      includeDocumentation: version >= 3,
    });
    assertEquals([result.errorCode, result.configs.length], [0, 37]);
    const shown = (name: string) => {
      const { value, configSource, synonyms } = result.configs.find((one) => one.name === name)!;
      return [value, configSource, ...synonyms.map((one) => `${one.name} ${one.source}`)];
    };
    assertEquals(shown("retention.ms"), ["5", 1, "retention.ms 1"]);
    assertEquals(shown("segment.bytes"), [
      "2000000",
      4,
      "log.segment.bytes 4",
      "log.segment.bytes 5",
    ]);
    assertEquals(shown("min.insync.replicas"), [
      "1",
      3,
      "min.insync.replicas 3",
      "min.insync.replicas 5",
    ]);
    assertEquals(shown("segment.ms"), ["604800000", 5]);
  });
});

Deno.test("DescribeConfigs tells the broker's options under Kafka's names, and no secret", async () => {
  const config = { ...defaultConfig(), numPartitions: 7 };
  const { handlers } = await adminFixture({ config });
  const { results: [broker] } = await ask(handlers.describeConfigs, DescribeConfigs, 4, {
    resources: [{ resourceType: 4, resourceName: "3", configurationKeys: null }],
    includeDocumentation: true,
  });
  const shown = (name: string) => {
    const found = broker.configs.find((one) => one.name === name)!;
    return [found.value, found.configSource, found.readOnly, found.configType];
  };
  assertEquals(shown("num.partitions"), ["7", 4, true, 3]);
  assertEquals(shown("node.id"), ["3", 4, true, 3]);
  assertEquals(shown("listeners"), ["PLAINTEXT://127.0.0.1:9092", 5, true, 7]);
  assertEquals(shown("advertised.listeners"), [null, 5, true, 7]);
  assertEquals(shown("log.retention.check.interval.ms"), ["300000", 5, true, 5]);
  assertEquals(shown("group.consumer.assignors"), ["uniform,range", 5, true, 7]);
  assertEquals(shown("group.consumer.assignment.interval.ms"), ["1000", 5, false, 3]);
  assertEquals(shown("min.insync.replicas"), ["1", 3, false, 3]);
  assertEquals(shown("log.retention.ms"), [null, 5, false, 5]);
  assertEquals(shown("log.retention.minutes"), [null, 5, true, 3]);
  assertEquals(shown("log.retention.hours"), ["168", 5, true, 3]);
  assertEquals(broker.configs.some((one) => /password/.test(one.name)), false);
});

Deno.test("DescribeConfigs tells addresses as Kafka writes them, and no advertised one where none is set", async () => {
  const described = async (changes: Partial<Config>) => {
    const { handlers } = await adminFixture({ config: { ...defaultConfig(), ...changes } });
    const { results: [broker] } = await ask(handlers.describeConfigs, DescribeConfigs, 4, {
      resources: [{
        resourceType: 4,
        resourceName: "3",
        configurationKeys: ["advertised.listeners", "listeners"],
      }],
      includeSynonyms: true,
    });
    return broker.configs.toReversed().map(({ name, value, configSource, synonyms }) => [
      name,
      value,
      configSource,
      ...synonyms.map((one) => `${one.value} ${one.source}`),
    ]);
  };
  const usual = "PLAINTEXT://127.0.0.1:9092";
  assertEquals(await described({}), [
    ["listeners", usual, 5, `${usual} 5`],
    ["advertised.listeners", null, 5],
  ]);
  const anywhere = "PLAINTEXT://0.0.0.0:9092,PLAINTEXT://[::]:9092";
  assertEquals(await described({ listenAddresses: ["0.0.0.0", "::"] }), [
    ["listeners", anywhere, 4, `${anywhere} 4`, `${usual} 5`],
    ["advertised.listeners", null, 5],
  ]);
  const other = "PLAINTEXT://127.0.0.1:9192";
  assertEquals((await described({ kafkaPort: 9192 }))[0], [
    "listeners",
    other,
    4,
    `${other} 4`,
    `${usual} 5`,
  ]);
  for (
    const [advertisedAddress, shown] of [
      ["broker.example:1234", "PLAINTEXT://broker.example:1234"],
      ["broker.example", "PLAINTEXT://broker.example:9192"],
      ["[2001:db8::7]:99", "PLAINTEXT://[2001:db8::7]:99"],
    ]
  ) {
    const found = await described({ advertisedAddress, kafkaPort: 9192 });
    assertEquals(found[1], ["advertised.listeners", shown, 4, `${shown} 4`]);
  }
});

Deno.test("DescribeConfigs refuses what it does not have", async () => {
  const { handlers } = await adminFixture();
  const cases: [number, string, number][] = [
    [2, "no", 3],
    [2, "a/b", 17],
    [4, "9", 42],
    [4, "x", 42],
    [8, "3", 0],
    [8, "9", 42],
    [8, "", 42],
    [99, "", 42],
    [16, "", 42],
    [32, "", 42],
    [16, "m", 0],
    [4, "", 0],
  ];
  const { results } = await ask(handlers.describeConfigs, DescribeConfigs, 4, {
    resources: cases.map(([resourceType, resourceName]) => ({ resourceType, resourceName })),
  });
  assertEquals(results.map((result) => result.errorCode), cases.map(([, , code]) => code));
});

Deno.test("InitProducerId gives another id each time, in every version", async () => {
  const { handlers } = await adminFixture();
  const given: number[] = [];
  await everyVersion(handlers.initProducerId, async (version) => {
    const answer = await ask(handlers.initProducerId, InitProducerId, version, {
      transactionalId: null,
    });
    assertEquals([answer.errorCode, answer.producerEpoch], [0, 0]);
    given.push(answer.producerId);
  });
  assertEquals(given, [0, 1, 2, 3, 4, 5]);
});

Deno.test("InitProducerId refuses half of an identity, an empty id, and no timeout", async () => {
  const { handlers } = await adminFixture();
  const code = async (request: Record<string, unknown>) =>
    (await ask(handlers.initProducerId, InitProducerId, 5, { transactionalId: null, ...request }))
      .errorCode;
  assertEquals(await code({ producerId: 5 }), 42);
  assertEquals(await code({ producerEpoch: 5 }), 42);
  assertEquals(await code({ producerId: 5, producerEpoch: 5 }), 0);
  assertEquals(await code({ transactionalId: "" }), 42);
  assertEquals(await code({ transactionalId: "t" }), 50);
});
