/**
 * describeTopicConfig: a topic's configs as tools show them: the value in force, where it comes from, and what it
 * would be without each of the settings above it.
 */
import {
  listedTopicConfigs,
  type TopicConfigName,
  topicConfigs,
  type TopicConfigSpec,
} from "../config/topic_configs.ts";
import { coarseDefault } from "./broker_configs.ts";
import type { Catalogue } from "./catalogue.ts";

/** Where a value comes from (Kafka: ConfigSource). */
export const ConfigSource = {
  TOPIC: 1,
  BROKER: 2,
  CLUSTER: 3,
  STATIC: 4,
  DEFAULT: 5,
} as const;

export interface DescribedConfig {
  readonly name: string;
  readonly value: string | null;
  readonly source: number;
  /** Every setting there is, the one in force first. */
  readonly synonyms: readonly Setting[];
}

export interface Setting {
  readonly name: string;
  /** Null for what must not be shown. */
  readonly value: string | null;
  readonly source: number;
}

/** What stands below a topic's own overrides. */
export interface ConfigLayers {
  readonly catalogue: Catalogue;
  readonly nodeId: number;
  /** Topic defaults from the configuration file, environment and flags. */
  readonly staticConfigs: ReadonlyMap<string, string>;
}

export function describeTopicConfigs(
  overrides: ReadonlyMap<string, string>,
  layers: ConfigLayers,
): DescribedConfig[] {
  return listedTopicConfigs().map((name) => describeTopicConfig(name, overrides, layers));
}

function describeTopicConfig(
  name: TopicConfigName,
  overrides: ReadonlyMap<string, string>,
  layers: ConfigLayers,
): DescribedConfig {
  const settings = brokerSettings(name, layers);
  const own = overrides.get(name);
  if (own !== undefined) settings.unshift({ name, value: own, source: ConfigSource.TOPIC });
  const spec: TopicConfigSpec = topicConfigs[name];
  const { value, source } = settings[0] ??
    { value: spec.default, source: ConfigSource.DEFAULT };
  return { name, value, source, synonyms: settings };
}

/**
 * What the broker sets for a topic config, under the broker's names. A default that several broker configs make
 * together (ms, minutes, hours) has no name of its own, so Kafka lists it below what is set and not alone.
 */
export function brokerSettings(
  name: TopicConfigName,
  { catalogue, nodeId, staticConfigs }: ConfigLayers,
): Setting[] {
  const spec: TopicConfigSpec = topicConfigs[name];
  const settings: Setting[] = [];
  const dynamic = [
    { configs: catalogue.brokerConfigs(nodeId), source: ConfigSource.BROKER },
    { configs: catalogue.brokerConfigs(""), source: ConfigSource.CLUSTER },
  ];
  for (const { configs, source } of dynamic) {
    for (const synonym of spec.synonyms) {
      const value = configs.get(synonym);
      if (value !== undefined) settings.push({ name: synonym, value, source });
    }
  }
  const set = staticConfigs.get(name);
  const [first = name] = spec.synonyms;
  if (set !== undefined) settings.push({ name: first, value: set, source: ConfigSource.STATIC });
  const coarse = coarseDefault(spec);
  if (spec.synonyms.length === 1) {
    settings.push({ name: first, value: spec.default, source: ConfigSource.DEFAULT });
  } else if (coarse !== null && settings.length > 0) {
    settings.push({ ...coarse, source: ConfigSource.DEFAULT });
  }
  return settings;
}
