/** Proves that a folder is read as of one moment while segments are replaced, removed and appended to; on real files. */
import { assertEquals, assertRejects } from "@std/assert";
import { StoreError } from "../storage/store.ts";
import { SourceDirectory, TooManyFilesError } from "./source_directory.ts";

const isLog = (name: string) => name.endsWith(".log");

async function withFolder(body: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "runnel-test-" });
  try {
    await Deno.mkdir(`${path}/t-0`);
    await body(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("open() waits while a compacted segment is put into its place, and takes the new one", () =>
  withFolder(async (path) => {
    await Deno.writeTextFile(`${path}/t-0/0.log.swap`, "compacted");
    await Deno.writeTextFile(`${path}/t-0/9.log`, "active");
    setTimeout(() => Deno.renameSync(`${path}/t-0/0.log.swap`, `${path}/t-0/0.log`), 50);
    const files = await new SourceDirectory(path).open("t-0", isLog);
    assertEquals(files.map(({ name, size }) => [name, size]), [["0.log", 9], ["9.log", 6]]);
    for (const file of files) file[Symbol.dispose]();
  }));

Deno.test("open() begins again when a segment was replaced or begun after it was opened", () =>
  withFolder(async (path) => {
    const folder = `${path}/t-0`, seen: string[] = [];
    await Deno.writeTextFile(`${folder}/0.log`, "as written");
    await Deno.writeTextFile(`${folder}/9.log`, "active");
    const between = () => {
      seen.push("look");
      // Twice two looks, one before and one after the files are opened.
      if (seen.length === 2) {
        Deno.writeTextFileSync(`${folder}/new`, "small");
        Deno.renameSync(`${folder}/new`, `${folder}/0.log`);
      }
      if (seen.length === 4) Deno.writeTextFileSync(`${folder}/99.log`, "rolled");
      return Promise.resolve();
    };
    const files = await new SourceDirectory(path, { between }).open("t-0", isLog);
    const found = files.map(({ name, size }) => [name, size]);
    assertEquals(found, [["0.log", 5], ["9.log", 6], ["99.log", 6]]);
    assertEquals(seen.length, 6);
    for (const file of files) file[Symbol.dispose]();
  }));

Deno.test("open() refuses more files than it may hold, and holds none of them", () =>
  withFolder(async (path) => {
    for (const name of ["0.log", "9.log"]) await Deno.writeTextFile(`${path}/t-0/${name}`, name);
    const source = new SourceDirectory(path, { maxOpenFiles: 1 });
    await assertRejects(() => source.open("t-0", isLog), TooManyFilesError, "at most 1, allow");
    assertEquals([...await source.note("t-0", isLog)].map(([name]) => name), ["0.log", "9.log"]);
    const [file] = await source.open("t-0", (name) => name === "0.log");
    file[Symbol.dispose]();
  }));

Deno.test("a file that was opened is read as it was, though it is removed and others grow", () =>
  withFolder(async (path) => {
    await Deno.writeTextFile(`${path}/t-0/0.log`, "old");
    const [file] = await new SourceDirectory(path).open("t-0", isLog);
    await Deno.writeTextFile(`${path}/t-0/0.log`, " and new", { append: true });
    await Deno.remove(`${path}/t-0/0.log`);
    const into = new Uint8Array(10);
    assertEquals(new TextDecoder().decode(into.subarray(0, file.read(0, into))), "old");
    file[Symbol.dispose]();
  }));

Deno.test("a folder that is no more is empty, and one that never rests is refused", () =>
  withFolder(async (path) => {
    const source = new SourceDirectory(path);
    assertEquals(await source.open("gone-0", isLog), []);
    await Deno.writeTextFile(`${path}/t-0/0.log.swap`, "");
    await assertRejects(() => source.open("t-0", isLog), StoreError, "changed 50 times");
  }));
