/**
 * The contract of Store, run over every implementation: a directory, memory, and the fault-injecting wrapper with
 * no fault set. Each case starts from an empty store.
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FaultyStore } from "../../testing/faulty_store.ts";
import { FileStore } from "./file_store.ts";
import { MemoryStore } from "./memory_store.ts";
import { SlowDevice } from "../../testing/slow_device.ts";
import { type Store, StoreError } from "../store.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const text = (s: string) => new TextEncoder().encode(s);

/** `length` bytes that differ from place to place. */
function pattern(length: number, seed = 1): Uint8Array {
  const out = new Uint8Array(length);
  for (let i = 0; i < length; i++) out[i] = i * 31 + seed + (i >> 8) & 255;
  return out;
}

type Case = (store: Store) => void | Promise<void>;

const CASES: Record<string, Case> = {
  "append() adds at the end and read() gives it back": (store) => {
    const blob = store.open("a.log");
    assertEquals(blob.size, 0);
    blob.append(bytes(1, 2, 3));
    blob.append(bytes(4, 5));
    assertEquals(blob.size, 5);
    const into = new Uint8Array(3);
    assertEquals(blob.read(1, into), 3);
    assertEquals(into, bytes(2, 3, 4));
  },

  "foldsCase() says whether names that differ in case alone are one": (store) => {
    assertEquals(store.foldsCase(), false); // nothing is known
    store.open("a.log").append(bytes(1));
    assertEquals(store.foldsCase(), store.readAll("A.LOG") !== null);
  },

  "read() gives fewer bytes only at the end, and 0 past it": (store) => {
    const blob = store.open("a.log");
    blob.append(bytes(1, 2, 3));
    const into = new Uint8Array(8).fill(9);
    assertEquals(blob.read(1, into), 2);
    assertEquals(into, bytes(2, 3, 9, 9, 9, 9, 9, 9));
    assertEquals(blob.read(3, into), 0);
    assertEquals(blob.read(100, into), 0);
    assertEquals(blob.read(0, new Uint8Array(0)), 0);
  },

  "content past a megabyte comes back unchanged, from any position": (store) => {
    const blob = store.open("a.log");
    const content = pattern(1_300_000);
    for (let at = 0; at < content.length; at += 70_001) {
      blob.append(content.subarray(at, at + 70_001));
    }
    assertEquals(blob.size, content.length);
    for (
      const [position, length] of [[0, 1_300_000], [262_143, 2], [262_144, 262_144], [
        524_287,
        700_000,
      ]]
    ) {
      const into = new Uint8Array(length);
      assertEquals(blob.read(position, into), length);
      assert(
        equal(into, content.subarray(position, position + length)),
        `${length} bytes at ${position} differ`,
      );
    }
  },

  "reads between appends do not move where the next append goes": (store) => {
    const blob = store.open("a.log");
    blob.append(pattern(1000));
    blob.read(10, new Uint8Array(5));
    blob.append(bytes(7));
    blob.read(0, new Uint8Array(5));
    assertEquals(blob.size, 1001);
    assertEquals(store.readAll("a.log")!.length, 1001);
    assertEquals(store.readAll("a.log")![1000], 7);
  },

  "appendAsync() adds at the end, and reads meanwhile see what was there before": async (store) => {
    const blob = store.open("a.log");
    const content = pattern(900_000);
    for (let at = 0; at < content.length; at += 100_000) {
      const appending = blob.appendAsync(content.subarray(at, at + 100_000));
      const into = new Uint8Array(50_000);
      const from = Math.max(0, at - 50_000);
      const read = blob.read(from, into);
      assert(read >= Math.min(at, 50_000));
      assert(equal(into.subarray(0, read), content.subarray(from, from + read)));
      await appending;
      assertEquals(blob.size, at + 100_000);
    }
    assert(equal(store.readAll("a.log")!, content));
  },

  "concurrent readAsync() and read() each get their own bytes": async (store) => {
    const blob = store.open("a.log");
    const content = pattern(400_000);
    blob.append(content);
    const reads = [];
    for (let i = 0; i < 20; i++) {
      const position = i * 17_777;
      const into = new Uint8Array(40_000);
      reads.push(
        blob.readAsync(position, into).then((n) =>
          equal(into.subarray(0, n), content.subarray(position, position + 40_000))
        ),
      );
      const now = new Uint8Array(100);
      blob.read(position + 5, now);
      assert(equal(now, content.subarray(position + 5, position + 105)));
    }
    assertEquals(await Promise.all(reads), reads.map(() => true));
    assertEquals(await blob.readAsync(399_990, new Uint8Array(40)), 10);
    assertEquals(await blob.readAsync(400_000, new Uint8Array(40)), 0);
  },

  "truncate() cuts, and appending goes on from there": (store) => {
    const blob = store.open("a.log");
    blob.append(bytes(1, 2, 3, 4, 5));
    blob.truncate(2);
    assertEquals(blob.size, 2);
    blob.append(bytes(9));
    assertEquals(store.readAll("a.log"), bytes(1, 2, 9));
    blob.truncate(0);
    assertEquals(blob.read(0, new Uint8Array(4)), 0);
    assertEquals(store.readAll("a.log"), bytes());
    assertThrows(() => blob.truncate(1), StoreError, "to 1 bytes");
  },

  "appends and reads go on while a sync is under way": async (store) => {
    const blob = store.open("a.log");
    blob.append(pattern(100_000));
    const first = blob.sync();
    blob.append(bytes(42));
    const into = new Uint8Array(1);
    assertEquals(blob.read(100_000, into), 1);
    assertEquals(into[0], 42);
    const second = blob.sync();
    await Promise.all([first, second]);
    assertEquals(blob.size, 100_001);
  },

  "open() creates the blob, and finds content that was there before": (store) => {
    store.open("a.log").close();
    assertEquals(store.list(""), [{ name: "a.log", isFolder: false }]);
    const blob = store.open("a.log");
    blob.append(bytes(1, 2));
    blob.close();
    const again = store.open("a.log");
    assertEquals(again.size, 2);
    again.append(bytes(3));
    assertEquals(store.readAll("a.log"), bytes(1, 2, 3));
  },

  "open() needs the folder": (store) => {
    assertEquals(assertThrows(() => store.open("t-0/a.log"), StoreError).kind, "absent");
    store.makeFolder("t-0");
    store.open("t-0/a.log").append(bytes(1));
    assertEquals(store.readAll("t-0/a.log"), bytes(1));
  },

  "a closed blob refuses work": async (store) => {
    const blob = store.open("a.log");
    blob.close();
    assertThrows(() => blob.append(bytes(1)), StoreError, "closed");
    await assertRejects(() => blob.sync(), StoreError, "closed");
  },

  "list() is sorted and tells folders from blobs; an absent folder is empty": (store) => {
    store.makeFolder("t-0/deeper");
    for (const name of ["b", "a", "C", "a0", "é"]) store.open(`t-0/${name}`).append(text(name));
    assertEquals(store.list("t-0").map((e) => e.name), ["C", "a", "a0", "b", "deeper", "é"]);
    assertEquals(store.list("t-0")[4], { name: "deeper", isFolder: true });
    assertEquals(store.list(""), [{ name: "t-0", isFolder: true }]);
    assertEquals(store.list("nothing/here"), []);
  },

  "makeFolder() is content with a folder that is there": (store) => {
    store.makeFolder("t-0");
    store.open("t-0/a").append(bytes(1));
    store.makeFolder("t-0");
    assertEquals(store.readAll("t-0/a"), bytes(1));
  },

  "replace() creates, replaces whole, and leaves no temporary file": async (store) => {
    await store.replace("p", text("a longer first content"));
    await store.replace("p", text("short"));
    assertEquals(store.readAll("p"), text("short"));
    assertEquals(store.list("").map((e) => e.name), ["p"]);
    assertEquals(
      (await assertRejects(() => store.replace("no/p", text("x")), StoreError)).kind,
      "absent",
    );
  },

  "of concurrent replace() calls the last one stays": async (store) => {
    await Promise.all([1, 2, 3, 4, 5].map((n) => store.replace("p", pattern(n * 1000, n))));
    assertEquals(store.readAll("p"), pattern(5000, 5));
    assertEquals(store.list("").map((e) => e.name), ["p"]);
  },

  "readAll() of nothing is null": (store) => {
    assertEquals(store.readAll("p"), null);
    assertEquals(store.readAll("no/p"), null);
  },

  "rename() moves a blob over another, and a folder with its content": (store) => {
    store.makeFolder("t-0/deeper");
    store.open("t-0/deeper/x").append(bytes(1));
    const blob = store.open("t-0/a");
    blob.append(bytes(2));
    blob.close();
    store.open("t-0/b").close();
    store.rename("t-0/a", "t-0/b");
    assertEquals(store.readAll("t-0/b"), bytes(2));
    assertEquals(store.readAll("t-0/a"), null);
    store.rename("t-0", "t-0.deleted");
    assertEquals(store.list("").map((e) => e.name), ["t-0.deleted"]);
    assertEquals(store.readAll("t-0.deleted/deeper/x"), bytes(1));
    assertEquals(store.readAll("t-0.deleted/b"), bytes(2));
    assertEquals(assertThrows(() => store.rename("nothing", "t"), StoreError).kind, "absent");
  },

  "remove() takes a folder with its content; absent is fine": (store) => {
    store.makeFolder("t-0/deeper");
    store.open("t-0/deeper/x").close();
    store.open("t-0/a").close();
    store.remove("t-0/a");
    assertEquals(store.list("t-0").map((e) => e.name), ["deeper"]);
    store.remove("t-0");
    store.remove("t-0");
    store.remove("no/such/thing");
    assertEquals(store.list(""), []);
    assertThrows(() => store.remove(""), StoreError, "root");
  },

  "removeAsync() does as remove() does": async (store) => {
    store.makeFolder("t-0/deeper");
    store.open("t-0/deeper/x").close();
    store.open("t-0/a").close();
    await store.removeAsync("t-0/a");
    assertEquals(store.list("t-0").map((e) => e.name), ["deeper"]);
    await store.removeAsync("t-0");
    await store.removeAsync("t-0");
    assertEquals(store.list(""), []);
    await assertRejects(async () => await store.removeAsync(""), StoreError, "root");
    await assertRejects(async () => await store.removeAsync("../x"), StoreError);
  },

  "no path leads out of the store": async (store) => {
    for (const path of ["../x", "/etc/passwd", "a/../../x", "./x", "a//x", "a/", "a\0b", ".."]) {
      assertEquals(assertThrows(() => store.open(path), StoreError).kind, "permission", path);
      assertThrows(() => store.list(path), StoreError);
      assertThrows(() => store.makeFolder(path), StoreError);
      assertThrows(() => store.readAll(path), StoreError);
      assertThrows(() => store.remove(path), StoreError);
      assertThrows(() => store.rename(path, "x"), StoreError);
      await assertRejects(async () => await store.replace(path, bytes(1)), StoreError);
      await assertRejects(async () => await store.syncFolder(path), StoreError);
    }
  },

  "syncFolder() works for folders and tells when there is none": async (store) => {
    store.makeFolder("t-0");
    await store.syncFolder("");
    await store.syncFolder("t-0");
    assertEquals(
      (await assertRejects(() => store.syncFolder("nothing"), StoreError)).kind,
      "absent",
    );
  },

  "freeBytes() is a positive number": (store) => {
    assert(store.freeBytes() > 0);
  },
};

const STORES: Record<string, () => { store: Store; cleanUp: () => void }> = {
  directory: () => {
    const root = Deno.makeTempDirSync({ prefix: "runnel-store-" });
    const store = new FileStore(root, { maxOpenFiles: 2 });
    return { store, cleanUp: () => Deno.removeSync(root, { recursive: true }) };
  },
  memory: () => ({ store: new MemoryStore(), cleanUp: () => {} }),
  faulty: () => ({ store: new FaultyStore(new MemoryStore()), cleanUp: () => {} }),
  slow: () => {
    const device = new SlowDevice((on) => on === "append" ? 3 : 2);
    const turning = setInterval(() => device.turn(), 0);
    const store = new FaultyStore(new MemoryStore(), { device });
    return { store, cleanUp: () => clearInterval(turning) };
  },
};

for (const [kind, make] of Object.entries(STORES)) {
  for (const [name, run] of Object.entries(CASES)) {
    Deno.test(`${kind} store: ${name}`, async () => {
      const { store, cleanUp } = make();
      try {
        await run(store);
      } finally {
        store.close();
        cleanUp();
      }
    });
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
