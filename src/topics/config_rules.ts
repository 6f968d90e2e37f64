/**
 * Config rules: which resources have configs that can be altered, and what may stand in them.
 *
 * Topics, groups and client metrics know their names and refuse others. A broker keeps unknown names, as Kafka does:
 * tools write throttles and configs of plugins there. This broker's own options are refused, as they are read at
 * start.
 */
import { parseClientMatch } from "../config/client_match.ts";
import { clientMetricsConfigs, METRICS_INTERVAL_MS } from "../config/client_metrics_configs.ts";
import { groupConfigError, groupConfigsError } from "../config/group_configs.ts";
import type { Config } from "../config/options.ts";
import {
  configValueError,
  validateTopicConfig,
  validateTopicConfigs,
} from "../config/topic_configs.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { dynamicBrokerConfig, isStaticSynonym } from "./broker_configs.ts";
import { type Catalogue, ConfigResource } from "./catalogue.ts";
import { STATIC_BROKER_CONFIGS } from "./kafka_broker_configs.ts";
import { topicNameError } from "./names.ts";
import { failure, type Outcome } from "./outcome.ts";

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

/** Why this resource cannot be altered at all, or null. */
export function resourceError(
  catalogue: Catalogue,
  { resourceType, resourceName: name }: Resource,
  { nodeId }: { readonly nodeId: number },
): Outcome | null {
  switch (resourceType) {
    case ConfigResource.TOPIC:
      return topicError(catalogue, name);
    case ConfigResource.BROKER:
      return name === "" ? null : brokerIdError(name, nodeId);
    case ConfigResource.GROUP:
      return name === "" ? invalid("Default group resources are not allowed.") : null;
    case ConfigResource.CLIENT_METRICS:
      return name === "" ? invalid("Subscription name can't be empty") : null;
    default:
      return invalid(`Unknown resource type ${resourceType}`);
  }
}

/** What a resource would have, and what of it is new. */
export interface NextConfigs {
  readonly next: ReadonlyMap<string, string>;
  /** Null for what is deleted. */
  readonly changes: ReadonlyMap<string, string | null>;
  readonly fixedBrokerConfigs: ReadonlySet<string>;
  /** The broker's options for groups: what a group may set, and what it has where it sets nothing. */
  readonly groups: Config["groups"];
  /** Whether the cluster runs with eligible leader replicas (KIP-966). */
  readonly hasElr: boolean;
}

/** What is wrong with the configs a resource would have, or null. */
export function configError(
  { resourceType, resourceName }: Resource,
  configs: NextConfigs,
): Outcome | null {
  switch (resourceType) {
    case ConfigResource.TOPIC:
      return topicConfigError(configs);
    case ConfigResource.BROKER:
      return brokerError(resourceName, configs);
    case ConfigResource.GROUP:
      return groupError(configs);
    default:
      return clientMetricsError(configs);
  }
}

/** A broker's id in a resource name, or why it is not this broker's. */
export function brokerIdError(name: string, nodeId: number): Outcome | null {
  if (!/^[+-]?\d{1,10}$/.test(name)) {
    return invalid(`Node id must be an integer, but it is: ${name}`);
  }
  return Number(name) === nodeId
    ? null
    : invalid(`Unexpected broker id, expected ${nodeId}, but received ${name}`);
}

