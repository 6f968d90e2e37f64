/**
 * Small answers, each as Apache Kafka 4.4.0 gave it when it was asked the same: what a refused batch carries, and what
 * becomes of partitions that a request names twice, or that do not exist beside others that do.
 */
import { assertEquals } from "@std/assert";
import type { Uuid } from "../../src/bytes/uuid.ts";
import type { Connection } from "../../src/client/connection.ts";
import { DeleteRecords } from "../../src/protocol/messages/delete_records.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { ListOffsets } from "../../src/protocol/messages/list_offsets.ts";
import { OffsetForLeaderEpoch } from "../../src/protocol/messages/offset_for_leader_epoch.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import { Fetch } from "../../src/protocol/messages/fetch.ts";
import { append, batchOf, fetch, listOffset, produce, readAll } from "./calls.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { HeldTimers } from "../../src/testing/held_timers.ts";
import { TestBroker, utf8, within } from "./harness.ts";

const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAAAQ" as Uuid;

async function deleteBefore(connection: Connection, topic: string, offset: number): Promise<void> {
  const partitions = [{ partitionIndex: 0, offset }];
  const request = { topics: [{ name: topic, partitions }], timeoutMs: 5000 };
  const { topics } = await connection.request(DeleteRecords, 2, request);
  assertEquals(topics[0].partitions[0].errorCode, 0);
}

/** Changes a batch and makes its checksum right again. */
function withInt32(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const other = bytes.slice();
  new DataView(other.buffer).setInt32(at, value);
  if (at >= batch.CRC_FROM) batch.writeCrc(other);
  return other;
}

Deno.test("a refused batch carries the log start, unless the log was not asked or is not to blame", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { configs: { "message.timestamp.after.max.ms": "1000" } });
  const connection = await broker.connect();
  await append(connection, "t", ["a", "b"]);
  await deleteBefore(connection, "t", 1);
  const good = batchOf(["x"]), LENGTH = 8, MAGIC = 16, COUNT = 57;
  const changed = (at: number, value: number) => {
    const other = good.slice();
    other[at] = value;
    return other;
  };
  const future = buildBatch({ records: [{ timestampMs: Date.now() + 1e7, value: utf8("x") }] });
  const idempotent = (producerEpoch: number, baseSequence: number) =>
    batchOf(["x"], { producerId: 55, producerEpoch, baseSequence });
  assertEquals((await produce(connection, { topic: "t", records: idempotent(3, 0) })).errorCode, 0);
  const rows: [name: string, records: Uint8Array | null, errorCode: number, logStart: number][] = [
    ["a timestamp in the future", future, 32, 1],
    ["a control batch", batchOf(["x"], { isControl: true }), 87, 1],
    ["a wrong count", withInt32(good, COUNT, 2), 87, 1],
    ["a negative sequence", idempotent(3, -1), 87, 1],
    ["a gap in the sequence", idempotent(3, 7), 45, 1],
    ["an old epoch", idempotent(1, 0), 47, 1],
    ["a wrong checksum", changed(20, good[20] ^ 1), 2, -1],
    ["zeros", new Uint8Array(61), 2, -1],
    ["12 zeros", new Uint8Array(12), 2, -1],
    ["16 zeros", new Uint8Array(16), 2, -1],
    ["11 zeros", new Uint8Array(11), 87, -1],
    ["two batches", new Uint8Array([...good, ...good]), 87, -1],
    ["a batch that is too large", batchOf(["y".repeat(1 << 20)]), 10, -1],
    ["magic 1", changed(MAGIC, 1), 87, -1],
    ["magic 7", changed(MAGIC, 7), 2, -1],
    ["magic -1", changed(MAGIC, 255), 2, -1],
    ["a length of 13 with magic 9", withInt32(changed(MAGIC, 9), LENGTH, 13), 2, -1],
    ["a length of 13", withInt32(good, LENGTH, 13), 2, -1],
    ["a length of 14", withInt32(good, LENGTH, 14), 2, -1],
    ["a length of 48", withInt32(good, LENGTH, 48), 2, -1],
    ["a negative length", withInt32(good, LENGTH, -5), 2, -1],
    ["a length past the end", withInt32(good, LENGTH, 500), 87, -1],
  ];
  for (const [name, records, errorCode, logStart] of rows) {
    const answer = await produce(connection, { topic: "t", records });
    assertEquals([answer.errorCode, answer.baseOffset, answer.logStartOffset], [
      errorCode,
      -1,
      logStart,
    ], name);
  }
  const unknown = await produce(connection, { topic: "nosuch", records: good });
  assertEquals([unknown.errorCode, unknown.logStartOffset], [3, -1]);
});

