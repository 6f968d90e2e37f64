/** The options of `[storage]`: where data lives, and what is kept of it when. */
import type { Option } from "./option.ts";

const MIB = 1024 * 1024;
const INT_MAX = 2 ** 31 - 1;

export const storageOptions = {
  path: {
    type: "text",
    default: "./runnel-data",
    pattern: /^memory:\/\/$|^(?![A-Za-z][A-Za-z0-9+.-]*:\/\/)[^\0]{1,4096}$/,
    need: "a directory, or memory://",
    restart: true,
    kafkaName: "log.dirs",
    doc: "The data directory, or memory:// to keep nothing.",
  },
  flush: {
    type: "choice",
    default: "fsync",
    choices: ["fsync", "os", "interval"],
    restart: true,
    doc:
      "When a write is acknowledged: fsync, after it survives power loss; os, once the operating system has it (as Kafka does); interval, as os with an fsync every flush_interval_ms.",
  },
  minFreeBytes: {
    type: "integer",
    default: 256 * MIB,
    min: 0,
    max: 2 ** 50,
    restart: true,
    doc:
      "With fewer bytes free on the disk producers are refused, while consumers, commits, deletion and retention go on. The journal may still grow by 128 MiB then; 0 is no floor.",
  },
  retentionCheckIntervalMs: {
    type: "integer",
    default: 300_000,
    min: 1,
    max: INT_MAX,
    restart: true,
    kafkaName: "log.retention.check.interval.ms",
    doc: "How often segments past their topic's retention are looked for.",
  },
  trustClock: {
    type: "boolean",
    default: false,
    restart: true,
    doc:
      "The wall clock is right at this start, however far it is ahead of the time that the broker wrote down last; without it nothing is deleted by a clock that leapt until that has run on for an hour for each day.",
  },
  producerIdExpirationMs: {
    type: "integer",
    default: 86_400_000,
    min: 1,
    max: INT_MAX,
    restart: true,
    kafkaName: "producer.id.expiration.ms",
    doc: "How long the state of an idempotent producer that writes nothing is kept.",
  },
  metadataSnapshotBytes: {
    type: "integer",
    default: 20_971_520,
    min: 1,
    max: INT_MAX,
    restart: true,
    kafkaName: "metadata.log.max.record.bytes.between.snapshots",
    doc: "The metadata log is replaced by a snapshot after so many bytes.",
  },
  metadataSnapshotIntervalMs: {
    type: "integer",
    default: 3_600_000,
    min: 1,
    max: INT_MAX,
    restart: true,
    kafkaName: "metadata.log.max.snapshot.interval.ms",
    doc: "Or when it was written to and its last snapshot is so old.",
  },
} as const satisfies Record<string, Option>;
