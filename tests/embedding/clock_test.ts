// Proves that the deadlines of a broker fall due by its own clock when that is advanced, over the socket, and that a day
// costs no more than a moment: retention, compaction, sessions of groups, offsets, transactions, fetches, quotas, idle
// connections.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Connection } from "../../src/client/connection.ts";
import { AlterClientQuotas } from "../../src/protocol/messages/alter_client_quotas.ts";
import { ApiVersions } from "../../src/protocol/messages/api_versions.ts";
import { ConsumerGroupHeartbeat } from "../../src/protocol/messages/consumer_group_heartbeat.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { DescribeGroups } from "../../src/protocol/messages/describe_groups.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { Heartbeat } from "../../src/protocol/messages/heartbeat.ts";
import { JoinGroup } from "../../src/protocol/messages/join_group.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { OffsetFetch } from "../../src/protocol/messages/offset_fetch.ts";
import { Broker, Producer, TransactionalProducer, TransactionError } from "../../src/mod.ts";
import { append, EARLIEST, fetchOne, LATEST, listOffset, readAll } from "../broker/calls.ts";
import { Wire, within } from "../broker/harness.ts";

const SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS;

Deno.test("what is older than a topic's retention is deleted", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, { "retention.ms": `${7 * DAY_MS}` });
  await append(connection, "t", ["old"]);
  await broker.clock.advance(6 * DAY_MS);
  using again = await connect(broker); // the first was idle for days
  assertEquals((await listOffset(again, "t", EARLIEST)).offset, 0);
  const beganMs = performance.now();
  await broker.clock.advance(2 * DAY_MS);
  assert(performance.now() - beganMs < 2000);
  using last = await connect(broker);
  assertEquals((await listOffset(last, "t", EARLIEST)).offset, 1);
});

Deno.test("a compacted topic is compacted when its segments are due and the cleaner looks", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, {
    "cleanup.policy": "compact",
    "segment.ms": `${MINUTE_MS}`,
    "min.cleanable.dirty.ratio": "0.01",
  });
  await using producer = new Producer({ bootstrap: broker.address });
  const send = (value: string) =>
    producer.send({ topic: "t", key: "k", value, timestampMs: broker.clock.nowMs() });
  await send("1");
  await send("2");
  await broker.clock.advance(2 * MINUTE_MS);
  await send("3"); // into a new segment, by the time that it bears
  await broker.clock.advance(MINUTE_MS);
  assertEquals(await readAll(connection, "t"), ["2", "3"]);
});

Deno.test("a member of a classic group that is silent for its session is put out", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker);
  await findCoordinator(connection);
  const member = await join(broker, connection, "g", 30 * SECOND_MS);
  const beat = async () => (await connection.request(Heartbeat, 4, member)).errorCode;
  await broker.clock.advance(20 * SECOND_MS);
  assertEquals(await beat(), 0);
  await broker.clock.advance(31 * SECOND_MS);
  assertEquals(await beat(), 25);
  const { groups: [{ groupState }] } = await connection.request(DescribeGroups, 4, {
    groups: ["g"],
  });
  assertEquals(groupState, "Empty");
});

Deno.test("a member of a consumer group that is silent for its session is put out", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker);
  await findCoordinator(connection);
  const beat = (memberEpoch: number) =>
    connection.request(ConsumerGroupHeartbeat, 1, {
      groupId: "g",
      memberId: "AAECAwQFBgcICQoLDA0ODw",
      memberEpoch,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: ["t"],
      topicPartitions: [],
    });
  const { memberEpoch, errorCode } = await beat(0);
  assertEquals(errorCode, 0);
  await broker.clock.advance(44 * SECOND_MS);
  assertEquals((await beat(memberEpoch)).errorCode, 0);
  await broker.clock.advance(46 * SECOND_MS);
  assertEquals((await beat(memberEpoch)).errorCode, 25);
});

Deno.test("offsets of a group without members are forgotten after their retention", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker);
  await findCoordinator(connection);
  const answer = await connection.request(OffsetCommit, 9, {
    groupId: "g",
    topics: [{ name: "t", partitions: [{ partitionIndex: 0, committedOffset: 5n }] }],
  });
  assertEquals(answer.topics[0].partitions[0].errorCode, 0);
  const committed = async () => {
    using connection = await connect(broker);
    const topics = [{ name: "t", partitionIndexes: [0] }];
    const { groups } = await connection.request(OffsetFetch, 8, {
      groups: [{ groupId: "g", topics }],
    });
    return groups[0].topics[0].partitions[0].committedOffset;
  };
  await broker.clock.advance(6 * DAY_MS);
  assertEquals(await committed(), 5n);
  await broker.clock.advance(2 * DAY_MS);
  assertEquals(await committed(), -1n);
});

