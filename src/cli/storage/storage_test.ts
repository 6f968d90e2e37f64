/**
 * `runnel storage`: what verify finds on a directory with every kind of harm done to it, and what repair does and tells,
 * on a store in memory that a partition log filled.
 */
import { assert, assertEquals } from "@std/assert";
import { contextOf } from "../../testing/log_context.ts";
import { randomUuid } from "../../bytes/uuid.ts";
import { topicConfigDefaults } from "../../config/topic_configs.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { buildEndTxnBatch } from "../../protocol/records/control_record.ts";
import { RECOVERY_POINT_CHECKPOINT, writeCheckpoint } from "../../storage/directory/checkpoints.ts";
import { MemoryStore } from "../../storage/backends/memory_store.ts";
import { createLog, openLog } from "../../storage/log/open_log.ts";
import { NOTHING_KNOWN } from "./known_directory.ts";
import { repair } from "./repair.ts";
import { verify } from "./verify.ts";

const REF = { topicId: randomUuid(), topic: "t", partition: 0 };
const IDENTITY = "version=1\ncluster.id=c\nnode.id=0\ndirectory.id=3H17zCOgUQb0UZnvcuxt5w\n";
const FIRST = "t-0/00000000000000000000.log";

/** Two segments of 12 batches with 2 records each, in a log that was closed. */
async function filled(): Promise<MemoryStore> {
  const store = new MemoryStore();
  const config = { ...topicConfigDefaults(), "index.interval.bytes": 100 };
  const log = createLog(contextOf(store), REF, config);
  await log.lead(0);
  for (let i = 0; i < 12; i++) {
    const value = new TextEncoder().encode(`value ${10 + i}`);
    const records = [{ timestampMs: 1000 + i, value }, { timestampMs: 1000 + i, value }];
    await log.append(buildBatch({ records }), { origin: "client", leaderEpoch: 0 }).durable;
    if (i === 7) log.roll();
  }
  await log.close();
  await store.replace("meta.properties", new TextEncoder().encode(IDENTITY));
  return store;
}

async function harm(store: MemoryStore, path: string, change: (bytes: Uint8Array) => Uint8Array) {
  await store.replace(path, change(store.readAll(path)!));
}

async function verified(store: MemoryStore): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = [];
  return { code: await verify(store, (line) => lines.push(line)), lines };
}

async function repaired(store: MemoryStore, isCut: boolean, partition = "t-0") {
  const lines: string[] = [];
  const code = await repair(store, { partition, isCut }, (line) => lines.push(line));
  return { code, lines };
}

const flipped = (at: number) => (bytes: Uint8Array) => {
  bytes[at] ^= 1;
  return bytes;
};

Deno.test("a sound directory has no finding, and verify changes nothing", async () => {
  const store = await filled();
  const before = store.list("t-0");
  const { code, lines } = await verified(store);
  assertEquals(code, 0);
  assertEquals(lines.length, 1);
  assert(lines[0].startsWith("1 partitions, 2 segments, 12 batches, 24 records, "), lines[0]);
  assertEquals(store.list("t-0"), before);
});

Deno.test("a flipped bit in a batch with valid ones behind it is damage, with what lies behind it counted", async () => {
  const store = await filled();
  const bytesOfBatch = store.readAll(FIRST)!.length / 8;
  await harm(store, FIRST, flipped(2 * bytesOfBatch + 70));
  const { code, lines } = await verified(store);
  assertEquals(code, 1);
  assertEquals(
    lines[0],
    `damaged        ${FIRST}: there is no valid batch at position ${2 * bytesOfBatch}, offset 4 ` +
      "(it does not match its checksum; segment 00000000000000000016 lies behind it); " +
      `${10 * bytesOfBatch} bytes with 18 readable records lie there and behind`,
  );
});

Deno.test("a torn end is cut at the start, unless it was synced", async () => {
  const store = await filled();
  const last = "t-0/00000000000000000016.log";
  await harm(store, last, (bytes) => bytes.subarray(0, bytes.length - 5));
  assert((await verified(store)).lines[0].startsWith(`cut at start   ${last}: `));
  await writeCheckpoint(store, RECOVERY_POINT_CHECKPOINT, [{
    topic: "t",
    partition: 0,
    offset: 24,
  }]);
  assert((await verified(store)).lines[0].startsWith(`damaged        ${last}: `));
});

Deno.test("indexes, snapshots and checkpoints that are of no use are named as what is rebuilt", async () => {
  const store = await filled();
  await harm(store, "t-0/00000000000000000000.index", (bytes) => bytes.subarray(0, 9));
  await harm(store, "t-0/00000000000000000000.timeindex", flipped(0));
  await harm(store, "t-0/partition.metadata", () => new Uint8Array(3));
  await store.replace("t-0/00000000000000000016.snapshot", new Uint8Array(4));
  await store.replace(RECOVERY_POINT_CHECKPOINT, new TextEncoder().encode("nonsense"));
  const { code, lines } = await verified(store);
  assertEquals(code, 0);
  assertEquals(lines.slice(0, -1).map((line) => /^rebuilt +(\S+):/.exec(line)?.[1]), [
    RECOVERY_POINT_CHECKPOINT,
    "t-0/00000000000000000000.index",
    "t-0/00000000000000000000.timeindex",
    "t-0/00000000000000000016.snapshot",
    "t-0/partition.metadata",
  ]);
});

