/**
 * Proves how topics come, grow and go: CreateTopics, CreatePartitions and DeleteTopics. What clients are told of them is
 * in metadata_test.ts.
 */
import { assert, assertEquals } from "@std/assert";
import { randomUuid, ZERO_UUID } from "../../src/bytes/uuid.ts";
import type { Connection } from "../../src/client/connection.ts";
import { CreatePartitions } from "../../src/protocol/messages/create_partitions.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { append, batchOf, produce, readAll } from "./calls.ts";
import { TestBroker } from "./harness.ts";

interface Wanted {
  readonly name: string;
  readonly numPartitions?: number;
  readonly replicationFactor?: number;
  readonly assignments?: readonly { partitionIndex: number; brokerIds: readonly number[] }[];
  readonly configs?: readonly { name: string; value: string | null }[];
}

async function create(
  connection: Connection,
  topics: readonly Wanted[],
  { version = 7, validateOnly = false } = {},
) {
  const { topics: answers } = await connection.request(CreateTopics, version, {
    topics: topics.map((topic) => ({
      numPartitions: 1,
      replicationFactor: 1,
      assignments: [],
      configs: [],
      ...topic,
    })),
    timeoutMs: 10_000,
    validateOnly,
  });
  return answers;
}

async function codeOf(connection: Connection, topic: Wanted): Promise<number> {
  return (await create(connection, [topic]))[0].errorCode;
}

async function names(connection: Connection): Promise<string[]> {
  const { topics } = await connection.request(Metadata, 12, { topics: null });
  return topics.map(({ name }) => name!).sort();
}

// ---- CreateTopics

Deno.test("every version of CreateTopics from 2 to 7 creates a topic that can be written to at once", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  for (let version = 2; version <= 7; version++) {
    const name = `v${version}`;
    const [answer] = await create(connection, [{ name, numPartitions: 3 }], { version });
    assertEquals([answer.name, answer.errorCode, answer.errorMessage], [name, 0, null]);
    if (version >= 5) assertEquals([answer.numPartitions, answer.replicationFactor], [3, 1]);
    assertEquals(answer.topicId === ZERO_UUID, version < 7);
    for (const partition of [0, 1, 2]) await append(connection, name, ["a"], { partition });
  }
  assertEquals(await names(connection), ["v2", "v3", "v4", "v5", "v6", "v7"]);
});

Deno.test("counts of -1 take the defaults, and the answer says what was set where", async () => {
  await using broker = await TestBroker.start({ topic: { "retention.ms": "5000" } });
  const connection = await broker.connect();
  const configs = [{ name: "max.message.bytes", value: "2000" }];
  const [topic] = await create(connection, [
    { name: "t", numPartitions: -1, replicationFactor: -1, configs },
  ]);
  assertEquals([topic.errorCode, topic.numPartitions, topic.replicationFactor], [0, 1, 1]);
  const set = new Map(topic.configs!.map((one) => [one.name, [one.value, one.configSource]]));
  assertEquals(set.get("max.message.bytes"), ["2000", 1], "the topic's own");
  assertEquals(set.get("retention.ms"), ["5000", 4], "of the broker's configuration");
  assertEquals(set.get("cleanup.policy"), ["delete", 5], "Kafka's default");
});

Deno.test("validateOnly says the same and creates nothing", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  const [good, bad] = await create(connection, [{ name: "t" }, { name: "a/b" }], {
    validateOnly: true,
  });
  assertEquals([good.errorCode, bad.errorCode], [0, 17]);
  assertEquals(await names(connection), []);
});

Deno.test("one bad topic does not hinder the others", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  const answers = await create(connection, [{ name: "a" }, { name: "" }, { name: "b" }]);
  assertEquals(
    answers.map(({ name, errorCode }) => [name, errorCode]),
    [["a", 0], ["", 17], ["b", 0]],
  );
  assertEquals(await names(connection), ["a", "b"]);
});

const badNames = ["../x", "a/b", "a\0b", "", ".", "..", "naïve", "a b", "x".repeat(250)];
for (const name of badNames) {
  Deno.test(`no topic is called ${JSON.stringify(name.slice(0, 10))}: 17 by CreateTopics and Metadata`, async () => {
    await using broker = await TestBroker.start();
    const connection = await broker.connect();
    assertEquals(await codeOf(connection, { name }), 17);
    const request = { topics: [{ name }], allowAutoTopicCreation: true };
    assertEquals((await connection.request(Metadata, 9, request)).topics[0].errorCode, 17);
    assertEquals(await names(connection), []);
  });
}

Deno.test("a name of 249 characters is well", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  const name = "x".repeat(249);
  assertEquals(await codeOf(connection, { name }), 0);
  await append(connection, name, ["a"]);
});

