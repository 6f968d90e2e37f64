/**
 * Proves that records are read as built, through every codec, and that a malformed record is refused rather than read
 * past its end. Batches of Kafka's own making are in golden_test.ts.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as batch from "./batch.ts";
import { type BatchOptions, buildBatch, type NewRecord } from "./build.ts";
import { CompressionError, CompressionType } from "./compression.ts";
import { buildEndTxnBatch, readEndTxn } from "./control_record.ts";
import { readRecords, RecordError } from "./record.ts";
import { exactBatch } from "../../testing/exact_records.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const records: NewRecord[] = [
  { timestampMs: 1000, key: bytes("k"), value: bytes("v") },
  { timestampMs: 900, key: null, value: null, headers: [{ key: "ä", value: bytes("x") }] },
  {
    timestampMs: 5_000_000_000_000,
    key: new Uint8Array(0),
    value: new Uint8Array(300).fill(7),
    headers: [{ key: "", value: null }, { key: "h", value: new Uint8Array(0) }],
  },
];

for (const [name, compression] of Object.entries(CompressionType)) {
  Deno.test(`records are read as built, ${name}`, () => {
    const built = buildBatch({ records, compression, baseOffset: 41 });
    assert(batch.isIntact(built));
    assertEquals(batch.compression(built), compression);
    assertEquals(
      [...readRecords(built)],
      records.map((r, i) => ({
        offset: 41 + i,
        timestampMs: r.timestampMs,
        key: r.key ?? null,
        value: r.value ?? null,
        headers: r.headers ?? [],
      })),
    );
  });
}

Deno.test("every header field is read as written", () => {
  const options: BatchOptions = {
    records,
    baseOffset: 2 ** 40,
    partitionLeaderEpoch: 3,
    producerId: 2 ** 35,
    producerEpoch: 12,
    baseSequence: 2147483646,
    isTransactional: true,
  };
  const b = new Uint8Array(500).fill(255);
  b.set(buildBatch(options), 5);
  assertEquals(batch.baseOffset(b, 5), 2 ** 40);
  assertEquals(batch.lastOffset(b, 5), 2 ** 40 + 2);
  assertEquals(batch.partitionLeaderEpoch(b, 5), 3);
  assertEquals(batch.magic(b, 5), 2);
  assertEquals(batch.producerId(b, 5), 2 ** 35);
  assertEquals(batch.producerEpoch(b, 5), 12);
  assertEquals(batch.baseSequence(b, 5), 2147483646);
  assertEquals(batch.lastSequence(b, 5), 0);
  assertEquals(batch.recordCount(b, 5), 3);
  assertEquals(batch.baseTimestamp(b, 5), 1000);
  assertEquals(batch.maxTimestamp(b, 5), 5_000_000_000_000);
  assertEquals([batch.isTransactional(b, 5), batch.isControl(b, 5)], [true, false]);
  assert(batch.isIntact(b, 5));
});

Deno.test("a header's key that is no UTF-8 keeps its bytes", () => {
  const keyBytes = Uint8Array.of(0xff),
    headers = [
      { key: "\ufffd", keyBytes, value: null },
      { key: "\ufffd", value: null }, // which is UTF-8
    ];
  const [read] = readRecords(buildBatch({ records: [{ timestampMs: 0, headers }] }));
  assertEquals(read.headers, headers);
});

Deno.test("timestamps are added as int64s, and said exactly where no number has them", () => {
  const times: [base: bigint, delta: bigint, sum: bigint][] = [
    [2n ** 53n - 1n, 0n, 2n ** 53n - 1n],
    [2n ** 53n - 1n, 1n, 2n ** 53n],
    [2n ** 53n + 1n, -(2n ** 53n), 1n],
    [1n, 2n ** 60n, 2n ** 60n + 1n],
    [2n ** 63n - 1n, 0n, 2n ** 63n - 1n],
    [2n ** 63n - 1n, 1n, -(2n ** 63n)],
    [-(2n ** 63n), 5n, 5n - 2n ** 63n],
  ];
  for (const [base, delta, sum] of times) {
    const record = { key: null, value: null, headers: [] };
    const b = exactBatch([{ ...record, timestampMs: base + delta }], base);
    const [{ timestampMs, exactTimestampMs }] = readRecords(b);
    assertEquals(exactTimestampMs ?? BigInt(timestampMs), sum);
    assertEquals(exactTimestampMs === undefined, Number.isSafeInteger(Number(sum)));
    assert(Number.isSafeInteger(timestampMs));
    assertEquals(timestampMs < 0, sum < 0n);
    batch.setLogAppendTime(b, 0, 4242);
    assertEquals([...readRecords(b)].map((r) => [r.timestampMs, r.exactTimestampMs]), [
      [4242, undefined],
    ]);
  }
});

Deno.test("offset and epoch are stamped without touching the checksum", () => {
  const b = buildBatch({ records });
  batch.assign(b, 0, 77, 5);
  assert(batch.isIntact(b));
  assertEquals([batch.baseOffset(b), batch.partitionLeaderEpoch(b)], [77, 5]);
});

Deno.test("LogAppendTime gives every record the batch's time", () => {
  const b = buildBatch({ records });
  batch.setLogAppendTime(b, 0, 4242);
  assert(batch.isIntact(b));
  assertEquals([...readRecords(b)].map((r) => r.timestampMs), [4242, 4242, 4242]);
});

Deno.test("offsets with gaps are kept, and the last offset outlives the last record", () => {
  const b = buildBatch({
    records: [{ timestampMs: 1, offset: 12 }, { timestampMs: 1, offset: 19 }],
    baseOffset: 10,
    lastOffsetDelta: 30,
  });
  assertEquals([...readRecords(b)].map((r) => r.offset), [12, 19]);
  assertEquals(batch.lastOffset(b), 40);
});

Deno.test("an end-transaction marker is read as built", () => {
  for (const isCommit of [true, false]) {
    const b = buildEndTxnBatch({
      isCommit,
      coordinatorEpoch: 9,
      producerId: 5,
      producerEpoch: 2,
      timestampMs: 8,
    });
    assertEquals([batch.isControl(b), batch.isTransactional(b), batch.producerId(b)], [
      true,
      true,
      5,
    ]);
    const [record] = readRecords(b);
    assertEquals(readEndTxn(record), { isCommit, coordinatorEpoch: 9 });
  }
});

Deno.test("batches() stops before a batch that is cut off or whose length cannot be one", () => {
  const one = buildBatch({ records });
  const three = new Uint8Array(one.length * 3);
  for (let i = 0; i < 3; i++) three.set(one, one.length * i);
  const at = (b: Uint8Array) => [...batch.batches(b)];
  assertEquals(at(three), [0, one.length, one.length * 2]);
  for (let cut = 1; cut <= one.length; cut++) {
    assertEquals(at(three.subarray(0, three.length - cut)), [0, one.length]);
  }
  for (const length of [-1, 0, 48, 2147483647, -2147483648]) {
    new DataView(three.buffer).setInt32(one.length + 8, length);
    assertEquals(at(three), [0], `batchLength ${length}`);
  }
});

Deno.test("no damaged byte of a record is read past its end", () => {
  const whole = buildBatch({ records: records.slice(0, 2) });
  let refused = 0;
  for (let at = batch.BATCH_OVERHEAD; at < whole.length; at++) {
    for (let value = 0; value < 256; value++) {
      const b = whole.slice();
      b[at] = value;
      try {
        for (const r of readRecords(b)) assert((r.value?.length ?? 0) < whole.length);
      } catch (error) {
        assert(error instanceof RecordError, `byte ${at} = ${value}: ${error}`);
        refused++;
      }
    }
  }
  assert(refused > 1000);
});

Deno.test("a compression that Kafka does not define is refused", () => {
  const b = buildBatch({ records });
  b[22] = 5;
  assertThrows(() => [...readRecords(b)], CompressionError, "compression 5 is not defined");
});
