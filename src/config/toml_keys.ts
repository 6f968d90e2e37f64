/**
 * TomlKeys: where a TOML text names its keys and tables, and what the parser takes without a word though it is none of
 * TOML: a key or table given twice, of which it gives the last, and something behind a value or a table's name.
 *
 * The walk follows strings, arrays and inline tables far enough to tell a key from a value. Where it meets what it does
 * not understand it ends: the parser has the word on that.
 */

export interface TomlKeys {
  /** The line of each key with a value, from 1: "topic.retention.ms", with quotes or without. */
  readonly lines: ReadonlyMap<string, number>;
  /** The line of each table's header: "storage". */
  readonly tables: ReadonlyMap<string, number>;
  /** The lines of the headers of tables that there may be several of: "listeners". */
  readonly lists: ReadonlyMap<string, readonly number[]>;
  readonly fault: TomlFault | null;
}

/** The first thing that is wrong. */
export interface TomlFault {
  readonly problem: string;
  readonly line: number;
}

export function tomlKeys(text: string): TomlKeys {
  const walk = new Walk(text);
  walk.document();
  return { lines: walk.keys, tables: walk.tables, lists: walk.lists, fault: walk.fault };
}

/** Tables that there may be several of. */
const LISTS: readonly string[] = ["listeners"];

class Walk {
  readonly keys = new Map<string, number>();
  /** Tables with a header of their own. */
  readonly tables = new Map<string, number>();
  readonly lists = new Map<string, number[]>();
  fault: TomlFault | null = null;
  /** Those that dotted keys or inline tables made. */
  readonly #implied = new Map<string, number>();
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    let section = "";
    for (;;) {
      this.#skipLines();
      if (this.#at >= this.#text.length || this.fault !== null) return;
      const line = this.#line;
      let what: string;
      if (this.#takes("[[")) {
        const name = this.#key();
        if (name === null || !this.#takes("]]")) return;
        if (!LISTS.includes(name)) {
          this.#found(`[[${name}]] is a list of tables, and there is none: write [${name}]`, line);
          return;
        }
        section = `${this.#noteList(name, line)}.`;
        what = `[[${name}]]`;
      } else if (this.#takes("[")) {
        const name = this.#key();
        if (name === null || !this.#takes("]")) return;
        this.#noteTable(name);
        section = `${name}.`;
        what = `[${name}]`;
      } else {
        const name = this.#pair(section);
        if (name === null) return;
        what = `the value of ${name}`;
      }
      const behind = this.#match(/[ \t]*[^\s#][^\n]*/y);
      if (behind !== null) {
        this.#found(`"${behind.trim().slice(0, 40)}" stands behind ${what}: one a line`, line);
      }
    }
  }

  /** `key = value`, of which it gives the key's whole name; null where it is none. */
  #pair(section: string): string | null {
    const line = this.#line, name = this.#key();
    if (name === null || !this.#takes("=")) return null;
    this.#skipBlanks();
    const isTable = this.#text[this.#at] === "{";
    this.#noteKey(section, name, line, isTable);
    return this.#value(`${section}${name}.`) ? section + name : null;
  }

  #noteTable(name: string): void {
    const firstLine = this.tables.get(name) ?? this.#implied.get(name) ?? this.keys.get(name);
    if (firstLine !== undefined) this.#foundTwice("table", name, firstLine, this.#line);
    this.tables.set(name, this.#line);
  }

  /** "listeners[1]", for the second one. */
  #noteList(name: string, line: number): string {
    const lines = this.lists.get(name) ?? [];
    const first = this.tables.get(name) ?? this.keys.get(name);
    if (first !== undefined) this.#foundTwice("key", name, first, line);
    this.lists.set(name, [...lines, line]);
    return `${name}[${lines.length}]`;
  }

  #noteKey(section: string, name: string, line: number, isTable: boolean): void {
    const whole = section + name;
    const firstLine = this.keys.get(whole) ?? this.tables.get(whole) ?? this.#implied.get(whole);
    if (firstLine !== undefined) this.#foundTwice("key", whole, firstLine, line);
    for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
      const outer = section + name.slice(0, dot), first = this.keys.get(outer);
      if (first !== undefined) this.#foundTwice("key", outer, first, line);
      if (!this.#implied.has(outer)) this.#implied.set(outer, line);
    }
    if (isTable) this.#implied.set(whole, line);
    else this.keys.set(whole, line);
  }

  #foundTwice(what: "key" | "table", name: string, firstLine: number, line: number): void {
    this.#found(`the ${what} ${name} is given twice, first in line ${firstLine}`, line);
  }

  #found(problem: string, line: number): void {
    this.fault ??= { problem, line };
  }

  #value(prefix: string): boolean {
    this.#skipBlanks();
    switch (this.#text[this.#at]) {
      case '"':
      case "'":
        return this.#string() !== null;
      case "[":
        return this.#list("]", () => this.#value(`${prefix}[${this.#at}].`));
      case "{":
        return this.#list("}", () => this.#pair(prefix) !== null);
      default:
        // A date and its time may have a blank between.
        return this.#match(/[\d-]+ \d\d:[\w.:+-]+|[\w.:+-]+/y) !== null;
    }
  }

  /** What stands between brackets, with commas between and lines at will. */
  #list(end: string, element: () => boolean): boolean {
    this.#at++;
    for (;;) {
      this.#skipLines();
      if (this.#takes(end)) return true;
      if (!element()) return false;
      this.#skipLines();
      if (!this.#takes(",") && this.#text[this.#at] !== end) return false;
    }
  }

  /** A key with its dots, without its quotes; null where there is none. */
  #key(): string | null {
    const parts: string[] = [];
    do {
      this.#skipBlanks();
      const isQuoted = /["']/.test(this.#text[this.#at] ?? "");
      const part = isQuoted ? this.#string() : this.#match(/[\w-]+/y);
      if (part === null) return null;
      parts.push(part);
    } while (this.#takes("."));
    return parts.join(".");
  }

  /** What stands between quotes, as it is written. */
  #string(): string | null {
    const whole = this.#match(
      /"""(?:[^\\]|\\[^])*?"{3,5}|'''[^]*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y,
    );
    if (whole === null) return null;
    const quotes = /^("""|''')/.test(whole) ? 3 : 1;
    return whole.slice(quotes, -quotes);
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? null;
    if (found === null) return null;
    this.#at += found.length;
    this.#line += found.split("\n").length - 1;
    return found;
  }

  #takes(sign: string): boolean {
    this.#skipBlanks();
    if (!this.#text.startsWith(sign, this.#at)) return false;
    this.#at += sign.length;
    return true;
  }

  #skipBlanks(): void {
    this.#match(/[ \t]+/y);
  }

  /** Blanks, ends of lines and comments. */
  #skipLines(): void {
    this.#match(/(?:[ \t\r\n]+|#[^\n]*)+/y);
  }
}
