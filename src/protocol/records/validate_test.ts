/**
 * Proves what a partition accepts: each rule broken alone gets its error code, each accepted batch is stored readable,
 * and no damaged batch gets through with a valid checksum and unreadable records (seeded fuzz).
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode } from "../errors.ts";
import * as batch from "./batch.ts";
import { type BatchOptions, buildBatch, type NewRecord } from "./build.ts";
import { compress, CompressionType } from "./compression.ts";
import { readRecords } from "./record.ts";
import { type ValidateOptions, validateRecords } from "./validate.ts";

const NOW = 1_700_000_000_000;
const OPTIONS: ValidateOptions = {
  apiVersion: 12,
  nowMs: NOW,
  maxMessageBytes: 1_000_000,
  maxBatchRecords: 1000,
  maxDecompressedBytes: 1_000_000,
  compression: "producer",
  isCompacted: false,
  isLogAppendTime: false,
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: 3_600_000,
};

const bytes = (text: string) => new TextEncoder().encode(text);
const RECORDS: NewRecord[] = [
  { timestampMs: NOW - 5, key: bytes("a"), value: bytes("one") },
  { timestampMs: NOW, key: bytes("b"), value: null, headers: [{ key: "h", value: null }] },
  { timestampMs: NOW - 9, key: bytes("c"), value: new Uint8Array(200) },
];
const good = (options: Partial<BatchOptions> = {}) => buildBatch({ records: RECORDS, ...options });

function accepted(b: Uint8Array, options: Partial<ValidateOptions> = {}) {
  const result = validateRecords(b, { ...OPTIONS, ...options });
  if (result.errorCode !== ErrorCode.NONE) throw new Error(JSON.stringify(result));
  assert(batch.isIntact(result.bytes));
  return result;
}

function refused(b: Uint8Array | null, code: number, options: Partial<ValidateOptions> = {}) {
  const result = validateRecords(b, { ...OPTIONS, ...options });
  assertEquals(result.errorCode, code, JSON.stringify(result));
  if (result.errorCode === ErrorCode.NONE) throw new Error("Nothing was refused");
  assert(result.errorMessage.length > 10);
  return result;
}

/** The batch with some bytes replaced and the checksum right again. */
function forged(b: Uint8Array, at: number, ...replacement: number[]): Uint8Array {
  const copy = b.slice();
  copy.set(replacement, at);
  batch.writeCrc(copy);
  return copy;
}

for (const [name, compression] of Object.entries(CompressionType)) {
  Deno.test(`a good batch is accepted as it is, ${name}`, () => {
    const b = good({ compression }), before = b.slice();
    const result = accepted(b);
    assert(result.bytes === b);
    assertEquals(b, before);
    assertEquals(result, {
      errorCode: 0,
      bytes: b,
      recordCount: 3,
      maxTimestampMs: NOW,
      maxTimestampOffsetDelta: 1,
      compression,
      isTransactional: false,
    });
  });

  Deno.test(`a topic's own codec replaces any other: ${name}`, () => {
    for (const from of Object.values(CompressionType)) {
      const b = good({ compression: from, producerId: 2 ** 40, producerEpoch: 3, baseSequence: 8 });
      const { bytes: stored } = accepted(b, { compression });
      assertEquals(batch.compression(stored), compression);
      assertEquals([...readRecords(stored)], [...readRecords(b)]);
      assertEquals([batch.producerId(stored), batch.baseSequence(stored)], [2 ** 40, 8]);
    }
  });

  if (compression === CompressionType.none) continue;

  Deno.test(`broken ${name} is the client's fault`, () => {
    const b = good({ compression });
    b.fill(0xff, batch.BATCH_OVERHEAD);
    batch.writeCrc(b);
    refused(b, ErrorCode.INVALID_RECORD);
  });

  Deno.test(`a ${name} bomb is refused at the bound`, () => {
    const records = [{ timestampMs: NOW, value: new Uint8Array(2_000_000) }];
    const result = refused(buildBatch({ records, compression }), ErrorCode.INVALID_RECORD);
    assert(result.errorMessage.includes("1000000"), result.errorMessage);
  });
}

Deno.test("no batch, several and a cut one are refused", () => {
  const b = good();
  refused(null, ErrorCode.INVALID_RECORD);
  refused(new Uint8Array(0), ErrorCode.INVALID_RECORD);
  refused(new Uint8Array([...b, ...b]), ErrorCode.INVALID_RECORD);
  refused(new Uint8Array([...b, 0]), ErrorCode.INVALID_RECORD);
  for (let n = 1; n < b.length; n++) refused(b.slice(0, n), ErrorCode.INVALID_RECORD);
});

Deno.test("a wrong checksum is corrupt, wherever the flipped bit is", () => {
  const b = good();
  for (let at = 17; at < b.length; at++) {
    b[at] ^= 4;
    refused(b, ErrorCode.CORRUPT_MESSAGE);
    b[at] ^= 4;
  }
});

Deno.test("a batch length below the minimum is corrupt", () => {
  for (const length of [[0, 0, 0, 48], [0, 0, 0, 0], [255, 255, 255, 255], [128, 0, 0, 0]]) {
    const b = good();
    b.set(length, 8);
    refused(b, ErrorCode.CORRUPT_MESSAGE);
  }
});

