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

/** Below `limit`, the same ones in every run. */
let state = 1;
function below(limit: number): number {
  state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
  return (state >>> 1) % limit;
}

/** What producers send: records that hardly compress, and records that do as logs do. */
function letters(): Uint8Array {
  return Uint8Array.from({ length: 1024 }, () => 65 + below(26));
}

const WORDS =
  ("the of and to in is was order customer accepted shipped from warehouse request for " +
    "user session with timeout after retry payment by refused because account has no balance")
    .split(" ");
function logLine(): Uint8Array {
  const text = Array.from({ length: 4 + below(20) }, () => WORDS[below(1 + below(WORDS.length))]);
  return new TextEncoder().encode(
    `{"id":${below(1e9)},"level":"info","text":"${text.join(" ")}","ms":${below(1000)}}`,
  );
}

const LOADS = [["16 KiB of letters", 16, letters], ["64 KiB of log lines", 470, logLine]] as const;
for (const [load, count, makeValue] of LOADS) {
  // Several, as a processor learns one batch's branches by heart.
  const plain = Array.from(
    { length: 32 },
    () => Array.from({ length: count }, (_, i) => ({ timestampMs: nowMs + i, value: makeValue() })),
  );
  for (const name of ["none", "lz4", "snappy"] as const) {
    const compression = CompressionType[name];
    const batches = plain.map((records) => buildBatch({ compression, records }));
    let next = 0;
    Deno.bench(
      `validate ${name}, ${batches[0].length} bytes`,
      { group: `batches of ${load}` },
      () => void validateRecords(batches[next++ % batches.length], options),
    );
  }
}

const plain = buildBatch({ records: records(1024) }).subarray(batch.BATCH_OVERHEAD);
for (const [name, type] of Object.entries(CompressionType)) {
  if (type === CompressionType.none) continue;
  const packed = compress(type, plain), group = `${plain.length} bytes, ${name} ${packed.length}`;
  Deno.bench(`compress ${name}`, { group }, () => void compress(type, plain));
  Deno.bench(`decompress ${name}`, { group }, () => void decompress(type, packed, 1 << 24));
}
