// Proves that a fault which a program sets in its own broker strikes the requests it is about, of any client over the
// socket, with the right error in the right place, so often as was said; that what was not meant is served; and that one
// which never struck is told.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import kafkajs from "kafkajs";
import { Connection } from "../../src/client/connection.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { ListOffsets } from "../../src/protocol/messages/list_offsets.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { OffsetFetch } from "../../src/protocol/messages/offset_fetch.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import { Broker, Consumer, type FaultRule, Producer } from "../../src/mod.ts";
import {
  append,
  batchOf,
  fetch,
  fetchOne,
  LATEST,
  listOffset,
  produce,
  produceRequest,
  readAll,
  valuesIn,
} from "../broker/calls.ts";
import { Wire, within } from "../broker/harness.ts";

Deno.test("an error strikes so many requests, and the ones after it are served", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, ["t"]);
  const fault = broker.faults.next({ api: "Produce", errorCode: "NOT_ENOUGH_REPLICAS", count: 2 });
  const codes: number[] = [];
  for (let i = 0; i < 3; i++) {
    codes.push((await produce(connection, { topic: "t", records: batchOf([`${i}`]) })).errorCode);
  }
  assertEquals(codes, [19, 19, 0]);
  assertEquals(fault.fired, 2);
  broker.faults.assertAllFired();
  assertEquals(await readAll(connection, "t"), ["2"]); // what failed was not written
});

Deno.test("in every version of Produce the error stands with its partition, and the others are written", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, ["a", "b"]);
  const ids = await idsOf(connection, ["a", "b"]);
  for (let version = 3; version <= 13; version++) {
    broker.faults.next({ api: "Produce", topic: "a", errorCode: "MESSAGE_TOO_LARGE" });
    const of = (name: string) => version >= 13 ? { topicId: ids.get(name)! } : { name };
    const { responses } = await connection.request(Produce, version, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 1000,
      topicData: ["a", "b"].map((name) => ({
        ...of(name),
        partitionData: [{ index: 0, records: batchOf([`${version}`]) }],
      })),
    });
    const told = responses.map(({ name, topicId, partitionResponses: [one] }) => [
      version >= 13 ? topicId : name,
      one.errorCode,
      one.baseOffset,
    ]);
    const [a, b] = version >= 13 ? [ids.get("a"), ids.get("b")] : ["a", "b"];
    assertEquals(told, [[b, 0, version - 3], [a, 10, -1]], `v${version}`);
  }
  broker.faults.assertAllFired();
  assertEquals((await listOffset(connection, "a", LATEST)).offset, 0);
  assertEquals((await listOffset(connection, "b", LATEST)).offset, 11);
});

Deno.test("with acks=0 the only sign of an error is the end of the connection", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, ["t"]);
  broker.faults.next({ api: "Produce", errorCode: "CORRUPT_MESSAGE" });
  const wire = await wireTo(broker);
  await wire.send(Produce, 9, produceRequest(9, { topic: "t", acks: 0, records: batchOf(["x"]) }));
  assertEquals(await within(wire.frame(), "the end"), null);
  wire.close();
  assertEquals((await listOffset(connection, "t", LATEST)).offset, 0);
});

Deno.test("a fetch is answered with the error at once, within a session too, and goes on from where it was", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, ["a", "b"]);
  await append(connection, "b", ["1"]);
  const partitions = [{ partition: 0, fetchOffset: 0 }];
  const first = await fetch(connection, [{ topic: "a", partitions }, { topic: "b", partitions }], {
    sessionId: 0,
    sessionEpoch: 0,
  });
  assert(first.sessionId > 0);
  broker.faults.next({ api: "Fetch", topic: "a", errorCode: "NOT_LEADER_OR_FOLLOWER" });
  // Nothing is named: what it is about stands in the session.
  const struck = await within(
    fetch(connection, [{ topic: "b", partitions: [{ partition: 0, fetchOffset: 1 }] }], {
      sessionId: first.sessionId,
      sessionEpoch: 1,
      maxWaitMs: 60_000,
    }),
    "an answer without the wait",
  );
  assertEquals(
    struck.responses.map(({ topic, partitions: [{ errorCode }] }) => [topic, errorCode]),
    [["a", 6]],
  );
  await append(connection, "a", ["2"]);
  const next = await fetch(connection, [], { sessionId: first.sessionId, sessionEpoch: 2 });
  assertEquals(next.responses.map(({ topic }) => topic), ["a"]);
  assertEquals(valuesIn(next.responses[0].partitions[0].records), ["2"]);
  broker.faults.next({ api: "Fetch", errorCode: "INVALID_FETCH_SESSION_EPOCH" });
  const ofSession = await fetch(connection, [], { sessionId: first.sessionId, sessionEpoch: 3 });
  assertEquals([ofSession.errorCode, ofSession.responses.length], [71, 0]);
  broker.faults.assertAllFired();
});

