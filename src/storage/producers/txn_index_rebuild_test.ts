/**
 * Proves that a `.txnindex` is as disposable as every other file beside the log: after an unclean stop it is made anew
 * from the batches, whatever lay there, and one that turns out damaged later is too. The log under test holds two
 * aborted transactions, the second of which begins a segment before its marker.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { contextOf } from "../../testing/log_context.ts";
import { randomUuid } from "../../bytes/uuid.ts";
import { topicConfigDefaults } from "../../config/topic_configs.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { buildEndTxnBatch } from "../../protocol/records/control_record.ts";
import {
  afterCrash,
  asRecorded,
  believing,
  closedForRecord,
  withoutRecord,
} from "../../testing/recorded_log.ts";
import { FaultyStore } from "../../testing/faulty_store.ts";
import { CorruptBatchError } from "../segments/corrupt_batch_error.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { createLog, openLog } from "../log/open_log.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import type { Store } from "../store.ts";
import type { AbortedTransaction } from "../index/txn_index.ts";
import { readNow } from "../../testing/read_now.ts";
import { openOn } from "../../testing/reopened_world.ts";
import { SeededRandom } from "../../testing/seeded_random.ts";
import { wantedLog } from "../../testing/storage_world.ts";

const REF = { topicId: randomUuid(), topic: "t", partition: 0 };
const FIRST = "t-0/00000000000000000000.log";
const SECOND = "t-0/00000000000000000003.txnindex";

const ABORTED = [
  { producerId: 1, firstOffset: 0, lastOffset: 1, lastStableOffset: 2 },
  { producerId: 2, firstOffset: 2, lastOffset: 4, lastStableOffset: 3 },
];

function write(log: PartitionLog, producerId: number): void {
  const records = [{ timestampMs: 1000, value: new Uint8Array(10) }];
  const producer = { producerId, producerEpoch: 0, baseSequence: 0, isTransactional: true };
  const bytes = buildBatch({ records, ...producer });
  assertEquals(log.append(bytes, { origin: "client", leaderEpoch: 0 }).errorCode, 0);
}

function end(log: PartitionLog, producerId: number, isCommit: boolean) {
  const ended = { isCommit, coordinatorEpoch: 0, producerId, producerEpoch: 0, timestampMs: 1000 };
  const appended = log.append(buildEndTxnBatch(ended), { origin: "coordinator", leaderEpoch: 0 });
  assertEquals(appended.errorCode, 0);
  return appended.written;
}

/** | 0 begin 1 | 1 abort 1 | 2 begin 2 | roll | 3 begin 3 | 4 abort 2 | 5 commit 3 | */
async function history(store: Store): Promise<PartitionLog> {
  const log = createLog(contextOf(store), REF, topicConfigDefaults());
  write(log, 1);
  await end(log, 1, false);
  write(log, 2);
  await Promise.resolve();
  log.roll();
  write(log, 3);
  await end(log, 2, false);
  await end(log, 3, true);
  return log;
}

/** As after a crash; nothing is known of what was synced. */
async function reopen(store: Store, problems: string[] = []): Promise<PartitionLog> {
  const checkpoint = {
    recoveryPoint: undefined,
    logStartOffset: undefined,
    clean: false,
    journal: [],
  };
  const report = await openLog(
    contextOf(store, { onProblem: (event) => problems.push(event) }),
    REF,
    topicConfigDefaults(),
    checkpoint,
  );
  assertEquals(report.damage, null);
  return report.log;
}

function listed(log: PartitionLog): AbortedTransaction[] {
  const entries = log.segments.flatMap((_, i) => log.txnIndexOf(i).entries);
  return entries.map(({ producerId, firstOffset, lastOffset, lastStableOffset }) => {
    return { producerId, firstOffset, lastOffset, lastStableOffset };
  });
}

Deno.test("the index of a live log lists the aborted transactions, the committed one is not in it", async () => {
  assertEquals(listed(await history(new MemoryStore())), ABORTED);
});

for (
  const [what, spoil] of Object.entries<(store: Store) => unknown>({
    "is missing": (store) => store.remove(SECOND),
    "is torn": (store) => store.open(SECOND).truncate(20),
    "lacks its last entry": (store) => store.open(SECOND).truncate(0),
    "is garbage": (store) => store.replace(SECOND, new Uint8Array(68).fill(7)),
    "lists what never was": (store) =>
      store.replace(SECOND, new Uint8Array(34).fill(1).fill(0, 0, 9)),
  })
) {
  Deno.test(`after an unclean stop a .txnindex that ${what} is made anew`, async () => {
    const store = new MemoryStore();
    await history(store);
    await spoil(store);
    assertEquals(listed(await reopen(store)), ABORTED);
  });
}

Deno.test("without producer snapshots the transactions are replayed from the segments before", async () => {
  const store = new MemoryStore();
  await history(store);
  for (const { name } of store.list("t-0")) {
    if (/\.(snapshot|txnindex)$/.test(name)) store.remove(`t-0/${name}`);
  }
  assertEquals(listed(await reopen(store)), ABORTED);
});

