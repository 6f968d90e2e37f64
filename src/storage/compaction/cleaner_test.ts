// Proves that compaction changes nothing a consumer's table shows: random histories (each failure prints the seed that
// replays it) are compacted again and again and read by both isolation levels; then one by one what random histories
// do not pin down: when tombstones and markers go, how far a pass reaches, what is kept in memory.
import { clearImmediate, setImmediate } from "node:timers";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { systemTimers, type Timers } from "../../clock.ts";
import type { FakeClock } from "../../testing/fake_clock.ts";
import type { TopicConfig } from "../../config/topic_configs.ts";
import * as batch from "../../protocol/records/batch.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { CompressionType } from "../../protocol/records/compression.ts";
import { buildEndTxnBatch } from "../../protocol/records/control_record.ts";
import { Cleaner, type CleanerOptions } from "./cleaner.ts";
import { CleanerPositions } from "./positions.ts";
import {
  BusyClock,
  compactedConfig,
  consume,
  History,
  newLog,
  reopened,
  tableOf,
  testContext,
} from "../../testing/compaction_history.ts";
import { ENTRY_BYTES } from "./map.ts";
import { FaultyStore } from "../../testing/faulty_store.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { CorruptBatchError } from "../segments/corrupt_batch_error.ts";
import { PartitionLog } from "../log/partition_log.ts";
import type { Store } from "../store.ts";
import { readNow } from "../../testing/read_now.ts";

/** A rest is a turn: the clock leaps here, and who has worked for a day would rest a second. */
const SHORT_RESTS: Timers = {
  after(_ms, work) {
    const turn = setImmediate(work);
    return () => clearImmediate(turn);
  },
};

function setup(config: Partial<TopicConfig> = {}, options: Partial<CleanerOptions> = {}) {
  const store = new MemoryStore(), clock = new BusyClock();
  const context = testContext(store, clock);
  const log = newLog(context, compactedConfig(config));
  const history = new History(log, clock, seeded(1));
  const { cleaner, events } = cleanerOf(store, clock, log, options);
  return { store, clock, context, log, history, cleaner, events };
}

/** As a broker keeps them: whichever cleaner comes next goes on from there. */
const positions = new CleanerPositions();

function cleanerOf(
  store: Store,
  clock: FakeClock,
  log: PartitionLog,
  options: Partial<CleanerOptions> = {},
) {
  const events: Record<string, unknown>[] = [];
  const cleaner = new Cleaner({
    store,
    pool: testContext(store, clock).pool,
    clock,
    logs: () => [log],
    checkpoint: () => Promise.resolve(),
    backoffMs: 1,
    dedupeBufferBytes: 1 << 20,
    ioMaxBytesPerSecond: Infinity,
    maxDecompressedBytes: 1 << 20,
    timers: SHORT_RESTS,
    onEvent: (event, details) => events.push({ event, ...details }),
    positions,
    ...options,
  });
  return { cleaner, events };
}

/** mulberry32 */
function seeded(seed: number): () => number {
  return () => {
    seed = seed + 0x6d2b79f5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  };
}

/** Compacts until nothing is due; where the clean part ends. */
async function cleanAll(
  { cleaner, log, events }: {
    cleaner: Cleaner;
    log: PartitionLog;
    events: Record<string, unknown>[];
  },
): Promise<number> {
  await log.sync();
  while (await cleaner.cleanDirtiest());
  const failed = events.find(({ event }) => event === "compaction_failed");
  if (failed !== undefined) throw new Error(String(failed.error));
  return positions.compactedTo(log) ?? 0;
}

/** Everything that must hold at any time after compaction up to `cleanedTo`. */
function checkConsumers(log: PartitionLog, history: History, cleanedTo: number): void {
  for (const record of consume(log, "uncommitted")) {
    assertEquals(record, history.written.get(record.offset)); // offsets, times and content are as written
  }
  const read = consume(log, "committed");
  for (const { offset } of read) {
    assert(history.committed.has(offset), `${offset} was not committed`);
  }
  const stable = [...history.committed.values()].filter(({ offset }) =>
    offset < log.lastStableOffset
  );
  assertEquals(tableOf(read), tableOf(stable));
  const found = new Set(read.map(({ offset }) => offset));
  for (const { offset } of stable) {
    assert(offset < cleanedTo || found.has(offset), `${offset} lost`);
  }
  const clean = read.filter(({ offset }) => offset < cleanedTo).map(({ key }) => key);
  assertEquals(clean.length, new Set(clean).size, "a key stands twice in the clean part");
}

