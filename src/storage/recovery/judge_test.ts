/**
 * Proves that what is remembered of a log is held against what its folder holds: nothing that was acknowledged goes
 * without a word, nothing strange is served, and verify says of the same files what the start does with them.
 */
import { createAll } from "../../testing/created_logs.ts";
import { assert, assertEquals } from "@std/assert";
import { randomUuid } from "../../bytes/uuid.ts";
import * as batch from "../../protocol/records/batch.ts";
import { openOn, servedBy, verified } from "../../testing/reopened_world.ts";
import { largeValue, send, sendKeyed, wantedLog } from "../../testing/storage_world.ts";
import { FaultyStore } from "../../testing/faulty_store.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { journalFiles } from "../durability/journal_entries.ts";
import { segmentName } from "../segments/segment.ts";
import type { Store } from "../store.ts";
import { cutExcess, raiseStart } from "./repair.ts";
import { verifyPartitions } from "./verify.ts";

const ID = randomUuid();
const STOPS = ["clean", "killed"] as const;
const pathOf = (base: number, folder = "t-0") => `${folder}/${segmentName(base)}.log`;

async function cut(disk: Store, path: string, to: number): Promise<void> {
  await disk.replace(path, disk.readAll(path)!.slice(0, to));
}

/** Starts on the files; what t-0 serves, and what verify said before. */
async function started(disk: Store, wanted: Parameters<typeof openOn>[1]) {
  const said = (await verified(disk, wanted)).get("t-0") ?? null;
  const { world, events } = await openOn(disk, wanted);
  const values = await servedBy(world, wanted[0]);
  const log = world.logs.get(wanted[0].topicId, 0);
  const found = { values, events, said, start: log?.logStartOffset, end: log?.logEndOffset };
  world.abandon();
  assertEquals(said !== null, values === null, `verify and start: ${JSON.stringify(found)}`);
  return found;
}

for (const gone of [pathOf(0), "t-0"]) {
  Deno.test(`records deleted up to above the recovery point, then ${gone} gone: the acknowledged are there, or words`, async () => {
    const wanted = [wantedLog(randomUuid(), { topic: "t" })];
    const disk = new MemoryStore();
    const { world } = await openOn(disk, wanted, { journalBytes: 64 << 10 });
    const log = world.logs.get(wanted[0].topicId, 0)!;
    if (gone !== "t-0") {
      await send(log, ["v0"]).durable;
      await log.sync();
      await world.logs.checkpoint(); // recovery point 1
    }
    for (let i = log.logEndOffset; i < 4; i++) await send(log, [`v${i}`]).durable;
    const other = wantedLog(randomUuid(), { topic: "u" });
    createAll(world.logs, [other]);
    for (let i = 0; i < 200; i++) { // the journal turns
      await send(world.logs.get(other.topicId, 0)!, ["x".repeat(900)]).durable;
    }
    for (let i = 4; i < 12; i++) await send(log, [`v${i}`]).durable;
    log.advanceStart(5);
    await world.logs.checkpoint();
    world.abandon();
    disk.remove(gone);
    const { values, end } = await started(disk, wanted);
    assert(values === null || values.includes("v11"), `served ${values}, and goes on at ${end}`);
  });
}

for (const harm of ["cut", "removed"] as const) {
  Deno.test(`a synced segment ${harm} that was never compacted, of which the journal has a part, is damage`, async () => {
    const wanted = [wantedLog(ID, { topic: "t" }, { "cleanup.policy": ["compact"] })];
    const disk = new MemoryStore();
    const { world } = await openOn(disk, wanted);
    const log = world.logs.get(ID, 0)!;
    for (let i = 0; i < 4; i++) await sendKeyed(log, [[`k${i}`, `small ${i}`]]).durable;
    const small = log.size;
    await sendKeyed(log, [["big", largeValue("big", 300_000)]]).durable; // synced itself, and marked
    await sendKeyed(log, [["big2", largeValue("big2", 300_000)]]).durable;
    log.roll();
    await sendKeyed(log, [["after", "after"]]).durable;
    await log.sync();
    await world.logs.checkpoint();
    await sendKeyed(log, [["after2", "after2"]]).durable;
    world.abandon();
    if (harm === "cut") await cut(disk, pathOf(0), small / 2);
    else disk.remove(pathOf(0));
    const { values } = await started(disk, wanted);
    assert(values === null || values.includes("big big big"), `served ${values}`);
  });
}

