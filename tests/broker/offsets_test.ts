/**
 * Proves the answers about offsets: ListOffsets for each special timestamp and by time, DeleteRecords, and where
 * leader epochs end.
 */
import { assertEquals } from "@std/assert";
import type { Connection } from "../../src/client/connection.ts";
import { DeleteRecords } from "../../src/protocol/messages/delete_records.ts";
import { ListOffsets } from "../../src/protocol/messages/list_offsets.ts";
import { OffsetForLeaderEpoch } from "../../src/protocol/messages/offset_for_leader_epoch.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import { type CompressionName, CompressionType } from "../../src/protocol/records/compression.ts";
import { append, EARLIEST, fetchOne, LATEST, listOffset, produce, readAll } from "./calls.ts";
import { TestBroker, utf8 } from "./harness.ts";

const LARGEST = -3, EARLIEST_LOCAL = -4, LAST_TIERED = -5, EARLIEST_PENDING = -6;

/** One batch with records of these times. */
async function appendTimes(
  connection: Connection,
  times: readonly number[],
  codec: CompressionName = "none",
): Promise<void> {
  const records = buildBatch({
    compression: CompressionType[codec],
    records: times.map((timestampMs) => ({ timestampMs, value: utf8(`${timestampMs}`) })),
  });
  assertEquals((await produce(connection, { topic: "t", records })).errorCode, 0);
}

/** [error, offset, timestamp] of a special or ordinary timestamp. */
async function find(
  connection: Connection,
  timestamp: number,
  options: { version?: number; isolationLevel?: number } = {},
) {
  const found = await listOffset(connection, "t", timestamp, options);
  return [found.errorCode, found.offset, found.timestamp];
}

Deno.test("every version of ListOffsets from 1 to 11 knows the ends of the log", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  await appendTimes(connection, [10, 20, 30]);
  for (let version = 1; version <= 11; version++) {
    assertEquals(await find(connection, LATEST, { version }), [0, 3, -1]);
    assertEquals(await find(connection, EARLIEST, { version }), [0, 0, -1]);
    assertEquals(await find(connection, 15, { version }), [0, 1, 20]);
    const { leaderEpoch } = await listOffset(connection, "t", LATEST, { version });
    assertEquals(leaderEpoch, version >= 4 ? 0 : -1);
  }
});

Deno.test("an empty log begins and ends at 0 and holds no time", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  assertEquals(await find(connection, LATEST), [0, 0, -1]);
  assertEquals(await find(connection, EARLIEST), [0, 0, -1]);
  assertEquals(await find(connection, LARGEST), [0, -1, -1]);
  assertEquals(await find(connection, 0), [0, -1, -1]);
});

for (const codec of ["none", "gzip", "zstd"] as const) {
  Deno.test(`a time leads to the first record at least as late, inside ${codec} batches too`, async () => {
    await using broker = await TestBroker.start();
    await broker.createTopic("t");
    const connection = await broker.connect();
    await appendTimes(connection, [100, 300, 200], codec);
    await appendTimes(connection, [250, 400, 400], codec);
    assertEquals(await find(connection, 0), [0, 0, 100]);
    assertEquals(await find(connection, 100), [0, 0, 100]);
    assertEquals(await find(connection, 150), [0, 1, 300], "not the batch's first");
    assertEquals(await find(connection, 301), [0, 4, 400]);
    assertEquals(await find(connection, 400), [0, 4, 400]);
    assertEquals(await find(connection, 401), [0, -1, -1]);
    assertEquals(await find(connection, LARGEST), [0, 4, 400], "the first of two");
  });
}

Deno.test("a time is found across many segments", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { configs: { "segment.bytes": "1048576" } });
  const connection = await broker.connect();
  const value = utf8("x".repeat(300_000));
  for (let i = 0; i < 12; i++) {
    const records = buildBatch({ records: [{ timestampMs: 1000 + i * 10, value }] });
    assertEquals((await produce(connection, { topic: "t", records })).errorCode, 0);
  }
  for (let i = 0; i < 12; i++) {
    assertEquals(await find(connection, 1000 + i * 10 - 5), [0, i, 1000 + i * 10]);
  }
  assertEquals(await find(connection, LARGEST), [0, 11, 1110]);
});

Deno.test("special timestamps begin with their version, and unknown ones are 35", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  await appendTimes(connection, [10]);
  const since: [timestamp: number, version: number, answer: number[]][] = [
    [LARGEST, 7, [0, 0, 10]],
    [EARLIEST_LOCAL, 8, [0, 0, -1]],
    [LAST_TIERED, 9, [0, -1, -1]],
    [EARLIEST_PENDING, 11, [0, -1, -1]],
  ];
  for (const [timestamp, version, answer] of since) {
    assertEquals(await find(connection, timestamp, { version }), answer);
    assertEquals(await find(connection, timestamp, { version: version - 1 }), [35, -1, -1]);
  }
  for (const unknown of [-7, -100, Number.MIN_SAFE_INTEGER]) {
    assertEquals(await find(connection, unknown), [35, -1, -1]);
  }
});

