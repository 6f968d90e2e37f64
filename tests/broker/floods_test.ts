/**
 * Proves that a flood of one kind holds up nobody else: while attackers stall, pile up, blow up or send riddles, somebody
 * who does none of it is answered again and again. What counts is how many of its answers come before the flood is over
 * or cut off, and that it gets them at all; how quickly is bench/floods.ts' business.
 */
import { assert, assertEquals } from "@std/assert";
import { Writer } from "../../src/bytes/writer.ts";
import type { Connection } from "../../src/client/connection.ts";
import { joined } from "../../src/protocol/codec.ts";
import { ConsumerGroupHeartbeat } from "../../src/protocol/messages/consumer_group_heartbeat.ts";
import { Fetch } from "../../src/protocol/messages/fetch.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import { CompressionType } from "../../src/protocol/records/compression.ts";
import {
  append,
  batchOf,
  fetchOne,
  fetchRequest,
  listOffset,
  produce,
  produceRequest,
  readAll,
  valuesIn,
} from "./calls.ts";
import { pause, requestBytes, TestBroker, within } from "./harness.ts";

const MIB = 1 << 20;

/** Limits a sixteenth of the usual ones. */
const SMALL = { maxBufferedBytes: 16 * MIB, maxFrameBytes: 8 * MIB };

Deno.test("clients that stall before the end of a large request hold up nobody", async () => {
  await using broker = await TestBroker.start({ limits: SMALL });
  await broker.createTopic("t");
  const stalled = await Promise.all([1, 2, 3].map(() => broker.wire()));
  for (const wire of stalled) {
    const begun = begin(7 * MIB, 6 * MIB);
    wire.write(begun).catch(() => {}); // two of them wait for memory
  }
  await pause(100);
  const connection = await broker.connect();
  for (let i = 0; i < 20; i++) {
    const value = "x".repeat(i % 2 === 0 ? 50_000 : 500_000);
    await within(append(connection, "t", [value]), "a batch beside stalled ones", 20_000);
  }
});

Deno.test("a large request waits for those that stall no longer than until they are cut", async () => {
  await using broker = await TestBroker.start({ limits: SMALL });
  await broker.createTopic("t", { configs: { "max.message.bytes": `${8 * MIB}` } });
  const stalled = await Promise.all([1, 2].map(() => broker.wire()));
  for (const wire of stalled) wire.write(begin(7 * MIB, 6 * MIB)).catch(() => {});
  await pause(100);
  const connection = await broker.connect();
  await within(append(connection, "t", ["x".repeat(7 * MIB)]), "a large batch", 10_000);
  assert(await broker.metric("connections_closed_total", 'reason="memory"') >= 1);
});

Deno.test("many large requests at once take turns: what is in memory stays bounded, and all are answered", async () => {
  await using broker = await TestBroker.start({ limits: SMALL });
  await broker.createTopic("t", { configs: { "max.message.bytes": `${8 * MIB}` } });
  const records = buildBatch({ records: [{ timestampMs: 1, value: new Uint8Array(7 * MIB) }] });
  const request = requestBytes(Produce, 9, produceRequest(9, { topic: "t", records }));
  const wires = await Promise.all(Array.from({ length: 20 }, () => broker.wire()));
  let mostBytes = 0, isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const bytes = await broker.metric("requests_reserved_bytes") +
        await broker.metric("buffers_lent_bytes");
      mostBytes = Math.max(mostBytes, bytes);
      await pause(5);
    }
  })();
  await Promise.all(wires.map(async (wire) => {
    const writing = wire.write(request);
    const { responses } = await within(wire.answer(Produce, 9), "an answer", 30_000);
    assertEquals(responses[0].partitionResponses[0].errorCode, 0);
    await writing;
  }));
  isOver = true;
  await watching;
  assert(mostBytes < 2 * SMALL.maxBufferedBytes, `${mostBytes} bytes`);
  assertEquals(await broker.metric("requests_reserved_bytes"), 0);
});

