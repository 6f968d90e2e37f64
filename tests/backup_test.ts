/**
 * Proves that a backup taken while a broker serves is of one moment and loses nothing below it, and that the directory
 * restored from it starts: every record up to the cut at its offset, configs, committed offsets, log starts, producers.
 * The broker runs in this process and is read from beside it, as the command does.
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { createBackup } from "../src/backup/create.ts";
import { takeCut } from "../src/backup/cut.ts";
import type { Manifest } from "../src/backup/manifest.ts";
import { restoreBackup, verifyBackup } from "../src/backup/restore.ts";
import { SourceDirectory } from "../src/backup/source_directory.ts";
import { typed } from "./broker/command_line.ts";
import type { Connection } from "../src/client/connection.ts";
import { DeleteRecords } from "../src/protocol/messages/delete_records.ts";
import { DescribeConfigs } from "../src/protocol/messages/describe_configs.ts";
import { FindCoordinator } from "../src/protocol/messages/find_coordinator.ts";
import { OffsetCommit } from "../src/protocol/messages/offset_commit.ts";
import { OffsetFetch } from "../src/protocol/messages/offset_fetch.ts";
import { FileStore } from "../src/storage/backends/file_store.ts";
import { StoreError } from "../src/storage/store.ts";
import {
  append,
  batchOf,
  EARLIEST,
  fetchServed,
  listOffset,
  produce,
  recordsIn,
} from "./broker/calls.ts";
import { pause, TestBroker, withDirectory } from "./broker/harness.ts";

const small = { "internal.segment.bytes": "16384", "retention.ms": "1234567890" };

async function backUp(broker: TestBroker, data: string, to: string) {
  const store = new FileStore(to);
  try {
    return await createBackup(await broker.connect(), new SourceDirectory(data), store);
  } finally {
    store.close();
  }
}

async function restore(from: string, to: string): Promise<Manifest> {
  const store = new FileStore(from);
  try {
    assertEquals(verifyBackup(store), []);
    return await restoreBackup(store, to, (path) => new FileStore(path));
  } finally {
    store.close();
  }
}

/** What a partition shows, "offset=value". */
async function shown(connection: Connection, topic: string, partition = 0): Promise<string[]> {
  const values: string[] = [];
  await fetchServed(connection, topic, 0, { partition });
  let from = (await listOffset(connection, topic, EARLIEST, { partition })).offset;
  for (;;) {
    const answer = await fetchServed(connection, topic, from, { partition });
    assertEquals(answer.errorCode, 0);
    const records = recordsIn(answer.records).filter(({ offset }) => offset >= from);
    values.push(
      ...records.map(({ offset, value }) => `${offset}=${new TextDecoder().decode(value!)}`),
    );
    from = records.length === 0 ? answer.highWatermark : records[records.length - 1].offset + 1;
    if (from >= answer.highWatermark) return values;
  }
}

function endOf({ partitions }: Manifest, topic: string, partition = 0): number {
  return partitions.find((one) => one.topic === topic && one.partition === partition)!.endOffset;
}

async function commit(connection: Connection, offset: number): Promise<void> {
  const partitions = [{
    partitionIndex: 0,
    committedOffset: BigInt(offset),
    committedMetadata: "",
  }];
  await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
  for (let i = 0; i < 300; i++) {
    const { topics } = await connection.request(OffsetCommit, 8, {
      groupId: "g",
      generationIdOrMemberEpoch: -1,
      memberId: "",
      topics: [{ name: "t", partitions }],
    });
    if (topics[0].partitions[0].errorCode === 0) return;
    await pause(100);
  }
  throw new Error("The offset could not be committed");
}

async function committed(connection: Connection): Promise<number> {
  for (let i = 0; i < 300; i++) {
    const { groups: [group] } = await connection.request(OffsetFetch, 8, {
      groups: [{ groupId: "g", topics: [{ name: "t", partitionIndexes: [0] }] }],
    });
    if (group.errorCode === 0) return Number(group.topics[0].partitions[0].committedOffset);
    await pause(100);
  }
  throw new Error("The offset could not be read");
}

