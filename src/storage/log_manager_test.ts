/**
 * Proves what a start makes of logs: opened against what was written down of them, at first use and without reading more
 * than that takes; one that the store fails is offline alone, and heals; nothing of one topic id passes to another.
 */
import { createAll } from "../testing/created_logs.ts";
import { assert, assertEquals } from "@std/assert";
import { BufferPool } from "../bytes/pool.ts";
import { randomUuid, type Uuid } from "../bytes/uuid.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { topicConfigDefaults } from "../config/topic_configs.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { type Fault, FaultyStore, type Operation } from "../testing/faulty_store.ts";
import { MemoryStore } from "./backends/memory_store.ts";
import {
  CLEANER_CHECKPOINT,
  readCheckpoint,
  RECOVERY_POINT_CHECKPOINT,
  writeCheckpoint,
} from "./directory/checkpoints.ts";
import { GroupCommit } from "./durability/group_commit.ts";
import {
  type Inventory,
  INVENTORY_FILE,
  readInventory,
  writeInventory,
} from "./directory/inventory.ts";
import { LogManager, type LogManagerOptions } from "./log_manager.ts";
import type { WantedLog } from "./opening.ts";
import type { PartitionLog } from "./log/partition_log.ts";
import { segmentName } from "./segments/segment.ts";
import { DEFAULT_PRODUCER_LIMITS } from "./producers/producer_state.ts";
import type { Store } from "./store.ts";

const T = randomUuid();

interface Run {
  readonly logs: LogManager;
  readonly warnings: Record<string, unknown>[];
}

function wanted(topicId: Uuid = T, more: Partial<WantedLog> = {}): WantedLog {
  const config = { ...topicConfigDefaults(), "segment.bytes": 700, "file.delete.delay.ms": 0 };
  return { topicId, topic: "t", partition: 0, leaderEpoch: 0, config, ...more };
}

async function open(
  store: Store,
  options: Partial<LogManagerOptions> = {},
  all: readonly WantedLog[] = [wanted()],
): Promise<Run> {
  const warnings: Record<string, unknown>[] = [];
  const fail = (error: unknown) => {
    throw error;
  };
  const logs = new LogManager({
    context: {
      store,
      clock: new FakeClock(),
      pool: new BufferPool({ keepBytes: 1 << 20 }),
      producers: DEFAULT_PRODUCER_LIMITS,
      commit: new GroupCommit({ policy: "fsync", intervalMs: 0, journal: null, onFailure: fail }),
      onProblem: () => {},
    },
    cleanStart: true,
    journal: [],
    checkpointIntervalMs: 1 << 30,
    retentionIntervalMs: 1 << 30,
    onEvent: () => {},
    onWarning: (event, details) => void warnings.push({ event, ...details }),
    ...options,
  });
  await logs.open(all);
  return { logs, warnings };
}

async function fill(log: PartitionLog, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const records = [{ timestampMs: 1000, value: new Uint8Array(50) }];
    await log.append(buildBatch({ records }), { origin: "client", leaderEpoch: log.leaderEpoch })
      .durable;
  }
}

/** A store with a topic of 30 records that was stopped cleanly. */
async function stopped(): Promise<MemoryStore> {
  const store = new MemoryStore();
  const { logs } = await open(store);
  await fill(logs.get(T, 0)!, 30);
  await logs.close();
  return store;
}

/** Notes which segments are read. */
class WatchedStore extends FaultyStore {
  readonly read: string[] = [];

  override strike(on: Operation, path: string): Fault["how"] | null {
    if (on === "read" && path.endsWith(".log")) this.read.push(path);
    return super.strike(on, path);
  }
}

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 3000 && !what(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert(what(), "not within 30 s");
}

Deno.test("after a clean stop a start reads no log, and the first look at one reads the heads of its segments and its last batch", async () => {
  const store = new WatchedStore(await stopped());
  const { logs, warnings } = await open(store);
  assertEquals(store.read, []);
  const log = logs.get(T, 0)!;
  assertEquals([log.logEndOffset, log.highWatermark, log.recoveryPoint], [30, 30, 30]);
  const paths = log.segments.map(({ baseOffset }) => `t-0/${segmentName(baseOffset)}.log`);
  assertEquals(store.read, [...paths, paths.at(-1)!]);
  assertEquals(warnings, []);
  await logs.close();
});

