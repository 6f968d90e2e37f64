/**
 * Proves that a backup is of one moment whatever the broker does meanwhile. Between any two steps of a backup (a request
 * to the broker, a look at a folder, a file brought to the device) the broker is made to do something that replaces or
 * removes what the cut needs: keys are written again, rolled and compacted, in a topic and in `__consumer_offsets`;
 * records and topics are deleted. One run for each step; each restored directory is compared with a ledger of all writes.
 */
import { assert, assertEquals } from "@std/assert";
import { createBackup } from "../src/backup/create.ts";
import type { Manifest } from "../src/backup/manifest.ts";
import { atEveryStep, restored } from "./raced_backup.ts";
import { SourceDirectory } from "../src/backup/source_directory.ts";
import type { Connection } from "../src/client/connection.ts";
import { DeleteRecords } from "../src/protocol/messages/delete_records.ts";
import { DeleteTopics } from "../src/protocol/messages/delete_topics.ts";
import { FindCoordinator } from "../src/protocol/messages/find_coordinator.ts";
import { IncrementalAlterConfigs } from "../src/protocol/messages/incremental_alter_configs.ts";
import { OffsetCommit } from "../src/protocol/messages/offset_commit.ts";
import { OffsetFetch } from "../src/protocol/messages/offset_fetch.ts";
import { buildBatch } from "../src/protocol/records/build.ts";
import { FileStore } from "../src/storage/backends/file_store.ts";
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

const COMPACTED = {
  "cleanup.policy": "compact",
  "internal.segment.bytes": "4096",
  "min.cleanable.dirty.ratio": "0",
  "file.delete.delay.ms": "0",
};
const KEYS = ["a", "b", "c"];

/** Every record ever written to a partition: [key, value] at its offset. */
class Ledger {
  readonly written: [string, string][] = [];
  #generation = 0;

  constructor(readonly connection: Connection, readonly topic: string) {}

  /** Writes every key again, and enough behind them that their segment is closed. */
  async write(): Promise<void> {
    const generation = `${++this.#generation}`;
    for (const key of KEYS) await this.#put(key, generation);
    for (let i = 0; i < 3; i++) await this.#put("fill", generation.padEnd(3000));
  }

  async #put(key: string, value: string): Promise<void> {
    const records = buildBatch({
      records: [{ timestampMs: Date.now(), key: utf8(key), value: utf8(value) }],
    });
    const { errorCode, baseOffset } = await produce(this.connection, {
      topic: this.topic,
      records,
    });
    assertEquals(errorCode, 0);
    this.written[baseOffset] = [key, value.trim()];
  }

  /** Writes every key again and waits until no older value of them is left. */
  async compact(): Promise<void> {
    const from = this.written.length;
    await this.write();
    for (let i = 0; i < 6000; i++) {
      const { records } = await fetchOne(this.connection, this.topic, 0);
      if (recordsIn(records)[0].offset >= from) return;
      await pause(5);
    }
    throw new Error(`${this.topic} was not compacted`);
  }

  /** What a reader's table must be that has read up to `endOffset`. */
  tableAt(endOffset: number): Record<string, string> {
    return Object.fromEntries(this.written.slice(0, endOffset));
  }
}

async function tableOf(connection: Connection, topic: string): Promise<Record<string, string>> {
  const table: Record<string, string> = {};
  let from = (await listOffset(connection, topic, EARLIEST)).offset;
  for (;;) {
    const { errorCode, records, highWatermark } = await fetchOne(connection, topic, from);
    assertEquals(errorCode, 0);
    const decode = (bytes: Uint8Array | null) => new TextDecoder().decode(bytes!).trim();
    for (const { key, value, offset } of recordsIn(records)) {
      table[decode(key)] = decode(value);
      from = offset + 1;
    }
    if (from >= highWatermark || recordsIn(records).length === 0) return table;
  }
}

function cutOf({ partitions }: Manifest, topic: string) {
  return partitions.find((one) => one.topic === topic);
}

Deno.test("keys written again and compacted at any step of a backup are in it as they were at its cut", () =>
  withDirectory((path) => raceCompaction(path)));

Deno.test("the same where the process may not hold the files open: what was compacted needs another cut", () =>
  withDirectory((path) => raceCompaction(path, 0)));

async function raceCompaction(path: string, maxOpenFiles?: number): Promise<void> {
  await using broker = await TestBroker.start({
    path: `${path}/data`,
    flush: "os",
    compaction: { backoffMs: 1 },
  });
  await broker.createTopic("t", { configs: COMPACTED });
  const ledger = new Ledger(await broker.connect(), "t");
  await ledger.write();
  const steps = await atEveryStep(
    path,
    broker,
    () => ledger.compact(),
    async (other, manifest, step) => {
      const table = await tableOf(await other.connect(), "t");
      assertEquals(table, ledger.tableAt(cutOf(manifest, "t")!.endOffset), `step ${step}`);
    },
    maxOpenFiles,
    maxOpenFiles === undefined,
  );
  assert(steps >= 10, `${steps} steps`);
}