Deno.test("a partition that is named twice is 42, an unknown one 3, a wrong leader epoch 75", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { partitions: 2 });
  const connection = await broker.connect();
  const at = (partitionIndex: number, currentLeaderEpoch = -1) => {
    return { partitionIndex, currentLeaderEpoch, timestamp: LATEST };
  };
  const { topics } = await connection.request(ListOffsets, 11, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [
      { name: "t", partitions: [at(0), at(0), at(1, 7), at(2)] },
      { name: "none", partitions: [at(0)] },
    ],
  });
  const codes = topics.map(({ name, partitions }) => [
    name,
    new Map(partitions.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode])),
  ]);
  assertEquals(codes, [["t", new Map([[0, 42], [1, 75], [2, 3]])], ["none", new Map([[0, 3]])]]);
});

// ---- DeleteRecords

/** [error, low watermark] of a topic's first partition. */
async function deleteTo(connection: Connection, topic: string, offset: number, version = 2) {
  const { topics } = await connection.request(DeleteRecords, version, {
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, offset }] }],
    timeoutMs: 1000,
  });
  return [topics[0].partitions[0].errorCode, topics[0].partitions[0].lowWatermark];
}

Deno.test("DeleteRecords moves the log start, to the high watermark for -1, and never back", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  await append(connection, "t", ["a", "b", "c", "d"]);
  await append(connection, "t", ["e", "f"]);
  assertEquals(await deleteTo(connection, "t", 2, 0), [0, 2]);
  assertEquals(await find(connection, EARLIEST), [0, 2, -1]);
  assertEquals((await fetchOne(connection, "t", 1)).errorCode, 1);
  assertEquals(await readAll(connection, "t", 0, 2), ["c", "d", "e", "f"]);
  assertEquals(await deleteTo(connection, "t", 1, 1), [0, 2]);
  assertEquals(await deleteTo(connection, "t", -1), [0, 6]);
  const { errorCode, logStartOffset, highWatermark } = await fetchOne(connection, "t", 6);
  assertEquals([errorCode, logStartOffset, highWatermark], [0, 6, 6]);
  assertEquals(await append(connection, "t", ["g"]), 6);
});

Deno.test("a time does not lead to a record that was deleted", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  await appendTimes(connection, [10, 20, 30]);
  await deleteTo(connection, "t", 2);
  assertEquals(await find(connection, 5), [0, 2, 30]);
});

Deno.test("DeleteRecords past the high watermark or below -1 is 1, and changes nothing", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  await append(connection, "t", ["a"]);
  for (const offset of [2, -2, Number.MAX_SAFE_INTEGER]) {
    assertEquals(await deleteTo(connection, "t", offset), [1, -1]);
  }
  assertEquals(await readAll(connection, "t"), ["a"]);
});

Deno.test("DeleteRecords of an unknown topic is 3, of the broker's own 17, of a compacted one 44", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("c", { configs: { "cleanup.policy": "compact" } });
  await broker.createTopic("both", { configs: { "cleanup.policy": "compact,delete" } });
  await broker.createTopic("__consumer_offsets");
  const connection = await broker.connect();
  assertEquals(await deleteTo(connection, "none", 0), [3, -1]);
  assertEquals(await deleteTo(connection, "__consumer_offsets", 0), [17, -1]);
  assertEquals(await deleteTo(connection, "c", 0), [44, -1]);
  assertEquals(await deleteTo(connection, "both", 0), [0, 0]);
});

// ---- Leader epochs

Deno.test("OffsetForLeaderEpoch: the current epoch ends at the log end, one to come is -1", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  await append(connection, "t", ["a", "b"]);
  for (let version = 2; version <= 4; version++) {
    const ask = async (leaderEpoch: number, currentLeaderEpoch = -1, partition = 0) => {
      const partitions = [{ partition, leaderEpoch, currentLeaderEpoch }];
      const { topics } = await connection.request(OffsetForLeaderEpoch, version, {
        topics: [{ topic: "t", partitions }],
      });
      const found = topics[0].partitions[0];
      return [found.errorCode, found.leaderEpoch, found.endOffset];
    };
    assertEquals(await ask(0), [0, 0, 2]);
    assertEquals(await ask(5), [0, -1, -1]);
    assertEquals(await ask(0, 3), [75, -1, -1]);
    assertEquals(await ask(0, -1, 9), [3, -1, -1]);
  }
});
