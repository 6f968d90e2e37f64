/**
 * Proves that a start knows of a journaled log what cannot have been acknowledged: there whatever came out torn is cut,
 * though later pages or segments reached the device; below it everything that is missing is damage.
 */
import { assert, assertEquals } from "@std/assert";
import { randomUuid } from "../../bytes/uuid.ts";
import { FaultyStore } from "../../testing/faulty_store.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { SlowDevice } from "../../testing/slow_device.ts";
import { readJournal } from "../durability/journal_entries.ts";
import { verifyPartitions } from "./verify.ts";
import type { Store } from "../store.ts";
import {
  consumed,
  largeValue,
  openDriven,
  send,
  StorageWorld,
  wantedLog,
} from "../../testing/storage_world.ts";

const TOPIC_ID = randomUuid();
const WANTED = [wantedLog(TOPIC_ID, { topic: "t" }, { "segment.bytes": 400_000 })];
const FIRST = "t-0/00000000000000000000.log";

/** One record acknowledged, then three large ones written into two segments with no sync that ends; after a power loss. */
async function tornEnd(): Promise<{ disk: MemoryStore; acknowledgedBytes: number }> {
  const device = new SlowDevice(() => 1);
  const store = new FaultyStore(new MemoryStore(), { device });
  const world = await openDriven(device, store, WANTED);
  const log = world.logs.get(TOPIC_ID, 0)!;
  await device.drive(send(log, ["acknowledged"]).durable);
  const acknowledgedBytes = log.size;
  device.latency = (on) => on === "sync" ? Infinity : 1;
  for (const name of ["a", "b"]) {
    await device.drive(send(log, [largeValue(name, 300_000)]).written); // too much for the journal
  }
  assertEquals(log.segments.length, 2);
  const disk = await store.crash({ unsynced: "kept", names: "kept" });
  world.abandon();
  return { disk, acknowledgedBytes };
}

async function overwrite(store: Store, path: string, from: number, bytes: number): Promise<void> {
  const all = store.readAll(path)!.slice();
  all.fill(0, from, from + bytes);
  await store.replace(path, all);
}

async function opened(disk: MemoryStore) {
  const world = await StorageWorld.open(new FaultyStore(disk), WANTED);
  const log = world.logs.get(TOPIC_ID, 0);
  const values = log === undefined ? null : [...(await consumed(log)).values()];
  const end = log?.logEndOffset;
  world.abandon();
  return { values: values?.map((value) => value.slice(0, 12)), end };
}

Deno.test("a hole in what was not acknowledged is cut, with whole batches and a whole segment behind it", async () => {
  const { disk, acknowledgedBytes } = await tornEnd();
  await overwrite(disk, FIRST, acknowledgedBytes + 4096, 4096);
  assertEquals(await opened(disk), { values: ["acknowledged"], end: 1 });
});

Deno.test("the same hole below what was acknowledged is damage, and the bytes stay", async () => {
  const { disk } = await tornEnd();
  const journal = readJournal(disk).entries.map(({ payload }) => payload.length);
  assert(journal.some((bytes) => bytes > 0), "the first record is in the journal");
  await overwrite(disk, FIRST, 0, 8); // and its bytes go back from there
  assertEquals((await opened(disk)).values?.[0], "acknowledged");
});

Deno.test("what the log's own sync made durable is marked: without it the log is damaged, not short", async () => {
  const store = new FaultyStore(new MemoryStore());
  const world = await StorageWorld.open(store, WANTED);
  const log = world.logs.get(TOPIC_ID, 0)!;
  await send(log, [largeValue("synced itself", 300_000)]).durable;
  const marks = readJournal(store).entries.filter(({ payload }) => payload.length === 0);
  assertEquals(marks.map(({ position }) => position), [log.size]);
  const disk = await store.crash({ unsynced: "lost", names: "kept" });
  world.abandon();
  assertEquals((await opened(disk)).values, ["synced itsel"]);
  const bytes = disk.readAll(FIRST)!;
  await disk.replace(FIRST, bytes.subarray(0, bytes.length - 17));
  assertEquals(await opened(disk), { values: undefined, end: undefined });
  assertEquals(disk.readAll(FIRST)!.length, bytes.length - 17);
});

