/** The time index: look-ups against a plain array, and the bytes on the blob against Kafka's layout. */
import { assertEquals, assertThrows } from "@std/assert";
import { MemoryStore } from "../backends/memory_store.ts";
import { TimeIndex } from "./time_index.ts";

const BASE = 5_000_000_000;
const START_MS = 1_700_000_000_000; // beyond int32
const PATH = "i.timeindex";

Deno.test("timeIndex.entryBefore() finds the last entry not after the timestamp, in memory and reopened", () => {
  for (const count of [0, 1, 2, 513, 1500]) {
    const store = new MemoryStore();
    const index = new TimeIndex(store, PATH, BASE);
    const entries: [number, number][] = [];
    for (let i = 0; i < count; i++) entries.push([START_MS + i * 7, BASE + i * 10]);
    for (const entry of entries) index.maybeAppend(...entry);
    const check = (index: TimeIndex) => {
      assertEquals(index.entryCount, count);
      assertEquals(index.lastTimestampMs, entries.at(-1)?.[0] ?? -1);
      assertEquals(index.lastOffset, entries.at(-1)?.[1] ?? BASE);
      for (let ms = START_MS - 5; ms < START_MS + count * 7 + 20; ms += 3) {
        assertEquals(offsetBefore(index, ms), entries.findLast(([at]) => at <= ms)?.[1] ?? BASE);
      }
    };
    check(index);
    index.flush();
    index.unload();
    check(index);
    index.close();
    check(new TimeIndex(store, PATH, BASE));
  }
});

Deno.test("timeIndex.maybeAppend() takes larger timestamps only", () => {
  const index = new TimeIndex(new MemoryStore(), PATH, BASE);
  index.maybeAppend(-1, BASE); // no timestamp
  assertEquals(index.entryCount, 0);
  index.maybeAppend(0, BASE + 1);
  index.maybeAppend(100, BASE + 2);
  index.maybeAppend(100, BASE + 3);
  index.maybeAppend(50, BASE + 4);
  assertEquals(index.entryCount, 2);
  index.maybeAppend(101, BASE + 2); // the same offset may appear again
  assertEquals(index.entryCount, 3);
  assertThrows(() => index.maybeAppend(102, BASE + 1), RangeError, "at least 5000000002");
  assertThrows(() => index.maybeAppend(102, BASE + 2 ** 31), RangeError);
});

Deno.test("timeIndex writes Kafka's 12-byte entries", () => {
  const store = new MemoryStore();
  const index = new TimeIndex(store, PATH, BASE);
  index.maybeAppend(0x0000010203040506, BASE + 0x0708090a);
  index.flush();
  assertEquals(store.readAll(PATH), new Uint8Array([0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
});

Deno.test("timeIndex.truncateTo() forgets entries at and after the offset", () => {
  const store = new MemoryStore();
  const index = new TimeIndex(store, PATH, BASE);
  for (let i = 1; i <= 600; i++) index.maybeAppend(START_MS + i, BASE + i);
  index.truncateTo(BASE + 300);
  assertEquals([index.entryCount, index.lastOffset], [299, BASE + 299]);
  index.truncateTo(BASE);
  assertEquals([index.entryCount, index.lastTimestampMs], [0, -1]);
  index.maybeAppend(5, BASE);
  index.clear();
  assertEquals(index.entryCount, 0);
});

Deno.test("timeIndex cuts off a tail of zeros and half an entry", () => {
  const store = new MemoryStore();
  const index = new TimeIndex(store, PATH, BASE);
  index.maybeAppend(START_MS, BASE + 1);
  index.maybeAppend(START_MS + 1, BASE + 2);
  index.flush();
  index.close();
  store.open(PATH).append(new Uint8Array(12 * 50 + 5));
  const again = new TimeIndex(store, PATH, BASE);
  assertEquals(again.sanityCheck(), "i.timeindex is 629 bytes, needs a multiple of 12");
  assertEquals([again.entryCount, again.lastTimestampMs], [2, START_MS + 1]);
  assertEquals(store.readAll(PATH)!.length, 24);
  assertEquals(again.sanityCheck(), null);
});

function offsetBefore(index: TimeIndex, timestampMs: number): number {
  const entry = index.entryBefore(timestampMs);
  return entry < 0 ? index.baseOffset : index.offsetOf(entry);
}
