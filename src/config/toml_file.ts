/** The TOML file as a flat list of keys with their values and lines. The parser is loaded only when there is a file. */

export interface TomlEntry {
  /** "storage.path"; "topic.retention.ms", whether it was written with quotes or not. */
  readonly key: string;
  readonly value: unknown;
  /** 1-based; null where the key is written in a way the search does not follow (inline tables). */
  readonly line: number | null;
}

/** The entries, or what is wrong with the text. */
export async function readToml(text: string): Promise<TomlEntry[] | string> {
  const { parse } = await import("@std/toml");
  try {
    const lines = keyLines(text);
    return flatten(parse(text) as Record<string, unknown>, "").map(([key, value]) => ({
      key,
      value,
      line: lines.get(key) ?? null,
    }));
  } catch (error) {
    return (error as Error).message;
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

/** The line of each key, found by section headers and the beginnings of lines: the parser gives values only. */
function keyLines(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  let section = "";
  for (const [i, line] of text.split("\n").entries()) {
    const header = /^\s*\[([^\[\]]+)\]/.exec(line);
    const key = /^\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=/.exec(
      line,
    );
    if (header) section = `${bare(header[1])}.`;
    else if (key && !lines.has(section + bare(key[1]))) lines.set(section + bare(key[1]), i + 1);
  }
  return lines;
}

function bare(key: string): string {
  return key.replace(/["'\s]/g, "");
}
