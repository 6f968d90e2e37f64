/**
 * The topic configs: one row each under Kafka's own name, with type, default, range and the broker-level name
 * Kafka knows the default by (LogConfig and ServerTopicConfigSynonyms of Kafka 4.4).
 *
 * Values travel as text (in KRaft records, on the wire, in DescribeConfigs), so defaults are text too; the typed
 * view is `TopicConfig`. A LONG becomes a number: every use compares or adds it, and 2^63-1 ("for ever") rounds to
 * 2^63, which still is for ever. The text is what is stored and shown, so nothing is lost there.
 */
export interface TopicConfigSpec {
  readonly type: TopicConfigType;
  readonly default: string;
  /** Bounds, both included. */
  readonly min?: number;
  readonly max?: number;
  /** A value allowed beside the range. */
  readonly also?: number;
  /** The words allowed; of a list, for each element. */
  readonly allowed?: readonly string[];
  /** The broker-level names of the default, first the one Kafka reports; none for what only topics have. */
  readonly synonyms: readonly string[];
  /** Whether a list keeps a word that comes twice; Kafka takes "compact,compact" for "compact". */
  readonly repeats?: true;
  /** Accepted when set, never listed: Kafka's own testing aid. */
  readonly hidden?: true;
  readonly doc: string;
}

export type TopicConfigType = "boolean" | "string" | "int" | "long" | "double" | "list";

const FOREVER = "9223372036854775807";