const refused: Record<string, { topic: Partial<Wanted>; code: number }> = {
  "that exists": { topic: { name: "here" }, code: 36 },
  "whose name collides with another's (a.b beside a_b)": { topic: { name: "a_b" }, code: 17 },
  "of 0 partitions": { topic: { numPartitions: 0 }, code: 37 },
  "of -2 partitions": { topic: { numPartitions: -2 }, code: 37 },
  "of 2147483647 partitions": { topic: { numPartitions: 2 ** 31 - 1 }, code: 44 },
  "of more partitions than limits.max_partitions": { topic: { numPartitions: 50 }, code: 44 },
  "of 2 replicas on one node": { topic: { replicationFactor: 2 }, code: 38 },
  "of 0 replicas": { topic: { replicationFactor: 0 }, code: 38 },
  "with an unknown config": { topic: { configs: [{ name: "no.such", value: "1" }] }, code: 40 },
  "with a config out of bounds": {
    topic: { configs: [{ name: "retention.ms", value: "-7" }] },
    code: 40,
  },
  "with a config that is no number": {
    topic: { configs: [{ name: "segment.bytes", value: "many" }] },
    code: 40,
  },
  "with a config of null": {
    topic: { configs: [{ name: "retention.ms", value: null }] },
    code: 40,
  },
  "assigned to a node that is not there": {
    topic: {
      numPartitions: -1,
      replicationFactor: -1,
      assignments: [{ partitionIndex: 0, brokerIds: [9] }],
    },
    code: 39,
  },
  "assigned with a partition left out": {
    topic: {
      numPartitions: -1,
      replicationFactor: -1,
      assignments: [{ partitionIndex: 1, brokerIds: [0] }],
    },
    code: 39,
  },
  "with an assignment and a count": {
    topic: { replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [0] }] },
    code: 42,
  },
};
for (const [name, { topic, code }] of Object.entries(refused)) {
  Deno.test(`CreateTopics of a topic ${name} is ${code}, and nothing changes`, async () => {
    await using broker = await TestBroker.start({ limits: { maxPartitions: 40 } });
    const connection = await broker.connect();
    await create(connection, [{ name: "here" }, { name: "a.b" }]);
    const [answer] = await create(connection, [{ name: "new", ...topic }]);
    assertEquals(answer.errorCode, code, `${answer.errorMessage}`);
    assert(answer.errorMessage !== null && answer.errorMessage.length > 10);
    assertEquals(await names(connection), ["a.b", "here"]);
  });
}

Deno.test("a topic that is named twice in a request is 42 and not created", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  const answers = await create(connection, [{ name: "t" }, { name: "u" }, { name: "t" }]);
  const codes = new Map(answers.map(({ name, errorCode }) => [name, errorCode]));
  assertEquals(codes, new Map([["u", 0], ["t", 42]]));
  assertEquals(await names(connection), ["u"]);
});

Deno.test("more partitions than one request may make are refused whole (44), however many topics they are of", async () => {
  await using broker = await TestBroker.start({ limits: { maxPartitions: 1_000_000 } });
  const connection = await broker.connect();
  const topics = Array.from({ length: 10_001 }, (_, i) => ({ name: `t${i}` }));
  const codes = new Set((await create(connection, topics)).map(({ errorCode }) => errorCode));
  assertEquals([...codes], [44]);
  assertEquals(await names(connection), []);
  assertEquals(await codeOf(connection, { name: "t0" }), 0);
});

Deno.test("asking for many unknown topics at once creates none when they are too many, and answers each", async () => {
  await using broker = await TestBroker.start({ limits: { maxPartitions: 100 } });
  const connection = await broker.connect();
  const topics = Array.from({ length: 5000 }, (_, i) => ({ name: `t${i}` }));
  const answer = await connection.request(Metadata, 9, { topics, allowAutoTopicCreation: true });
  assertEquals(answer.topics.length, 5000);
  assert(
    answer.topics.every(({ errorCode, partitions }) => errorCode !== 0 && partitions.length === 0),
  );
  assertEquals(await names(connection), []);
});

Deno.test("partitions may be assigned to this node by hand, in any order", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  const assignments = [1, 0].map((partitionIndex) => ({ partitionIndex, brokerIds: [0] }));
  const topic = { name: "t", numPartitions: -1, replicationFactor: -1, assignments };
  const [answer] = await create(connection, [topic]);
  assertEquals([answer.errorCode, answer.numPartitions, answer.replicationFactor], [0, 2, 1]);
  await append(connection, "t", ["a"], { partition: 1 });
});

Deno.test("of two requests for one name at the same time one wins and the other is told 36", async () => {
  await using broker = await TestBroker.start();
  const first = await broker.connect(), second = await broker.connect();
  const codes = await Promise.all([
    codeOf(first, { name: "t" }),
    codeOf(second, { name: "t" }),
    codeOf(first, { name: "t" }),
  ]);
  assertEquals(codes.toSorted(), [0, 36, 36]);
});

// ---- CreatePartitions

