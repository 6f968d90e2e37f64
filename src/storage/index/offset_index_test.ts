/**
 * The offset index: look-ups against a plain array searched from the front, the bytes on the blob against Kafka's
 * layout, and what is left of an index that was torn, padded with zeros or made by nobody.
 */
import { assertEquals, assertThrows } from "@std/assert";
import { FaultyStore } from "../../testing/faulty_store.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { OffsetIndex } from "./offset_index.ts";
import type { Store } from "../store.ts";

const BASE = 5_000_000_000; // beyond int32, so that a relative offset taken for an absolute one shows
const PATH = "i.index";

function filled(store: Store, count: number): { index: OffsetIndex; entries: [number, number][] } {
  const index = new OffsetIndex(store, PATH, BASE);
  const entries: [number, number][] = [];
  for (let i = 0; i < count; i++) {
    const entry: [number, number] = [BASE + 9 + i * 10, 4096 * (i + 1)];
    entries.push(entry);
    index.append(...entry);
  }
  return { index, entries };
}

function expected(entries: [number, number][], offset: number): number {
  return entries.findLast(([at]) => at <= offset)?.[1] ?? 0;
}

function write(store: Store, ...values: number[]): void {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  values.forEach((value, i) => view.setInt32(i * 4, value));
  store.open(PATH).append(new Uint8Array(view.buffer));
}

Deno.test("offsetIndex.lookup() finds the entry not after the offset, in memory, flushed and reopened", () => {
  for (const count of [0, 1, 2, 7, 511, 512, 513, 2000]) {
    const store = new MemoryStore();
    const { index, entries } = filled(store, count);
    const check = (index: OffsetIndex) => {
      assertEquals(index.entryCount, count);
      assertEquals(index.lastOffset, entries.at(-1)?.[0] ?? BASE);
      assertEquals(index.lastPosition, entries.at(-1)?.[1] ?? 0);
      for (let offset = BASE; offset < BASE + count * 10 + 20; offset += 3) {
        assertEquals(
          index.lookup(offset),
          expected(entries, offset),
          `offset ${offset} of ${count}`,
        );
      }
    };
    check(index);
    index.unload();
    check(index);
    index.flush();
    check(index);
    index.unload();
    check(index);
    index.close();
    const again = new OffsetIndex(store, PATH, BASE);
    check(again);
    assertEquals(again.sanityCheck(), null);
  }
});

Deno.test("offsetIndex writes Kafka's 8-byte entries and nothing behind them", () => {
  const store = new MemoryStore();
  const index = new OffsetIndex(store, PATH, BASE);
  index.append(BASE + 1, 2);
  index.append(BASE + 0x01020304, 0x05060708);
  index.flush();
  assertEquals(
    store.readAll(PATH),
    new Uint8Array([0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]),
  );
});

Deno.test("offsetIndex appends to the blob in groups", () => {
  const store = new FaultyStore(new MemoryStore());
  const { index } = filled(store, 2000);
  index.flush();
  assertEquals(store.calls.get("append"), 4);
});

Deno.test("offsetIndex opens nothing before it is used", () => {
  const store = new FaultyStore(new MemoryStore());
  const index = new OffsetIndex(store, PATH, BASE);
  index.flush();
  index.unload();
  index.close();
  assertEquals(store.calls.size, 0);
});

Deno.test("offsetIndex goes on appending after it was reopened, without reading its entries", () => {
  const store = new FaultyStore(new MemoryStore());
  const { index, entries } = filled(store, 1000);
  index.flush();
  index.close();
  store.calls.clear();
  const again = new OffsetIndex(store, PATH, BASE);
  again.append(BASE + 20_000, 9_000_000);
  assertEquals(store.calls.get("read"), 2); // the last two entries, and the last one
  assertEquals(again.lookup(BASE + 20_001), 9_000_000);
  assertEquals(again.lookup(BASE + 19_999), entries.at(-1)![1]);
  assertEquals(again.entryCount, 1001);
});

Deno.test("offsetIndex.append() refuses an offset that does not ascend or does not fit int32", () => {
  const index = new OffsetIndex(new MemoryStore(), PATH, BASE);
  assertThrows(() => index.append(BASE - 1, 0), RangeError);
  index.append(BASE + 5, 100);
  assertThrows(() => index.append(BASE + 5, 200), RangeError, "above");
  assertThrows(() => index.append(BASE + 2 ** 31, 200), RangeError);
  index.append(BASE + 2 ** 31 - 1, 200);
  assertEquals(index.lookup(BASE + 2 ** 31 - 1), 200);
});