for (const stop of STOPS) {
  for (const what of ["empty", "the neighbour's batches"] as const) {
    for (const policy of ["delete", "compact"]) {
      Deno.test(`${stop}, ${policy}: a segment file named within another's offsets (${what}) hides nothing`, async () => {
        const config = { "cleanup.policy": [policy] } as never;
        const wanted = [0, 1].map((partition) => wantedLog(ID, { topic: "t", partition }, config));
        const disk = new MemoryStore();
        const { world } = await openOn(disk, wanted);
        for (const { partition } of wanted) {
          const log = world.logs.get(ID, partition)!, rolls = partition === 0 ? [11] : [5, 8];
          for (let i = 0; i < 16; i++) {
            await sendKeyed(log, [[`k${i}`, `p${partition} v${i}`]]).durable;
            if (rolls.includes(i)) log.roll();
          }
          await log.sync();
        }
        await world.logs.checkpoint();
        if (stop === "clean") await world.stop();
        else world.abandon();
        const content = what === "empty" ? new Uint8Array(0) : disk.readAll(pathOf(6, "t-1"))!;
        await disk.replace(pathOf(6), content);
        const { values } = await started(disk, wanted);
        const own = values?.filter((value) => value.startsWith("p0")).length ?? 16;
        assertEquals([own, values?.length ?? 16], [16, 16]);
      });
    }
  }
}

for (const size of ["journaled whole", "synced itself"] as const) {
  for (const journal of ["there", "gone"] as const) {
    Deno.test(`a new log's first segment, ${size}, is gone, the journal ${journal}: put back, or words`, async () => {
      const wanted = [wantedLog(ID, { topic: "t" })];
      const disk = new MemoryStore();
      const { world } = await openOn(disk, []);
      createAll(world.logs, wanted);
      const log = world.logs.get(ID, 0)!;
      if (size === "journaled whole") {
        for (let i = 0; i < 5; i++) await send(log, [`first ${i}`]).durable;
      } else await send(log, [largeValue("first", 300_000)]).durable;
      log.roll();
      for (let i = 0; i < 5; i++) await send(log, [`second ${i}`]).durable;
      world.abandon();
      disk.remove(pathOf(0));
      if (journal === "gone") { for (const name of journalFiles(disk)) disk.remove(name); }
      const { values } = await started(disk, wanted);
      const isHealed = size === "journaled whole" && journal === "there";
      assertEquals(values?.length ?? null, isHealed ? 10 : null, `served ${values}`);
    });
  }
}

for (const stop of STOPS) {
  for (const what of ["its own first half", "the neighbour's log"] as const) {
    Deno.test(`${stop}: a .swap of ${what}, that no pass of this log wrote, takes nothing away`, async () => {
      const wanted = [0, 1].map((partition) => wantedLog(ID, { topic: "t", partition }));
      const disk = new MemoryStore();
      const { world } = await openOn(disk, wanted);
      for (const { partition } of wanted) {
        const log = world.logs.get(ID, partition)!;
        for (let i = 0; i < 12; i++) {
          await send(log, [`p${partition} v${i}`]).durable;
          if (i % 4 === 3 && partition === 0) log.roll();
        }
        await log.sync();
      }
      await world.logs.checkpoint();
      if (stop === "clean") await world.stop();
      else world.abandon();
      const own = disk.readAll(pathOf(0))!, swap = `${pathOf(0)}.swap`;
      const content = what === "its own first half"
        ? own.slice(0, own.length / 2)
        : disk.readAll(pathOf(0, "t-1"))!;
      await disk.replace(swap, content);
      const { values, events } = await started(disk, wanted);
      assertEquals(values, Array.from({ length: 12 }, (_, i) => `p0 v${i}`));
      assert(events.some((event) => event.startsWith("log_healed") && event.includes(".swap")));
      assertEquals(disk.readAll(`${swap}.stray`), content);
    });
  }
}

async function sealed(stop: "clean" | "killed", isCompacted: boolean) {
  const config = isCompacted ? { "cleanup.policy": ["compact" as const] } : {};
  const wanted = [0, 1].map((partition) => wantedLog(ID, { topic: "t", partition }, config));
  const disk = new MemoryStore();
  const { world } = await openOn(disk, wanted);
  for (const { partition } of wanted) {
    const log = world.logs.get(ID, partition)!;
    for (let i = 0; i < 12; i++) {
      await sendKeyed(log, [[`k${i}`, `p${partition} v${i}`]]).durable;
      if (i % 4 === 3 && i < 11) log.roll();
    }
    await log.sync();
  }
  await world.logs.checkpoint();
  if (stop === "clean") await world.stop();
  else world.abandon();
  return { disk, wanted };
}

async function swap(disk: Store, base: number): Promise<void> {
  const own = disk.readAll(pathOf(base))!, other = disk.readAll(pathOf(base, "t-1"))!;
  await disk.replace(pathOf(base), other);
  await disk.replace(pathOf(base, "t-1"), own);
}

