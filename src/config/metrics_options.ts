/** The options of `[metrics]`: what is shown, and how many names at most. */
import type { Option } from "./option.ts";

export const metricsOptions = {
  enabled: {
    type: "boolean",
    default: true,
    restart: true,
    doc: "Answer /metrics; the health checks stay either way.",
  },
  prefix: {
    type: "text",
    default: "runnel",
    pattern: /^[a-zA-Z][a-zA-Z0-9_]{0,63}$/,
    need: "a letter, then letters, digits and _",
    restart: true,
    doc: "First part of every metric's name.",
  },
  maxTopics: {
    type: "integer",
    default: 500,
    min: 0,
    max: 100_000,
    restart: true,
    doc: 'Topics with counters of their own; the rest are added up under the topic "other".',
  },
  maxPartitions: {
    type: "integer",
    default: 2000,
    min: 0,
    max: 100_000,
    restart: true,
    doc: "Partitions with offsets and sizes of their own; the rest are left out.",
  },
  maxGroups: {
    type: "integer",
    default: 500,
    min: 0,
    max: 100_000,
    restart: true,
    doc: "Groups shown with members, state and generation; the rest are left out, idle ones first.",
  },
  maxGroupPartitions: {
    type: "integer",
    default: 2000,
    min: 0,
    max: 100_000,
    restart: true,
    doc: "Partitions whose lag is shown, over all groups; the rest are left out.",
  },
  maxClientSeries: {
    type: "integer",
    default: 2000,
    min: 0,
    max: 100_000,
    restart: true,
    doc: "Metrics that clients push of their own, over all clients; the rest are left out.",
  },
  offerPush: {
    type: "boolean",
    default: false,
    restart: true,
    doc:
      "Offer clients to push their metrics (KIP-714) even while no client metrics subscription asks for any. Current librdkafka then prints a line in every application.",
  },
  maxScrapeBytes: {
    type: "integer",
    default: 16_777_216,
    min: 65_536,
    max: 2 ** 30,
    restart: true,
    doc: "Bytes of an answer of /metrics; series past it are left out.",
  },
  maxPushBytes: {
    type: "integer",
    default: 1_048_576,
    min: 1,
    max: 2 ** 31 - 1,
    restart: true,
    kafkaName: "telemetry.max.bytes",
    doc: "Bytes of metrics that a client may push at once, as they are sent.",
  },
} as const satisfies Record<string, Option>;
