/** Proves that a batch that would become 1 GB is refused after 8 MB of it, by each codec, and costs next to no time. */
import { assert, assertEquals } from "@std/assert";
import { gzipSync } from "node:zlib";
import type { Requests } from "../client/asking.ts";
import { BATCH_OVERHEAD } from "../protocol/records/batch.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { compress, CompressionType } from "../protocol/records/compression.ts";
import { LIMITS, type RecordsAnswer } from "./api.ts";
import { Effort, PartitionReader } from "./partition_reader.ts";

const GB = 1 << 30;

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function repeated(part: Uint8Array, count: number): Uint8Array {
  return joined(Array.from({ length: count }, () => part));
}

/** Each is 1 GB of zeros. */
const bombs: Readonly<Record<"gzip" | "snappy" | "lz4" | "zstd", () => Uint8Array>> = {
  /** Members of 16 MB. */
  gzip: () => repeated(gzipSync(new Uint8Array(16 << 20)), GB / (16 << 20)),
  /** One block, which declares what it becomes. */
  snappy() {
    const declared = [0x80, 0x80, 0x80, 0x80, 0x04], copy = [0xfe, 0x01, 0x00]; // 64 bytes each
    const copies = repeated(repeated(new Uint8Array(copy), 4096), GB / 64 / 4096);
    return joined([new Uint8Array([...declared, 0x00, 0x00]), copies]);
  },
  /** A frame of so many blocks of 64 KiB. */
  lz4() {
    const frame = compress(CompressionType.lz4, new Uint8Array(1 << 16));
    const header = frame.subarray(0, 7), block = frame.subarray(7, -4), end = frame.subarray(-4);
    return joined([header, repeated(block, GB / (1 << 16)), end]);
  },
  /** A frame of blocks that are one byte, so many times. */
  zstd() {
    const blockBytes = 128 * 1024,
      count = GB / blockBytes,
      header = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    const block = (isLast: boolean) => {
      const word = Number(isLast) | 1 << 1 | blockBytes << 3;
      return new Uint8Array([word & 255, word >> 8 & 255, word >> 16 & 255, 0]);
    };
    return joined([new Uint8Array(header), repeated(block(false), count - 1), block(true)]);
  },
};

/** A batch of that codec, with other records than it was made with. */
function batchOf(codec: keyof typeof bombs): Uint8Array {
  const made = buildBatch({
    records: [{ timestampMs: 0, value: new Uint8Array(10) }],
    compression: CompressionType[codec],
  });
  const whole = joined([made.subarray(0, BATCH_OVERHEAD), bombs[codec]()]);
  new DataView(whole.buffer).setInt32(8, whole.length - 12);
  return whole;
}

for (const codec of Object.keys(bombs) as (keyof typeof bombs)[]) {
  Deno.test(`1 GB by ${codec} is told of, and not looked into`, async () => {
    const records = batchOf(codec);
    const requests = {
      versionFor: () => 12,
      request: () =>
        Promise.resolve({
          errorCode: 0,
          responses: [{
            partitions: [{ errorCode: 0, records, highWatermark: 1, lastStableOffset: 1 }],
          }],
        }),
    } as unknown as Requests;
    const problems: RecordsAnswer["problems"][number][] = [];
    const reader = new PartitionReader({
      requests,
      topic: "t",
      isCommitted: false,
      effort: new Effort(new AbortController().signal),
      onProblem: (problem) => problems.push(problem),
    });
    const beganMs = performance.now(), before = Deno.memoryUsage().rss;
    const reading = await reader.read(0, { from: 0 }, () => true);
    assertEquals(reading, { nextOffset: 1, isAtEnd: true });
    assertEquals(problems.length, 1);
    assert(problems[0].reason.includes(String(LIMITS.maxBatchBytes)), problems[0].reason);
    assert(performance.now() - beganMs < 2000);
    assert(Deno.memoryUsage().rss - before < 64 << 20);
  });
}
