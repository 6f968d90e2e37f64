/**
 * Proves what Produce stores and answers: every version, acks, codec and topic config that changes a batch, and the
 * answer to producers that come again (idempotence). What is refused is in produce_refusals_test.ts.
 */
import { assert, assertEquals } from "@std/assert";
import { joined } from "../../src/protocol/codec.ts";
import { ApiVersions } from "../../src/protocol/messages/api_versions.ts";
import { InitProducerId } from "../../src/protocol/messages/init_producer_id.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import { type CompressionName, CompressionType } from "../../src/protocol/records/compression.ts";
import {
  append,
  batchOf,
  fetchOne,
  LATEST,
  listOffset,
  produce,
  produceRequest,
  readAll,
  recordsIn,
  valuesIn,
} from "./calls.ts";
import { requestBytes, TestBroker, utf8, within } from "./harness.ts";

const codecs = Object.keys(CompressionType) as CompressionName[];

Deno.test("every version of Produce from 3 to 13 appends and answers the first offset", async () => {
  await using broker = await TestBroker.start();
  const id = await broker.createTopic("t");
  const connection = await broker.connect();
  for (let version = 3; version <= 13; version++) {
    const topic = version >= 13 ? id : "t";
    const answer = await produce(connection, { topic, records: batchOf(["a", "b"]) }, version);
    assertEquals(answer, {
      index: 0,
      errorCode: 0,
      baseOffset: (version - 3) * 2,
      logAppendTimeMs: -1,
      logStartOffset: version >= 5 ? 0 : -1,
      recordErrors: [],
      errorMessage: null,
      currentLeader: { leaderId: -1, leaderEpoch: -1 },
    });
  }
  assertEquals((await listOffset(connection, "t", LATEST)).offset, 22);
});

Deno.test("acks 1 and -1 are answered, and what was answered can be read", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  for (const acks of [1, -1]) {
    const answer = await produce(connection, { topic: "t", acks, records: batchOf([`${acks}`]) });
    assertEquals(answer.errorCode, 0);
  }
  assertEquals(await readAll(connection, "t"), ["1", "-1"]);
});

Deno.test("acks 0 is not answered: the next answer is that of the next request", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const wire = await broker.wire();
  await wire.send(Produce, 9, produceRequest(9, { topic: "t", acks: 0, records: batchOf(["a"]) }));
  const asked = await wire.send(ApiVersions, 0, {});
  assertEquals((await wire.answered(ApiVersions, 0)).correlationId, asked);
  assertEquals(await readAll(await broker.connect(), "t"), ["a"]);
});

for (const codec of codecs) {
  Deno.test(`a ${codec} batch is stored as it came, but for its offset and leader epoch`, async () => {
    await using broker = await TestBroker.start();
    await broker.createTopic("t");
    const connection = await broker.connect();
    await append(connection, "t", ["before"]);
    const headers = [{ key: "h", value: utf8("1") }, { key: "h", value: null }];
    const sent = buildBatch({
      compression: CompressionType[codec],
      records: [
        { timestampMs: 1000, key: utf8("k"), value: utf8("v".repeat(1000)), headers },
        { timestampMs: 3000, key: null, value: null },
        { timestampMs: 2000, key: utf8(""), value: utf8("") },
      ],
    });
    const records = sent.slice(); // the client may send the array as it is
    assertEquals((await produce(connection, { topic: "t", records })).baseOffset, 1);
    const { records: got } = await fetchOne(connection, "t", 1);
    batch.assign(sent, 0, 1, 0);
    assertEquals(got, sent);
    assert(batch.isIntact(got!));
  });
}

Deno.test("a batch with a lying maxTimestamp is stored with the true one", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  const records = buildBatch({ records: [{ timestampMs: 1000 }, { timestampMs: 2000 }] });
  records.fill(0, 35, 42); // maxTimestamp is at 35
  batch.writeCrc(records);
  assertEquals((await produce(connection, { topic: "t", records })).errorCode, 0);
  const { records: got } = await fetchOne(connection, "t", 0);
  assertEquals(batch.maxTimestamp(got!), 2000);
  assert(batch.isIntact(got!));
  assertEquals((await listOffset(connection, "t", 1500)).offset, 1);
});

