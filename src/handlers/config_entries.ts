/**
 * Config entries of a broker as DescribeConfigs shows them: this broker's options under Kafka's names, where Kafka has
 * one of the same meaning, and the defaults of topics' configs.
 */
import type { Option, OptionValue } from "../config/option.ts";
import { type Config, isOption, options } from "../config/options.ts";
import { rows } from "../config/rows.ts";
import {
  type TopicConfigName,
  topicConfigs,
  type TopicConfigSpec,
} from "../config/topic_configs.ts";
import { coarseDefault, dynamicBrokerConfig, isStaticSynonym } from "../topics/broker_configs.ts";
import {
  brokerSettings,
  type ConfigLayers,
  ConfigSource,
  type Setting,
} from "../topics/describe_topic_config.ts";

/** One config of an answer. */
export interface ConfigEntry {
  readonly name: string;
  readonly value: string | null;
  readonly configSource: number;
  readonly synonyms: readonly Setting[];
  readonly readOnly: boolean;
  readonly isSensitive: boolean;
  readonly configType: number;
  readonly documentation: string;
}

/** Kafka's number of a config's type (DescribeConfigsResponse.ConfigType); text is a string. */
export function typeCode(type: string): number {
  return TYPES[type] ?? STRING;
}

const UNKNOWN = 0, STRING = 2;
const TYPES: Readonly<Record<string, number>> = {
  boolean: 1,
  string: STRING,
  int: 3,
  integer: 3,
  long: 5,
  double: 6,
  list: 7,
};

/** What is set on brokers. What is unknown here may be a secret, so its value stays inside. */
export function dynamicEntries(
  configs: ReadonlyMap<string, string>,
  source: number,
): ConfigEntry[] {
  return [...configs].map(([name, text]) => {
    const known = dynamicBrokerConfig(name);
    const value = known === undefined ? null : text;
    return {
      name,
      value,
      configSource: source,
      synonyms: [{ name, value, source }],
      readOnly: known === undefined,
      isSensitive: known === undefined,
      configType: known === undefined ? UNKNOWN : typeCode(known.type),
      documentation: known?.doc ?? "",
    };
  });
}

/** All that can be set on a group or a client metrics subscription, by name; a default of the broker's has a name too. */
export function resourceEntries(
  specs: Readonly<Record<string, TopicConfigSpec>>,
  configs: ReadonlyMap<string, string>,
  source: number,
): ConfigEntry[] {
  return Object.entries(specs).map(([name, spec]) => {
    const own = configs.get(name);
    const synonyms = spec.synonyms.map((synonym): Setting => (
      { name: synonym, value: spec.default, source: ConfigSource.DEFAULT }
    ));
    if (own !== undefined) synonyms.unshift({ name, value: own, source });
    return {
      name,
      value: own ?? spec.default,
      configSource: own === undefined ? ConfigSource.DEFAULT : source,
      synonyms,
      readOnly: false,
      isSensitive: false,
      configType: typeCode(spec.type),
      documentation: spec.doc,
    };
  });
}

/** Kafka's names of what is read at start only. */
export function fixedBrokerConfigs(): ReadonlySet<string> {
  const named = rows().map(({ option }) => option?.kafkaName).filter((name) => name !== undefined);
  return new Set([...named, "broker.id", "default.replication.factor"]);
}

/** Everything of this broker. Options are read-only: they change with a restart. */
export function brokerEntries(layers: ConfigLayers, config: Config): ConfigEntry[] {
  const entries = new Map<string, ConfigEntry>();
  const { catalogue, nodeId } = layers;
  for (
    const entry of [
      ...dynamicEntries(catalogue.brokerConfigs(""), ConfigSource.CLUSTER),
      ...dynamicEntries(catalogue.brokerConfigs(nodeId), ConfigSource.BROKER),
      ...optionEntries(config, layers),
      ...topicDefaultEntries(layers),
    ]
  ) entries.set(entry.name, entry);
  return [...entries.values()].sort((a, b) => a.name < b.name ? -1 : 1);
}

