/**
 * What a start makes of a log that was harmed: what is proved to be torn is cut, what is proved to be in the journal is put
 * back, and everything else takes the partition offline with its bytes as they were.
 */
import { assert, assertEquals } from "@std/assert";
import { readInt64, writeInt64 } from "../../bytes/int64.ts";
import * as batch from "../../protocol/records/batch.ts";
import {
  batchesOf,
  COMPACTED,
  contextOf,
  entryOf,
  filesOf,
  filledLog,
  harm,
  logsOf,
  opened,
  pathOf,
  PLAIN,
  REF,
  twoRecords,
} from "../../testing/damaged_log.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { createLog } from "../log/open_log.ts";
import { recoverLog } from "./recovery.ts";

const flip = (at: number, bit = 1) => (bytes: Uint8Array) => void (bytes[at] ^= bit);

Deno.test("a flipped bit of a base offset, which no checksum covers, takes the partition offline", async () => {
  for (const recoveryPoint of [undefined, 20, 24]) {
    const { store } = await filledLog();
    await harm(store, pathOf(16), flip(4)); // 16 becomes 16,777,232
    const before = logsOf(store);
    const { log, damage } = await opened(store, { recoveryPoint });
    assert(damage?.includes("16777232"), `${recoveryPoint}: ${damage}`);
    assert(log.offline !== null);
    assertEquals(logsOf(store), before);
  }
});

Deno.test("one bad byte in the last batch of a sealed segment removes no later segment", async () => {
  const { store } = await filledLog();
  const { length } = store.readAll(pathOf(8))!;
  await harm(store, pathOf(8), flip(length - 1));
  const before = logsOf(store);
  const { damage } = await opened(store);
  assert(damage?.includes(`${pathOf(8)}`), damage ?? "no damage");
  assertEquals(logsOf(store), before);
});

Deno.test("a batch that the journal has is put back in place, and nothing behind it is touched", async () => {
  const store = new MemoryStore();
  const log = createLog(contextOf(store), REF, PLAIN);
  const small: Uint8Array[] = [];
  for (let i = 0; i < 74; i++) {
    const bytes = twoRecords(i >= 69 && i < 73 ? 450_000 : 10);
    await log.append(bytes, { origin: "client", leaderEpoch: 0 }).durable;
    small.push(bytes);
  }
  await log.close();
  const { length } = small[0], whole = store.readAll(pathOf(0))!;
  // As it is kept: the small ones are journaled, the large ones are synced directly, the last is journaled.
  const journal = Array.from({ length: 69 }, (_, i) => ({
    ...entryOf(store, 0, { from: i * length, to: (i + 1) * length }),
    sequence: i + 1,
  }));
  journal.push({ ...entryOf(store, 0, { from: whole.length - length }), sequence: 70 });
  await harm(store, pathOf(0), flip(70));
  const { log: again, damage } = await opened(store, { recoveryPoint: 0, journal });
  assertEquals([damage, again.logEndOffset], [null, 148]);
  assertEquals(store.readAll(pathOf(0)), whole);
});

Deno.test("a third unclean start leaves the beginnings of leader epochs where they were", async () => {
  const { store } = await filledLog({ batches: 15, rolls: [], epochs: [0] });
  let recoveryPoint = 0;
  for (let start = 1; start <= 3; start++) {
    const { log } = await opened(store, { recoveryPoint });
    await log.lead(start);
    for (let i = 0; i < 10; i++) {
      if (i === 5) log.roll(); // a walk from here on sees the epoch begin later than it did
      await log.append(twoRecords(), { origin: "client", leaderEpoch: start }).durable;
    }
    await log.saveEpochs();
    recoveryPoint = 40;
    log.retire("killed");
  }
  const { log } = await opened(store, { recoveryPoint });
  assertEquals(log.epochs.entries, [
    { epoch: 0, startOffset: 0 },
    { epoch: 1, startOffset: 30 },
    { epoch: 2, startOffset: 50 },
    { epoch: 3, startOffset: 70 },
  ]);
});

Deno.test("an epoch that falls or that nobody has given yet is never written down", async () => {
  for (const epoch of [7, 0x40000001, -2]) {
    const { store, log } = await filledLog({ epochs: [0, 6] });
    const known = log.epochs.entries;
    await harm(store, pathOf(16), (bytes) => {
      new DataView(bytes.buffer, bytes.byteOffset).setInt32(12 + bytes.length / 2, epoch);
    });
    const { log: again, damage } = await opened(store, { recoveryPoint: 0, maxLeaderEpoch: 1 });
    assert(damage !== null || again.epochs.entries.length === known.length, `${epoch}`);
    if (damage === null) assertEquals(again.epochs.entries, known);
  }
});

Deno.test("a segment name beyond 2^53 is put aside, whatever a start knows of the log", async () => {
  const { store } = await filledLog();
  await store.replace("t-0/09007199254740993000.log", new Uint8Array(3));
  await store.replace("t-0/00009007199254740993.log", new Uint8Array(0));
  const { log, damage, warnings } = await opened(store);
  assertEquals([damage, log.logEndOffset, warnings.length], [null, 24, 2]);
  const names = filesOf(store);
  for (const digits of ["09007199254740993000", "00009007199254740993"]) {
    assert(names.has(`${digits}.log.stray`) && !names.has(`${digits}.log`), digits);
  }
  assertEquals((await opened(store)).warnings, []);
});

