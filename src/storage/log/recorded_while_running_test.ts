/**
 * What the inventory says of a log while the broker runs, held against the folder after a kill: that a segment is there,
 * that it has what was synced of it, and that it is the segment that it was.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  COMPACTED,
  contextOf,
  entryOf,
  filesOf,
  harm,
  opened,
  pathOf,
  PLAIN,
  REF,
  twoRecords,
} from "../../testing/damaged_log.ts";
import { believing, closedForRecord } from "../../testing/recorded_log.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { Bookkeeping } from "../bookkeeping.ts";
import { CleanerPositions } from "../compaction/positions.ts";
import { decodeInventory, encodeInventory, type LogInventory } from "../directory/inventory.ts";
import { CorruptBatchError } from "../segments/corrupt_batch_error.ts";
import { createLog } from "./open_log.ts";

/** A log that was written down after `synced` batches, and killed after more; with what was written down. */
async function killed(config = PLAIN, fill = "a", synced = 6) {
  const store = new MemoryStore(), log = createLog(contextOf(store), REF, config);
  const append = (fill: string) =>
    log.append(twoRecords(10, fill), { origin: "client", leaderEpoch: 0 }).durable;
  for (let i = 0; i < synced; i++) {
    if (i === 4) log.roll();
    await append(fill);
  }
  await log.sync();
  const metadata = () => ({ endOffset: 0, bytes: 0 });
  const books = new Bookkeeping({
    store,
    positions: new CleanerPositions(),
    brokerEpoch: 1,
    metadata,
  });
  const row = books.measure(log).log;
  log.roll();
  for (let i = 0; i < 4; i++) await append("later");
  log.retire("killed");
  const file = encodeInventory({
    brokerEpoch: 1,
    isClean: false,
    metadata: metadata(),
    logs: [row],
  });
  const inventory = decodeInventory(file);
  if (typeof inventory === "string") throw new Error(inventory);
  return { store, record: inventory.logs[0] };
}

const startWith = (store: MemoryStore, record: LogInventory, config = PLAIN) =>
  opened(store, { record, recoveryPoint: record.recoveryPoint, compactedTo: 0 }, config);

for (const [name, config] of [["plain", PLAIN], ["compacted", COMPACTED]] as const) {
  Deno.test(`a killed log that is as it was is served: ${name}`, async () => {
    const { store, record } = await killed(config);
    const { damage, log, warnings } = await startWith(store, record, config);
    assertEquals([damage, log.logEndOffset, warnings], [null, 20, []]);
  });

  Deno.test(`another log's segment in the place of one's own is told from it: ${name}`, async () => {
    for (const base of [0, 8]) {
      const { store, record } = await killed(config);
      const { store: others } = await killed(config, "b");
      await store.replace(pathOf(base), others.readAll(pathOf(base))!);
      const before = filesOf(store);
      const { damage } = await startWith(store, record, config);
      assert(damage?.includes("another one"), `${base}: ${damage}`);
      assertEquals(filesOf(store), before);
    }
  });

  Deno.test(`the segment that was active when the log was written down is missed: ${name}`, async () => {
    for (const left of [null, 0, 100, 186 / 2]) {
      const { store, record } = await killed(config);
      if (left === null) store.remove(pathOf(8));
      else await harm(store, pathOf(8), (bytes) => bytes.subarray(0, left));
      const before = filesOf(store);
      const { damage } = await startWith(store, record, config);
      assert(damage?.includes("00000000000000000008.log"), `${left}: ${damage}`);
      assertEquals(filesOf(store), before);
    }
  });
}

Deno.test("what is not synced yet is not missed", async () => {
  const store = new MemoryStore();
  const log = createLog(contextOf(store), REF, PLAIN);
  await log.append(twoRecords(), { origin: "client", leaderEpoch: 0 }).durable;
  await log.sync();
  log.append(twoRecords(), { origin: "client", leaderEpoch: 0 }); // on its way
  const metadata = () => ({ endOffset: 0, bytes: 0 });
  const positions = new CleanerPositions();
  const { segments } = new Bookkeeping({ store, positions, brokerEpoch: 1, metadata }).measure(log)
    .log;
  assertEquals(segments.map(({ baseOffset, bytes }) => [baseOffset, bytes]), [[0, 0]]);
  assert(segments[0].head !== undefined);
});

Deno.test("of two batches that contradict each other neither is given out where gaps are legal", async () => {
  for (const byte of [0, 3, 5, 6]) {
    const store = new MemoryStore(), log = createLog(contextOf(store), REF, COMPACTED);
    for (let i = 0; i < 4; i++) {
      await log.append(twoRecords(), { origin: "client", leaderEpoch: 0 }).durable;
    }
    const record = await closedForRecord(contextOf(store), log);
    await harm(store, pathOf(0), (bytes) => void (bytes[byte] ^= 0x20));
    const { log: again } = await believing(contextOf(store), COMPACTED, record);
    const error = await assertRejects(
      async () => await again.read(0, { maxBytes: 1 << 20, bound: "leo", minOneBatch: true }),
      CorruptBatchError,
    );
    assertEquals(error.offset, 0, `byte ${byte}`);
  }
});

Deno.test("what the journal has of the segment that was active comes back", async () => {
  for (const left of [0, 50, 93, 170]) {
    const { store, record } = await killed(PLAIN, "a", 8);
    for (const file of filesOf(store).keys()) {
      if (file > "00000000000000000010") store.remove(`t-0/${file}`);
    }
    const journal = [entryOf(store, 8)], whole = store.readAll(pathOf(8))!.slice();
    await harm(store, pathOf(8), (bytes) => bytes.subarray(0, left));
    const start = { record, recoveryPoint: record.recoveryPoint, journal };
    const { damage, log } = await opened(store, start);
    assertEquals([damage, log.logEndOffset, store.readAll(pathOf(8))], [null, 16, whole]);
  }
});

Deno.test("what the journal has of a segment that was sealed and synced comes back", async () => {
  const losses: [string, (bytes: Uint8Array) => Uint8Array | void][] = [
    ["a bit of the first batch's checksum", (bytes) => void (bytes[20] ^= 1)],
    ["a bit of the first batch's records", (bytes) => void (bytes[80] ^= 1)],
    ["the end", (bytes) => bytes.subarray(0, bytes.length - 17)],
    ["all of it", () => new Uint8Array(0)],
  ];
  for (const [what, loss] of losses) {
    const { store, record } = await killed();
    const journal = [entryOf(store, 0)], whole = store.readAll(pathOf(0))!.slice();
    await harm(store, pathOf(0), loss);
    const start = { record, recoveryPoint: record.recoveryPoint, journal };
    const { damage, log } = await opened(store, start);
    if (what.includes("records")) { // which neither the size nor the checksum in the header tells
      assertEquals([damage, log.logEndOffset], [null, 20], what);
      continue;
    }
    assertEquals([damage, log.logEndOffset, store.readAll(pathOf(0))], [null, 20, whole], what);
  }
});

Deno.test("another log's segment in the place of one that the journal has is left as it is", async () => {
  const { store, record } = await killed(), { store: others } = await killed(PLAIN, "b");
  const journal = [entryOf(store, 0)], other = others.readAll(pathOf(0))!;
  await store.replace(pathOf(0), other);
  const { damage } = await opened(store, { record, recoveryPoint: record.recoveryPoint, journal });
  assert(damage?.includes("another one"), String(damage));
  assertEquals(store.readAll(pathOf(0)), other);
});
