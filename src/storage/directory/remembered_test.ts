// Proves what a start knows of how far a log was compacted: from its row, and from there being none.
import { assertEquals } from "@std/assert";
import { randomUuid } from "../../bytes/uuid.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { CLEANER_CHECKPOINT, RECOVERY_POINT_CHECKPOINT, writeCheckpoint } from "./checkpoints.ts";
import { INVENTORY_FILE, type LogInventory, writeInventory } from "./inventory.ts";
import { Remembered } from "./remembered.ts";

const known = { topicId: randomUuid(), topic: "known", partition: 0 };
const young = { topicId: randomUuid(), topic: "young", partition: 0 };
const ROW: LogInventory = {
  ...known,
  isExact: false,
  logStartOffset: 0,
  recoveryPoint: 90,
  endOffset: 90,
  compactedTo: null,
  compactingTo: null,
  lastBatch: null,
  snapshot: null,
  epochs: [],
  segments: [{ baseOffset: 0, bytes: 0 }],
};

function compactedTo(store: MemoryStore, lastBrokerEpoch?: number) {
  const remembered = Remembered.read(store, lastBrokerEpoch, () => {});
  return [remembered.compactedTo(known), remembered.compactedTo(young)];
}

async function withInventory(row: Partial<LogInventory>) {
  const store = new MemoryStore();
  const metadata = { endOffset: 0, bytes: 0 };
  const logs = [{ ...ROW, ...row }];
  await writeInventory(store, { brokerEpoch: 1, isClean: false, metadata, logs });
  return store;
}

Deno.test("the inventory knows how far a log was compacted, and that one without a row never was", async () => {
  assertEquals(compactedTo(await withInventory({})), [0, 0]);
  assertEquals(compactedTo(await withInventory({ compactedTo: 30 })), [30, 0]);
  assertEquals(compactedTo(await withInventory({ compactedTo: 30, compactingTo: 50 })), [50, 0]);
  assertEquals(compactedTo(await withInventory({ compactingTo: 50 })), [50, 0]);
});

Deno.test("without it no pass went beyond the recovery points, and a log without one is younger than they are", async () => {
  const store = await withInventory({});
  await writeCheckpoint(store, RECOVERY_POINT_CHECKPOINT, [{ ...known, offset: 90 }]);
  assertEquals(compactedTo(store, 2), [90, 0], "of another broker");
  store.remove(INVENTORY_FILE);
  assertEquals(compactedTo(store), [90, 0]);
  await writeCheckpoint(store, CLEANER_CHECKPOINT, [{ ...young, offset: 0 }]);
  assertEquals(compactedTo(store), [90, Infinity], "the cleaner was there");
});

Deno.test("where nothing sound is there, nothing is known", async () => {
  const store = new MemoryStore();
  assertEquals(compactedTo(store), [Infinity, Infinity]);
  await store.replace(RECOVERY_POINT_CHECKPOINT, new TextEncoder().encode("0\n2\nknown 0 90\n"));
  assertEquals(compactedTo(store), [Infinity, Infinity]);
});