export const topicConfigs = {
  "cleanup.policy": {
    type: "list",
    default: "delete",
    allowed: ["compact", "delete"],
    synonyms: ["log.cleanup.policy"],
    doc:
      "What happens to old records: delete whole segments by age and size, compact to the newest record of a key, both (comma between), or neither (empty).",
  },
  "compression.gzip.level": {
    type: "int",
    default: "-1",
    min: 1,
    max: 9,
    also: -1,
    synonyms: ["compression.gzip.level"],
    doc: "Level used when compression.type is gzip; -1 is the library's default.",
  },
  "compression.lz4.level": {
    type: "int",
    default: "9",
    min: 1,
    max: 17,
    synonyms: ["compression.lz4.level"],
    doc: "Level used when compression.type is lz4.",
  },
  "compression.type": {
    type: "string",
    default: "producer",
    allowed: ["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"],
    synonyms: ["compression.type"],
    doc: "Codec of stored batches; producer keeps what the client sent.",
  },
  "compression.zstd.level": {
    type: "int",
    default: "3",
    min: -131072,
    max: 22,
    synonyms: ["compression.zstd.level"],
    doc: "Level used when compression.type is zstd.",
  },
  "delete.retention.ms": {
    type: "long",
    default: "86400000",
    min: 0,
    synonyms: ["log.cleaner.delete.retention.ms"],
    doc:
      "How long a tombstone stays after compaction, so that a reader from the start sees the deletion.",
  },
  "errors.deadletterqueue.group.enable": {
    type: "boolean",
    default: "false",
    synonyms: [],
    doc:
      "Whether share groups may use the topic as a dead-letter queue. There are no share groups here; kept for Kafka.",
  },
  "file.delete.delay.ms": {
    type: "long",
    default: "60000",
    min: 0,
    synonyms: ["log.segment.delete.delay.ms"],
    doc: "How long a deleted segment's files stay on disk for readers that still have them.",
  },
  "flush.messages": {
    type: "long",
    default: FOREVER,
    min: 1,
    synonyms: ["log.flush.interval.messages"],
    doc: "Force a sync after this many records, whatever the broker's flush policy.",
  },
  "flush.ms": {
    type: "long",
    default: FOREVER,
    min: 0,
    synonyms: ["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
    doc: "Force a sync of records older than this, whatever the broker's flush policy.",
  },
  "follower.replication.throttled.replicas": {
    type: "list",
    default: "",
    repeats: true,
    synonyms: [],
    doc: "Replicas throttled on the follower's side, as partition:broker pairs or *.",
  },
  "index.interval.bytes": {
    type: "int",
    default: "4096",
    min: 0,
    synonyms: ["log.index.interval.bytes"],
    doc: "Bytes of log between two index entries.",
  },
  "internal.segment.bytes": {
    type: "int",
    default: "1073741824",
    synonyms: [],
    hidden: true,
    doc: "Segment size below segment.bytes' minimum, for tests.",
  },
  "leader.replication.throttled.replicas": {
    type: "list",
    default: "",
    repeats: true,
    synonyms: [],
    doc: "Replicas throttled on the leader's side, as partition:broker pairs or *.",
  },
  "local.retention.bytes": {
    type: "long",
    default: "-2",
    min: -2,
    synonyms: ["log.local.retention.bytes"],
    doc: "Local size kept of a tiered partition; -2 follows retention.bytes.",
  },
  "local.retention.ms": {
    type: "long",
    default: "-2",
    min: -2,
    synonyms: ["log.local.retention.ms"],
    doc: "Local age kept of a tiered partition; -2 follows retention.ms.",
  },
  "max.compaction.lag.ms": {
    type: "long",
    default: FOREVER,
    min: 1,
    synonyms: ["log.cleaner.max.compaction.lag.ms"],
    doc: "The longest a record may wait for compaction.",
  },
  "max.decompressed.message.bytes": {
    type: "int",
    default: "2147483639",
    min: 1,
    max: 2147483639,
    synonyms: ["max.decompressed.message.bytes"],
    doc: "Bytes of the largest record in a compressed batch, once it is decompressed.",
  },
  "max.message.bytes": {
    type: "int",
    default: "1048588",
    min: 0,
    synonyms: ["message.max.bytes"],
    doc: "The largest record batch, as it is stored.",
  },
  "message.timestamp.after.max.ms": {
    type: "long",
    default: "3600000",
    min: 0,
    synonyms: ["log.message.timestamp.after.max.ms"],
    doc: "How far a record's CreateTime may be ahead of the broker's clock.",
  },
  "message.timestamp.before.max.ms": {
    type: "long",
    default: FOREVER,
    min: 0,
    synonyms: ["log.message.timestamp.before.max.ms"],
    doc: "How far a record's CreateTime may be behind the broker's clock.",
  },
  "message.timestamp.type": {
    type: "string",
    default: "CreateTime",
    allowed: ["CreateTime", "LogAppendTime"],
    synonyms: ["log.message.timestamp.type"],
    doc: "Whose clock stamps records: the producer's (CreateTime) or the broker's (LogAppendTime).",
  },
  "min.cleanable.dirty.ratio": {
    type: "double",
    default: "0.5",
    min: 0,
    max: 1,
    synonyms: ["log.cleaner.min.cleanable.ratio"],
    doc: "Share of a log that must be uncompacted before it is compacted.",
  },
  "min.compaction.lag.ms": {
    type: "long",
    default: "0",
    min: 0,
    synonyms: ["log.cleaner.min.compaction.lag.ms"],
    doc: "The shortest a record stays as written before compaction may drop it.",
  },
  "min.insync.replicas": {
    type: "int",
    default: "1",
    min: 1,
    synonyms: ["min.insync.replicas"],
    doc: "In-sync replicas an acks=all write needs.",
  },
  "preallocate": {
    type: "boolean",
    default: "false",
    synonyms: ["log.preallocate"],
    doc:
      "Has no effect: kept and shown for Kafka, which makes a new segment's file as long as it may become. On Linux that reserves no room; here files grow as they are written, so that after a crash no end of zeros has to be told from a torn one.",
  },
  "remote.copy.lag.bytes": {
    type: "long",
    default: "-1",
    min: -1,
    synonyms: ["log.remote.copy.lag.bytes"],
    doc:
      "Bytes of newer data after which a segment is copied to tiered storage, which this broker has not.",
  },
  "remote.copy.lag.ms": {
    type: "long",
    default: "0",
    min: -1,
    synonyms: ["log.remote.copy.lag.ms"],
    doc: "Age at which a segment is copied to tiered storage, which this broker has not.",
  },
  "remote.log.copy.disable": {
    type: "boolean",
    default: "false",
    synonyms: [],
    doc: "Stop copying a tiered topic to remote storage.",
  },
  "remote.log.delete.on.disable": {
    type: "boolean",
    default: "false",
    synonyms: [],
    doc: "Delete a topic's remote data when tiering is switched off.",
  },
  "remote.storage.enable": {
    type: "boolean",
    default: "false",
    synonyms: [],
    doc: "Tiered storage; this broker has none, so only false is accepted.",
  },
  "retention.bytes": {
    type: "long",
    default: "-1",
    synonyms: ["log.retention.bytes"],
    doc: "Size of a partition beyond which its oldest segments are deleted; -1 is no limit.",
  },
  "retention.ms": {
    type: "long",
    default: "604800000",
    min: -1,
    synonyms: ["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
    doc: "Age beyond which segments are deleted; -1 is no limit.",
  },
  "segment.bytes": {
    type: "int",
    default: "1073741824",
    min: 1048576,
    synonyms: ["log.segment.bytes"],
    doc: "Size at which a segment is closed and the next one begun.",
  },
  "segment.index.bytes": {
    type: "int",
    default: "10485760",
    min: 4,
    synonyms: ["log.index.size.max.bytes"],
    doc: "The largest offset index of one segment.",
  },
  "segment.jitter.ms": {
    type: "long",
    default: "0",
    min: 0,
    synonyms: ["log.roll.jitter.ms", "log.roll.jitter.hours"],
    doc: "Random time taken off segment.ms, so that partitions do not all roll together.",
  },
  "segment.ms": {
    type: "long",
    default: "604800000",
    min: 1,
    synonyms: ["log.roll.ms", "log.roll.hours"],
    doc: "Age at which a segment is closed even if it is not full.",
  },
  "unclean.leader.election.enable": {
    type: "boolean",
    default: "false",
    synonyms: ["unclean.leader.election.enable"],
    doc: "Whether a replica that is not in sync may lead when no other is left.",
  },
} as const satisfies Record<string, TopicConfigSpec>;
