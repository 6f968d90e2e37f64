/**
 * Proves that whatever the destination of a backup does, it holds a whole backup or says that it holds none: every call of
 * it is failed, once and for good, torn and for want of space, and the power cut behind it, over no backup and over an
 * older one; so is every call of the directory that a backup is restored to. What then was done is what is said.
 */
import { assert, assertEquals } from "@std/assert";
import { createBackup } from "../src/backup/create.ts";
import { needManifest, readManifest, storedPath } from "../src/backup/manifest.ts";
import { restoreBackup, verifyBackup } from "../src/backup/restore.ts";
import { SourceDirectory } from "../src/backup/source_directory.ts";
import { MemoryStore } from "../src/storage/backends/memory_store.ts";
import { type Store, StoreError } from "../src/storage/store.ts";
import { type Fault, FaultyStore, type Operation } from "../src/testing/faulty_store.ts";
import { append } from "./broker/calls.ts";
import { TestBroker, withDirectory } from "./broker/harness.ts";

const CALLS: Operation[] = [
  "open",
  "append",
  "sync",
  "read",
  "replace",
  "rename",
  "remove",
  "syncFolder",
];
const LOST = { unsynced: "lost", names: "lost" } as const;

async function copyInto(to: Store, from: Store, folder = "", under = ""): Promise<void> {
  for (const { name, isFolder } of from.list(folder)) {
    const path = folder === "" ? name : `${folder}/${name}`;
    if (!isFolder) await to.replace(under + path, from.readAll(path)!);
    else {
      to.makeFolder(under + path);
      await copyInto(to, from, path, under);
    }
  }
}

async function copyOf(from: Store): Promise<MemoryStore> {
  const to = new MemoryStore();
  await copyInto(to, from);
  return to;
}

function* filesIn(store: Store, folder = ""): Generator<string> {
  for (const { name, isFolder } of store.list(folder)) {
    const path = folder === "" ? name : `${folder}/${name}`;
    if (isFolder) yield* filesIn(store, path);
    else yield path;
  }
}

/** A broker whose backups are one before and one after more was written. */
async function withBroker(
  body: (at: { backUp: (to: Store) => Promise<unknown>; before: MemoryStore }) => Promise<void>,
): Promise<void> {
  await withDirectory(async (path) => {
    await using broker = await TestBroker.start({ path });
    const configs = { "internal.segment.bytes": "4096" };
    for (const name of ["a", "b"]) await broker.createTopic(name, { configs });
    const connection = await broker.connect();
    const backUp = (to: Store) => createBackup(connection, new SourceDirectory(path), to);
    const write = async () => {
      for (const name of ["a", "b"]) await append(connection, name, ["v".repeat(1500)]);
    };
    await write();
    const before = new MemoryStore();
    await backUp(before);
    for (let i = 0; i < 3; i++) await write(); // the segment that is in the first goes on
    await body({ backUp, before });
  });
}

type Outcome = "the new one" | "the old one" | "none";

/** What is there, and whole. */
function heldBy(store: Store, old: string | null): Outcome {
  const manifest = readManifest(store);
  if (manifest === null) return "none";
  assertEquals(verifyBackup(store), [], "what the manifest names is there");
  return manifest.takenAt === old ? "the old one" : "the new one";
}

const HOWS: Pick<Fault, "how" | "kind" | "forever">[] = [
  { how: "error", kind: "io" },
  { how: "error", kind: "noSpace", forever: true },
];

/** Every fault that strikes, one after the other. */
async function eachFault(run: (fault: Fault) => Promise<boolean>): Promise<number> {
  let count = 0;
  for (const on of CALLS) {
    for (const how of [...HOWS, ...(on === "append" ? [{ how: "torn" } as const] : [])]) {
      for (let nth = 1; await run({ on, nth, ...how }); nth++) count++;
    }
  }
  return count;
}