Deno.test("logs that nobody asks for are opened after a while", async () => {
  const { logs } = await open(await stopped());
  await until(() => [...logs.all()].length === 1);
  await logs.close();
});

Deno.test("a log that was not opened in a run is as well known as before, and after a crash too", async () => {
  const store = await stopped();
  const before = readInventory(store) as Inventory;
  const { logs } = await open(store);
  await logs.close();
  assertEquals(readInventory(store), before);
  assertEquals(before.isClean, true);
  await open(store).then(({ logs }) => {
    const running = readInventory(store) as Inventory;
    assertEquals([running.isClean, running.logs[0].isExact], [false, false]);
    return logs.close();
  });
});

Deno.test("what another broker wrote down is not believed", async () => {
  const store = await stopped();
  const { logs, warnings } = await open(store, { brokerEpoch: 9, lastBrokerEpoch: 5 });
  assertEquals(warnings.map(({ event }) => event), ["inventory_ignored"]);
  assertEquals((await logs.ready(T, 0))!.logEndOffset, 30);
  await logs.close();
  assertEquals((readInventory(store) as Inventory).brokerEpoch, 9);
});

Deno.test("a log that the store fails is offline alone, says why, and is opened when the store is well again", async () => {
  const memory = await stopped();
  const other = randomUuid();
  const both = [wanted(), wanted(other, { topic: "u" })];
  const store = new FaultyStore(memory);
  const { logs, warnings } = await open(store, {}, both);
  store.fail({ on: "read" });
  assertEquals(logs.get(T, 0), undefined);
  assert(logs.offlineReason(T, 0)!.includes("injected fault"), "it says why");
  assertEquals([...logs.offline()].map(({ topic }) => topic), ["t"]);
  assertEquals(logs.isSound, false);
  await fill(logs.get(other, 0)!, 1);
  assertEquals(warnings.length, 1);
  await until(() => logs.get(T, 0) !== undefined);
  assertEquals([logs.get(T, 0)!.logEndOffset, logs.offlineReason(T, 0)], [30, null]);
  await logs.close();
});

Deno.test("while nothing is known of a log no file is written that takes a log without a row for a new one", async () => {
  const memory = await stopped();
  memory.remove(INVENTORY_FILE);
  memory.remove(RECOVERY_POINT_CHECKPOINT);
  const store = new FaultyStore(memory);
  store.fail({ on: "open", pathEndsWith: ".log", nth: 1 });
  const { logs } = await open(store, { cleanStart: false });
  assertEquals(logs.get(T, 0), undefined);
  await logs.checkpoint();
  assertEquals(readInventory(memory), null);
  assertEquals(memory.readAll(RECOVERY_POINT_CHECKPOINT), null);
  await until(() => logs.get(T, 0) !== undefined);
  await logs.checkpoint();
  assertEquals(
    (readInventory(memory) as Inventory).logs.map(({ recoveryPoint }) => recoveryPoint),
    [30],
  );
  assertEquals(readCheckpoint(memory, RECOVERY_POINT_CHECKPOINT).map(({ offset }) => offset), [30]);
  await logs.close();
});

Deno.test("a topic that cannot be made is made when the store is well again", async () => {
  const store = new FaultyStore(new MemoryStore()), online: string[] = [];
  const onOnline = ({ folder }: PartitionLog) => online.push(folder);
  const { logs, warnings } = await open(store, { onOnline }, []);
  store.fail({ on: "open" });
  createAll(logs, [wanted(), wanted(randomUuid(), { topic: "u" })]);
  assertEquals([logs.get(T, 0), online], [undefined, []]);
  await until(() => logs.get(T, 0) !== undefined);
  assertEquals(online, ["t-0"], "who was told that it is offline is told that it serves");
  const events = ["partition_not_opened", "partition_online"]; // nothing is damaged, and nobody need repair it
  assertEquals(warnings.map(({ event }) => event), events);
  await fill(logs.get(T, 0)!, 3);
  await logs.close();
});