/** What a retry or a fenced producer is judged by. */
function producersOf(log: PartitionLog) {
  return log.producers.entries().map((
    { producerId, epoch, lastSequence, lastOffset, offsetDelta, currentTxnFirstOffset },
  ) => ({ producerId, epoch, lastSequence, lastOffset, offsetDelta, currentTxnFirstOffset }));
}

async function withoutSnapshots(store: Store): Promise<MemoryStore> {
  const copy = await new FaultyStore(store).crash({ unsynced: "kept", names: "kept" });
  for (const { name } of copy.list("t-0")) {
    if (name.endsWith(".snapshot")) copy.remove(`t-0/${name}`);
  }
  return copy;
}

Deno.test("random histories read the same after any number of compactions and restarts", async (t) => {
  for (let seed = 1; seed <= 15; seed++) {
    await t.step(`seed ${seed}`, async () => {
      const store = new MemoryStore(), clock = new BusyClock(), random = seeded(seed);
      const log = newLog(testContext(store, clock));
      const history = new History(log, clock, random, 3 + Math.floor(random() * 30));
      const dedupeBufferBytes = ENTRY_BYTES * (random() < 0.5 ? 30 : 10_000); // often less than a pass needs
      const { cleaner, events } = cleanerOf(store, clock, log, { dedupeBufferBytes });
      for (let round = 0; round < 8; round++) {
        for (let i = 0; i < 30; i++) await history.step();
        if (random() < 0.5) clock.advance(12_000);
        if (random() < 0.3) await history.settle();
        const cleanedTo = await cleanAll({ cleaner, log, events });
        checkConsumers(log, history, cleanedTo);
        const again = await reopened(testContext(await withoutSnapshots(store), clock), 0);
        checkConsumers(again, history, cleanedTo);
        assertEquals(producersOf(again), producersOf(log), "producer state after a replay");
        assertEquals(again.logEndOffset, log.logEndOffset);
      }
      assert(events.length > 0);
    });
  }
});

Deno.test("a compacted log has one segment where many were, and no more than its live data", async () => {
  const { history, log, cleaner, events } = setup({ "segment.bytes": 20_000 });
  for (let i = 0; i < 2000; i++) await history.put([`k${i % 10}`, `value ${i}`]);
  assert(log.segments.length > 5);
  const before = log.size;
  await cleanAll({ cleaner, log, events });
  await history.put(["k9", "value 2000"]); // segments join by the sizes they had: now they are small
  log.roll();
  await cleanAll({ cleaner, log, events });
  assertEquals(log.segments.map(({ baseOffset }) => baseOffset), [0, 2001]);
  assert(log.size < 2000, `${log.size} of ${before} bytes`);
  assertEquals(consume(log, "committed").at(-1)!.value, "value 2000");
});

Deno.test("a tombstone outlives its records by delete.retention.ms, then goes", async () => {
  const { history, log, cleaner, events, clock } = setup();
  const pass = async () => {
    for (let i = 0; i < 3; i++) await history.put([`other${i}`, "x"]);
    log.roll();
    await cleanAll({ cleaner, log, events });
    return consume(log, "committed").filter(({ key }) => key === "gone").map(({ value }) => value);
  };
  await history.put(["gone", "soon"], ["stays", "here"]);
  await history.put(["gone", null]);
  assertEquals(await pass(), [null]); // the horizon begins to run
  clock.advance(9_000);
  assertEquals(await pass(), [null]);
  clock.advance(2_000);
  assertEquals(await pass(), []);
  assertEquals(history.table().get("stays"), tableOf(consume(log, "committed")).get("stays"));
});

Deno.test("the delete horizon leaves every record its own timestamp", async () => {
  const { history, log, cleaner, events, clock } = setup();
  await history.put(["a", "1"], ["b", null]);
  log.roll();
  await cleanAll({ cleaner, log, events });
  const bytes = readNow(log, 0, { maxBytes: 1 << 16, bound: "hw", minOneBatch: true })!;
  assert(batch.hasDeleteHorizon(bytes) && batch.isIntact(bytes));
  assertEquals(batch.baseTimestamp(bytes), clock.nowMs() + 10_000);
  const times = consume(log, "committed").map(({ timestampMs }) => timestampMs);
  assertEquals(times, [clock.nowMs(), clock.nowMs()]);
});