Deno.test("a backup in which keys are compacted again and again is of one moment, or none is made", () =>
  withDirectory(async (path) => {
    const data = `${path}/data`;
    await using broker = await TestBroker.start({
      path: data,
      flush: "os",
      compaction: { backoffMs: 1 },
    });
    await broker.createTopic("t", { configs: COMPACTED });
    const ledger = new Ledger(await broker.connect(), "t");
    await ledger.write();
    for (const maxOpenFiles of [undefined, 0]) {
      let step = 0;
      const between = async () => {
        if (++step % 7 === 0) await ledger.compact();
      };
      const backup = `${path}/backup-${maxOpenFiles}`, store = new FileStore(backup);
      const source = new SourceDirectory(data, { between, maxOpenFiles });
      let manifest: Manifest;
      try {
        ({ manifest } = await createBackup(await broker.connect(), source, store));
      } catch (error) {
        assert(
          error instanceof StoreError && /tried 10 times|changed 50 times/.test(error.message),
        );
        assertEquals(store.readAll("manifest.json"), null);
        continue;
      } finally {
        store.close();
      }
      await using other = await restored(backup, `${path}/restored-${maxOpenFiles}`);
      const table = await tableOf(await other.connect(), "t");
      assertEquals(table, ledger.tableAt(cutOf(manifest, "t")!.endOffset));
    }
  }));

Deno.test("a topic that becomes compacted in the middle of a backup is in it as at its cut", () =>
  withDirectory(async (path) => {
    await using broker = await TestBroker.start({
      path: `${path}/data`,
      flush: "os",
      compaction: { backoffMs: 1 },
    });
    const connection = await broker.connect();
    const ledgers: Ledger[] = [];
    const next = async () => {
      if (ledgers.length > 0) await remove(connection, ledgers.at(-1)!.topic);
      const topic = `t${ledgers.length}`;
      await broker.createTopic(topic, { configs: { ...COMPACTED, "cleanup.policy": "delete" } });
      ledgers.push(new Ledger(connection, topic));
      await ledgers.at(-1)!.write();
    };
    await next();
    let isFirst = true;
    await atEveryStep(path, broker, async () => {
      const ledger = ledgers.at(-1)!;
      await alter(connection, ledger.topic, { "cleanup.policy": "compact" });
      await ledger.compact();
    }, async (other, manifest, step) => {
      const { topic } = ledgers.at(-1)!;
      const table = await tableOf(await other.connect(), topic);
      const { endOffset } = cutOf(manifest, topic)!;
      assertEquals(table, ledgers.at(-1)!.tableAt(endOffset), `step ${step}`);
      isFirst = false;
      await next();
    });
    assert(!isFirst);
  }));

Deno.test("offsets committed again and compacted at any step of a backup are in it as they were at its cut", () =>
  withDirectory(async (path) => {
    await using broker = await TestBroker.start({
      path: `${path}/data`,
      flush: "os",
      compaction: { backoffMs: 1 },
      groups: { offsetsPartitions: 1 },
    });
    await broker.createTopic("t");
    const connection = await broker.connect();
    await append(connection, "t", ["x"]);
    const committed: number[] = []; // by offset in __consumer_offsets
    const commitAll = async (value: number) => {
      for (let i = 0; i < 4; i++) {
        await commit(connection, value);
        const { offset } = await listOffset(connection, "__consumer_offsets", -1);
        committed[offset - 1] = value;
      }
    };
    await commitAll(1);
    await alter(connection, "__consumer_offsets", COMPACTED);
    let value = 1;
    await atEveryStep(path, broker, async () => {
      const { offset } = await listOffset(connection, "__consumer_offsets", -1);
      await commitAll(++value);
      for (let i = 0; i < 6000; i++) {
        const { records } = await fetchOne(connection, "__consumer_offsets", 0);
        if (recordsIn(records)[0].offset >= offset) return;
        await pause(5);
      }
      throw new Error("__consumer_offsets was not compacted");
    }, async (other, manifest, step) => {
      const { endOffset } = cutOf(manifest, "__consumer_offsets")!;
      const wanted = committed.slice(0, endOffset).findLast((value) => value !== undefined);
      assertEquals(await committedOffset(await other.connect()), wanted, `step ${step}`);
    });
  }));

Deno.test("records deleted at any step of a backup leave it every record from its log start to its cut", () =>
  withDirectory((path) => raceDeletion(path)));

Deno.test("records deleted before they are copied, of files that could not be held, raise the log start", () =>
  withDirectory((path) => raceDeletion(path, 0)));