Deno.test("an empty segment that does not continue the log is put aside, not removed", async () => {
  const { store } = await filledLog();
  await store.replace(pathOf(99), new Uint8Array(0));
  const { log, damage } = await opened(store, { recoveryPoint: 20 });
  assertEquals([damage, log.logEndOffset], [null, 24]);
  assertEquals(store.readAll(pathOf(99, ".log.stray")), new Uint8Array(0));
});

Deno.test("a torn tail is cut, and the segment behind it that has nothing is put aside", async () => {
  const { store } = await filledLog();
  const whole = store.readAll(pathOf(16))!;
  await harm(store, pathOf(16), (bytes) => bytes.subarray(0, bytes.length - 5));
  await store.replace(pathOf(24), new Uint8Array(0));
  const { log, damage, cutBytes } = await opened(store, { recoveryPoint: 20 });
  assertEquals([damage, log.logEndOffset, cutBytes], [null, 22, whole.length / 4 - 5]);
  assertEquals(store.readAll(pathOf(24, ".log.stray")), new Uint8Array(0));
  assertEquals(batchesOf(log).length, 11);
});

Deno.test("an end that a later batch of the same segment proves to be damage is kept", async () => {
  const { store } = await filledLog();
  await harm(store, pathOf(16), (bytes) => {
    const second = bytes.length / 4; // its base offset falls, its checksum holds
    writeInt64(bytes, second, readInt64(bytes, second) - 1);
    assert(batch.isIntact(bytes, second));
  });
  const before = logsOf(store);
  const { damage } = await opened(store, { recoveryPoint: 16 });
  assert(damage !== null);
  assertEquals(logsOf(store), before);
});

/** What a start with these options makes of the store's log. */
function recovered(store: MemoryStore, options: { recoveryPoint: number; mayBeTorn: boolean }) {
  return recoverLog({ ...contextOf(store), folder: "t-0" }, [0, 8, 16], {
    logStartOffset: 0,
    indexIntervalBytes: 100,
    mayHaveGaps: false,
    compactedTo: 0,
    maxLeaderEpoch: 0,
    journal: [],
    sync: true,
    nowMs: 0,
    ...options,
  });
}

Deno.test("after a clean stop nothing is torn: only what lies behind the end that was noted then goes", async () => {
  const garbage = new Uint8Array(100).fill(0x5a);
  const grown = (bytes: Uint8Array) => new Uint8Array([...bytes, ...garbage]);
  const { store } = await filledLog();
  const whole = logsOf(store);
  await harm(store, pathOf(16), grown);
  const found = await recovered(store, { recoveryPoint: 24, mayBeTorn: false });
  assertEquals([found.damage, found.cutBytes, found.logEndOffset], [null, 100, 24]);
  assertEquals(logsOf(store), whole);
  for (const end of [22, 26]) { // an end that is not the one noted proves nothing
    await harm(store, pathOf(16), grown);
    const before = logsOf(store);
    const found = await recovered(store, { recoveryPoint: end, mayBeTorn: false });
    assert(found.damage !== null, `${end}`);
    assertEquals(logsOf(store), before);
    await harm(store, pathOf(16), (bytes) => bytes.subarray(0, -100));
  }
  await harm(store, pathOf(16), (bytes) => bytes.subarray(0, -17));
  assert((await recovered(store, { recoveryPoint: 24, mayBeTorn: false })).damage !== null);
});

Deno.test("nothing of a damaged log's folder is changed, not even an index", async () => {
  for (const at of [0, 1]) {
    const { store } = await filledLog();
    await harm(store, pathOf(8), flip(80 + at * 95));
    await harm(store, pathOf(8, ".index"), (bytes) => bytes.subarray(0, 3));
    const before = [...filesOf(store)].filter(([name]) => !name.startsWith("0".repeat(20)));
    assert((await opened(store)).damage !== null);
    assertEquals([...filesOf(store)].filter(([name]) => !name.startsWith("0".repeat(20))), before);
  }
});

Deno.test("a batch that nothing proves behind a gap at the end of a compacted log is not served", async () => {
  const { store } = await filledLog({ rolls: [] });
  await harm(store, pathOf(0), (bytes) => {
    writeInt64(bytes, bytes.length / 12 * 11, 1022); // the last one, at 22
  });
  for (const recoveryPoint of [0, 10, 22, 24]) {
    const { damage } = await opened(store, { recoveryPoint }, COMPACTED);
    assert(damage?.includes("1022"), `${recoveryPoint}: ${damage}`);
  }
});

Deno.test("a last batch behind a gap is proven by the empty segment that was begun where it ends", async () => {
  for (const [jumpsTo, isProven] of [[1022, true], [1020, false], [1024, false]] as const) {
    const { store } = await filledLog({ rolls: [] });
    await harm(store, pathOf(0), (bytes) => {
      writeInt64(bytes, bytes.length / 12 * 11, jumpsTo); // the last one, at 22; it has two records
    });
    store.open(pathOf(1024)).close();
    const { log, damage } = await opened(store, { recoveryPoint: 0 }, COMPACTED);
    if (isProven) assertEquals([damage, log.logEndOffset], [null, 1024]);
    else assert(damage?.includes(`${jumpsTo}`), `${damage}`);
    assertEquals(log.segments.map(({ baseOffset }) => baseOffset).includes(1024), isProven);
  }
});
