/**
 * Proves the answer to every batch that is not stored, one broken thing at a time: the error code, that nothing is
 * appended, and that the connection goes on. Codes are Kafka's, but for what single-node promises make stricter
 * (validate.ts says which).
 */
import { assert, assertEquals } from "@std/assert";
import { writeInt16, writeInt32, writeInt64 } from "../../src/bytes/int64.ts";
import { type Uuid, ZERO_UUID } from "../../src/bytes/uuid.ts";
import { writeVarint, writeVarlong } from "../../src/bytes/varint.ts";
import { joined } from "../../src/protocol/codec.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import { type BatchOptions, buildBatch } from "../../src/protocol/records/build.ts";
import { compress, CompressionType } from "../../src/protocol/records/compression.ts";
import { append, batchOf, LATEST, listOffset, produce, produceRequest, readAll } from "./calls.ts";
import { requestBytes, type Settings, TestBroker, utf8 } from "./harness.ts";

/** Where a batch's fields are. */
const BASE_OFFSET = 0, LENGTH = 8, MAGIC = 16, ATTRIBUTES = 21, LAST_OFFSET_DELTA = 23, COUNT = 57;

interface Refusal {
  readonly records: Uint8Array | null;
  readonly code: number;
  readonly version?: number;
  readonly acks?: number;
  readonly transactionalId?: string;
  readonly partition?: number;
  readonly topic?: string;
  /** Of the topic. */
  readonly configs?: Readonly<Record<string, string>>;
  readonly settings?: Settings;
}

const INVALID = 87, CORRUPT = 2;

const refusals: Record<string, Refusal> = {
  "no batch (null)": { records: null, code: INVALID },
  "no batch (empty)": { records: new Uint8Array(0), code: INVALID },
  "two batches": { records: joined([plain(), plain()]), code: INVALID },
  "a batch cut off in its records": { records: plain().subarray(0, 70), code: INVALID },
  "a batch cut off in its header": { records: plain().subarray(0, 20), code: INVALID },
  "a checksum that does not match": { records: changed((b) => b[62] ^= 1, false), code: CORRUPT },
  "a batch length below the minimum": {
    records: changed((b) => writeInt32(b, LENGTH, 48), false),
    code: CORRUPT,
  },
  "a negative batch length": {
    records: changed((b) => writeInt32(b, LENGTH, -5), false),
    code: CORRUPT,
  },
  "an unknown magic": { records: changed((b) => b[MAGIC] = 3, false), code: CORRUPT },
  "magic 0": { records: changed((b) => b[MAGIC] = 0, false), code: INVALID },
  "magic 1": { records: changed((b) => b[MAGIC] = 1, false), code: INVALID },
  "a base offset other than 0": {
    records: changed((b) => writeInt64(b, BASE_OFFSET, 5)),
    code: INVALID,
  },
  "a count of 0": { records: changed((b) => writeInt32(b, COUNT, 0)), code: INVALID },
  "a negative count": { records: changed((b) => writeInt32(b, COUNT, -1)), code: INVALID },
  "a count above the offset range": {
    records: changed((b) => writeInt32(b, COUNT, 4)),
    code: INVALID,
  },
  "a count and range above the records": {
    records: changed((b) => (writeInt32(b, COUNT, 4), writeInt32(b, LAST_OFFSET_DELTA, 3))),
    code: INVALID,
  },
  "a count and range below the records": {
    records: changed((b) => (writeInt32(b, COUNT, 2), writeInt32(b, LAST_OFFSET_DELTA, 1))),
    code: INVALID,
  },
  "a count of 2147483647": {
    records: changed((b) => {
      writeInt32(b, COUNT, 2 ** 31 - 1), writeInt32(b, LAST_OFFSET_DELTA, 2 ** 31 - 2);
    }),
    code: INVALID,
  },
  "offset deltas with a gap": { records: changed((b) => setDelta(b, 2, 3)), code: INVALID },
  "offset deltas repeated": { records: changed((b) => setDelta(b, 1, 0)), code: INVALID },
  "offset deltas backwards": {
    records: changed((b) => (setDelta(b, 1, 2), setDelta(b, 2, 1))),
    code: INVALID,
  },
  "a negative offset delta": { records: changed((b) => setDelta(b, 0, -1)), code: INVALID },
  "a record longer than the batch": { records: changed((b) => b[record(2)] = 60), code: INVALID },
  "a record of negative length": { records: changed((b) => b[record(0)] = 1), code: INVALID },
  "a record shorter than its fields": { records: changed((b) => b[record(0)] -= 2), code: INVALID },
  "a header count beyond the record": {
    records: changed((b) => b[record(1) + 7] = 20),
    code: INVALID,
  },
  "a negative header count": { records: changed((b) => b[record(1) + 7] = 1), code: INVALID },
  "a header without a key": {
    records: handmade([record0(0, 0, 1, 0, 2, 1, 1)]), // count 1, key length -1, value length -1
    code: INVALID,
  },
  "a varlong that does not end": {
    records: handmade([record0(...new Array(11).fill(255), 0, 1, 0, 0)]),
    code: INVALID,
  },
  "bytes behind the last record": {
    records: handmade([record0(0, 0, 1, 0, 0), new Uint8Array(3)]),
    code: INVALID,
  },
  "an undefined codec": { records: changed((b) => b[ATTRIBUTES + 1] = 5), code: INVALID },
  "a control batch": { records: built({ isControl: true }), code: INVALID },
  "a delete horizon": { records: built({ deleteHorizonMs: 1000 }), code: INVALID },
  "zstd before version 7": {
    records: built({ compression: CompressionType.zstd }),
    version: 6,
    code: 76,
  },
  "acks of 2": { records: plain(), acks: 2, code: 21 },
  "acks of -2": { records: plain(), acks: -2, code: 21 },
  "a batch over max.message.bytes": {
    records: batchOf(["x".repeat(2000)]),
    configs: { "max.message.bytes": "2000" },
    code: 10,
  },
  "a batch over the broker's max_batch_size": {
    records: batchOf(["x".repeat(2000)]),
    settings: { batching: { maxBatchSize: 2000 } },
    code: 10,
  },
  "a batch of more records than max_batch_messages": {
    records: batchOf(["a", "b", "c"]),
    settings: { batching: { maxBatchMessages: 2 } },
    code: INVALID,
  },
  "a record without a key on a compacted topic": {
    records: plain(),
    configs: { "cleanup.policy": "compact" },
    code: INVALID,
  },
  "a timestamp too far ahead": {
    records: buildBatch({ records: [{ timestampMs: Date.now() + 7_200_000 }] }),
    code: 32,
  },
  "a timestamp too far back": {
    records: buildBatch({ records: [{ timestampMs: Date.now() - 7_200_000 }] }),
    configs: { "message.timestamp.before.max.ms": "3600000" },
    code: 32,
  },
  "a producer id with a negative sequence": {
    records: built({ producerId: 1, producerEpoch: 0, baseSequence: -1 }),
    code: INVALID,
  },
  "a producer id with neither epoch nor sequence": {
    records: built({ producerId: 1, producerEpoch: -1, baseSequence: -1 }),
    code: INVALID,
  },
  "a producer id with an epoch below -1": {
    records: built({ producerId: 1, producerEpoch: -2, baseSequence: 0 }),
    code: 47,
  },
  "transactional records without a transactional id": {
    records: built({ producerId: 1, producerEpoch: 0, baseSequence: 0, isTransactional: true }),
    code: 53,
  },
  "partition -1": { records: plain(), partition: -1, code: 3 },
  "partition 2147483647": { records: plain(), partition: 2 ** 31 - 1, code: 3 },
  "a topic that is not there": { records: plain(), topic: "none", code: 3 },
  "a topic whose name cannot be": { records: plain(), topic: "../x", code: 3 },
  "an empty topic name": { records: plain(), topic: "", code: 3 },
  "an unknown topic id": {
    records: plain(),
    version: 13,
    topic: "AAAAAAAAAAAAAAAAAAABAA" as Uuid,
    code: 100,
  },
  "no topic id": { records: plain(), version: 13, topic: ZERO_UUID, code: 100 },
};