Deno.test("a topic made again inherits no position of the cleaner, whatever is written where", async () => {
  const store = await stopped();
  {
    const { logs } = await open(store);
    logs.positions.set(logs.get(T, 0)!, 20);
    await logs.checkpoint();
    assertEquals(readCheckpoint(store, CLEANER_CHECKPOINT).map(({ offset }) => offset), [20]);
    await logs.close();
  }
  {
    const { logs } = await open(store);
    assertEquals(logs.positions.compactedTo(logs.get(T, 0)!), 20); // kept over a stop
    await logs.remove([T]);
    assertEquals(readCheckpoint(store, CLEANER_CHECKPOINT), []);
    assertEquals((readInventory(store) as Inventory).logs, []);
    await logs.close();
  }
  await writeCheckpoint(store, CLEANER_CHECKPOINT, [{ topic: "t", partition: 0, offset: 20 }]);
  const next = randomUuid();
  const { logs } = await open(store, {}, [wanted(next)]);
  await fill(logs.get(next, 0)!, 30);
  assertEquals(logs.positions.compactedTo(logs.get(next, 0)!), undefined);
  await logs.close();
});

Deno.test("a position of the cleaner above the log end is forgotten, with both values", async () => {
  const store = await stopped();
  const inventory = readInventory(store) as Inventory;
  const [log] = inventory.logs;
  await writeInventory(store, { ...inventory, logs: [{ ...log, compactedTo: 31 }] });
  const { logs, warnings } = await open(store);
  assertEquals(logs.positions.compactedTo(logs.get(T, 0)!), undefined);
  assertEquals(warnings.map(({ found }) => found), [
    "compacted up to 31, above the log end 30: forgotten",
  ]);
  await logs.close();
});

Deno.test("segments go only after the new log start is on the device", async () => {
  const store = await stopped();
  const { logs } = await open(store);
  const log = logs.get(T, 0)!, count = log.segments.length;
  log.advanceStart(20);
  assertEquals(log.segments.length, count);
  await logs.checkpoint();
  assert(log.segments.length < count && log.segments[0].baseOffset <= 20);
  assertEquals((readInventory(store) as Inventory).logs[0].logStartOffset, 20);
  await logs.close();
});

Deno.test("a start that cannot write its inventory leaves none that is not true any more", async () => {
  const memory = await stopped();
  const store = new FaultyStore(memory);
  store.fail({ on: "replace", kind: "noSpace" });
  const { logs, warnings } = await open(store);
  assertEquals(warnings.map(({ event }) => event), ["checkpoint_failed"]);
  assertEquals(memory.readAll(INVENTORY_FILE), null);
  await fill(logs.get(T, 0)!, 1);
  await logs.close();
  assertEquals((readInventory(memory) as Inventory).logs[0].endOffset, 31);
});

Deno.test("after an unclean stop a recovery point that was written down is begun at, and the rest of the log is not read", async () => {
  const store = await stopped();
  const { logs } = await open(store, { cleanStart: false });
  assertEquals(logs.get(T, 0)!.logEndOffset, 30);
  await logs.checkpoint();
  const last = `t-0/${segmentName(logs.get(T, 0)!.segments.at(-1)!.baseOffset)}.log`;
  const crashed = new WatchedStore(store); // as the first broker leaves it
  const again = await open(crashed, { cleanStart: false });
  assertEquals((await again.logs.ready(T, 0))!.logEndOffset, 30);
  const others = crashed.read.filter((path) => path !== last);
  assertEquals(
    others.length,
    new Set(others).size,
    "no more than a header of each, which says that it is the same",
  );
  assert(crashed.read.includes(last));
  await again.logs.close();
  await logs.close();
});

Deno.test("no batch has the leader epoch that a start begins: one that seems to is put right", async () => {
  const store = new MemoryStore();
  const killed = await open(store);
  await fill(killed.logs.get(T, 0)!, 30);
  await killed.logs.checkpoint();
  const path = `t-0/${segmentName(25)}.log`, whole = store.readAll(path)!.slice();
  const bytes = whole.slice();
  bytes[bytes.length * 4 / 5 + 15] ^= 1; // of the last batch: 0 becomes 1
  await store.replace(path, bytes);
  const led = { leaderEpoch: 1, lastLeaderEpoch: 0 };
  const { logs, warnings } = await open(store, { cleanStart: false }, [wanted(T, led)]);
  const log = (await logs.ready(T, 0))!;
  assertEquals([log.logEndOffset, store.readAll(path)], [30, whole]);
  assert(warnings.some(({ found }) => String(found).includes("had leader epoch 1")));
  assertEquals(log.epochs.entries, [{ epoch: 0, startOffset: 0 }, { epoch: 1, startOffset: 30 }]);
  await logs.close();
  await killed.logs.close();
});

