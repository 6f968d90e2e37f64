/**
 * Config entries of a broker as DescribeConfigs shows them: this broker's options under Kafka's names, where Kafka has
 * one of the same meaning, and the defaults of topics' configs.
 */
import { addressOf } from "../config/addresses.ts";
import type { Option, OptionValue } from "../config/option.ts";
import { type ListenerConfig, listenersOf } from "../config/listeners.ts";
import { type Config, defaultConfig, isOption, options } from "../config/options.ts";
import { groupConfigs } from "../config/group_configs.ts";
import { rows } from "../config/rows.ts";
import {
  shownConfig,
  type TopicConfigName,
  topicConfigs,
  type TopicConfigSpec,
} from "../config/topic_configs.ts";
import {
  brokerConfigType,
  coarseDefault,
  dynamicBrokerConfig,
  isStaticSynonym,
} from "../topics/broker_configs.ts";
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
export function typeCode(type: string | undefined): number {
  return type === undefined ? UNKNOWN : TYPES[type] ?? STRING;
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

/** What is set on brokers, as it was given. What is unknown here may be a secret, so its value stays inside. */
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
      configType: typeCode(known?.type),
      documentation: known?.doc ?? "",
    };
  });
}

/** All that can be set on a client metrics subscription, by name. */
export function resourceEntries(
  specs: Readonly<Record<string, TopicConfigSpec>>,
  configs: ReadonlyMap<string, string>,
  source: number,
): ConfigEntry[] {
  return Object.entries(specs).map(([name, spec]) => {
    const own = configs.get(name), value = shownConfig(spec, own ?? spec.default);
    return {
      name,
      value,
      configSource: own === undefined ? ConfigSource.DEFAULT : source,
      synonyms: own === undefined ? [] : [{ name, value, source }],
      readOnly: false,
      isSensitive: false,
      configType: typeCode(spec.type),
      documentation: spec.doc,
    };
  });
}

/** Where a group's own configs come from, which only this answer knows. */
const GROUP_CONFIG = 8;

/** All that can be set on a group, each with the broker config that it has where it sets none. */
export function groupEntries(
  configs: ReadonlyMap<string, string>,
  layers: ConfigLayers,
  config: Config,
): ConfigEntry[] {
  const specs = Object.entries(groupConfigs);
  return specs.filter(([name, { hidden }]) => !hidden || configs.has(name)).map(([name, spec]) => {
    const own = configs.get(name), [synonym] = spec.synonyms;
    const settings = synonym === undefined
      ? [{ name, value: spec.default, source: ConfigSource.DEFAULT }]
      : optionSettings(synonym, layers, config) ??
        [{ name: synonym, value: spec.default, source: ConfigSource.DEFAULT }];
    const shown = (text: string) => spec.hidden ? text : shownConfig(spec, text);
    if (own !== undefined) settings.unshift({ name, value: shown(own), source: GROUP_CONFIG });
    const [{ value, source }] = settings;
    return {
      name,
      value: value === null ? null : shown(value),
      configSource: source,
      synonyms: settings,
      readOnly: false,
      isSensitive: false,
      configType: typeCode(spec.type),
      documentation: spec.doc,
    };
  });
}

/** Everything there is for one of this broker's options by Kafka's name, the setting in force first; null for no option. */
function optionSettings(
  kafkaName: string,
  layers: ConfigLayers,
  config: Config,
): Setting[] | null {
  const row = rows().find(({ option }) => option?.kafkaName === kafkaName);
  if (row === undefined || row.option === null) return null;
  const all = config as unknown as Record<string, Record<string, OptionValue> & OptionValue>;
  const value = row.section === null ? all[row.name] : all[row.section][row.name];
  return settingsOf(row.option, kafkaName, String(value), layers);
}

/** The broker's own setting, the cluster's, the one of file, environment or flag, and the default. */
function settingsOf(
  option: Option,
  name: string,
  text: string,
  { catalogue, nodeId }: ConfigLayers,
): Setting[] {
  const settings: Setting[] = [];
  const add = (value: string | undefined, source: number) =>
    void (value !== undefined && settings.push({ name, value, source }));
  if (!option.restart) {
    add(catalogue.brokerConfigs(nodeId).get(name), ConfigSource.BROKER);
    add(catalogue.brokerConfigs("").get(name), ConfigSource.CLUSTER);
  }
  const usual = String(option.default);
  if (text !== usual) add(text, ConfigSource.STATIC);
  add(usual, ConfigSource.DEFAULT);
  return settings;
}

