/**
 * Proves single answers to power losses that random histories found: what is acknowledged by the journal alone, names that
 * no folder sync covered, and what belongs to a topic that is no more.
 */
import { createAll } from "../../testing/created_logs.ts";
import { assert, assertEquals } from "@std/assert";
import type { Uuid } from "../../bytes/uuid.ts";
import { randomUuid } from "../../bytes/uuid.ts";
import type { TopicConfig } from "../../config/topic_configs.ts";
import { FaultyStore } from "../../testing/faulty_store.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { microtasks, SlowDevice } from "../../testing/slow_device.ts";
import { INVENTORY_FILE } from "../directory/inventory.ts";
import { readPartitionMetadata } from "../directory/partition_metadata.ts";
import {
  consumed,
  isResolved,
  largeValue,
  openDriven,
  send,
  sendKeyed,
  StorageWorld,
  wantedLog,
} from "../../testing/storage_world.ts";

const TOPIC_ID = randomUuid();
const NEVER = Infinity;

/** A store whose logs' own files are never synced: only the journal keeps what is acknowledged. */
function storeWithJournalAlone() {
  const device = new SlowDevice((on, path) => on === "sync" && path.endsWith(".log") ? NEVER : 1);
  return { device, store: new FaultyStore(new MemoryStore(), { device }) };
}

function wantedPlain(config: Partial<TopicConfig> = {}, topicId: Uuid = TOPIC_ID) {
  return [wantedLog(topicId, { topic: "t" }, config)];
}

/** What a consumer finds on the disk, by offset. */
async function found(
  disk: MemoryStore,
  wanted: ReturnType<typeof wantedPlain>,
): Promise<{ values: Map<number, string>; logStart: number; offline: string | null }> {
  const world = await StorageWorld.open(new FaultyStore(disk), wanted);
  const { topicId } = wanted[0], log = world.logs.get(topicId, 0);
  const offline = world.logs.offlineReason(topicId, 0);
  const values = log === undefined ? new Map<number, string>() : await consumed(log);
  world.abandon();
  return { values, logStart: log?.logStartOffset ?? -1, offline };
}

for (const policy of ["delete", "compact"] as const) {
  Deno.test(`what the journal has of a sealed segment is put back though an empty one lies behind it (${policy})`, async () => {
    const wanted = wantedPlain({ "cleanup.policy": [policy] });
    const { device, store } = storeWithJournalAlone();
    const world = await openDriven(device, store, wanted);
    const log = world.logs.get(TOPIC_ID, 0)!;
    for (const key of ["a", "b", "c"]) {
      await device.drive(sendKeyed(log, [[key, `value of ${key}`]]).durable);
    }
    log.roll();
    await microtasks();
    const disk = await store.crash({ unsynced: "lost", names: "kept" });
    world.abandon();
    const { values, offline } = await found(disk, wanted);
    assertEquals([offline, ...values.values()], [
      null,
      "value of a",
      "value of b",
      "value of c",
    ]);
  });
}

Deno.test("what the journal has of a batch that reaches above the log start is put back when no file is left", async () => {
  const wanted = wantedPlain();
  const { device, store } = storeWithJournalAlone();
  const world = await openDriven(device, store, wanted);
  const log = world.logs.get(TOPIC_ID, 0)!;
  await device.drive(send(log, ["deleted", "kept"]).durable);
  log.advanceStart(1);
  await device.drive(world.logs.checkpoint());
  const disk = await store.crash({ unsynced: "lost", names: "lost" });
  world.abandon();
  const { values, offline } = await found(disk, wanted);
  assertEquals([offline, values.get(1)], [null, "kept"]);
});

Deno.test("a segment that was begun just before a clean stop keeps its name when something is acknowledged in it", async () => {
  const wanted = wantedPlain();
  const device = new SlowDevice(() => 1);
  const store = new FaultyStore(new MemoryStore(), { device });
  const before = await openDriven(device, store, wanted);
  const old = before.logs.get(TOPIC_ID, 0)!;
  await device.drive(send(old, ["first"]).durable);
  await device.drive(old.sync());
  device.latency = (on, path) => on === "sync" && path.endsWith(".log") ? 8 : 1;
  old.roll();
  await device.drive(before.stop());

  const world = await openDriven(device, store, wanted);
  const value = largeValue("second", 300_000); // too much for the journal
  await device.drive(send(world.logs.get(TOPIC_ID, 0)!, [value]).durable);
  const disk = await store.crash({ unsynced: "lost", names: "lost" });
  world.abandon();
  const { values, offline } = await found(disk, wanted);
  assertEquals([offline, values.get(0), values.get(1) === value], [null, "first", true]);
});