Deno.test("a folder of another topic id is offline, and stays when the topic is deleted", async () => {
  const store = await stopped(), next = randomUuid();
  const { logs, warnings } = await open(store, {}, [wanted(next)]);
  assertEquals([await logs.ready(next, 0), logs.isSound], [undefined, false]);
  assert(logs.offlineReason(next, 0)!.includes(T), "it says whose it is");
  assertEquals(warnings.map(({ event }) => event), ["partition_offline"]);
  await logs.remove([next]);
  assertEquals(logs.offlineReason(next, 0), null);
  assert(store.list("t-0").length > 3, "its files are there");
  await logs.close();
});

Deno.test("a folder of a deleted topic goes, and the topic of its name begins empty", async () => {
  const store = await stopped(), next = randomUuid();
  const { logs } = await open(store, { wasDeleted: (id) => id === T }, [wanted(next)]);
  assertEquals((await logs.ready(next, 0))!.logEndOffset, 0);
  await until(() => store.list("").filter(({ name }) => name.startsWith("t-0")).length === 1);
  await fill(logs.get(next, 0)!, 2);
  await logs.close();
});

for (const clean of [true, false]) {
  Deno.test(`an old partition.metadata is no order to remove the log, ${clean ? "stopped" : "killed"}`, async () => {
    const old = randomUuid(), memory = new MemoryStore();
    const { logs: first } = await open(memory, { cleanStart: false });
    await fill(first.get(T, 0)!, 30);
    if (clean) await first.close();
    else await first.checkpoint();
    await putBack(memory, old);
    const options = { cleanStart: clean, wasDeleted: (id: Uuid) => id === old };
    const { logs, warnings } = await open(memory, options);
    assertEquals((await logs.ready(T, 0))?.logEndOffset, 30);
    assertEquals(warnings.map(({ event }) => event), ["log_healed"]);
    await logs.close();
  });
}

async function putBack(store: Store, topicId: Uuid): Promise<void> {
  const text = new TextEncoder().encode(`version: 0\ntopic_id: ${topicId}`);
  await store.replace("t-0/partition.metadata", text);
}

Deno.test("an old partition.metadata where nothing else tells whose the log is keeps it, offline, if the journal knows it", async () => {
  const old = randomUuid(), memory = await stopped();
  const inventory = readInventory(memory) as Inventory;
  await writeInventory(memory, { ...inventory, logs: [] });
  await putBack(memory, old);
  const entry = {
    topicId: T,
    folder: "t-0",
    segmentBase: 0,
    position: 0,
    payload: new Uint8Array(9),
  };
  const options = { cleanStart: false, wasDeleted: (id: Uuid) => id === old };
  // deno-lint-ignore no-explicit-any -- as much of an entry as tells whose it is
  const { logs } = await open(memory, { ...options, journal: [entry as any] });
  assertEquals(await logs.ready(T, 0), undefined);
  assert(logs.offlineReason(T, 0)!.includes(old), "it says whose it seems to be");
  assert(memory.list("t-0").length > 3, "its files are there");
  await logs.close();
});

Deno.test("a log made since the inventory was written does not begin above 0", async () => {
  const memory = await stopped();
  const inventory = readInventory(memory) as Inventory;
  await writeInventory(memory, { ...inventory, logs: [] });
  const bases = memory.list("t-0").filter(({ name }) => name.endsWith(".log"));
  assert(bases.length > 2);
  memory.remove(`t-0/${bases[0].name}`);
  const { logs } = await open(memory, { cleanStart: false });
  await logs.ready(T, 0);
  assert(logs.offlineReason(T, 0)!.includes("its start is 0"), logs.offlineReason(T, 0)!);
  await logs.close();
});