Deno.test("of a partition named twice in one Produce the last batch is appended, and it is answered once", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { partitions: 2 });
  const connection = await broker.connect();
  const none = new Uint8Array(3);
  const ask = async (...topics: [name: string, ...[index: number, records: Uint8Array][]][]) => {
    const topicData = topics.map(([name, ...partitions]) => ({
      name,
      partitionData: partitions.map(([index, records]) => ({ index, records })),
    }));
    const request = { transactionalId: null, acks: -1, timeoutMs: 5000, topicData };
    const { responses } = await connection.request(Produce, 12, request);
    return responses.map(({ name, partitionResponses }) => [
      name,
      ...partitionResponses.map((
        { index, errorCode, baseOffset },
      ) => [index, errorCode, baseOffset]),
    ]);
  };
  const of = (value: string) => batchOf([value]);
  assertEquals(await ask(["t", [0, batchOf(["a1", "a2"])], [0, of("b")]]), [["t", [0, 0, 0]]]);
  assertEquals(await ask(["t", [0, of("c")]], ["t", [0, of("d")], [1, of("e")]]), [
    ["t", [0, 0, 1], [1, 0, 0]],
  ]);
  assertEquals(await ask(["t", [0, of("f")], [0, none]]), [["t", [0, 87, -1]]]);
  assertEquals(await ask(["t", [0, none], [0, of("g")]]), [["t", [0, 87, -1]]]);
  assertEquals(await ask(["nosuch", [0, of("x")], [0, of("x")]]), [["nosuch", [0, 3, -1]]]);
  assertEquals(await ask(["t", [1, of("z")], [0, of("y")]]), [["t", [1, 0, 1], [0, 0, 4]]]);
  assertEquals(await readAll(connection, "t", 0), ["b", "d", "f", "g", "y"]);
  const many = Array.from({ length: 40 }, (): [number, Uint8Array] => [0, of("many")]);
  assertEquals(await ask(["t", ...many]), [["t", [0, 0, 5]]]);
});

/** That no other timer of a broker has. */
const POLL_MS = 3_599_999;

Deno.test("a fetch of what does not exist waits with what does, and is answered at once alone", async () => {
  const clock = new FakeClock(Date.now()), timers = new HeldTimers(POLL_MS);
  await using broker = await TestBroker.start({}, { clock, timers });
  const id = await broker.createTopic("t");
  const connection = await broker.connect();
  const partitions = [{ partition: 0, fetchOffset: 0 }],
    absent = [{ partition: 9, fetchOffset: 0 }];
  const known = { topic: "t", partitions }, unknown = { topic: "nosuch", partitions };
  const took = async (topics: Parameters<typeof fetch>[1], version = 12) => {
    const before = broker.arrivals(Fetch);
    const answer = fetch(connection, topics, { maxWaitMs: POLL_MS }, version);
    await broker.arrived(Fetch, before + 1);
    const waited = timers.count === 1;
    clock.advance(POLL_MS);
    timers.release();
    const { responses } = await within(answer, "the answer");
    return [waited, ...responses.map(({ partitions }) => partitions.map((one) => one.errorCode))];
  };
  assertEquals(await took([known, unknown]), [true, [0], [3]]);
  assertEquals(await took([unknown, known]), [true, [3], [0]]);
  assertEquals(await took([{ topic: "t", partitions: [...partitions, ...absent] }]), [true, [
    0,
    3,
  ]]);
  const byId = [{ topicId: id, partitions }, { topicId: UNKNOWN_ID, partitions }];
  assertEquals(await took(byId, 13), [true, [0], [100]]);
  assertEquals(await took([unknown]), [false, [3]]);
  assertEquals(await took([{ topic: "t", partitions: absent }]), [false, [3]]);
  assertEquals(await took([{ topic: "t", partitions: [{ partition: 0, fetchOffset: 5 }] }]), [
    false,
    [1],
  ]);

  const before = broker.arrivals(Fetch);
  const waiting = fetch(await broker.connect(), [known, unknown], { maxWaitMs: 3_600_000 });
  await broker.arrived(Fetch, before + 1);
  await append(connection, "t", ["a"]);
  const { responses } = await within(waiting, "word of the record");
  assertEquals(responses[0].partitions[0].highWatermark, 1);
});