for (const codec of ["gzip", "snappy", "lz4", "zstd"] as const) {
  const type = CompressionType[codec];
  const packed = compress(type, utf8("of these bytes nobody can make records ".repeat(50)));
  const pack = (bytes: Uint8Array) => packedAs(type, bytes);
  refusals[`${codec} that is none`] = { records: pack(utf8("no such stream")), code: INVALID };
  refusals[`${codec} of nothing`] = { records: pack(new Uint8Array(0)), code: INVALID };
  refusals[`${codec} that is cut off`] = {
    records: pack(packed.subarray(0, packed.length - 6)),
    code: INVALID,
  };
  refusals[`${codec} of no records`] = { records: pack(packed), code: INVALID };
  refusals[`a ${codec} bomb`] = {
    records: buildBatch({
      compression: type,
      records: [{ timestampMs: 0, value: new Uint8Array(4 << 20) }],
    }),
    settings: { limits: { maxDecompressedBytes: 1 << 20 } },
    code: INVALID,
  };
}
refusals["snappy that declares 4 GB"] = {
  records: packedAs(CompressionType.snappy, new Uint8Array([255, 255, 255, 255, 15, 0, 97])),
  code: INVALID,
};

for (const [name, refusal] of Object.entries(refusals)) {
  Deno.test(`Produce of ${name} is answered with ${refusal.code}, and nothing is stored`, async () => {
    await using broker = await TestBroker.start(refusal.settings);
    await broker.createTopic("t", { configs: refusal.configs });
    const connection = await broker.connect();
    const { records, acks, transactionalId, partition } = refusal;
    const call = { topic: refusal.topic ?? "t", records, acks, transactionalId, partition };
    const answer = await produce(connection, call, refusal.version);
    assertEquals(answer.errorCode, refusal.code, `${answer.errorMessage}`);
    assertEquals(answer.baseOffset, -1);
    assertEquals((await listOffset(connection, "t", LATEST)).offset, 0);
  });
}

