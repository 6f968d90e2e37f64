/**
 * Loading: the table's defaults, then the TOML file, then RUNNEL_… variables, then flags, each over the one before.
 *
 * Nothing is guessed: an unknown key or a bad value ends the start with where it stands, what it is and what it may be.
 */
import { type FlagNeeds, splitArguments } from "./flags.ts";
import { permissionsOf } from "../platform.ts";
import { readListenerSettings } from "./listener_settings.ts";
import { closest } from "./near_miss.ts";
import { accept, needOf, type Option, type OptionValue } from "./option.ts";
import { type Config, defaultConfig } from "./options.ts";
import { type Row, rows } from "./rows.ts";
import { checkRules } from "./rules.ts";
import { resolveTopicConfig, validateTopicConfig, validateTopicConfigs } from "./topic_configs.ts";
import { readToml, type TomlEntry } from "./toml_file.ts";

/** What loading touches of the world. */
export interface Surroundings {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The text of a file and its permission bits (null where they say nothing), or null when there is none. */
  readFile(path: string): { text: string; mode: number | null } | null;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Where each option that was set came from, by its key ("storage.path"): "flag --storage-path". */
  readonly sources: ReadonlyMap<string, string>;
  /** The file read, or null. */
  readonly file: string | null;
  /** Options set that have no effect on this runtime, and secrets that a group can read, in one sentence each. */
  readonly warnings: readonly string[];
}

/** One thing wrong with the configuration, said for the person who wrote it. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

const CONFIG_FILES: readonly string[] = ["./runnel.toml", "/etc/runnel/runnel.toml"];

export async function loadConfig(surroundings: Surroundings): Promise<LoadedConfig> {
  const table = rows();
  const flags = readFlags(table, surroundings.args);
  const env = readEnv(table, surroundings.env);
  const found = findFile(surroundings, flags.config ?? surroundings.env.RUNNEL_CONFIG);
  const fromFile = found === null ? [] : await readFileSettings(table, found);
  const settings = withSecrets(table, [...fromFile, ...env, ...flags.settings], surroundings);
  const loaded = assemble(settings, found?.path ?? null);
  const broken = checkRules(loaded.config);
  if (broken !== null) throw new ConfigError(broken);
  return loaded;
}

/**
 * The configuration of a program that holds a broker: its options by their names in `Config`, over `base`, under the
 * same rules as flags and files. What is undefined is left out. Throws TypeError for a name that there is none of, and
 * ConfigError for a value that cannot be.
 */
export function configOfOptions(
  options: Readonly<Record<string, unknown>>,
  base: Readonly<Record<string, unknown>> = {},
): LoadedConfig {
  const settings = [...optionSettings(base), ...optionSettings(options)];
  // The environment is the program's: what it does not hand over is not looked at, and needs no right.
  const loaded = assemble(withSecrets(rows(), settings, { args: [], env: {}, readFile }), null);
  const broken = checkRules(loaded.config);
  if (broken !== null) throw new ConfigError(broken);
  return loaded;
}

function optionSettings(options: Readonly<Record<string, unknown>>): Setting[] {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    const given = Array.isArray(options) ? "a list" : String(options);
    throw new TypeError(`The options are ${given}, needed is an object of options`);
  }
  const byName = new Map(rows().map((row) => [optionName(row.section, row.name), row]));
  const sections = new Set(rows().map(({ section }) => section));
  const settings: Setting[] = [];
  const take = (name: string, value: unknown) => {
    if (value === undefined) return;
    const row = byName.get(name);
    if (row === undefined) {
      const near = closest(name, [...byName.keys()]);
      throw new TypeError(
        `There is no option ${name}${near === null ? "" : `: did you mean ${near}?`}`,
      );
    }
    settings.push(setting(row, value, `option ${name}`, false));
  };
  for (const [name, value] of Object.entries(options)) {
    if (name === "topicSet") {
      for (const [key, text] of value as Config["topicSet"]) take(`topic.${key}`, text);
    } else if (!sections.has(name)) take(name, value);
    else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) take(optionName(name, key), inner);
    } else if (value !== undefined) {
      throw new TypeError(`The option ${name} is ${value}, needs an object of options`);
    }
  }
  return settings;
}