Deno.test("a marker goes when its transaction's records are gone and the horizon is past", async () => {
  const store = new MemoryStore(), clock = new BusyClock();
  const log = newLog(testContext(store, clock));
  const history = new History(log, clock, seeded(5), 2);
  const { cleaner, events } = cleanerOf(store, clock, log);
  const markers = () => {
    let count = 0;
    for (const segment of log.segments) {
      for (const [bytes] of segment.scan()) if (batch.isControl(bytes)) count++;
    }
    return count;
  };
  for (let i = 0; i < 300; i++) await history.step();
  await history.settle();
  const written = markers();
  for (let round = 0; round < 4; round++) {
    await history.put(["key-0", "x"]);
    log.roll();
    await cleanAll({ cleaner, log, events });
    clock.advance(11_000);
  }
  assert(written > 20 && markers() <= 3, `${markers()} of ${written} markers`); // the last of each producer
  checkConsumers(log, history, log.segments.at(-1)!.baseOffset);
});

Deno.test("a producer's last batch keeps its marker: a replay opens no transaction again", async () => {
  for (const isCommit of [true, false]) {
    const { history, log, cleaner, events, store, clock } = setup();
    const producer = { producerId: 11, producerEpoch: 0, timestampMs: clock.nowMs() };
    const records = [{ key: new Uint8Array(1), timestampMs: clock.nowMs() }];
    const one = buildBatch({ ...producer, records, baseSequence: 0, isTransactional: true });
    log.append(one, { origin: "client", leaderEpoch: 0 });
    const marker = buildEndTxnBatch({ ...producer, isCommit, coordinatorEpoch: 0 });
    log.append(marker, { origin: "coordinator", leaderEpoch: 0 });
    for (let round = 0; round < 4; round++) {
      await history.put(["a", `${round}`], ["\0", `${round}`]);
      log.roll();
      await cleanAll({ cleaner, log, events });
      clock.advance(11_000);
    }
    const again = await reopened(testContext(await withoutSnapshots(store), clock), 0);
    assertEquals(again.lastStableOffset, again.logEndOffset);
    assertEquals(producersOf(again), producersOf(log));
  }
});

Deno.test("records of an aborted transaction go, and what of it lies above is still skipped", async () => {
  for (const seed of [3, 4, 5, 6]) {
    const store = new MemoryStore(), clock = new BusyClock();
    const log = newLog(testContext(store, clock), compactedConfig({ "segment.bytes": 400 }));
    const history = new History(log, clock, seeded(seed), 50);
    const { cleaner, events } = cleanerOf(store, clock, log);
    for (let i = 0; i < 200; i++) await history.step();
    await history.settle();
    log.roll();
    const cleanedTo = await cleanAll({ cleaner, log, events });
    checkConsumers(log, history, cleanedTo);
    const aborted = consume(log, "uncommitted").filter(({ offset }) =>
      offset < cleanedTo && !history.committed.has(offset)
    );
    assertEquals(aborted, []);
  }
});

Deno.test("nothing beyond the last stable offset, the active segment or min.compaction.lag.ms is touched", async () => {
  const { history, log, cleaner, events, clock } = setup({
    "min.compaction.lag.ms": 60_000,
  });
  for (let i = 0; i < 40; i++) await history.put(["k", `${i}`]);
  clock.advance(61_000);
  for (let i = 40; i < 80; i++) await history.put(["k", `${i}`]);
  await cleanAll({ cleaner, log, events });
  const offsets = consume(log, "committed").map(({ offset }) => offset);
  const untouched = offsets.filter((offset) => offset >= 40);
  assertEquals(untouched.length, 40);
  assert(offsets.length < 60, `${offsets.length} records are left`);
});

Deno.test("min.cleanable.dirty.ratio keeps a cleaner off, max.compaction.lag.ms brings it back", async () => {
  const { history, log, cleaner, events, clock } = setup({
    "min.cleanable.dirty.ratio": 0.9,
  });
  const fill = async (keys: number) => {
    for (let i = 0; i < keys; i++) await history.put([`k${i}`, "x"]);
    log.roll();
  };
  await fill(100);
  assertEquals(await cleanAll({ cleaner, log, events }), 100); // all of it is dirty
  await fill(50);
  assertEquals(await cleanAll({ cleaner, log, events }), 100); // a third is
  log.config = { ...log.config, "max.compaction.lag.ms": 5000 };
  clock.advance(5001);
  assertEquals(await cleanAll({ cleaner, log, events }), 150);
});

