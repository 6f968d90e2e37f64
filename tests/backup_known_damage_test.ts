/**
 * Proves that what is damaged or offline keeps nobody from saving the rest, and that a backup of it says so everywhere: when
 * it is made, verified and restored, and by the broker that starts on it, which cuts and makes anew nothing.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createBackup } from "../src/backup/create.ts";
import { needManifest, storedPath } from "../src/backup/manifest.ts";
import { restoreBackup, verifyBackup } from "../src/backup/restore.ts";
import { SourceDirectory } from "../src/backup/source_directory.ts";
import { typed } from "./broker/command_line.ts";
import type { Connection } from "../src/client/connection.ts";
import { buildBatch } from "../src/protocol/records/build.ts";
import { FileStore } from "../src/storage/backends/file_store.ts";
import { verifyPartitions } from "../src/storage/recovery/verify.ts";
import { StoreError } from "../src/storage/store.ts";
import {
  append,
  EARLIEST,
  fetchOne,
  LATEST,
  listOffset,
  produce,
  recordsIn,
} from "./broker/calls.ts";
import { pause, TestBroker, utf8, withDirectory } from "./broker/harness.ts";

const OFFLINE = 56;

async function backUp(broker: TestBroker, data: string, to: string, allowDamage = false) {
  const store = new FileStore(to), connection = await broker.connect();
  try {
    return await createBackup(connection, new SourceDirectory(data), store, { allowDamage });
  } finally {
    store.close();
  }
}

function restore(from: string, to: string, allowDamage: boolean) {
  return restoreBackup(new FileStore(from), to, (path) => new FileStore(path), { allowDamage });
}

/** With a topic "healthy" beside "t", which has as many records as asked for. */
async function start(data: string, records: number): Promise<TestBroker> {
  const broker = await TestBroker.start({ path: data });
  await broker.createTopic("t");
  await broker.createTopic("healthy");
  const connection = await broker.connect();
  for (let i = 0; i < records; i++) await append(connection, "t", [`${i}`.padEnd(100)]);
  await append(connection, "healthy", ["a"]);
  return broker;
}

async function put(connection: Connection, key: string): Promise<void> {
  const records = buildBatch({
    records: [{ timestampMs: Date.now(), key: utf8(key), value: utf8("v".repeat(1500)) }],
  });
  assertEquals((await produce(connection, { topic: "healthy", records })).errorCode, 0);
}

async function assertOffline(path: string): Promise<void> {
  // A second start knows of it too.
  for (let starts = 0; starts < 2; starts++) {
    await using broker = await TestBroker.start({ path });
    const connection = await broker.connect();
    for (const timestamp of [EARLIEST, LATEST]) {
      assertEquals((await listOffset(connection, "t", timestamp)).errorCode, OFFLINE);
    }
    assertEquals((await listOffset(connection, "healthy", LATEST)).offset, 1);
  }
}

async function damageOf(path: string, folder: string): Promise<string | undefined> {
  for await (
    const report of verifyPartitions(new FileStore(path), () => ({
      mayHaveGaps: false,
      maxLeaderEpoch: 9,
    }))
  ) {
    if (report.folder === folder) return report.damage?.problem;
  }
}

for (const [where, at] of [["in the middle", 4], ["at its end", 9]] as const) {
  Deno.test(`a log damaged ${where} of its active segment is copied and restored to the last byte, and offline`, () =>
    withDirectory(async (path) => {
      const data = `${path}/data`, backup = `${path}/backup`, to = `${path}/to`;
      const log = "t-0/00000000000000000000.log";
      let bytes: Uint8Array;
      {
        await using broker = await start(data, 10);
        bytes = await Deno.readFile(`${data}/${log}`);
        bytes[bytes.length / 10 * at + 80] ^= 1;
        await Deno.writeFile(`${data}/${log}`, bytes);
        await assertRejects(() => backUp(broker, data, backup), StoreError, "is damaged");
        await backUp(broker, data, backup, true);
      }
      assert(verifyBackup(new FileStore(backup))[0].includes(log));
      const error = await assertRejects(() => restore(backup, to, false), StoreError, log);
      assert(error.message.includes("--allow-damage restores it as it is"), error.message);
      assertEquals([...Deno.readDirSync(path)].map(({ name }) => name).sort(), ["backup", "data"]);

      await restore(backup, to, true);
      assertEquals(await Deno.readFile(`${to}/${log}`), bytes);
      assert((await damageOf(to, "t-0"))?.includes(`offset ${at}`), await damageOf(to, "t-0"));
      await assertOffline(to);
      assertEquals(await Deno.readFile(`${to}/${log}`), bytes);
    }));
}