Deno.test("a .txnindex found damaged by a consumer is rebuilt then, and the operator is told", async () => {
  const store = new MemoryStore();
  await history(store);
  const problems: string[] = [];
  const log = await reopen(store, problems);
  for (const segment of log.segments) segment.unload();
  await store.replace(SECOND, new Uint8Array(20));
  const given = readNow(log, 2, { maxBytes: 1000, bound: "hw", minOneBatch: true })!;
  assertEquals(log.abortedTransactions(2, given).map(({ producerId }) => producerId), [2]);
  assertEquals(problems, ["txn_index_rebuilt"]);
  assertEquals(store.readAll(SECOND)!.length, 34);
});

/** Of each segment: whether its index was held against all its batches. */
const checked = (log: PartitionLog) =>
  log.segments.map(({ areTransactionsChecked }) => areTransactionsChecked);

/** | 0 begin 1 | 1 commit 1 | 2 begin 2 | roll | 3 abort 2 | 4 begin 3 | roll | 5 abort 3 | roll | 6 begin 4 | 7 commit 4 | */
async function longHistory(store: Store): Promise<void> {
  const log = createLog(contextOf(store), REF, topicConfigDefaults());
  const roll = async () => {
    await Promise.resolve();
    log.roll();
  };
  write(log, 1);
  await end(log, 1, true);
  write(log, 2);
  await roll();
  await end(log, 2, false);
  write(log, 3);
  await roll();
  await end(log, 3, false);
  await roll();
  write(log, 4);
  await end(log, 4, true);
}

Deno.test("who reads first after a start has no more of the log looked at than what was given needs to end in", async () => {
  const store = new MemoryStore();
  await longHistory(store);
  const read = async (from: number, maxBytes: number) => {
    const log = await reopen(store);
    for (const segment of log.segments) segment.areTransactionsChecked = false;
    const given = readNow(log, from, { maxBytes, bound: "hw", minOneBatch: true })!;
    return [log.abortedTransactions(from, given).map(({ producerId }) => producerId), checked(log)];
  };
  assertEquals(await read(0, 1), [[], [true, false, false, false]], "its marker follows");
  assertEquals(await read(1, 1), [[], [true, false, false, false]], "a marker alone");
  assertEquals(
    await read(0, 1000),
    [[2], [true, true, false, false]],
    "one that ends a segment later",
  );
  assertEquals(await read(2, 1), [[2], [true, true, false, false]]);
  assertEquals(await read(4, 1), [[3], [false, true, true, false]]);
});

Deno.test("an abort marker that a later segment's index lacks is found by who reads its records first", async () => {
  const store = new MemoryStore();
  await longHistory(store);
  const problems: string[] = [], log = await reopen(store, problems);
  for (const segment of log.segments) {
    segment.areTransactionsChecked = false;
    segment.unload();
  }
  store.open("t-0/00000000000000000003.txnindex").truncate(0);
  const given = readNow(log, 2, { maxBytes: 1, bound: "hw", minOneBatch: true })!;
  assertEquals(log.abortedTransactions(2, given).map(({ producerId }) => producerId), [2]);
  assertEquals(problems, ["txn_index_rebuilt"]);
});

Deno.test("an abort that a full disk keeps from the index is known all the same, and written when there is room", async () => {
  const memory = new MemoryStore();
  using store = new FaultyStore(memory);
  const log = createLog(contextOf(store), REF, topicConfigDefaults());
  write(log, 1);
  write(log, 2);
  await Promise.resolve();
  const index = log.txnIndexOf(0);
  store.fail({ on: "append", pathEndsWith: ".txnindex", kind: "noSpace" });
  index.append(ABORTED[0]);
  assertEquals(index.entries.length, 1);
  assertEquals(memory.readAll(index.path)?.length ?? 0, 0);
  index.unload();
  assertEquals(index.entries.length, 1);
  assert(await index.sync());
  assertEquals(memory.readAll(index.path)?.length, 34);
});

Deno.test("an abort is written beside a .txnindex that is another's: that is made anew first, and no write fails", async () => {
  const store = new MemoryStore(), problems: string[] = [];
  const first = await history(store);
  write(first, 4);
  const record = await closedForRecord(contextOf(store), first);
  const foreign = new Uint8Array(34); // of producer 9, from 900 to 999: sound, but of no offset here
  for (
    const [at, value] of [[9, 9], [16, 900 >> 8], [17, 900 & 255], [24, 999 >> 8], [25, 999 & 255]]
  ) {
    foreign[at] = value;
  }
  await store.replace(SECOND, foreign);
  const { log } = await believing(
    contextOf(store, { onProblem: (event) => problems.push(event) }),
    topicConfigDefaults(),
    record,
  );
  await end(log, 4, false);
  const mine = { producerId: 4, firstOffset: 6, lastOffset: 7, lastStableOffset: 8 };
  await log.segments[1].txnIndex.sync();
  log.segments[1].unload();
  assertEquals(log.txnIndexOf(1, true).entries, [ABORTED[1], mine]);
  assertEquals(problems, ["txn_index_rebuilt"]);
});

