// Proves what a partition log promises, on a store in memory and on one that fails or loses power: offsets, bounds,
// reads, rolls, search by time, retention, recovery, and the journal behind group commit.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BufferPool } from "../../bytes/pool.ts";
import { randomUuid } from "../../bytes/uuid.ts";
import { FakeClock } from "../../testing/fake_clock.ts";
import { type TopicConfig, topicConfigDefaults } from "../../config/topic_configs.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import * as batch from "../../protocol/records/batch.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { type Fault, FaultyStore, type Operation } from "../../testing/faulty_store.ts";
import { type FlushPolicy, GroupCommit } from "../durability/group_commit.ts";
import { Journal } from "../durability/journal.ts";
import { readJournal } from "../durability/journal_entries.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { createLog, openLog } from "./open_log.ts";
import type { LogContext } from "./log_context.ts";
import { PartitionLog } from "./partition_log.ts";
import { DEFAULT_PRODUCER_LIMITS } from "../producers/producer_state.ts";
import { expiredBefore, isActiveExpired } from "./retention.ts";
import { type Blob, type InPlaceBlob, type Store, StoreError } from "../store.ts";
import { findByTimestamp, findLargestTimestamp } from "./time_search.ts";
import { readNow } from "../../testing/read_now.ts";

const TOPIC_ID = randomUuid();
const EPOCH = 3;

interface Setup {
  readonly context: LogContext;
  readonly clock: FakeClock;
  readonly failures: unknown[];
}

function setup(
  store: Store,
  policy: FlushPolicy = "os",
  journal: Journal | null = null,
  overlapBytes?: number,
): Setup {
  const clock = new FakeClock();
  const failures: unknown[] = [];
  const commit = new GroupCommit({
    policy,
    intervalMs: 0,
    journal,
    overlapBytes,
    onFailure: (error) => failures.push(error),
  });
  const context: LogContext = {
    store,
    clock,
    commit,
    pool: new BufferPool({ keepBytes: 1 << 20 }),
    producers: DEFAULT_PRODUCER_LIMITS,
    onProblem: (event, details) => failures.push({ event, details }),
  };
  return { context, clock, failures };
}

function config(overrides: Partial<TopicConfig> = {}): TopicConfig {
  return { ...topicConfigDefaults(), ...overrides };
}

async function newLog(
  context: LogContext,
  overrides: Partial<TopicConfig> = {},
  partition = 0,
): Promise<PartitionLog> {
  const log = createLog(
    context,
    { topicId: TOPIC_ID, topic: "t", partition },
    config(overrides),
  );
  await log.lead(EPOCH);
  return log;
}

/** Opens the partition as after a crash. */
async function reopen(
  context: LogContext,
  recoveryPoint: number | undefined = undefined,
  partition = 0,
): Promise<PartitionLog> {
  const journal = readJournal(context.store).entries.filter((entry) =>
    entry.folder === `t-${partition}`
  );
  const report = await openLog(context, { topicId: TOPIC_ID, topic: "t", partition }, config(), {
    recoveryPoint,
    logStartOffset: undefined,
    clean: false,
    journal,
  });
  report.log.leaderEpoch = EPOCH;
  return report.log;
}

const text = new TextEncoder();

function records(count: number, timestampMs = 1000, valueBytes = 10) {
  return Array.from({ length: count }, (_, i) => ({
    timestampMs: timestampMs + i,
    key: text.encode(`k${i}`),
    value: new Uint8Array(valueBytes),
  }));
}

/** Admits a batch; what becomes of it shows in the promises. */
function admit(log: PartitionLog, count = 1, timestampMs = 1000, valueBytes = 10) {
  return log.append(buildBatch({ records: records(count, timestampMs, valueBytes) }), {
    origin: "client",
    leaderEpoch: EPOCH,
  });
}

/** Appends a batch and waits until it is kept. */
async function append(log: PartitionLog, count = 1, timestampMs = 1000, valueBytes = 10) {
  const appended = admit(log, count, timestampMs, valueBytes);
  await appended.durable;
  return appended;
}

function offsetsRead(bytes: Uint8Array | null): number[] {
  return bytes === null ? [] : [...batch.batches(bytes)].map((at) => batch.baseOffset(bytes, at));
}

