/** Proves that a batch built record by record is the one that is built at once, and stays as it was given out. */
import { assert, assertEquals } from "@std/assert";
import * as batch from "./batch.ts";
import { BatchBuilder } from "./batch_builder.ts";
import { buildBatch, type NewRecord } from "./build.ts";
import { CompressionType } from "./compression.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const RECORDS: readonly NewRecord[] = [
  { timestampMs: 1_700_000_000_000, key: bytes("k"), value: bytes("v".repeat(300)) },
  { timestampMs: 1_700_000_005_000, key: null, value: null, headers: [] },
  { timestampMs: 1_699_999_000_000, value: bytes("") },
  {
    timestampMs: 0,
    key: bytes("é"),
    headers: [{ key: "a", value: null }, { key: "ü", value: bytes("1") }],
  },
  ...Array.from({ length: 200 }, (_, i): NewRecord => ({
    timestampMs: 1_700_000_000_000 + i * 40_000_000,
    value: bytes("x".repeat(i)),
  })),
];
const OWNER = { producerId: 7, producerEpoch: 2, baseSequence: 99 };

for (const name of ["none", "gzip", "lz4", "snappy", "zstd"] as const) {
  Deno.test(`a batch that grew is the one that was built at once: ${name}`, () => {
    for (const count of [1, 2, 4, RECORDS.length]) {
      for (const capacity of [0, 1 << 20]) {
        const records = RECORDS.slice(0, count), builder = new BatchBuilder(capacity);
        for (const record of records) builder.add(record);
        const options = { compression: CompressionType[name], ...OWNER, isTransactional: true };
        if (capacity > 0) builder.pack(options.compression);
        assertEquals(builder.finish(options), buildBatch({ records, ...options }));
        assertEquals(builder.count, count);
        assertEquals(builder.timestampMs(count - 1), records[count - 1].timestampMs);
      }
    }
  });

  Deno.test(`a batch that gets another owner leaves the first as it was given: ${name}`, () => {
    const builder = new BatchBuilder(0), compression = CompressionType[name];
    for (const record of RECORDS) builder.add(record);
    const first = builder.finish({ compression, ...OWNER }), before = first.slice();
    const second = builder.finish({ compression, ...OWNER, producerId: 8, baseSequence: 0 });
    assertEquals(first, before);
    assertEquals([batch.producerId(second), batch.baseSequence(second)], [8, 0]);
    assert(batch.isIntact(first) && batch.isIntact(second));
  });
}

Deno.test("a record's bytes are copied when it is added", () => {
  const value = bytes("before"), builder = new BatchBuilder(0);
  builder.add({ timestampMs: 1, value });
  value.fill(0);
  assertEquals(
    builder.finish({ compression: CompressionType.none }),
    buildBatch({ records: [{ timestampMs: 1, value: bytes("before") }] }),
  );
});
