/** Rows: the options and Kafka's topic configs as one flat list, each with its key, variable and flag. */
import type { Option } from "./option.ts";
import { isOption, options } from "./options.ts";
import { listedTopicConfigs, topicConfigs } from "./topic_configs.ts";

export interface Row {
  /** As in the TOML file: "storage.path", "kafka_port", "topic.retention.ms". */
  readonly key: string;
  /** The property of `Config` it is in, and its name there. */
  readonly section: string | null;
  readonly name: string;
  /** RUNNEL_STORAGE_PATH */
  readonly env: string;
  /** --storage-path */
  readonly flag: string;
  /** null for a topic config, whose rules are Kafka's. */
  readonly option: Option | null;
  readonly default: unknown;
  readonly doc: string;
}

/** Always the same ones. */
export function rows(): readonly Row[] {
  return made ??= make();
}

let made: readonly Row[] | null = null;

function make(): readonly Row[] {
  const list: Row[] = [];
  for (
    const [name, group] of Object.entries(
      options as Record<string, Option | Record<string, Option>>,
    )
  ) {
    if (isOption(group)) list.push(optionRow(null, name, group));
    else for (const [key, option] of Object.entries(group)) list.push(optionRow(name, key, option));
  }
  for (const name of listedTopicConfigs()) {
    const { default: value, doc } = topicConfigs[name];
    list.push({
      ...names(`topic.${name}`),
      section: "topic",
      name,
      option: null,
      default: value,
      doc,
    });
  }
  return list;
}

function optionRow(section: string | null, name: string, option: Option): Row {
  const key = section === null ? snake(name) : `${snake(section)}.${snake(name)}`;
  return { ...names(key), section, name, option, default: option.default, doc: option.doc };
}

function names(key: string): { key: string; env: string; flag: string } {
  return {
    key,
    env: `RUNNEL_${key.replace(/[.-]/g, "_").toUpperCase()}`,
    flag: `--${key.replace(/[._]/g, "-")}`,
  };
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