Deno.test("the records to blame are named, and the others are not stored without them", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { configs: { "cleanup.policy": "compact" } });
  const connection = await broker.connect();
  const timestampMs = Date.now(), key = utf8("k");
  const records = buildBatch({
    records: [{ timestampMs, key }, { timestampMs }, { timestampMs, key }, { timestampMs }],
  });
  const answer = await produce(connection, { topic: "t", records });
  assertEquals(answer.errorCode, INVALID);
  assertEquals(answer.recordErrors.map(({ batchIndex }) => batchIndex), [1, 3]);
  assert(answer.recordErrors[0].batchIndexErrorMessage !== null && answer.errorMessage !== null);
  assertEquals((await listOffset(connection, "t", LATEST)).offset, 0);
});

for (const topic of ["__consumer_offsets", "__transaction_state"]) {
  Deno.test(`a client may not write to ${topic}, whatever it calls itself: 17`, async () => {
    await using broker = await TestBroker.start();
    await broker.createTopic(topic);
    const wire = await broker.wire();
    const body = produceRequest(9, { topic, records: plain() });
    await wire.write(requestBytes(Produce, 9, body, 1, "__admin_client"));
    const { responses } = await wire.answer(Produce, 9);
    assertEquals(responses[0].partitionResponses[0].errorCode, 17);
    assertEquals((await listOffset(await broker.connect(), topic, LATEST)).offset, 0);
  });
}

Deno.test("a record with a key goes into a compacted topic, a tombstone too", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { configs: { "cleanup.policy": "compact" } });
  const connection = await broker.connect();
  const records = buildBatch({
    records: [{ timestampMs: 1, key: utf8("k"), value: utf8("v") }, {
      timestampMs: 2,
      key: utf8("k"),
    }],
  });
  assertEquals((await produce(connection, { topic: "t", records })).errorCode, 0);
  assertEquals(await readAll(connection, "t"), ["v", null]);
});

Deno.test("timestamps far off are stored when the topic keeps its own time", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { configs: { "message.timestamp.type": "LogAppendTime" } });
  const connection = await broker.connect();
  const records = buildBatch({ records: [{ timestampMs: Date.now() + 7_200_000 }] });
  assertEquals((await produce(connection, { topic: "t", records })).errorCode, 0);
});

Deno.test("a refused batch leaves a producer's sequence where it was", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { configs: { "max.message.bytes": "1000" } });
  const connection = await broker.connect();
  const producer = { producerId: 9, producerEpoch: 0 };
  await append(connection, "t", ["a"], { batch: { ...producer, baseSequence: 0 } });
  const large = batchOf(["x".repeat(1000)], { ...producer, baseSequence: 1 });
  assertEquals((await produce(connection, { topic: "t", records: large })).errorCode, 10);
  await append(connection, "t", ["b"], { batch: { ...producer, baseSequence: 1 } });
  assertEquals(await readAll(connection, "t"), ["a", "b"]);
});

// ---- Batches by hand

/** Three records of 8 bytes each: no key, a value of one byte, no headers. */
function plain(): Uint8Array {
  return batchOf(["a", "b", "c"]);
}

function built(options: Partial<BatchOptions>): Uint8Array {
  return batchOf(["a", "b", "c"], options);
}

/** Where record `i` of plain() begins: length, attributes, timestamp, offset, key, value (2 bytes), headers. */
function record(i: number): number {
  return batch.BATCH_OVERHEAD + i * 8;
}

function setDelta(b: Uint8Array, i: number, delta: number): void {
  writeVarint(b, record(i) + 3, delta);
}

/** plain() with something changed, under a checksum that matches unless that is what is wrong. */
function changed(change: (b: Uint8Array) => void, withChecksum = true): Uint8Array {
  const bytes = plain();
  change(bytes);
  if (withChecksum) batch.writeCrc(bytes);
  return bytes;
}

/** A record's length and attributes, then these bytes: timestamp delta, offset delta, key, value, headers. */
function record0(...fields: number[]): Uint8Array {
  const bytes = new Uint8Array(fields.length + 2);
  writeVarlong(bytes, 0, fields.length + 1);
  bytes.set(fields, 2);
  return bytes;
}

/** A batch that counts one record, with any bytes for it. */
function handmade(records: readonly Uint8Array[]): Uint8Array {
  return packedAs(CompressionType.none, joined(records));
}

/** A batch that counts one record and claims that these bytes are it, compressed so. */
function packedAs(type: CompressionType, packed: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(batch.BATCH_OVERHEAD + packed.length);
  bytes.set(buildBatch({ records: [{ timestampMs: 0 }] }).subarray(0, batch.BATCH_OVERHEAD));
  bytes.set(packed, batch.BATCH_OVERHEAD);
  writeInt32(bytes, LENGTH, bytes.length - batch.LOG_OVERHEAD);
  writeInt16(bytes, ATTRIBUTES, type);
  batch.writeCrc(bytes);
  return bytes;
}
