/**
 * TomlKeys: where a TOML text names its keys and tables, and which of them it names twice. The parser gives values only,
 * and of a key given twice the last one, without a word.
 *
 * The walk follows strings, arrays and inline tables far enough to tell a key from a value. Where it meets what it does
 * not understand it ends: the parser has the word on that.
 */

export interface TomlKeys {
  /** The line of each key with a value, from 1: "topic.retention.ms", with quotes or without. */
  readonly lines: ReadonlyMap<string, number>;
  /** The first key or table given a second time. */
  readonly twice: Twice | null;
}

export interface Twice {
  readonly what: "key" | "table";
  readonly name: string;
  readonly firstLine: number;
  readonly line: number;
}

export function tomlKeys(text: string): TomlKeys {
  const walk = new Walk(text);
  walk.document();
  return { lines: walk.keys, twice: walk.twice };
}

class Walk {
  readonly keys = new Map<string, number>();
  twice: Twice | null = null;
  /** Tables with a header of their own, and those that dotted keys or inline tables made. */
  readonly #headers = new Map<string, number>();
  readonly #implied = new Map<string, number>();
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text.replace(/^\ufeff/, "");
  }

  document(): void {
    let section = "";
    for (;;) {
      this.#skipLines();
      if (this.#at >= this.#text.length || this.twice !== null) return;
      if (this.#takes("[[")) {
        const name = this.#key();
        // Of a list of tables each has keys of its own; there is no option in one.
        if (name === null || !this.#takes("]]")) return;
        section = `${name}[${this.#line}].`;
      } else if (this.#takes("[")) {
        const name = this.#key();
        if (name === null || !this.#takes("]")) return;
        this.#noteTable(name);
        section = `${name}.`;
      } else if (!this.#pair(section)) return;
    }
  }

  /** `key = value`; false where it is none. */
  #pair(section: string): boolean {
    const line = this.#line, name = this.#key();
    if (name === null || !this.#takes("=")) return false;
    this.#skipBlanks();
    const isTable = this.#text[this.#at] === "{";
    this.#noteKey(section, name, line, isTable);
    return this.#value(`${section}${name}.`);
  }

  #noteTable(name: string): void {
    const firstLine = this.#headers.get(name) ?? this.#implied.get(name) ?? this.keys.get(name);
    if (firstLine !== undefined) this.#found("table", name, firstLine, this.#line);
    this.#headers.set(name, this.#line);
  }

  #noteKey(section: string, name: string, line: number, isTable: boolean): void {
    const whole = section + name;
    const firstLine = this.keys.get(whole) ?? this.#headers.get(whole) ?? this.#implied.get(whole);
    if (firstLine !== undefined) this.#found("key", whole, firstLine, line);
    for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
      const outer = section + name.slice(0, dot), first = this.keys.get(outer);
      if (first !== undefined) this.#found("key", outer, first, line);
      if (!this.#implied.has(outer)) this.#implied.set(outer, line);
    }
    if (isTable) this.#implied.set(whole, line);
    else this.keys.set(whole, line);
  }

  #found(what: Twice["what"], name: string, firstLine: number, line: number): void {
    this.twice ??= { what, name, firstLine, line };
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
        return this.#list("}", () => this.#pair(prefix));
      default:
        return this.#match(/[^,\]}#\n]+/y) !== null;
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
