/** Proves that an inventory comes back as it was written, and that a damaged one never says anything but that it is. */
import { assertEquals } from "@std/assert";
import { randomUuid } from "../../bytes/uuid.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import {
  decodeInventory,
  encodeInventory,
  forgetAbove,
  forgetInInventory,
  type Inventory,
  type LogInventory,
  readInventory,
  writeInventory,
} from "./inventory.ts";

const FULL: LogInventory = {
  topicId: randomUuid(),
  topic: "orders.of-2024_x",
  partition: 11,
  isExact: true,
  logStartOffset: 3,
  recoveryPoint: 90,
  endOffset: 100,
  compactedTo: 50,
  compactingTo: 60,
  lastBatch: { position: 4000, crc: 0xf0e1d2c3 },
  snapshot: { offset: 100, crc: 0x0a2b3c4d },
  epochs: [{ epoch: 0, startOffset: 0 }, { epoch: 3, startOffset: 50 }],
  segments: [{ baseOffset: 0, bytes: 1000 }, { baseOffset: 50, bytes: 5000 }],
};
const EMPTY: LogInventory = {
  ...FULL,
  topicId: randomUuid(),
  isExact: false,
  compactedTo: null,
  compactingTo: null,
  lastBatch: null,
  snapshot: null,
  epochs: [],
  segments: [],
};
const INVENTORY: Inventory = {
  brokerEpoch: 17,
  isClean: true,
  metadata: { endOffset: 55, bytes: 10_234 },
  logs: [FULL, EMPTY],
};

Deno.test("an inventory comes back as it was written", () => {
  assertEquals(decodeInventory(encodeInventory(INVENTORY)), INVENTORY);
  const none = { ...INVENTORY, isClean: false, logs: [] };
  assertEquals(decodeInventory(encodeInventory(none)), none);
});

Deno.test("with any bit flipped it is damaged, and never another inventory", () => {
  const bytes = encodeInventory(INVENTORY);
  for (let at = 0; at < bytes.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      bytes[at] ^= 1 << bit;
      assertEquals(typeof decodeInventory(bytes), "string", `byte ${at}, bit ${bit}`);
      bytes[at] ^= 1 << bit;
    }
  }
});

Deno.test("cut anywhere, or with something behind it, it is damaged", () => {
  const bytes = encodeInventory(INVENTORY);
  for (let size = 0; size < bytes.length; size++) {
    assertEquals(typeof decodeInventory(bytes.subarray(0, size)), "string", `${size} bytes`);
  }
  assertEquals(typeof decodeInventory(new Uint8Array([...bytes, 10])), "string");
});

Deno.test("numbers beyond 2^53 are damage", () => {
  const log = { ...FULL, endOffset: 2 ** 53 };
  assertEquals(typeof decodeInventory(encodeInventory({ ...INVENTORY, logs: [log] })), "string");
  const segments = [{ baseOffset: 2 ** 60, bytes: 1 }];
  const other = { ...FULL, segments };
  assertEquals(typeof decodeInventory(encodeInventory({ ...INVENTORY, logs: [other] })), "string");
});

Deno.test("what was cut off a log is forgotten in every number, and of that log alone", async () => {
  const cut = forgetAbove(FULL, 40);
  assertEquals(cut, {
    ...FULL,
    isExact: false,
    recoveryPoint: 40,
    endOffset: 40,
    compactedTo: null,
    compactingTo: 40, // what is left of a compacted log may have gaps
    lastBatch: null,
    snapshot: null,
    epochs: [{ epoch: 0, startOffset: 0 }],
    segments: [{ baseOffset: 0, bytes: 0 }],
  });
  assertEquals(forgetAbove(FULL, 100), FULL);
  const synced = { ...FULL, endOffset: 20, recoveryPoint: 60 };
  assertEquals(forgetAbove(synced, 40), { ...cut, endOffset: 20 });
  const store = new MemoryStore();
  await forgetInInventory(store, "absent-0", 1); // no inventory: nothing to forget
  const other = { ...EMPTY, topic: "other" };
  await writeInventory(store, { ...INVENTORY, logs: [FULL, other] });
  await forgetInInventory(store, `${FULL.topic}-11`, 40);
  assertEquals((readInventory(store) as Inventory).logs, [cut, other]);
});
