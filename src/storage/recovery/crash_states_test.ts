/**
 * Proves that nothing acknowledged is lost, doubled or reordered, whatever a power loss leaves and whichever call fails.
 *
 * A fixed history of appends to several partitions runs through PartitionLog, GroupCommit and Journal on a store that
 * remembers what was synced. It is run again and again: with the power going off before its first call of the store,
 * before its second, and so on; with the first call of a kind failing, the second, and so on. Each time what a disk may
 * hold then is opened through LogManager and compared with what was sent and what was acknowledged. Everything is seeded
 * and takes no real time, so a failure names the call that brings it back.
 */
import { assert, assertEquals } from "@std/assert";
import { BufferPool } from "../../bytes/pool.ts";
import { randomUuid } from "../../bytes/uuid.ts";
import { FakeClock } from "../../testing/fake_clock.ts";
import { topicConfigDefaults } from "../../config/topic_configs.ts";
import * as batch from "../../protocol/records/batch.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { readRecords } from "../../protocol/records/record.ts";
import {
  type CrashOptions,
  type Fault,
  FaultyStore,
  type Operation,
} from "../../testing/faulty_store.ts";
import { GroupCommit } from "../durability/group_commit.ts";
import { Journal } from "../durability/journal.ts";
import { readJournal } from "../durability/journal_entries.ts";
import { LogManager } from "../log_manager.ts";
import type { WantedLog } from "../opening.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import type { LogContext } from "../log/log_context.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import { DEFAULT_PRODUCER_LIMITS } from "../producers/producer_state.ts";
import { type Store, StoreError } from "../store.ts";
import { readNow } from "../../testing/read_now.ts";

const FOLDERS = ["a-0", "a-1", "b-0"];
const TOPIC_IDS: Record<string, ReturnType<typeof randomUuid>> = {
  a: randomUuid(),
  b: randomUuid(),
};
const CONFIG = {
  ...topicConfigDefaults(),
  "segment.bytes": 700,
  "index.interval.bytes": 100,
  "file.delete.delay.ms": 0,
};

/** What the world outside the broker knows: the value sent at each offset, and up to where it was acknowledged. */
class Ledger {
  readonly sent: string[] = [];
  acknowledged = 0;
}
type Ledgers = Map<string, Ledger>;

/** Loses power before its nth call that changes anything: from then on nothing is done any more, and nothing answered. */
class MortalStore extends FaultyStore {
  count = 0;
  powerOffAt = Infinity;

  override get isOff(): boolean {
    return this.count >= this.powerOffAt;
  }

  override strike(on: Operation, path: string): Fault["how"] | null {
    if (on !== "read" && ++this.count >= this.powerOffAt) {
      throw new StoreError(`No power to ${on} ${path}`, "io");
    }
    return super.strike(on, path);
  }
}

/** A broker's storage, wired as broker.ts does. */
class Storage {
  readonly logs: LogManager;
  hasFailed = false;

  private constructor(logs: LogManager) {
    this.logs = logs;
  }

  static async open(store: Store, epoch = 0): Promise<Storage> {
    const fatal = () => void (storage.hasFailed = true);
    const left = readJournal(store), leftOver = left.entries;
    const journal = Journal.open({ store, fileBytes: 6000, onFailure: fatal }, left);
    const context: LogContext = {
      store,
      clock: new FakeClock(),
      pool: new BufferPool({ keepBytes: 1 << 20 }),
      producers: DEFAULT_PRODUCER_LIMITS,
      commit: new GroupCommit({
        policy: "fsync",
        intervalMs: 0,
        journal,
        overlapBytes: 1,
        onFailure: fatal,
      }),
      onProblem: () => {},
    };
    const storage = new Storage(
      new LogManager({
        context,
        cleanStart: false,
        journal: leftOver,
        checkpointIntervalMs: 1 << 30,
        retentionIntervalMs: 1 << 30,
        onEvent: () => {},
      }),
    );
    try {
      await storage.logs.open(wanted(epoch));
    } catch (error) {
      await storage.abandon();
      throw error;
    }
    return storage;
  }