function optionEntries(config: Config, layers: ConfigLayers): ConfigEntry[] {
  const entries: ConfigEntry[] = [];
  const groups = Object.entries(options as Record<string, Option | Record<string, Option>>);
  for (const [name, group] of groups) {
    const value = (config as unknown as Record<string, unknown>)[name];
    if (isOption(group)) add(group, value as OptionValue);
    else {
      for (const [key, option] of Object.entries(group)) {
        add(option, (value as Record<string, OptionValue>)[key]);
      }
    }
  }
  entries.push(fixed("broker.id", String(config.nodeId), "integer", "The same as node.id."));
  entries.push(fixed("default.replication.factor", "1", "integer", "One node keeps every record."));
  return entries;

  function add(option: Option, value: OptionValue): void {
    if (option.kafkaName === undefined || "secret" in option) return;
    entries.push(optionEntry(option, option.kafkaName, value, { config, layers }));
  }
}

function optionEntry(
  option: Option,
  name: string,
  value: OptionValue,
  from: { config: Config; layers: ConfigLayers },
): ConfigEntry {
  const text = listenersText(name, from) ?? String(value);
  const isDefault = String(value) === String(option.default);
  const source = isDefault ? ConfigSource.DEFAULT : ConfigSource.STATIC;
  return {
    name,
    value: text,
    configSource: source,
    synonyms: [{ name, value: text, source }],
    readOnly: true,
    isSensitive: false,
    configType: typeCode(option.type),
    documentation: option.doc,
  };
}

/** Addresses the way Kafka writes them, with the name of the listener; null for what is no address. */
function listenersText(
  name: string,
  { config, layers }: { config: Config; layers: ConfigLayers },
): string | null {
  const listener = (host: string, port: number) => `PLAINTEXT://${host}:${port}`;
  if (name === "listeners") {
    return config.listenAddresses.map((host) => listener(host, config.kafkaPort)).join(",");
  }
  if (name !== "advertised.listeners") return null;
  const endPoints = layers.catalogue.broker(layers.nodeId)?.endPoints ?? [];
  return endPoints.map(({ host, port }) => listener(host, port)).join(",");
}

function fixed(name: string, value: string, type: string, documentation: string): ConfigEntry {
  return {
    name,
    value,
    configSource: ConfigSource.DEFAULT,
    synonyms: [{ name, value, source: ConfigSource.DEFAULT }],
    readOnly: true,
    isSensitive: false,
    configType: typeCode(type),
    documentation,
  };
}

/** The broker-level names of topics' configs; the default of one that has several names stands under the last. */
function topicDefaultEntries(layers: ConfigLayers): ConfigEntry[] {
  return (Object.keys(topicConfigs) as TopicConfigName[]).flatMap((name) => {
    const spec: TopicConfigSpec = topicConfigs[name];
    const settings = brokerSettings(name, layers), coarse = coarseDefault(spec);
    if (coarse !== null && settings.length === 0) {
      settings.push({ ...coarse, source: ConfigSource.DEFAULT });
    }
    return spec.synonyms.map((synonym): ConfigEntry => {
      const own = settings.filter((setting) => setting.name === synonym);
      // What is set under a finer name has the coarser one's default below it.
      const isAlone = own.length === 0 || coarse === null || coarse.name === synonym;
      return {
        name: synonym,
        value: own[0]?.value ?? null,
        configSource: own[0]?.source ?? ConfigSource.DEFAULT,
        synonyms: isAlone ? own : [...own, { ...coarse, source: ConfigSource.DEFAULT }],
        readOnly: isStaticSynonym(synonym),
        isSensitive: false,
        configType: typeCode(/\.(minutes|hours)$/.test(synonym) ? "int" : spec.type),
        documentation: spec.doc,
      };
    });
  });
}