Deno.test("magic 0 and 1 are invalid, unknown ones corrupt", () => {
  const b = good();
  for (const magic of [0, 1, 3, 127, 255]) {
    b[16] = magic;
    refused(b, magic < 2 ? ErrorCode.INVALID_RECORD : ErrorCode.CORRUPT_MESSAGE);
  }
});

Deno.test("a batch over max.message.bytes is too large", () => {
  const b = good();
  accepted(b, { maxMessageBytes: b.length });
  refused(b, ErrorCode.MESSAGE_TOO_LARGE, { maxMessageBytes: b.length - 1 });
});

Deno.test("a batch that recompressing made too large is refused", () => {
  const packed = good({ compression: CompressionType.gzip });
  refused(packed, ErrorCode.MESSAGE_TOO_LARGE, {
    compression: CompressionType.none,
    maxMessageBytes: packed.length,
  });
});

Deno.test("record counts that do not fit are refused", () => {
  const b = good();
  for (const count of [0, -1, 2, 4, 2147483647]) {
    const bytes = [count >> 24, count >> 16, count >> 8, count];
    refused(forged(b, 57, ...bytes), ErrorCode.INVALID_RECORD);
    const last = count - 1;
    const both = forged(forged(b, 57, ...bytes), 23, last >> 24, last >> 16, last >> 8, last);
    refused(both, ErrorCode.INVALID_RECORD);
  }
  refused(b, ErrorCode.INVALID_RECORD, { maxBatchRecords: 2 });
  accepted(b, { maxBatchRecords: 3 });
});

Deno.test("offset deltas with a gap, repeated or backwards are refused", () => {
  for (const offsets of [[0, 2, 2], [0, 0, 2], [0, 1, 3], [1, 1, 2], [2, 1, 0]]) {
    const records = RECORDS.map((r, i) => ({ ...r, offset: offsets[i] }));
    const result = refused(good({ records, lastOffsetDelta: 2 }), ErrorCode.INVALID_RECORD);
    const wrong = offsets.findIndex((offset, i) => offset !== i);
    assertEquals(result.recordErrors.map((e) => e.batchIndex), [wrong]);
  }
});

Deno.test("a client may not choose offsets, write control batches or set a delete horizon", () => {
  refused(good({ baseOffset: 1 }), ErrorCode.INVALID_RECORD);
  refused(good({ isControl: true }), ErrorCode.INVALID_RECORD);
  refused(good({ deleteHorizonMs: NOW }), ErrorCode.INVALID_RECORD);
});

Deno.test("undefined codecs are invalid, zstd before Produce 7 is unsupported", () => {
  for (const id of [5, 6, 7]) refused(forged(good(), 22, id), ErrorCode.INVALID_RECORD);
  const zstd = good({ compression: CompressionType.zstd });
  refused(zstd, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, { apiVersion: 6 });
  accepted(zstd, { apiVersion: 7 });
});

Deno.test("producer ids come with an epoch and a sequence", () => {
  const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
  accepted(good(producer));
  assert(accepted(good({ ...producer, isTransactional: true })).isTransactional);
  refused(good({ ...producer, baseSequence: -1 }), ErrorCode.INVALID_RECORD);
  refused(good({ ...producer, producerEpoch: -2 }), ErrorCode.INVALID_PRODUCER_EPOCH);
  refused(good({ ...producer, producerId: -2 }), ErrorCode.INVALID_RECORD);
  refused(good({ isTransactional: true }), ErrorCode.INVALID_RECORD);
});

Deno.test("a compacted topic names every record without a key", () => {
  const records = [RECORDS[0], { timestampMs: NOW }, RECORDS[1], { timestampMs: NOW, key: null }];
  accepted(good({ records }));
  for (const compression of [CompressionType.none, CompressionType.lz4]) {
    const b = good({ records, compression });
    const result = refused(b, ErrorCode.INVALID_RECORD, { isCompacted: true });
    assertEquals(result.recordErrors.map((e) => e.batchIndex), [1, 3]);
  }
});

Deno.test("timestamps outside the topic's bounds are named, both bounds included", () => {
  const at = (timestampMs: number) => good({ records: [RECORDS[0], { timestampMs }] });
  const bounds = { timestampBeforeMaxMs: 1000, timestampAfterMaxMs: 50 };
  for (const ms of [NOW - 1000, NOW + 50, -1]) accepted(at(ms), bounds);
  for (const ms of [NOW - 1001, NOW + 51, -2, 0, 2 ** 52]) {
    const result = refused(at(ms), ErrorCode.INVALID_TIMESTAMP, bounds);
    assertEquals(result.recordErrors.map((e) => e.batchIndex), [1]);
    accepted(at(ms), { ...bounds, isLogAppendTime: true });
  }
});

