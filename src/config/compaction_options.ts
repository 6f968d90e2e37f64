/**
 * The options of `[compaction]`: the cleaner's. When a log is compacted, and what is kept, its topic's own configs say.
 */
import type { Option } from "./option.ts";

const MIB = 1024 * 1024;

export const compactionOptions = {
  backoffMs: {
    type: "integer",
    default: 15_000,
    min: 1,
    max: 2 ** 31 - 1,
    restart: true,
    kafkaName: "log.cleaner.backoff.ms",
    doc: "How long the cleaner sleeps when no log of a compacted topic is dirty enough.",
  },
  dedupeBufferBytes: {
    type: "integer",
    default: 32 * MIB,
    min: 64 * 1024,
    max: 4096 * MIB,
    restart: true,
    kafkaName: "log.cleaner.dedupe.buffer.size",
    doc:
      "Memory for the keys of one compaction, 32 bytes each; a log with more keys takes several passes.",
  },
  ioMaxBytesPerSecond: {
    type: "integer",
    default: 0,
    min: 0,
    max: 2 ** 40,
    restart: true,
    kafkaName: "log.cleaner.io.max.bytes.per.second",
    doc:
      "Bytes the cleaner reads and writes a second; 0 is no limit but the half of the time it rests.",
  },
} as const satisfies Record<string, Option>;