const everything = { maxBytes: 1 << 20, bound: "hw", minOneBatch: true } as const;

Deno.test("await append() assigns offsets that strictly increase and stamps the leader epoch", async () => {
  const log = await newLog(setup(new MemoryStore()).context);
  assertEquals((await append(log, 3)).baseOffset, 0);
  const second = await append(log, 2);
  assertEquals([second.baseOffset, second.lastOffset, log.logEndOffset], [3, 4, 5]);
  const bytes = readNow(log, 0, everything)!;
  assertEquals(offsetsRead(bytes), [0, 3]);
  assertEquals(batch.partitionLeaderEpoch(bytes), EPOCH);
  assert(batch.isIntact(bytes));
});

Deno.test("await append() under another leader epoch is refused and writes nothing", async () => {
  const log = await newLog(setup(new MemoryStore()).context);
  const bytes = buildBatch({ records: records(1) });
  const refused = log.append(bytes, { origin: "client", leaderEpoch: EPOCH - 1 });
  assertEquals(refused.errorCode, ErrorCode.FENCED_LEADER_EPOCH);
  assertEquals([log.logEndOffset, log.size], [0, 0]);
});

Deno.test("a failed write takes back what was admitted, and the next append gets the same offset", async () => {
  using store = new FaultyStore(new MemoryStore());
  const { context, failures } = setup(store);
  const log = await newLog(context);
  await append(log);
  store.fail({ on: "append", pathEndsWith: ".log", how: "torn", kind: "noSpace" });
  const refused = admit(log);
  assertEquals([refused.baseOffset, log.logEndOffset], [1, 2]);
  await assertRejects(() => refused.written, StoreError);
  await assertRejects(() => refused.durable, StoreError);
  assertEquals([log.logEndOffset, log.highWatermark, failures.length], [1, 1, 1]);
  assertEquals((await append(log)).baseOffset, 1);
  assertEquals(offsetsRead(readNow(log, 0, everything)), [0, 1]);
});

