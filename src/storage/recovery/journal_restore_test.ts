// Proves that the journal gives back what a crash took, and leaves alone what lies below the recovery point: such
// segments may have been compacted or removed since their entries were written.
import { assert, assertEquals } from "@std/assert";
import * as batch from "../../protocol/records/batch.ts";
import { Cleaner } from "../compaction/cleaner.ts";
import {
  BusyClock,
  compactedConfig,
  consume,
  History,
  newLog,
  testContext,
  TOPIC_ID,
} from "../../testing/compaction_history.ts";
import type { JournalEntry } from "../durability/journal_entries.ts";
import {
  batchesOf,
  COMPACTED,
  entryOf,
  filledLog,
  harm,
  logsOf,
  opened,
  pathOf,
  twoRecords,
} from "../../testing/damaged_log.ts";
import { segmentName } from "../segments/segment.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { openLog } from "../log/open_log.ts";

/** Entries for every batch of the log's segments, as they lie there now. */
function entriesOf(log: ReturnType<typeof newLog>): JournalEntry[] {
  return log.segments.flatMap((segment) =>
    [...segment.scan()].map(([bytes, position]) => ({
      sequence: batch.baseOffset(bytes),
      topicId: TOPIC_ID,
      folder: log.folder,
      segmentBase: segment.baseOffset,
      position,
      payload: bytes.slice(),
    }))
  );
}

async function logWithJournal() {
  const store = new MemoryStore(), clock = new BusyClock();
  const context = testContext(store, clock);
  const log = newLog(context);
  const history = new History(log, clock, () => 0);
  for (let i = 0; i < 100; i++) await history.put([`k${i % 5}`, `value ${i}`]);
  await log.sync();
  return { store, context, clock, log, history, journal: entriesOf(log) };
}

async function reopenedWith(
  { context }: Awaited<ReturnType<typeof logWithJournal>>,
  journal: readonly JournalEntry[],
  recoveryPoint: number | undefined,
) {
  const ref = { topicId: TOPIC_ID, topic: "t", partition: 0 };
  const checkpoint = { recoveryPoint, logStartOffset: undefined, clean: false, journal };
  return await openLog(context, ref, compactedConfig(), checkpoint);
}

Deno.test("what is missing behind the recovery point is put back", async () => {
  const setup = await logWithJournal();
  const before = consume(setup.log, "committed");
  const { baseOffset } = setup.log.segments.at(-1)!;
  setup.store.open(`t-0/${String(baseOffset).padStart(20, "0")}.log`).truncate(0);
  const { log, damage } = await reopenedWith(setup, setup.journal, baseOffset);
  assertEquals([damage, log.logEndOffset], [null, 100]);
  assertEquals(consume(log, "committed"), before);
});

Deno.test("entries of segments that were compacted since are not redone", async () => {
  const setup = await logWithJournal();
  const { store, clock, log, history, context } = setup;
  const cleaner = new Cleaner({
    store,
    pool: context.pool,
    clock,
    logs: () => [log],
    checkpoint: () => Promise.resolve(),
    backoffMs: 1,
    dedupeBufferBytes: 1 << 20,
    ioMaxBytesPerSecond: Infinity,
    maxDecompressedBytes: 1 << 20,
    onEvent: () => {},
  });
  while (await cleaner.cleanDirtiest());
  await history.put(["k0", "more"]); // and once more, so that segments join
  log.roll();
  await log.sync();
  while (await cleaner.cleanDirtiest());
  const before = consume(log, "committed");
  const { log: again, damage } = await reopenedWith(setup, setup.journal, log.recoveryPoint);
  assertEquals(damage, null);
  assertEquals(consume(again, "committed"), before);
});

Deno.test("nor are they with the recovery-point checkpoint missing", async () => {
  const setup = await logWithJournal();
  const { store, clock, log, history, context } = setup;
  const cleaner = new Cleaner({
    store,
    pool: context.pool,
    clock,
    logs: () => [log],
    checkpoint: () => Promise.resolve(),
    backoffMs: 1,
    dedupeBufferBytes: 1 << 20,
    ioMaxBytesPerSecond: Infinity,
    maxDecompressedBytes: 1 << 20,
    onEvent: () => {},
  });
  while (await cleaner.cleanDirtiest());
  await history.put(["k0", "more"]);
  const before = consume(log, "committed");
  const files = store.list("t-0").filter(({ name }) => name.endsWith(".log"));
  const { log: again, damage } = await reopenedWith(setup, setup.journal, undefined);
  assertEquals([damage, consume(again, "committed")], [null, before]);
  assertEquals(store.list("t-0").filter(({ name }) => name.endsWith(".log")), files);
});

