/** The TOML file as a flat list of keys with their values and lines. The parser is loaded only when there is a file. */
import { tomlKeys } from "./toml_keys.ts";

export interface TomlEntry {
  /** "storage.path"; "topic.retention.ms", whether it was written with quotes or not. */
  readonly key: string;
  readonly value: unknown;
  /** 1-based; null where the text is written in a way the search does not follow. */
  readonly line: number | null;
}

/** What is wrong with the text, and in which line where that is known. */
export interface TomlProblem {
  readonly problem: string;
  readonly line: number | null;
}

export async function readToml(text: string): Promise<TomlEntry[] | TomlProblem> {
  const { parse } = await import("@std/toml");
  const { lines, twice } = tomlKeys(text);
  if (twice !== null) {
    const { what, name, firstLine, line } = twice;
    return { problem: `the ${what} ${name} is given twice, first in line ${firstLine}`, line };
  }
  try {
    return flatten(parse(text) as Record<string, unknown>, "").map(([key, value]) => ({
      key,
      value,
      line: lines.get(key) ?? null,
    }));
  } catch (error) {
    const { message } = error as Error;
    const [, line, problem] = /^Parse error on line (\d+), column \d+: (.*)$/s.exec(message) ?? [];
    return { problem: `it is not TOML: ${problem ?? message}`, line: line ? Number(line) : null };
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
