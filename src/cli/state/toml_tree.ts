/**
 * TOML tree: a TOML text as tables, lists and values, each with its line. Keys are kept as they are, whatever they are
 * called. The parser is loaded only where there is a text; it holds to the specification, keys given twice included.
 */
import type { AST } from "toml-eslint-parser";
import { ConfigError } from "../../config/load.ts";

export type TomlNode = TomlTable | TomlList | TomlValue;

export interface TomlTable {
  readonly kind: "table";
  /** From 1. */
  readonly line: number;
  readonly entries: Map<string, TomlNode>;
}

export interface TomlList {
  readonly kind: "list";
  readonly line: number;
  readonly items: TomlNode[];
}

export interface TomlValue {
  readonly kind: "value";
  readonly line: number;
  /** Null stands for what is of another kind: a date, a time. */
  readonly value: string | bigint | number | boolean | null;
}

/** `source` is what the text is called in complaints, which show nothing of it: it may have passwords. Throws ConfigError. */
export async function tomlTree(text: string, source: string): Promise<TomlTable> {
  const { parseTOML, ParseError } = await import("toml-eslint-parser");
  try {
    const program = parseTOML(text.replace(/^\ufeff/, ""), { tomlVersion: "1.0" });
    const top = newTable(1);
    for (const part of program.body[0].body) {
      if (part.type === "TOMLKeyValue") put(top, part);
      else {
        const table = entered(top, part.resolvedKey, part.loc.start.line);
        for (const pair of part.body) put(table, pair);
      }
    }
    return top;
  } catch (error) {
    if (error instanceof ParseError) {
      throw new ConfigError(`${source}:${error.lineNumber}: it is not TOML: ${error.message}`);
    }
    if (!(error instanceof RangeError)) throw error;
    throw new ConfigError(`${source}: it is not to be read: it has too many brackets in brackets`);
  }
}

function newTable(line: number): TomlTable {
  return { kind: "table", line, entries: new Map() };
}

/** The table of a header: a name enters a table, a number the so-many-th of a list of them. */
function entered(top: TomlTable, path: readonly (string | number)[], line: number): TomlTable {
  let at: TomlTable = top;
  for (const [i, key] of path.entries()) {
    if (typeof key === "number") continue; // with the name before it
    const index = path[i + 1], known = at.entries.get(key);
    if (typeof index === "number") {
      const list: TomlList = known?.kind === "list" ? known : { kind: "list", line, items: [] };
      if (known === undefined) at.entries.set(key, list);
      at = (list.items[index] ??= newTable(line)) as TomlTable;
    } else at = child(at, key, line);
  }
  return at;
}

function child(table: TomlTable, key: string, line: number): TomlTable {
  const known = table.entries.get(key);
  if (known?.kind === "table") return known;
  const made = newTable(line);
  table.entries.set(key, made);
  return made;
}

function put(table: TomlTable, { key, value, loc }: AST.TOMLKeyValue): void {
  const names = key.keys.map((one) => one.type === "TOMLBare" ? one.name : one.value);
  const { line } = loc.start;
  const into = names.slice(0, -1).reduce((at, name) => child(at, name, line), table);
  into.entries.set(names.at(-1)!, nodeOf(value));
}

function nodeOf(node: AST.TOMLContentNode): TomlNode {
  const { line } = node.loc.start;
  switch (node.type) {
    case "TOMLArray":
      return { kind: "list", line, items: node.elements.map(nodeOf) };
    case "TOMLInlineTable": {
      const table = newTable(line);
      for (const pair of node.body) put(table, pair);
      return table;
    }
    case "TOMLValue":
      return { kind: "value", line, value: valueOf(node) };
  }
}

function valueOf(node: AST.TOMLValue): TomlValue["value"] {
  if (node.kind === "integer") return node.bigint;
  return node.kind === "string" || node.kind === "float" || node.kind === "boolean"
    ? node.value
    : null;
}
