/**
 * Verify tells what a start does, and a repair, cut off at any call of the store, leaves a directory that verify and a second
 * repair still understand; nothing that was cut comes back.
 */
import { assert, assertEquals } from "@std/assert";
import * as batch from "../../protocol/records/batch.ts";
import {
  batchesOf,
  COMPACTED,
  entryOf,
  filledLog,
  harm,
  logsOf,
  opened,
  pathOf,
  REF,
  twoRecords,
} from "../../testing/damaged_log.ts";
import { FaultyStore, type Operation } from "../../testing/faulty_store.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import {
  CLEANER_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  LOG_START_CHECKPOINT,
  readCheckpoint,
  RECOVERY_POINT_CHECKPOINT,
  writeCheckpoint,
} from "../directory/checkpoints.ts";
import { writeCleanShutdown } from "../directory/clean_shutdown.ts";
import { writeInventory } from "../directory/inventory.ts";
import { encodeInventory, INVENTORY_FILE } from "../directory/inventory.ts";
import { Journal } from "../durability/journal.ts";
import { type JournalEntry, readJournal } from "../durability/journal_entries.ts";
import { type InPlaceBlob, type Store, StoreError } from "../store.ts";
import { beginAt, cutAt, raiseStart } from "./repair.ts";
import { type PartitionReport, verifyPartitions } from "./verify.ts";

async function verified(store: Store, isCompacted = false): Promise<PartitionReport> {
  const catalogued = () => ({ mayHaveGaps: isCompacted, maxLeaderEpoch: 9 });
  for await (const report of verifyPartitions(store, catalogued)) return report;
  throw new Error("no partition");
}

/** Writes the entries as a journal of the store. */
async function writeJournal(store: Store, entries: readonly JournalEntry[]): Promise<void> {
  const fail = (error: unknown) => {
    throw error;
  };
  const journal = Journal.open({ store, fileBytes: 1 << 20, onFailure: fail });
  for (const { payload, ...where } of entries) {
    await journal.append([{
      log: { sync: () => Promise.resolve(), isClosed: false, isGone: false },
      stretch: {
        ...where,
        bytes: payload.length,
        read: (into) => into.set(payload),
      },
    }]);
  }
  journal.close();
}

async function withJournal(store = new MemoryStore()) {
  await filledLog({ store, epochs: [0, 5] });
  const entries = [0, 8, 16].map((base) => entryOf(store, base));
  const other = { ...entryOf(store, 0), folder: "u-0" };
  await writeJournal(store, [...entries, other]);
  const all = { topic: REF.topic, partition: REF.partition, offset: 24 };
  await writeCheckpoint(store, HIGH_WATERMARK_CHECKPOINT, [all]);
  await writeCheckpoint(store, CLEANER_CHECKPOINT, [all]);
  await writeCheckpoint(store, LOG_START_CHECKPOINT, [{ ...all, offset: 0 }]);
  await writeCheckpoint(store, RECOVERY_POINT_CHECKPOINT, [{ ...all, offset: 20 }]);
  return { store, entries };
}

Deno.test("a hole that a start fills from the journal is no damage, and verify changes nothing", async () => {
  const { store, entries } = await withJournal();
  const whole = logsOf(store);
  await harm(store, pathOf(8), (bytes) => void bytes.fill(0, 100, 250));
  const holed = logsOf(store);
  const { damage, findings } = await verified(store);
  assertEquals(damage, null);
  assertEquals(findings.filter(({ kind }) => kind === "restored").length, 1);
  assertEquals(logsOf(store), holed);
  const { log, warnings } = await opened(store, { recoveryPoint: 0, journal: entries }, COMPACTED);
  assertEquals([log.offline, logsOf(store)], [null, whole]);
  assert(warnings.length > 0);
});

Deno.test("verify says what a start does: torn, put aside, damaged", async () => {
  const { store } = await filledLog();
  await store.replace(pathOf(99), new Uint8Array(0));
  assertEquals((await verified(store)).findings.map(({ kind }) => kind), ["stray"]);
  store.remove(pathOf(99));
  await harm(store, pathOf(16), (bytes) => bytes.subarray(0, -3));
  assertEquals((await verified(store)).findings.map(({ kind }) => kind), ["torn"]);
  await writeCleanShutdown(store, 0);
  assertEquals((await verified(store)).findings.map(({ kind }) => kind), ["damage"]);
});