Deno.test("a topic deleted while a fetch waits for it and another ends the wait with 3", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  await broker.createTopic("gone");
  const connection = await broker.connect();
  const partitions = [{ partition: 0, fetchOffset: 0 }];
  const topics = [{ topic: "gone", partitions }, { topic: "t", partitions }];
  const waiting = fetch(await broker.connect(), topics, { maxWaitMs: 3_600_000 });
  await broker.arrived(Fetch, 1);
  await connection.request(DeleteTopics, 5, { topicNames: ["gone"], timeoutMs: 5000 });
  const { responses } = await within(waiting, "word of the deletion");
  assertEquals(responses.map(({ partitions: [{ errorCode }] }) => errorCode), [3, 0]);
});

Deno.test("a session by name finds the topic that has the name now", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  await append(connection, "t", ["old", "old"]);
  const topics = [{ topic: "t", partitions: [{ partition: 0, fetchOffset: 0 }] }];
  const { sessionId } = await fetch(connection, topics, { sessionId: 0, sessionEpoch: 0 });
  await connection.request(DeleteTopics, 5, { topicNames: ["t"], timeoutMs: 5000 });
  const gone = await fetch(connection, [], { sessionId, sessionEpoch: 1 });
  assertEquals(gone.responses[0].partitions[0].errorCode, 3);
  await broker.createTopic("t");
  await append(connection, "t", ["new"]);
  const again = await fetch(connection, [], { sessionId, sessionEpoch: 2 });
  assertEquals(again.responses[0].partitions[0].highWatermark, 1);
});

Deno.test("a partition both named and forgotten is forgotten; the last one of a session is answered without it", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { partitions: 3 });
  const connection = await broker.connect();
  const named = (...indexes: number[]) => [{
    topic: "t",
    partitions: indexes.map((partition) => ({ partition, fetchOffset: 0 })),
  }];
  const ask = async (sessionId: number, sessionEpoch: number, name: number[], forget: number[]) => {
    const forgotten = forget.length > 0 ? [{ topic: "t", partitions: forget }] : [];
    const topics = name.length > 0 ? named(...name) : [];
    const answer = await fetch(connection, topics, { sessionId, sessionEpoch, forgotten });
    const indexes = answer.responses.flatMap(({ partitions }) => partitions);
    return { ...answer, indexes: indexes.map(({ partitionIndex }) => partitionIndex) };
  };
  const { sessionId } = await ask(0, 0, [0, 1], []);
  assertEquals((await ask(sessionId, 1, [2], [2])).indexes, []);
  assertEquals((await ask(sessionId, 2, [0], [0])).indexes, []);
  await append(connection, "t", ["a"]);
  assertEquals((await ask(sessionId, 3, [], [])).indexes, []);
  const last = await ask(sessionId, 4, [1], [0, 1]);
  assertEquals([last.sessionId, last.indexes], [0, [1]]);
  assertEquals((await ask(sessionId, 5, [], [])).errorCode, 70);
});

Deno.test("a leader epoch below -1 is older than any (74), but in a fetch, which does not look at it", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  for (const [epoch, errorCode] of [[-1, 0], [-2, 74], [-(2 ** 31), 74], [7, 75]]) {
    const list = await connection.request(ListOffsets, 7, {
      replicaId: -1,
      topics: [{
        name: "t",
        partitions: [{ partitionIndex: 0, timestamp: -1, currentLeaderEpoch: epoch }],
      }],
    });
    assertEquals(list.topics[0].partitions[0].errorCode, errorCode, `ListOffsets ${epoch}`);
    const end = await connection.request(OffsetForLeaderEpoch, 4, {
      replicaId: -1,
      topics: [{
        topic: "t",
        partitions: [{ partition: 0, currentLeaderEpoch: epoch, leaderEpoch: 0 }],
      }],
    });
    assertEquals(end.topics[0].partitions[0].errorCode, errorCode, `OffsetForLeaderEpoch ${epoch}`);
    const partitions = [{ partition: 0, fetchOffset: 0, currentLeaderEpoch: epoch }];
    const fetched = await fetch(connection, [{ topic: "t", partitions }]);
    const [{ errorCode: ofFetch }] = fetched.responses[0].partitions;
    assertEquals(ofFetch, epoch < 0 ? 0 : errorCode, `Fetch ${epoch}`);
  }
});

