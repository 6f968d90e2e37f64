/**
 * Proves that nothing can be changed in a backup unseen: each of its files gone, cut, longer, with a bit flipped, another's
 * content, a folder in its place, or unreadable, and every bit of its manifest. Verify names each file that is wrong, all of
 * them; a restore refuses, and leaves nothing.
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createBackup } from "../src/backup/create.ts";
import { type BackedUpFile, needManifest, storedPath } from "../src/backup/manifest.ts";
import { restoreBackup, verifyBackup } from "../src/backup/restore.ts";
import { SourceDirectory } from "../src/backup/source_directory.ts";
import { run } from "../src/cli/mod.ts";
import { FileStore } from "../src/storage/backends/file_store.ts";
import { MemoryStore } from "../src/storage/backends/memory_store.ts";
import { type Store, StoreError } from "../src/storage/store.ts";
import { FaultyStore } from "../src/testing/faulty_store.ts";
import { append } from "./broker/calls.ts";
import { TestBroker, withDirectory } from "./broker/harness.ts";

async function withBackup(
  body: (backup: MemoryStore, restoreTo: string) => Promise<void>,
): Promise<void> {
  await withDirectory(async (path) => {
    const backup = new MemoryStore();
    {
      await using broker = await TestBroker.start({ path: `${path}/data` });
      const configs = { "internal.segment.bytes": "4096" };
      for (const name of ["a", "b"]) await broker.createTopic(name, { configs });
      const connection = await broker.connect();
      for (let i = 0; i < 4; i++) {
        for (const name of ["a", "b"]) await append(connection, name, [name.repeat(1500)]);
      }
      await createBackup(connection, new SourceDirectory(`${path}/data`), backup);
    }
    await body(backup, `${path}/restored`);
  });
}

async function copyOf(from: Store): Promise<MemoryStore> {
  const to = new MemoryStore();
  const copy = async (folder: string) => {
    for (const { name, isFolder } of from.list(folder)) {
      const path = folder === "" ? name : `${folder}/${name}`;
      if (!isFolder) await to.replace(path, from.readAll(path)!);
      else {
        to.makeFolder(path);
        await copy(path);
      }
    }
  };
  await copy("");
  return to;
}

async function refuses(backup: Store, to: string, what: string): Promise<void> {
  await assertRejects(
    () => restoreBackup(backup, to, (path) => new FileStore(path)),
    StoreError,
    undefined,
    what,
  );
  for (const path of [to, `${to}.restoring`]) {
    assertThrows(() => Deno.statSync(path), Deno.errors.NotFound, undefined, `${what}: ${path}`);
  }
}

type Change = (store: MemoryStore, file: BackedUpFile, other: BackedUpFile) => Promise<unknown>;

const CHANGES: Readonly<Record<string, Change>> = {
  "is gone": (store, file) => Promise.resolve(store.remove(storedPath(file))),
  "is cut": (store, file) => {
    const path = storedPath(file);
    return store.replace(path, store.readAll(path)!.slice(0, -1));
  },
  "is longer": (store, file) => {
    const path = storedPath(file);
    return store.replace(path, new Uint8Array([...store.readAll(path)!, 0]));
  },
  "has a flipped bit": (store, file) => {
    const path = storedPath(file), bytes = store.readAll(path)!.slice();
    bytes[bytes.length >> 1] ^= 1;
    return store.replace(path, bytes);
  },
  "has another's content": (store, file, other) =>
    store.replace(storedPath(file), store.readAll(storedPath(other))!),
  "is a folder": (store, file) => {
    store.remove(storedPath(file));
    return Promise.resolve(store.makeFolder(storedPath(file)));
  },
};

Deno.test("a file of a backup that is changed in any way is named, and nothing is restored", () =>
  withBackup(async (whole, to) => {
    const files = needManifest(whole).files.filter(({ bytes }) => bytes > 0);
    for (const [what, change] of Object.entries(CHANGES)) {
      const all = await copyOf(whole), changed: string[] = [];
      for (const [i, file] of files.entries()) {
        const other = files.find(({ sha256 }, j) => j !== i && sha256 !== file.sha256)!;
        const backup = await copyOf(whole);
        for (const store of [backup, all]) await change(store, file, other);
        const problems = verifyBackup(backup);
        assertEquals(problems.length, 1, `${file.path} ${what}: ${problems.join()}`);
        assert(problems[0].includes(storedPath(file)), `${file.path} ${what}: ${problems[0]}`);
        await refuses(backup, to, `${file.path} ${what}`);
        changed.push(storedPath(file));
        if (what === "has another's content") break; // else the others are other files already
      }
      const problems = verifyBackup(all);
      assertEquals(changed.filter((path) => !problems.some((one) => one.includes(path))), [], what);
    }
  }));

for (const on of ["open", "read"] as const) {
  Deno.test(`a file of a backup whose ${on} fails is named, beside every other that is wrong`, () =>
    withBackup(async (whole, to) => {
      const files = needManifest(whole).files.filter(({ bytes }) => bytes > 0);
      const last = files.at(-1)!;
      for (const file of files.slice(0, -1)) {
        const backup = new FaultyStore(await copyOf(whole));
        backup.remove(storedPath(last));
        const fault = { on, pathEndsWith: storedPath(file), forever: true } as const;
        const set = backup.fail(fault);
        const problems = verifyBackup(backup);
        assert(set.struck > 0, `${file.path}: nothing was failed`);
        for (const path of [file, last].map(storedPath)) {
          assert(problems.some((one) => one.includes(path)), `${path}: ${problems.join()}`);
        }
        await refuses(backup, to, `${file.path}: ${on}`);
      }
    }));
}

Deno.test("every bit of a manifest counts, and so does each of its bytes where it is another digit", () =>
  withBackup(async (whole, to) => {
    const bytes = whole.readAll("manifest.json")!;
    const tried: [number, number][] = [];
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) tried.push([at, bytes[at] ^ 1 << bit]);
      if (bytes[at] >= 0x30 && bytes[at] <= 0x39) {
        for (let digit = 0x30; digit <= 0x39; digit++) {
          if (digit !== bytes[at]) tried.push([at, digit]);
        }
      }
    }
    let isTold = 0;
    for (const [at, byte] of tried) {
      const changed = bytes.slice();
      changed[at] = byte;
      await whole.replace("manifest.json", changed);
      let problems: string[];
      try {
        problems = verifyBackup(whole);
      } catch (error) {
        assert(error instanceof StoreError, `byte ${at} as ${byte}: ${(error as Error).stack}`);
        isTold++;
        continue;
      }
      assert(problems.length > 0, `byte ${at} as ${byte} is not seen: ${text(bytes, at)}`);
    }
    assertEquals(isTold, tried.length);
    await refuses(whole, to, "the last of them");
  }));

function text(bytes: Uint8Array, at: number): string {
  return new TextDecoder().decode(bytes.subarray(Math.max(0, at - 20), at + 20));
}

Deno.test("of two restores to one place at a time one is refused, and what is there in the end is whole", () =>
  withDirectory(async (path) => {
    await using broker = await TestBroker.start({ path: `${path}/data` });
    await broker.createTopic("t", { configs: { "internal.segment.bytes": "4096" } });
    const connection = await broker.connect();
    for (let i = 0; i < 5; i++) await append(connection, "t", [`${i}`.padEnd(1500)]);
    const backup = `${path}/backup`, store = new FileStore(backup);
    await createBackup(connection, new SourceDirectory(`${path}/data`), store);
    const { files } = needManifest(store);
    for (let apartMs = 0; apartMs < 12; apartMs++) {
      const to = `${path}/to-${apartMs}`,
        restore = () => run(["backup", "restore", backup, "--to", to], noBroker);
      const second = new Promise((resolve) => setTimeout(resolve, apartMs)).then(restore);
      const ended = await Promise.allSettled([restore(), second]);
      const done = ended.filter((one) => one.status === "fulfilled" && one.value === 0);
      assertEquals(done.length, 1, `${apartMs} ms apart: ${ended.map((one) => Deno.inspect(one))}`);
      for (const { path: file, bytes } of files) {
        assertEquals(Deno.statSync(`${to}/${file}`).size, bytes, `${file}, ${apartMs} ms apart`);
      }
      assertThrows(() => Deno.statSync(`${to}.restoring`), Deno.errors.NotFound);
    }
    store.close();
  }));

const noBroker = () => Promise.reject(new Error("a broker was started"));