Deno.test("readers that do not take their replies hold up nobody, and are closed when memory is needed", async () => {
  await using broker = await TestBroker.start({ limits: SMALL });
  await broker.createTopic("t");
  const connection = await broker.connect();
  for (let i = 0; i < 8; i++) await append(connection, "t", ["x".repeat(900_000)]);
  const ask = requestBytes(
    Fetch,
    4,
    fetchRequest([{ topic: "t", partitions: [{ partition: 0, fetchOffset: 0 }] }], {
      maxBytes: 50 * MIB,
    }),
  );
  const asks = joined(Array.from({ length: 50 }, () => ask));
  const stuck = await Promise.all(Array.from({ length: 40 }, () => broker.wire()));
  for (const wire of stuck) wire.write(asks).catch(() => {});
  for (let tries = 0; await broker.metric("buffers_lent_bytes") < SMALL.maxBufferedBytes; tries++) {
    if (tries > 50) break; // they were closed meanwhile
    await pause(10);
  }
  const other = await broker.connect();
  for (let i = 0; i < 20; i++) {
    await within(append(other, "t", ["y".repeat(20_000)]), "a batch", 20_000);
    const { records } = await within(fetchOne(other, "t", 8), "a fetch", 20_000);
    assertEquals(valuesIn(records)[0]?.slice(0, 1), "y");
  }
  assert(await broker.metric("buffers_lent_bytes") < 2 * SMALL.maxBufferedBytes);
});

for (const codec of ["gzip", "snappy", "lz4", "zstd"] as const) {
  Deno.test(`${codec} that decompresses to much more than it is holds up nobody, and is stored`, async () => {
    await using broker = await TestBroker.start({ limits: { maxDecompressedBytes: 65 * MIB } });
    const configs = { "max.message.bytes": `${8 * MIB}` };
    await broker.createTopic("t", { partitions: 9, configs });
    const bomb = buildBatch({
      compression: CompressionType[codec],
      records: [{ timestampMs: 1, value: new Uint8Array(64 * MIB) }],
    });
    const attackers = await Promise.all(Array.from({ length: 8 }, () => broker.connect()));
    const other = await broker.connect();
    const flood = attackers.map((connection, partition) =>
      produce(connection, { topic: "t", partition, records: bomb })
    );
    const answers = await during(flood, () => append(other, "t", ["a"], { partition: 8 }));
    for (const { errorCode, baseOffset } of await Promise.all(flood)) {
      assertEquals([errorCode, baseOffset], [0, 0]);
    }
    assert(answers >= 40, `${answers} answers beside 8 batches of 64 MiB`);
  });
}

Deno.test("searches by time in a batch that decompresses to much hold up nobody", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { partitions: 2 });
  const connection = await broker.connect(), other = await broker.connect();
  const value = new Uint8Array(1000);
  const records = Array.from({ length: 60_000 }, (_, i) => ({ timestampMs: 1000 + i, value }));
  const bomb = buildBatch({ compression: CompressionType.gzip, records });
  assertEquals((await produce(connection, { topic: "t", records: bomb })).errorCode, 0);
  const attackers = await Promise.all(Array.from({ length: 8 }, () => broker.connect()));
  const flood = attackers.map((attacker) => listOffset(attacker, "t", 60_999));
  const answers = await during(flood, () => append(other, "t", ["a"], { partition: 1 }));
  for (const { offset } of await Promise.all(flood)) assertEquals(offset, 59_999);
  assert(answers >= 8, `${answers} answers beside 8 searches`);
});

Deno.test("clients that ask for much and read nothing hold no more than the limit, whatever they ask", async () => {
  await using broker = await TestBroker.start({ limits: SMALL });
  await broker.createTopic("t", { partitions: 4000 });
  const asks = joined(
    Array.from({ length: 100 }, (_, i) => requestBytes(Metadata, 1, { topics: null }, i)),
  );
  const stuck = await Promise.all(Array.from({ length: 60 }, () => broker.wire()));
  for (const wire of stuck) wire.write(asks).catch(() => {});
  const other = await broker.connect();
  let mostBytes = 0;
  for (let i = 0; i < 20; i++) {
    await within(append(other, "t", ["a"]), "a batch", 20_000);
    mostBytes = Math.max(mostBytes, await broker.metric("buffers_lent_bytes"));
  }
  assert(mostBytes < 2 * SMALL.maxBufferedBytes, `${mostBytes} bytes`);
});

