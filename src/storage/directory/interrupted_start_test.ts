/** InterruptedStart: which run the directory is of, when starts behind it were cut off. */
import { assertEquals } from "@std/assert";
import { randomUuid } from "../../bytes/uuid.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { forgetStart, lastRunEpoch, noteStart, type Registered } from "./interrupted_start.ts";
import { writeInventory } from "./inventory.ts";

const inventoryOf = (store: MemoryStore, brokerEpoch: number) =>
  writeInventory(store, {
    brokerEpoch,
    isClean: false,
    metadata: { endOffset: 0, bytes: 0 },
    logs: [],
  });

/** A start, which registers, or is cut off before. */
async function started(store: MemoryStore, registered: Registered, brokerEpoch: number) {
  const incarnationId = randomUuid();
  await noteStart(store, { registered, incarnationId });
  return { brokerEpoch, incarnationId };
}

Deno.test("starts that are cut off, registered or not, leave the run before them the last", async () => {
  const store = new MemoryStore();
  const run = { brokerEpoch: 7, incarnationId: randomUuid() };
  await inventoryOf(store, 7);
  assertEquals(lastRunEpoch(store, run), 7);
  const first = await started(store, run, 12);
  assertEquals([lastRunEpoch(store, run), lastRunEpoch(store, first)], [7, 7]);
  await started(store, first, 17); // did not come to its registration
  assertEquals(lastRunEpoch(store, first), 7);
  const third = await started(store, first, 17);
  assertEquals(lastRunEpoch(store, third), 7);
});

Deno.test("a start that uses the logs is the last run, and so is another broker", async () => {
  const store = new MemoryStore();
  const run = { brokerEpoch: 7, incarnationId: randomUuid() };
  await inventoryOf(store, 7);
  const kafka = { brokerEpoch: 14, incarnationId: randomUuid() };
  const next = await started(store, run, 12);
  assertEquals(lastRunEpoch(store, kafka), 14);
  await inventoryOf(store, 12); // from here on, though the note is there still
  assertEquals(lastRunEpoch(store, next), 12);
  await forgetStart(store);
  await inventoryOf(store, 7); // an old copy
  assertEquals(lastRunEpoch(store, next), 12);
});

Deno.test("a note that cannot be read, and one without an inventory, says nothing", async () => {
  const store = new MemoryStore();
  const run = { brokerEpoch: 7, incarnationId: randomUuid() };
  const next = await started(store, run, 12);
  assertEquals(lastRunEpoch(store, next), 12);
  await inventoryOf(store, 7);
  assertEquals(lastRunEpoch(store, next), 7);
  for (const text of ["", "{", "null", '{"lastRun":"7","incarnations":[]}', '{"lastRun":7}']) {
    await store.replace("runnel-start", new TextEncoder().encode(text));
    assertEquals(lastRunEpoch(store, next), 12, text);
  }
  assertEquals(lastRunEpoch(store, undefined), undefined);
});