Deno.test("a failed write takes back every segment and sequence that came after it", async () => {
  using store = new FaultyStore(new MemoryStore());
  const { context, clock } = setup(store);
  const log = await newLog(context, { "segment.bytes": 400 });
  const send = (baseSequence: number) =>
    log.append(
      buildBatch({
        records: records(1, clock.nowMs(), 300),
        producerId: 7,
        producerEpoch: 0,
        baseSequence,
      }),
      { origin: "client", leaderEpoch: EPOCH },
    );
  await send(0).durable;
  store.fail({ on: "append", pathEndsWith: "1.log" });
  const refused = [send(1), send(2), send(3)];
  assertEquals([log.segments.length, log.logEndOffset], [4, 4]);
  for (const { written } of refused) await assertRejects(() => written, StoreError);
  assertEquals([log.logEndOffset, log.segments.at(-1)!.size], [1, 0]);
  assertEquals(send(2).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  const again = send(1);
  await again.durable;
  assertEquals([again.baseOffset, offsetsRead(readNow(log, 0, everything))], [1, [0]]);
  assertEquals(offsetsRead(readNow(log, 1, everything)), [1]);
});

Deno.test("batches of one turn share a write, and large ones keep their order through the thread pool", async () => {
  const store = new FaultyStore(new MemoryStore());
  const log = await newLog(setup(store).context);
  const before = store.calls.get("append") ?? 0;
  await Promise.all(Array.from({ length: 20 }, () => admit(log).durable));
  assertEquals((store.calls.get("append") ?? 0) - before, 1);
  const sizes = [10, 90_000, 10, 200_000, 1_500_000, 10];
  await Promise.all(sizes.map((bytes) => admit(log, 1, 1000, bytes).durable));
  assertEquals(log.logEndOffset, 26);
  for (let offset = 20; offset < 26; offset++) {
    const found = readNow(log, offset, { ...everything, maxBytes: 1 })!;
    assertEquals(batch.baseOffset(found), offset);
    assert(batch.isIntact(found));
  }
});

Deno.test("under fsync nothing is visible before the sync, and everything after", async () => {
  const log = await newLog(setup(new MemoryStore(), "fsync").context);
  const appended = admit(log, 2);
  await appended.written;
  assertEquals(log.highWatermark, 0);
  assertEquals(readNow(log, 0, everything), null);
  await appended.durable;
  assertEquals([log.highWatermark, log.recoveryPoint], [2, 2]);
  assertEquals(offsetsRead(readNow(log, 0, everything)), [0]);
});

Deno.test("a failed fsync is reported once and never acknowledged", async () => {
  using store = new FaultyStore(new MemoryStore());
  const { context, failures } = setup(store, "fsync");
  const log = await newLog(context);
  store.fail({ on: "sync", pathEndsWith: ".log" });
  let acknowledged = false;
  admit(log).durable.then(() => acknowledged = true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals([failures.length, acknowledged, log.highWatermark], [1, false, 0]);
});

Deno.test("read() stops at maxBytes, but returns the first batch whole when asked to", async () => {
  const log = await newLog(setup(new MemoryStore()).context);
  for (let i = 0; i < 5; i++) await append(log, 1, 1000, 1000);
  const one = readNow(log, 0, { ...everything, maxBytes: 10 })!;
  assertEquals(offsetsRead(one), [0]);
  assertEquals(readNow(log, 0, { ...everything, maxBytes: 10, minOneBatch: false }), null);
  const two = readNow(log, 1, { ...everything, maxBytes: one.length * 2 + 5 });
  assertEquals(offsetsRead(two), [1, 2]);
});

Deno.test("read() starts with the batch that contains the offset", async () => {
  const log = await newLog(setup(new MemoryStore()).context);
  for (let i = 0; i < 3; i++) await append(log, 10);
  assertEquals(offsetsRead(readNow(log, 15, everything)), [10, 20]);
});

Deno.test("a sequence of reads over many segments and index entries sees every batch once", async () => {
  const log = await newLog(setup(new MemoryStore()).context, {
    "segment.bytes": 20_000,
    "index.interval.bytes": 500,
  });
  for (let i = 0; i < 300; i++) await append(log, 1 + i % 3, 1000, 300);
  assert(log.segments.length > 5, `${log.segments.length} segments`);
  let from = 0;
  while (from < log.logEndOffset) {
    const bytes = readNow(log, from, { ...everything, maxBytes: 4000 })!;
    for (const at of batch.batches(bytes)) {
      assertEquals(batch.baseOffset(bytes, at), from);
      from = batch.lastOffset(bytes, at) + 1;
    }
  }
  for (let offset = 0; offset < from; offset++) { // and every single offset is found
    const found = readNow(log, offset, { ...everything, maxBytes: 1 })!;
    assert(
      batch.baseOffset(found) <= offset && batch.lastOffset(found) >= offset,
      `offset ${offset}`,
    );
  }
});

Deno.test("the log rolls by size and by the records' own time", async () => {
  const log = await newLog(setup(new MemoryStore()).context, {
    "segment.bytes": 500,
    "segment.ms": 10_000,
  });
  await append(log, 1, 1000, 300);
  await append(log, 1, 1001, 300);
  assertEquals(log.segments.map((segment) => segment.baseOffset), [0, 1]);
  await append(log, 1, 20_000, 10);
  assertEquals(log.segments.map((segment) => segment.baseOffset), [0, 1, 2]);
});

Deno.test("search by time is exact to the record", async () => {
  const log = await newLog(setup(new MemoryStore()).context, {
    "segment.bytes": 2000,
    "index.interval.bytes": 100,
  });
  for (let i = 0; i < 40; i++) await append(log, 5, i * 100, 20);
  assertEquals(findByTimestamp(log, 1003, 1 << 20), {
    ...findByTimestamp(log, 1003, 1 << 20)!,
    offset: 53,
    timestampMs: 1003,
  });
  assertEquals(findByTimestamp(log, 1005, 1 << 20)!.offset, 55);
  assertEquals(findByTimestamp(log, 1_000_000, 1 << 20), null);
  assertEquals(findLargestTimestamp(log, 1 << 20)!.offset, 199);
});

Deno.test("retention drops whole segments by age and by size, and never the active one", async () => {
  const { context, clock } = setup(new MemoryStore());
  const start = clock.nowMs();
  const log = await newLog(context, { "segment.bytes": 1000, "retention.ms": 60_000 });
  for (let i = 0; i < 10; i++) await append(log, 1, start + i * 10_000, 700);
  clock.advance(105_000);
  const expired = expiredBefore(log, clock);
  assertEquals(expired, 5); // records at 0 to 40 s are older than a minute at 105 s
  log.advanceStart(expired);
  log.dropBeforeStart();
  assertEquals([log.logStartOffset, log.segments[0].baseOffset], [5, 5]);
  log.config = config({ "retention.ms": -1, "retention.bytes": 2000 });
  log.advanceStart(expiredBefore(log, clock));
  log.dropBeforeStart();
  assertEquals([log.logStartOffset, log.segments.length], [7, 3]);
});

Deno.test("a record from the future does not pin its segment, nor does it wipe the log", async () => {
  const { context, clock } = setup(new MemoryStore());
  const log = await newLog(context, { "segment.bytes": 1000, "retention.ms": 60_000 });
  await append(log, 1, clock.nowMs() + 1e12, 700);
  await append(log, 1, clock.nowMs(), 700);
  assertEquals(expiredBefore(log, clock), 0);
  clock.advance(120_000);
  assertEquals(expiredBefore(log, clock), 1);
});

Deno.test("an active segment that is too old is rolled, so that an idle topic empties", async () => {
  const { context, clock } = setup(new MemoryStore());
  const log = await newLog(context, { "retention.ms": 60_000 });
  await append(log, 3, clock.nowMs());
  assertEquals(isActiveExpired(log, clock), false);
  clock.advance(61_000);
  assertEquals(isActiveExpired(log, clock), true);
  log.roll();
  log.advanceStart(expiredBefore(log, clock));
  log.dropBeforeStart();
  assertEquals([log.logStartOffset, log.logEndOffset, log.size], [3, 3, 0]);
});

Deno.test("segment.jitter.ms closes segments earlier, those of one topic at different times", async () => {
  const { context, clock } = setup(new MemoryStore());
  const start = clock.nowMs();
  const rolledAfter = async (partition: number, jitterMs: number): Promise<number> => {
    const overrides = { "segment.ms": 100_000, "segment.jitter.ms": jitterMs };
    const log = await newLog(context, overrides, partition);
    for (let ms = 0;; ms += 1000) {
      await append(log, 1, start + ms);
      if (log.segments.length > 1) return ms;
    }
  };
  assertEquals(await rolledAfter(0, 0), 101_000);
  const rolls = await Promise.all(Array.from({ length: 50 }, (_, i) => rolledAfter(1 + i, 60_000)));
  assert(rolls.every((ms) => ms > 40_000 && ms <= 101_000), `${rolls}`);
  assert(new Set(rolls).size > 20, `they roll together: ${rolls}`);
  const mean = rolls.reduce((sum, ms) => sum + ms, 0) / rolls.length;
  assert(mean > 60_000 && mean < 82_000, `on average after ${mean} ms`);
});

/** Counts the syncs of segments. */
class SyncCounter extends FaultyStore {
  syncs = 0;
  override strike(on: Operation, path: string): Fault["how"] | null {
    if (on === "sync" && path.endsWith(".log")) this.syncs++;
    return super.strike(on, path);
  }
}

Deno.test("flush.messages syncs a log when so many records are not, and the last of them waits for that", async () => {
  const store = new SyncCounter(new MemoryStore());
  const { context, failures } = setup(store);
  const log = await newLog(context, { "flush.messages": 3 });
  await append(log, 2);
  assertEquals(store.syncs, 0);
  await append(log, 1);
  assertEquals([store.syncs, log.recoveryPoint, log.highWatermark], [1, 3, 3]);
  await append(log, 2);
  assertEquals([store.syncs, log.recoveryPoint], [1, 3]);
  for (let i = 0; i < 10; i++) await append(log, 3);
  assertEquals([log.recoveryPoint, log.logEndOffset - log.recoveryPoint < 3], [
    log.recoveryPoint,
    true,
  ]);
  log.config = config(); // and no more from here on
  const before = store.syncs;
  for (let i = 0; i < 10; i++) await append(log, 3);
  assertEquals([store.syncs, failures], [before, []]);
});

Deno.test("a sync for flush.messages that fails acknowledges nothing", async () => {
  const store = new FaultyStore(new MemoryStore());
  const { context, failures } = setup(store);
  const log = await newLog(context, { "flush.messages": 1 });
  store.fail({ on: "sync", pathEndsWith: ".log" });
  const answer = log.append(
    buildBatch({ records: [{ timestampMs: 1, value: new Uint8Array(1) }] }),
    {
      origin: "client",
      leaderEpoch: EPOCH,
    },
  );
  let isAnswered = false;
  answer.durable!.then(() => isAnswered = true, () => {});
  for (let i = 0; i < 20; i++) await Promise.resolve();
  assertEquals([isAnswered, log.highWatermark, failures.length], [false, 0, 1]);
});

Deno.test("flush.ms syncs what is older, and nobody waits for that", async () => {
  const store = new SyncCounter(new MemoryStore());
  const due: [number, () => void][] = [];
  const timers = {
    after(ms: number, work: () => void) {
      due.push([ms, work]);
      return () => {};
    },
  };
  const { context } = setup(store);
  const log = await newLog({ ...context, timers }, { "flush.ms": 500 });
  await append(log, 2);
  await append(log, 2);
  assertEquals([store.syncs, due.map(([ms]) => ms)], [0, [500]]);
  due.shift()![1]();
  while (log.recoveryPoint < 4) await new Promise((resolve) => setTimeout(resolve));
  assertEquals([store.syncs, due.length], [1, 0]);
  await append(log, 1);
  assertEquals(due.length, 1);
});

Deno.test("a torn tail is cut, what is before it stays, and the log goes on", async () => {
  const store = new MemoryStore();
  const log = await newLog(setup(store).context);
  for (let i = 0; i < 4; i++) await append(log);
  const blob = store.open("t-0/00000000000000000000.log");
  blob.truncate(blob.size - 7);
  const again = await reopen(setup(store).context);
  assertEquals([again.logEndOffset, again.offline], [3, null]);
  assertEquals((await append(again)).baseOffset, 3);
  assertEquals(offsetsRead(readNow(again, 0, everything)), [0, 1, 2, 3]);
});

Deno.test("damage with valid batches behind it takes the partition offline and keeps the bytes", async () => {
  const store = new MemoryStore();
  const log = await newLog(setup(store).context);
  for (let i = 0; i < 4; i++) await append(log);
  const path = "t-0/00000000000000000000.log";
  const bytes = store.readAll(path)!;
  bytes[bytes.length / 4 + 70] ^= 1;
  await store.replace(path, bytes);
  const again = await reopen(setup(store).context);
  assert(again.offline?.includes("lies behind it"), String(again.offline));
  assertEquals((await append(again)).errorCode, ErrorCode.KAFKA_STORAGE_ERROR);
  assertEquals(store.readAll(path), bytes);
});

Deno.test("a log that ends below its recovery point is offline: synced records are missing", async () => {
  const store = new MemoryStore();
  const log = await newLog(setup(store).context);
  for (let i = 0; i < 4; i++) await append(log);
  const blob = store.open("t-0/00000000000000000000.log");
  blob.truncate(blob.size / 2);
  const again = await reopen(setup(store).context, 4);
  assert(again.offline?.includes("synced up to 4"), String(again.offline));
});

Deno.test("missing and corrupt indexes are rebuilt by an unclean start", async () => {
  const store = new MemoryStore();
  const log = await newLog(setup(store).context, { "index.interval.bytes": 100 });
  for (let i = 0; i < 50; i++) await append(log);
  await log.close();
  const index = "t-0/00000000000000000000.index";
  await store.replace(index, new Uint8Array(13).fill(255));
  store.remove("t-0/00000000000000000000.timeindex");
  const again = await reopen(setup(store).context);
  assertEquals(again.logEndOffset, 50);
  for (let offset = 0; offset < 50; offset++) {
    assertEquals(offsetsRead(readNow(again, offset, { ...everything, maxBytes: 1 })), [offset]);
  }
  assertEquals(findByTimestamp(again, 1000, 1 << 20)!.offset, 0);
});

Deno.test("an idempotent retry gets its first offset, and does so after a restart", async () => {
  const store = new MemoryStore();
  const { context, clock } = setup(store);
  const log = await newLog(context);
  const send = (to: PartitionLog, baseSequence: number) =>
    to.append(
      buildBatch({
        records: records(2, clock.nowMs()),
        producerId: 7,
        producerEpoch: 0,
        baseSequence,
      }),
      { origin: "client", leaderEpoch: EPOCH },
    );
  assertEquals(send(log, 0).baseOffset, 0);
  assertEquals(send(log, 2).baseOffset, 2);
  const retry = send(log, 0);
  await retry.durable;
  assertEquals([retry.baseOffset, log.logEndOffset, log.highWatermark], [0, 4, 4]);
  assertEquals(send(log, 9).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  const again = await reopen(setup(store).context);
  assertEquals([send(again, 2).baseOffset, again.logEndOffset], [2, 4]);
  assertEquals(send(again, 4).baseOffset, 4);
});

Deno.test("a round of several logs is kept by the journal's one sync, and survives power loss", async () => {
  const store = new FaultyStore(new MemoryStore());
  const journal = Journal.open({ store, fileBytes: 1 << 20, onFailure: fail });
  await store.syncFolder("");
  const { context } = setup(store, "fsync", journal);
  const logs = [await newLog(context, {}, 0), await newLog(context, {}, 1)];
  for (const log of logs) await store.syncFolder(log.folder);
  for (let round = 0; round < 3; round++) {
    await Promise.all(logs.map((log) => admit(log, 2).durable));
  }
  assertEquals(logs.map((log) => log.highWatermark), [6, 6]);
  assertEquals(logs.map((log) => log.recoveryPoint), [0, 0]); // their own files were not synced
  const disk = await store.crash({ unsynced: "lost", names: "kept" });
  for (const partition of [0, 1]) {
    const again = await reopen(setup(disk).context, 0, partition);
    assertEquals([again.logEndOffset, again.offline], [6, null]);
    assertEquals(offsetsRead(readNow(again, 0, everything)), [0, 2, 4]);
  }
});

Deno.test("a round begins beside the last one, and is kept after it", async () => {
  const store = new FaultyStore(new MemoryStore());
  const gates: (() => void)[] = [];
  const syncs = { most: 0, now: 0 };
  const slow = new class extends MemoryStore {
    override openInPlace(path: string): InPlaceBlob {
      const blob = store.openInPlace(path);
      const sync = async () => {
        syncs.most = Math.max(syncs.most, ++syncs.now);
        await new Promise<void>((resolve) => gates.push(resolve));
        await blob.sync();
        syncs.now--;
      };
      return {
        path,
        write: (position, bytes) => blob.write(position, bytes),
        sync,
        syncInPlace: sync,
        close: () => blob.close(),
      };
    }
  }();
  const journal = Journal.open({ store: slow, fileBytes: 1 << 20, onFailure: fail });
  const begun = journal.begin();
  await ticks();
  gates.shift()!();
  await begun;
  const { context } = setup(store, "fsync", journal);
  const log = await newLog(context);
  await Promise.all([store.syncFolder(""), store.syncFolder(log.folder)]);
  const kept: number[] = [];
  for (const [i, bytes] of [100, 70_000, 70_000].entries()) {
    admit(log, 1, 1000, bytes).durable.then(() => kept.push(i));
    await ticks();
  }
  assertEquals([syncs.most, gates.length], [2, 2]); // and the third waits
  gates[1](); // the second sync ends first: what came before it is not kept yet, by name
  await ticks();
  assertEquals([kept, log.highWatermark], [[], 0]);
  gates[0]();
  await ticks();
  assertEquals([kept, log.highWatermark, gates.length], [[0, 1], 2, 3]);
  const disk = await store.crash({ unsynced: "lost", names: "kept" });
  assertEquals(readJournal(disk).entries.map(({ payload }) => batch.baseOffset(payload)), [0, 1]);
  const again = await reopen(setup(disk).context, 0);
  assertEquals(offsetsRead(readNow(again, 0, everything)), [0, 1]);
  gates[2]();
  await ticks();
  assertEquals(kept, [0, 1, 2]);
});

Deno.test("while a round waits for a journal file none begins beside it", async () => {
  const gate = Promise.withResolvers<void>();
  const store = new class extends FaultyStore {
    override open(path: string): Blob {
      const blob = super.open(path), sync = blob.sync.bind(blob);
      if (path.endsWith(".log")) blob.sync = () => sync().then(() => gate.promise);
      return blob;
    }
  }(new MemoryStore());
  const journal = Journal.open({ store, fileBytes: 4096, onFailure: fail });
  const { context } = setup(store, "fsync", journal, 1);
  const full = await newLog(context, {}, 0), other = await newLog(context, {}, 1);
  for (const folder of ["", full.folder, other.folder]) await store.syncFolder(folder);
  const send = async (log: PartitionLog) => {
    admit(log, 1, 1000, 200);
    await ticks();
  };
  // Both files take 10 such rounds beside their heads; the 21st waits for the first file to be emptied.
  for (let i = 0; i < 20; i++) await send(full);
  assertEquals([journal.isWaiting, full.highWatermark], [false, 20]);
  for (let i = 0; i < 3; i++) await send(other);
  assertEquals([journal.isWaiting, other.highWatermark], [true, 0]);
  gate.resolve();
  for (let i = 0; i < 4; i++) await ticks();
  assertEquals(other.highWatermark, 3);
  const disk = await store.crash({ unsynced: "lost", names: "kept" });
  const again = await reopen(setup(disk).context, 0, 1);
  assertEquals(offsetsRead(readNow(again, 0, everything)), [0, 1, 2]);
});

Deno.test("a write that a sync has overtaken before it was told of is acknowledged", async () => {
  const store = new MemoryStore();
  const journal = Journal.open({ store, fileBytes: 1 << 20, onFailure: fail });
  const { context } = setup(store, "fsync", journal);
  const log = await newLog(context);
  await append(log);
  const active = log.segments.at(-1)!.log;
  const told = Promise.withResolvers<void>();
  active.appendAsync = async (bytes) => {
    active.append(bytes);
    await told.promise;
  };
  const { durable } = admit(log, 1, 1000, 300 << 10);
  await ticks();
  await log.sync();
  assertEquals(log.highWatermark, 1);
  told.resolve();
  await durable;
  assertEquals(log.highWatermark, 2);
});

Deno.test("the journal takes turns between its files without losing what it keeps", async () => {
  const store = new FaultyStore(new MemoryStore());
  const journal = Journal.open({ store, fileBytes: 4096, onFailure: fail });
  await store.syncFolder("");
  const { context } = setup(store, "fsync", journal);
  const logs = [await newLog(context, {}, 0), await newLog(context, {}, 1)];
  for (let round = 0; round < 60; round++) {
    await Promise.all(logs.map((log) => admit(log, 1, 1000, 40).durable));
    if (round % 7 !== 0) continue;
    const disk = await store.crash({ unsynced: "lost", names: "kept" });
    for (const partition of [0, 1]) {
      const again = await reopen(setup(disk).context, 0, partition);
      assertEquals(again.logEndOffset, round + 1, `partition ${partition} after round ${round}`);
    }
  }
});

Deno.test("a read that the device fails gives its memory back", async () => {
  using store = new FaultyStore(new MemoryStore());
  const { context } = setup(store);
  const log = await newLog(context);
  await append(log);
  store.fail({ on: "read", pathEndsWith: ".log" });
  assertThrows(() => readNow(log, 0, everything), StoreError);
  assertEquals(context.pool.lentBytes, 0);
  assertEquals(offsetsRead(readNow(log, 0, everything)), [0]);
});

Deno.test("a read of a deleted topic's log wakes its waiters and refuses appends", async () => {
  const log = await newLog(setup(new MemoryStore()).context);
  let woken = 0;
  log.addWaiter({ wake: () => woken++ });
  await append(log);
  log.retire("the topic was deleted");
  assertEquals([woken, (await append(log)).errorCode], [2, ErrorCode.KAFKA_STORAGE_ERROR]);
});

Deno.test("a store that cannot write the snapshot is told of, and the log goes on", async () => {
  using store = new FaultyStore(new MemoryStore());
  const { context, failures } = setup(store);
  const log = await newLog(context);
  await append(log);
  store.fail({ on: "replace", pathEndsWith: ".snapshot" });
  log.roll();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals((failures[0] as { event: string }).event, "snapshot_failed");
  assertEquals((await append(log)).baseOffset, 1);
});

async function ticks(): Promise<void> {
  for (let i = 0; i < 50; i++) await null;
}

function fail(error: unknown): never {
  throw error;
}

Deno.test("await sync() of a log that is deleted meanwhile owes its old folder nothing", async () => {
  const store = new MemoryStore();
  const log = await newLog(setup(store).context);
  admit(log).durable.catch(() => {});
  const syncing = log.sync();
  await null; // it has begun
  log.retire("the topic was deleted");
  store.rename(log.folder, `${log.folder}.0-delete`);
  await syncing;
});

Deno.test("an append that finds no descriptor for an index has done nothing", async () => {
  const frequent = config({ "index.interval.bytes": 10 });
  for (let nth = 1; nth <= 12; nth++) {
    const memory = new MemoryStore();
    const written = await newLog(setup(memory).context, frequent);
    for (let i = 0; i < 5; i++) await append(written, 1, 1000 + i);
    await written.close();
    const store = new FaultyStore(memory), ref = { topicId: TOPIC_ID, topic: "t", partition: 0 };
    const { log } = await openLog(setup(store).context, ref, frequent, {
      recoveryPoint: 5,
      logStartOffset: 0,
      clean: true,
      journal: [],
    });
    log.leaderEpoch = EPOCH;
    store.fail({ on: "open", nth });
    const first = admit(log, 1, 2000);
    store.heal();
    const second = await append(log, 1, 3000);
    const isDone = first.errorCode === ErrorCode.NONE;
    assertEquals(second.errorCode, ErrorCode.NONE, `open ${nth}`);
    assertEquals([second.baseOffset, log.logEndOffset], isDone ? [6, 7] : [5, 6], `open ${nth}`);
  }
});

Deno.test("a retry of what a start found and has not synced is acknowledged when it is on the device", async () => {
  const memory = new MemoryStore();
  const retried = () =>
    buildBatch({
      records: records(1, 1_700_000_000_000),
      producerId: 7,
      producerEpoch: 0,
      baseSequence: 0,
    });
  const options = { origin: "client", leaderEpoch: EPOCH } as const;
  const written = await newLog(setup(memory).context);
  await written.append(retried(), options).durable;
  await written.close();
  const store = new FaultyStore(memory);
  const state = { segments: [0], logStartOffset: 0, logEndOffset: 1, recoveryPoint: 0 };
  const ref = { topicId: TOPIC_ID, topic: "t", partition: 0 };
  const log = new PartitionLog(setup(store, "fsync").context, { ...ref, ...state }, config());
  log.leaderEpoch = EPOCH;
  const { errorCode, baseOffset, durable } = log.append(retried(), options);
  assertEquals([errorCode, baseOffset, log.highWatermark], [ErrorCode.NONE, 0, 0]);
  await durable;
  assertEquals([log.highWatermark, log.recoveryPoint], [1, 1]);
});

Deno.test("an index entry of a batch that is not written yet is no damage", async () => {
  const memory = new MemoryStore(), frequent = config({ "index.interval.bytes": 10 });
  const before = await newLog(setup(memory).context, frequent);
  await append(before);
  await append(before);
  await before.close();
  const ref = { topicId: TOPIC_ID, topic: "t", partition: 0 };
  const clean = { recoveryPoint: 2, logStartOffset: 0, clean: true, journal: [] };
  const { context, failures } = setup(memory);
  const { log } = await openLog(context, ref, frequent, clean);
  log.leaderEpoch = EPOCH;
  const { durable } = admit(log);
  const position = log.segments[0].positionOf(3);
  assertEquals([position > 0, failures], [true, []]);
  await durable;
});
