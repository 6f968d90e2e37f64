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
  const journal = readJournal(disk).map(({ payload }) => payload.length);
  assert(journal.some((bytes) => bytes > 0), "the first record is in the journal");
  await overwrite(disk, FIRST, 0, 8); // and its bytes go back from there
  assertEquals((await opened(disk)).values?.[0], "acknowledged");
});

Deno.test("what the log's own sync made durable is marked: without it the log is damaged, not short", async () => {
  const store = new FaultyStore(new MemoryStore());
  const world = await StorageWorld.open(store, WANTED);
  const log = world.logs.get(TOPIC_ID, 0)!;
  await send(log, [largeValue("synced itself", 300_000)]).durable;
  const marks = readJournal(store).filter(({ payload }) => payload.length === 0);
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