Deno.test("in every version of Fetch the error stands with its partition, named as it was asked for", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, ["a", "b"]);
  await append(connection, "b", ["x"]);
  const ids = await idsOf(connection, ["a", "b"]);
  for (let version = 4; version <= 18; version++) {
    broker.faults.next({ api: "Fetch", topic: "a", errorCode: "UNKNOWN_LEADER_EPOCH" });
    const partitions = [{ partition: 0, fetchOffset: 0 }];
    const of = (name: string) => version >= 13 ? { topicId: ids.get(name)! } : { topic: name };
    const asked = ["b", "a"].map((name) => ({ ...of(name), partitions }));
    const { responses } = await fetch(connection, asked, { maxWaitMs: 60_000 }, version);
    const told = responses.map(({ topic, topicId, partitions: [one] }) => [
      version >= 13 ? topicId : topic,
      one.errorCode,
      one.highWatermark,
      ...valuesIn(one.records),
    ]);
    const [a, b] = version >= 13 ? [ids.get("a"), ids.get("b")] : ["a", "b"];
    assertEquals(told, [[b, 0, 1, "x"], [a, 75, -1]], `v${version}`);
  }
  broker.faults.assertAllFired();
});

Deno.test("a fetch that is struck in one partition brings the records of the others", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, ["t"], 2);
  await append(connection, "t", ["0"], { partition: 0 });
  await append(connection, "t", ["1"], { partition: 1 });
  broker.faults.next({ api: "Fetch", topic: "t", partition: 1, errorCode: "OFFSET_OUT_OF_RANGE" });
  const partitions = [{ partition: 0, fetchOffset: 0 }, { partition: 1, fetchOffset: 0 }];
  const { responses } = await fetch(connection, [{ topic: "t", partitions }]);
  const told = responses.flatMap(({ partitions }) => partitions)
    .map(({ partitionIndex, errorCode, records }) => [
      partitionIndex,
      errorCode,
      ...valuesIn(records),
    ]);
  assertEquals(told, [[0, 0, "0"], [1, 1]]);
});

Deno.test("errors stand where each API has them: by topic, by group, at the top", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, ["t"]);
  const fail = (rule: FaultRule) => broker.faults.next(rule);
  fail({ api: "Metadata", topic: "t", errorCode: "LEADER_NOT_AVAILABLE" });
  await connection.request(Metadata, 12, { topics: [] }); // about brokers alone: the fault is left
  const metadata = await connection.request(Metadata, 12, { topics: null });
  assertEquals([metadata.topics[0].errorCode, metadata.brokers.length], [5, 1]);
  fail({ api: "ListOffsets", topic: "t", errorCode: "UNKNOWN_LEADER_EPOCH" });
  const { topics: [{ partitions: [listed] }] } = await connection.request(ListOffsets, 7, {
    replicaId: -1,
    topics: [{ name: "t", partitions: [{ partitionIndex: 0, timestamp: -1n }] }],
  });
  assertEquals([listed.errorCode, listed.offset], [75, -1]);
  fail({ api: "FindCoordinator", errorCode: "COORDINATOR_NOT_AVAILABLE" });
  const found = await connection.request(FindCoordinator, 4, {
    keyType: 0,
    coordinatorKeys: ["g", "h"],
  });
  assertEquals(found.coordinators.map(({ key, errorCode }) => [key, errorCode]), [["g", 15], [
    "h",
    15,
  ]]);
  fail({ api: "OffsetFetch", errorCode: 14 });
  const offsets = await connection.request(OffsetFetch, 8, {
    groups: [{ groupId: "g", topics: null }],
  });
  assertEquals(offsets.groups.map(({ groupId, errorCode }) => [groupId, errorCode]), [["g", 14]]);
  fail({ api: "DeleteTopics", topic: "t", errorCode: "TOPIC_DELETION_DISABLED" });
  const deleted = await connection.request(DeleteTopics, 5, {
    topicNames: ["t", "no"],
    timeoutMs: 1,
  });
  assertEquals(
    deleted.responses.map(({ name, errorCode }) => [name, errorCode]).toSorted(),
    [["no", 3], ["t", 73]],
  );
  broker.faults.assertAllFired();
});