Deno.test("what was written unacknowledged into a later segment, and came out torn, takes no partition offline", async () => {
  const wanted = wantedPlain({ "segment.bytes": 1000 });
  const { device, store } = storeWithJournalAlone();
  const world = await openDriven(device, store, wanted);
  const log = world.logs.get(TOPIC_ID, 0)!;
  await device.drive(send(log, ["acknowledged"]).durable);
  device.latency = (on) => on === "sync" ? NEVER : 1; // from here on nothing reaches the device
  for (const name of ["x", "y", "z"]) send(log, [largeValue(name, 600)]);
  await microtasks();
  assertEquals(log.segments.length, 3);
  for (const unsynced of ["lost", "zeros", "torn", "pages"] as const) {
    for (let i = 0; i < 10; i++) {
      const disk = await store.crash({ unsynced, names: "kept", random: () => i / 10 });
      const { values, offline } = await found(disk, wanted);
      assertEquals([offline, values.get(0)], [null, "acknowledged"], `${unsynced} ${i}`);
    }
  }
  world.abandon();
});

Deno.test("a topic that was empty at a clean stop knows where its leader epoch began", async () => {
  const wanted = [wantedLog(TOPIC_ID, { topic: "t", leaderEpoch: 4 })];
  const store = new FaultyStore(new MemoryStore());
  await (await StorageWorld.open(store, wanted)).stop();
  const world = await StorageWorld.open(store, wanted);
  const log = world.logs.get(TOPIC_ID, 0)!;
  await send(log, ["first"]).durable;
  const { entries } = log.epochs;
  world.abandon();
  assertEquals(entries.map(({ epoch, startOffset }) => [epoch, startOffset]), [[4, 0]]);
});

Deno.test("records whose deletion was answered do not come back with the files that a power loss brings back", async () => {
  const wanted = wantedPlain({ "segment.bytes": 200 });
  const store = new FaultyStore(new MemoryStore());
  const world = await StorageWorld.open(store, wanted);
  const log = world.logs.get(TOPIC_ID, 0)!;
  for (let i = 0; i < 6; i++) await send(log, [largeValue(`value ${i}`, 80)]).durable;
  await log.sync();
  const start = log.segments[2].baseOffset;
  assert(start > 0);
  log.advanceStart(start);
  await world.logs.checkpoint();
  const disk = await store.crash({ unsynced: "lost", names: "lost" });
  world.abandon();
  assertEquals((await found(disk, wanted)).logStart, start);
});

Deno.test("a folder that lost its metadata with the power is not taken for the topic that has its name now", async () => {
  const store = new FaultyStore(new MemoryStore());
  const world = await StorageWorld.open(store, wantedPlain());
  const log = world.logs.get(TOPIC_ID, 0)!;
  await send(log, ["of the topic before"]).durable;
  await log.sync();
  const other = wantedPlain({}, randomUuid());
  await world.logs.remove([TOPIC_ID]);
  createAll(world.logs, other);
  const disk = await store.crash({ unsynced: "lost", names: "lost" });
  world.abandon();
  assertEquals([...(await found(disk, other)).values.values()], []);
});

Deno.test("a checkpoint that fails is not the last one", async () => {
  using store = new FaultyStore(new MemoryStore());
  const world = await StorageWorld.open(store, wantedPlain());
  await send(world.logs.get(TOPIC_ID, 0)!, ["first"]).durable;
  store.fail({ on: "replace", pathEndsWith: "runnel-inventory" });
  const both = await Promise.allSettled([world.logs.checkpoint(), world.logs.checkpoint()]);
  assertEquals(both.map(({ status }) => status), ["rejected", "rejected"], "they are one");
  assertEquals([...await world.logs.checkpoint()], []);
  await world.stop();
});

Deno.test("a topic that is deleted while a checkpoint is written does not make it fail", async () => {
  const ids = [randomUuid(), randomUuid()];
  const wanted = ids.map((id, i) => wantedLog(id, { topic: `t${i}` }));
  const device = new SlowDevice(() => 4);
  const store = new FaultyStore(new MemoryStore(), { device });
  const world = await openDriven(device, store, wanted);
  for (const id of ids) await device.drive(send(world.logs.get(id, 0)!, ["value"]).durable);
  const written = world.logs.checkpoint();
  await microtasks();
  await device.drive(Promise.all([world.logs.remove([ids[0]]), written]));
  world.abandon();
});