Deno.test("a backup leaves out what is offline, where that is allowed; restored, it is offline", () =>
  withDirectory(async (path) => {
    const data = `${path}/data`, backup = `${path}/backup`, to = `${path}/to`;
    await (await start(data, 3))[Symbol.asyncDispose]();
    await Deno.remove(`${data}/t-0`, { recursive: true });
    {
      await using broker = await TestBroker.start({ path: data });
      const error = await assertRejects(() => backUp(broker, data, backup), StoreError);
      assert(error.message.startsWith("Cannot back up: t-0 is offline"), error.message);
      assert(error.message.includes("--allow-damage leaves it out"), error.message);
      assertEquals([...Deno.readDirSync(backup)], []);
      const { manifest, warnings } = await backUp(broker, data, backup, true);
      assertEquals(warnings, ["t-0 is offline: nothing of it is in the backup"]);
      assertEquals(manifest.leftOut?.map(({ topic, syncedTo }) => [topic, syncedTo]), [["t", 3]]);
      assertEquals(manifest.partitions.map(({ topic }) => topic), ["healthy"]);
    }
    assertEquals(verifyBackup(new FileStore(backup)), [
      "t-0 was offline when the backup was made: nothing of it is there",
    ]);
    await assertRejects(() => restore(backup, to, false), StoreError, "t-0 was offline");
    const verified = await typed("backup", "verify", backup);
    assertEquals([verified.code, verified.out], [1, "1 fault\n"]);
    const restored = await typed("backup", "restore", backup, "--to", to, "--allow-damage");
    assertEquals(restored.code, 0);
    assert(restored.error.startsWith("runnel: t-0 was offline"), restored.error);
    const damage = await damageOf(to, "t-0");
    assert(damage?.includes("is missing, and held records up to offset 3"), damage);
    await assertOffline(to);
  }));

Deno.test("of a log whose first segment was lost the rest is backed up, restored and served from where it begins", () =>
  withDirectory(async (path) => {
    const data = `${path}/data`, backup = `${path}/backup`, to = `${path}/to`;
    {
      await using broker = await TestBroker.start({ path: data });
      await broker.createTopic("t", { configs: { "internal.segment.bytes": "4096" } });
      const connection = await broker.connect();
      for (let i = 0; i < 10; i++) await append(connection, "t", ["v".repeat(1500)]);
      await Deno.remove(`${data}/t-0/00000000000000000000.log`);
      const { warnings } = await backUp(broker, data, backup, true);
      assert(warnings[0].includes("offsets 0 to 1 are missing"), warnings[0]);
    }
    await assertRejects(() => restore(backup, to, false), StoreError, "offsets 0 to 1 are missing");
    await restore(backup, to, true);
    await using broker = await TestBroker.start({ path: to });
    const connection = await broker.connect();
    assertEquals((await listOffset(connection, "t", EARLIEST)).offset, 2);
    assertEquals((await listOffset(connection, "t", LATEST)).offset, 10);
  }));

Deno.test("a compacted log beside a damaged one is served when both are restored", () =>
  withDirectory(async (path) => {
    const data = `${path}/data`, backup = `${path}/backup`, to = `${path}/to`;
    {
      await using broker = await TestBroker.start({
        path: data,
        flush: "os",
        compaction: { backoffMs: 1 },
      });
      await broker.createTopic("t");
      const connection = await broker.connect();
      await append(connection, "t", ["a".padEnd(100)]);
      await broker.createTopic("healthy", {
        configs: {
          "cleanup.policy": "compact",
          "min.cleanable.dirty.ratio": "0",
          "internal.segment.bytes": "4096",
          "file.delete.delay.ms": "0",
        },
      });
      for (let i = 0; i < 30; i++) await put(connection, "key");
      for (let i = 0;; i++) {
        const { records } = await fetchOne(connection, "healthy", 0);
        if (recordsIn(records)[0].offset > 0) break;
        assert(i < 500, "healthy was not compacted");
        await pause(10);
      }
      const log = `${data}/t-0/00000000000000000000.log`, bytes = await Deno.readFile(log);
      bytes[80] ^= 1;
      await Deno.writeFile(log, bytes);
      const { manifest } = await backUp(broker, data, backup, true);
      const healthy = manifest.partitions.find(({ topic }) => topic === "healthy")!;
      const batches = healthy.segments.reduce((sum, { batches }) => sum + batches, 0);
      assert(batches < healthy.endOffset, `${batches} of ${healthy.endOffset} batches: no gap`);
    }
    await restore(backup, to, true);
    await using broker = await TestBroker.start({ path: to });
    const connection = await broker.connect();
    assertEquals((await listOffset(connection, "t", LATEST)).errorCode, OFFLINE);
    assertEquals((await listOffset(connection, "healthy", LATEST)).offset, 30);
  }));

Deno.test("a backup that has a partition whole does not give way to one that has not", () =>
  withDirectory(async (path) => {
    const data = `${path}/data`, backup = `${path}/backup`;
    await using broker = await start(data, 3);
    const { manifest } = await backUp(broker, data, backup);
    const log = `${data}/t-0/00000000000000000000.log`, bytes = await Deno.readFile(log);
    bytes[80] ^= 1;
    await Deno.writeFile(log, bytes);
    const error = await assertRejects(() => backUp(broker, data, backup, true), StoreError);
    assert(error.message.includes("it holds t-0 whole"), error.message);
    assert(
      error.message.includes("the next create removes 1 file that it copied to"),
      error.message,
    );
    assertEquals(needManifest(new FileStore(backup)), manifest);
    assertEquals(verifyBackup(new FileStore(backup)), []);
    for (const file of manifest.files) await Deno.stat(`${backup}/${storedPath(file)}`);
  }));
