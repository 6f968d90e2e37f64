/**
 * The fault injector itself: that faults strike when and where they should, and that crash() leaves what a disk
 * would. Every other fault test stands on this.
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type CrashOptions, FaultyStore } from "./faulty_store.ts";
import { MemoryStore } from "../storage/backends/memory_store.ts";
import { microtasks, SlowDevice } from "./slow_device.ts";
import { StoreError } from "../storage/store.ts";

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
  using store = new FaultyStore(new MemoryStore());
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
  using store = new FaultyStore(new MemoryStore());
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

Deno.test("a fault that was set and never struck fails its test", () => {
  const store = new FaultyStore(new MemoryStore());
  const append = store.fail({ on: "append", nth: 2 });
  const blob = store.open("a");
  blob.append(bytes(1));
  assertThrows(() => store.assertAllFired(), Error, '{"on":"append","nth":2}, 1 calls short');
  assertThrows(() => blob.append(bytes(1)), StoreError);
  assertEquals(append.struck, 1);
  store.assertAllFired();
  store.fail({ on: "sync" });
  store.heal();
  assertThrows(
    () => {
      using _ = store;
    },
    Error,
    "never struck",
  );
});

/** A store on a device whose calls take as many turns as `turns` says of their path. */
function slow(turns: Record<string, number> = {}) {
  const device = new SlowDevice((_, path) => turns[path] ?? 1);
  return { device, store: new FaultyStore(new MemoryStore(), { device }) };
}

/** Every outcome that many seeds come to, as text. */
async function outcomes(
  store: FaultyStore,
  options: CrashOptions,
  path: string,
): Promise<string[]> {
  const found = new Set<string>();
  for (let seed = 0; seed < 400; seed++) {
    let state = seed * 2654435761 >>> 0;
    const random = () => {
      state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x6d2b79f5 >>> 0;
      return state / 2 ** 32;
    };
    const disk = await store.crash({ ...options, random });
    found.add(`${disk.readAll(path) ?? "absent"}`);
  }
  return [...found].sort();
}

Deno.test("on a slow device calls land in the order of their turns, not of the calls", async () => {
  const { device, store } = slow({ a: 5, b: 2 });
  const landed: string[] = [];
  const a = store.open("a"), b = store.open("b");
  a.appendAsync(bytes(1, 2)).then(() => landed.push("a"));
  b.appendAsync(bytes(3)).then(() => landed.push("b"));
  b.sync().then(() => landed.push("sync b"));
  assertEquals(device.flights.map(({ on, path }) => `${on} ${path}`), [
    "append a",
    "append b",
    "sync b",
  ]);
  assertEquals([a.size, b.size], [0, 0]);
  for (let i = 0; i < 5; i++) {
    device.turn();
    await microtasks();
  }
  assertEquals(landed, ["b", "sync b", "a"]);
  assertEquals([a.size, b.size], [2, 1]);
});

Deno.test("two appends of one blob at a time are a mistake, and so is a cut meanwhile", async () => {
  const { device, store } = slow();
  const blob = store.open("a");
  const first = blob.appendAsync(bytes(1));
  await assertRejects(() => blob.appendAsync(bytes(2)), Error, "an appendAsync is on its way");
  assertThrows(() => blob.append(bytes(2)), Error, "an appendAsync is on its way");
  assertThrows(() => blob.truncate(0), Error, "an appendAsync is on its way");
  await device.drive(first);
  blob.append(bytes(2));
  assertEquals(store.readAll("a"), bytes(1, 2));
});

Deno.test("a power loss finds a write on its way absent, whole or torn at any byte", async () => {
  const { store } = slow({ a: Infinity });
  store.open("a").appendAsync(bytes(1, 2, 3));
  const found = await outcomes(store, { unsynced: "kept", names: "kept" }, "a");
  assertEquals(found, ["", "1", "1,2", "1,2,3"]);
});

Deno.test("a sync covers what was written when it began, and on its way has done any part of that", async () => {
  const { device, store } = slow({ "": 1 });
  const blob = store.open("a");
  await device.drive(store.syncFolder(""));
  blob.append(bytes(1, 2));
  const synced = blob.sync();
  blob.append(bytes(3));
  assertEquals(await outcomes(store, { unsynced: "lost" }, "a"), ["", "1", "1,2"]);
  await device.drive(synced);
  assertEquals(await outcomes(store, { unsynced: "lost" }, "a"), ["1,2"]);
});