Deno.test("repair cuts only when told, says what is lost, and the partition serves again", async () => {
  const store = await filled();
  await writeCheckpoint(store, RECOVERY_POINT_CHECKPOINT, [{
    topic: "t",
    partition: 0,
    offset: 24,
  }]);
  const bytesOfBatch = store.readAll(FIRST)!.length / 8;
  await harm(store, FIRST, flipped(2 * bytesOfBatch + 70));
  const harmed = store.readAll(FIRST);
  const lost = `${
    10 * bytesOfBatch
  } bytes of t-0 from offset 4 on, with 18 readable records, the last with offset 23,`;
  assertEquals(await repaired(store, false), {
    code: 1,
    lines: [
      `t-0 would end at offset 4. ${lost} would be lost.`,
      "Nothing has been changed. Add --cut to do it.",
    ],
  });
  assertEquals(store.readAll(FIRST), harmed);

  assertEquals(await repaired(store, true), {
    code: 0,
    lines: [`t-0 ends at offset 4 now. ${lost} are lost.`],
  });
  assertEquals((await verified(store)).code, 0);
  const { log, damage } = await openLog(contextOf(store), REF, topicConfigDefaults(), {
    recoveryPoint: 4,
    logStartOffset: undefined,
    clean: false,
    journal: [],
  });
  assertEquals([damage, log.logEndOffset], [null, 4]);
});

Deno.test("repair says which transactions hang when their end is cut off", async () => {
  const store = new MemoryStore();
  const log = createLog(contextOf(store), REF, topicConfigDefaults());
  const origin = "coordinator", producer = { producerId: 7, producerEpoch: 0 }, timestampMs = 1000;
  const records = [{ timestampMs, value: new Uint8Array(1) }];
  const marker = buildEndTxnBatch({
    ...producer,
    isCommit: true,
    coordinatorEpoch: 0,
    timestampMs,
  });
  const data = buildBatch({ records, ...producer, baseSequence: 0, isTransactional: true });
  for (const bytes of [data, marker, buildBatch({ records })]) {
    await log.append(bytes, { origin, leaderEpoch: 0 }).durable;
  }
  await log.close();
  await harm(store, FIRST, flipped(data.length + 70));
  const { lines: [, then, unchanged] } = await repaired(store, false);
  const hangs =
    "the transaction of producer 7, epoch 0, is open from offset 0 on, and no coordinator";
  assert(then.startsWith(`Then ${hangs} knows it`), then);
  assertEquals(unchanged, "Nothing has been changed. Add --cut to do it.");
  const { code, lines: [, hanging] } = await repaired(store, true);
  assertEquals([code, hanging.startsWith(`hanging        t-0: ${hangs}`)], [0, true], hanging);
});

Deno.test("repair leaves a sound partition alone and knows no other", async () => {
  const store = await filled();
  assertEquals((await repaired(store, true)).lines, ["t-0 is not damaged: nothing to repair"]);
  assertEquals((await repaired(store, true, "u-1")).code, 1);
});

Deno.test("the files of the directory itself are looked at, and what is nobody's is left alone", async () => {
  const store = await filled();
  const text = (content: string) => new TextEncoder().encode(content);
  store.makeFolder("photos-2024");
  await store.replace("photos-2024/cat.jpg", new Uint8Array(9));
  const { code, lines } = await verified(store);
  assertEquals([code, lines.length], [0, 2]);
  assert(lines[0].startsWith("left alone     photos-2024: "), lines[0]);
  for (const wrong of ["version=2", "node.id=-1", "directory.id=?", "cluster.id="]) {
    await store.replace("meta.properties", text(IDENTITY + wrong));
    const { code, lines } = await verified(store);
    assertEquals(code, 1, wrong);
    assert(lines[0].startsWith("damaged        meta.properties: "), lines[0]);
  }
});

Deno.test("the metadata log and its snapshots are looked at like any other", async () => {
  const store = await filled();
  const folder = "__cluster_metadata-0", log = `${folder}/00000000000000000000.log`;
  store.makeFolder(folder);
  await store.replace("meta.properties", new TextEncoder().encode("version=1"));
  await store.replace(log, store.readAll(FIRST)!);
  const snapshot = `${folder}/00000000000000000007-0000000001.checkpoint`;
  await store.replace(snapshot, store.readAll(FIRST)!.subarray(0, -7));
  assert(
    (await verified(store)).lines.some((line) => line.startsWith(`rebuilt        ${snapshot}: `)),
  );
  await harm(store, log, flipped(70));
  assert((await verified(store)).lines.some((line) => line.startsWith(`damaged        ${log}: `)));
});

Deno.test("a partition that the metadata has, and whose folder is gone, is damage", async () => {
  const store = await filled();
  await writeCheckpoint(store, RECOVERY_POINT_CHECKPOINT, [
    { topic: "gone", partition: 3, offset: 50 },
    { topic: "deleted", partition: 0, offset: 50 },
  ]);
  const lines: string[] = [];
  const known = { mayHaveGaps: false, maxLeaderEpoch: 0 };
  const catalogued = (folder: string) => folder === "deleted-0" ? undefined : known;
  assertEquals(
    await verify(store, (line) => lines.push(line), { ...NOTHING_KNOWN, catalogued }),
    1,
  );
  assert(lines[0].includes("gone-3: is missing, and held records up to offset 50"), lines[0]);
  assert(!lines.some((line) => line.includes("deleted")));
});

Deno.test("a journal that does not say what was acknowledged is told of, after a stop that was not clean", async () => {
  const store = await filled();
  await store.replace("runnel-journal-0", new Uint8Array(100).fill(1));
  const told = (await verified(store)).lines.filter((line) => line.startsWith("not proved"));
  assert(told.length === 1 && told[0].includes("no journal file begins with the head"), `${told}`);
  await store.replace(
    ".kafka_cleanshutdown",
    new TextEncoder().encode('{"version":0,"brokerEpoch":1}'),
  );
  assertEquals((await verified(store)).lines.filter((line) => line.startsWith("not proved")), []);
});
