/** Describing: the options as people read them, in `runnel config`, in the README and in the example file. */
import type { LoadedConfig } from "./load.ts";
import { type ListenerSetting, listenerSettingsText } from "./listener_settings.ts";
import { needOf, type Option } from "./option.ts";
import type { Config } from "./options.ts";
import { type Row, rows } from "./rows.ts";
import {
  rangeText,
  type TopicConfigName,
  topicConfigs,
  type TopicConfigSpec,
} from "./topic_configs.ts";
import { wrapped } from "./wrap.ts";

/** An option as it is: its value in words, a secret's masked. */
export interface DescribedOption {
  readonly option: string;
  readonly value: string;
  /** "default", "flag --kafka-port" */
  readonly source: string;
}

export function describedOptions({ config, sources }: LoadedConfig): DescribedOption[] {
  return rows().map((row) => {
    const note = row.option?.unsupported ? ` — no effect: ${row.option.unsupported}` : "";
    const source = `${sources.get(row.key) ?? "default"}${note}`;
    return { option: row.key, value: shown(row, valueIn(config, row)), source };
  });
}

/** One line an option: key, value and where the value came from. */
export function describeConfig(loaded: LoadedConfig): string[] {
  const all = describedOptions(loaded), width = Math.max(...all.map(({ option }) => option.length));
  const lines = all.map(({ option, value, source }) =>
    `${option.padEnd(width)}  ${value}  (${source})`
  );
  return [`# file: ${loaded.file ?? "none"}`, ...lines];
}

/** The table of docs/options.md; of these options alone where they are given. Throws for a key that there is none of. */
export function optionTable(keys: readonly string[] | null = null): string {
  const byKey = new Map(rows().map((row) => [row.key, row]));
  const chosen = keys === null ? [...byKey.values()] : keys.map((key) => {
    const row = byKey.get(key);
    if (row === undefined) throw new Error(`There is no option ${key} for the README's table`);
    return row;
  });
  const lines = chosen.map((row) => {
    const kafkaName = row.option?.kafkaName ? ` Kafka: \`${row.option.kafkaName}\`.` : "";
    const note = row.option?.unsupported ? ` (${row.option.unsupported}.)` : "";
    return `| \`${row.key}\` | ${code(shown(row, row.default))} | ${cell(needOfRow(row))} | ${
      cell(row.doc + note + kafkaName)
    } |`;
  });
  return ["| Option | Default | Takes | What it does |", "|---|---|---|---|", ...lines].join("\n");
}

/** A file with every option commented out at its default. */
export function exampleToml(): string {
  const lines = [
    "# Runnel's configuration, every option at its default. Looked for as --config FILE, ./runnel.toml and",
    "# /etc/runnel/runnel.toml; RUNNEL_… variables and flags go before it. A change takes effect at the next start.",
  ];
  let section: string | null = null;
  for (const row of rows()) {
    if (row.section !== section) {
      lines.push(
        "",
        `[${(section = row.section)!.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}]`,
      );
    }
    const name = row.option === null ? `"${row.name}"` : row.key.split(".").at(-1);
    lines.push(
      "",
      ...wrapped(`${row.doc} Takes ${needOfRow(row)}.`, 99).map((line) => `# ${line}`),
      `#${name} = ${toml(row)}`,
    );
  }
  return lines.join("\n") + "\n";
}

/** The flags of `runnel serve --help`. Topic configs follow one rule, so that they need no lines of their own. */
export function flagLines(): string[] {
  const list = rows().filter((row) => row.option !== null && !isSecret(row.option));
  return list.flatMap((row) => flagHelp(`${row.flag} [${shown(row, row.default)}]`, row.doc));
}

/** A flag, and below it what it does. */
export function flagHelp(flag: string, doc: string): string[] {
  return [`  ${flag}`, ...wrapped(doc, 74).map((line) => `      ${line}`)];
}

function valueIn(config: Config, row: Row): unknown {
  if (row.section === "topic") return config.topicSet.get(row.name) ?? row.default;
  const all = config as unknown as Record<string, Record<string, unknown>>;
  return row.section === null ? all[row.name] : all[row.section][row.name];
}

function shown(row: Row, value: unknown): string {
  if (isSecret(row.option)) return value === "" ? '""' : "(hidden)";
  if (row.option?.type === "listeners") {
    return listenerSettingsText(value as readonly ListenerSetting[]) || '""';
  }
  if (Array.isArray(value)) return value.join(",") || '""';
  return value === "" ? '""' : String(value);
}

function isSecret(option: Option | null): boolean {
  return option?.type === "text" && option.secret === true;
}

function needOfRow(row: Row): string {
  return row.option === null ? topicNeed(row.name as TopicConfigName) : needOf(row.option);
}

function topicNeed(name: TopicConfigName): string {
  const spec: TopicConfigSpec = topicConfigs[name];
  if (spec.allowed) return `${spec.type === "list" ? "any" : "one"} of ${spec.allowed.join(", ")}`;
  if (spec.type === "boolean") return "true or false";
  if (spec.type === "list") return "* or partition:broker pairs";
  const kind = spec.type === "double" ? "a number" : `a whole number (${spec.type})`;
  const range = rangeText(spec);
  return range === "" ? kind : `${kind}, ${range}`;
}

function toml(row: Row): string {
  // Quotes around what a TOML reader could round: numbers beyond 2^53.
  if (row.option === null) {
    return /^-?[\d.]{1,15}$|^true$|^false$/.test(String(row.default))
      ? String(row.default)
      : JSON.stringify(row.default);
  }
  return JSON.stringify(row.default);
}

function code(text: string): string {
  return `\`${text}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