Deno.test("stale entries put nothing into a compacted segment that the disk has changed", async () => {
  const setup = await logWithJournal();
  const { store, clock, log, history, context } = setup;
  const cleaner = new Cleaner({
    store,
    pool: context.pool,
    clock,
    logs: () => [log],
    checkpoint: () => Promise.resolve(),
    backoffMs: 1,
    dedupeBufferBytes: 1 << 20,
    ioMaxBytesPerSecond: Infinity,
    maxDecompressedBytes: 1 << 20,
    onEvent: () => {},
  });
  while (await cleaner.cleanDirtiest());
  await history.put(["k0", "more"]);
  const before = consume(log, "committed"),
    { baseOffset } = log.segments.find(({ size }) => size > 0)!;
  const path = `t-0/${segmentName(baseOffset)}.log`, whole = store.readAll(path)!.slice();
  let offline = 0;
  for (let at = 16; at < whole.length; at += 5) {
    const bytes = whole.slice();
    bytes[at] ^= 0x10;
    await store.replace(path, bytes);
    const { log: again, damage } = await reopenedWith(setup, setup.journal, undefined);
    if (damage === null) assertEquals(consume(again, "committed"), before, `byte ${at}`);
    else {
      offline++;
      assertEquals(store.readAll(path), bytes, `byte ${at}`);
    }
  }
  assert(offline > 10, `${offline} offline`);
});

/** A plain log of three segments, all of it in the journal, one entry for two batches. */
async function journaled() {
  const { store } = await filledLog();
  const journal: JournalEntry[] = [];
  for (const base of [0, 8, 16]) {
    const { length } = store.readAll(pathOf(base))!;
    for (const from of [0, length / 2]) {
      const entry = entryOf(store, base, { from, to: from + length / 2 });
      journal.push({ ...entry, sequence: journal.length });
    }
  }
  return { store, journal, whole: logsOf(store) };
}

Deno.test("whatever byte of a journaled log is changed, it is put back, and one warning says how much", async () => {
  const { store, journal, whole } = await journaled();
  for (const base of [0, 8, 16]) {
    const sound = store.readAll(pathOf(base))!.slice();
    for (let at = 0; at < sound.length; at++) {
      const bytes = sound.slice();
      bytes[at] ^= 1 << at % 8;
      await store.replace(pathOf(base), bytes);
      const found = await opened(store, { journal, maxLeaderEpoch: 0 });
      assertEquals([found.damage, found.log.logEndOffset], [null, 24], `${base}: byte ${at}`);
      assertEquals(logsOf(store), whole, `${base}: byte ${at}`);
      const healed = found.warnings.filter((warning) => warning.includes("put back"));
      assertEquals(healed.length, 1, found.warnings.join("; "));
    }
  }
});

Deno.test("holes anywhere behind the last sync are filled", async () => {
  const { store, journal, whole } = await journaled();
  for (let from = 0; from < 372; from += 31) {
    for (const to of [from + 20, from + 150, 372]) {
      await harm(store, pathOf(8), (bytes) => void bytes.fill(0, from, to));
      const { damage } = await opened(store, { journal });
      assertEquals([damage, logsOf(store)], [null, whole], `${from} to ${to}`);
    }
  }
});

Deno.test("a segment whose name was lost is made again where it continues the log", async () => {
  for (const gone of [[16], [8], [8, 16], [0, 8, 16]]) {
    const { store, journal, whole } = await journaled();
    for (const base of gone) {
      for (const file of [".log", ".index", ".timeindex", ".snapshot"]) {
        store.remove(pathOf(base, file));
      }
    }
    const { damage, log } = await opened(store, { journal });
    assertEquals([damage, log.logEndOffset, logsOf(store)], [null, 24, whole], `${gone}`);
    assertEquals(batchesOf(log).length, 12);
  }
});

