/**
 * Proves that a start that is cut off anywhere, again and again, loses nothing that the journal alone holds: what one run
 * left in it is not written over before every log it speaks of is recovered and on the device.
 */
import { assert, assertEquals } from "@std/assert";
import { randomUuid } from "../../bytes/uuid.ts";
import { FaultyStore } from "../../testing/faulty_store.ts";
import { MortalStore } from "../../testing/mortal_store.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { SlowDevice } from "../../testing/slow_device.ts";
import { journalFiles } from "../durability/journal_entries.ts";
import { consumed, send, StorageWorld, wantedLog } from "../../testing/storage_world.ts";

const TOPIC_ID = randomUuid();
const PARTITIONS = 4;
const WANTED = Array.from(
  { length: PARTITIONS },
  (_, partition) => wantedLog(TOPIC_ID, { topic: "t", partition }),
);

/** Small journal files are copied quickly. */
const SMALL = { journalBytes: 16 << 10 };

/** A disk after a power loss that left what was acknowledged in the journal alone; the values by partition. */
async function journaledAlone(): Promise<{ disk: MemoryStore; values: string[][] }> {
  const store = new FaultyStore(new MemoryStore());
  const world = await StorageWorld.open(store, WANTED, SMALL);
  const values: string[][] = WANTED.map(() => []);
  for (let round = 0; round < 5; round++) {
    const waits = WANTED.map(({ partition }) => {
      const value = `${partition} ${round}`;
      values[partition].push(value);
      return send(world.logs.get(TOPIC_ID, partition)!, [value]).durable;
    });
    await Promise.all(waits);
  }
  const disk = await store.crash({ unsynced: "lost", names: "kept" });
  world.abandon();
  assertEquals(disk.readAll("t-3/00000000000000000000.log")!.length, 0);
  return { disk, values };
}

async function valuesOf(disk: MemoryStore): Promise<string[][]> {
  const store = new FaultyStore(disk);
  const world = await StorageWorld.open(store, WANTED, SMALL);
  const found: string[][] = [];
  for (const { partition } of WANTED) {
    const log = world.logs.get(TOPIC_ID, partition)!;
    found.push([...(await consumed(log)).values()]);
  }
  world.abandon();
  return found;
}

Deno.test("a start that is cut off at any call leaves what the journal alone holds", async () => {
  const { disk, values } = await journaledAlone();
  let cuts = 0;
  for (let at = 1;; at++) {
    const store = new MortalStore(await new FaultyStore(disk).crash({ unsynced: "kept" }));
    store.powerOffAt = at;
    const world = await StorageWorld.open(store, WANTED, SMALL).catch(() => null);
    if (store.count < at) {
      world?.abandon();
      break;
    }
    cuts++;
    for (const unsynced of ["lost", "kept"] as const) {
      const left = await store.crash({ unsynced, names: "kept" });
      assertEquals(await valuesOf(left), values, `cut off at call ${at}, unsynced ${unsynced}`);
    }
    world?.abandon();
  }
  assert(cuts > 20, `only ${cuts} cuts`);
});

Deno.test("what is served while another log is recovered does not write over the journal", async () => {
  const { disk, values } = await journaledAlone();
  const device = new SlowDevice((on, path) =>
    on === "sync" && path.startsWith("t-3/") ? Infinity : 1
  );
  const store = new FaultyStore(await new FaultyStore(disk).crash({ unsynced: "kept" }), {
    device,
  });
  const opening = StorageWorld.open(store, WANTED, SMALL); // never ends: the last log cannot be synced
  await device.drive(opening).catch(() => {});
  const left = await store.crash({ unsynced: "lost", names: "kept" });
  store.powerOff();
  assertEquals(await valuesOf(left), values);
});

Deno.test("after a start the journal of the run before is gone, and its names are used again", async () => {
  const { disk } = await journaledAlone();
  const store = new FaultyStore(disk);
  const world = await StorageWorld.open(store, WANTED, SMALL);
  assertEquals(journalFiles(store), ["runnel-journal-2", "runnel-journal-3"]);
  await world.stop();
  assertEquals(journalFiles(store), []);
});