Deno.test("max.compaction.lag.ms closes the active segment in time", async () => {
  const { history, log, clock } = setup({ "max.compaction.lag.ms": 5000 });
  await history.put(["a", "1"]);
  clock.advance(4000);
  await history.put(["a", "2"]);
  assertEquals(log.segments.length, 1);
  clock.advance(2000);
  await history.put(["a", "3"]);
  assertEquals(log.segments.map(({ baseOffset }) => baseOffset), [0, 2]);
});

Deno.test("a position at the end of the clean part is reached, though no record is left there", async () => {
  const { history, log, cleaner, events, clock } = setup();
  await history.put(["a", "1"]);
  const producer = { producerId: 11, producerEpoch: 0, timestampMs: clock.nowMs() };
  const records = [{ key: new Uint8Array(1), timestampMs: clock.nowMs() }];
  const aborted = buildBatch({ ...producer, records, baseSequence: 0, isTransactional: true });
  log.append(aborted, { origin: "client", leaderEpoch: 0 });
  log.roll();
  const end = { ...producer, producerEpoch: 1, isCommit: false, coordinatorEpoch: 0 };
  await log.append(buildEndTxnBatch(end), { origin: "coordinator", leaderEpoch: 0 }).durable;
  assertEquals(await cleanAll({ cleaner, log, events }), 2);
  const bytes = readNow(log, 1, { maxBytes: 1, bound: "hw", minOneBatch: true })!;
  assertEquals([batch.baseOffset(bytes), batch.recordCount(bytes)], [1, 0]);
});

Deno.test("one key map after the other covers a log with more keys than one takes", async () => {
  const { history, log, cleaner, events } = setup({}, {
    dedupeBufferBytes: 100 * ENTRY_BYTES,
  });
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 400; i++) await history.put([`k${i}`, `${round}`]);
  }
  log.roll();
  assertEquals(await cleanAll({ cleaner, log, events }), 800);
  assert(events.length > 5, `${events.length} passes`);
  checkConsumers(log, history, 800);
});

Deno.test("a pass ends without harm when the topic is deleted, the log start moves or the broker stops", async () => {
  for (const what of ["delete", "trim", "stop"]) {
    const { history, log, cleaner, events, store } = setup({}, { timers: systemTimers });
    for (let i = 0; i < 300; i++) await history.put([`k${i % 50}`, `${i}`]);
    await log.sync();
    const cleaning = cleaner.cleanDirtiest();
    await new Promise((resolve) => setTimeout(resolve, 20)); // some rests later
    if (what === "delete") log.retire("the topic was deleted");
    if (what === "trim") {
      log.advanceStart(log.segments[3].baseOffset);
      log.dropBeforeStart();
    }
    if (what === "stop") await cleaner.stop();
    await cleaning;
    const left = store.list("t-0").filter(({ name }) => /\.(cleaned|swap)$/.test(name));
    assertEquals(
      [left, events.filter(({ event }) => event === "compaction_failed")],
      [[], []],
      what,
    );
    if (what !== "delete") assertEquals(tableOf(consume(log, "committed")).size, 50, what);
  }
});

Deno.test("a batch that cannot be read is reported, its log left alone and unchanged", async () => {
  const { history, log, cleaner, events, store } = setup();
  const broken = buildBatch({
    records: [{ key: new Uint8Array(9), value: new Uint8Array(99), timestampMs: 1 }],
    compression: CompressionType.gzip,
  });
  broken.fill(0xff, batch.BATCH_OVERHEAD);
  batch.writeCrc(broken);
  await history.put(["a", "1"], ["a", "2"]);
  await log.append(broken, { origin: "client", leaderEpoch: 0 }).durable;
  log.roll();
  await log.sync();
  const before = store.readAll("t-0/00000000000000000000.log");
  assertEquals([await cleaner.cleanDirtiest(), await cleaner.cleanDirtiest()], [true, false]);
  assertEquals(events.map(({ event }) => event), ["compaction_failed"]);
  assertEquals(store.readAll("t-0/00000000000000000000.log"), before);
});

