/**
 * Proves that what the store fails of one log stays with that log: background work goes on for the others, and the log
 * comes back by itself, through recovery where its files were left half changed.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { randomUuid } from "../bytes/uuid.ts";
import { FaultyStore } from "../testing/faulty_store.ts";
import { MemoryStore } from "./backends/memory_store.ts";
import {
  consumed,
  largeValue,
  send,
  sendKeyed,
  StorageWorld,
  wantedLog,
} from "../testing/storage_world.ts";
import { type Inventory, INVENTORY_FILE, readInventory } from "./directory/inventory.ts";
import type { PartitionLog } from "./log/partition_log.ts";
import { segmentBasesOf } from "./segments/segment_files.ts";
import { StoreError } from "./store.ts";
import { SlowDevice } from "../testing/slow_device.ts";

const A = randomUuid(), B = randomUuid();

type Told = [event: string, details: Record<string, unknown>];

async function until(what: () => boolean, limitMs = 30_000): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  while (!what() && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert(what(), `not within ${limitMs} ms`);
}

/** Logs a-0 and b-0 with these configs, on a store that fails what it is told to. */
async function twoLogs(config: Parameters<typeof wantedLog>[2], store = new MemoryStore()) {
  const faulty = new FaultyStore(store), told: Told[] = [];
  const wanted = [wantedLog(A, { topic: "a" }, config), wantedLog(B, { topic: "b" }, config)];
  const world = await StorageWorld.open(faulty, wanted, {
    onEvent: (event, details) => told.push([event, details]),
  });
  const of = (id: typeof A) => world.logs.get(id, 0)!;
  return { store, faulty, told, world, wanted, a: of(A), b: of(B), of };
}

async function fill(log: PartitionLog, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await send(log, [largeValue(`${i}`, 300)]).durable;
}

// ---- Retention

Deno.test("retention goes on past a log that fails, names it, and writes everything down once", async () => {
  const { faulty, told, world, a, b, store } = await twoLogs({
    "segment.bytes": 1000,
    "retention.ms": 1000,
  });
  await fill(a, 10);
  await fill(b, 10);
  await world.logs.checkpoint();
  faulty.fail({
    on: "append",
    pathEndsWith: "a-0/00000000000000000008.timeindex",
    kind: "noSpace",
  });
  world.clock.advance(60_000);
  let written = 0;
  const replace = faulty.replace.bind(faulty);
  faulty.replace = (path, content) => {
    if (path === INVENTORY_FILE) written++;
    return replace(path, content);
  };
  await world.logs.enforceRetention();
  faulty.assertAllFired();
  assertEquals([b.logStartOffset, b.segments.length], [10, 1]);
  assertEquals(a.segments.length, 1, "what needs no new segment is deleted all the same");
  assertEquals(written, 1);
  assertEquals([...world.logs.work.retention.failing.keys()], ["a-0"]);
  assertEquals(told.filter(([event]) => event === "retention_failed").length, 1);
  await world.logs.enforceRetention();
  assertEquals([a.logStartOffset, [...world.logs.work.retention.failing]], [10, []]);
  const rows = (readInventory(store) as Inventory).logs;
  assertEquals(rows.map(({ logStartOffset }) => logStartOffset), [10, 10]);
  await world.stop();
});

Deno.test("where not one byte is free retention frees some: the old inventory gives its room to the new one", async () => {
  const { faulty, world, a } = await twoLogs({ "segment.bytes": 1000, "retention.bytes": 1000 });
  await fill(a, 10);
  await world.logs.checkpoint();
  const count = a.segments.length, replace = faulty.replace.bind(faulty);
  faulty.replace = (path, content) => {
    if (faulty.readAll(path) === null) return replace(path, content);
    faulty.fail({ on: "replace", pathEndsWith: path, kind: "noSpace" });
    return replace(path, content);
  };
  await world.logs.enforceRetention();
  faulty.assertAllFired();
  assert(a.segments.length < count, `it has ${a.segments.length} segments still`);
  faulty.replace = replace;
  await world.stop();
});

Deno.test("segments whose files cannot be taken away at once are out of the log, and go later", async () => {
  const device = new SlowDevice(() => 1);
  const faulty = new FaultyStore(new MemoryStore(), { device });
  const wanted = [wantedLog(A, { topic: "a" }, { "segment.bytes": 1000 })];
  const world = await device.drive(StorageWorld.open(faulty, wanted));
  const a = world.logs.get(A, 0)!;
  await device.drive(fill(a, 10));
  a.advanceStart(9);
  faulty.fail({ on: "rename", pathEndsWith: "a-0/00000000000000000000.log" });
  await device.drive(world.logs.checkpoint());
  faulty.assertAllFired();
  const bases = () => segmentBasesOf(faulty.list("a-0").map(({ name }) => name));
  assertEquals([a.segments[0].baseOffset, bases()], [8, [0, 8]]);
  for (let turn = 0; turn < 6000 && bases().length > 1; turn++) {
    device.turn();
    await Promise.resolve();
  }
  assertEquals(bases(), [8]);
  world.abandon();
});

