/**
 * Topic configs as values: checking a name and a text, and the typed view of a topic's whole config. The table behind
 * it is topic_config_table.ts.
 */
import { topicConfigs, type TopicConfigSpec, type TopicConfigType } from "./topic_config_table.ts";

export { topicConfigs, type TopicConfigSpec, type TopicConfigType };

export type TopicConfigName = keyof typeof topicConfigs;

/** Every topic config, typed: `config["retention.ms"]` is a number, `config["cleanup.policy"]` a list of words. */
export type TopicConfig = {
  readonly [N in TopicConfigName]: ValueOf<(typeof topicConfigs)[N]>;
};

type ValueOf<S extends TopicConfigSpec> = S extends { type: "boolean" } ? boolean
  : S extends { type: "int" | "long" | "double" } ? number
  : S extends { allowed: readonly (infer Word)[] }
    ? (S extends { type: "list" } ? readonly Word[] : Word)
  : S extends { type: "list" } ? readonly string[]
  : string;

export function isTopicConfig(name: string): name is TopicConfigName {
  return Object.hasOwn(topicConfigs, name);
}

/** The names DescribeConfigs lists, sorted. */
export function listedTopicConfigs(): TopicConfigName[] {
  return (Object.keys(topicConfigs) as TopicConfigName[]).filter((name) =>
    !("hidden" in topicConfigs[name])
  ).sort();
}

/** What is wrong with `name = value`, or null. `Invalid value … for configuration …` is how Kafka begins it too. */
export function validateTopicConfig(name: string, value: string | null): string | null {
  if (!isTopicConfig(name)) return `Unknown topic config name: ${name}`;
  if (value === null) return `Null value not supported for topic configs: ${name}`;
  const need = unmetNeed(topicConfigs[name], value.trim()) ?? unmetNeedOf(name, value.trim());
  return need === null ? null : invalidValue(name, value, need);
}

/** What a value may be. */
type ValueRule = Pick<TopicConfigSpec, "type" | "min" | "max" | "also" | "allowed">;

/** What is wrong with `name = value` by the type and range of its row alone, or null. */
export function configValueError(
  spec: ValueRule,
  name: string,
  value: string,
): string | null {
  const need = unmetNeed(spec, value.trim());
  return need === null ? null : invalidValue(name, value, need);
}

function invalidValue(name: string, value: string, need: string): string {
  const inUnit = name.endsWith(".ms")
    ? need.replace(/^a whole number/, "$& of milliseconds")
    : need;
  return `Invalid value ${value} for configuration ${name}: needs ${inUnit}`;
}

/** What is wrong with a topic's overrides taken together (and one by one), or null. */
export function validateTopicConfigs(
  overrides: Iterable<readonly [string, string | null]>,
  defaults: TopicConfig = topicConfigDefaults(),
): string | null {
  const valid = new Map<string, string>();
  for (const [name, value] of overrides) {
    const error = validateTopicConfig(name, value);
    if (error !== null) return error;
    valid.set(name, value!);
  }
  const config = resolveTopicConfig(valid, defaults);
  const [min, max] = [config["min.compaction.lag.ms"], config["max.compaction.lag.ms"]];
  if (min > max) {
    return `Invalid value ${min} for configuration min.compaction.lag.ms: needs at most max.compaction.lag.ms (${max})`;
  }
  return null;
}

/** The typed value of a text that `validateTopicConfig` passed. */
export function parseTopicConfig<N extends TopicConfigName>(
  name: N,
  value: string,
): TopicConfig[N] {
  return parse(topicConfigs[name].type, value.trim()) as TopicConfig[N];
}

/** Kafka's defaults, typed. */
export function topicConfigDefaults(): TopicConfig {
  const entries = Object.entries(topicConfigs).map((
    [name, spec],
  ) => [name, parse(spec.type, spec.default)]);
  return Object.fromEntries(entries);
}

/** A topic's typed config: validated overrides on top of the broker's defaults. */
export function resolveTopicConfig(
  overrides: Iterable<readonly [string, string]>,
  defaults: TopicConfig = topicConfigDefaults(),
): TopicConfig {
  const config: Record<string, unknown> = { ...defaults };
  let internalSegmentBytes: number | null = null;
  for (const [name, value] of overrides) {
    if (!isTopicConfig(name)) continue; // A name from a newer Kafka in a replayed log: kept there, without effect here.
    config[name] = parseTopicConfig(name, value);
    if (name === "internal.segment.bytes") internalSegmentBytes = Number(value);
  }
  if (internalSegmentBytes !== null) config["segment.bytes"] = internalSegmentBytes;
  return config as TopicConfig;
}