/** A damaged log, the journal of which has what lies behind the damage. */
async function damagedWithJournal(store = new MemoryStore()) {
  await withJournal(store);
  const entries = readJournal(store).entries.filter(({ segmentBase }) => segmentBase !== 8);
  store.remove("runnel-journal-0");
  await writeJournal(store, entries);
  await harm(store, pathOf(8), (bytes) => void (bytes[100] ^= 1)); // in the second batch, offset 10
  await harm(store, pathOf(0), (bytes) => void (bytes[100] ^= 1)); // the journal has this one
  return store;
}

async function repaired(store: Store, isCompacted = false): Promise<void> {
  const { folder, damage, examined } = await verified(store, isCompacted);
  assert(damage !== null, "not damaged");
  await cutAt(store, folder, damage!, examined);
}

const CHECKPOINTS = [HIGH_WATERMARK_CHECKPOINT, CLEANER_CHECKPOINT, RECOVERY_POINT_CHECKPOINT];

async function assertCut(store: Store, where: string): Promise<void> {
  assertEquals((await verified(store)).damage, null, where);
  const journal = readJournal(store).entries.filter(({ folder }) => folder === "t-0");
  const { log, damage } = await opened(store, { recoveryPoint: 0, journal }, COMPACTED);
  assertEquals(damage, null, where);
  const offsets = batchesOf(log).map((bytes) => batch.baseOffset(bytes));
  assertEquals([damage, log.logEndOffset, offsets], [null, 10, [0, 2, 4, 6, 8]], where);
  for (const file of CHECKPOINTS) {
    assertEquals(readCheckpoint(store, file).map(({ offset }) => offset), [10], where);
  }
  assertEquals(
    readJournal(store).entries.filter(({ folder }) => folder === "u-0").length,
    1,
    where,
  );
  assertEquals(log.epochs.entries, [{ epoch: 0, startOffset: 0 }], where);
  // What is written next is not mixed with what was cut.
  await log.lead(7);
  await log.append(twoRecords(), { origin: "client", leaderEpoch: 7 }).durable;
  const again = await opened(
    store,
    { recoveryPoint: 0, journal: readJournal(store).entries },
    COMPACTED,
  );
  assertEquals([again.damage, again.log.logEndOffset], [null, 12], where);
}

Deno.test("what repair cut comes back from nowhere, and what it kept was made whole first", async () => {
  const store = await damagedWithJournal();
  await repaired(store);
  await assertCut(store, "repaired");
});

/** Batches of two records at 0, 10, …, 70 of two compacted segments, and at 80, 82, … of the last. */
async function gappedLog(store = new MemoryStore()): Promise<MemoryStore> {
  await filledLog({ store });
  for (const [i, old] of [0, 8, 16].entries()) {
    const bytes = store.readAll(pathOf(old))!.slice();
    for (const [j, position] of [...batch.batches(bytes)].entries()) {
      batch.assign(bytes, position, i < 2 ? i * 40 + j * 10 : 80 + j * 2, 0);
    }
    store.remove(pathOf(old));
    await store.replace(pathOf(i * 40), bytes);
  }
  const { topic, partition } = REF;
  await writeCheckpoint(store, RECOVERY_POINT_CHECKPOINT, [{ topic, partition, offset: 80 }]);
  return store;
}

Deno.test("a compacted log that was cut is whole, also where no recovery point proved its gaps", async () => {
  for (const n of [1, 2, 3, 5, 6, 7]) { // the fourth begins a segment, whose name stays
    const store = await gappedLog();
    if (n % 2 === 1) store.remove(RECOVERY_POINT_CHECKPOINT);
    else {await writeCheckpoint(store, RECOVERY_POINT_CHECKPOINT, [{
        topic: "t",
        partition: 0,
        offset: 2,
      }]);}
    await harm(store, pathOf(n < 4 ? 0 : 40), (bytes) => {
      bytes[(n & 3) * bytes.length / 4 + 70] ^= 1;
    });
    await repaired(store, true);
    const { damage, nextOffset } = await verified(store, true);
    assertEquals([damage, nextOffset], [null, (n - 1) * 10 + 2]);
    const { log } = await opened(store, {}, COMPACTED);
    await log.append(twoRecords(), { origin: "client", leaderEpoch: 0 }).durable;
    assertEquals([log.offline, log.logEndOffset], [null, nextOffset + 2]);
  }
  const { store } = await filledLog();
  await harm(store, pathOf(8), (bytes) => void (bytes[100] ^= 1));
  await repaired(store);
  const { log, damage } = await opened(store);
  await log.append(twoRecords(), { origin: "client", leaderEpoch: 0 }).durable;
  assertEquals([damage, log.logEndOffset, batchesOf(log).length], [null, 12, 6]);
});

