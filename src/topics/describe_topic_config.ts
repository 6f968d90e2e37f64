/**
 * describeTopicConfig: a topic's configs as tools show them: the value in force, where it comes from, and what it
 * would be without each of the settings above it.
 */
import {
  isTopicConfig,
  listedTopicConfigs,
  shownConfig,
  type TopicConfigName,
  topicConfigs,
  type TopicConfigSpec,
} from "../config/topic_configs.ts";
import { coarseDefault, inTopicUnits } from "./broker_configs.ts";
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

/** Every config of a topic, and those beyond them that are set: Kafka's own for testing, and of a newer Kafka. */
export function describeTopicConfigs(
  overrides: ReadonlyMap<string, string>,
  layers: ConfigLayers,
): DescribedConfig[] {
  const listed = listedTopicConfigs();
  const known = new Set<string>(listed);
  const others = [...overrides.keys()].filter((name) => !known.has(name));
  return [
    ...listed.map((name) => describeTopicConfig(name, overrides, layers)),
    ...others.map((name) => describeUnlisted(name, overrides.get(name)!)),
  ].sort((a, b) => a.name < b.name ? -1 : 1);
}

/**
 * The same as DescribeConfigs shows it: what is in force is the parsed value, what lies below it as it was given. Kafka's own
 * business is shown as it was given, too.
 */
export function shownTopicConfig(described: DescribedConfig): DescribedConfig {
  const { name, value, source, synonyms } = described;
  const spec: TopicConfigSpec | null = isTopicConfig(name) ? topicConfigs[name] : null;
  if (spec === null || spec.hidden || value === null) return described;
  const shown = shownConfig(spec, value);
  const [own, ...below] = synonyms;
  const isOwn = own?.source === ConfigSource.TOPIC;
  return {
    name,
    value: shown,
    source,
    synonyms: isOwn ? [{ ...own, value: shown }, ...below] : synonyms,
  };
}

/** As it was given; what is unknown may be a secret. */
function describeUnlisted(name: string, text: string): DescribedConfig {
  const value = isTopicConfig(name) ? text : null, source = ConfigSource.TOPIC;
  return { name, value, source, synonyms: [{ name, value, source }] };
}

function describeTopicConfig(
  name: TopicConfigName,
  overrides: ReadonlyMap<string, string>,
  layers: ConfigLayers,
): DescribedConfig {
  const settings = brokerSettings(name, layers);
  const own = overrides.get(name);
  const spec: TopicConfigSpec = topicConfigs[name];
  if (own !== undefined) settings.unshift({ name, value: own, source: ConfigSource.TOPIC });
  const { name: inForce, value, source } = settings[0] ??
    { name, value: spec.default, source: ConfigSource.DEFAULT };
  const given = value === null ? null : inTopicUnits(inForce, value);
  return { name, value: given, source, synonyms: settings };
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
