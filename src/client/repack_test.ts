/**
 * Proves what repack makes of a fetched partition, by reading what it made as any consumer does: the same records, dense
 * offsets, and a batch that a broker takes from a producer.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as batch from "../protocol/records/batch.ts";
import { buildBatch, type NewRecord } from "../protocol/records/build.ts";
import { CompressionType } from "../protocol/records/compression.ts";
import { readRecords } from "../protocol/records/record.ts";
import { joined } from "../protocol/codec.ts";
import { writeInt16 } from "../bytes/int64.ts";
import { type Random, withSeed } from "../../tests/random.ts";
import { CorruptBatchError } from "./fetched_records.ts";
import { repack, type Repacked, type RepackOptions } from "./repack.ts";

const AS_IS: RepackOptions = { compression: null, maxBatchBytes: 1 << 20 };
const utf8 = new TextEncoder();

const fetched = (...batches: Uint8Array[]) => ({
  records: joined(batches),
  abortedTransactions: null,
});

/** Everything but the offsets. */
function contentOf(batches: readonly Repacked[]) {
  return batches.flatMap(({ bytes, count }) => {
    batch.setProducer(bytes, 0, { producerId: 7, producerEpoch: 1, baseSequence: 3 });
    assert(batch.isIntact(bytes));
    assertEquals([batch.recordCount(bytes), batch.lastOffsetDelta(bytes)], [count, count - 1]);
    assertEquals([batch.isTransactional(bytes), batch.isLogAppendTime(bytes)], [false, false]);
    assertEquals([batch.producerId(bytes), batch.producerEpoch(bytes)], [7, 1]);
    assertEquals(batch.baseSequence(bytes), 3);
    const records = [...readRecords(bytes)];
    assertEquals(records.map(({ offset }) => offset), records.map((_, at) => at));
    assertEquals(
      batch.maxTimestamp(bytes),
      Math.max(...records.map(({ timestampMs }) => timestampMs)),
    );
    return records.map(({ offset: _, ...rest }) => rest);
  });
}

const record = (n: number, bytes = 10): Required<Omit<NewRecord, "offset">> => ({
  timestampMs: 1_700_000_000_000 + n * 7 % 13,
  key: n % 3 === 0 ? null : utf8.encode(n % 3 === 1 ? "" : `k${n}`),
  value: n % 4 === 0 ? null : new Uint8Array(n % 4 === 1 ? 0 : bytes).fill(n),
  headers: n % 5 === 0
    ? [{ key: "", value: null }, { key: "é", value: new Uint8Array() }, {
      key: "h",
      value: utf8.encode(`${n}`),
    }]
    : [],
});

Deno.test("a dense batch that is large enough stays the bytes it was", () => {
  const records = Array.from({ length: 200 }, (_, n) => record(n, 1000));
  const bytes = buildBatch({ records, baseOffset: 50, producerId: 9, isTransactional: true });
  const { batches, nextOffset } = repack(fetched(bytes), 50, AS_IS);
  assertEquals([batches.length, nextOffset], [1, 250]);
  assertEquals(batches[0].bytes.subarray(61), bytes.subarray(61));
  assertEquals(contentOf(batches), records);
});

Deno.test("small batches of one codec become one, of each codec, with gaps closed", () => {
  for (const compression of Object.values(CompressionType)) {
    const records = Array.from({ length: 30 }, (_, n) => record(n));
    const bytes = records.map((one, n) =>
      buildBatch({ records: [one], baseOffset: n * 3, compression, lastOffsetDelta: 1 })
    );
    const { batches, nextOffset } = repack(fetched(...bytes), 0, AS_IS);
    assertEquals(batches.length, 1);
    assertEquals(batch.compression(batches[0].bytes), compression);
    assertEquals([batches[0].nextOffset, nextOffset], [89, 89]);
    assertEquals(contentOf(batches), records);
  }
});

Deno.test("a fetch that begins within a batch gives the records from there on", () => {
  const records = Array.from({ length: 20 }, (_, n) => record(n));
  const { batches } = repack(fetched(buildBatch({ records, baseOffset: 100 })), 113, AS_IS);
  assertEquals(contentOf(batches), records.slice(13));
});

Deno.test("what the broker stamped keeps the timestamp that consumers saw", () => {
  const records = Array.from({ length: 3 }, (_, n) => record(n));
  const bytes = buildBatch({ records, logAppendTimeMs: 1_800_000_000_000 });
  const { batches } = repack(fetched(bytes), 0, AS_IS);
  assertEquals(
    contentOf(batches),
    records.map((one) => ({ ...one, timestampMs: 1_800_000_000_000 })),
  );
});

