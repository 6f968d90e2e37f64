// Proves that compaction may be cut off anywhere: every store operation of a pass over one fixed history fails once, and
// all after it; what a kill (everything written is there) and a power loss (names and bytes not synced are gone) would
// leave is opened, read, compacted to the end and read again. Then Kafka's own half-way states, made by hand.
import { assert, assertEquals } from "@std/assert";
import * as batch from "../../protocol/records/batch.ts";
import { Cleaner } from "./cleaner.ts";
import {
  BusyClock,
  compactedConfig,
  consume,
  History,
  newLog,
  reopened,
  tableOf,
  testContext,
} from "../../testing/compaction_history.ts";
import { finishInterruptedCleaning } from "../recovery/cleaning_leftovers.ts";
import { FaultyStore, type Operation } from "../../testing/faulty_store.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import { type Store, StoreError } from "../store.ts";

/** Fails its n-th operation that changes anything, and all that follow. */
class DyingStore extends FaultyStore {
  left = Infinity;
  override strike(on: Operation, path: string) {
    if (on !== "read" && --this.left < 0) {
      throw new StoreError(`Cannot ${on} ${path}: the process is dead`, "io");
    }
    return super.strike(on, path);
  }
}

async function dirtyLog(seed: number) {
  const store = new DyingStore(new MemoryStore()), clock = new BusyClock();
  await store.syncFolder("");
  const config = compactedConfig({ "segment.bytes": 1200 });
  const log = newLog(testContext(store, clock), config);
  let state = seed;
  const history = new History(
    log,
    clock,
    () => (state = state * 16807 % 2147483647) / 2147483647,
    4,
  );
  for (let i = 0; i < 50; i++) await history.step();
  await history.settle();
  // A first pass leaves small segments, so that the pass under test joins several into one.
  await log.sync();
  await cleanAll(store, log, clock);
  for (let i = 0; i < 25; i++) await history.step();
  await history.settle();
  log.roll();
  await log.sync();
  await store.syncFolder("t-0");
  return { store, clock, log, history, config };
}

async function cleanAll(store: Store, log: PartitionLog, clock: BusyClock): Promise<void> {
  const cleaner = new Cleaner({
    store,
    pool: testContext(store, clock).pool,
    clock,
    logs: () => [log],
    checkpoint: () => store.replace("recovery-point-offset-checkpoint", new Uint8Array(1)),
    backoffMs: 1,
    dedupeBufferBytes: 1 << 20,
    ioMaxBytesPerSecond: Infinity,
    maxDecompressedBytes: 1 << 20,
    onEvent: () => {},
  });
  while (await cleaner.cleanDirtiest());
}

const AFTERMATHS = [
  { unsynced: "kept", names: "kept" },
  { unsynced: "lost", names: "lost" },
  { unsynced: "lost", names: "kept" },
  { unsynced: "zeros", names: "kept" },
] as const;

Deno.test("a pass that dies at any store operation loses nothing and brings nothing back", async () => {
  let operations = 0;
  for (let n = 0, done = false; !done; n++) {
    const { store, clock, log, history, config } = await dirtyLog(11);
    const recoveryPoint = log.recoveryPoint;
    store.left = n;
    await cleanAll(store, log, clock);
    done = store.left >= 0;
    operations = n;
    store.left = Infinity;
    for (const aftermath of AFTERMATHS) {
      const where = `operation ${n}, ${JSON.stringify(aftermath)}`;
      const disk = await store.crash({ ...aftermath, random: () => 0 });
      const again = await reopened(testContext(disk, clock), recoveryPoint, config);
      check(again, history, where);
      await again.sync();
      await cleanAll(disk, again, clock);
      check(again, history, `${where}, compacted again`);
      const left = disk.list("t-0").map(({ name }) => name).filter((name) =>
        /\.(cleaned|swap)$/.test(name)
      );
      assertEquals(left, [], where);
    }
  }
  assert(operations > 40, `${operations} operations`); // else the pass has done nothing worth while
});

function check(log: PartitionLog, history: History, where: string): void {
  for (const record of consume(log, "uncommitted")) {
    assertEquals(record, history.written.get(record.offset), where);
  }
  assertEquals(tableOf(consume(log, "committed")), history.table(), where);
  for (const [i, segment] of log.segments.entries()) {
    const end = log.segments[i + 1]?.baseOffset ?? Infinity;
    for (const [bytes] of segment.scan()) {
      assert(batch.lastOffset(bytes) < end, `${where}: segments overlap at offset ${end}`);
    }
  }
}

Deno.test("opening the log may itself be cut off anywhere", async () => {
  const untilSwap = await operationsUntilSwap();
  for (let n = 0, done = false; !done; n++) {
    const { store, clock, log, history, config } = await dirtyLog(12);
    const recoveryPoint = log.recoveryPoint;
    store.left = untilSwap;
    await cleanAll(store, log, clock);
    store.left = Infinity;
    const disk = new DyingStore(await store.crash({ unsynced: "kept", names: "kept" }));
    assert(disk.list("t-0").some(({ name }) => name.endsWith(".log.swap")), "nothing to finish");
    disk.left = n;
    const context = { ...testContext(disk, clock), folder: "t-0" };
    await finishInterruptedCleaning(context).catch((error) => {
      if (!(error instanceof StoreError)) throw error;
    });
    done = disk.left >= 0;
    const second = await disk.crash({ unsynced: "kept", names: "kept" });
    const again = await reopened(testContext(second, clock), recoveryPoint, config);
    check(again, history, `cut off at operation ${n}`);
  }
});