Deno.test("a log that has marks only, and lost its file or its folder, is offline and not empty", async () => {
  for (const lost of [FIRST, "t-0"]) {
    const store = new FaultyStore(new MemoryStore());
    const world = await StorageWorld.open(store, WANTED);
    await send(world.logs.get(TOPIC_ID, 0)!, [largeValue("synced itself", 300_000)]).durable;
    const disk = await store.crash({ unsynced: "lost", names: "kept" });
    world.abandon();
    disk.remove(lost);
    const catalogued = (folder: string) =>
      folder === "t-0" ? { topicId: TOPIC_ID, mayHaveGaps: false, maxLeaderEpoch: 1 } : undefined;
    const reports = await Array.fromAsync(verifyPartitions(disk, catalogued));
    assertEquals(reports.map(({ damage }) => damage?.offset), [0], `${lost}, verify`);
    for (const start of ["first", "second"]) {
      const events: string[] = [];
      const onEvent = (event: string, details: Record<string, unknown>) =>
        void events.push(`${event} ${details.reason}`);
      const again = await StorageWorld.open(new FaultyStore(disk), WANTED, { onEvent });
      assertEquals(again.logs.get(TOPIC_ID, 0), undefined, `${lost}, ${start} start`);
      again.abandon();
      const words = "partition_offline t-0: the log ends at offset 0, but the journal has a mark";
      assert(events.some((one) => one.startsWith(words)), `${lost}, ${start} start: ${events}`);
    }
  }
});

/** Twenty batches, each acknowledged and in the journal; then the power is lost, with what was not synced or without. */
async function journaled(unsynced: "kept" | "lost"): Promise<MemoryStore> {
  const store = new FaultyStore(new MemoryStore());
  const world = await StorageWorld.open(store, WANTED);
  for (let i = 0; i < 20; i++) await send(world.logs.get(TOPIC_ID, 0)!, [`value ${i}`]).durable;
  const disk = await store.crash({ unsynced, names: "kept" });
  world.abandon();
  return disk;
}

/** What a start makes of it: the values that are served, or null, and what it tells. */
async function started(disk: MemoryStore) {
  const events: string[] = [];
  const onEvent = (event: string, details: Record<string, unknown>) =>
    void events.push(`${event} ${Object.values(details).join(" ")}`);
  const world = await StorageWorld.open(new FaultyStore(disk), WANTED, { onEvent });
  const log = world.logs.get(TOPIC_ID, 0);
  const values = log === undefined ? null : [...(await consumed(log)).values()];
  world.abandon();
  return { values, told: events.join("; ") };
}

/** Where the journal has the first record's value. */
function firstValueIn(disk: MemoryStore): number {
  return new TextDecoder("latin1").decode(disk.readAll(JOURNAL)!).indexOf("value 0");
}

const JOURNAL = "runnel-journal-0", ALL = Array.from({ length: 20 }, (_, i) => `value ${i}`);

Deno.test("one bad byte in a journal that alone has the log's end takes one batch of it at most", async () => {
  const disk = await journaled("lost"), log = disk.readAll(FIRST)!;
  assertEquals(log.length, 0, "the log's own file has nothing");
  await overwrite(disk, JOURNAL, firstValueIn(disk), 1);
  const { values, told } = await started(disk);
  assertEquals(values, null, "offset 0 is lost for good, and the partition does not pretend");
  assert(told.includes("partition_offline t-0"), told);
  assert(/journal_aside runnel-journal-0 \S+-stray damage at position \d+/.test(told), told);
  const again = await started(disk); // what the journal has of the others is kept for a repair
  assertEquals(again.values, null);
  const payloads = readJournal(disk).entries.filter(({ payload }) => payload.length > 0);
  assertEquals(payloads.length, 19);
});

Deno.test("the same byte takes nothing when the log's file has that batch", async () => {
  const disk = await journaled("kept"), bytes = disk.readAll(FIRST)!.slice();
  await disk.replace(FIRST, bytes.subarray(0, bytes.length / 2)); // the tail is in the journal alone
  await overwrite(disk, JOURNAL, firstValueIn(disk), 1);
  const { values, told } = await started(disk);
  assertEquals(values, ALL);
  assert(/journal_aside runnel-journal-0 \S+-stray damage at position \d+/.test(told), told);
});

Deno.test("a journal that is missing, empty, short or damaged does not prove that nothing was acknowledged", async () => {
  const wrongs: Record<string, (disk: MemoryStore) => unknown> = {
    "missing": (disk) => disk.remove(JOURNAL),
    "empty": (disk) => disk.replace(JOURNAL, new Uint8Array(0)),
    "zeros": (disk) => overwrite(disk, JOURNAL, 0, 1 << 20),
    "short": (disk) => disk.replace(JOURNAL, disk.readAll(JOURNAL)!.subarray(0, 100)),
    "bad head": (disk) => overwrite(disk, JOURNAL, 4, 2),
  };
  for (const [what, wrong] of Object.entries(wrongs)) {
    const disk = await journaled("kept");
    await wrong(disk);
    const size = disk.readAll(FIRST)!.length;
    await overwrite(disk, FIRST, size / 4 | 0, 20);
    if (what === "bad head") { // its entries would put the batch back
      assertEquals((await started(disk)).values, ALL);
      continue;
    }
    for (const start of ["first", "second", "third"]) {
      assertEquals((await started(disk)).values, null, `${what}, ${start} start`);
      assertEquals(disk.readAll(FIRST)!.length, size, `${what}, ${start} start`);
    }
  }
});