Deno.test("a request that is held up waits by the broker's clock, and so does what came behind it", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, ["t"]);
  broker.faults.next({ api: "Produce", delayMs: 3_600_000 });
  const order: string[] = [];
  const first = produce(connection, { topic: "t", records: batchOf(["late"]) })
    .then(({ baseOffset }) => void order.push(`late at ${baseOffset}`));
  const second = produce(connection, { topic: "t", records: batchOf(["behind"]) })
    .then(({ baseOffset }) => void order.push(`behind at ${baseOffset}`));
  using other = await connect(broker);
  assertEquals((await listOffset(other, "t", LATEST)).offset, 0); // others are served meanwhile
  await broker.clock.advance(3_600_000);
  await within(Promise.all([first, second]), "both answers");
  assertEquals(order, ["late at 0", "behind at 1"]);
});

Deno.test("what came behind a request that was held up waits until that is begun, and no longer", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, ["t"]);
  broker.faults.next({ api: "Fetch", delayMs: 20 });
  const fetched = fetchOne(connection, "t", 1, { maxWaitMs: 3_600_000 }).catch(() => null);
  const produced = produce(connection, { topic: "t", records: batchOf(["x"]) }).catch(() => null);
  using other = await connect(broker);
  const offset = async () => (await listOffset(other, "t", LATEST)).offset;
  while (await offset() === 0); // it is written while the fetch waits for a second record
  connection.close();
  await Promise.all([fetched, produced]);
});

Deno.test("a broker whose requests are held up stops all the same", async () => {
  const broker = await Broker.start();
  using connection = await connect(broker, ["t"]);
  broker.faults.next({ api: "Produce", delayMs: 3_600_000 });
  const answer = produce(connection, { topic: "t", records: batchOf(["x"]) }).catch(() => null);
  using other = await connect(broker);
  await listOffset(other, "t", LATEST);
  await within(broker.stop(), "the stop", 2500);
  await answer;
});

Deno.test("a connection ends before the request is carried out, or after, when its answer is lost", async () => {
  await using broker = await Broker.start();
  using setUp = await connect(broker, ["t"]);
  for (const [disconnect, written] of [[true, 0], ["after", 1]] as const) {
    broker.faults.next({ api: "Produce", disconnect });
    using connection = await connect(broker);
    await assertRejects(() => produce(connection, { topic: "t", records: batchOf(["x"]) }));
    assertEquals((await listOffset(setUp, "t", LATEST)).offset, written);
  }
  await append(setUp, "t", ["y"]);
  broker.faults.next({ api: "Fetch", disconnect: "after" });
  using reader = await connect(broker);
  await assertRejects(() => fetchOne(reader, "t", 0));
  broker.faults.assertAllFired();
});

Deno.test("a producer of this package gets over an answer that was lost, and writes once", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, ["t"]);
  await using producer = new Producer({ bootstrap: broker.address });
  broker.faults.next({ api: "Produce", disconnect: "after" });
  broker.faults.next({ api: "Produce", errorCode: "NOT_LEADER_OR_FOLLOWER" });
  await producer.send({ topic: "t", value: "once" });
  broker.faults.assertAllFired();
  assertEquals(await readAll(connection, "t"), ["once"]);
});