Deno.test("whoever deletes records while storage stops is answered when the stop has written it down", async () => {
  const wanted = wantedPlain();
  const device = new SlowDevice(() => 4);
  const store = new FaultyStore(new MemoryStore(), { device });
  const world = await openDriven(device, store, wanted);
  const log = world.logs.get(TOPIC_ID, 0)!;
  await device.drive(send(log, ["deleted", "kept"]).durable);
  const stopped = world.logs.close();
  log.advanceStart(1);
  const answered = world.logs.checkpoint();
  assertEquals(await isResolved(answered), false);
  await device.drive(answered);
  const disk = await store.crash({ unsynced: "lost", names: "lost" });
  await device.drive(stopped);
  assertEquals((await found(disk, wanted)).logStart, 1);
});

Deno.test("a folder that is on the device says whose it is", async () => {
  const store = new FaultyStore(new MemoryStore());
  const world = await StorageWorld.open(store, wantedPlain());
  const log = world.logs.get(TOPIC_ID, 0)!;
  await send(log, ["value"]).durable;
  await log.sync();
  const disk = await store.crash({ unsynced: "lost", names: "lost" });
  world.abandon();
  assertEquals(readPartitionMetadata(disk, "t-0"), TOPIC_ID);
});

Deno.test("an empty segment that a start put aside does not come back into the middle of the log", async () => {
  const wanted = wantedPlain({ "cleanup.policy": ["compact"] });
  const store = new FaultyStore(new MemoryStore());
  const world = await StorageWorld.open(store, wanted);
  await sendKeyed(world.logs.get(TOPIC_ID, 0)!, [["a", "1"]]).durable;
  const disk = await store.crash({ unsynced: "kept", names: "kept" });
  world.abandon();
  await disk.replace("t-0/00000000000000000003.log", new Uint8Array(0));
  const next = new FaultyStore(disk);
  const reopened = await StorageWorld.open(next, wanted);
  const log = reopened.logs.get(TOPIC_ID, 0)!;
  for (const value of ["2", "3", "4"]) await sendKeyed(log, [["a", value]]).durable;
  const left = await next.crash({ unsynced: "lost", names: "lost" });
  reopened.abandon();
  assertEquals(left.readAll("t-0/00000000000000000003.log"), null);
  const { offline, values } = await found(left, wanted);
  assertEquals([offline, ...values.values()], [null, "1", "2", "3", "4"]);
});

Deno.test("segments of a compacted log that a power loss emptied were not compacted away", async () => {
  const wanted = wantedPlain({ "cleanup.policy": ["compact"] });
  const { device, store } = storeWithJournalAlone();
  const world = await openDriven(device, store, wanted);
  const log = world.logs.get(TOPIC_ID, 0)!;
  await device.drive(sendKeyed(log, [["a", "acknowledged"]]).durable);
  device.latency = (on) => on === "sync" ? NEVER : 1;
  const lost = { producerId: 7, baseSequence: 0 };
  for (const value of ["lost", "lost too"]) {
    log.roll();
    const sent = sendKeyed(log, [["a", value]], value === "lost" ? lost : undefined);
    await device.drive(sent.written);
  }
  log.roll();
  await device.drive(microtasks(400));
  const disk = await store.crash({ unsynced: "lost", names: "kept" });
  world.abandon();
  const next = await StorageWorld.open(new FaultyStore(disk), wanted);
  const reopened = next.logs.get(TOPIC_ID, 0)!;
  const retry = sendKeyed(reopened, [["a", "lost"]], lost);
  await retry.durable;
  assertEquals([retry.baseOffset, (await consumed(reopened)).get(1)], [1, "lost"]);
  next.abandon();
});

Deno.test("a log start that was not written down has trimmed no leader epoch", async () => {
  const wanted = [wantedLog(TOPIC_ID, { topic: "t", leaderEpoch: 3 })];
  const device = new SlowDevice(() => 1);
  const store = new FaultyStore(new MemoryStore(), { device });
  const world = await openDriven(device, store, wanted);
  const log = world.logs.get(TOPIC_ID, 0)!;
  for (const value of ["first", "second", "third"]) await device.drive(send(log, [value]).durable);
  device.latency = (on, path) => on === "replace" && path === INVENTORY_FILE ? NEVER : 1;
  log.advanceStart(1);
  world.logs.checkpoint().catch(() => {}); // is cut off
  for (let turns = 0; turns < 20; turns++) {
    device.turn();
    await microtasks();
  }
  const disk = await store.crash({ unsynced: "kept", names: "kept" });
  world.abandon();
  const { offline, values } = await found(disk, wanted);
  assertEquals([offline, values.get(2)], [null, "third"]);
});