  log(folder: string): PartitionLog {
    const [topic, partition] = folder.split("-");
    return this.logs.get(TOPIC_IDS[topic], Number(partition))!;
  }

  reason(folder: string): string | null {
    const [topic, partition] = folder.split("-");
    return this.logs.offlineReason(TOPIC_IDS[topic], Number(partition));
  }

  /** Ends the timers; what the stop writes is nobody's business any more. */
  async abandon(): Promise<void> {
    await this.logs.close().catch(() => {});
  }
}

function wanted(leaderEpoch: number): WantedLog[] {
  return FOLDERS.map((folder) => {
    const [topic, partition] = folder.split("-");
    return {
      topicId: TOPIC_IDS[topic],
      topic,
      partition: Number(partition),
      leaderEpoch,
      config: CONFIG,
    };
  });
}

/** Appends, some in the same turn and some alone, with checkpoints and a new segment now and then. */
async function history(storage: Storage, ledgers: Ledgers, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    // One partition, all of them, two of them, again and again: so both ways of keeping are used.
    const touched = turn % 3 === 0 ? FOLDERS.slice(turn % 2, turn % 2 + 1) : FOLDERS;
    for (const folder of turn % 3 === 2 ? touched.slice(1) : touched) {
      send(storage, ledgers, folder, 1 + turn % 4);
    }
    await settle(turn % 4 === 1 ? turn % 11 : undefined); // now and then rounds are on their way still
    if (turn % 7 === 6) await storage.logs.checkpoint().catch(() => {});
    if (storage.hasFailed) return;
  }
  await settle();
}

function send(storage: Storage, ledgers: Ledgers, folder: string, count: number): void {
  const log = storage.log(folder), ledger = ledgers.get(folder)!;
  const first = log.logEndOffset;
  const values = Array.from({ length: count }, (_, i) => `${folder} ${first + i} ${nextValue++}`);
  const bytes = buildBatch({
    records: values.map((value) => ({ timestampMs: 1000, value: new TextEncoder().encode(value) })),
  });
  const { errorCode, durable, baseOffset } = log.append(bytes, {
    origin: "client",
    leaderEpoch: log.leaderEpoch,
  });
  if (errorCode !== 0) return;
  ledger.sent.length = baseOffset; // offsets that a failed write freed again
  ledger.sent.push(...values);
  const end = baseOffset + count;
  durable.then(() => ledger.acknowledged = Math.max(ledger.acknowledged, end), () => {});
}
let nextValue = 0;

/** Lets everything that can happen without new calls from outside happen, or the beginning of it. */
async function settle(turns = 120): Promise<void> {
  for (let i = 0; i < turns; i++) await null;
}

function newLedgers(): Ledgers {
  return new Map(FOLDERS.map((folder) => [folder, new Ledger()]));
}

/** Every value that can be read of a partition, at the index of its offset. */
function read(log: PartitionLog): string[] {
  const values: string[] = [];
  for (let at = log.logStartOffset; at < log.logEndOffset;) {
    const bytes = readNow(log, at, { maxBytes: 1 << 20, bound: "leo", minOneBatch: true });
    if (bytes === null) throw new Error(`${log.folder}: nothing at ${at} of ${log.logEndOffset}`);
    for (const position of batch.batches(bytes)) {
      for (const { offset, value } of readRecords(bytes, position)) {
        assertEquals(offset, values.length, `${log.folder}: offsets have a gap`);
        values.push(new TextDecoder().decode(value!));
      }
    }
    at = values.length;
  }
  return values;
}

