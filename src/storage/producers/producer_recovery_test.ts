/**
 * Producer state after a restart: a retry of any of a producer's last five batches gets its first offset, whether they
 * lie before the newest snapshot, behind it or on both sides; older ones and gaps are refused.
 */
import { assert, assertEquals } from "@std/assert";
import { contextOf } from "../../testing/log_context.ts";
import { randomUuid } from "../../bytes/uuid.ts";
import { FakeClock } from "../../testing/fake_clock.ts";
import { topicConfigDefaults } from "../../config/topic_configs.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { createLog, openLog } from "../log/open_log.ts";
import { PartitionLog } from "../log/partition_log.ts";
import { filesOf } from "../../testing/file_damage.ts";
import {
  encodeProducerSnapshot,
  type ProducerSnapshotEntry,
  snapshotCrc,
} from "./producer_snapshot.ts";

const REF = { topicId: randomUuid(), topic: "t", partition: 0 };

/** Sends batch `n` of producer 7, two records each; the offset or the error code. */
async function send(
  log: PartitionLog,
  n: number,
  valueBytes = 20,
): Promise<{ offset: number; code: number }> {
  const record = { timestampMs: new FakeClock().nowMs(), value: new Uint8Array(valueBytes) };
  const batch = buildBatch({
    records: [record, record],
    producerId: 7,
    producerEpoch: 0,
    baseSequence: 2 * n,
  });
  const { errorCode, baseOffset, durable } = log.append(batch, {
    origin: "client",
    leaderEpoch: 0,
  });
  await durable;
  return { offset: baseOffset, code: errorCode };
}

/** Eight batches with a new segment, and so a snapshot, before the `rollBefore`th. */
async function afterRestart(
  rollBefore: number,
  isClean: boolean,
  valueBytes?: number,
): Promise<PartitionLog> {
  const store = new MemoryStore();
  const config = { ...topicConfigDefaults(), "index.interval.bytes": 100 };
  const log = createLog(contextOf(store), REF, config);
  await log.lead(0);
  for (let n = 0; n < 8; n++) {
    if (n === rollBefore) log.roll();
    await send(log, n, valueBytes);
  }
  await (isClean ? log.close() : log.sync());
  const opened = await openLog(contextOf(store), REF, config, {
    recoveryPoint: isClean ? 16 : 0,
    logStartOffset: undefined,
    clean: isClean,
    journal: [],
  });
  await opened.log.lead(0);
  return opened.log;
}

for (const isClean of [true, false]) {
  Deno.test(`the last five batches are known after ${isClean ? "a clean stop" : "a crash"}`, async () => {
    for (const rollBefore of [1, 4, 6, 7]) {
      const log = await afterRestart(rollBefore, isClean);
      for (const n of [3, 4, 5, 6, 7]) {
        assertEquals(
          await send(log, n),
          { offset: 2 * n, code: 0 },
          `batch ${n}, snapshot before ${rollBefore}`,
        );
      }
      const refused = { offset: -1, code: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER };
      assertEquals(await send(log, 2), refused);
      assertEquals(await send(log, 9), refused);
      assertEquals(await send(log, 8), { offset: 16, code: 0 });
      assertEquals(await send(log, 4), { offset: 8, code: 0 });
    }
  });
}

Deno.test("the last five batches are known after a restart, however large they are", async () => {
  const log = await afterRestart(7, true, 500_000);
  for (const n of [3, 4, 5, 6, 7]) {
    assertEquals(await send(log, n, 500_000), { offset: 2 * n, code: 0 }, `batch ${n}`);
  }
});

/** What a snapshot may be instead of what it was, each with a right checksum; all of them are of no use. */
const FOREIGN: Record<string, (files: Map<string, Uint8Array>) => Uint8Array> = {
  "of a log without producers": () => encodeProducerSnapshot([]),
  "of another producer": () => encodeProducerSnapshot([entryOf({ producerId: 8 })]),
  "an older one under a newer name": (files) => files.get(snapshotName(8))!,
  "of another epoch": () => encodeProducerSnapshot([entryOf({ epoch: 3 })]),
  "one sequence on": () => encodeProducerSnapshot([entryOf({ lastSequence: 16 })]),
  "from a future": () => encodeProducerSnapshot([entryOf({ lastOffset: 99, lastSequence: 99 })]),
  "with a transaction that never was": () =>
    encodeProducerSnapshot([entryOf({ currentTxnFirstOffset: 4 })]),
};

function entryOf(changed: Partial<ProducerSnapshotEntry>): ProducerSnapshotEntry {
  return {
    producerId: 7,
    epoch: 0,
    lastSequence: 15,
    lastOffset: 15,
    offsetDelta: 1,
    timestampMs: new FakeClock().nowMs(),
    coordinatorEpoch: -1,
    currentTxnFirstOffset: -1,
    ...changed,
  };
}

const snapshotName = (offset: number) => `${String(offset).padStart(20, "0")}.snapshot`;