function topicError(catalogue: Catalogue, name: string): Outcome | null {
  if (name === "") return invalid("Default topic resources are not allowed.");
  const nameError = topicNameError(name);
  if (nameError !== null) return failure(ErrorCode.INVALID_TOPIC_EXCEPTION, nameError);
  if (catalogue.topic(name) !== undefined) return null;
  return failure(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${name}' does not exist.`);
}

function topicConfigError({ next, changes }: NextConfigs): Outcome | null {
  for (const [name, value] of changes) {
    const error = value === null ? null : validateTopicConfig(name, value);
    if (error !== null) return refused(error);
  }
  const together = validateTopicConfigs(
    [...next].filter(([name, value]) => validateTopicConfig(name, value) === null),
  );
  return together === null ? null : refused(together);
}

function brokerError(resourceName: string, configs: NextConfigs): Outcome | null {
  const { changes, fixedBrokerConfigs, groups, hasElr } = configs;
  const set = [...changes].filter(([, value]) => value !== null) as [string, string][];
  const names = set.map(([name]) => name);
  const isOfListener = (name: string) => isOfSecurity(name) && !STATIC_BROKER_CONFIGS.has(name);
  const isFixed = (name: string) =>
    fixedBrokerConfigs.has(name) || STATIC_BROKER_CONFIGS.has(name) || isStaticSynonym(name);
  const sentences: [string, string[]][] = [
    ["Cannot update these configs dynamically", names.filter(isFixed)],
    [
      "These security configs can be dynamically updated only per-listener using the listener prefix",
      names.filter((name) => name.startsWith("ssl.") && isOfListener(name)),
    ],
    // Kafka alters these, of single brokers.
    ["Cannot update these configs dynamically", names.filter(isOfListener)],
  ];
  for (const [sentence, refused] of sentences) {
    if (refused.length > 0) return invalid(`${sentence}: [${refused.join(", ")}]`);
  }
  for (const [name, value] of set) {
    const spec = dynamicBrokerConfig(name);
    const error = (spec === undefined ? null : configValueError(spec, name, value)) ??
      retentionError(name, value) ?? intervalError(name, value, groups);
    if (error !== null) return invalid(error);
  }
  const perBroker = set.map(([name]) => name).filter((name) =>
    dynamicBrokerConfig(name)?.perBroker
  );
  if (resourceName === "" && perBroker.length > 0) {
    const only =
      "Cannot update these configs at default cluster level, broker id must be specified";
    return invalid(`${only}: [${perBroker.join(", ")}]`);
  }
  return hasElr ? minInsyncError(resourceName, changes) : null;
}

/** A topic may keep nothing, a broker's default may not: it would empty every topic that sets none (KafkaConfig). */
function retentionError(name: string, value: string): string | null {
  return name === "log.retention.ms" && Number(value) === 0
    ? `requirement failed: ${name} must be unlimited (-1) or, greater than or equal to 1`
    : null;
}

/** The interval that groups have by default stays within what they may set themselves. */
function intervalError(name: string, value: string, groups: Config["groups"]): string | null {
  if (name !== "group.consumer.assignment.interval.ms") return null;
  const { consumerMinAssignmentIntervalMs: min, consumerMaxAssignmentIntervalMs: max } = groups;
  const bound = (kind: string) => `group.consumer.${kind}.assignment.interval.ms`;
  if (Number(value) < min) return `${name} must be greater than or equal to ${bound("min")}`;
  return Number(value) > max ? `${name} must be less than or equal to ${bound("max")}` : null;
}

/**
 * With eligible leader replicas (KIP-966) the cluster always has a min.insync.replicas of its own, and no broker
 * another.
 */
function minInsyncError(
  resourceName: string,
  changes: ReadonlyMap<string, string | null>,
): Outcome | null {
  const name = "min.insync.replicas";
  if (!changes.has(name)) return null;
  if (resourceName !== "") {
    return refused(`Broker-level ${name} cannot be altered while ELR is enabled.`);
  }
  return changes.get(name) === null
    ? refused(`Cluster-level ${name} cannot be removed while ELR is enabled.`)
    : null;
}

/** Keys and credentials are this broker's options, not Kafka's: kept here they would only be readable. */
function isOfSecurity(name: string): boolean {
  return /^(listener\.name\.|ssl\.|sasl\.)/.test(name);
}

function groupError({ next, changes, groups }: NextConfigs): Outcome | null {
  for (const [name, value] of changes) {
    const error = value === null ? null : groupConfigError(name, value, groups);
    if (error !== null) return refused(error);
  }
  const error = groupConfigsError(next, {
    assignmentIntervalMs: groups.consumerAssignmentIntervalMs,
    heartbeatIntervalMs: groups.consumerHeartbeatIntervalMs,
    sessionTimeoutMs: groups.consumerSessionTimeoutMs,
  });
  return error === null ? null : refused(error);
}

function clientMetricsError({ changes }: NextConfigs): Outcome | null {
  for (const [name, value] of changes) {
    if (value === null) continue;
    if (!Object.hasOwn(clientMetricsConfigs, name)) {
      return invalid(`Unknown client metrics configuration: ${name}`);
    }
    const spec = clientMetricsConfigs[name as keyof typeof clientMetricsConfigs];
    const error = configValueError(spec, name, value);
    if (error !== null) return refused(error);
    const { min, max } = METRICS_INTERVAL_MS;
    if (name === "interval.ms" && !(Number(value) >= min && Number(value) <= max)) {
      return invalid(
        `Invalid value ${value} for interval.ms, interval must be between ${min} and ${max} (1 hour)`,
      );
    }
    const match = name === "match" ? parseClientMatch(value) : null;
    if (typeof match === "string") return refused(match);
  }
  return null;
}

function refused(message: string): Outcome {
  return failure(ErrorCode.INVALID_CONFIG, message);
}

function invalid(message: string): Outcome {
  return failure(ErrorCode.INVALID_REQUEST, message);
}