// ---- The cleaner

Deno.test("an index that cannot be read ends no process: the other log is compacted, and this one when it can be read", async () => {
  const config = { "cleanup.policy": ["compact" as const], "segment.bytes": 1000 };
  const first = await twoLogs(config);
  for (const log of [first.a, first.b]) {
    for (let i = 0; i < 20; i++) {
      await sendKeyed(log, [["k", largeValue(`${i}`, 300)]]).durable;
    }
  }
  await first.world.stop();
  const { faulty, told, world, of } = await twoLogs(config, first.store);
  const sizeA = of(A).size, sizeB = of(B).size;
  faulty.fail({ on: "open", pathEndsWith: "a-0/00000000000000000000.timeindex", forever: true });
  await world.clean();
  await world.clean();
  await world.clean();
  faulty.heal();
  assert(of(B).size < sizeB / 2, "the other one is compacted");
  assertEquals(of(A).size, sizeA);
  assertEquals([...world.cleaner.work.failing.keys()], ["a-0"]);
  assertEquals(told.filter(([event]) => event === "compaction_failed").length, 1);
  world.clock.advance(120_000);
  await world.clean();
  assert(of(A).size < sizeA / 2, "compacted after a pause");
  assertEquals([...world.cleaner.work.failing.keys()], []);
  await world.stop();
});

for (
  const [what, file] of [
    ["an old segment", "00000000000000000002.log"],
    ["the new one", "00000000000000000000.log.swap"],
  ] as const
) {
  Deno.test(`a log that compaction left half renamed (${what}) is recovered and serves again, without a restart`, async () => {
    const config = { "cleanup.policy": ["compact" as const], "segment.bytes": 1000 };
    const { faulty, told, world, a, of, wanted, store } = await twoLogs(config);
    for (let i = 0; i < 20; i++) {
      await sendKeyed(a, [[`k${i % 4}`, largeValue(`${i}`, 300)]]).durable;
    }
    await a.sync();
    const newest = (values: Map<number, string>) =>
      [...values].filter(([offset]) => offset >= 16).map(([, value]) => value.slice(0, 2));
    const before = newest(await consumed(a));
    faulty.fail({ on: "rename", pathEndsWith: `a-0/${file}` });
    await world.clean();
    faulty.assertAllFired();
    assertEquals([of(A), a.offline === null], [undefined, false]);
    assertMatch(world.logs.offlineReason(A, 0)!, /could not rename/);
    assertEquals([...world.logs.offline()].map(({ topic }) => topic), ["a"]);
    await until(() => of(A) !== undefined);
    assert(of(A) !== a, "it is another object");
    assertEquals([...world.logs.offline()], []);
    assertEquals(newest(await consumed(of(A))), before);
    assertEquals(of(A).logEndOffset, 20);
    await sendKeyed(of(A), [["k", "after it"]]).durable;
    assertEquals(told.filter(([event]) => event === "partition_online").length, 1);
    const values = await consumed(of(A));
    await world.stop();
    const again = await StorageWorld.open(new FaultyStore(store), wanted);
    assertEquals(await consumed(again.logs.get(A, 0)!), values);
    await again.stop();
  });
}

Deno.test("a log that is recovered while the broker runs is not opened as it was at the start", async () => {
  const config = { "cleanup.policy": ["compact" as const], "segment.bytes": 1000 };
  const { world: earlier, store, wanted, a: young } = await twoLogs(config);
  await sendKeyed(young, [["k", largeValue("early", 300)]]).durable;
  await earlier.stop();
  const { faulty, world, a, of } = await twoLogs(config, store); // as recorded, and the rest at leisure
  for (let i = 1; i < 20; i++) {
    await sendKeyed(a, [[`k${i % 4}`, largeValue(`${i}`, 300)]]).durable;
  }
  await a.sync();
  faulty.fail({ on: "rename", pathEndsWith: "a-0/00000000000000000004.log" });
  await world.clean();
  faulty.assertAllFired();
  assertEquals(of(A), undefined);
  await until(() => of(A) !== undefined);
  assertEquals(of(A).logEndOffset, 20);
  await world.stop();
  const again = await StorageWorld.open(new FaultyStore(store), wanted);
  assertEquals(again.logs.get(A, 0)!.logEndOffset, 20);
  await again.stop();
});