/** What is wrong with a store that was opened again, or nothing. Brings the ledger to what is there. */
function complaints(storage: Storage, ledgers: Ledgers): string[] {
  const found: string[] = [];
  for (const [folder, ledger] of ledgers) {
    const log = storage.log(folder);
    if (log === undefined || log.offline !== null) {
      found.push(`${folder} is offline: ${storage.reason(folder)}`);
      continue;
    }
    let values: string[];
    try {
      values = read(log);
    } catch (error) {
      found.push((error as Error).message);
      continue;
    }
    if (values.length < ledger.acknowledged) {
      found.push(`${folder}: ${ledger.acknowledged} acknowledged, ${values.length} there`);
    }
    const wrong = values.findIndex((value, i) => value !== ledger.sent[i]);
    if (wrong >= 0) {
      found.push(`${folder}: ${values[wrong]} at ${wrong}, sent was ${ledger.sent[wrong]}`);
    }
    ledger.sent.length = ledger.acknowledged = values.length;
  }
  return found;
}

const DISKS: CrashOptions[] = (["lost", "torn", "zeros", "kept"] as const).flatMap((unsynced) =>
  (["lost", "kept"] as const).map((names) => ({ unsynced, names }))
);

/** Opens what is left with every way a disk may look, each with its own copy of the ledgers. */
async function examine(store: FaultyStore, ledgers: Ledgers, epoch: number): Promise<string[]> {
  const found: string[] = [];
  for (const options of DISKS) {
    const disk = await store.crash(options);
    const storage = await Storage.open(disk, epoch);
    const wrong = complaints(storage, copyOf(ledgers));
    found.push(
      ...wrong.map((what) => `unsynced ${options.unsynced}, names ${options.names}: ${what}`),
    );
    await storage.abandon();
  }
  return found;
}

function copyOf(ledgers: Ledgers): Ledgers {
  return new Map([...ledgers].map(([folder, { sent, acknowledged }]) => {
    const copy = new Ledger();
    copy.sent.push(...sent);
    copy.acknowledged = acknowledged;
    return [folder, copy];
  }));
}

const TURNS = 24;

/** Runs the history until the power goes off; null when it was over before. */
async function runUntil(
  powerOffAt: number,
): Promise<{ store: MortalStore; ledgers: Ledgers } | null> {
  const store = new MortalStore(new MemoryStore());
  store.powerOffAt = powerOffAt;
  const ledgers = newLedgers();
  try {
    const storage = await Storage.open(store);
    await history(storage, ledgers, TURNS);
    if (!store.isOff) {
      await storage.abandon();
      return null;
    }
    const acknowledged = copyOf(ledgers);
    const left = { store, ledgers: acknowledged };
    await storage.abandon();
    return left;
  } catch (error) {
    if (!store.isOff) throw error;
    return { store, ledgers };
  }
}

Deno.test("power off before any call of the store: every acknowledged batch is there, once, in order", async () => {
  let runs = 0, acknowledged = 0;
  const found: string[] = [];
  for (let at = 1;; at++) {
    const left = await runUntil(at);
    if (left === null) break;
    runs++;
    for (const ledger of left.ledgers.values()) acknowledged += ledger.acknowledged;
    const wrong = await examine(left.store, left.ledgers, 1);
    found.push(...wrong.map((what) => `power off at call ${at}: ${what}`));
  }
  assertEquals(found.slice(0, 10), []);
  assert(runs > 150 && acknowledged > 1000, `the history does too little: ${runs} calls`);
});

Deno.test("a second power loss, after a recovery and more appends, takes nothing acknowledged either", async () => {
  const found: string[] = [];
  for (const firstCrash of DISKS) {
    for (let at = 5; at < 400; at += 13) {
      const left = await runUntil(at);
      if (left === null) break;
      const disk = new MortalStore(await left.store.crash(firstCrash));
      const storage = await Storage.open(disk, 1);
      found.push(...complaints(storage, left.ledgers));
      disk.powerOffAt = disk.count + 1 + at * 7 % 90;
      await history(storage, left.ledgers, 9);
      const acknowledged = copyOf(left.ledgers);
      await storage.abandon();
      const wrong = await examine(disk, acknowledged, 2);
      found.push(
        ...wrong.map((what) => `${JSON.stringify(firstCrash)} at call ${at}, then ${what}`),
      );
    }
  }
  assertEquals(found.slice(0, 10), []);
});

