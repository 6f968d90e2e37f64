/**
 * Proves that a backup never says less than the truth: damage in what is copied, in what lies in the backup, and in the
 * manifest is named; what an interruption left is removed or begun again, and nobody else's file is touched.
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createBackup } from "../src/backup/create.ts";
import { needManifest, storedPath, writeManifest } from "../src/backup/manifest.ts";
import { restoreBackup, verifyBackup } from "../src/backup/restore.ts";
import { SourceDirectory } from "../src/backup/source_directory.ts";
import { typed } from "./broker/command_line.ts";
import { DeleteRecords } from "../src/protocol/messages/delete_records.ts";
import { FileStore } from "../src/storage/backends/file_store.ts";
import { StoreError } from "../src/storage/store.ts";
import { append, EARLIEST, LATEST, listOffset } from "./broker/calls.ts";
import { TestBroker, withDirectory } from "./broker/harness.ts";

const small = { "internal.segment.bytes": "16384" };

/** A broker with ten segments in t-0, and a backup that is to be of it. */
async function withBroker(
  body: (at: { broker: TestBroker; path: string; data: string; store: FileStore }) => Promise<void>,
): Promise<void> {
  await withDirectory(async (path) => {
    const data = `${path}/data`;
    await using broker = await TestBroker.start({ path: data });
    await broker.createTopic("t", { configs: small });
    const connection = await broker.connect();
    for (let i = 0; i < 30; i++) await append(connection, "t", [`${i}`.padEnd(5000)]);
    const store = new FileStore(`${path}/backup`);
    await body({ broker, path, data, store });
    store.close();
  });
}

async function backUp(broker: TestBroker, data: string, store: FileStore, allowDamage = false) {
  const connection = await broker.connect();
  return await createBackup(connection, new SourceDirectory(data), store, { allowDamage });
}

function logsOf(data: string): string[] {
  return [...Deno.readDirSync(`${data}/t-0`)].map(({ name }) => name)
    .filter((name) => name.endsWith(".log")).sort().map((name) => `${data}/t-0/${name}`);
}

async function flip(file: string, position: number): Promise<void> {
  const bytes = await Deno.readFile(file);
  bytes[position] ^= 1;
  await Deno.writeFile(file, bytes);
}

for (
  const [what, position, said] of [
    ["a record", 100, "does not match its checksum"],
    ["a base offset, which no checksum covers", 6, "needs less than"],
    ["a length", 8, "are no whole batch"],
    ["a magic", 16, "has magic"],
  ] as const
) {
  Deno.test(`one bit of ${what} flipped in an old segment fails the backup, by name and position`, () =>
    withBroker(async ({ broker, data, store }) => {
      const [, second] = logsOf(data);
      await flip(second, position);
      const error = await assertRejects(() => backUp(broker, data, store), StoreError, said);
      assert(error.message.includes(`${second} is damaged at position 0`), error.message);
      assertEquals(store.readAll("manifest.json"), null);

      const { warnings } = await backUp(broker, data, store, true);
      assert(warnings.some((warning) => warning.includes(second)), warnings.join());
      const problems = verifyBackup(store);
      assert(problems.some((problem) => problem.includes(said)), problems.join());
    }));
}

Deno.test("a segment that is gone from the middle of the data directory fails the backup", () =>
  withBroker(async ({ broker, data, store }) => {
    await Deno.remove(logsOf(data)[2]);
    await assertRejects(() => backUp(broker, data, store), StoreError, "are missing, of a log");
  }));

Deno.test("verify finds what is missing between a partition's log start and its cut", () =>
  withBroker(async ({ broker, data, store }) => {
    await backUp(broker, data, store);
    assertEquals(verifyBackup(store), []);
    const whole = needManifest(store), [partition] = whole.partitions;
    const { segments } = partition, last = segments.length - 1;
    for (const [left, said] of [[0, "are missing"], [2, "are missing"], [last, "ends at offset"]]) {
      const { path } = segments[Number(left)];
      const files = whole.files.filter((file) => file.path !== path);
      const rest = segments.filter((one) => one.path !== path);
      await writeManifest(store, {
        ...whole,
        files,
        partitions: [{ ...partition, segments: rest }],
      });
      const problems = verifyBackup(store);
      assert(problems.some((problem) => problem.includes(`${said}`)), `${left}: ${problems}`);
      await writeManifest(store, { ...whole, files });
      assert(verifyBackup(store).some((problem) => problem.includes("is not in the backup")));
    }
  }));

Deno.test("a manifest of which one digit changed is refused", () =>
  withBroker(async ({ broker, data, path, store }) => {
    await backUp(broker, data, store);
    const file = `${path}/backup/manifest.json`, text = await Deno.readTextFile(file);
    await Deno.writeTextFile(file, text.replace('"startOffset": 0', '"startOffset": 9'));
    assertThrows(() => verifyBackup(store), StoreError, "its checksum is");
  }));