Deno.test("offsetIndex.truncateTo() forgets entries at and after the offset, stored or not", () => {
  for (const flushed of [true, false]) {
    for (const keep of [0, 1, 3, 700, 1000]) {
      const store = new MemoryStore();
      const { index, entries } = filled(store, 1000);
      if (flushed) index.flush();
      index.truncateTo(entries[keep]?.[0] ?? BASE + 1_000_000);
      assertEquals(index.entryCount, keep);
      assertEquals(index.lastPosition, entries[keep - 1]?.[1] ?? 0);
      index.append(BASE + 1_000_000, 99_999_999);
      index.flush();
      assertEquals(store.readAll(PATH)!.length, (keep + 1) * 8);
      assertEquals(new OffsetIndex(store, PATH, BASE).lookup(BASE + 1_000_000), 99_999_999);
    }
  }
});

Deno.test("offsetIndex.clear() leaves an index that can be built again", () => {
  const store = new MemoryStore();
  const { index } = filled(store, 1000);
  index.clear();
  assertEquals(index.entryCount, 0);
  assertEquals(index.lookup(BASE + 500), 0);
  index.append(BASE + 3, 7);
  index.flush();
  assertEquals(store.readAll(PATH), new Uint8Array([0, 0, 0, 3, 0, 0, 0, 7]));
});

Deno.test("offsetIndex keeps its entries when the disk is full, and writes them later", () => {
  using store = new FaultyStore(new MemoryStore());
  store.fail({ on: "append", kind: "noSpace", forever: true });
  const { index, entries } = filled(store, 1500);
  assertThrows(() => index.flush(), Error, "injected");
  assertEquals(index.lookup(BASE + 5000), expected(entries, BASE + 5000));
  store.heal();
  index.flush();
  assertEquals(store.readAll(PATH)!.length, 1500 * 8);
  assertEquals(
    new OffsetIndex(store, PATH, BASE).lookup(BASE + 5000),
    expected(entries, BASE + 5000),
  );
});

Deno.test("offsetIndex cuts off a tail of zeros, as an unclean stop of Kafka leaves it", () => {
  const store = new MemoryStore();
  write(store, 5, 4096, 9, 8192, ...new Array(2000).fill(0));
  const index = new OffsetIndex(store, PATH, BASE);
  assertEquals(index.sanityCheck(), "i.index does not ascend at entry 2 of 1002");
  assertEquals(index.entryCount, 2);
  assertEquals(index.lookup(BASE + 100), 8192);
  assertEquals(store.readAll(PATH)!.length, 16);
});

Deno.test("offsetIndex ignores half an entry at the end", () => {
  const store = new MemoryStore();
  write(store, 5, 4096, 9, 8192, 12);
  const index = new OffsetIndex(store, PATH, BASE);
  assertEquals(index.sanityCheck(), "i.index is 20 bytes, needs a multiple of 8");
  assertEquals(index.lookup(BASE + 100), 8192);
  index.append(BASE + 50, 10_000);
  index.flush();
  assertEquals(index.sanityCheck(), null);
  assertEquals(store.readAll(PATH)!.length, 24);
});

Deno.test("offsetIndex uses what ascends of a damaged index, and says where it stops", () => {
  const store = new MemoryStore();
  write(store, 5, 4096, 9, 8192, 7, 12_288, 20, 16_384);
  const index = new OffsetIndex(store, PATH, BASE);
  assertEquals(index.sanityCheck(), "i.index does not ascend at entry 2 of 4");
  assertEquals(index.lookup(BASE + 15), 8192);
  assertEquals(index.lookup(BASE + 100), 8192);
});

Deno.test("offsetIndex.sanityCheck() finds an entry past the end of the log", () => {
  const store = new MemoryStore();
  write(store, 5, 4096, 9, 8192);
  const index = new OffsetIndex(store, PATH, BASE);
  assertEquals(index.sanityCheck(8193), null);
  assertEquals(index.sanityCheck(8192), "i.index points at 8192, past the log's 8192 bytes");
  assertEquals(new OffsetIndex(store, "absent.index", BASE).sanityCheck(0), null);
});
