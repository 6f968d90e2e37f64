/**
 * Loading: the table's defaults, then the TOML file, then RUNNEL_… variables, then flags, each over the one before.
 *
 * Nothing is guessed: an unknown key or a bad value ends the start with where it stands, what it is and what it may be.
 */
import { parseArgs } from "@std/cli/parse-args";
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
  /** The text of a file and its permission bits, or null when there is none. */
  readFile(path: string): { text: string; mode: number | null } | null;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Where each option that was set came from, by its key ("storage.path"): "flag --storage-path". */
  readonly sources: ReadonlyMap<string, string>;
  /** The file read, or null. */
  readonly file: string | null;
  /** Options set that have no effect on this runtime, in one sentence each. */
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
  const settings = [...fromFile, ...env, ...flags.settings];
  const loaded = assemble(settings, found?.path ?? null);
  const broken = checkRules(loaded.config);
  if (broken !== null) throw new ConfigError(broken);
  return loaded;
}

/** What Deno knows of them. */
export function denoSurroundings(args: readonly string[]): Surroundings {
  return {
    args,
    env: Deno.env.toObject(),
    readFile(path) {
      try {
        return { text: Deno.readTextFileSync(path), mode: Deno.statSync(path).mode };
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return null;
        throw new ConfigError(`Cannot read ${path}: ${(error as Error).message}`);
      }
    },
  };
}

/** A value somebody gave an option. */
interface Setting {
  readonly row: Row;
  readonly value: OptionValue;
  readonly source: string;
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
): { path: string; text: string; mode: number | null } | null {
  for (const path of asked === undefined ? CONFIG_FILES : [asked]) {
    const file = world.readFile(path);
    if (file !== null) return { path, ...file };
  }
  if (asked !== undefined) {
    throw new ConfigError(
      `No configuration file ${asked}: give a path that exists, or leave it out`,
    );
  }
  return null;
}

async function readFileSettings(
  table: readonly Row[],
  file: { path: string; text: string; mode: number | null },
): Promise<Setting[]> {
  const byKey = new Map(table.map((row) => [row.key, row]));
  const entries = await readToml(file.text);
  if (typeof entries === "string") throw new ConfigError(`${file.path} is not TOML: ${entries}`);
  return entries.map((entry) => fileSetting(file, byKey, entry));
}

function fileSetting(
  file: { path: string; mode: number | null },
  byKey: Map<string, Row>,
  entry: TomlEntry,
): Setting {
  const where = `${file.path}${entry.line === null ? "" : `:${entry.line}`}`;
  const row = byKey.get(entry.key);
  if (row === undefined) {
    throw new ConfigError(
      `${where}: unknown key ${entry.key}${suggestion(entry.key, [...byKey.keys()])}`,
    );
  }
  if (isSecret(row.option) && file.mode !== null && (file.mode & 0o077) !== 0) {
    throw new ConfigError(
      `${where}: ${row.key} is a secret, but others can read the file: chmod 600 ${file.path}`,
    );
  }
  return setting(row, entry.value, where, false);
}

/** Variables of the environment that are read besides the options. */
const OTHER_VARIABLES = ["RUNNEL_CONFIG"];

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

function readFlags(
  table: readonly Row[],
  args: readonly string[],
): { settings: Setting[]; config: string | undefined } {
  const byFlag = new Map(
    table.filter((row) => !isSecret(row.option)).map((row) => [row.flag, row]),
  );
  const known = [...byFlag.keys(), "--config", "--debug"];
  // A boolean may stand alone; written out here, so that the parser need not guess whether a word follows it.
  const whole = args.map((arg) =>
    arg === "--debug" || byFlag.get(arg)?.option?.type === "boolean" ? `${arg}=true` : arg
  );
  const parsed = (parseArgs as ParseArgs)(whole, {
    string: known.map((flag) => flag.slice(2)),
    unknown(arg) {
      const flag = arg.split("=")[0];
      const secret = table.find((row) => row.flag === flag);
      if (secret) {
        throw new ConfigError(
          `${flag} is not taken from the command line, which others can read: use ${secret.env}`,
        );
      }
      throw new ConfigError(`unknown argument ${arg}${suggestion(flag, known)}`);
    },
  });
  const settings: Setting[] = [];
  for (const [flag, row] of byFlag) {
    const text = parsed[flag.slice(2)];
    if (text !== undefined) settings.push(setting(row, text, `flag ${flag}`, true));
  }
  if (parsed.debug === "true") {
    settings.push(setting(byFlag.get("--log-level")!, "debug", "flag --debug", true));
  } else if (parsed.debug !== undefined) {
    throw new ConfigError(`flag --debug: bad value ${parsed.debug}: needs no value`);
  }
  return { settings, config: parsed.config };
}

/** The part of @std/cli's parseArgs used here; the npm build of it brings no types. */
type ParseArgs = (
  args: readonly string[],
  options: { string: readonly string[]; unknown: (arg: string) => void },
) => Record<string, string | undefined>;

function setting(row: Row, given: unknown, source: string, fromText: boolean): Setting {
  const value = row.option === null
    ? acceptTopic(row.name, given)
    : accept(row.option, given, { fromText });
  if (value !== undefined) return { row, value, source };
  const shown = isSecret(row.option)
    ? "(hidden)"
    : fromText
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
