/**
 * Proves that a wall clock which is wrong deletes nothing, and that one which is right does in the end: set forward by
 * 400 days while a broker runs, before it starts and back again, and on a directory that rested for a month.
 *
 * A second topic that is bounded by size shows that retention has looked meanwhile.
 */
import { assert, assertEquals } from "@std/assert";
import { ShiftedClock } from "../../src/testing/shifted_clock.ts";
import type { Connection } from "../../src/client/connection.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import {
  append,
  batchOf,
  EARLIEST,
  fetchOne,
  listOffset,
  produce,
  readAll,
  recordsIn,
} from "./calls.ts";
import { pause, type Settings, TestBroker, utf8, withDirectory } from "./harness.ts";

const MINUTE_MS = 60_000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS;
const SMALL = {
  "internal.segment.bytes": "200",
  "file.delete.delay.ms": "0",
  "message.timestamp.after.max.ms": "9223372036854775807",
};
const OFTEN: Settings = { storage: { retentionCheckIntervalMs: 20 } };

async function filled(broker: TestBroker): Promise<void> {
  await broker.createTopic("week", { configs: { ...SMALL, "retention.ms": `${7 * DAY_MS}` } });
  await broker.createTopic("hour", { configs: { ...SMALL, "retention.ms": `${HOUR_MS}` } });
  await broker.createTopic("size", { configs: { ...SMALL, "retention.bytes": "1" } });
  const client = await broker.connect();
  for (let i = 0; i < 10; i++) {
    for (const topic of ["week", "hour"]) await append(client, topic, ["x".repeat(100)]);
  }
}

async function startOf(broker: TestBroker, topic: string): Promise<number> {
  return (await listOffset(await broker.connect(), topic, EARLIEST)).offset;
}

/** Returns when retention has looked at every log since the call. */
async function retentionLooked(broker: TestBroker): Promise<void> {
  const client = await broker.connect();
  for (let round = 0; round < 2; round++) { // a pass may be under way that has seen the others already
    let last = 0;
    for (let i = 0; i < 5; i++) last = await append(client, "size", ["x".repeat(100)]);
    await until(async () => await startOf(broker, "size") >= last - 1, "retention by size");
  }
}

/** Where the topics begin that are kept for a time, once retention has looked at their logs. */
async function begins(broker: TestBroker): Promise<number[]> {
  const now = async () => [await startOf(broker, "week"), await startOf(broker, "hour")];
  await now(); // which opens the logs
  await retentionLooked(broker);
  return await now();
}

async function until(what: () => Promise<boolean>, of: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await what()) return;
    await pause(20);
  }
  throw new Error(`${of}: not within 10 s`);
}

Deno.test("a wall clock set forward by 400 days while the broker runs deletes nothing, nor does one set back", async () => {
  const clock = new ShiftedClock();
  await using broker = await TestBroker.start(OFTEN, { clock });
  await filled(broker);
  for (const step of [400 * DAY_MS, 2 * HOUR_MS, -400 * DAY_MS, -30 * DAY_MS, 30 * DAY_MS]) {
    clock.stepWall(step);
    assertEquals(
      await begins(broker),
      [0, 0],
      `deleted after the clock was set by ${step / DAY_MS} days`,
    );
  }
});

Deno.test("what is too old by the time that has passed goes as ever, also under a wrong wall clock", async () => {
  const clock = new ShiftedClock();
  await using broker = await TestBroker.start(OFTEN, { clock });
  await filled(broker);
  clock.stepWall(400 * DAY_MS);
  await retentionLooked(broker);
  assertEquals(await startOf(broker, "hour"), 0);
  clock.advance(61 * MINUTE_MS);
  await until(async () => await startOf(broker, "hour") > 0, "the hour's end");
  assertEquals(await startOf(broker, "week"), 0);
});

Deno.test("a start under a clock 400 days ahead deletes nothing, nor does the next one with the clock right", () =>
  withDirectory(async (path) => {
    {
      await using broker = await TestBroker.start({ ...OFTEN, path });
      await filled(broker);
    }
    for (const aheadMs of [400 * DAY_MS, 2 * HOUR_MS, -400 * DAY_MS, 0]) {
      const clock = new ShiftedClock(aheadMs);
      await using broker = await TestBroker.start({ ...OFTEN, path }, { clock });
      assertEquals(
        await begins(broker),
        [0, 0],
        `deleted under a clock ${aheadMs / DAY_MS} days ahead`,
      );
      const waits = await broker.metric("clock_unconfirmed_seconds");
      const expected = Math.max(0, aheadMs) / 1000;
      assert(Math.abs(waits - expected) < 60, `${waits} s unconfirmed, needs ${expected}`);
    }
  }));

