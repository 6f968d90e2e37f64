/**
 * Proves that what is deleted while the store fails leaves nothing under its name once the store is well again, whatever
 * there was of it: a folder that was only begun, one that nobody could look into. The store fails as it is told.
 */
import { assertEquals } from "@std/assert";
import { createAll } from "../testing/created_logs.ts";
import { FaultyStore } from "../testing/faulty_store.ts";
import { StorageWorld, wantedLog } from "../testing/storage_world.ts";
import { randomUuid } from "../bytes/uuid.ts";
import { MemoryStore } from "./backends/memory_store.ts";
import { PARTITION_METADATA } from "./directory/partition_metadata.ts";

const T = randomUuid(), WANTED = wantedLog(T, { topic: "t" });

Deno.test("a topic that is deleted while its folder is only begun leaves nothing under its name", async () => {
  for (const how of ["error", "torn"] as const) {
    using store = new FaultyStore(new MemoryStore());
    const world = await StorageWorld.open(store, []);
    store.fail({ on: "append", pathEndsWith: PARTITION_METADATA, how, kind: "noSpace" });
    createAll(world.logs, [WANTED]);
    assertEquals(named(store), ["t-0"], how);
    await world.logs.remove([T]);
    assertEquals([named(store), world.logs.undeleted(T)], [[], null], how);
    world.abandon();
  }
});

Deno.test("a folder that nobody could look into when its topic was deleted is owed until somebody can", async () => {
  const memory = new MemoryStore();
  {
    const world = await StorageWorld.open(new FaultyStore(memory), [WANTED]);
    await world.stop();
  }
  using store = new FaultyStore(memory);
  store.fail({ on: "read", pathEndsWith: PARTITION_METADATA, forever: true });
  const world = await StorageWorld.open(store, [WANTED]); // which is offline therefore
  await world.logs.remove([T]);
  assertEquals([named(store), typeof world.logs.undeleted(T)], [["t-0"], "string"]);
  assertEquals([...world.logs.work.removals.failing.keys()], ["t-0"]);
  assertEquals(world.logs.holds(T), true);
  await world.logs.remove([T]); // as placement does, again and again
  store.heal();
  await world.logs.remove([T]);
  assertEquals([named(store), world.logs.undeleted(T)], [[], null]);
  assertEquals([...world.logs.work.removals.failing.keys()], []);
  world.abandon();
});

Deno.test("a topic that is deleted before its log was opened takes its folder along, though that does not say whose it is", async () => {
  const memory = new MemoryStore();
  {
    const world = await StorageWorld.open(new FaultyStore(memory), [WANTED]);
    await world.stop();
  }
  memory.remove(`t-0/${PARTITION_METADATA}`);
  using store = new FaultyStore(memory);
  store.fail({ on: "read", pathEndsWith: PARTITION_METADATA }); // so that it is not opened
  const world = await StorageWorld.open(store, [WANTED]);
  await world.logs.remove([T]);
  assertEquals([named(store), world.logs.undeleted(T)], [[], null]);
  world.abandon();
});

Deno.test("a folder that is owed is left alone once another topic has it", async () => {
  const memory = new MemoryStore(), other = wantedLog(randomUuid(), { topic: "t" });
  using store = new FaultyStore(memory);
  const world = await StorageWorld.open(store, [WANTED]);
  store.fail({ on: "rename" });
  await world.logs.remove([T]);
  assertEquals(typeof world.logs.undeleted(T), "string");
  createAll(world.logs, [other]); // which moves aside what bears its name
  await world.logs.remove([T]);
  assertEquals([named(store), world.logs.undeleted(T)], [["t-0"], null]);
  assertEquals(world.logs.get(other.topicId, 0)?.offline, null);
  world.abandon();
});

function named(store: FaultyStore): string[] {
  return store.list("").map(({ name }) => name).filter((name) => /^t-\d+$/.test(name));
}