Deno.test("a stored file that rotted is copied again by the next backup", () =>
  withBroker(async ({ broker, data, path, store }) => {
    const { manifest } = await backUp(broker, data, store);
    const file = manifest.files.find(({ path }) => path.endsWith(".log"))!;
    await flip(`${path}/backup/${storedPath(file)}`, 100);
    assertEquals(verifyBackup(store).length, 1);
    await backUp(broker, data, store);
    assertEquals(verifyBackup(store), []);
  }));

Deno.test("what an interrupted backup left is removed by the next, and nothing else", () =>
  withBroker(async ({ broker, data, path, store }) => {
    const backup = `${path}/backup`;
    const failing = new FileStore(backup);
    let calls = 0;
    failing.rename = (from, to) => {
      if (++calls > 5) throw new StoreError("Cannot rename: power is gone", "io");
      FileStore.prototype.rename.call(failing, from, to);
    };
    await assertRejects(() => backUp(broker, data, failing), StoreError, "power is gone");
    await Deno.writeTextFile(`${backup}/notes.txt`, "mine");
    await Deno.writeTextFile(`${backup}/t-0/notes.log`, "mine");
    await Deno.mkdir(`${backup}/photos-2024`);
    await Deno.writeTextFile(`${backup}/photos-2024/1.jpg`, "mine");
    const { manifest, removedFiles } = await backUp(broker, data, store);
    assertEquals(removedFiles.length, 6);
    const found = [...walk(backup)].filter((name) => !/runnel-backup$|manifest.json$/.test(name));
    const wanted = [
      ...manifest.files.map(storedPath),
      "notes.txt",
      "t-0/notes.log",
      "photos-2024/1.jpg",
    ];
    assertEquals(found.sort(), wanted.sort());
  }));

function* walk(root: string, under = ""): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(`${root}/${under}`)) {
    if (isDirectory) yield* walk(root, `${under}${name}/`);
    else yield under + name;
  }
}

Deno.test("a destination that holds something else is refused and left as it was", () =>
  withBroker(async ({ broker, data, path }) => {
    const home = `${path}/home`;
    await Deno.mkdir(`${home}/photos-2024`, { recursive: true });
    const file = `${home}/photos-2024/00000000000000000000.log.0123456789abcdef`;
    await Deno.writeTextFile(file, "mine");
    const store = new FileStore(home);
    await assertRejects(() => backUp(broker, data, store), StoreError, "found photos-2024");
    await Deno.writeTextFile(`${home}/manifest.json`, '{"version": 1, "name": "an app"}');
    await assertRejects(() => backUp(broker, data, store), StoreError, "not a backup's");
    assertEquals([...walk(home)].length, 2);
    const flags = [`--storage-path=${data}`, `--bootstrap=127.0.0.1:${broker.port}`];
    assertEquals((await typed("backup", "create", home, ...flags)).code, 1);
    const within = await typed("backup", "create", `${data}/backup`, ...flags);
    assertEquals(within.code, 1);
    assert(within.error.includes("it lies in the broker's directory"), within.error);
    assertEquals([...walk(home)].length, 2);
    await assertRejects(() => Deno.stat(`${data}/backup`), Deno.errors.NotFound);
  }));

Deno.test("a restore that was interrupted is begun again; what is not a restore's is left alone", () =>
  withBroker(async ({ broker, data, path, store }) => {
    await backUp(broker, data, store);
    const to = `${path}/to`;
    const restore = (storeAt = (at: string) => new FileStore(at)) =>
      restoreBackup(store, to, storeAt);
    await assertRejects(
      () =>
        restore((at) => {
          const failing = new FileStore(at);
          failing.rename = () => {
            const gone = new StoreError("Cannot rename: power is gone", "io");
            failing.remove = () => { // so that it cannot clean up either
              throw gone;
            };
            throw gone;
          };
          return failing;
        }),
      StoreError,
      "power is gone",
    );
    assert([...walk(`${to}.restoring`)].includes("runnel-restore"));
    await restore();
    assert(![...walk(to)].includes("runnel-restore"));
    await Deno.remove(to, { recursive: true });
    await Deno.mkdir(`${to}.restoring`);
    await Deno.writeTextFile(`${to}.restoring/thesis.txt`, "mine");
    await assertRejects(() => restore(), StoreError, "not of a restore");
    assertEquals([...walk(`${to}.restoring`)], ["thesis.txt"]);
  }));

Deno.test("a log all of whose records were deleted goes on at its offset when it is restored", () =>
  withBroker(async ({ broker, data, path, store }) => {
    const connection = await broker.connect();
    await connection.request(DeleteRecords, 2, {
      topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset: -1 }] }],
      timeoutMs: 1000,
    });
    await backUp(broker, data, store);
    await restoreBackup(store, `${path}/to`, (at) => new FileStore(at));
    await using other = await TestBroker.start({ path: `${path}/to` });
    const restored = await other.connect();
    assertEquals((await listOffset(restored, "t", EARLIEST)).offset, 30);
    assertEquals((await listOffset(restored, "t", LATEST)).offset, 30);
    assertEquals(await append(restored, "t", ["next"]), 30);
  }));