function parse(type: TopicConfigType, text: string): unknown {
  switch (type) {
    case "boolean":
      return text.toLowerCase() === "true";
    case "string":
      return text;
    case "list":
      return words(text);
    default:
      return Number(text);
  }
}

/**
 * A valid value as Kafka shows it, which is the parsed one (ConfigDef.convertToString): `" 77 "` is 77, `True` is true,
 * `5e-1` is 0.5 and `compact,compact` is compact.
 */
export function shownConfig(
  { type, repeats }: Pick<TopicConfigSpec, "type" | "repeats">,
  text: string,
): string {
  const value = text.trim();
  switch (type) {
    case "boolean":
      return value.toLowerCase();
    case "int":
    case "long":
      return /^[+-]?\d{1,19}$/.test(value) ? String(BigInt(value.replace("+", ""))) : value;
    case "double":
      return javaDouble(Number(value));
    case "list":
      return (repeats ? value.split(",").map((word) => word.trim()) : words(value)).join(",");
    default:
      return value;
  }
}

/** Double.toString(): at least one digit behind the point, and an exponent outside 10^-3 to 10^7. */
function javaDouble(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    const [mantissa, exponent] = value.toExponential().split("e");
    return `${withPoint(mantissa)}E${Number(exponent)}`;
  }
  return withPoint(String(value));
}

function withPoint(digits: string): string {
  return digits.includes(".") ? digits : `${digits}.0`;
}

/** The words of a list, each once: Kafka takes "compact,compact" for "compact". */
function words(text: string): string[] {
  return text === "" ? [] : [...new Set(text.split(",").map((word) => word.trim()))];
}

/** What the value should have been, or null when it is fine. */
function unmetNeed(spec: ValueRule, text: string): string | null {
  switch (spec.type) {
    case "boolean":
      return /^(true|false)$/i.test(text) ? null : "true or false";
    case "string":
      return spec.allowed?.includes(text) === false ? `one of ${spec.allowed.join(", ")}` : null;
    case "list":
      return words(text).every((word) => spec.allowed?.includes(word) ?? true)
        ? null
        : `a list of ${spec.allowed!.join(", ")}`;
    default:
      return unmetRange(spec, text);
  }
}

const INT_MAX = 2n ** 31n - 1n;
const LONG_MAX = 2n ** 63n - 1n;

function unmetRange(spec: ValueRule, text: string): string | null {
  if (spec.type === "double") {
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return "a number (DOUBLE)";
  } else {
    const type = spec.type.toUpperCase();
    // At most 20 characters, so that a hostile value costs no big BigInt.
    if (!/^[+-]?\d{1,19}$/.test(text)) return `a whole number (${type})`;
    const value = BigInt(text.replace("+", ""));
    const max = spec.type === "int" ? INT_MAX : LONG_MAX;
    if (value > max || value < -max - 1n) return `a whole number (${type}), ${-max - 1n} to ${max}`;
  }
  const value = Number(text);
  if (value === spec.also) return null;
  const tooSmall = spec.min !== undefined && value < spec.min;
  const tooLarge = spec.max !== undefined && value > spec.max;
  return tooSmall || tooLarge ? rangeText(spec) : null;
}

/** "1 to 9, or -1", "at least 0". */
export function rangeText(spec: Pick<TopicConfigSpec, "min" | "max" | "also">): string {
  const also = spec.also === undefined ? "" : `, or ${spec.also}`;
  if (spec.min !== undefined && spec.max !== undefined) return `${spec.min} to ${spec.max}${also}`;
  if (spec.min !== undefined) return `at least ${spec.min}${also}`;
  return spec.max !== undefined ? `at most ${spec.max}${also}` : "";
}

/** The rules that belong to one config alone. */
function unmetNeedOf(name: TopicConfigName, text: string): string | null {
  if (name.endsWith(".throttled.replicas")) {
    const list = words(text);
    const valid = (list.length === 1 && list[0] === "*") ||
      list.every((pair, i) => /^\d+:\d+$/.test(pair) || pair === "" && i === list.length - 1);
    return valid ? null : "* or partition:broker pairs with commas between";
  }
  if (name === "remote.storage.enable" && text.toLowerCase() === "true") {
    return "false: this broker has no tiered storage";
  }
  return null;
}