Deno.test("LogAppendTime is written into the header, with the checksum", () => {
  for (const compression of [CompressionType.none, CompressionType.snappy]) {
    const result = accepted(good({ compression }), { isLogAppendTime: true, nowMs: NOW + 77 });
    assert(batch.isLogAppendTime(result.bytes));
    assertEquals(result.maxTimestampMs, NOW + 77);
    assertEquals([...readRecords(result.bytes)].map((r) => r.timestampMs), Array(3).fill(NOW + 77));
  }
});

Deno.test("a lying maximum timestamp and a claimed LogAppendTime are put right", () => {
  for (
    const b of [
      forged(good(), 35, 0, 0, 0, 0, 0, 0, 0, 9),
      good({ logAppendTimeMs: NOW + 10 ** 9 }),
    ]
  ) {
    const result = accepted(b);
    assertEquals(batch.maxTimestamp(result.bytes), NOW);
    assert(!batch.isLogAppendTime(result.bytes));
    assertEquals([...readRecords(result.bytes)].map((r) => r.timestampMs), [NOW - 5, NOW, NOW - 9]);
  }
});

Deno.test("malformed records are refused: lengths, varints and header counts", () => {
  const b = good(), at = batch.BATCH_OVERHEAD;
  refused(forged(b, at, 0), ErrorCode.INVALID_RECORD); // length 0
  refused(forged(b, at, 1), ErrorCode.INVALID_RECORD); // length -1
  refused(forged(b, at, 0xff, 0xff, 0xff, 0xff, 0x0e), ErrorCode.INVALID_RECORD); // near 2^31
  refused(forged(b, at, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), ErrorCode.INVALID_RECORD); // varint of 6
  refused(forged(b, at + 2, ...Array(11).fill(0xff)), ErrorCode.INVALID_RECORD); // varlong of 11
  refused(forged(b, at + 4, 3), ErrorCode.INVALID_RECORD); // key length -2
  refused(forged(b, at + 4, 126), ErrorCode.INVALID_RECORD); // key length 63
  refused(forged(b, at + 6, 3), ErrorCode.INVALID_RECORD); // value length -2
  refused(forged(b, at + 10, 1), ErrorCode.INVALID_RECORD); // header count -1
  refused(forged(b, at + 10, 0xff, 0xff, 0xff, 0xff, 0x0f), ErrorCode.INVALID_RECORD);
  const trailing = new Uint8Array([...b, 0]);
  new DataView(trailing.buffer).setInt32(8, trailing.length - batch.LOG_OVERHEAD);
  refused(forged(trailing, 0), ErrorCode.INVALID_RECORD);
});

Deno.test("what is accepted can always be read, however a batch was damaged", () => {
  const seed = Number(Deno.env.get("FUZZ_SEED") ?? 411);
  let state = seed, taken = 0;
  const roll = (limit: number) => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return (state >>> 0) % limit;
  };
  const sources = Object.values(CompressionType).map((compression) => good({ compression }));
  sources.push(...Array(5).fill(sources[0]));
  for (let round = 0; round < 6000; round++) {
    const b = sources[roll(sources.length)].slice();
    for (let n = roll(4); n >= 0; n--) {
      const at = roll(4) ? batch.BATCH_OVERHEAD + roll(b.length - 61) : 21 + roll(40);
      b[at] = roll(256);
    }
    batch.writeCrc(b);
    const result = validateRecords(b, OPTIONS);
    if (result.errorCode !== ErrorCode.NONE) continue;
    taken++;
    try {
      const offsets = [...readRecords(result.bytes)].map((r) => r.offset);
      assertEquals(offsets, offsets.map((_, i) => i));
      assertEquals(offsets.length, result.recordCount);
    } catch (error) {
      throw new Error(`round ${round}, FUZZ_SEED=${seed}`, { cause: error });
    }
  }
  assert(taken > 100, `only ${taken} got through`);
});

Deno.test("a compressed batch with more or fewer records inside than it says is refused", () => {
  const b = good({ compression: CompressionType.gzip });
  const plain = good().subarray(batch.BATCH_OVERHEAD);
  for (const inside of [plain.subarray(0, 13), new Uint8Array([...plain, ...plain])]) {
    const packed = compress(CompressionType.gzip, inside);
    const into = new Uint8Array(batch.BATCH_OVERHEAD + packed.length);
    into.set(packed, batch.BATCH_OVERHEAD);
    batch.copyHeader(b, into, CompressionType.gzip);
    refused(into, ErrorCode.INVALID_RECORD);
  }
});

Deno.test("a record that is larger than max.decompressed.message.bytes is refused in a compressed batch alone", () => {
  // As Kafka 4.4.0 counts: the record without its length, each by itself.
  const ofSize = (bytes: number, count = 1) => ({
    records: Array.from({ length: count }, () => (
      { timestampMs: NOW, value: new Uint8Array(bytes) }
    )),
  });
  const options = { maxRecordBytes: 1000 };
  for (const compression of [CompressionType.gzip, CompressionType.zstd, CompressionType.lz4]) {
    accepted(buildBatch({ ...ofSize(993), compression }), options);
    accepted(buildBatch({ ...ofSize(400, 100), compression }), options);
    refused(buildBatch({ ...ofSize(994), compression }), ErrorCode.INVALID_RECORD, options);
  }
  accepted(buildBatch(ofSize(5000)), options);
});