/** The log of eight batches, cleanly stopped, its last snapshot replaced; opened again. */
async function withSnapshot(
  bytes: (files: Map<string, Uint8Array>) => Uint8Array,
  expected?: { offset: number; crc: number },
): Promise<{ log: PartitionLog; store: MemoryStore; problems: string[] }> {
  const store = new MemoryStore(), problems: string[] = [];
  const log = createLog(contextOf(store), REF, topicConfigDefaults());
  await log.lead(0);
  for (let n = 0; n < 8; n++) {
    if (n === 4) log.roll();
    await send(log, n);
  }
  await log.close();
  await store.replace(`t-0/${snapshotName(16)}`, bytes(filesOf(store, "t-0")));
  const state = {
    ...REF,
    segments: [0, 8],
    logStartOffset: 0,
    logEndOffset: 16,
    recoveryPoint: 16,
  };
  const context = { ...contextOf(store), onProblem: (event: string) => problems.push(event) };
  const again = new PartitionLog(context, { ...state, snapshot: expected }, topicConfigDefaults());
  await again.lead(0);
  return { log: again, store, problems };
}

for (const [what, bytes] of Object.entries(FOREIGN)) {
  Deno.test(`a snapshot ${what} is put aside, and the log says what its producers did`, async () => {
    const { log, store, problems } = await withSnapshot(bytes);
    assertEquals(await send(log, 7), { offset: 14, code: 0 });
    assertEquals(await send(log, 9), { offset: -1, code: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER });
    assertEquals(await send(log, 8), { offset: 16, code: 0 });
    assertEquals(problems.filter((event) => event !== "snapshot_ignored"), []);
    assert(problems.length >= 1 && problems.length <= 2);
    const names = store.list("t-0").map(({ name }) => name);
    assert(names.includes(`${snapshotName(16)}.deleted`), "kept until the next start");
  });
}

Deno.test("the snapshot that was written is believed, another one at its offset is not", async () => {
  const sound = encodeProducerSnapshot([entryOf({})]);
  const crc = snapshotCrc(sound)!;
  const believed = await withSnapshot(() => sound, { offset: 16, crc });
  assertEquals(await send(believed.log, 7), { offset: 14, code: 0 });
  assertEquals(believed.problems, []);
  const other = await withSnapshot(() => sound, { offset: 16, crc: crc ^ 1 });
  assertEquals(await send(other.log, 7), { offset: 14, code: 0 });
  assertEquals(other.problems, ["snapshot_ignored"]);
});

/** Eight batches in a log that may have gaps, of which a power loss left six, with the snapshots of the rolls that lasted. */
async function withLostBatches(): Promise<PartitionLog> {
  const store = new MemoryStore();
  const config = { ...topicConfigDefaults(), "cleanup.policy": ["compact" as const] };
  const log = createLog(contextOf(store), REF, config);
  await log.lead(0);
  for (let n = 0; n < 8; n++) {
    if (n === 4) log.roll();
    await send(log, n);
  }
  await log.sync();
  log.roll();
  await log.sync();
  log.retire("killed");
  const blob = store.open("t-0/00000000000000000008.log");
  blob.truncate(blob.size / 2);
  blob.close();
  const names = store.list("t-0").map(({ name }) => name);
  assert(names.includes(snapshotName(16)) && names.includes("00000000000000000016.log"));
  const known = { recoveryPoint: undefined, logStartOffset: undefined, clean: false, journal: [] };
  const journal = [{
    sequence: 1,
    topicId: REF.topicId,
    folder: "t-0",
    segmentBase: 16,
    position: 0,
    payload: new Uint8Array(0),
  }];
  const opened = await openLog(contextOf(store), REF, config, { ...known, journal });
  assertEquals(opened.damage, null);
  await opened.log.lead(0);
  return opened.log;
}

Deno.test("where gaps are legal a snapshot is not believed that speaks of batches which a power loss took", async () => {
  const log = await withLostBatches();
  assertEquals(await send(log, 5), { offset: 10, code: 0 });
  const end = log.logEndOffset;
  // They were never acknowledged, and are neither duplicates nor out of order.
  assertEquals(await send(log, 6), { offset: end, code: 0 });
  assertEquals(await send(log, 7), { offset: end + 2, code: 0 });
});

Deno.test("a snapshot from before the log's first batch says nothing of its producers", async () => {
  const store = new MemoryStore();
  const config = topicConfigDefaults(), log = createLog(contextOf(store), REF, config);
  await log.lead(0);
  let old = new Uint8Array(0);
  for (let n = 0; n < 8; n++) {
    if (n % 2 === 0 && n > 0) log.roll();
    await send(log, n);
    if (n === 3) old = (await log.sync(), store.readAll(`t-0/${snapshotName(4)}`)!.slice());
  }
  await log.sync();
  log.retire("killed");
  for (const { name } of store.list("t-0")) {
    if (/^0{19}[048]\./.test(name) || name.endsWith("snapshot")) store.remove(`t-0/${name}`);
  }
  await store.replace(`t-0/${snapshotName(4)}`, old); // deleted records leave it where a power loss brings it back
  const known = { recoveryPoint: undefined, logStartOffset: 14, clean: false, journal: [] };
  const { log: again, damage } = await openLog(contextOf(store), REF, config, known);
  await again.lead(0);
  assertEquals([damage, again.logStartOffset], [null, 14]);
  assertEquals(await send(again, 9), { offset: -1, code: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER });
  assertEquals(await send(again, 8), { offset: 16, code: 0 });
});