/** Kafka's names of what is read at start only. */
export function fixedBrokerConfigs(): ReadonlySet<string> {
  const named = rows().filter(({ option }) => option?.restart).map(({ option }) =>
    option?.kafkaName
  );
  return new Set(named.filter((name) => name !== undefined));
}

/** Everything of this broker. Most options are read-only: they change with a restart. */
export function brokerEntries(layers: ConfigLayers, config: Config): ConfigEntry[] {
  const entries = new Map<string, ConfigEntry>();
  const { catalogue, nodeId } = layers;
  for (const entry of dynamicEntries(catalogue.brokerConfigs(""), ConfigSource.CLUSTER)) {
    entries.set(entry.name, entry);
  }
  for (const entry of dynamicEntries(catalogue.brokerConfigs(nodeId), ConfigSource.BROKER)) {
    const below = entries.get(entry.name)?.synonyms ?? [];
    entries.set(entry.name, { ...entry, synonyms: [...entry.synonyms, ...below] });
  }
  for (const entry of [...optionEntries(config, layers), ...topicDefaultEntries(layers)]) {
    entries.set(entry.name, entry);
  }
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
  const synonyms = listenerSettings(name, from.config) ??
    settingsOf(option, name, String(value), from.layers);
  const [{ value: inForce, source } = NOTHING_SET] = synonyms;
  const isNumber = option.type === "integer" && inForce !== null;
  return {
    name,
    value: isNumber ? shownConfig({ type: "long" }, inForce) : inForce,
    configSource: source,
    synonyms,
    readOnly: option.restart,
    isSensitive: false,
    configType: typeCode(brokerConfigType(name) ?? option.type),
    documentation: option.doc,
  };
}

const NOTHING_SET = { value: null, source: ConfigSource.DEFAULT };

/**
 * Addresses the way Kafka writes them, with the name of the listener; null for what is no address. Where nothing is
 * advertised nothing is shown, as by Kafka: who asks where to connect asks for the cluster, and may be told the address
 * by which it came.
 */
function listenerSettings(name: string, config: Config): Setting[] | null {
  const listeners = listenersOf(config);
  switch (name) {
    case "listeners":
      return withDefault(
        name,
        listenersText(listeners),
        listenersText(listenersOf(defaultConfig())),
      );
    case "listener.security.protocol.map": {
      const mapOf = (all: typeof listeners) =>
        all.map(({ name, protocol }) => `${name}:${protocol}`).join(",");
      return withDefault(name, mapOf(listeners), mapOf(listenersOf(defaultConfig())));
    }
    case "advertised.listeners": {
      const told = listeners.flatMap(({ name, port, advertised }) =>
        advertised === null
          ? []
          : [`${name}://${addressOf(advertised.host, advertised.port ?? port)}`]
      );
      if (told.length === 0) return [];
      const value = told.join(",");
      return [{ name, value, source: ConfigSource.STATIC }];
    }
    default:
      return null;
  }
}

function withDefault(name: string, own: string, usual: string): Setting[] {
  const settings = own === usual ? [] : [{ name, value: own, source: ConfigSource.STATIC }];
  return [...settings, { name, value: usual, source: ConfigSource.DEFAULT }];
}

function listenersText(listeners: readonly ListenerConfig[]): string {
  return listeners.flatMap(({ name, addresses, port }) =>
    addresses.map((host) => `${name}://${addressOf(host, port)}`)
  ).join(",");
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
      const configType = /\.(minutes|hours)$/.test(synonym) ? "int" : spec.type;
      const value = own[0]?.value ?? null;
      return {
        name: synonym,
        value: value === null ? null : shownConfig({ type: configType }, value),
        configSource: own[0]?.source ?? ConfigSource.DEFAULT,
        synonyms: isAlone ? own : [...own, { ...coarse, source: ConfigSource.DEFAULT }],
        readOnly: isStaticSynonym(synonym),
        isSensitive: false,
        configType: typeCode(configType),
        documentation: spec.doc,
      };
    });
  });
}