Deno.test("pages that were not synced survive each for itself, a later one without an earlier", async () => {
  const store = new FaultyStore(new MemoryStore());
  store.open("a").append(new Uint8Array(3 * 4096).fill(1));
  let isReordered = false;
  for (const one of await outcomes(store, { unsynced: "pages", names: "kept" }, "a")) {
    const content = one.split(",").map(Number);
    for (let at = 0; at < content.length; at += 4096) {
      const page = content.slice(at, at + 4096);
      assert(page.every((byte) => byte === page[0]), "a page is there or zero");
    }
    isReordered ||= content.length > 4096 && content[0] === 0 && content[4096] === 1;
  }
  assert(isReordered);
});

Deno.test("sectors overwritten in place are old or new until they are synced", async () => {
  const { device, store } = slow();
  const blob = store.openInPlace("a");
  blob.write(0, new Uint8Array(1024).fill(1));
  await device.drive(blob.sync());
  blob.write(0, new Uint8Array(1024).fill(2));
  const sectors = (all: string[]) =>
    all.map((one) => {
      const content = one.split(",").map(Number);
      for (let at = 0; at < 1024; at++) assertEquals(content[at], content[at - at % 512]);
      return `${content[0]}${content[512]}`;
    }).sort();
  const torn = { unsynced: "torn", names: "kept" } as const;
  assertEquals(sectors(await outcomes(store, torn, "a")), ["11", "12", "21", "22"]);
  const lost = { unsynced: "lost", names: "kept" } as const;
  assertEquals(sectors(await outcomes(store, lost, "a")), ["11"]);

  const synced = Promise.resolve(blob.sync());
  blob.write(512, new Uint8Array(512).fill(3)); // after the sync began: it makes the 2 durable
  await device.drive(synced);
  assertEquals(sectors(await outcomes(store, torn, "a")), ["22", "23"]);
});

Deno.test("a cut that was not synced may be undone, with everything written behind it", async () => {
  const { device, store } = slow();
  const blob = store.open("a");
  blob.append(bytes(1, 2, 3, 4));
  await device.drive(blob.sync());
  blob.truncate(1);
  blob.append(bytes(9));
  const undone = { unsynced: "kept", names: "kept", cuts: "mixed" } as const;
  assertEquals(await outcomes(store, undone, "a"), ["1,2,3,4", "1,9"]);
  await device.drive(blob.sync());
  assertEquals(await outcomes(store, undone, "a"), ["1,9"]);
});

Deno.test("after a kill everything written is there, and no more of it on the device than before", async () => {
  const { device, store } = slow({ b: Infinity });
  const blob = store.open("a");
  blob.append(bytes(1));
  await device.drive(blob.sync());
  await device.drive(store.syncFolder(""));
  blob.append(bytes(2));
  const onItsWay = store.open("b").appendAsync(bytes(3, 4));
  const next = await store.killed(() => 0.9);
  await assertRejects(() => onItsWay, StoreError, "no power");
  assertThrows(() => blob.append(bytes(9)), StoreError, "no power");
  assertEquals([next.readAll("a"), next.readAll("b")], [bytes(1, 2), bytes(3, 4)]);
  assertEquals(await survivors(next, { unsynced: "lost" }), { a: [1] });
  await next.open("a").sync();
  assertEquals(await survivors(next, { unsynced: "lost" }), { a: [1, 2] });
});

Deno.test("names come back up to some moment, but never what was there before a folder was synced", async () => {
  const { device, store } = slow();
  store.makeFolder("t");
  store.open("t/first");
  await device.drive(store.syncFolder("t"));
  store.open("t/second");
  store.rename("t", "u");
  store.makeFolder("t");
  store.open("t/third");
  const found = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const random = () => i / 20;
    const left = await survivors(store, { unsynced: "lost", names: "some", random });
    found.add(Object.keys(left).sort().join());
  }
  assertEquals([...found].sort(), [
    "t/first",
    "t/first,t/second",
    "t/third,u/first,u/second",
    "u/first,u/second",
  ]);
  // The folder that was renamed took its content along; without a sync of the root it is where it was.
  assertEquals(Object.keys(await survivors(store, { unsynced: "lost" })), ["t/first"]);
});

Deno.test("a replacement that began in a folder does not land in another one of that name", async () => {
  const { device, store } = slow();
  store.makeFolder("t");
  const replaced = store.replace("t/a", bytes(1));
  await microtasks();
  store.rename("t", "t-delete");
  store.makeFolder("t");
  await assertRejects(() => device.drive(replaced), StoreError, "another one now");
  assertEquals(store.list("t"), []);
});
