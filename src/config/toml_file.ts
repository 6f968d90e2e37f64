/** The TOML file as a flat list of keys with their values and lines. The parser is loaded only when there is a file. */
import { tomlKeys } from "./toml_keys.ts";

export interface TomlEntry {
  /** "storage.path"; "topic.retention.ms", whether it was written with quotes or not. */
  readonly key: string;
  readonly value: unknown;
  /** 1-based; null where the text is written in a way the search does not follow. */
  readonly line: number | null;
}

export interface TomlFile {
  readonly entries: readonly TomlEntry[];
  /** The line of each table's header. */
  readonly tables: ReadonlyMap<string, number>;
}

/** What is wrong with the text, and in which line where that is known. */
export interface TomlProblem {
  readonly problem: string;
  readonly line: number | null;
}

export async function readToml(given: string): Promise<TomlFile | TomlProblem> {
  const { parse } = await import("@std/toml");
  const text = given.replace(/^\ufeff/, ""); // which some editors put first
  const { lines, tables, lists, fault } = tomlKeys(text);
  if (fault !== null) return fault;
  try {
    const values = new Map(flatten(parse(text) as Record<string, unknown>, ""));
    // A key that the parser drops, such as __proto__, is one all the same.
    for (const key of lines.keys()) {
      const isOfList = [...lists.keys()].some((name) => key.startsWith(`${name}[`));
      if (!isOfList && !values.has(key)) values.set(key, undefined);
    }
    const entries = [...values].map(([key, value]) => ({
      key,
      value,
      line: lines.get(key) ?? lists.get(key)?.[0] ?? null,
    }));
    return { entries, tables };
  } catch (error) {
    const { message } = error as Error;
    const [, line] = /^Parse error on line (\d+),/.exec(message) ?? [];
    const problem = message.replace(/Parse error on line \d+, column \d+: /g, "");
    return { problem: `it is not TOML: ${problem}`, line: line ? Number(line) : null };
  }
}

function flatten(table: Record<string, unknown>, prefix: string): [string, unknown][] {
  return Object.entries(table).flatMap(([name, value]): [string, unknown][] => {
    const key = prefix + name;
    const isTable = typeof value === "object" && value !== null && !Array.isArray(value) &&
      !(value instanceof Date);
    return isTable ? flatten(value as Record<string, unknown>, `${key}.`) : [[key, value]];
  });
}
