/** Validating, decompressing and reading record batches. Run: deno bench bench/records.ts */
import * as batch from "../src/protocol/records/batch.ts";
import { buildBatch } from "../src/protocol/records/build.ts";
import { compress, CompressionType, decompress } from "../src/protocol/records/compression.ts";
import { readRecords } from "../src/protocol/records/record.ts";
import { walkRecords } from "../src/protocol/records/walk.ts";
import { validateRecords } from "../src/protocol/records/validate.ts";

const nowMs = Date.now();
const options = {
  apiVersion: 12,
  nowMs,
  maxMessageBytes: 1 << 24,
  maxBatchRecords: 1_000_000,
  maxDecompressedBytes: 1 << 24,
  compression: "producer",
  isCompacted: false,
  isLogAppendTime: false,
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: 3_600_000,
} as const;

/** About 100 KB of records, whose values compress about as text does. */
function records(valueBytes: number) {
  const text = new TextEncoder().encode(
    Array.from({ length: 400 }, (_, i) => `{"id":${i * 7919 % 1000},"name":"item ${i % 37}"}`)
      .join(),
  );
  return Array.from({ length: Math.ceil(100_000 / valueBytes) }, (_, i) => ({
    timestampMs: nowMs + i,
    key: text.subarray(i, i + 4),
    value: text.subarray(i * 13 % 5000, i * 13 % 5000 + valueBytes),
  }));
}

for (const valueBytes of [100, 1024]) {
  const bytes = buildBatch({ records: records(valueBytes) });
  const count = batch.recordCount(bytes),
    group = `${bytes.length} bytes of ${valueBytes} B records`;
  Deno.bench("validate", { group }, () => void validateRecords(bytes, options));
  Deno.bench("walk", { group }, () => void walkRecords(bytes, 61, bytes.length, count));
  Deno.bench("read", { group }, () => {
    for (const record of readRecords(bytes)) void record;
  });
}

const plain = buildBatch({ records: records(1024) }).subarray(batch.BATCH_OVERHEAD);
for (const [name, type] of Object.entries(CompressionType)) {
  if (type === CompressionType.none) continue;
  const packed = compress(type, plain), group = `${plain.length} bytes, ${name} ${packed.length}`;
  Deno.bench(`compress ${name}`, { group }, () => void compress(type, plain));
  Deno.bench(`decompress ${name}`, { group }, () => void decompress(type, packed, 1 << 24));
}