Deno.test("requests pipelined on one connection are stored and answered in their order", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const wire = await broker.wire();
  const count = 300;
  await wire.write(
    joined(
      Array.from(
        { length: count },
        (_, i) =>
          requestBytes(
            Produce,
            9,
            produceRequest(9, { topic: "t", records: batchOf([`${i}`]) }),
            i,
          ),
      ),
    ),
  );
  for (let i = 0; i < count; i++) {
    const { correlationId, body } = await wire.answered(Produce, 9);
    assertEquals(correlationId, i);
    assertEquals(body.responses[0].partitionResponses[0].baseOffset, i);
  }
  const values = Array.from({ length: count }, (_, i) => `${i}`);
  assertEquals(await readAll(await broker.connect(), "t"), values);
});

Deno.test("one request may write to many topics and partitions, and an error in one does not hinder another", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("a", { partitions: 3 });
  await broker.createTopic("b");
  const connection = await broker.connect();
  const partitionData = [0, 1, 7, 2].map((index) => ({ index, records: batchOf([`${index}`]) }));
  const { responses } = await connection.request(Produce, 12, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 1000,
    topicData: [
      { name: "a", partitionData },
      { name: "none", partitionData: [{ index: 0, records: batchOf(["x"]) }] },
      { name: "b", partitionData: [{ index: 0, records: batchOf(["y"]) }] },
    ],
  });
  const codes = responses.map(({ name, partitionResponses }) => [
    name,
    partitionResponses.map(({ index, errorCode }) => [index, errorCode]),
  ]);
  assertEquals(codes, [["a", [[0, 0], [1, 0], [7, 3], [2, 0]]], ["none", [[0, 3]]], ["b", [[
    0,
    0,
  ]]]]);
  assertEquals(await readAll(connection, "a", 2), ["2"]);
});

Deno.test("a request that names no topic is answered with none", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  const request = { transactionalId: null, acks: -1, timeoutMs: 1000, topicData: [] };
  assertEquals((await connection.request(Produce, 9, request)).responses, []);
});

// ---- Topic configs that change a batch

Deno.test("LogAppendTime stamps the batch with the broker's clock, in the header only, and says so", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { configs: { "message.timestamp.type": "LogAppendTime" } });
  const connection = await broker.connect();
  const before = Date.now();
  for (const codec of codecs) {
    const compression = CompressionType[codec];
    const records = buildBatch({ compression, records: [{ timestampMs: 5 }, { timestampMs: 9 }] });
    const sent = records.slice();
    const answer = await produce(connection, { topic: "t", records });
    assertEquals(answer.errorCode, 0);
    assert(answer.logAppendTimeMs >= before && answer.logAppendTimeMs <= Date.now());
    const { records: got } = await fetchOne(connection, "t", answer.baseOffset);
    assert(batch.isLogAppendTime(got!) && batch.isIntact(got!));
    assertEquals(batch.baseTimestamp(got!), 5);
    assertEquals(batch.maxTimestamp(got!), answer.logAppendTimeMs);
    assertEquals(got!.subarray(batch.BATCH_OVERHEAD), sent.subarray(batch.BATCH_OVERHEAD));
    for (const { timestampMs } of recordsIn(got)) assertEquals(timestampMs, answer.logAppendTimeMs);
  }
});

for (const wanted of ["gzip", "snappy", "lz4", "zstd", "uncompressed"] as const) {
  Deno.test(`a topic with compression.type=${wanted} stores every batch so`, async () => {
    await using broker = await TestBroker.start();
    await broker.createTopic("t", { configs: { "compression.type": wanted } });
    const connection = await broker.connect();
    const values = ["a", "b".repeat(2000), "c"];
    for (const codec of codecs) {
      const from = await append(connection, "t", values, {
        batch: { compression: CompressionType[codec] },
      });
      const { records } = await fetchOne(connection, "t", from);
      const type = wanted === "uncompressed" ? CompressionType.none : CompressionType[wanted];
      assertEquals(batch.compression(records!), type);
      assert(batch.isIntact(records!));
      assertEquals(valuesIn(records), values);
      assertEquals(recordsIn(records).map(({ offset }) => offset), [from, from + 1, from + 2]);
    }
  });
}

// ---- Idempotent producers

const PRODUCER = { producerId: 7000, producerEpoch: 3 };

/** Sends one batch of `values` as a producer's `sequence`; [error, first offset]. */
async function sendAs(
  connection: Awaited<ReturnType<TestBroker["connect"]>>,
  sequence: number,
  values = ["x"],
  producer: { producerId: number; producerEpoch: number } = PRODUCER,
): Promise<[number, number]> {
  const records = batchOf(values, { ...producer, baseSequence: sequence });
  const { errorCode, baseOffset } = await produce(connection, { topic: "t", records });
  return [errorCode, baseOffset];
}

