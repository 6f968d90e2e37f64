/**
 * Dynamic broker configs that are the defaults of topics' configs: `log.retention.hours=1` on a broker is what
 * `retention.ms` is on a topic that sets none.
 */
import {
  DYNAMIC_BROKER_CONFIGS,
  type KafkaBrokerConfig,
  STATIC_BROKER_CONFIGS,
} from "./kafka_broker_configs.ts";
import {
  topicConfigs,
  type TopicConfigSpec,
  type TopicConfigType,
} from "../config/topic_configs.ts";

/** Topic configs, as text, that the cluster's and then the broker's own dynamic configs set. */
export function brokerConfigOverrides(
  cluster: ReadonlyMap<string, string>,
  broker: ReadonlyMap<string, string>,
): Map<string, string> {
  const overrides = new Map<string, string>();
  for (const [name, spec] of Object.entries(topicConfigs)) {
    const value = overrideIn(spec.synonyms, broker) ?? overrideIn(spec.synonyms, cluster);
    if (value !== null) overrides.set(name, value);
  }
  return overrides;
}

/** The row of a broker config that can be changed while the broker runs, or undefined. */
export function dynamicBrokerConfig(name: string): DynamicBrokerConfig | undefined {
  if (isStaticSynonym(name)) return undefined;
  const rows: readonly TopicConfigSpec[] = Object.values(topicConfigs);
  return rows.find(({ synonyms }) => synonyms.includes(name)) ??
    (Object.hasOwn(DYNAMIC_BROKER_CONFIGS, name) ? DYNAMIC_BROKER_CONFIGS[name] : undefined);
}

/** Kafka's type of a broker config; undefined where it knows none. */
export function brokerConfigType(name: string): TopicConfigType | undefined {
  return STATIC_BROKER_CONFIGS.get(name) ?? dynamicBrokerConfig(name)?.type;
}

/** A default of topics' has more to say of itself. */
export type DynamicBrokerConfig =
  & KafkaBrokerConfig
  & Partial<Pick<TopicConfigSpec, "default" | "also" | "allowed" | "doc">>;

/** Whether it is one of the coarser names of a default, which Kafka reads at start only. */
export function isStaticSynonym(name: string): boolean {
  return /^log\..*\.(minutes|hours)$/.test(name) || name === "log.flush.scheduler.interval.ms";
}

/** The default of a config that the broker knows by several names: it stands under the last and coarsest one. */
export function coarseDefault(
  { synonyms, default: value }: TopicConfigSpec,
): { name: string; value: string } | null {
  if (synonyms.length < 2) return null;
  const name = synonyms[synonyms.length - 1];
  return { name, value: name.endsWith(".hours") ? String(Number(value) / 3_600_000) : value };
}

/** Synonyms are ordered by precedence: ms before minutes before hours. */
function overrideIn(synonyms: readonly string[], set: ReadonlyMap<string, string>): string | null {
  if (set.size === 0) return null;
  const name = synonyms.find((synonym) => set.has(synonym));
  return name === undefined ? null : inTopicUnits(name, set.get(name)!);
}

/** A broker config's value in the units of the topic config that it is the default of. */
export function inTopicUnits(name: string, value: string): string {
  const factor = name.endsWith(".hours") ? 3_600_000 : name.endsWith(".minutes") ? 60_000 : 1;
  const isForEver = factor > 1 && Number(value) < 0;
  return factor === 1 || isForEver ? value : String(Number(value) * factor);
}
