/**
 * Client metrics configs: what can be set on a subscription to client metrics (KIP-714), under Kafka's names, with its
 * defaults and bounds.
 */
import type { TopicConfigSpec } from "./topic_configs.ts";

/** Kafka's bounds of interval.ms (ClientMetricsConfigs). */
export const METRICS_INTERVAL_MS = { min: 100, max: 3_600_000 } as const;

export const clientMetricsConfigs = {
  "interval.ms": {
    type: "int",
    default: "300000",
    synonyms: [],
    doc: "How often a client pushes its metrics.",
  },
  "match": {
    type: "list",
    default: "",
    synonyms: [],
    doc:
      "Which clients: name=pattern with commas between, all must match. Names: client_id, client_instance_id, client_software_name, client_software_version, client_source_address, client_source_port.",
  },
  "metrics": {
    type: "list",
    default: "",
    synonyms: [],
    doc: "Prefixes of the names of the metrics to push; * for all.",
  },
} as const satisfies Record<string, TopicConfigSpec>;