Deno.test("no log of a deleted topic is opened while another of it ends", async () => {
  const memory = new MemoryStore(), both = [wanted(), wanted(T, { partition: 1 })];
  const { logs: first } = await open(memory, {}, both);
  for (const partition of [0, 1]) await fill(first.get(T, partition)!, 3);
  await first.close();
  const { logs } = await open(memory, {}, both);
  const log = logs.get(T, 0)!, gone = log.gone.bind(log);
  log.gone = async () => {
    await gone();
    logs.get(T, 1); // asked for meanwhile, as a leisurely start does too
    await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await logs.remove([T]);
  assertEquals([...logs.all()].map(({ folder }) => folder), []);
  const left = memory.list("").map(({ name }) => name).filter((name) => /^t-\d+$/.test(name));
  assertEquals(left, []);
  await logs.close();
});

Deno.test("what a pass of the cleaner that was cut off has compacted is known over stops, whatever becomes of the policy", async () => {
  const memory = await stopped();
  const { logs } = await open(memory);
  logs.positions.begin(logs.get(T, 0)!, 20);
  await logs.close();
  for (let i = 0; i < 2; i++) {
    const { logs } = await open(memory);
    assertEquals([logs.get(T, 0)!.mayHaveGaps, logs.positions.compactingTo(logs.get(T, 0)!)], [
      true,
      20,
    ]);
    await logs.close();
  }
});

Deno.test("a stop is not clean while a log that ended half-way owes its file what the journal has", async () => {
  const { logs } = await open(new MemoryStore());
  createAll(logs, [wanted()]);
  const log = logs.get(T, 0)!;
  await fill(log, 3);
  log.append(buildBatch({ records: [{ timestampMs: 1000, value: new Uint8Array(50) }] }), {
    origin: "client",
    leaderEpoch: log.leaderEpoch,
  }).durable.catch(() => {});
  log.retire("half of its segments are renamed");
  await logs.close();
  assertEquals(logs.isSound, false);
});

Deno.test("many logs are recovered a few at a time, also when all are asked for at once", async () => {
  const store = new MemoryStore(), ids = Array.from({ length: 40 }, () => randomUuid());
  const all = ids.map((id, i) => wanted(id, { topic: `t${i}` }));
  const first = await open(store, {}, all);
  for (const id of ids) await fill(first.logs.get(id, 0)!, 3);
  await first.logs.checkpoint();
  const again = await open(store, { cleanStart: false }, all);
  const opened = await Promise.all(ids.map((id) => again.logs.ready(id, 0)));
  assertEquals(new Set(opened.map((log) => log?.logEndOffset)), new Set([3]));
  await again.logs.close();
  await first.logs.close();
});

Deno.test("deleting a topic works on a full disk", async () => {
  const store = new FaultyStore(await stopped());
  const { logs, warnings } = await open(store);
  await fill(logs.get(T, 0)!, 1);
  store.fail({ on: "replace", kind: "noSpace", forever: true });
  await logs.remove([T]);
  assertEquals(warnings.map(({ event }) => event), ["checkpoint_failed"]);
  assertEquals([logs.get(T, 0), store.list("t-0")], [undefined, []]);
  await logs.close().catch(() => {}); // there is no room for that either
});

Deno.test("folders of two partitions of a topic that were swapped are told apart, though they look the same", async () => {
  const store = new MemoryStore(), both = [wanted(), wanted(T, { partition: 1 })];
  const first = await open(store, {}, both);
  for (const partition of [0, 1]) {
    const log = first.logs.get(T, partition)!;
    const records = [{ timestampMs: 1000, value: new Uint8Array(50).fill(partition) }];
    await log.append(buildBatch({ records }), { origin: "client", leaderEpoch: 0 }).durable;
  }
  await first.logs.close();
  store.rename("t-0", "t-swapping");
  store.rename("t-1", "t-0");
  store.rename("t-swapping", "t-1");
  const { logs, warnings } = await open(store, {}, both);
  assertEquals([logs.get(T, 0), logs.get(T, 1)], [undefined, undefined]);
  assertEquals(warnings.map(({ event }) => event), ["partition_offline", "partition_offline"]);
  assert(String(warnings[0].reason).includes("it is another one"), String(warnings[0].reason));
  await logs.close();
});