const HARMS: Record<string, (disk: Store) => unknown> = {
  "a middle segment is removed": (disk) => disk.remove(pathOf(4)),
  "a middle segment is cut between two batches": (disk) =>
    cut(disk, pathOf(4), batch.sizeInBytes(disk.readAll(pathOf(4))!, 0) * 2),
  "a middle segment is emptied": (disk) => cut(disk, pathOf(4), 0),
  "the first segment is swapped with the neighbour's": (disk) => swap(disk, 0),
  "a middle segment is swapped with the neighbour's": (disk) => swap(disk, 4),
  "the last segment is swapped with the neighbour's": (disk) => swap(disk, 8),
};

for (const stop of STOPS) {
  for (const isCompacted of [false, true]) {
    for (const [what, harm] of Object.entries(HARMS)) {
      Deno.test(`${stop}, ${isCompacted ? "compact" : "delete"}: ${what}: the right records or none, and verify agrees`, async () => {
        const { disk, wanted } = await sealed(stop, isCompacted);
        await harm(disk);
        const { values } = await started(disk, wanted);
        if (values !== null) assertEquals(values, Array.from({ length: 12 }, (_, i) => `p0 v${i}`));
      });
    }
  }
}

for (const journal of ["there", "gone"] as const) {
  Deno.test(`a log that ends below what was written down as durable, the journal ${journal}: put back, or words`, async () => {
    const wanted = [wantedLog(ID, { topic: "t" })];
    const disk = new MemoryStore();
    const { world } = await openOn(disk, wanted);
    const log = world.logs.get(ID, 0)!;
    for (let i = 0; i < 10; i++) await send(log, [`v${i}`]).durable;
    await world.logs.checkpoint();
    world.abandon();
    await cut(disk, pathOf(0), 0);
    if (journal === "gone") { for (const name of journalFiles(disk)) disk.remove(name); }
    const { values } = await started(disk, wanted);
    assertEquals(values?.length ?? null, journal === "gone" ? null : 10);
  });
}

Deno.test("a segment without a recorded head that is another log's is told by the journal's checksums", async () => {
  const wanted = [0, 1].map((partition) => wantedLog(ID, { topic: "t", partition }));
  const disk = new MemoryStore();
  const { world } = await openOn(disk, wanted);
  for (const { partition } of wanted) {
    const log = world.logs.get(ID, partition)!;
    for (let i = 0; i < 12; i++) await send(log, [`p${partition} v${i}`]).durable;
  }
  world.abandon();
  await swap(disk, 0);
  assertEquals((await started(disk, wanted)).values, null);
});

Deno.test("an intact batch behind a clean end is judged by the second start as by the first", async () => {
  const wanted = [wantedLog(ID, { topic: "t" })];
  const disk = new MemoryStore();
  const { world } = await openOn(disk, wanted);
  const log = world.logs.get(ID, 0)!;
  for (let i = 0; i < 3; i++) await send(log, [`v${i}`]).durable;
  await world.stop();
  const bytes = disk.readAll(pathOf(0))!, more = bytes.slice(0, bytes.length / 3);
  batch.assign(more, 0, 3, 0);
  await disk.replace(pathOf(0), new Uint8Array([...bytes, ...more]));
  const first = await started(disk, wanted), second = await started(disk, wanted);
  assertEquals(second.values, first.values);
});

Deno.test("under the policy os a power loss may take what was acknowledged, and the partition serves the rest", async () => {
  const wanted = [wantedLog(ID, { topic: "t" })];
  const store = new FaultyStore(new MemoryStore());
  const { world } = await openOn(store, wanted, { policy: "os" });
  const log = world.logs.get(ID, 0)!;
  for (let i = 0; i < 10; i++) await send(log, [`v${i}`]).durable;
  await world.logs.checkpoint();
  const disk = await store.crash({ unsynced: "lost", names: "kept" });
  world.abandon();
  const { world: again } = await openOn(disk, wanted, { policy: "os" });
  assertEquals(await servedBy(again, wanted[0]), []);
  again.abandon();
});

for (const stop of STOPS) {
  for (const policy of ["fsync", "os"] as const) {
    Deno.test(`${stop}, ${policy}: a dropped segment that stayed while its successor went does not take the log out of service`, async () => {
      const wanted = [wantedLog(ID, { topic: "t" })];
      const disk = new MemoryStore();
      const { world } = await openOn(disk, wanted, { policy });
      const log = world.logs.get(ID, 0)!;
      for (let i = 0; i < 12; i++) {
        if (i > 0 && i % 3 === 0) log.roll();
        await send(log, [`v${i}`]).durable;
      }
      const second = disk.readAll(pathOf(3))!;
      log.advanceStart(10);
      await world.logs.checkpoint();
      if (stop === "clean") await world.stop();
      else world.abandon();
      await disk.replace(pathOf(3), second); // as a rename that failed leaves it: those around it are gone
      const found = await started(disk, wanted);
      assertEquals(found.values, ["v10", "v11"]);
      assertEquals([found.start, found.end], [10, 12]);
    });
  }
}