Deno.test("a log that lost what was acknowledged while it was being changed is offline for good, and says so", async () => {
  const config = { "cleanup.policy": ["compact" as const], "segment.bytes": 1000 };
  const { faulty, world, a, of } = await twoLogs(config);
  for (let i = 0; i < 20; i++) await sendKeyed(a, [["k", largeValue(`${i}`, 300)]]).durable;
  await a.sync();
  const last = a.segments.at(-1)!.baseOffset;
  faulty.fail({ on: "rename", pathEndsWith: "a-0/00000000000000000002.log" });
  await world.clean();
  assertEquals(of(A), undefined);
  const path = `a-0/${String(last).padStart(20, "0")}.log`;
  const blob = faulty.open(path);
  blob.truncate(blob.size - 10);
  blob.close();
  await until(() => !/could not rename/.test(world.logs.offlineReason(A, 0) ?? "could not rename"));
  assertMatch(world.logs.offlineReason(A, 0)!, /acknowledged|bytes/);
  assertEquals([of(A), world.logs.isSound], [undefined, false]);
  world.abandon();
});

// ---- Writes that are taken back

Deno.test("a roll whose write fails, and whose files cannot be removed at once, is undone as soon as they can", async () => {
  const { faulty, told, world, a, store, wanted } = await twoLogs({ "segment.bytes": 700 });
  await send(a, ["kept"]).durable;
  faulty.fail({ on: "append", pathEndsWith: "a-0/00000000000000000000.log", kind: "noSpace" });
  faulty.fail({ on: "remove", pathEndsWith: ".log", forever: true });
  const failed = send(a, [largeValue("never was", 500)]);
  const behind = send(a, [largeValue("nor was this", 500)]);
  assertEquals(a.segments.length, 2, "the second batch rolls");
  const ended = await Promise.allSettled([failed.durable, behind.durable]);
  assertEquals(ended.map(({ status }) => status), ["rejected", "rejected"]);
  assertEquals([a.offline, a.logEndOffset, a.segments.length], [null, 1, 1]);
  assertEquals(send(a, ["refused"]).errorCode, 56);
  assertEquals([...(await consumed(a)).values()], ["kept"]);
  faulty.heal();
  await until(() => a.writeFault === null);
  await send(a, [largeValue("after it", 500)]).durable;
  assertEquals((await consumed(a)).size, 2);
  assertEquals(told.filter(([event]) => event === "write_not_taken_back").length, 1);
  await world.stop();
  const again = await StorageWorld.open(new FaultyStore(store), wanted);
  assertEquals((await consumed(again.logs.get(A, 0)!)).size, 2);
  await again.stop();
});

Deno.test("a stop while a failed write is still in the file is not called clean, and nothing acknowledged is lost", async () => {
  const { faulty, world, a, store, wanted } = await twoLogs({});
  await send(a, ["kept"]).durable;
  faulty.fail({ on: "append", pathEndsWith: "a-0/00000000000000000000.log", how: "torn" });
  faulty.fail({ on: "truncate", pathEndsWith: "a-0/00000000000000000000.log", forever: true });
  await send(a, ["never was"]).durable.catch(() => {});
  assertMatch(a.writeFault!, /could not be taken back/);
  await world.stop();
  assertEquals(world.logs.isSound, false);
  faulty.heal();
  const again = await StorageWorld.open(new FaultyStore(store), wanted);
  assertEquals([...(await consumed(again.logs.get(A, 0)!)).values()], ["kept"]);
  await again.stop();
});

// ---- Checkpoints

Deno.test("a log that cannot be measured keeps its row, and the others are written down", async () => {
  const { world, a, b, store } = await twoLogs({});
  await fill(a, 3);
  await fill(b, 3);
  await world.logs.checkpoint();
  await fill(a, 1);
  await fill(b, 1);
  a.saveEpochs = () => Promise.reject(faultOf("a-0"));
  const unwritten = await world.logs.checkpoint();
  assertEquals([...unwritten.keys()].map(({ folder }) => folder), ["a-0"]);
  const ends = () => (readInventory(store) as Inventory).logs.map(({ endOffset }) => endOffset);
  assertEquals(ends(), [3, 4]);
  assertEquals([...world.logs.work.checkpoints.failing.keys()], ["a-0"]);
  a.saveEpochs = () => Promise.resolve();
  assertEquals([...await world.logs.checkpoint()], []);
  assertEquals(ends(), [4, 4]);
  assertEquals([...world.logs.work.checkpoints.failing], []);
  await world.stop();
});

function faultOf(folder: string): StoreError {
  return new StoreError(`Cannot replace ${folder}: no space`, "noSpace");
}

Deno.test("a log that fails while a checkpoint is written keeps its row, so that it stays known as compacted", async () => {
  const { told, world, a, store } = await twoLogs({});
  await fill(a, 3);
  await world.logs.checkpoint();
  world.logs.positions.set(a, 2);
  const saveEpochs = a.saveEpochs.bind(a);
  a.saveEpochs = async () => {
    await saveEpochs();
    a.fail("half renamed"); // behind its being measured
  };
  await world.logs.checkpoint();
  assertEquals(told.some(([event]) => event === "partition_not_opened"), true);
  const { logs } = readInventory(store) as Inventory;
  const row = logs.find(({ topic }) => topic === "a");
  assertEquals([row?.compactedTo, row?.isExact], [2, false]);
  await world.stop();
});
