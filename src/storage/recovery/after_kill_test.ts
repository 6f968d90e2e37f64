/**
 * Proves that a start after kill -9 takes nothing that it finds for durable: the page cache still has everything, the
 * device perhaps nothing. And that what the journal holds is never written over what is newer.
 */
import { assert, assertEquals } from "@std/assert";
import { randomUuid } from "../../bytes/uuid.ts";
import type { TopicConfig } from "../../config/topic_configs.ts";
import { FaultyStore } from "../../testing/faulty_store.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { SlowDevice } from "../../testing/slow_device.ts";
import { RECOVERY_POINT_CHECKPOINT } from "../directory/checkpoints.ts";
import {
  consumed,
  largeValue,
  openDriven,
  send,
  sendKeyed,
  StorageWorld,
  wantedLog,
} from "../../testing/storage_world.ts";

const TOPIC_ID = randomUuid();
const LOG = "t-0/00000000000000000000.log";
/** On its way for ever: it has not reached the device when the process is killed. */
const NEVER = Infinity;

/**
 * A log with one record that is on the device, and behind it one that was written and never synced; after kill -9. It is
 * too large for the journal, so that its own file would have been synced.
 */
async function killedBeforeTheSync() {
  const wanted = [wantedLog(TOPIC_ID, { topic: "t" })];
  const device = new SlowDevice(() => 1);
  const store = new FaultyStore(new MemoryStore(), { device });
  const before = await openDriven(device, store, wanted);
  const first = send(before.logs.get(TOPIC_ID, 0)!, ["first"], { producerId: 7, baseSequence: 0 });
  await device.drive(first.durable);
  await device.drive(before.stop());

  const world = await openDriven(device, store, wanted);
  device.latency = (on) => on === "sync" ? NEVER : 1;
  const unanswered = send(world.logs.get(TOPIC_ID, 0)!, [UNSYNCED], {
    producerId: 7,
    baseSequence: 1,
  });
  await device.drive(unanswered.written);
  const next = { device: new SlowDevice(() => 1) };
  const killed = await store.killed(() => 0.9, next); // the sync that was on its way did nothing
  world.abandon();
  return { wanted, device: next.device, store: killed };
}

const UNSYNCED = largeValue("written, never synced", 300_000);

Deno.test("what a start after kill -9 found is synced before a retry of it, or what follows it, is acknowledged", async () => {
  const { wanted, device, store } = await killedBeforeTheSync();
  const second = await openDriven(device, store, wanted);
  const reopened = second.logs.get(TOPIC_ID, 0)!;
  const retry = send(reopened, [UNSYNCED], { producerId: 7, baseSequence: 1 });
  assertEquals([retry.errorCode, retry.baseOffset], [0, 1]);
  await device.drive(retry.durable);
  const afterRetry = await store.crash({ unsynced: "lost", names: "lost" });
  await device.drive(send(reopened, ["behind it"], { producerId: 7, baseSequence: 2 }).durable);
  const afterAll = await store.crash({ unsynced: "lost", names: "lost" });
  second.abandon();

  for (const [disk, offsets] of [[afterRetry, [0, 1]], [afterAll, [0, 1, 2]]] as const) {
    const again = await StorageWorld.open(new FaultyStore(disk), wanted);
    const found = await consumed(again.logs.get(TOPIC_ID, 0)!);
    again.abandon();
    assertEquals([...found.keys()], offsets);
    assert(found.get(1) === UNSYNCED);
  }
});

Deno.test("what a consumer was shown after kill -9 survives a power loss", async () => {
  const { wanted, device, store } = await killedBeforeTheSync();
  const second = await openDriven(device, store, wanted);
  const shown = await consumed(second.logs.get(TOPIC_ID, 0)!);
  const disk = await store.crash({ unsynced: "lost", names: "lost" });
  second.abandon();
  const third = await StorageWorld.open(new FaultyStore(disk), wanted);
  const left = await consumed(third.logs.get(TOPIC_ID, 0)!);
  third.abandon();
  assertEquals([...shown.keys()].filter((offset) => !left.has(offset)), []);
});

Deno.test("the journal is not written over batches that were synced without it", async () => {
  const wanted = [wantedLog(TOPIC_ID, { topic: "t" }, { "max.message.bytes": 2_000_000 })];
  const store = new FaultyStore(new MemoryStore());
  const world = await StorageWorld.open(store, wanted, { journalBytes: 1 << 20 });
  const log = world.logs.get(TOPIC_ID, 0)!;
  for (let i = 0; i < 69; i++) await send(log, [`small ${i}`]).durable;
  // Too large for the journal: the log's own file is synced.
  for (let i = 0; i < 4; i++) await send(log, [largeValue(`large ${i}`, 900_000)]).durable;
  await send(log, ["the last"]).durable;
  const killed = await store.killed(() => 0.9);
  world.abandon();

  const content = killed.readAll(LOG)!;
  content[70] ^= 1; // in the first batch's records
  await killed.replace(LOG, content);
  const events: string[] = [];
  const onEvent = (event: string) => void events.push(event);
  const again = await StorageWorld.open(killed, wanted, { onEvent });
  const reopened = again.logs.get(TOPIC_ID, 0)!;
  const bytes = killed.readAll(LOG)!.length;
  const found = reopened.offline === null ? await consumed(reopened) : null;
  again.abandon();
  assertEquals(bytes, content.length, "no byte of the file goes");
  if (found === null) assert(events.length > 0, "it is offline, and somebody is told");
  else {
    assertEquals([...found.keys()], Array.from({ length: 74 }, (_, i) => i));
    assert(found.get(0) === "small 0" && found.get(73) === "the last");
  }
});

Deno.test("with the recovery point checkpoint missing, the journal is not written over compacted segments", async () => {
  const config: Partial<TopicConfig> = {
    "cleanup.policy": ["compact"],
    "segment.bytes": 600,
    "min.cleanable.dirty.ratio": 0,
  };
  const wanted = [wantedLog(TOPIC_ID, { topic: "t" }, config)];
  const store = new FaultyStore(new MemoryStore());
  const world = await StorageWorld.open(store, wanted);
  const log = world.logs.get(TOPIC_ID, 0)!;
  for (let i = 0; i < 60; i++) await sendKeyed(log, [[`k${i % 3}`, `value ${i}`]]).durable;
  while (await world.cleaner.cleanDirtiest());
  const before = [...await consumed(log)];
  assert(before.length < 30, `compaction took most: ${before.length} are left`);
  const killed = await store.killed(() => 0.9);
  world.abandon();
  killed.remove(RECOVERY_POINT_CHECKPOINT);

  const again = await StorageWorld.open(killed, wanted);
  const reopened = again.logs.get(TOPIC_ID, 0)!;
  assertEquals(reopened.offline, null);
  const after = [...await consumed(reopened)];
  assertEquals(reopened.logEndOffset, 60);
  again.abandon();
  assertEquals(after, before);
});