Deno.test("a batch with a flipped bit is neither judged nor copied: its log stays as it is, to the byte", async () => {
  const bit = (bytes: Uint8Array, at: number) => bytes[at] ^= 8;
  const damages: ((bytes: Uint8Array) => void)[] = [
    (bytes) => bit(bytes, bytes.length - 3), // in the last record: a value, or a header
    (bytes) => bit(bytes, 9), // the length of the first batch
    (bytes) => bit(bytes, [...batch.batches(bytes)].at(-1)! + 9), // …of the last
    (bytes) => bit(bytes, [...batch.batches(bytes)].at(-1)! + 5), // the last base offset
  ];
  for (const damage of damages) {
    const { store, log, history, cleaner, events } = setup();
    for (let i = 0; i < 60; i++) await history.step();
    await history.settle();
    await log.sync();
    consume(log, "uncommitted"); // sound then
    const victim = log.segments[2];
    const path = `${log.folder}/${String(victim.baseOffset).padStart(20, "0")}.log`;
    const bytes = store.readAll(path)!;
    damage(bytes);
    victim.log.truncate(0);
    victim.log.append(bytes);
    const files = () =>
      log.segments.map(({ baseOffset }) => [
        baseOffset,
        store.readAll(`${log.folder}/${String(baseOffset).padStart(20, "0")}.log`),
      ]);
    const before = files();
    while (await cleaner.cleanDirtiest());
    assertEquals(files(), before);
    assertEquals(events.map(({ event }) => event), ["compaction_failed"]);
    assertStringIncludes(String(events[0].error), `segment ${victim.baseOffset} of t-0`);
  }
});

Deno.test("aborted records stay aborted when the files that list them are missing: they are made anew", async () => {
  const { store, clock, context, log } = setup();
  const history = new History(log, clock, seeded(1), 300); // so many keys that few are written again
  for (let i = 0; i < 200; i++) await history.step();
  await history.settle();
  log.roll();
  await history.put(["end", "1"]);
  await log.close();
  const names = store.list(log.folder).map(({ name }) => name);
  const lists = names.filter((name) => name.endsWith(".txnindex"));
  assert(lists.length > 3);
  for (const name of lists) store.remove(`${log.folder}/${name}`);
  const again = await reopened(context, log.logEndOffset);
  const { cleaner, events } = cleanerOf(store, clock, again);
  const more = new History(again, clock, seeded(2));
  for (let pass = 0; pass < 3; pass++) { // what ends nothing goes after delete.retention.ms
    while (await cleaner.cleanDirtiest());
    clock.advance(20_000);
    await more.put(["end", `${pass}`]);
    again.roll();
    await again.sync();
  }
  assertEquals([...new Set(events.map(({ event }) => event))], ["log_compacted"]);
  assertEquals(tableOf(consume(again, "committed")), history.table().set("end", "2"));
});

Deno.test("gaps that compaction left are legal for good, whatever the topic's policy is later", async () => {
  const { context, log, history, cleaner } = setup();
  for (let i = 0; i < 80; i++) await history.step();
  await history.settle();
  await log.sync();
  while (await cleaner.cleanDirtiest());
  const expected = consume(log, "uncommitted");
  log.config = compactedConfig({ "cleanup.policy": ["delete"] });
  assertEquals(consume(log, "uncommitted"), expected);
  await log.close();
  const state = {
    topicId: log.topicId,
    topic: log.topic,
    partition: log.partition,
    segments: log.segments.map(({ baseOffset }) => baseOffset),
    logStartOffset: 0,
    logEndOffset: log.logEndOffset,
    recoveryPoint: log.logEndOffset,
  };
  const told = new PartitionLog(context, { ...state, mayHaveGaps: true }, log.config);
  assertEquals(consume(told, "uncommitted"), expected);
  const untold = new PartitionLog(context, state, log.config);
  assertThrows(() => consume(untold, "uncommitted"), CorruptBatchError);
});

Deno.test("the cleaner goes on where its checkpoint says, unless the log says otherwise", async () => {
  const { history, log, cleaner, events, store, clock } = setup();
  for (let i = 0; i < 100; i++) await history.put([`k${i % 5}`, `${i}`]);
  const cleanedTo = await cleanAll({ cleaner, log, events });
  assert(cleanedTo > 50);
  const next = cleanerOf(store, clock, log);
  assertEquals(await next.cleaner.cleanDirtiest(), false);
  log.advanceStart(cleanedTo + 2);
  log.dropBeforeStart();
  for (let i = 0; i < 100; i++) await history.put([`k${i % 5}`, `${i}`]);
  assert(await cleanAll({ ...next, log }) > 150);
});

Deno.test("start() cleans by itself, and stop() ends it", async () => {
  const { history, log, cleaner, events } = setup();
  for (let i = 0; i < 100; i++) await history.put([`k${i % 5}`, `${i}`]);
  await log.sync();
  cleaner.start();
  for (let i = 0; i < 6000 && events.length === 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await cleaner.stop();
  assertEquals(events.map(({ event }) => event), ["log_compacted"]);
});