async function raceDeletion(path: string, maxOpenFiles?: number): Promise<void> {
  await using broker = await TestBroker.start({ path: `${path}/data`, flush: "os" });
  const configs = { "internal.segment.bytes": "4096", "file.delete.delay.ms": "0" };
  await broker.createTopic("t", { configs });
  const connection = await broker.connect();
  let end = 0;
  const write = async () => {
    for (let i = 0; i < 5; i++) end = 1 + await append(connection, "t", ["v".repeat(1500)]);
  };
  await write();
  await atEveryStep(path, broker, async () => {
    await write();
    await connection.request(DeleteRecords, 2, {
      topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset: end - 1 }] }],
      timeoutMs: 1000,
    });
    // As the broker's next checkpoint has it, which may come at any time.
    const epochs = `${path}/data/t-0/leader-epoch-checkpoint`;
    await Deno.writeTextFile(`${epochs}.test`, `0\n1\n0 ${end - 1}\n`);
    await Deno.rename(`${epochs}.test`, epochs);
  }, async (other, manifest, step) => {
    const { startOffset, endOffset } = cutOf(manifest, "t")!;
    const connection = await other.connect();
    for (const [timestamp, wanted] of [[EARLIEST, startOffset], [LATEST, endOffset]]) {
      const { errorCode, offset } = await listOffset(connection, "t", timestamp);
      assertEquals([errorCode, offset], [0, wanted], `step ${step}, asked for ${timestamp}`);
    }
    const isHeld = maxOpenFiles === undefined;
    assert(
      isHeld ? startOffset < endOffset : startOffset <= endOffset,
      `step ${step}: ${startOffset} to ${endOffset}`,
    );
    const { records } = await fetchOne(connection, "t", startOffset);
    const offsets = recordsIn(records).map(({ offset }) => offset);
    const wanted = Array.from({ length: endOffset - startOffset }, (_, i) => startOffset + i);
    assertEquals(offsets.filter((offset) => offset >= startOffset), wanted, `step ${step}`);
  }, maxOpenFiles);
}

Deno.test("a topic deleted and made again at any step of a backup is in it as before or as after, whole", () =>
  withDirectory(async (path) => {
    await using broker = await TestBroker.start({ path: `${path}/data`, flush: "os" });
    const configs = { "file.delete.delay.ms": "0" };
    const connection = await broker.connect();
    const holds = new Map<string, string[]>();
    const make = async (name: string) => {
      holds.set(await broker.createTopic("t", { configs }), [name]);
      await append(connection, "t", [name]);
    };
    await make("first");
    await atEveryStep(path, broker, async (step) => {
      await remove(connection, "t");
      await make(`${step}`);
    }, async (other, manifest, step) => {
      const cut = cutOf(manifest, "t");
      assert(cut !== undefined, `step ${step}: the topic is not in the backup`);
      const { records } = await fetchOne(await other.connect(), "t", 0);
      const values = recordsIn(records).map(({ value }) => new TextDecoder().decode(value!));
      assertEquals(values, holds.get(cut!.topicId), `step ${step}`);
    });
  }));

async function remove(connection: Connection, topic: string): Promise<void> {
  await connection.request(DeleteTopics, 6, { topics: [{ name: topic }], timeoutMs: 1000 });
}

async function alter(
  connection: Connection,
  topic: string,
  configs: Record<string, string>,
): Promise<void> {
  const { responses } = await connection.request(IncrementalAlterConfigs, 1, {
    resources: [{
      resourceType: 2,
      resourceName: topic,
      configs: Object.entries(configs).map(([name, value]) => ({
        name,
        configOperation: 0,
        value,
      })),
    }],
    validateOnly: false,
  });
  assertEquals(responses.map(({ errorMessage }) => errorMessage), [null]);
}

async function commit(connection: Connection, offset: number): Promise<void> {
  await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
  for (let i = 0; i < 300; i++) {
    const { topics } = await connection.request(OffsetCommit, 8, {
      groupId: "g",
      generationIdOrMemberEpoch: -1,
      memberId: "",
      topics: [{
        name: "t",
        partitions: [{
          partitionIndex: 0,
          committedOffset: BigInt(offset),
          committedMetadata: "m".repeat(3000),
        }],
      }],
    });
    if (topics[0].partitions[0].errorCode === 0) return;
    await pause(100);
  }
  throw new Error("The offset could not be committed");
}

async function committedOffset(connection: Connection): Promise<number> {
  for (let i = 0; i < 300; i++) {
    const { groups: [group] } = await connection.request(OffsetFetch, 8, {
      groups: [{ groupId: "g", topics: [{ name: "t", partitionIndexes: [0] }] }],
    });
    if (group.errorCode === 0) return Number(group.topics[0].partitions[0].committedOffset);
    await pause(100);
  }
  throw new Error("The offset could not be read");
}