Deno.test("a transaction that is open beyond its timeout is aborted, and its producer is fenced", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker);
  const producer = new TransactionalProducer({ bootstrap: broker.address }, {
    transactionalId: "x",
    transactionTimeoutMs: MINUTE_MS,
  });
  await producer.init();
  producer.begin();
  await producer.send({ topic: "t", value: "never" });
  const stable = async () => (await fetchOne(connection, "t", 0)).lastStableOffset;
  assertEquals(await stable(), 0);
  await broker.clock.advance(MINUTE_MS + 15 * SECOND_MS);
  assertEquals(await stable(), 2); // the record and the marker that aborts it
  const error = await assertRejects(() => producer.commit(), TransactionError);
  assert(error.kind !== "again", error.kind);
  await producer.close().catch(() => {});
});

Deno.test("a fetch that waits for an hour is answered when that has passed", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker);
  using other = await connect(broker);
  const fetched = fetchOne(connection, "t", 0, { maxWaitMs: HOUR_MS });
  await listOffset(other, "t", LATEST); // the fetch has come
  assertEquals((await after(HOUR_MS, broker, fetched)).errorCode, 0);
});

Deno.test("a client over its quota is heard again when its pause has passed", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker);
  await connection.request(AlterClientQuotas, 1, {
    entries: [{
      entity: [{ entityType: "client-id", entityName: "test" }],
      ops: [{ key: "producer_byte_rate", value: 100, remove: false }],
    }],
    validateOnly: false,
  });
  await append(connection, "t", ["x".repeat(10_000)]);
  const next = connection.request(ApiVersions, 0, {});
  const isHeld = await Promise.race([
    next.then(() => false),
    new Promise((resolve) => setTimeout(() => resolve(true), 100)),
  ]);
  assertEquals(isHeld, true);
  await broker.clock.advance(5 * MINUTE_MS);
  await within(next, "the answer");
});

Deno.test("a connection on which nothing is asked is closed when it was idle for long enough", async () => {
  await using broker = await Broker.start();
  const [hostname, port] = broker.address.split(":");
  const wire = new Wire(await Deno.connect({ hostname, port: Number(port) }));
  await wire.send(ApiVersions, 0, {});
  await wire.answer(ApiVersions, 0);
  await broker.clock.advance(HOUR_MS);
  assertEquals(await within(wire.frame(), "the end"), null);
  wire.close();
});

Deno.test("records that the broker stamps have the time of its clock", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, { "message.timestamp.type": "LogAppendTime" });
  await broker.clock.advance(2 * MINUTE_MS);
  const atMs = broker.clock.nowMs();
  await append(connection, "t", ["x"]);
  const { timestamp } = await listOffset(connection, "t", -3);
  assert(Math.abs(Number(timestamp) - atMs) < MINUTE_MS, `${timestamp} at ${atMs}`);
  assert(Number(timestamp) - Date.now() > MINUTE_MS);
});

/** Its topic is made when it is looked for first. */
async function findCoordinator(connection: Connection): Promise<void> {
  for (;;) {
    const { coordinators: [{ errorCode }] } = await connection.request(FindCoordinator, 4, {
      keyType: 0,
      coordinatorKeys: ["g"],
    });
    if (errorCode === 0) return;
  }
}

async function join(
  broker: Broker,
  connection: Connection,
  groupId: string,
  sessionTimeoutMs: number,
) {
  const request = {
    groupId,
    sessionTimeoutMs,
    rebalanceTimeoutMs: 60_000,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: new Uint8Array(0) }],
  };
  const first = await connection.request(JoinGroup, 5, { ...request, memberId: "" });
  const joined = connection.request(JoinGroup, 5, { ...request, memberId: first.memberId });
  // The first member waits for others.
  const { memberId, generationId, errorCode } = await after(3 * SECOND_MS, broker, joined);
  assertEquals(errorCode, 0);
  return { groupId, memberId, generationId };
}

/** What is answered once so much time has passed since the request came: more, where it had not when that was advanced. */
async function after<T>(ms: number, broker: Broker, answer: Promise<T>): Promise<T> {
  let isAnswered = false;
  answer.then(() => isAnswered = true, () => isAnswered = true);
  for (let tries = 0; !isAnswered && tries < 100; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20)); // it has come
    await broker.clock.advance(ms);
    for (let i = 0; !isAnswered && i < 20; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  return await within(answer, "the answer");
}

/** A connection; with configs topic "t" is made, with none where it is not there. */
async function connect(
  broker: Broker,
  configs: Readonly<Record<string, string>> = {},
): Promise<Connection & Disposable> {
  const [host, port] = broker.address.split(":");
  const connection = await Connection.open({ host, port: Number(port), clientId: "test" });
  await connection.request(CreateTopics, 7, {
    topics: [{
      name: "t",
      numPartitions: 1,
      replicationFactor: 1,
      assignments: [],
      configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
    }],
  });
  return Object.assign(connection, { [Symbol.dispose]: () => connection.close() });
}
