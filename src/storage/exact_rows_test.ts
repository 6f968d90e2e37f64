/**
 * Proves what a row that calls its log exact is worth: only a log to which nothing can be done any more is written down
 * so, and what the journal has beyond an exact end counts all the same.
 */
import { assertEquals } from "@std/assert";
import { randomUuid } from "../bytes/uuid.ts";
import { FaultyStore } from "../testing/faulty_store.ts";
import { consumed, send, StorageWorld, wantedLog } from "../testing/storage_world.ts";
import { MemoryStore } from "./backends/memory_store.ts";
import { INVENTORY_FILE, readInventory } from "./directory/inventory.ts";
import type { WantedLog } from "./opening.ts";
import type { Store } from "./store.ts";

const RETRIED_MS = 1500;

function isExactIn(store: Store): boolean {
  const inventory = readInventory(store);
  if (inventory === null || typeof inventory === "string") throw new Error("no inventory");
  return inventory.logs[0].isExact;
}

async function sendFive(world: StorageWorld, { topicId }: WantedLog, name: string): Promise<void> {
  const log = world.logs.get(topicId, 0)!;
  for (let i = 0; i < 5; i++) await send(log, [`${name}${i}`]).durable;
}

async function countOf(world: StorageWorld, { topicId }: WantedLog): Promise<number> {
  return (await consumed(world.logs.get(topicId, 0)!)).size;
}

Deno.test("a log that the store failed and that is tried again is not written down as exact", async () => {
  const wanted = wantedLog(randomUuid(), { topic: "t" }), disk = new MemoryStore();
  const first = await StorageWorld.open(new FaultyStore(disk), [wanted]);
  await sendFive(first, wanted, "a");
  await first.stop();
  const store = new FaultyStore(disk);
  store.fail({ on: "read", pathEndsWith: "t-0/partition.metadata", kind: "io" });
  const world = await StorageWorld.open(store, [wanted]);
  await world.logs.checkpoint();
  const wasExact = isExactIn(store);
  await new Promise((resolve) => setTimeout(resolve, RETRIED_MS));
  for (let i = 0; i < 300 && world.logs.get(wanted.topicId, 0) === undefined; i++) {
    await new Promise((resolve) => setTimeout(resolve, 100)); // on a slow machine later
  }
  await sendFive(world, wanted, "b");
  const left = await store.crash({ unsynced: "lost", names: "kept" });
  world.abandon();
  const again = await StorageWorld.open(new FaultyStore(left), [wanted]);
  const count = await countOf(again, wanted);
  again.abandon();
  assertEquals([count, wasExact], [10, false], "records that are left, and what the row said");
});

Deno.test("what the journal has beyond an exact end is served, whatever the row says", async () => {
  const wanted = wantedLog(randomUuid(), { topic: "t" }), disk = new MemoryStore();
  const first = await StorageWorld.open(new FaultyStore(disk), [wanted]);
  await sendFive(first, wanted, "a");
  await first.stop();
  const exact = disk.readAll(INVENTORY_FILE)!;
  const store = new FaultyStore(disk), world = await StorageWorld.open(store, [wanted]);
  await sendFive(world, wanted, "b");
  await store.replace(INVENTORY_FILE, exact);
  const left = await store.crash({ unsynced: "lost", names: "kept" });
  world.abandon();
  const again = await StorageWorld.open(new FaultyStore(left), [wanted]);
  const count = await countOf(again, wanted);
  again.abandon();
  assertEquals(count, 10);
});
