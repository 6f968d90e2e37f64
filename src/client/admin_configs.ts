/** Configs of topics, brokers, groups and clients, as an administrator sees and sets them. */
import { DescribeConfigs } from "../protocol/messages/describe_configs.ts";
import { IncrementalAlterConfigs } from "../protocol/messages/incremental_alter_configs.ts";
import type { Cluster } from "./cluster.ts";
import type { Requests } from "./asking.ts";
import type { Connection } from "./connection.ts";
import { check } from "./errors.ts";

export interface ConfigEntry {
  readonly name: string;
  /** null when it is sensitive. */
  readonly value: string | null;
  readonly isReadOnly: boolean;
  readonly isSensitive: boolean;
  /** Whether nobody has set it. */
  readonly isDefault: boolean;
  /** Who has set it: the resource itself or another, "default" where nobody has; "unknown" of a newer broker. */
  readonly source: ConfigSource;
}

export type ConfigSource =
  | "topic"
  | "broker"
  | "all brokers"
  | "broker's file"
  | "default"
  | "logger"
  | "client"
  | "group"
  | "unknown";

/**
 * Whose configs. A broker's name is its id; "" is the default of all brokers. A group need not be there; a client is a
 * subscription to clients' metrics (KIP-714).
 */
export interface ConfigResource {
  readonly type: "topic" | "broker" | "group" | "client";
  readonly name: string;
}

/** Those of many topics, in the order asked, a few hundred a request. Retries; throws KafkaError. */
export async function describeTopicConfigs(
  cluster: Cluster,
  topics: readonly string[],
): Promise<ConfigEntry[][]> {
  const found: ConfigEntry[][] = [];
  for (let at = 0; at < topics.length; at += TOPICS_A_REQUEST) {
    const some = topics.slice(at, at + TOPICS_A_REQUEST);
    found.push(
      ...await cluster.retry(async () => {
        const connection = await cluster.anyConnection();
        const resources = some.map((name): ConfigResource => ({ type: "topic", name }));
        return await configsOf(connection, resources, null);
      }),
    );
  }
  return found;
}

/** Kafka's numbers (ConfigResource.Type). */
const RESOURCE_TYPES = { topic: 2, broker: 4, client: 16, group: 32 };
const DEFAULT_SOURCE = 5;
/** By Kafka's number (DescribeConfigsResponse.ConfigSource). */
const SOURCES: readonly ConfigSource[] = [
  "unknown",
  "topic",
  "broker",
  "all brokers",
  "broker's file",
  "default",
  "logger",
  "client",
  "group",
];

const TOPICS_A_REQUEST = 500;

/** In the order asked. Throws KafkaError for the first that fails. */
export async function configsOf(
  connection: Connection,
  resources: readonly ConfigResource[],
  names: readonly string[] | null,
): Promise<ConfigEntry[][]> {
  const { results } = await connection.request(
    DescribeConfigs,
    connection.versionFor(DescribeConfigs),
    {
      resources: resources.map(({ type, name }) => ({
        resourceType: RESOURCE_TYPES[type],
        resourceName: name,
        configurationKeys: names,
      })),
    },
  );
  const byName = new Map(results.map((result) => [result.resourceName, result]));
  return resources.map(({ type, name }) => {
    const result = byName.get(name);
    if (result === undefined) throw new Error(`${connection.address} left out ${type} ${name}`);
    check(result.errorCode, `configs of ${type} ${name}`, result.errorMessage);
    return result.configs.map(({ name, value, readOnly, isSensitive, configSource }) => ({
      name,
      value,
      isReadOnly: readOnly,
      isSensitive,
      isDefault: configSource === DEFAULT_SOURCE,
      source: SOURCES[configSource] ?? "unknown",
    }));
  });
}

/** All of them change, or none. Throws KafkaError. */
export async function alterConfigs(
  connection: Requests,
  { resource, configs, validateOnly }: {
    readonly resource: ConfigResource;
    readonly configs: Readonly<Record<string, string | null>>;
    readonly validateOnly: boolean;
  },
): Promise<void> {
  const version = connection.versionFor(IncrementalAlterConfigs);
  const { responses: [result] } = await connection.request(IncrementalAlterConfigs, version, {
    resources: [{
      resourceType: RESOURCE_TYPES[resource.type],
      resourceName: resource.name,
      configs: Object.entries(configs).map(([name, value]) => ({
        name,
        value,
        configOperation: value === null ? 1 : 0,
      })),
    }],
    validateOnly,
  });
  check(result.errorCode, `configs of ${resource.type} ${resource.name}`, result.errorMessage);
}