async function configOf(connection: Connection, topic: string, name: string) {
  const { results: [result] } = await connection.request(DescribeConfigs, 4, {
    resources: [{ resourceType: 2, resourceName: topic, configurationKeys: [name] }],
  });
  return result.configs[0].value;
}

Deno.test("a backup taken under load holds every record up to its cut, configs, offsets and producers", () =>
  withDirectory(async (path) => {
    const data = `${path}/data`, backup = `${path}/backup`, restored = `${path}/restored`;
    let before: string[][], manifest: Manifest;
    {
      await using broker = await TestBroker.start({ path: data });
      await broker.createTopic("t", { partitions: 2, configs: small });
      const connection = await broker.connect();
      const producer = { producerId: 4711, producerEpoch: 0 };
      await append(connection, "t", ["once"], { batch: { ...producer, baseSequence: 0 } });
      for (let i = 0; i < 40; i++) await append(connection, "t", [`${i}`.padStart(2000, "x")]);
      await commit(connection, 30);
      await connection.request(DeleteRecords, 2, {
        topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset: 5 }] }],
        timeoutMs: 1000,
      });
      const load = { isOn: true };
      const writing = Promise.all([0, 1].map(async (partition) => {
        const connection = await broker.connect();
        for (let i = 0; load.isOn; i++) {
          await append(connection, "t", [`load ${i}`.padEnd(500)], { partition });
        }
      }));
      await pause(100);
      ({ manifest } = await backUp(broker, data, backup));
      load.isOn = false;
      await writing;
      before = [await shown(connection, "t", 0), await shown(connection, "t", 1)];
    }
    assertEquals(await restore(backup, restored), manifest);
    await using broker = await TestBroker.start({ path: restored });
    const connection = await broker.connect();
    for (const partition of [0, 1]) {
      const end = endOf(manifest, "t", partition);
      const upToCut = before[partition].filter((text) => parseInt(text) < end);
      assert(upToCut.length > 0 && upToCut.length < before[partition].length);
      assertEquals(await shown(connection, "t", partition), upToCut);
    }
    assertEquals((await listOffset(connection, "t", EARLIEST)).offset, 5);
    assertEquals(await committed(connection), 30);
    assertEquals(await configOf(connection, "t", "retention.ms"), "1234567890");
    const next = { producerId: 4711, producerEpoch: 0, baseSequence: 7 };
    const gap = await produce(connection, { topic: "t", records: batchOf(["gap"], next) });
    assertEquals(gap.errorCode, 45);
  }));

Deno.test("a second backup copies what is new, and only that", () =>
  withDirectory(async (path) => {
    const data = `${path}/data`, backup = `${path}/backup`;
    await using broker = await TestBroker.start({ path: data });
    await broker.createTopic("t", { configs: small });
    const connection = await broker.connect();
    for (let i = 0; i < 50; i++) await append(connection, "t", ["v".repeat(2000)]);
    const first = await backUp(broker, data, backup);
    for (let i = 0; i < 10; i++) await append(connection, "t", ["w".repeat(2000)]);
    const second = await backUp(broker, data, backup);
    const logs = (manifest: Manifest) =>
      manifest.files.filter(({ path }) => /^t-0.*log$/.test(path));
    const known = new Set(logs(first.manifest).map(({ sha256 }) => sha256));
    const again = logs(second.manifest).filter(({ sha256 }) => known.has(sha256)).length;
    assert(logs(first.manifest).length >= 6);
    assertEquals(again, logs(first.manifest).length - 1); // all but the one that was active
    assert(second.copiedBytes < first.copiedBytes / 2, `${second.copiedBytes} bytes copied again`);
    await restore(backup, `${path}/restored`);
    await using other = await TestBroker.start({ path: `${path}/restored` });
    assertEquals((await shown(await other.connect(), "t")).length, 60);
  }));

