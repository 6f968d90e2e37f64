/**
 * Segment: what an append, an index look-up and a read cost, over memory, so that the device is left out.
 * Run: deno bench bench/rooms/segment.ts
 */
import { BufferPool } from "../../src/bytes/pool.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import { MemoryStore } from "../../src/storage/backends/memory_store.ts";
import { OffsetIndex } from "../../src/storage/index/offset_index.ts";
import { Segment } from "../../src/storage/segments/segment.ts";

const INDEX_INTERVAL_BYTES = 4096;
const RECORDS = 16;
const pool = new BufferPool({ keepBytes: 16 << 20 });
const bytes = buildBatch({
  records: Array.from({ length: RECORDS }, (_, i) => ({
    timestampMs: 1_700_000_000_000 + i,
    value: new Uint8Array(1024),
  })),
});

function newSegment(): Segment {
  const store = new MemoryStore();
  store.makeFolder("bench-0");
  return new Segment({ store, folder: "bench-0", pool }, 0, 1_700_000_000_000);
}

function append(segment: Segment, offset: number): void {
  batch.assign(bytes, 0, offset, 0);
  const summary = {
    baseOffset: offset,
    lastOffset: offset + RECORDS - 1,
    maxTimestampMs: 1_700_000_000_000 + offset,
  };
  segment.admit(summary, bytes.length, INDEX_INTERVAL_BYTES);
  segment.log.append(bytes);
}

let growing = newSegment();
let next = 0;
Deno.bench("append a batch of 16 KiB", () => {
  if (next > RECORDS * 4000) {
    growing = newSegment();
    next = 0;
  }
  append(growing, next);
  next += RECORDS;
});

const BATCHES = 4000; // 64 MiB
const store = new MemoryStore();
store.makeFolder("bench-0");
const context = { store, folder: "bench-0", pool };
const full = new Segment(context, 0, 1_700_000_000_000);
for (let i = 0; i < BATCHES; i++) append(full, i * RECORDS);
let at = 0;

Deno.bench("read 1 MiB from a random offset", () => {
  at = (at + 7919 * RECORDS) % (BATCHES * RECORDS);
  const read = full.read(at, { maxBytes: 1 << 20, endOffset: Infinity, minOneBatch: true });
  if (read === null) throw new Error(`Nothing at offset ${at}`);
  pool.give(read);
});

Deno.bench("read the batch that holds an offset", () => {
  at = (at + 7919 * RECORDS) % (BATCHES * RECORDS);
  const read = full.read(at, { maxBytes: bytes.length, endOffset: Infinity, minOneBatch: true });
  if (read === null) throw new Error(`Nothing at offset ${at}`);
  pool.give(read);
});

full.flushIndexes(true);

Deno.bench("read 1 MiB for the first time since the start, with its checksums", () => {
  at = (at + 7919 * RECORDS) % (BATCHES * RECORDS);
  const cold = new Segment(context, 0, 1_700_000_000_000);
  const read = cold.read(at, { maxBytes: 1 << 20, endOffset: Infinity, minOneBatch: true });
  if (read === null) throw new Error(`Nothing at offset ${at}`);
  pool.give(read);
});

const index = new OffsetIndex(new MemoryStore(), "index", 0);
const ENTRIES = 100_000;
for (let i = 0; i < ENTRIES; i++) index.append(i * RECORDS, i * bytes.length % 2 ** 31);

Deno.bench("look an offset up among 100,000 index entries", () => {
  at = (at + 7919 * RECORDS) % (ENTRIES * RECORDS);
  index.lookup(at);
});