for (const over of ["no backup", "an older one"] as const) {
  Deno.test(`a destination that fails at any call, over ${over}, holds what is said`, () =>
    withBroker(async ({ backUp, before }) => {
      const isOver = over === "an older one";
      const old = isOver ? needManifest(before).takenAt : null;
      const count = await eachFault(async (fault) => {
        const store = new FaultyStore(isOver ? await copyOf(before) : new MemoryStore());
        const set = store.fail(fault), what = JSON.stringify(fault);
        let error: Error | null = null;
        try {
          await backUp(store);
        } catch (caught) {
          error = caught as Error;
          assert(caught instanceof StoreError, `${what}: ${(caught as Error).stack}`);
        }
        if (set.struck === 0) {
          assertEquals(error, null);
          return false;
        }
        store.heal();
        const held = heldBy(store, old);
        if (error === null) assertEquals(held, "the new one", what);
        else if (held === "the new one") {
          assert(!error.message.includes("was not made"), `${what}: it is there, and "${error}"`);
        } else assertEquals(held, isOver ? "the old one" : "none", what);
        const left = await store.crash(LOST);
        const after = heldBy(left, old);
        if (error === null) assertEquals(after, "the new one", `${what}, then a power loss`);
        else assert(isOver ? after !== "none" : true, `${what}, then a power loss: ${after}`);
        for (const next of [store, left]) {
          await backUp(next);
          assertEquals(heldBy(next, old), "the new one", `${what}, then the next`);
          const named = new Set(needManifest(next).files.map(storedPath));
          const others = [...filesIn(next)].filter((path) =>
            !named.has(path) && path !== "manifest.json" && path !== "runnel-backup"
          );
          assertEquals(others, [], `${what}, then the next`);
        }
        return true;
      });
      assert(count > 100, `${count} faults`);
    }));
}

/** A folder of a store, as a store of its own. */
class Below implements Store {
  readonly name = "below";
  constructor(readonly store: Store, readonly folder: string) {
    store.makeFolder(folder);
  }
  #at = (path: string) => path === "" ? this.folder : `${this.folder}/${path}`;
  list = (folder: string) => this.store.list(this.#at(folder));
  makeFolder = (folder: string) => this.store.makeFolder(this.#at(folder));
  open = (path: string) => this.store.open(this.#at(path));
  openInPlace = (path: string) => this.store.openInPlace(this.#at(path));
  readAll = (path: string) => this.store.readAll(this.#at(path));
  replace = (path: string, bytes: Uint8Array) => this.store.replace(this.#at(path), bytes);
  rename = (from: string, to: string) => this.store.rename(this.#at(from), this.#at(to));
  remove = (path: string) => this.store.remove(this.#at(path));
  removeAsync = (path: string) => this.store.removeAsync(this.#at(path));
  syncFolder = (folder: string) => this.store.syncFolder(this.#at(folder));
  foldsCase = () => this.store.foldsCase();
  freeBytes = () => this.store.freeBytes();
  close() {}
}

Deno.test("a directory that fails at any call of a restore is whole, or is not there", () =>
  withBroker(async ({ backUp }) => {
    const backup = new MemoryStore();
    await backUp(backup);
    const manifest = needManifest(backup);
    const isWhole = (store: Store) =>
      manifest.files.every(({ path, bytes }) => store.readAll(`data/${path}`)?.length === bytes);
    const restore = (store: Store) =>
      restoreBackup(
        backup,
        "/x/data",
        (path) => path === "/x" ? store : new Below(store, path.slice(3)),
      );
    const count = await eachFault(async (fault) => {
      const store = new FaultyStore(new MemoryStore());
      const set = store.fail(fault), what = JSON.stringify(fault);
      let error: Error | null = null;
      try {
        await restore(store);
      } catch (caught) {
        error = caught as Error;
        assert(caught instanceof StoreError, `${what}: ${(caught as Error).stack}`);
      }
      if (set.struck === 0) return false;
      store.heal();
      if (error === null) assert(isWhole(store), what);
      else assert(store.list("data").length === 0 || isWhole(store), `${what}: a part of it`);
      const left = await store.crash(LOST);
      if (error === null) assert(isWhole(left), `${what}, then a power loss`);
      else assert(left.list("data").length === 0 || isWhole(left), `${what}, then a power loss`);
      for (const next of [store, left]) {
        if (next.list("data").length > 0) continue;
        await restore(next);
        assert(isWhole(next), `${what}, then the next`);
        assertEquals(next.list("").map(({ name }) => name), ["data"], what);
      }
      return true;
    });
    assert(count > 100, `${count} faults`);
  }));