Deno.test("InitProducerId without a transactional id gives each its own id and epoch 0", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  const ids = new Set<number>();
  for (let version = 0; version <= 5; version++) {
    const request = { transactionalId: null, transactionTimeoutMs: 0 };
    const { errorCode, producerId, producerEpoch } = await connection.request(
      InitProducerId,
      version,
      request,
    );
    assertEquals([errorCode, producerEpoch], [0, 0]);
    ids.add(producerId);
  }
  assertEquals(ids.size, 6);
});

Deno.test("a retry of one of the last five batches gets its first offset again, an older one 45", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  for (let i = 0; i < 6; i++) {
    assertEquals(await sendAs(connection, i * 2, ["a", "b"]), [0, i * 2]);
  }
  for (let i = 1; i < 6; i++) {
    assertEquals(await sendAs(connection, i * 2, ["a", "b"]), [0, i * 2], `retry of batch ${i}`);
  }
  assertEquals((await sendAs(connection, 0, ["a", "b"]))[0], 45);
  assertEquals((await listOffset(connection, "t", LATEST)).offset, 12, "nothing was added");
});

Deno.test("a retry in the same write as the first try is stored once", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const wire = await broker.wire();
  const records = batchOf(["a", "b"], { ...PRODUCER, baseSequence: 0 });
  const request = requestBytes(Produce, 9, produceRequest(9, { topic: "t", records }));
  await wire.write(joined([request, request, request]));
  for (let i = 0; i < 3; i++) {
    const { responses } = await wire.answer(Produce, 9);
    const { errorCode, baseOffset } = responses[0].partitionResponses[0];
    assertEquals([errorCode, baseOffset], [0, 0]);
  }
  assertEquals((await listOffset(await broker.connect(), "t", LATEST)).offset, 2);
});

Deno.test("a gap in the sequence is 45, and the right one still goes", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  assertEquals(await sendAs(connection, 0), [0, 0]);
  assertEquals((await sendAs(connection, 2))[0], 45);
  assertEquals(await sendAs(connection, 1), [0, 1]);
});

Deno.test("a batch that overlaps one that was stored is 45", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  assertEquals(await sendAs(connection, 0, ["a", "b", "c"]), [0, 0]);
  assertEquals((await sendAs(connection, 1, ["b", "c"]))[0], 45);
  assertEquals((await sendAs(connection, 2, ["c", "d"]))[0], 45);
});

Deno.test("an old epoch is 47, and a new one begins at sequence 0", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  const newer = { ...PRODUCER, producerEpoch: 4 };
  assertEquals(await sendAs(connection, 0), [0, 0]);
  assertEquals((await sendAs(connection, 1, ["x"], newer))[0], 45);
  assertEquals(await sendAs(connection, 0, ["x"], newer), [0, 1]);
  assertEquals((await sendAs(connection, 1))[0], 47);
  assertEquals(await sendAs(connection, 1, ["x"], newer), [0, 2]);
});

Deno.test("an unknown producer may begin anywhere, and sequences go on at 0 after 2147483647", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  assertEquals(await sendAs(connection, 2 ** 31 - 2), [0, 0]);
  assertEquals(await sendAs(connection, 2 ** 31 - 1, ["a", "b", "c"]), [0, 1], "across the end");
  assertEquals(await sendAs(connection, 2), [0, 4]);
  assertEquals(await sendAs(connection, 2 ** 31 - 1, ["a", "b", "c"]), [0, 1], "a retry of it");
});

Deno.test("two producers on one partition do not disturb each other's sequences", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  const other = { producerId: 7001, producerEpoch: 0 };
  for (let i = 0; i < 4; i++) {
    assertEquals(await sendAs(connection, i), [0, i * 2]);
    assertEquals(await sendAs(connection, i, ["y"], other), [0, i * 2 + 1]);
  }
});

Deno.test("acks=0 and any error ends the connection", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const refused = [
    { topic: "none", acks: 0, records: batchOf(["a"]) },
    { topic: "t", partition: 5, acks: 0, records: batchOf(["a"]) },
    { topic: "t", acks: 0, records: batchOf(["a"]).fill(7, 62) },
    { topic: "t", acks: 0, records: null },
  ];
  for (const call of refused) {
    const wire = await broker.wire();
    await wire.send(Produce, 9, produceRequest(9, call));
    assertEquals(await within(wire.frame(), "closing"), null);
  }
  assertEquals((await listOffset(await broker.connect(), "t", LATEST)).offset, 0);
});
