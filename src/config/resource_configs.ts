/**
 * Resource configs: what can be set on a single group (KIP-848) and on a subscription to client metrics (KIP-714),
 * under Kafka's names, with its defaults and bounds.
 *
 * Groups of the share and streams kinds are not served, so their configs are unknown here; what a directory that
 * Kafka filled has of them is kept.
 */
import { configValueError, type TopicConfigSpec } from "./topic_configs.ts";

export const groupConfigs = {
  "consumer.assignment.interval.ms": {
    type: "int",
    default: "1000",
    min: 0,
    max: 15_000,
    synonyms: ["group.consumer.assignment.interval.ms"],
    doc: "The shortest time between two target assignments of the group.",
  },
  "consumer.heartbeat.interval.ms": {
    type: "int",
    default: "5000",
    min: 5000,
    max: 15_000,
    synonyms: ["group.consumer.heartbeat.interval.ms"],
    doc: "How often the group's members are told to beat.",
  },
  "consumer.session.timeout.ms": {
    type: "int",
    default: "45000",
    min: 45_000,
    max: 60_000,
    synonyms: ["group.consumer.session.timeout.ms"],
    doc: "How long a member of the group may be silent before it is dropped.",
  },
} as const satisfies Record<string, TopicConfigSpec>;

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
      "Which clients: name=pattern with commas between, all must match. Names: client_id, client_instance_id, client_software_name, client_software_version, client_source_address.",
  },
  "metrics": {
    type: "list",
    default: "",
    synonyms: [],
    doc: "Prefixes of the names of the metrics to push; * for all.",
  },
} as const satisfies Record<string, TopicConfigSpec>;

/** What `consumer` groups are run by, typed. */
export interface ConsumerGroupConfig {
  readonly assignmentIntervalMs: number;
  readonly heartbeatIntervalMs: number;
  readonly sessionTimeoutMs: number;
}

/** A group's typed config: validated overrides on top of the defaults. */
export function resolveGroupConfig(overrides: ReadonlyMap<string, string>): ConsumerGroupConfig {
  const value = (name: keyof typeof groupConfigs) =>
    Number(overrides.get(name) ?? groupConfigs[name].default);
  return {
    assignmentIntervalMs: value("consumer.assignment.interval.ms"),
    heartbeatIntervalMs: value("consumer.heartbeat.interval.ms"),
    sessionTimeoutMs: value("consumer.session.timeout.ms"),
  };
}

/** What is wrong with `name = value` on a group, in Kafka's words, or null. */
export function groupConfigError(name: string, value: string): string | null {
  if (!Object.hasOwn(groupConfigs, name)) return `Unknown group config name: ${name}`;
  const { min, max, ...spec }: TopicConfigSpec = groupConfigs[name as keyof typeof groupConfigs];
  const error = configValueError(spec, name, value);
  if (error !== null) return error;
  // The bounds are broker configs in Kafka: group.consumer.min.session.timeout.ms and so on.
  const bound = (kind: string) => name.replace(/^consumer\./, `group.consumer.${kind}.`);
  if (Number(value) < min!) return `${name} must be greater than or equal to ${bound("min")}`;
  if (Number(value) > max!) return `${name} must be less than or equal to ${bound("max")}`;
  return null;
}