/** After how many operations of the pass over dirtyLog(12) the first `.log.swap` is there. */
async function operationsUntilSwap(): Promise<number> {
  for (let n = 0;; n++) {
    const { store, clock, log } = await dirtyLog(12);
    store.left = n;
    await cleanAll(store, log, clock);
    if (store.list("t-0").some(({ name }) => name.endsWith(".log.swap"))) return n;
    if (store.left >= 0) throw new Error("the pass has no swap");
  }
}

/** A folder with these files; the content is the name. */
async function folderOf(names: readonly string[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  store.makeFolder("t-0");
  for (const name of names) {
    await store.replace(
      `t-0/${padded(name)}`,
      name.includes(".log") ? new Uint8Array(0) : bytes(name),
    );
  }
  return store;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const padded = (name: string) => name.replace(/^\d+/, (digits) => digits.padStart(20, "0"));

async function namesAfter(...names: string[]): Promise<string[]> {
  const store = await folderOf(names);
  const context = { ...testContext(store, new BusyClock()), folder: "t-0" };
  return (await finishInterruptedCleaning(context)).map((name) => name.replace(/^0{1,19}/, ""));
}

Deno.test("leftovers as Kafka makes them: .cleaned and .deleted go, .swap is finished", async () => {
  const whole = ["0.log", "0.index", "0.timeindex"];
  assertEquals(await namesAfter(...whole), [...whole].sort());
  assertEquals(await namesAfter(...whole, "0.log.cleaned", "0.index.cleaned"), [...whole].sort());
  assertEquals(
    await namesAfter(...whole, "0.log.deleted", "7.snapshot.deleted"),
    [...whole].sort(),
  );
  // Kafka renames the log first: with the rest still ".cleaned" the swap was not whole yet.
  assertEquals(await namesAfter(...whole, "0.log.swap", "0.index.cleaned"), [...whole].sort());
  assertEquals(await namesAfter(...whole, "0.log.swap", "0.index.swap"), ["0.index", "0.log"]);
  // The log is in place already, its index is not.
  assertEquals(await namesAfter("0.log", "0.index.swap"), ["0.index", "0.log"]);
  assertEquals(await namesAfter("0.txnindex", "0.log", "0.log.swap"), ["0.log"]);
  assertEquals(await namesAfter("0.txnindex", "0.log.swap"), ["0.log", "0.txnindex"]);
});

Deno.test("a .swap that is the only copy of its offsets stays, whatever lies beside it", async () => {
  assertEquals(await namesAfter("0.log.swap", "0.log.cleaned"), ["0.log"]);
  assertEquals(await namesAfter("0.log.swap", "0.index.swap", "0.index.cleaned"), [
    "0.index",
    "0.log",
  ]);
});

Deno.test("a folder named as a left-over file is left alone", async () => {
  const store = await folderOf(["0.log"]);
  const kept = `t-0/${padded("0.log")}.deleted`;
  store.makeFolder(kept);
  await store.replace(`${kept}/photo`, bytes("photo"));
  await finishInterruptedCleaning({ ...testContext(store, new BusyClock()), folder: "t-0" });
  assertEquals(store.readAll(`${kept}/photo`), bytes("photo"));
});

Deno.test("an index whose log is not there takes the place of no sound one", async () => {
  const store = await folderOf(["0.log", "0.index", "0.index.swap"]);
  const context = { ...testContext(store, new BusyClock()), folder: "t-0" };
  await finishInterruptedCleaning(context);
  assertEquals(store.readAll(`t-0/${padded("0.index")}`), bytes("0.index"));
});

Deno.test("a compacted segment that the disk has changed takes the place of no sound one", async () => {
  const untilSwap = await operationsUntilSwap();
  const { store, clock, log, history, config } = await dirtyLog(12);
  const recoveryPoint = log.recoveryPoint;
  store.left = untilSwap;
  await cleanAll(store, log, clock);
  store.left = Infinity;
  const whole = await store.crash({ unsynced: "kept", names: "kept" });
  const swap = whole.list("t-0").find(({ name }) => name.endsWith(".log.swap"))!.name;
  for (const how of ["flipped", "cut"]) {
    const disk = await store.crash({ unsynced: "kept", names: "kept" });
    const found = disk.readAll(`t-0/${swap}`)!.slice();
    found[found.length - 1] ^= 1;
    await disk.replace(`t-0/${swap}`, how === "cut" ? found.subarray(0, -1) : found);
    const again = await reopened(testContext(disk, clock), recoveryPoint, config);
    check(again, history, how);
    assertEquals(disk.list("t-0").filter(({ name }) => name.endsWith(".swap")), [], how);
  }
});