Deno.test("a repair leaves no batch that lies about its base offset, behind a gap either", async () => {
  const start = async (store: Store) => {
    const [{ offset: recoveryPoint }] = readCheckpoint(store, RECOVERY_POINT_CHECKPOINT);
    return await opened(store, { recoveryPoint, maxLeaderEpoch: 9 }, COMPACTED);
  };
  const whole = batchesOf((await start(await gappedLog())).log);
  assertEquals(whole.length, 12);
  const offsets = [...whole.map((bytes) => batch.baseOffset(bytes)), 88];
  let cuts = 0;
  for (let n = 0; n < 12; n++) {
    for (let bit = 0; bit < 8; bit++) {
      const store = await gappedLog(), segment = n >> 2, told = offsets[n] ^ 1 << bit;
      await harm(store, pathOf(segment * 40), (bytes) => {
        batch.assign(bytes, (n & 3) * bytes.length / 4, told, 0);
      });
      if ((await verified(store, true)).damage === null) continue;
      cuts++;
      await repaired(store, true);
      const { log, damage } = await start(store);
      const where = `batch ${n} at ${told} in place of ${offsets[n]}, cut at ${log.logEndOffset}`;
      assertEquals(damage, null, where);
      // The liar is gone; of those before it one at most, which might have been the one that lies.
      const left = [0, 40, 80].flatMap((base) => {
        const bytes = store.readAll(pathOf(base)) ?? new Uint8Array();
        return [...batch.batches(bytes)].map((at) => batch.baseOffset(bytes, at));
      });
      assertEquals(left, offsets.slice(0, left.length), where);
      assert(left.length >= n - 1, where);
    }
  }
  assert(cuts > 50, `${cuts} cuts`);
});

/** Fails its nth call that changes anything, and all that follow. */
class DyingStore extends FaultyStore {
  left = Infinity;
  override strike(on: Operation, path: string) {
    if (on !== "read" && --this.left < 0) {
      throw new StoreError(`Cannot ${on} ${path}: the process is dead`, "io");
    }
    return super.strike(on, path);
  }

  /** In one call, as pwrite does it; the store's own is made of a cut and appends. */
  override openInPlace(path: string): InPlaceBlob {
    const blob = super.openInPlace(path);
    return {
      path,
      write: (position, bytes) => {
        this.strike("append", path);
        const { left } = this;
        this.left = Infinity;
        blob.write(position, bytes);
        this.left = left;
      },
      sync: () => blob.sync(),
      syncInPlace: () => blob.syncInPlace(),
      close: () => blob.close(),
    };
  }
}

for (const unsynced of ["kept", "lost"] as const) {
  Deno.test(`a repair that is cut off at any call is understood and can be done again (unsynced ${unsynced})`, async () => {
    let calls = 0, skipped = 0;
    for (let n = 0, done = false; !done; n++) {
      const memory = new MemoryStore();
      await damagedWithJournal(memory);
      // The store takes bytes behind a write in place for unsynced too.
      if (unsynced === "lost") await harm(memory, pathOf(0), (bytes) => void (bytes[100] ^= 1));
      const store = new DyingStore(memory);
      await syncAll(store);
      store.left = n;
      await repaired(store).catch((error) => {
        if (!(error instanceof StoreError)) throw error;
      });
      done = store.left >= 0;
      calls = n;
      store.left = Infinity;
      const disk = await store.crash({ unsynced, names: unsynced, random: () => 0 });
      const { damage, examined, folder } = await verified(disk);
      const where = `cut off at call ${n}`;
      if (damage !== null) {
        assertEquals(damage.offset, 10, `${where}: ${damage.problem}`);
        await cutAt(disk, folder, damage, examined);
      }
      const { nextOffset, batches } = await verified(disk);
      // An empty segment behind compacted ones is the active one: offsets up to it are skipped then.
      if (damage === null && nextOffset === 16) skipped++;
      else assertEquals(nextOffset, 10, where);
      assertEquals(batches, 5, where);
      if (damage !== null || done) await assertCut(disk, where);
    }
    assert(skipped <= 12, `${skipped} times skipped`);
    assert(calls > 15, `${calls} calls`);
  });
}

