/**
 * DescribeConfigs 1–4: the configs of topics and brokers, each with its value, source, type and, when asked, what is
 * set below it and what it means.
 *
 * Broker "" is the cluster's default: only what is set there. Groups and client metrics subscriptions need not exist:
 * those that are not known have the defaults. Unknown topics are 3, bad names 17, other brokers and unknown kinds of
 * resources 42. Broker loggers (kind 8) are an empty list: log levels are options here.
 *
 * Versions: 1 synonyms and sources · 3 types and documentation.
 */
import type { Config } from "../config/options.ts";
import { clientMetricsConfigs } from "../config/client_metrics_configs.ts";
import { isTopicConfig, topicConfigs } from "../config/topic_configs.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeConfigs } from "../protocol/messages/describe_configs.ts";
import type { Encodable } from "../protocol/schema.ts";
import { ConfigResource } from "../topics/catalogue.ts";
import {
  type ConfigLayers,
  ConfigSource,
  describeTopicConfigs,
  shownTopicConfig,
} from "../topics/describe_topic_config.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { topicNameError } from "../topics/names.ts";
import {
  brokerEntries,
  type ConfigEntry,
  dynamicEntries,
  groupEntries,
  resourceEntries,
  typeCode,
} from "./config_entries.ts";
import { type Handler, handler } from "./handler.ts";
import type { LongAnswers } from "./long_answers.ts";

export interface DescribeConfigsDeps {
  readonly metadata: MetadataStore;
  readonly nodeId: number;
  readonly config: Config;
  readonly answers: LongAnswers;
}

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

/** The configs of a resource, or why there are none. */
type Described = ConfigEntry[] | { readonly errorCode: number; readonly errorMessage?: string };

export function describeConfigs(deps: DescribeConfigsDeps): Handler {
  return handler(DescribeConfigs, { min: 1, max: 4 }, (request, { connection }) =>
    deps.answers.of({
      items: request.resources,
      part: (resource): Part => {
        const { resourceType, resourceName, configurationKeys } = resource;
        const described = describe(deps, resource);
        if (!Array.isArray(described)) return { resourceType, resourceName, ...described };
        const isAsked = configurationKeys?.length ? new Set(configurationKeys) : null; // none: all
        const configs = described.filter((entry) => isAsked?.has(entry.name) ?? true)
          .map((entry) => ({
            ...entry,
            synonyms: request.includeSynonyms ? entry.synonyms : [],
            documentation: request.includeDocumentation ? entry.documentation : null,
          }));
        const fine = { errorCode: ErrorCode.NONE, errorMessage: "" };
        return { ...fine, resourceType, resourceName, configs };
      },
      tooLong: ({ resourceType, resourceName }, errorMessage) => ({
        resourceType,
        resourceName,
        errorCode: ErrorCode.INVALID_REQUEST,
        errorMessage,
      }),
      whole: (results) => ({ results }),
      connection,
    }));
}

type Part = NonNullable<Encodable<typeof DescribeConfigs.response>["results"]>[number];

function describe(deps: DescribeConfigsDeps, { resourceType, resourceName }: Resource): Described {
  switch (resourceType) {
    case ConfigResource.TOPIC:
      return describeTopic(deps, resourceName);
    case ConfigResource.BROKER:
      return describeBroker(deps, resourceName);
    case ConfigResource.CLIENT_METRICS:
      if (resourceName === "") return invalid("Client metrics subscription name must not be empty");
      return resourceEntries(
        clientMetricsConfigs,
        set(deps, resourceType, resourceName),
        CLIENT_METRICS_CONFIG,
      );
    case ConfigResource.GROUP:
      if (resourceName === "") return invalid("Group name must not be empty");
      return groupEntries(set(deps, resourceType, resourceName), layersOf(deps), deps.config);
    case ConfigResource.BROKER_LOGGER:
      if (resourceName === "") return invalid("Broker id must not be empty");
      return otherBroker(resourceName, deps.nodeId) ?? [];
    default:
      return invalid(`Configs of resource type ${resourceType} cannot be described`);
  }
}

/** Where their configs come from, which only this answer knows. */
const CLIENT_METRICS_CONFIG = 7;

function layersOf({ metadata, nodeId, config }: DescribeConfigsDeps): ConfigLayers {
  return { catalogue: metadata.catalogue, nodeId, staticConfigs: config.topicSet };
}

function describeTopic(deps: DescribeConfigsDeps, name: string): Described {
  const nameError = topicNameError(name);
  if (nameError !== null) {
    return { errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION, errorMessage: nameError };
  }
  const topic = deps.metadata.catalogue.topic(name);
  if (topic === undefined) {
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: "" };
  }
  const described = describeTopicConfigs(topic.configs, layersOf(deps)).map(shownTopicConfig);
  return described.map(({ name, value, source, synonyms }) => {
    const spec = isTopicConfig(name) ? topicConfigs[name] : undefined;
    return {
      name,
      value,
      configSource: source,
      synonyms,
      readOnly: false,
      isSensitive: spec === undefined,
      configType: typeCode(spec?.type),
      documentation: spec?.doc ?? "",
    };
  });
}

function describeBroker(deps: DescribeConfigsDeps, id: string): Described {
  const { metadata, nodeId, config } = deps;
  if (id === "") {
    return dynamicEntries(metadata.catalogue.brokerConfigs(""), ConfigSource.CLUSTER);
  }
  const refused = otherBroker(id, nodeId);
  if (refused !== null) return refused;
  return brokerEntries(layersOf(deps), config);
}

function otherBroker(id: string, nodeId: number): Described | null {
  if (!/^[+-]?\d{1,10}$/.test(id)) return invalid(`Broker id must be an integer, but it is: ${id}`);
  return Number(id) === nodeId
    ? null
    : invalid(`Unexpected broker id, expected ${nodeId} or empty string, but received ${id}`);
}

function set(deps: DescribeConfigsDeps, resourceType: number, name: string) {
  return deps.metadata.catalogue.configs(resourceType, name);
}

function invalid(errorMessage: string): Described {
  return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage };
}