Deno.test("a batch that is checked later keeps its place among those its connection sent", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { partitions: 2 });
  const connection = await broker.connect();
  const sent = Array.from({ length: 12 }, (_, i) => {
    const records = i % 3 === 1
      ? buildBatch({
        compression: CompressionType.gzip,
        records: [{ timestampMs: 1, value: new TextEncoder().encode(`${i}`.padEnd(2 * MIB, "x")) }],
      })
      : batchOf([`${i}`]);
    return produce(connection, { topic: "t", records });
  });
  for (const [i, { errorCode, baseOffset }] of (await Promise.all(sent)).entries()) {
    assertEquals([errorCode, baseOffset], [0, i]);
  }
  const values = await readAll(connection, "t");
  assertEquals(values.map((value) => parseInt(value!)), sent.map((_, i) => i));
});

Deno.test("a request of many batches that each blow up holds up nobody", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  await broker.createTopic("many", { partitions: 400 });
  const records = buildBatch({
    compression: CompressionType.gzip,
    records: [{ timestampMs: 1, value: new Uint8Array(200_000) }],
  });
  const partitionData = Array.from({ length: 400 }, (_, index) => ({ index, records }));
  const attacker = await broker.connect(), other = await broker.connect();
  const request = {
    transactionalId: null,
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name: "many", partitionData }],
  };
  const flood = [attacker.request(Produce, 9, request)];
  const answers = await during(flood, () => append(other, "t", ["a"]));
  const [{ responses }] = await Promise.all(flood);
  for (const { errorCode } of responses[0].partitionResponses) assertEquals(errorCode, 0);
  assert(answers >= 5, `${answers} answers beside 400 batches`);
});

Deno.test("many small requests in one write hold up nobody", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  await broker.createTopic("many", { partitions: 300 });
  const wire = await broker.wire(), other = await broker.connect();
  const count = 10_000;
  const asks = Array.from(
    { length: count },
    (_, i) => requestBytes(Metadata, 1, { topics: null }, i),
  );
  const writing = wire.write(joined(asks));
  const reading = (async () => {
    for (let i = 0; i < count; i++) await wire.frame();
  })();
  const answers = await during([reading], () => append(other, "t", ["a"]));
  await writing;
  assert(answers >= 10, `${answers} answers beside ${count} requests`);
});

Deno.test("a pattern that is costly to match is refused or answered, and holds up nobody", async () => {
  await using broker = await TestBroker.start({ groups: { initialRebalanceDelayMs: 0 } });
  await broker.createTopic("t");
  for (let i = 0; i < 100; i++) {
    await broker.createTopic(`${"a".repeat(240)}${String(i).padStart(5, "0")}`);
  }
  const attacker = await broker.connect(), other = await broker.connect();
  await attacker.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] }); // makes its topic
  await heartbeat(attacker, "warm", "t");
  const pattern = "(a?){1000}(a?){1000}(a?){400}zz";
  const flood = [0, 1, 2].map((i) => heartbeat(attacker, `g${i}`, pattern));
  const answers = await during(flood, () => append(other, "t", ["a"]));
  for (const { errorCode, errorMessage } of await Promise.all(flood)) {
    assert(errorCode === 128 || errorCode === 0, `${errorCode} ${errorMessage}`);
  }
  assert(answers >= 40, `${answers} answers beside three heartbeats`);
  const usual = await heartbeat(other, "usual", "a+000.*");
  assertEquals(usual.errorCode, 0);
});

function heartbeat(connection: Connection, groupId: string, pattern: string) {
  const request = {
    groupId,
    memberId: crypto.randomUUID(),
    memberEpoch: 0,
    rebalanceTimeoutMs: 30_000,
    subscribedTopicRegex: pattern,
    topicPartitions: [],
  };
  return within(beat(), "a heartbeat", 30_000);

  async function beat() {
    for (;;) {
      const answer = await connection.request(ConsumerGroupHeartbeat, 1, request);
      if (![14, 15, 16].includes(answer.errorCode)) return answer; // else the coordinator begins
      await pause(20);
    }
  }
}

/** How often `ask` was answered before all of the flood was. */
async function during(flood: readonly Promise<unknown>[], ask: () => Promise<unknown>) {
  let isOver = false, answers = 0;
  const over = Promise.allSettled(flood).then(() => isOver = true);
  while (!isOver) {
    await ask();
    if (!isOver) answers++;
  }
  await over;
  return answers;
}

/** The beginning of a Produce request: `declared` bytes to come, `sent` of which are here. */
function begin(declared: number, sent: number): Uint8Array {
  const writer = new Writer();
  writer.int32(declared);
  writer.int16(0);
  writer.int16(9);
  const bytes = new Uint8Array(sent);
  bytes.set(joined(writer.finish()));
  return bytes;
}