Deno.test("ListOffsets -3 finds the first record where none has a timestamp", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  const { offset, timestamp } = await listOffset(connection, "t", -3);
  assertEquals([offset, timestamp], [-1, -1]);
  const without = (value: string) => ({ timestampMs: -1, value: utf8(value) });
  const records = buildBatch({ records: [without("a"), without("b")] });
  assertEquals((await produce(connection, { topic: "t", records })).errorCode, 0);
  const found = await listOffset(connection, "t", -3);
  assertEquals([found.offset, found.timestamp, found.leaderEpoch], [0, -1, 0]);
  assertEquals((await listOffset(connection, "t", 0)).offset, -1);
  await deleteBefore(connection, "t", 1);
  assertEquals((await listOffset(connection, "t", -3)).offset, 1);
});

Deno.test("ListOffsets -3 finds the newest of the records that are left after DeleteRecords", async () => {
  await using broker = await TestBroker.start();
  const nowMs = Date.now();
  const large = (timestampMs: number, letter: string) =>
    buildBatch({ records: [{ timestampMs, value: utf8(letter.repeat(900_000)) }] });
  const small = (...timesMs: number[]) =>
    buildBatch({ records: timesMs.map((timestampMs) => ({ timestampMs, value: utf8("v") })) });
  const rows: [
    name: string,
    batches: Uint8Array[],
    before: number,
    offset: number,
    timeMs: number,
  ][] = [
    [
      "in one segment",
      [small(nowMs), small(nowMs - 5000), small(nowMs - 4000)],
      1,
      2,
      nowMs - 4000,
    ],
    [
      "in segments",
      [large(nowMs, "a"), large(nowMs - 5000, "b"), large(nowMs - 4000, "c")],
      1,
      2,
      nowMs - 4000,
    ],
    ["within a batch", [small(nowMs, nowMs - 2000, nowMs - 1000)], 1, 2, nowMs - 1000],
    [
      "in the segment of the start",
      [small(nowMs), small(nowMs - 1000), large(nowMs - 5000, "b"), large(nowMs - 4000, "c")],
      1,
      1,
      nowMs - 1000,
    ],
    ["nothing is left", [small(nowMs), small(nowMs - 5000)], 2, -1, -1],
  ];
  const connection = await broker.connect();
  for (const [i, [name, batches, before, offset, timeMs]] of rows.entries()) {
    const topic = `t${i}`;
    await broker.createTopic(topic, { configs: { "segment.bytes": "1048576" } });
    for (const records of batches) {
      assertEquals((await produce(connection, { topic, records })).errorCode, 0);
    }
    const first = await listOffset(connection, topic, -3);
    assertEquals([first.offset, first.timestamp], [0, nowMs], name);
    await deleteBefore(connection, topic, before);
    const found = await listOffset(connection, topic, -3);
    assertEquals([found.offset, found.timestamp], [offset, timeMs], name);
  }
});

Deno.test("a look-up by time is exact beyond 2^53", async () => {
  await using broker = await TestBroker.start();
  const configs = { "message.timestamp.after.max.ms": "9223372036854775807" };
  await broker.createTopic("t", { configs });
  const connection = await broker.connect();
  const BASE = 27, MAX = 35, FIRST = 2n ** 53n;
  const times = [FIRST - 1n, FIRST + 1n, FIRST + 3n, FIRST + 2n, 2n ** 62n, 2n ** 62n - 1n];
  for (const time of times) {
    const records = batchOf(["x"]);
    const view = new DataView(records.buffer);
    view.setBigInt64(BASE, time);
    view.setBigInt64(MAX, time);
    batch.writeCrc(records);
    assertEquals((await produce(connection, { topic: "t", records })).errorCode, 0, `${time}`);
  }
  const find = async (timestamp: bigint | number) => {
    const partitions = [{ partitionIndex: 0, timestamp }];
    const request = { replicaId: -1, topics: [{ name: "t", partitions }] };
    const { topics } = await connection.request(ListOffsets, 7, request);
    assertEquals(topics[0].partitions[0].errorCode, 0);
    return topics[0].partitions[0].offset;
  };
  assertEquals(await find(0), 0);
  assertEquals(await find(FIRST - 1n), 0);
  assertEquals(await find(FIRST), 1);
  assertEquals(await find(FIRST + 1n), 1);
  assertEquals(await find(FIRST + 2n), 2);
  assertEquals(await find(FIRST + 3n), 2);
  assertEquals(await find(FIRST + 4n), 4);
  assertEquals(await find(2n ** 62n), 4);
  assertEquals(await find(2n ** 62n + 1n), -1);
  assertEquals(await find(2n ** 63n - 1n), -1);
  assertEquals(await find(-3), 4);
  await deleteBefore(connection, "t", 5);
  assertEquals(await find(-3), 5);
  assertEquals(await find(FIRST + 1n), 5);
});