Deno.test("what the journal alone had on the device is there on its own before a repair forgets the journal", async () => {
  const memory = new MemoryStore();
  const { entries } = await withJournal(memory);
  memory.remove("runnel-journal-0");
  await writeJournal(memory, entries.filter(({ segmentBase }) => segmentBase !== 16));
  await harm(memory, pathOf(16), (bytes) => void (bytes[100] ^= 1)); // in the second batch, offset 18
  const [checkpoint] = readCheckpoint(memory, RECOVERY_POINT_CHECKPOINT);
  await writeCheckpoint(memory, RECOVERY_POINT_CHECKPOINT, [{ ...checkpoint, offset: 8 }]);
  const store = new FaultyStore(memory);
  await syncAll(store);
  { // a broker was killed before it synced these
    const blob = store.open(pathOf(8)), bytes = memory.readAll(pathOf(8))!.slice();
    blob.truncate(bytes.length / 2);
    blob.append(bytes.subarray(bytes.length / 2));
    blob.close();
  }
  await repaired(store);
  const disk = await store.crash({ unsynced: "lost", names: "lost", random: () => 0 });
  const { batches, damage, nextOffset } = await verified(disk);
  assertEquals([batches, damage, nextOffset], [9, null, 18]);
});

/** A log of two segments that is written down in an inventory too. */
async function writtenDown(store: MemoryStore): Promise<void> {
  await filledLog({ store });
  const { topicId, topic, partition } = REF;
  const segments = [0, 8, 16].map((baseOffset) => ({
    baseOffset,
    bytes: store.readAll(pathOf(baseOffset))!.length,
  }));
  const row = {
    ...{ topicId, topic, partition, isExact: false, logStartOffset: 0 },
    ...{ recoveryPoint: 24, endOffset: 24, compactedTo: null, compactingTo: null },
    ...{ lastBatch: null, snapshot: null, epochs: [], segments },
  };
  const metadata = { endOffset: 0, bytes: 0 };
  await writeInventory(store, { brokerEpoch: 1, isClean: false, metadata, logs: [row] });
}

for (const lost of ["all", "the first"] as const) {
  Deno.test(`a log that lost ${lost} of its segments begins anew, wherever the repair is cut off`, async () => {
    let calls = 0;
    for (let n = 0, done = false; !done; n++) {
      const memory = new MemoryStore();
      await writtenDown(memory);
      for (const base of lost === "all" ? [0, 8, 16] : [0]) memory.remove(pathOf(base));
      const store = new DyingStore(memory);
      await syncAll(store);
      const mend = async (on: Store) => {
        const { folder, damage, topicId } = await verified(on);
        if (damage === null) return;
        assertEquals(
          [damage.isAllGone, damage.shouldBegin],
          lost === "all" ? [true, null] : [false, 0],
        );
        if (lost === "all") await beginAt(on, folder, { offset: damage.reached!, topicId });
        else await raiseStart(on, folder, damage.offset);
      };
      store.left = n;
      await mend(store).catch((error) => {
        if (!(error instanceof StoreError)) throw error;
      });
      done = store.left >= 0;
      calls = n;
      store.left = Infinity;
      const disk = await store.crash({ unsynced: "lost", names: "lost", random: () => 0 });
      await mend(disk);
      const { damage, nextOffset } = await verified(disk);
      assertEquals([damage, nextOffset], [null, 24], `cut off at call ${n}`);
    }
    assert(calls > 0, `${calls} calls`);
  });
}

/** Makes what the store holds survive a crash. */
async function syncAll(store: Store, folder = ""): Promise<void> {
  for (const { name, isFolder } of store.list(folder)) {
    const path = folder === "" ? name : `${folder}/${name}`;
    if (isFolder) {
      await syncAll(store, path);
      continue;
    }
    const blob = store.open(path);
    await blob.sync();
    blob.close();
  }
  await store.syncFolder(folder);
}

Deno.test("a repair makes no file of a segment that retention has removed, though the inventory names it", async () => {
  const { store } = await filledLog();
  const bytes = (base: number) => store.readAll(pathOf(base))!.length;
  const segments = [0, 8, 16].map((baseOffset) => ({ baseOffset, bytes: bytes(baseOffset) }));
  const row = {
    ...REF,
    isExact: false,
    logStartOffset: 8,
    recoveryPoint: 24,
    endOffset: 24,
    compactedTo: null,
    compactingTo: null,
    lastBatch: null,
    snapshot: null,
    epochs: [],
    segments,
  };
  const metadata = { endOffset: 0, bytes: 0 };
  const inventory = { brokerEpoch: 0, isClean: false, metadata, logs: [row] };
  await store.replace(INVENTORY_FILE, encodeInventory(inventory));
  for (const { name } of store.list("t-0")) {
    if (name.startsWith("00000000000000000000.")) store.remove(`t-0/${name}`);
  }
  await harm(store, pathOf(16), (b) => void (b[100] ^= 1));
  await repaired(store);
  assertEquals((await verified(store)).damage, null);
  assert(!store.list("t-0").some(({ name }) => name === "00000000000000000000.log"));
});
