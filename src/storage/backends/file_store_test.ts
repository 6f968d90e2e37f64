/**
 * What only a directory has: the limit on descriptors, permissions of files, and the kernel's errors as
 * StoreErrors. What every store has to do is in store_contract_test.ts.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { FileStore } from "./file_store.ts";
import { storeError } from "./system_error.ts";
import { StoreError } from "../store.ts";

async function inDirectory(run: (root: string) => void | Promise<void>): Promise<void> {
  const root = Deno.makeTempDirSync({ prefix: "runnel-store-" });
  try {
    await run(root);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}

Deno.test("no more than maxOpenFiles descriptors stay open, and every blob goes on working", () =>
  inDirectory(async (root) => {
    const store = new FileStore(root, { maxOpenFiles: 10 });
    const blobs = Array.from({ length: 50 }, (_, i) => store.open(`${i}`));
    for (let round = 0; round < 3; round++) {
      for (const [i, blob] of blobs.entries()) {
        blob.append(new Uint8Array([i, round]));
        assert(store.openFiles <= 10, `${store.openFiles} files are open`);
      }
    }
    await Promise.all(blobs.slice(0, 5).map((blob) => blob.sync()));
    const into = new Uint8Array(6);
    for (const [i, blob] of blobs.entries()) {
      assertEquals(blob.read(0, into), 6);
      assertEquals(into, new Uint8Array([i, 0, i, 1, i, 2]));
      assert(store.openFiles <= 10);
    }
    store.close();
    assertEquals(store.openFiles, 0);
  }));

Deno.test("a descriptor with a sync under way is not closed, even past the limit", () =>
  inDirectory(async (root) => {
    const store = new FileStore(root, { maxOpenFiles: 2 });
    const blobs = Array.from({ length: 6 }, (_, i) => store.open(`${i}`));
    const syncs = blobs.map((blob) => {
      blob.append(new Uint8Array(100_000));
      return blob.sync();
    });
    assertEquals(store.openFiles, 6);
    await Promise.all(syncs);
    for (const blob of blobs) blob.read(0, new Uint8Array(1));
    store.open("more").append(new Uint8Array(1));
    for (const blob of blobs) blob.close();
    assertEquals(store.openFiles, 1);
    store.close();
  }));

Deno.test("a blob in use keeps its descriptor while others come and go", () =>
  inDirectory((root) => {
    const store = new FileStore(root, { maxOpenFiles: 4 });
    const hot = store.open("hot");
    hot.append(new Uint8Array(10));
    const file = `${root}/hot`;
    const others = Array.from({ length: 40 }, (_, i) => store.open(`${i}`));
    hot.read(0, new Uint8Array(1));
    Deno.removeSync(file); // from now on only the open descriptor can read it
    for (const other of others) {
      other.append(new Uint8Array(1));
      assertEquals(hot.read(0, new Uint8Array(10)), 10);
    }
    store.close();
  }));

Deno.test("when the process has no descriptor left, blobs give some back and work goes on", () =>
  inDirectory(async (root) => {
    const store = new FileStore(root);
    for (let i = 0; i < 8; i++) store.open(`${i}`).append(new Uint8Array([i]));
    const blob = store.open("0"), into = new Uint8Array(1);
    const openSync = Deno.openSync;
    try {
      for (
        const [left, work] of [
          [6, () => blob.read(0, into)],
          [4, () => blob.readAsync(0, into)],
          [3, () => store.syncFolder("")],
          [2, () => store.replace("small", into)],
        ] as const
      ) {
        Deno.openSync = (...args) => {
          Deno.openSync = openSync;
          throw Object.assign(new Error(`Too many open files: ${args[0]}`), { code: "EMFILE" });
        };
        await work();
        assertEquals(store.openFiles, left);
      }
    } finally {
      Deno.openSync = openSync;
      store.close();
    }
  }));

Deno.test("closing during a sync lets the sync finish", () =>
  inDirectory(async (root) => {
    const store = new FileStore(root);
    const blob = store.open("a");
    blob.append(new Uint8Array(1_000_000));
    const synced = blob.sync();
    blob.close();
    await synced;
    assertEquals(store.openFiles, 0);
  }));

Deno.test("a blob whose file was removed does not bring it back", () =>
  inDirectory((root) => {
    const store = new FileStore(root, { maxOpenFiles: 1 });
    const blob = store.open("a");
    store.open("b").append(new Uint8Array(1)); // takes the only descriptor
    store.remove("a");
    assertEquals(assertThrows(() => blob.append(new Uint8Array(1)), StoreError).kind, "absent");
    assertEquals(store.list("").map((entry) => entry.name), ["b"]);
    store.close();
  }));

Deno.test("files and folders are the owner's alone", () =>
  inDirectory(async (root) => {
    const store = new FileStore(`${root}/data`);
    store.makeFolder("t-0");
    store.open("t-0/a").append(new Uint8Array(1));
    await store.replace("t-0/b", new Uint8Array(1));
    store.close();
    const mode = (path: string) => (Deno.statSync(`${root}/${path}`).mode! & 0o777).toString(8);
    assertEquals([mode("data"), mode("data/t-0")], ["700", "700"]);
    assertEquals([mode("data/t-0/a"), mode("data/t-0/b")], ["600", "600"]);
  }));

Deno.test("a root that is a file is a StoreError that names it", () =>
  inDirectory((root) => {
    Deno.writeTextFileSync(`${root}/file`, "");
    const error = assertThrows(() => new FileStore(`${root}/file`), StoreError);
    assert(error.message.startsWith(`Cannot create directory ${root}/file: `), error.message);
  }));

Deno.test("storeError() tells a full disk, missing rights and absent files from other failures", () => {
  const kind = (cause: unknown) => storeError("append to", "/data/a", cause).kind;
  assertEquals(kind(new Error("No space left on device (os error 28)")), "noSpace");
  assertEquals(kind(new Error("Disk quota exceeded (os error 122)")), "noSpace");
  assertEquals(kind(new Error("Input/output error (os error 5)")), "io");
  assertEquals(
    kind(new Deno.errors.PermissionDenied("Permission denied (os error 13)")),
    "permission",
  );
  assertEquals(kind(new Deno.errors.NotFound("No such file or directory (os error 2)")), "absent");
  assertEquals(
    storeError("append to", "/data/a", new Error("Input/output error (os error 5)")).message,
    "Cannot append to /data/a: Input/output error (os error 5)",
  );
});