for (const [start, open] of Object.entries({ asRecorded, withoutRecord, afterCrash })) {
  Deno.test(`a .txnindex that is another's is never believed, however the log was opened (${start})`, async () => {
    const store = new MemoryStore(), context = contextOf(store);
    const record = await closedForRecord(context, await history(store));
    await store.replace(SECOND, new Uint8Array(34).fill(7, 9, 10));
    const { log, damage } = await open(context, topicConfigDefaults(), record);
    assertEquals(damage, null);
    assertEquals(log.txnIndexOf(1, true).entries, [ABORTED[1]]);
    assertEquals(store.readAll(SECOND)!.length, 34);
  });
}

Deno.test("damage below what a start walks does not keep it from serving the rest", async () => {
  const store = new MemoryStore(), problems: string[] = [];
  const record = await closedForRecord(contextOf(store), await history(store));
  for (const { name } of store.list("t-0")) {
    if (name.endsWith(".snapshot")) store.remove(`t-0/${name}`); // or the first segment would not be read
  }
  const bytes = store.readAll(FIRST)!;
  bytes[70] ^= 1;
  await store.replace(FIRST, bytes);
  const config = topicConfigDefaults(),
    context = contextOf(store, { onProblem: (event) => problems.push(event) });
  const { log, damage, warnings } = await afterCrash(context, config, record);
  assertEquals(damage, null);
  assert(warnings.some((warning) => warning.includes(".txnindex")), `${warnings}`);
  assertThrows(() => log.txnIndexOf(1, true), CorruptBatchError);
  assert(readNow(log, 3, { maxBytes: 1000, bound: "leo", minOneBatch: true }) !== null);
  assert(problems.includes("corrupt_batch"), `${problems}`);
});

Deno.test("a marker that ended nothing is no damage: it has no entry, and nobody is told of anything", async () => {
  const store = new MemoryStore(), problems: string[] = [];
  const first = await history(store);
  await end(first, 99, false);
  const record = await closedForRecord(contextOf(store), first);
  const { log } = await believing(
    contextOf(store, { onProblem: (event) => problems.push(event) }),
    topicConfigDefaults(),
    record,
  );
  assertEquals(log.txnIndexOf(1, true).entries, [ABORTED[1]]);
  assertEquals(problems, []);
});

Deno.test("over random histories with retention and clean stops no index is called wrong", async () => {
  const id = randomUuid(), wanted = [wantedLog(id, { topic: "t" }, { "index.interval.bytes": 0 })];
  const records = [{ timestampMs: 1, key: null, value: new Uint8Array(10) }];
  for (let seed = 1; seed <= 60; seed++) {
    const random = new SeededRandom(seed), disk = new MemoryStore(), epochs = [0, 0, 0, 0];
    let { world, events } = await openOn(disk, wanted);
    const log = () => world.logs.get(id, 0)!;
    const readAll = () => log().segments.forEach((_, i) => log().txnIndexOf(i, true));
    const restart = async () => {
      await world.stop();
      ({ world, events } = await openOn(disk, wanted));
      await world.logs.ready(id, 0);
      readAll();
      assertEquals(events, [], `seed ${seed}`);
    };
    const append = async (bytes: Uint8Array, transactionVersion = 0) => {
      const { leaderEpoch } = log(), claim = { origin: "coordinator", transactionVersion } as const;
      const { errorCode, durable } = log().append(bytes, { ...claim, leaderEpoch });
      assertEquals(errorCode, 0, `seed ${seed}`);
      await durable;
    };
    for (let step = 0; step < 80; step++) {
      const producerId = random.below(4), choice = random.below(20);
      if (choice === 0) await restart();
      else if (choice === 1) {
        const { logStartOffset, highWatermark } = log();
        log().advanceStart(logStartOffset + random.below(highWatermark - logStartOffset + 1));
        await world.logs.checkpoint();
      } else if (choice === 2) log().roll();
      else if (choice < 5) await append(buildBatch({ records }));
      else if (choice < 14) {
        const producerEpoch = epochs[producerId], isTransactional = true;
        await append(
          buildBatch({ records, producerId, producerEpoch, baseSequence: 0, isTransactional }),
        );
      } else {
        const producerEpoch = ++epochs[producerId], isCommit = random.oneIn(3);
        const marker = { isCommit, coordinatorEpoch: 0, producerId, producerEpoch, timestampMs: 1 };
        await append(buildEndTxnBatch(marker), 2);
      }
      if (random.oneIn(5)) readAll();
    }
    await restart();
    world.abandon();
  }
});
