/**
 * TOML reader: what a table has to hold, key by key. What it must not hold, or what is of another kind, is a ConfigError
 * with the line, and the key that was probably meant. Values are shown where they are wrong, except those of secrets.
 */
import { ConfigError } from "../../config/load.ts";
import { closest } from "../../config/near_miss.ts";
import { printable } from "../table.ts";
import type { TomlNode, TomlTable } from "./toml_tree.ts";

/** A table on its way to be read. */
export class TomlReader {
  readonly table: TomlTable;
  /** "topics.orders", for complaints; "" for the whole file. */
  readonly name: string;
  readonly #source: string;

  constructor(table: TomlTable, { name, source }: { name: string; source: string }) {
    this.table = table;
    this.name = name;
    this.#source = source;
  }

  /** A ConfigError; of a key's line, where it has the key. */
  fault(what: string, key: string | null = null): ConfigError {
    const line = (key === null ? null : this.table.entries.get(key)?.line) ?? this.table.line;
    const whole = key === null ? this.name : this.#path(key);
    const about = whole.length > 200 ? `${whole.slice(0, 200)}…` : whole;
    return new ConfigError(printable(`${this.#source}:${line}: ${about}${about && ": "}${what}`));
  }

  /** Throws for every other key. */
  only(keys: readonly string[], hint: (key: string) => string = () => ""): void {
    for (const key of this.table.entries.keys()) {
      if (keys.includes(key)) continue;
      const near = closest(key, keys);
      const advice = hint(key) ||
        (near === null ? `: there are ${keys.join(", ")}` : ` (did you mean ${near}?)`);
      throw this.fault(`unknown key${advice}`, key);
    }
  }

  /** The table under a key, an empty one where it is not there. */
  inner(key: string): TomlReader {
    const node = this.table.entries.get(key) ??
      { kind: "table", line: this.table.line, entries: new Map() };
    if (node.kind !== "table") {
      throw this.fault(`needs to be a table, as in [${this.#path(key)}]`, key);
    }
    return this.#reader(node, this.#path(key));
  }

  /** The tables under a key, which are a list: [[acls]]. */
  innerList(key: string): TomlReader[] {
    const node = this.table.entries.get(key);
    if (node === undefined) return [];
    const items = node.kind === "list" ? node.items : [node];
    return items.map((item) => {
      const isTable = node.kind === "list" && item.kind === "table";
      if (!isTable) throw this.fault(`needs to be a list of tables, each under [[${key}]]`, key);
      return this.#reader(item, key);
    });
  }

  /** Every key with its table: [topics.orders]. */
  innerEach(): [key: string, reader: TomlReader][] {
    return [...this.table.entries.keys()].map((key) => [key, this.inner(key)]);
  }

  text(key: string): string | null {
    const value = this.#value(key);
    if (value === undefined) return null;
    if (typeof value !== "string") throw this.fault("needs a text, in quotes", key);
    return value;
  }

  whole(key: string, { min, max }: { readonly min: number; readonly max: number }): number | null {
    const value = this.#value(key);
    if (value === undefined) return null;
    if (typeof value === "bigint" && value >= min && value <= max) return Number(value);
    throw this.fault(`${shown(value)}: needs a whole number, ${min} to ${max}`, key);
  }

  /** Any number but nan and inf. */
  number(key: string): number | null {
    const value = this.#value(key);
    if (value === undefined) return null;
    const number = typeof value === "bigint" ? Number(value) : value;
    if (typeof number === "number" && Number.isFinite(number)) return number;
    throw this.fault(`${shown(value)}: needs a number`, key);
  }

  flag(key: string): boolean {
    const value = this.#value(key) ?? false;
    if (typeof value !== "boolean") throw this.fault(`${shown(value)}: needs true or false`, key);
    return value;
  }

  /** A text, or a list of some. */
  texts(key: string): string[] | null {
    const node = this.table.entries.get(key);
    if (node === undefined) return null;
    const items = node.kind === "list" ? node.items : [node];
    const texts = items.map((item) => item.kind === "value" ? item.value : null);
    if (texts.length > 0 && texts.every((one) => typeof one === "string")) return texts;
    throw this.fault("needs a text, or a list of texts with one at least", key);
  }

  /**
   * The table as configs. `retention.ms = 5` without quotes is a table in a table to TOML, and means the same; a list of
   * texts is one text with commas.
   */
  configs(): Map<string, string> {
    const found = new Map<string, string>();
    const take = (reader: TomlReader, prefix: string, depth: number) => {
      for (const [key, node] of reader.table.entries) {
        const name = prefix + key;
        if (node.kind === "table") {
          if (depth === MAX_NAMES) throw reader.fault("has too many names in names", key);
          take(reader.inner(key), `${name}.`, depth + 1);
          continue;
        }
        if (found.has(name)) throw reader.fault(`${name} is given twice`, key);
        if (name === "") throw reader.fault("needs a name", key);
        found.set(name, reader.#config(key, node));
      }
    };
    take(this, "", 1);
    return found;
  }

  #config(key: string, node: TomlNode): string {
    if (node.kind === "list") return this.texts(key)!.join(",");
    const value = this.#value(key);
    const isOne = typeof value === "string" || typeof value === "bigint" ||
      typeof value === "boolean" || typeof value === "number" && Number.isFinite(value);
    if (!isOne) throw this.fault(`${shown(value)}: needs a text, a number, true or false`, key);
    return String(value);
  }

  #value(key: string) {
    const node = this.table.entries.get(key);
    if (node === undefined) return undefined;
    if (node.kind !== "value") throw this.fault("needs one value", key);
    return node.value;
  }

  #reader(table: TomlTable, name: string): TomlReader {
    return new TomlReader(table, { name, source: this.#source });
  }

  /** As it would be written in the file. */
  #path(key: string): string {
    const own = /^[\w-]+$/.test(key) ? key : JSON.stringify(key);
    return this.name === "" ? own : `${this.name}.${own}`;
  }
}

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : `${value ?? "a date"}`;
}

/** Of a config: "a.b.c" has three. Kafka's have seven at most. */
const MAX_NAMES = 50;