Deno.test("records of aborted transactions and control records leave only their offsets behind", () => {
  const of = (baseOffset: number, producerId: number) =>
    buildBatch({ records: [record(baseOffset)], baseOffset, producerId, isTransactional: true });
  const marker = (baseOffset: number, producerId: number, type: number) => {
    const key = new Uint8Array(4);
    writeInt16(key, 2, type);
    return buildBatch({
      records: [{ timestampMs: 1, key, value: new Uint8Array(6) }],
      baseOffset,
      producerId,
      isTransactional: true,
      isControl: true,
    });
  };
  const answer = {
    ...fetched(of(0, 1), of(1, 2), marker(2, 1, 0), of(3, 2), marker(4, 2, 1)),
    abortedTransactions: [{ producerId: 1, firstOffset: 0 }],
  };
  const { batches, nextOffset } = repack(answer, 0, AS_IS);
  assertEquals([contentOf(batches), nextOffset], [[record(1), record(3)], 5]);
});

Deno.test("a batch larger than the target takes is parted, but for one record", () => {
  const records = Array.from({ length: 8 }, (_, n) => record(n * 4 + 2, n === 5 ? 9000 : 1500));
  const bytes = buildBatch({ records, baseOffset: 10, compression: CompressionType.zstd });
  const limits = { compression: CompressionType.none, maxBatchBytes: 5000 };
  const { batches } = repack(fetched(bytes), 10, limits);
  assert(batches.length >= 4);
  for (const { bytes, count } of batches) assert(bytes.length <= 5000 || count === 1);
  assertEquals(batches.at(-1)!.nextOffset, 18);
  assertEquals(
    batches.map(({ nextOffset, count }, at) =>
      nextOffset - count - (batches[at - 1]?.nextOffset ?? 10)
    ).every((gap) => gap === 0),
    true,
  );
  assertEquals(contentOf(batches), records);
});

Deno.test("timestamps beyond 2^53 stay the bits they were, also where a gap is closed", () => {
  const bytes = buildBatch({ records: [record(1), record(2)], lastOffsetDelta: 5 });
  const exact = Uint8Array.of(0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfd);
  bytes.set(exact, 27);
  bytes.set(exact, 35);
  batch.writeCrc(bytes);
  const { batches } = repack(fetched(buildBatch({ records: [record(9)] }), bytes), 0, AS_IS);
  assertEquals(batches.map(({ count }) => count), [1, 2]);
  assertEquals(batches[1].bytes.slice(27, 35), exact);
  assertEquals(batches[1].bytes.slice(35, 43), exact);
});

Deno.test("a broken checksum and a format from before 0.11 are refused in words", () => {
  const bytes = buildBatch({ records: [record(1)], baseOffset: 42 });
  bytes[65] ^= 1;
  assertThrows(() => repack(fetched(bytes), 0, AS_IS), CorruptBatchError, "offset 42");
  const old = new Uint8Array(40);
  old[11] = 28;
  old[16] = 1;
  assertThrows(() => repack(fetched(old), 0, AS_IS), CorruptBatchError, "its format is 1");
});

Deno.test("random logs: every record once, in order, whatever the batches, gaps, codecs and limits", () => {
  withSeed((random) => {
    for (let round = 0; round < 60; round++) randomLog(random);
  });
});

function randomLog(random: Random): void {
  const bytes: Uint8Array[] = [], expected: unknown[] = [];
  let offset = random.below(1000);
  const position = offset + random.below(5);
  for (let n = 0; n < 1 + random.below(12); n++) {
    const records: NewRecord[] = [];
    const base = offset;
    for (let left = 1 + random.below(40); left > 0; left--) {
      const one = record(random.below(1000), random.oneIn(10) ? 20_000 : random.below(300));
      records.push({ ...one, offset });
      if (offset >= position) expected.push(one);
      offset += random.oneIn(15) ? 2 + random.below(9) : 1;
    }
    bytes.push(buildBatch({
      records,
      baseOffset: base,
      compression: random.pick(Object.values(CompressionType)),
      lastOffsetDelta: offset - base - 1,
    }));
    if (random.oneIn(4)) offset += random.below(100);
  }
  const { batches } = repack(fetched(...bytes), position, {
    compression: random.oneIn(3) ? CompressionType.lz4 : null,
    maxBatchBytes: random.pick([2000, 30_000, 1 << 20]),
  });
  assertEquals(contentOf(batches), expected);
}