Deno.test("a directory that rested for a month expires as it should, after 30 hours of a steady clock", () =>
  withDirectory(async (path) => {
    {
      await using broker = await TestBroker.start({ ...OFTEN, path });
      await filled(broker);
    }
    const clock = new ShiftedClock(30 * DAY_MS);
    await using broker = await TestBroker.start({ ...OFTEN, path }, { clock });
    assertEquals((await begins(broker))[0], 0);
    clock.advance(31 * HOUR_MS);
    await until(async () => await startOf(broker, "week") > 0, "the end of the wait");
  }));

Deno.test("an operator says that the clock is right, and what is too old goes at once", () =>
  withDirectory(async (path) => {
    {
      await using broker = await TestBroker.start({ ...OFTEN, path });
      await filled(broker);
    }
    const storage = { ...OFTEN.storage, trustClock: true };
    const clock = new ShiftedClock(30 * DAY_MS);
    await using broker = await TestBroker.start({ storage, path }, { clock });
    await until(async () => await startOf(broker, "week") > 0, "the week's end");
  }));

Deno.test("without the time of the last stop the metadata log says when the directory was used last", () =>
  withDirectory(async (path) => {
    {
      await using broker = await TestBroker.start({ ...OFTEN, path });
      await filled(broker);
    }
    await Deno.remove(`${path}/runnel-clock`);
    const clock = new ShiftedClock(400 * DAY_MS);
    await using broker = await TestBroker.start({ ...OFTEN, path }, { clock });
    assertEquals(await begins(broker), [0, 0]);
  }));

Deno.test("a producer's retry is known under a wall clock that is wrong", () =>
  withDirectory(async (path) => {
    const records = batchOf(["once"], { producerId: 7, producerEpoch: 0, baseSequence: 0 });
    {
      await using broker = await TestBroker.start({ path });
      await broker.createTopic("t");
      const connection = await broker.connect();
      await produce(connection, { topic: "t", records: records.slice() });
      await append(connection, "t", ["another"]);
    }
    const clock = new ShiftedClock(400 * DAY_MS);
    await using broker = await TestBroker.start({ path }, { clock });
    const connection = await broker.connect();
    const again = await produce(connection, { topic: "t", records: records.slice() });
    assertEquals([again.errorCode, again.baseOffset], [0, 0]);
    assertEquals(await readAll(connection, "t"), ["once", "another"]);
  }));

Deno.test("compaction keeps tombstones under a wall clock that is wrong", async () => {
  const clock = new ShiftedClock();
  await using broker = await TestBroker.start({ compaction: { backoffMs: 20 } }, { clock });
  const configs = {
    ...SMALL,
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0",
    "delete.retention.ms": `${DAY_MS}`,
  };
  await broker.createTopic("keys", { configs });
  const client = await broker.connect();
  const write = async (key: string, value: string | null) => {
    const record = { timestampMs: Date.now(), key: utf8(key), value: value && utf8(value) };
    const answer = await produce(client, {
      topic: "keys",
      records: buildBatch({ records: [{ ...record, value: record.value || null }] }),
    });
    assertEquals(answer.errorCode, 0);
  };
  const count = async (key: string) =>
    (await recordsOf(client)).filter((record) => record.key === key).length;
  /** Writes one key until the cleaner has been over what came before. */
  const compacted = async (key: string) => {
    for (let i = 0; i < 6; i++) await write(key, "x".repeat(100));
    await until(async () => await count(key) < 3, `compaction of ${key}`);
  };
  await write("gone", "value");
  await write("gone", null);
  await compacted("a");
  assertEquals(await count("gone"), 1);
  clock.stepWall(400 * DAY_MS);
  await compacted("b");
  assertEquals(await count("gone"), 1, "the tombstone went by a clock that was wrong");
  clock.advance(DAY_MS + MINUTE_MS);
  await compacted("c");
  await until(async () => await count("gone") === 0, "the tombstone's end");
});

async function recordsOf(client: Connection): Promise<{ key: string }[]> {
  const found: { key: string }[] = [];
  for (let from = 0;;) {
    const { records, highWatermark } = await fetchOne(client, "keys", from);
    for (const { offset, key } of recordsIn(records)) {
      found.push({ key: new TextDecoder().decode(key!) });
      from = offset + 1;
    }
    if (records === null || records.length === 0 || from >= highWatermark) return found;
  }
}
