/**
 * The fault injector itself: that faults strike when and where they should, and that crash() leaves what a disk
 * would. Every other fault test stands on this.
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type CrashOptions, FaultyStore } from "./faulty_store.ts";
import { MemoryStore } from "./memory_store.ts";
import { StoreError } from "../store.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

async function survivors(
  store: FaultyStore,
  options: CrashOptions,
): Promise<Record<string, number[]>> {
  const disk = await store.crash(options);
  const found: Record<string, number[]> = {};
  const walk = (folder: string) => {
    for (const { name, isFolder } of disk.list(folder)) {
      const path = folder === "" ? name : `${folder}/${name}`;
      if (isFolder) walk(path);
      else found[path] = [...disk.readAll(path)!];
    }
  };
  walk("");
  return found;
}

/** A store with a file "a", whose name and first two bytes of four are on the disk. */
async function half(): Promise<{ store: FaultyStore; blob: ReturnType<FaultyStore["open"]> }> {
  const store = new FaultyStore(new MemoryStore());
  const blob = store.open("a");
  blob.append(bytes(1, 2));
  await blob.sync();
  await store.syncFolder("");
  blob.append(bytes(3, 4));
  return { store, blob };
}

Deno.test("a fault strikes the n-th call of its kind, at its path, once or forever", () => {
  const store = new FaultyStore(new MemoryStore());
  const a = store.open("x.log"), b = store.open("x.index");
  store.fail({ on: "append", nth: 2, pathEndsWith: ".log", kind: "noSpace" });
  b.append(bytes(1));
  a.append(bytes(1));
  b.append(bytes(1));
  const error = assertThrows(
    () => a.append(bytes(2)),
    StoreError,
    "Cannot append x.log: injected fault",
  );
  assertEquals([error.kind, a.size], ["noSpace", 1]);
  a.append(bytes(3));
  assertEquals(store.readAll("x.log"), bytes(1, 3));
  store.fail({ on: "read", forever: true });
  for (let i = 0; i < 3; i++) assertThrows(() => a.read(0, new Uint8Array(1)), StoreError);
  store.heal();
  assertEquals(a.read(0, new Uint8Array(1)), 1);
});

Deno.test("a torn append leaves half of the bytes behind the size, until the next append cuts them off", async () => {
  const { store, blob } = await half();
  store.fail({ on: "append", how: "torn" });
  assertThrows(() => blob.append(bytes(5, 6, 7, 8)), StoreError);
  assertEquals(blob.size, 4);
  assertEquals(blob.read(0, new Uint8Array(10)), 4);
  assertEquals(await survivors(store, { unsynced: "kept" }), { a: [1, 2, 3, 4, 5, 6] });
  blob.append(bytes(9));
  assertEquals(store.readAll("a"), bytes(1, 2, 3, 4, 9));
});

Deno.test("a failed sync stays failed, and a lying one loses the bytes", async () => {
  const { store, blob } = await half();
  store.fail({ on: "sync", how: "lie" });
  await blob.sync();
  assertEquals(await survivors(store, { unsynced: "lost" }), { a: [1, 2] });
  store.fail({ on: "sync" });
  await assertRejects(() => blob.sync(), StoreError);
  await assertRejects(() => blob.sync(), StoreError);
  assertEquals(await survivors(store, { unsynced: "lost" }), { a: [1, 2] });
});

Deno.test("crash() keeps what was synced, and of the rest what is asked for", async () => {
  const { store, blob } = await half();
  assertEquals(await survivors(store, { unsynced: "lost" }), { a: [1, 2] });
  assertEquals(await survivors(store, { unsynced: "kept" }), { a: [1, 2, 3, 4] });
  assertEquals(await survivors(store, { unsynced: "torn", random: () => 0.5 }), { a: [1, 2, 3] });
  assertEquals(await survivors(store, { unsynced: "zeros", random: () => 0.5 }), {
    a: [1, 2, 3, 0],
  });
  await blob.sync();
  assertEquals(await survivors(store, { unsynced: "lost" }), { a: [1, 2, 3, 4] });
});

Deno.test("bytes appended after a sync began are not covered by it", async () => {
  const { store, blob } = await half();
  const synced = blob.sync();
  blob.append(bytes(5));
  await synced;
  assertEquals(await survivors(store, { unsynced: "lost" }), { a: [1, 2, 3, 4] });
});

Deno.test("a new name survives once its folder was synced", async () => {
  const { store } = await half();
  store.makeFolder("t");
  const blob = store.open("t/b");
  blob.append(bytes(7));
  await blob.sync();
  assertEquals(Object.keys(await survivors(store, { unsynced: "lost" })), ["a"]);
  assertEquals(Object.keys(await survivors(store, { unsynced: "lost", names: "kept" })), [
    "a",
    "t/b",
  ]);
  await store.syncFolder("t");
  assertEquals(await survivors(store, { unsynced: "lost" }), { a: [1, 2], "t/b": [7] });
});

Deno.test("a removed or renamed file comes back until its folder was synced", async () => {
  const { store, blob } = await half();
  blob.close();
  store.rename("a", "b");
  assertEquals(await survivors(store, { unsynced: "lost" }), { a: [1, 2] });
  await store.syncFolder("");
  assertEquals(await survivors(store, { unsynced: "lost" }), { b: [1, 2] });
  store.remove("b");
  assertEquals(await survivors(store, { unsynced: "lost" }), { b: [1, 2] });
  await store.syncFolder("");
  assertEquals(await survivors(store, { unsynced: "lost" }), {});
});

Deno.test("replace() survives whole, or fails and leaves the old content", async () => {
  const store = new FaultyStore(new MemoryStore());
  await store.replace("p", bytes(1));
  store.fail({ on: "replace" });
  await assertRejects(() => store.replace("p", bytes(2)), StoreError);
  assertEquals(await survivors(store, { unsynced: "lost" }), { p: [1] });
  await store.replace("p", bytes(3));
  assertEquals(await survivors(store, { unsynced: "lost" }), { p: [3] });
  store.fail({ on: "replace", how: "lie" });
  await store.replace("p", bytes(4));
  assertEquals(store.readAll("p"), bytes(4));
  assertEquals(await survivors(store, { unsynced: "lost" }), { p: [3] });
});

Deno.test("a wrapped store's content counts as durable", async () => {
  const inner = new MemoryStore();
  inner.makeFolder("t");
  inner.open("t/a").append(bytes(1, 2));
  const store = new FaultyStore(inner);
  assertEquals(await survivors(store, { unsynced: "lost" }), { "t/a": [1, 2] });
  assert(store.name.includes("memory://"));
});