Deno.test("kafkajs meets the same faults over its socket", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, ["t"]);
  const producer = new kafkajs.Kafka({
    brokers: [broker.address],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { retries: 0 },
  }).producer();
  await producer.connect();
  const send = () => producer.send({ topic: "t", messages: [{ value: "x" }] });
  broker.faults.next({ api: "Produce", errorCode: "TOPIC_AUTHORIZATION_FAILED" });
  const error = await assertRejects(send, kafkajs.KafkaJSError);
  assertEquals((error as { type?: string }).type, "TOPIC_AUTHORIZATION_FAILED");
  await send();
  await producer.disconnect();
  assertEquals(await readAll(connection, "t"), ["x"]);
});

Deno.test("a fault is of one client where that is said", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, ["t"]);
  using other = await connect(broker, [], 1, "other");
  broker.faults.next({ api: "Produce", clientId: "other", errorCode: "POLICY_VIOLATION" });
  await append(connection, "t", ["x"]);
  assertEquals((await produce(other, { topic: "t", records: batchOf(["x"]) })).errorCode, 44);
});

Deno.test("a partition without a leader is none to every client until it has one again", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, ["t"], 2);
  await append(connection, "t", ["before"], { partition: 1 });
  const leaderless = await broker.faults.leaderless("t", 1);
  const { topics: [{ partitions }] } = await connection.request(Metadata, 12, {
    topics: [{ name: "t" }],
  });
  assertEquals(
    partitions.map(({ errorCode, leaderId, leaderEpoch }) => [errorCode, leaderId, leaderEpoch]),
    [[0, 0, 0], [5, -1, 1]],
  );
  const refused = await produce(connection, { topic: "t", partition: 1, records: batchOf(["x"]) });
  assertEquals([
    refused.errorCode,
    (await fetchOne(connection, "t", 0, { partition: 1 })).errorCode,
  ], [6, 6]);
  await append(connection, "t", ["other"], { partition: 0 });
  assertEquals(leaderless.fired, 3);
  await leaderless.remove();
  await append(connection, "t", ["after"], { partition: 1 });
  assertEquals(await readAll(connection, "t", 1), ["before", "after"]);
  await assertRejects(() => broker.faults.leaderless("t", 2), RangeError, "t-2");
});

Deno.test("a producer waits for the leader to come back", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, ["t"]);
  await using producer = new Producer({ bootstrap: broker.address });
  await producer.send({ topic: "t", value: "1" });
  const leaderless = await broker.faults.leaderless("t");
  const sent = producer.send({ topic: "t", value: "2" });
  while (leaderless.fired < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  await leaderless.remove();
  await within(sent, "the second record");
  assertEquals(await readAll(connection, "t"), ["1", "2"]);
});

Deno.test("a group whose coordinator has lost its partition waits until there is one again", async () => {
  await using broker = await Broker.start({ groups: { offsetsPartitions: 1 } });
  using connection = await connect(broker, ["t"]);
  await append(connection, "t", ["x"]);
  await using consumer = new Consumer({ bootstrap: broker.address }, {
    groupId: "g",
    autoOffsetReset: "earliest",
    enableAutoCommit: false,
  });
  consumer.subscribe("t");
  const joined = consumer.poll(20_000);
  await broker.clock.advance(10_000); // the group waits for further members
  assertEquals((await joined).length, 1);
  const leaderless = await broker.faults.leaderless("__consumer_offsets");
  const committing = consumer.commit();
  while (leaderless.fired < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  await leaderless.remove();
  await within(committing, "the commit", 20_000);
  assertEquals((await consumer.committed())[0]?.offset, 1);
  broker.faults.assertAllFired();
});

Deno.test("on a full disk producers are refused, and the rest goes on", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, ["t"]);
  await append(connection, "t", ["before"]);
  {
    await using full = broker.faults.diskFull();
    assertEquals(
      (await produce(connection, { topic: "t", records: batchOf(["x"]) })).errorCode,
      56,
    );
    assertEquals(await readAll(connection, "t"), ["before"]);
    assertEquals(full.fired, 1);
    const ready = await (await globalThis.fetch(`http://${broker.httpAddress}/readyz`)).text();
    assert(ready.includes("producers are refused"), ready);
  }
  await append(connection, "t", ["after"]);
  await using floorless = await Broker.start({ storage: { minFreeBytes: 0 } });
  assertThrows(() => floorless.faults.diskFull(), Error, "storage.minFreeBytes is 0");
});

