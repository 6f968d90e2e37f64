/**
 * Proves that batches made by Kafka's own Java classes are read for what they are, and that buildBatch writes the same
 * bytes where no codec has a choice. tests/golden/records/GoldenRecords.java made them and says how.
 */
import { assert, assertEquals } from "@std/assert";
import * as batch from "./batch.ts";
import { type BatchOptions, buildBatch } from "./build.ts";
import { CompressionType } from "./compression.ts";
import { buildEndTxnBatch, readEndTxn } from "./control_record.ts";
import { readRecords } from "./record.ts";

const T = 1_700_000_000_000;
const GOLDEN = new Map(
  Deno.readTextFileSync(new URL("../../../tests/golden/records/kafka.txt", import.meta.url))
    .trim().split("\n").map((line) => {
      const [name, base64] = line.split(" ");
      return [name, Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))];
    }),
);

/** What GoldenRecords.java puts into a batch. */
function contents(compression: CompressionType) {
  const large = Uint8Array.from({ length: 70_000 }, (_, i) => Math.floor(i / 300) * (i % 7));
  const value = compression === CompressionType.none ? new Uint8Array(200) : large;
  return [
    { timestampMs: T, key: new Uint8Array([107]), value: new Uint8Array([118]), headers: [] },
    {
      timestampMs: T - 7,
      key: null,
      value: null,
      headers: [{ key: "ä", value: null }, { key: "", value: new Uint8Array([1, 2]) }],
    },
    { timestampMs: T + 100_000, key: new Uint8Array(0), value, headers: [] },
  ];
}

const CASES: Record<string, Partial<BatchOptions>> = {
  none: { baseOffset: 5 },
  gzip: { baseOffset: 5, compression: CompressionType.gzip },
  snappy: { baseOffset: 5, compression: CompressionType.snappy },
  lz4: { baseOffset: 5, compression: CompressionType.lz4 },
  zstd: { baseOffset: 5, compression: CompressionType.zstd },
  transactional: {
    baseOffset: 100,
    producerId: 4611686018,
    producerEpoch: 7,
    baseSequence: 2147483646,
    isTransactional: true,
  },
  idempotent: {
    producerId: 12,
    producerEpoch: 0,
    baseSequence: 3,
    compression: CompressionType.lz4,
  },
  logAppendTime: { baseOffset: 1, logAppendTimeMs: T + 5 },
  deleteHorizon: { baseOffset: 5, deleteHorizonMs: T + 99 },
};

for (const [name, options] of Object.entries(CASES)) {
  Deno.test(`Kafka's batch is read: ${name}`, () => {
    const kafka = GOLDEN.get(name)!;
    const records = contents(options.compression ?? CompressionType.none);
    assert(batch.isIntact(kafka));
    const expected = records.map((record, i) => ({
      ...record,
      offset: (options.baseOffset ?? 0) + i,
      timestampMs: options.logAppendTimeMs ?? record.timestampMs,
    }));
    assertEquals([...readRecords(kafka)], expected);
  });

  Deno.test(`buildBatch() writes Kafka's bytes: ${name}`, () => {
    const records = contents(options.compression ?? CompressionType.none);
    const kafka = GOLDEN.get(name)!;
    const built = buildBatch({ ...options, records, partitionLeaderEpoch: 2 });
    if (!options.compression) return assertEquals(built, kafka);
    const header = (b: Uint8Array) => [...b.subarray(21, batch.BATCH_OVERHEAD)];
    assertEquals(header(built), header(kafka)); // codecs choose their matches differently
  });
}

for (const isCommit of [true, false]) {
  const name = isCommit ? "commit" : "abort";
  Deno.test(`Kafka's ${name} marker is read, and written the same`, () => {
    const kafka = GOLDEN.get(name)!;
    assert(batch.isIntact(kafka) && batch.isControl(kafka) && batch.isTransactional(kafka));
    assertEquals(readEndTxn([...readRecords(kafka)][0]), { isCommit, coordinatorEpoch: 21 });
    const built = buildEndTxnBatch({
      isCommit,
      coordinatorEpoch: 21,
      producerId: 77,
      producerEpoch: 4,
      timestampMs: T,
    });
    batch.assign(built, 0, 9, 3);
    assertEquals(built, kafka);
  });
}