Deno.test("a backup is whole though records are deleted in the middle of it", () =>
  withDirectory(async (path) => {
    const data = `${path}/data`;
    await using broker = await TestBroker.start({ path: data });
    await broker.createTopic("t", { configs: { ...small, "file.delete.delay.ms": "0" } });
    const connection = await broker.connect();
    for (let i = 0; i < 100; i++) await append(connection, "t", [`${i}`.padEnd(2000)]);
    const trim = async (offset: number) => {
      await connection.request(DeleteRecords, 2, {
        topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset }] }],
        timeoutMs: 1000,
      });
    };
    for (let round = 1; round <= 5; round++) {
      const [{ manifest }] = await Promise.all([
        backUp(broker, data, `${path}/backup`),
        trim(round * 10),
        trim(round * 10 + 5),
      ]);
      await restore(`${path}/backup`, `${path}/restored-${round}`);
      await using other = await TestBroker.start({ path: `${path}/restored-${round}` });
      const values = await shown(await other.connect(), "t");
      assertEquals(endOf(manifest, "t"), 100);
      assertEquals(values.at(-1)!.trim(), "99=99");
      assert(values.length >= 100 - (round * 10 + 5));
    }
  }));

Deno.test("an interrupted backup leaves the one before whole", () =>
  withDirectory(async (path) => {
    const data = `${path}/data`, backup = `${path}/backup`;
    await using broker = await TestBroker.start({ path: data });
    await broker.createTopic("t");
    const connection = await broker.connect();
    await append(connection, "t", ["a"]);
    await backUp(broker, data, backup);
    await append(connection, "t", ["b"]);
    const failing = new FileStore(backup);
    failing.replace = () => Promise.reject(new StoreError("Cannot replace: power is gone", "io"));
    await assertRejects(
      async () => await createBackup(await broker.connect(), new SourceDirectory(data), failing),
      StoreError,
      "power is gone",
    );
    await restore(backup, `${path}/restored`);
    await using other = await TestBroker.start({ path: `${path}/restored` });
    assertEquals(await shown(await other.connect(), "t"), ["0=a"]);
  }));

Deno.test("verify names a file that is missing, short or changed; restore refuses it and leaves nothing", () =>
  withDirectory(async (path) => {
    const data = `${path}/data`;
    await using broker = await TestBroker.start({ path: data });
    await broker.createTopic("t");
    await append(await broker.connect(), "t", ["a".repeat(100)]);
    for (
      const [what, spoil] of Object.entries<(file: string) => Promise<void>>({
        "is missing": (file) => Deno.remove(file),
        "bytes, needs": (file) => Deno.truncate(file, 50),
        "has SHA-256": async (file) => {
          const bytes = await Deno.readFile(file);
          bytes[80] ^= 1;
          await Deno.writeFile(file, bytes);
        },
      })
    ) {
      const backup = `${path}/${what}`;
      const { manifest } = await backUp(broker, data, backup);
      const { path: log, sha256 } = manifest.files.find(({ path }) => /^t-0.*log$/.test(path))!;
      await spoil(`${backup}/${log}.${sha256.slice(0, 16)}`);
      const store = new FileStore(backup);
      const problems = verifyBackup(store);
      assertEquals(problems.length, 1);
      assert(problems[0].includes(what) && problems[0].includes(log), problems[0]);
      const to = `${path}/to`;
      await assertRejects(
        () => restoreBackup(store, to, (path) => new FileStore(path)),
        StoreError,
        what,
      );
      await assertRejects(() => Deno.stat(to), Deno.errors.NotFound);
      await assertRejects(() => Deno.stat(`${to}.restoring`), Deno.errors.NotFound);
    }
  }));