Deno.test("a fault that did not fire is told by its name, and forgotten by clear()", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, ["t"]);
  broker.faults.next({ api: "Produce", topic: "u", errorCode: "CORRUPT_MESSAGE", count: 2 });
  broker.faults.next({ api: "Fetch", disconnect: true, count: Infinity }).remove();
  await broker.faults.leaderless("t");
  const error = assertThrows(() => broker.faults.assertAllFired(), Error);
  assertEquals(
    error.message,
    "Faults that did not fire: Fetch (0 times); Produce of u (0 of 2 times); t-0 without a leader (0 times)",
  );
  await broker.faults.clear();
  broker.faults.assertAllFired();
  await append(connection, "t", ["x"]);
});

Deno.test("a rule that cannot strike is refused in words", async () => {
  await using broker = await Broker.start();
  const refused: [Record<string, unknown>, string][] = [
    [{ api: "Produc", errorCode: 1 }, "Unknown API Produc: is Produce meant?"],
    [{ api: "ShareFetch", errorCode: 1 }, "Unknown API ShareFetch"],
    [{ api: "Produce", errorCode: "NOT_LEADER" }, "Unknown error NOT_LEADER"],
    [{ api: "Produce", errorCode: 0 }, "not 0"],
    [{ api: "Produce" }, "needs errorCode, delayMs or disconnect"],
    [{ api: "Heartbeat", topic: "t", errorCode: 1 }, "Heartbeat names no topics"],
    [{ api: "Produce", partition: 1, errorCode: 1 }, "needs its topic"],
    [{ api: "Produce", errorCode: 1, disconnect: true }, "no error to answer"],
    [{ api: "Produce", delayMs: -1 }, "not -1"],
    [{ api: "Produce", errorCode: 1, count: 0.5 }, "not 0.5"],
    [{ api: "Produce", errorCode: 1, partitions: [1] }, "partitions"],
  ];
  for (const [rule, words] of refused) {
    assertThrows(() => broker.faults.next(rule as unknown as FaultRule), TypeError, words);
  }
});

Deno.test("a consumer that is refused for a while reads on afterwards", async () => {
  await using broker = await Broker.start();
  using connection = await connect(broker, ["t"]);
  await append(connection, "t", ["a"]);
  using consumer = new Consumer({ bootstrap: broker.address }, { autoOffsetReset: "earliest" });
  consumer.assign([{ topic: "t", partition: 0 }]);
  broker.faults.next({ api: "Fetch", topic: "t", errorCode: "UNKNOWN_SERVER_ERROR" });
  broker.faults.next({ api: "Fetch", disconnect: "after" });
  const values: string[] = [];
  while (values.length === 0) {
    for (const { value } of await consumer.poll(1000).catch(() => [])) {
      values.push(new TextDecoder().decode(value!));
    }
  }
  assertEquals(values, ["a"]);
  broker.faults.assertAllFired();
});

/** A connection to a broker, in which the topics are made. */
async function connect(
  broker: Broker,
  topics: readonly string[] = [],
  numPartitions = 1,
  clientId = "test",
): Promise<Connection & Disposable> {
  const [host, port] = broker.address.split(":");
  const connection = await Connection.open({ host, port: Number(port), clientId });
  if (topics.length > 0) {
    const created = await connection.request(CreateTopics, 7, {
      topics: topics.map((name) => ({
        name,
        numPartitions,
        replicationFactor: 1,
        assignments: [],
        configs: [],
      })),
    });
    assertEquals(created.topics.map(({ errorCode }) => errorCode), topics.map(() => 0));
  }
  return Object.assign(connection, { [Symbol.dispose]: () => connection.close() });
}

async function idsOf(connection: Connection, names: readonly string[]) {
  const { topics } = await connection.request(Metadata, 12, {
    topics: names.map((name) => ({ name })),
  });
  return new Map(topics.map(({ name, topicId }) => [name, topicId]));
}

async function wireTo(broker: Broker): Promise<Wire> {
  const [hostname, port] = broker.address.split(":");
  return new Wire(await Deno.connect({ hostname, port: Number(port) }));
}
