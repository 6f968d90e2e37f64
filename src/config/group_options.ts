/**
 * The options of `[groups]`: groups of both protocols, and committed offsets.
 */
import type { Option } from "./option.ts";

const INT_MAX = 2 ** 31 - 1;

export const groupOptions = {
  offsetsPartitions: {
    type: "integer",
    default: 16,
    min: 1,
    max: 1000,
    restart: true,
    kafkaName: "offsets.topic.num.partitions",
    doc:
      "Partitions of __consumer_offsets when it is made, at the first use of a group; fixed from then on. Kafka makes 50, to spread over many brokers.",
  },
  initialRebalanceDelayMs: {
    type: "integer",
    default: 3000,
    min: 0,
    max: INT_MAX,
    restart: true,
    kafkaName: "group.initial.rebalance.delay.ms",
    doc: "How long an empty group waits for more members before its first generation.",
  },
  minSessionTimeoutMs: {
    type: "integer",
    default: 6000,
    min: 1,
    max: INT_MAX,
    restart: true,
    kafkaName: "group.min.session.timeout.ms",
    doc: "The shortest session timeout a member may ask for.",
  },
  maxSessionTimeoutMs: {
    type: "integer",
    default: 1_800_000,
    min: 1,
    max: INT_MAX,
    restart: true,
    kafkaName: "group.max.session.timeout.ms",
    doc: "The longest session timeout a member may ask for.",
  },
  maxSize: {
    type: "integer",
    default: 10_000,
    min: 1,
    max: INT_MAX,
    restart: true,
    kafkaName: "group.max.size",
    doc: "Members in a group, and member ids handed out that have not come back.",
  },
  maxGroups: {
    type: "integer",
    default: 100_000,
    min: 1,
    max: 10_000_000,
    restart: true,
    doc: "Groups, empty ones with offsets included; more are refused.",
  },
  offsetsRetentionMinutes: {
    type: "integer",
    default: 10_080,
    min: 1,
    max: INT_MAX,
    restart: true,
    kafkaName: "offsets.retention.minutes",
    doc: "How long committed offsets outlive the last member of their group.",
  },
  offsetsRetentionCheckIntervalMs: {
    type: "integer",
    default: 600_000,
    min: 1000,
    max: INT_MAX,
    restart: true,
    kafkaName: "offsets.retention.check.interval.ms",
    doc: "How often offsets past their retention are looked for.",
  },
  consumerMaxSize: {
    type: "integer",
    default: 10_000,
    min: 1,
    max: INT_MAX,
    restart: true,
    kafkaName: "group.consumer.max.size",
    doc: "Members in a group of the consumer protocol.",
  },
  offsetMetadataMaxLength: {
    type: "integer",
    default: 4096,
    min: 0,
    max: 32_767,
    restart: true,
    kafkaName: "offset.metadata.max.bytes",
    doc: "Characters of metadata with a committed offset.",
  },
} as const satisfies Record<string, Option>;