Deno.test("a backup is refused of another broker's directory, and a restore into one that holds something", () =>
  withDirectory(async (path) => {
    await using one = await TestBroker.start({ path: `${path}/one` });
    await using _other = await TestBroker.start({ path: `${path}/other` });
    await assertRejects(
      () => backUp(one, `${path}/other`, `${path}/backup`),
      StoreError,
      "belongs to cluster",
    );
    await backUp(one, `${path}/one`, `${path}/backup`);
    const store = new FileStore(`${path}/backup`);
    await assertRejects(
      () => restoreBackup(store, `${path}/other`, (path) => new FileStore(path)),
      StoreError,
      "is not empty (found ",
    );
    await assertRejects(
      () => backUp(one, `${path}/nowhere`, `${path}/third`),
      StoreError,
      "nowhere is not a data directory, it has no meta.properties. Give the broker's --storage-path",
    );
  }));

Deno.test("the cut is of one moment: no partition is ahead of the one that was written before it", () =>
  withDirectory(async (path) => {
    await using broker = await TestBroker.start({ path });
    await broker.createTopic("t", { partitions: 2 });
    const connection = await broker.connect(), load = { isOn: true };
    const writing = (async () => {
      for (let i = 0; load.isOn; i++) {
        for (const partition of [0, 1]) await append(connection, "t", [`${i}`], { partition });
      }
    })();
    writing.catch(() => {}); // it is awaited below, unless something else went wrong
    const other = await broker.connect();
    for (let i = 0; i < 100; i++) {
      const { partitions } = await takeCut(other);
      const [first, second] = [0, 1].map((index) =>
        partitions.find(({ topic, partition }) => topic === "t" && partition === index)!.endOffset
      );
      assert(first - second === 0 || first - second === 1, `${first} and ${second}`);
    }
    load.isOn = false;
    await writing;
  }));

Deno.test("the command creates, verifies and restores, and says in one line why it cannot", () =>
  withDirectory(async (path) => {
    const data = `${path}/data`, backup = `${path}/backup`, to = `${path}/to`;
    let port: number;
    {
      await using broker = await TestBroker.start({ path: data });
      ({ port } = broker);
      await broker.createTopic("t");
      await append(await broker.connect(), "t", ["a"]);
      const flags = [`--storage-path=${data}`, `--bootstrap=127.0.0.1:${port}`];
      assertEquals(await command("create", backup, ...flags), 0);
    }
    const [line] = said.slice(-1);
    assert(
      /^Backed up 1 partition as of \S+: \d+ files with \d+ bytes copied, 0 were there$/.test(
        line,
      ),
    );
    assertEquals(await command("verify", backup), 0);
    assertEquals(await command("restore", backup, "--to", to), 0);
    await using restored = await TestBroker.start({ path: to });
    assertEquals(await shown(await restored.connect(), "t"), ["0=a"]);

    const gone = `--bootstrap=127.0.0.1:${port}`;
    assertEquals(await command("create", backup, `--storage-path=${data}`, gone), 1);
    assert(said.at(-1)!.startsWith(`runnel: Cannot connect to 127.0.0.1:${port}`));
    assertEquals(await command("verify", `${path}/nowhere`), 1);
    assertEquals(await command("restore", backup), 1);
    assertStringIncludes(
      said.at(-1)!,
      "runnel: backup restore: needs --to DIR, the directory",
    );
    assertEquals(await command("restore", backup, "--to", `${path}/b`, "--allow-dmg"), 1);
    assertStringIncludes(
      said.at(-1)!,
      "runnel: backup restore: unknown option '--allow-dmg' (Did you mean --allow-damage?)",
    );
    assertEquals(await command("restor", backup), 1);
    assertStringIncludes(
      said.at(-1)!,
      "runnel: backup: unknown command 'restor' (Did you mean restore?)",
    );
  }));

/** What the command printed, to either stream. */
const said: string[] = [];

async function command(...args: string[]): Promise<number> {
  const { code, out, error } = await typed("backup", ...args);
  said.push(...`${out}${error}`.split("\n").filter((line) => line !== ""));
  return code;
}