for (const stop of STOPS) {
  Deno.test(`${stop}: index entries of batches that a power loss took do not keep the next from being appended`, async () => {
    const wanted = [wantedLog(ID, { topic: "t" }, { "index.interval.bytes": 0 })];
    const disk = new MemoryStore();
    const { world } = await openOn(disk, wanted);
    const log = world.logs.get(ID, 0)!;
    for (let i = 0; i < 8; i++) {
      if (i === 3) log.roll();
      await send(log, [`v${i}`]).durable;
    }
    await log.sync();
    const stale = ["index", "timeindex"].map((kind) => `t-0/${segmentName(3)}.${kind}`);
    for (const segment of log.segments) segment.flushIndexes(true);
    const entries = stale.map((path) => disk.readAll(path)!);
    world.abandon();
    // The log is as it was before the roll, and what the indexes had been cut back to was not synced.
    const young = new MemoryStore();
    const { world: next } = await openOn(young, wanted);
    for (let i = 0; i < 3; i++) await send(next.logs.get(ID, 0)!, [`v${i}`]).durable;
    next.logs.get(ID, 0)!.roll();
    if (stop === "clean") await next.stop();
    else next.abandon();
    for (const [i, path] of stale.entries()) await young.replace(path, entries[i]);
    const { world: again } = await openOn(young, wanted);
    const back = again.logs.get(ID, 0)!;
    for (let i = 3; i < 6; i++) await send(back, [`w${i}`]).durable;
    assertEquals(await servedBy(again, wanted[0]), ["v0", "v1", "v2", "w3", "w4", "w5"]);
    await again.stop();
    assertEquals((await started(young, wanted)).values?.length, 6);
  });
}

Deno.test("a deleted topic's folder that a power loss brought back under a name made again hides no acknowledged record", async () => {
  const old = randomUuid(), disk = new MemoryStore();
  const { world: first } = await openOn(disk, [wantedLog(old, { topic: "t" })]);
  for (let i = 0; i < 3; i++) await send(first.logs.get(old, 0)!, [`old ${i}`]).durable;
  await first.stop();
  const theirs = disk.list("t-0").map(({ name }) => [name, disk.readAll(`t-0/${name}`)!] as const);
  const options = { journalBytes: 64 << 10, wasDeleted: (id: string) => id === old };
  const wanted = [wantedLog(ID, { topic: "t" })];
  const { world: second } = await openOn(disk, [], options);
  createAll(second.logs, wanted); // over the folder of the deleted one
  await send(second.logs.get(ID, 0)!, ["new"]).durable;
  second.abandon();
  disk.remove("t-0"); // neither the renaming nor the new folder had reached the device
  disk.makeFolder("t-0");
  for (const [name, bytes] of theirs) await disk.replace(`t-0/${name}`, bytes);
  const { world } = await openOn(disk, wanted, options);
  await world.logs.ready(ID, 0);
  assertEquals(await servedBy(world, wanted[0]), ["new"], world.logs.offlineReason(ID, 0) ?? "");
  await world.stop();
});

Deno.test("a new log that is to begin with its second segment does so for good", async () => {
  const wanted = [wantedLog(ID, { topic: "t" })];
  const disk = new MemoryStore();
  const { world } = await openOn(disk, []);
  createAll(world.logs, wanted);
  const log = world.logs.get(ID, 0)!;
  await send(log, [largeValue("first", 300_000)]).durable;
  log.roll();
  for (let i = 0; i < 5; i++) await send(log, [`second ${i}`]).durable;
  world.abandon();
  disk.remove(pathOf(0));
  assertEquals((await started(disk, wanted)).values, null);
  await raiseStart(disk, "t-0", 1, ID);
  for (let starts = 0; starts < 2; starts++) {
    assertEquals((await started(disk, wanted)).values?.length, 5);
  }
});

Deno.test("intact batches behind a sealed segment's recorded end are cut alone", async () => {
  const { disk, wanted } = await sealed("clean", false);
  const own = disk.readAll(pathOf(4))!, more = own.slice(0, batch.sizeInBytes(own, 0));
  await disk.replace(pathOf(4), new Uint8Array([...own, ...more]));
  assertEquals((await started(disk, wanted)).values, null);
  const catalogued = () => ({
    topicId: ID,
    mayHaveGaps: false,
    maxLeaderEpoch: 0,
  });
  for await (const { folder, damage, plan } of verifyPartitions(disk, catalogued)) {
    if (folder !== "t-0") continue;
    assertEquals(damage!.isExcess, true);
    await cutExcess(disk, folder, damage!, plan);
  }
  assertEquals((await started(disk, wanted)).values?.length, 12);
});
