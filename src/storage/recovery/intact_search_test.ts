/**
 * The search for intact batches behind damage: that it finds every real one wherever it lies, and that it does a bounded
 * amount of work whatever the bytes are, counted in bytes read of the store.
 */
import { assert, assertEquals } from "@std/assert";
import * as batch from "../../protocol/records/batch.ts";
import { twoRecords } from "../../testing/damaged_log.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import type { Blob } from "../store.ts";
import { findIntact, type Intact } from "./intact_search.ts";
import { SegmentReader } from "./segment_reader.ts";

/** What the search comes to, and how many times the bytes it read. */
async function searched(
  bytes: Uint8Array,
  fromOffset = 100,
): Promise<{ found: Intact | null; work: number }> {
  const store = new MemoryStore();
  await store.replace("log", bytes);
  const blob = store.open("log");
  let read = 0;
  const counting = new Proxy(blob, {
    get: (target: Blob, key: keyof Blob) =>
      key === "read"
        ? (position: number, into: Uint8Array) => {
          const n = target.read(position, into);
          read += n;
          return n;
        }
        : target[key],
  });
  const stretch = { from: 0, to: bytes.length };
  const found = await findIntact(new SegmentReader(counting), stretch, { fromOffset });
  return { found, work: read / bytes.length };
}

function realBatch(offset: number, bytes = 50): Uint8Array {
  const real = twoRecords(bytes);
  batch.assign(real, 0, offset, 3);
  return real;
}

let seed = 1;
const random = (below: number) => (seed = seed * 16807 % 2147483647) % below;

/** Bytes that somebody chose so that the search has much to do. */
const HOSTILE: Record<string, (length: number) => Uint8Array> = {
  "all 2": (length) => new Uint8Array(length).fill(2),
  "zeros": (length) => new Uint8Array(length),
  "random": (length) => new Uint8Array(length).map(() => random(256)),
  "0 and 2 by turns": (length) => new Uint8Array(length).map((_, i) => i % 2 * 2),
  "headers that reach to the end": (length) => fakeHeaders(length, (at) => length - at),
  "headers that reach half-way to the end": (length) =>
    fakeHeaders(length, (at) => Math.max(61, (length - at) >> 1)),
  "small headers": (length) => fakeHeaders(length, () => 61),
};

/** A plausible header with a wrong checksum every few bytes, nested in each other. */
function fakeHeaders(length: number, sizeAt: (at: number) => number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at + 61 <= length; at += 61) {
    bytes.set(realBatch(200 + at % 1000).subarray(0, 61), at);
    new DataView(bytes.buffer).setInt32(at + 8, sizeAt(at) - 12);
  }
  return bytes;
}

for (const [name, make] of Object.entries(HOSTILE)) {
  Deno.test(`chosen content (${name}) costs a few times its length`, async () => {
    const { found, work } = await searched(make(1_000_000));
    assert(work < 5, `${work} times the bytes`);
    assert(found === null || found.offset === null, "nothing real is in it");
  });

  Deno.test(`a real batch in chosen content (${name}) is found, or what looks like one is`, async () => {
    for (let i = 0; i < 20; i++) {
      const bytes = make(30_000), real = realBatch(100 + random(1000));
      const at = i === 0 ? 0 : i === 1 ? bytes.length - real.length : random(29_000);
      bytes.set(real, at);
      const { found } = await searched(bytes);
      assert(found !== null, `at ${at}`);
      if (found!.offset !== null) assertEquals(found!.position, at);
    }
  });
}

Deno.test("a real batch is found at every distance, across the pieces that are read", async () => {
  const real = realBatch(150);
  for (const length of [4 << 20, 8 << 20]) {
    for (const off of [-61, -60, -17, -16, -1, 0, 1]) {
      const bytes = new Uint8Array(length + 1000);
      bytes.set(real, length + off);
      assertEquals((await searched(bytes)).found, { position: length + off, offset: 150 });
    }
  }
});

Deno.test("offsets that the log has had, or that lie out of reach, prove nothing", async () => {
  for (const offset of [0, 99, 100 + 2 ** 31, 2 ** 52]) {
    assertEquals((await searched(realBatch(offset))).found, null, `${offset}`);
  }
});

Deno.test("others go on while it looks", async () => {
  let rests = 0;
  const store = new MemoryStore();
  await store.replace("log", new Uint8Array(20 << 20));
  await findIntact(new SegmentReader(store.open("log")), { from: 0, to: 20 << 20 }, {
    fromOffset: 0,
    rest: () => Promise.resolve(void rests++),
  });
  assert(rests >= 4, `${rests} rests`);
});

Deno.test("where not all that looks like a batch can be checked, it counts as found", async () => {
  const store = new MemoryStore(), bytes = fakeHeaders(10_000, () => 61);
  await store.replace("log", bytes);
  const reader = new SegmentReader(store.open("log"));
  const stretch = { from: 0, to: bytes.length };
  const budget = { bytes: 610 };
  const found = await findIntact(reader, stretch, { fromOffset: 100, budget });
  assertEquals(found, { position: 610, offset: null });
  assertEquals(await findIntact(reader, stretch, { fromOffset: 100 }), null);
});
