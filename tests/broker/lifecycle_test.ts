/**
 * Proves how a broker starts, refuses to, and stops; and when a write is acknowledged and seen under each flush
 * policy.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { joined } from "../../src/protocol/codec.ts";
import { Fetch } from "../../src/protocol/messages/fetch.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import { HeldTimers } from "../../src/testing/held_timers.ts";
import {
  append,
  batchOf,
  fetchOne,
  fetchRequest,
  LATEST,
  listOffset,
  produce,
  produceRequest,
  readAll,
  valuesIn,
} from "./calls.ts";
import { pause, requestBytes, TestBroker, withDirectory, within } from "./harness.ts";

// ---- What is refused at a start

Deno.test("a second broker on a directory is refused, with the directory's name; the first serves on", () =>
  withDirectory(async (path) => {
    await using broker = await TestBroker.start({ path });
    const error = await assertRejects(() => TestBroker.start({ path }), Error);
    assertEquals(error.name, "DirectoryLockedError");
    assert(error.message.includes(path), error.message);
    await broker.serves();
  }));

for (const which of ["Kafka", "HTTP"]) {
  Deno.test(`the ${which} port in use is refused before a byte is written, and the directory is free again`, () =>
    withDirectory(async (path) => {
      await using first = await TestBroker.start();
      const taken = which === "Kafka"
        ? { kafkaPort: first.port }
        : { httpPort: Number(first.httpAddress.split(":")[1]) };
      await assertRejects(() => TestBroker.start({ path, ...taken }), Deno.errors.AddrInUse);
      const left = [...Deno.readDirSync(path)].map(({ name }) => name);
      assertEquals(left.filter((name) => name !== ".lock"), []);
      await using second = await TestBroker.start({ path });
      await second.serves();
    }));
}

Deno.test("a directory that is a file is refused, with its name", () =>
  withDirectory(async (directory) => {
    const path = `${directory}/file`;
    await Deno.writeTextFile(path, "");
    const error = await assertRejects(() => TestBroker.start({ path }), Error);
    assert(error.message.includes(path), error.message);
  }));

// ---- Stopping

Deno.test("stopping answers the requests in flight, polls with what there is, and closes", async () => {
  const broker = await TestBroker.start();
  await using _stopped = broker;
  await broker.createTopic("t");
  await append(await broker.connect(), "t", ["a"]);
  const polling = await broker.wire(), writing = await broker.wire(), idle = await broker.wire();
  const partitions = [{ partition: 0, fetchOffset: 0 }];
  const request = fetchRequest([{ topic: "t", partitions }], { minBytes: 9999, maxWaitMs: 60_000 });
  await polling.send(Fetch, 4, request);
  const count = 50;
  await writing.write(
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
  await pause(20);
  const stopping = broker.stop();
  const { responses } = await within(polling.answer(Fetch, 4), "the poll's answer");
  assertEquals(valuesIn(responses[0].partitions[0].records)[0], "a");
  for (let i = 0; i < count; i++) {
    const { correlationId, body } = await writing.answered(Produce, 9);
    assertEquals([correlationId, body.responses[0].partitionResponses[0].errorCode], [i, 0]);
  }
  for (const wire of [polling, writing, idle]) assertEquals(await wire.frame(), null);
  await within(stopping, "the stop");
  await assertRejects(() => broker.wire(), Deno.errors.ConnectionRefused);
});

Deno.test("what was acknowledged while the broker stopped is there at the next start", () =>
  withDirectory(async (path) => {
    let acknowledged = 0;
    {
      await using broker = await TestBroker.start({ path });
      await broker.createTopic("t");
      const wire = await broker.wire();
      const all = Array.from(
        { length: 200 },
        (_, i) =>
          requestBytes(
            Produce,
            9,
            produceRequest(9, { topic: "t", records: batchOf([`${i}`]) }),
            i,
          ),
      );
      const sending = wire.write(joined(all)).catch(() => {});
      await within(wire.frame(), "the first answer");
      const stopping = broker.stop();
      for (acknowledged = 1; await wire.frame() !== null;) acknowledged++;
      await Promise.all([sending, stopping]);
    }
    await using broker = await TestBroker.start({ path });
    const values = await readAll(await broker.connect(), "t");
    assert(values.length >= acknowledged, `${values.length} of ${acknowledged} are there`);
    assertEquals(values, Array.from({ length: values.length }, (_, i) => `${i}`));
  }));

Deno.test("a client that does not take its answers cannot keep the broker from stopping within 5 s", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  await append(await broker.connect(), "t", ["x".repeat(900_000)]);
  const stuck = await broker.wire();
  const partitions = [{ partition: 0, fetchOffset: 0 }];
  const request = requestBytes(Fetch, 4, fetchRequest([{ topic: "t", partitions }]));
  stuck.write(joined(Array.from({ length: 50 }, () => request))).catch(() => {});
  await pause(100);
  await within(broker.stop(), "the stop");
});

// ---- Flush policies

/** Longer than a test takes, so that what happened did not happen because it passed; no other timer's delay. */
const NEVER_MS = 3_599_999;

Deno.test("flush=fsync: acks=1 is answered before the sync, and nothing is seen before it", () =>
  withDirectory(async (path) => {
    const timers = new HeldTimers(NEVER_MS);
    await using broker = await TestBroker.start(
      { path, flush: "fsync", flushIntervalMs: NEVER_MS },
      { timers },
    );
    await broker.createTopic("t");
    const connection = await broker.connect(), reader = await broker.connect();
    const written = await produce(connection, { topic: "t", acks: 1, records: batchOf(["a"]) });
    assertEquals([written.errorCode, written.baseOffset], [0, 0]);
    const latest = (await listOffset(connection, "t", LATEST)).offset;
    const { records, highWatermark } = await fetchOne(connection, "t", 0);
    assertEquals([latest, highWatermark, records?.length ?? 0], [0, 0, 0]);
    const polling = fetchOne(reader, "t", 0, { maxWaitMs: NEVER_MS });
    await broker.serves();
    timers.release();
    assertEquals(valuesIn((await within(polling, "the poll's answer")).records), ["a"]);
  }));

Deno.test("flush=fsync: acks=all is answered after the sync, and seen by then", () =>
  withDirectory(async (path) => {
    const timers = new HeldTimers(NEVER_MS);
    await using broker = await TestBroker.start(
      { path, flush: "fsync", flushIntervalMs: NEVER_MS },
      { timers },
    );
    await broker.createTopic("t");
    const connection = await broker.connect(), other = await broker.connect();
    let isAnswered = false;
    const appending = append(connection, "t", ["a"]).then(() => isAnswered = true);
    // The other one's record comes after it, and is answered, as it asks for less.
    while ((await produce(other, { topic: "t", acks: 1, records: batchOf(["b"]) })).baseOffset < 1);
    assertEquals([isAnswered, timers.count], [false, 1]);
    timers.release();
    await within(appending, "the answer");
    assertEquals((await readAll(connection, "t")).includes("a"), true);
  }));

for (const flush of ["os", "interval"] as const) {
  Deno.test(`flush=${flush}: a write is acknowledged and seen once the system has it`, () =>
    withDirectory(async (path) => {
      await using broker = await TestBroker.start({ path, flush, flushIntervalMs: NEVER_MS });
      await broker.createTopic("t");
      const connection = await broker.connect();
      for (const acks of [1, -1]) {
        const records = batchOf([`${acks}`]);
        assertEquals(
          (await within(produce(connection, { topic: "t", acks, records }), "answer")).errorCode,
          0,
        );
      }
      assertEquals(await readAll(connection, "t"), ["1", "-1"]);
    }));
}