/** Every way a call may fail; more than one where the second fails only because the first did. */
const FAULTS: (readonly [Fault, ...Fault[]])[] = [
  [{ on: "append" }],
  [{ on: "append", kind: "noSpace" }],
  [{ on: "append", how: "torn" }],
  [{ on: "append", pathEndsWith: ".log" }, { on: "truncate", pathEndsWith: ".log" }],
  [{ on: "sync" }],
  [{ on: "syncFolder" }],
  [{ on: "replace" }],
  [{ on: "open" }],
];

/** Runs the history with faults; what a power loss at its end leaves. Null when the first never struck. */
async function runWith(
  ...faults: readonly Fault[]
): Promise<{ store: MortalStore; ledgers: Ledgers } | null> {
  const store = new MortalStore(new MemoryStore());
  const ledgers = newLedgers();
  const storage = await Storage.open(store);
  const [first, ...others] = faults.map((fault) => store.fail(fault));
  await history(storage, ledgers, TURNS);
  if (first.struck === 0) {
    await storage.abandon();
    return null;
  }
  for (const { struck, fault } of others) {
    assert(struck > 0, `${JSON.stringify(fault)} never struck`);
  }
  const acknowledged = copyOf(ledgers);
  store.powerOffAt = store.count; // what stopping writes is not the history's
  await storage.abandon();
  return { store, ledgers: acknowledged };
}

for (const [fault, ...others] of FAULTS) {
  const words = [fault.on, fault.how ?? "error", fault.kind].filter(Boolean);
  const name = [...words, ...others.map(({ on }) => `then ${on}`)].join(", ");
  Deno.test(`whichever call fails (${name}), nothing is acknowledged without its bytes`, async () => {
    const found: string[] = [];
    let runs = 0;
    for (let nth = 1;; nth++) {
      const left = await runWith({ ...fault, nth }, ...others);
      if (left === null) break;
      runs++;
      const wrong = await examine(left.store, left.ledgers, 1);
      found.push(...wrong.map((what) => `call ${nth}: ${what}`));
    }
    assertEquals(found.slice(0, 10), []);
    assert(runs > 0, "never struck");
  });
}

Deno.test("a journal that cannot be written is done without, and what follows is kept", async () => {
  for (let nth = 1; nth < 18; nth++) {
    const store = new MortalStore(new MemoryStore());
    const ledgers = newLedgers();
    const storage = await Storage.open(store);
    store.fail({ on: "append", pathEndsWith: "runnel-journal-0", kind: "noSpace", nth });
    await history(storage, ledgers, TURNS);
    for (const [folder, { sent, acknowledged }] of ledgers) {
      assertEquals(acknowledged, sent.length, `${folder}, journal write ${nth}`);
    }
    assertEquals(await examine(store, ledgers, 1), [], `journal write ${nth}`);
    await storage.abandon();
    store.assertAllFired();
  }
});

Deno.test("after a failed fsync nothing is acknowledged any more", async () => {
  for (let nth = 1; nth < 20; nth++) {
    const store = new MortalStore(new MemoryStore());
    const ledgers = newLedgers();
    const storage = await Storage.open(store);
    store.fail({ on: "sync", nth });
    while (!storage.hasFailed) await history(storage, ledgers, 1);
    const before = [...ledgers.values()].map(({ acknowledged }) => acknowledged);
    for (const folder of FOLDERS) send(storage, ledgers, folder, 1);
    await settle();
    assertEquals([...ledgers.values()].map(({ acknowledged }) => acknowledged), before);
    store.powerOffAt = store.count;
    await storage.abandon();
    store.assertAllFired();
  }
});

Deno.test("only a device that lies about a sync loses what was acknowledged", async () => {
  let losses = 0;
  for (let nth = 1;; nth++) {
    const left = await runWith({ on: "sync", how: "lie", nth });
    if (left === null) break;
    const disk = await left.store.crash({ unsynced: "lost", names: "lost" });
    const storage = await Storage.open(disk, 1);
    losses += complaints(storage, left.ledgers).length;
    await storage.abandon();
  }
  assert(losses > 0, "the tests above would not notice a lost record");
});