async function grow(connection: Connection, name: string, count: number, more = {}) {
  const { results } = await connection.request(CreatePartitions, 3, {
    topics: [{ name, count, assignments: null, ...more }],
    timeoutMs: 1000,
    validateOnly: false,
  });
  return results[0].errorCode;
}

async function partitionsOf(connection: Connection, name: string): Promise<number> {
  const { topics } = await connection.request(Metadata, 9, { topics: [{ name }] });
  return topics[0].partitions.length;
}

Deno.test("CreatePartitions adds partitions that can be written to at once, and keeps the old ones", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  await append(connection, "t", ["old"]);
  assertEquals(await grow(connection, "t", 3), 0);
  await append(connection, "t", ["new"], { partition: 2 });
  assertEquals(await readAll(connection, "t"), ["old"]);
  assertEquals(await readAll(connection, "t", 2), ["new"]);
});

Deno.test("CreatePartitions: not more than there are 37, too many 44, unknown 3, bad assignment 39; nothing changes", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { partitions: 3 });
  const connection = await broker.connect();
  for (const count of [3, 2, 0, -1]) assertEquals(await grow(connection, "t", count), 37);
  for (const count of [10_004, 5_000_000, 2 ** 31 - 1]) {
    assertEquals(await grow(connection, "t", count), 44);
  }
  assertEquals(await grow(connection, "none", 3), 3);
  assertEquals(await grow(connection, "t", 4, { assignments: [{ brokerIds: [7] }] }), 39);
  assertEquals(await grow(connection, "t", 5, { assignments: [{ brokerIds: [0] }] }), 39);
  assertEquals(await partitionsOf(connection, "t"), 3);
});

Deno.test("CreatePartitions with validateOnly adds nothing", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  const topics = [{ name: "t", count: 4, assignments: null }];
  const request = { topics, timeoutMs: 1000, validateOnly: true };
  assertEquals((await connection.request(CreatePartitions, 3, request)).results[0].errorCode, 0);
  assertEquals(await partitionsOf(connection, "t"), 1);
});

// ---- DeleteTopics

Deno.test("DeleteTopics deletes by name in every version, and by id in version 6", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  for (let version = 1; version <= 5; version++) {
    await broker.createTopic("t");
    const request = { topicNames: ["t"], timeoutMs: 1000 };
    const { responses } = await connection.request(DeleteTopics, version, request);
    assertEquals(responses.map(({ name, errorCode }) => [name, errorCode]), [["t", 0]]);
    assertEquals(await names(connection), []);
  }
  const topicId = await broker.createTopic("t");
  const request = { topics: [{ name: null, topicId }], timeoutMs: 1000 };
  const { responses: [deleted] } = await connection.request(DeleteTopics, 6, request);
  assertEquals([deleted.name, deleted.topicId, deleted.errorCode], ["t", topicId, 0]);
  const { responses: [again] } = await connection.request(DeleteTopics, 6, request);
  assertEquals([again.name, again.errorCode], [null, 100]);
});

Deno.test("DeleteTopics: unknown names are 3, unknown ids 100, names and ids together or twice 42", async () => {
  await using broker = await TestBroker.start();
  const topicId = await broker.createTopic("t");
  const connection = await broker.connect();
  const remove = async (...topics: { name: string | null; topicId?: typeof topicId }[]) => {
    const { responses } = await connection.request(DeleteTopics, 6, { topics, timeoutMs: 1000 });
    return [...new Set(responses.map(({ errorCode }) => errorCode))];
  };
  assertEquals(await remove({ name: "none" }), [3]);
  assertEquals(await remove({ name: null, topicId: randomUuid() }), [100]);
  assertEquals(await remove({ name: "t", topicId }), [42]);
  assertEquals(await remove({ name: null }), [42]);
  assertEquals(await remove({ name: "t" }, { name: "t" }), [42]);
  assertEquals(await names(connection), ["t"]);
});

Deno.test("a topic made again under its old name has another id, and nothing of the old one", async () => {
  await using broker = await TestBroker.start();
  const oldId = await broker.createTopic("t");
  const connection = await broker.connect();
  const producer = { producerId: 5, producerEpoch: 7 };
  await append(connection, "t", ["old"], { batch: { ...producer, baseSequence: 0 } });
  await connection.request(DeleteTopics, 6, { topics: [{ name: "t" }], timeoutMs: 1000 });
  assert(await broker.createTopic("t") !== oldId);
  assertEquals(await readAll(connection, "t"), []);
  const records = batchOf(["new"], { producerId: 5, producerEpoch: 0, baseSequence: 3 });
  const { errorCode, baseOffset } = await produce(connection, { topic: "t", records });
  assertEquals([errorCode, baseOffset], [0, 0], "its producers are forgotten");
  const stale = { topic: oldId, records: batchOf(["x"]) };
  assertEquals((await produce(connection, stale, 13)).errorCode, 100);
});