function optionName(section: string | null, name: string): string {
  return section === null ? name : `${section}.${name}`;
}

/** What Deno knows of them. */
export function denoSurroundings(args: readonly string[]): Surroundings {
  return {
    args,
    env: Deno.env.toObject(),
    readFile,
  };
}

function readFile(path: string): ReturnType<Surroundings["readFile"]> {
  try {
    return { text: Deno.readTextFileSync(path), mode: permissionsOf(Deno.statSync(path).mode) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    const why = (error as Error).message.replace(/: \w+ '[^]*'$/, "");
    throw new ConfigError(
      `Cannot read the configuration file ${path}: ${why}; give another with --config`,
    );
  }
}

/** A value somebody gave an option. */
interface Setting {
  readonly row: Row;
  readonly value: OptionValue;
  readonly source: string;
  /** Whether it is a secret that the group of its file can read. */
  readonly isShared?: boolean;
}

function assemble(settings: readonly Setting[], file: string | null): LoadedConfig {
  const config = structuredClone(defaultConfig()) as unknown as Record<
    string,
    Record<string, OptionValue> | OptionValue
  >;
  const sources = new Map<string, string>();
  const topicSet = new Map<string, string>();
  for (const { row, value, source } of settings) {
    sources.set(row.key, source);
    if (row.section === "topic") topicSet.set(row.name, String(value));
    else if (row.section === null) config[row.name] = value;
    else (config[row.section] as Record<string, OptionValue>)[row.name] = value;
  }
  const topicError = validateTopicConfigs(topicSet);
  if (topicError !== null) {
    throw new ConfigError(`The [topic] defaults contradict each other: ${topicError}`);
  }
  const warnings = settings.filter(({ row, value }) =>
    row.option?.unsupported && value !== row.option.default
  )
    .map(({ row }) => `${row.key} has no effect: ${row.option!.unsupported}`);
  for (const { row, source, isShared } of settings) {
    if (isShared) warnings.push(`${source}: its group can read it, and it has ${row.key}`);
  }
  return {
    config: { ...config, topic: resolveTopicConfig(topicSet), topicSet } as unknown as Config,
    sources,
    file,
    warnings: [...new Set(warnings)],
  };
}

function findFile(
  world: Surroundings,
  asked: string | undefined,
): ConfigFile | null {
  for (const path of asked === undefined ? CONFIG_FILES : [asked]) {
    const file = world.readFile(path);
    if (file !== null) return { path, ...file };
  }
  if (asked !== undefined) {
    throw new ConfigError(
      `No configuration file ${asked || '""'}: give a path that exists, or leave it out`,
    );
  }
  return null;
}

/** Those of a file; who gives Kafka's own is told where to read on. */
function readFileSettings(table: readonly Row[], file: ConfigFile): Promise<Setting[]> {
  return settingsOfFile(table, file).catch((error) => {
    if (!(error instanceof ConfigError) || !file.path.endsWith(".properties")) throw error;
    const hint = "what Kafka's lines are called here: `runnel help from-kafka`";
    throw new ConfigError(`${error.message}; ${hint}`, { cause: error });
  });
}

type ConfigFile = { readonly path: string; readonly text: string; readonly mode: number | null };

async function settingsOfFile(table: readonly Row[], file: ConfigFile): Promise<Setting[]> {
  const byKey = new Map(table.map((row) => [row.key, row]));
  const read = await readToml(file.text);
  if ("problem" in read) {
    const { line, problem } = read, told = MAY_HAVE_SECRETS.test(file.text) ? UNTOLD : problem;
    throw new ConfigError(`${file.path}${line === null ? "" : `:${line}`}: ${told}`);
  }
  const settings = read.entries.map((entry) => fileSetting(file, byKey, entry));
  for (const [name, line] of read.tables) {
    if (table.some(({ key }) => key.startsWith(`${name}.`))) continue;
    const tables = [...new Set(table.flatMap(({ key }) => key.split(".").slice(0, -1)))];
    throw new ConfigError(`${file.path}:${line}: unknown table ${name}${suggestion(name, tables)}`);
  }
  return settings;
}

/** What is wrong with a text says what stands there: a password that lacks its quotes. */
const MAY_HAVE_SECRETS = /^[^#\n]*(?:pas|token|secret)/im;
const UNTOLD =
  "it is not TOML: a text lacks its quotes, most likely; what stands there is not shown, as the file may have secrets";

function fileSetting(
  file: ConfigFile,
  byKey: Map<string, Row>,
  entry: TomlEntry,
): Setting {
  const where = `${file.path}${entry.line === null ? "" : `:${entry.line}`}`;
  const row = byKey.get(entry.key);
  if (row === undefined) {
    const keys = [...byKey.keys()];
    if (keys.some((key) => key.startsWith(`${entry.key}.`))) {
      throw new ConfigError(`${where}: ${entry.key} is a table of options: write [${entry.key}]`);
    }
    throw new ConfigError(`${where}: unknown key ${entry.key}${suggestion(entry.key, keys)}`);
  }
  if (isSecret(row.option) && file.mode !== null && (file.mode & 0o077) !== 0) {
    throw new ConfigError(
      `${where}: ${row.key} is a secret, but others can read the file: chmod 600 ${file.path}`,
    );
  }
  return setting(row, entry.value, where, false);
}

/**
 * The settings, with the secrets that are in files of their own: those that options name (plain_password_file), and the
 * credentials that systemd hands over, which are called as the option (`LoadCredential=auth.plain_password:…`) and count
 * where nothing else says what the secret is.
 */
function withSecrets(
  table: readonly Row[],
  settings: readonly Setting[],
  world: Surroundings,
): Setting[] {
  const set = new Map(settings.map((one) => [one.row.key, one])), more: Setting[] = [];
  const directory = world.env.CREDENTIALS_DIRECTORY;
  for (const row of table) {
    const key = row.option?.type === "text" ? row.option.secretOf : undefined;
    if (key === undefined) continue;
    const target = table.find((one) => one.key === key)!, named = set.get(row.key);
    if (named !== undefined && named.value !== "") {
      if (set.has(key)) {
        throw new ConfigError(`${key} and ${row.key} are both set: say it in one of them`);
      }
      more.push(secretSetting(target, String(named.value), world, named.source));
    } else if (directory && !set.has(key) && world.readFile(`${directory}/${key}`) !== null) {
      more.push(secretSetting(target, `${directory}/${key}`, world, "systemd credential"));
    }
  }
  return [...settings, ...more];
}

function secretSetting(target: Row, path: string, world: Surroundings, by: string): Setting {
  const file = world.readFile(path);
  if (file === null) throw new ConfigError(`${by}: no file ${path}, which has ${target.key}`);
  const { text, mode } = file, where = `file ${path}`;
  if (mode !== null && (mode & 0o006) !== 0) {
    const what = (mode & 0o004) !== 0 ? "read" : "write";
    throw new ConfigError(
      `${where}: everybody can ${what} it, and it has ${target.key}: chmod 600 ${path}`,
    );
  }
  const isShared = mode !== null && (mode & 0o040) !== 0;
  return { ...setting(target, text.replace(/\r?\n$/, ""), where, true), isShared };
}

/** Variables of the environment that are read besides the options. */
const OTHER_VARIABLES = ["RUNNEL_CONFIG", "RUNNEL_BOOTSTRAP", "RUNNEL_PROFILE"];

function readEnv(table: readonly Row[], env: Readonly<Record<string, string>>): Setting[] {
  const byName = new Map(table.map((row) => [row.env, row]));
  const names = Object.keys(env).filter((name) =>
    name.startsWith("RUNNEL_") && !OTHER_VARIABLES.includes(name)
  );
  return names.sort().map((name) => {
    const row = byName.get(name);
    if (row === undefined) {
      throw new ConfigError(
        `environment: unknown variable ${name}${
          suggestion(name, [...byName.keys(), ...OTHER_VARIABLES])
        }`,
      );
    }
    return setting(row, env[name], `environment ${name}`, true);
  });
}

/** Every flag there is and what it takes; those of secrets are none. */
export function configFlags(table: readonly Row[] = rows()): FlagNeeds {
  const needs = new Map<string, string | null>([["--config", "a file"], ["--debug", null]]);
  for (const { flag, option } of table) {
    if (isSecret(option)) continue;
    const isAlone = option?.type === "boolean";
    needs.set(flag, isAlone ? null : option === null ? "a value" : needOf(option));
  }
  return needs;
}

/** Throws ConfigError where a secret is given as a flag. */
export function mustHoldNoSecret(args: readonly string[], table: readonly Row[] = rows()): void {
  const byFlag = new Map(table.map((row) => [row.flag, row]));
  for (const [flag] of args.map((arg) => arg.split("="))) {
    const row = byFlag.get(flag);
    if (row === undefined || !isSecret(row.option)) continue;
    throw new ConfigError(
      `${flag} is not taken from the command line, which others can read: use ${row.env}`,
    );
  }
}

function readFlags(
  table: readonly Row[],
  args: readonly string[],
): { settings: Setting[]; config: string | undefined } {
  const byFlag = new Map(table.map((row) => [row.flag, row]));
  mustHoldNoSecret(args, table);
  const split = splitArguments(args, configFlags(table));
  if (typeof split === "string") throw new ConfigError(split);
  const { words: [word], flags } = split;
  if (word !== undefined) {
    const why = word.startsWith("-")
      ? "nothing behind -- is a flag, leave that out"
      : "`runnel help` says what there is";
    throw new ConfigError(`unknown argument ${word}; ${why}`);
  }
  const settings: Setting[] = [];
  for (const [flag, row] of byFlag) {
    const text = flags.get(flag);
    if (text !== undefined) settings.push(setting(row, text, `flag ${flag}`, true));
  }
  const debug = flags.get("--debug");
  if (debug === "true") {
    settings.push(setting(byFlag.get("--log-level")!, "debug", "flag --debug", true));
  } else if (debug !== undefined) {
    throw new ConfigError(`flag --debug: bad value ${debug}: needs no value`);
  }
  return { settings, config: flags.get("--config") };
}

function setting(row: Row, given: unknown, source: string, fromText: boolean): Setting {
  const value = row.option === null
    ? acceptTopic(row.name, given)
    : accept(row.option, given, { fromText });
  if (value !== undefined) return { row, value, source };
  if (row.option?.type === "listeners") {
    throw new ConfigError(`${source}: bad value for ${row.key}: ${readListenerSettings(given)}`);
  }
  const shown = isSecret(row.option)
    ? "(hidden)"
    : fromText
    ? given === "" ? '""' : String(given)
    : typeof given === "number"
    ? String(given)
    : JSON.stringify(given);
  throw new ConfigError(
    `${source}: bad value for ${row.key}: ${shown}: needs ${
      row.option ? needOf(row.option) : topicNeed(row.name, given)
    }`,
  );
}

/** TOML may give a number, a boolean or a list where Kafka's configs are texts. */
function acceptTopic(name: string, given: unknown): string | undefined {
  const text = topicText(given);
  return !isRounded(given) && validateTopicConfig(name, text) === null ? text : undefined;
}

function topicNeed(name: string, given: unknown): string {
  if (isRounded(given)) return "quotes around a number so large, which TOML readers round";
  return validateTopicConfig(name, topicText(given))!.split(": needs ")[1];
}

function topicText(given: unknown): string {
  return Array.isArray(given) ? given.join(",") : String(given);
}

function isRounded(given: unknown): boolean {
  return Number.isInteger(given) && !Number.isSafeInteger(given);
}

function isSecret(option: Option | null): boolean {
  return option?.type === "text" && option.secret === true;
}

function suggestion(name: string, names: readonly string[]): string {
  const near = closest(name, names);
  return near === null ? "; `runnel config` lists all there are" : `: did you mean ${near}?`;
}