Deno.test("a lost segment of which the journal has not the beginning, or too little, takes the partition offline", async () => {
  for (const missing of [2, 3]) {
    const { store, journal } = await journaled();
    store.remove(pathOf(8));
    const before = logsOf(store);
    const { damage } = await opened(store, { journal: journal.filter((_, i) => i !== missing) });
    assert(damage !== null);
    assertEquals(logsOf(store), before, `without entry ${missing}`);
  }
});

Deno.test("what the journal has behind the end of the log, and cannot be joined to it, is a loss that is told", async () => {
  const { store, journal } = await journaled();
  await harm(store, pathOf(16), (bytes) => bytes.subarray(0, bytes.length / 4));
  const before = logsOf(store);
  const { damage } = await opened(store, { journal: journal.slice(-1) });
  assert(damage?.includes("offset 20 is in the journal"), damage ?? "no damage");
  assertEquals(logsOf(store), before);
});

Deno.test("entries whose bytes are in place are not written again", async () => {
  const { store, journal } = await journaled();
  const writes: string[] = [];
  const watched = new Proxy(store, {
    get(target, key: keyof typeof store) {
      if (key === "openInPlace") writes.push(key);
      const value = target[key];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const { damage, warnings } = await opened(watched, { journal });
  assertEquals([damage, warnings, writes], [null, [], []]);
});

Deno.test("an entry that contradicts a valid batch is void", async () => {
  const { store, journal, whole } = await journaled();
  const others = journal.map((entry) => {
    const payload = entry.payload.slice();
    for (const at of batch.batches(payload)) {
      payload[at + 80] ^= 1;
      batch.writeCrc(payload, at);
    }
    return { ...entry, payload };
  });
  const { damage, log } = await opened(store, { journal: others });
  assertEquals([damage, log.logEndOffset, logsOf(store)], [null, 24, whole]);
  // Nor is it put over a batch that only stands at another offset than it should.
  await harm(store, pathOf(8), (bytes) => void (bytes[7] ^= 1));
  const before = logsOf(store);
  assert((await opened(store, { journal: others })).damage !== null);
  assertEquals(logsOf(store), before);
});

Deno.test("an entry whose offsets or checksums are not those that come next is not put back", async () => {
  const changes: ((payload: Uint8Array, at: number) => void)[] = [
    (payload, at) => batch.assign(payload, at, batch.baseOffset(payload, at) + 1, 0),
    (payload, at) => batch.assign(payload, at, batch.baseOffset(payload, at) - 1, 0),
    (payload, at) => void (payload[at + 80] ^= 1),
  ];
  for (const change of changes) {
    const { store, journal } = await journaled();
    const others = journal.map((entry) => {
      const payload = entry.payload.slice();
      for (const at of [...batch.batches(payload)]) change(payload, at);
      return { ...entry, payload };
    });
    await harm(store, pathOf(8), (bytes) => void (bytes[70] ^= 1));
    const before = logsOf(store);
    assert((await opened(store, { journal: others })).damage !== null);
    assertEquals(logsOf(store), before);
  }
});

Deno.test("a copy that would reach over the batches behind is not put back", async () => {
  const { store, journal } = await journaled();
  await harm(store, pathOf(16), (bytes) => void (bytes[70] ^= 1));
  const large = twoRecords(300); // more than the segment has
  batch.assign(large, 0, 16, 0);
  const before = logsOf(store);
  const { damage } = await opened(store, { journal: [{ ...journal[4], payload: large }] });
  assert(damage !== null);
  assertEquals(logsOf(store), before);
});

Deno.test("where gaps may be, the journal knows a base offset that only looks like one", async () => {
  const { store, journal, whole } = await journaled();
  for (const base of [0, 8, 16]) {
    await harm(store, pathOf(base), (bytes) => void (bytes[bytes.length * 3 / 4 + 6] ^= 1));
    await harm(store, pathOf(base), (bytes) => void (bytes[bytes.length * 3 / 4 + 7] ^= 2));
    const at = { recoveryPoint: 0, journal, maxLeaderEpoch: 0 };
    const { damage } = await opened(store, at, COMPACTED);
    assertEquals([damage, logsOf(store)], [null, whole], `${base}`);
  }
});
