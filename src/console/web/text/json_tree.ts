/**
 * JSON tree: a value's JSON as it was written, for looking at. JSON.parse would round integers beyond 2^53, drop members
 * of the same name and put those that look like numbers first; here numbers are their digits, and members are all there,
 * in order. It goes without recursion, and no further than so many nodes and so deep.
 */

export interface JsonNode {
  readonly kind: "object" | "array" | "string" | "number" | "word";
  /** The member's name; null in an array and at the root. */
  readonly key: string | null;
  /** A string's characters; the digits, or true, false, null as written; "" of what has children. */
  readonly text: string;
  readonly children: readonly JsonNode[];
}

export type JsonTree =
  | { readonly kind: "tree"; readonly root: JsonNode }
  | { readonly kind: "not_json"; readonly at: number; readonly reason: string };

export const MAX_NODES = 200_000;
export const MAX_DEPTH = 512;

interface Open extends JsonNode {
  readonly kind: "object" | "array";
  readonly children: JsonNode[];
}

export function jsonTree(text: string): JsonTree {
  try {
    return { kind: "tree", root: new Reading(text).root() };
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
    return { kind: "not_json", at: error.at, reason: error.message };
  }
}

class NotJson extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

class Reading {
  readonly #text: string;
  #at = 0;
  #nodes = 0;

  constructor(text: string) {
    this.#text = text;
  }

  root(): JsonNode {
    const open: Open[] = [];
    let root: JsonNode | null = null, key: string | null = null;
    for (;;) {
      this.#blanks();
      const node = this.#begun(key);
      root ??= node;
      open.at(-1)?.children.push(node);
      if (isOpen(node) && !this.#isEmpty(node)) {
        if (open.length === MAX_DEPTH) this.#fail(`is more than ${MAX_DEPTH} deep`);
        open.push(node);
      } else if (!this.#goesOn(open)) {
        this.#blanks();
        if (this.#at < this.#text.length) this.#fail("goes on behind its end");
        return root;
      }
      key = this.#key(open.at(-1)!);
    }
  }

  #isEmpty(node: Open): boolean {
    this.#blanks();
    return this.#takes(closing(node));
  }

  /** Behind a value: closes what ends with it. False: that was all. */
  #goesOn(open: Open[]): boolean {
    for (let parent = open.at(-1); parent !== undefined; parent = open.at(-1)) {
      this.#blanks();
      if (this.#takes(",")) return true;
      if (!this.#takes(closing(parent))) this.#fail(`has no comma and no ${closing(parent)}`);
      open.pop();
    }
    return false;
  }

  /** A scalar, or an object or array that begins here. */
  #begun(key: string | null): JsonNode | Open {
    if (++this.#nodes > MAX_NODES) this.#fail(`has more than ${MAX_NODES} values`);
    if (this.#takes("{")) return { kind: "object", key, text: "", children: [] };
    if (this.#takes("[")) return { kind: "array", key, text: "", children: [] };
    if (this.#text[this.#at] === '"') {
      return { kind: "string", key, text: this.#string(), children: NONE };
    }
    SCALAR.lastIndex = this.#at;
    const [scalar] = SCALAR.exec(this.#text) ?? this.#fail("has no value");
    this.#at += scalar.length;
    const isWord = scalar === "true" || scalar === "false" || scalar === "null";
    return { kind: isWord ? "word" : "number", key, text: scalar, children: NONE };
  }

  #key({ kind }: Open): string | null {
    if (kind === "array") return null;
    this.#blanks();
    if (this.#text[this.#at] !== '"') this.#fail("has no name of a member");
    const key = this.#string();
    this.#blanks();
    if (!this.#takes(":")) this.#fail("has no colon");
    return key;
  }

  #string(): string {
    const from = this.#at;
    for (
      let end = this.#text.indexOf('"', from + 1);
      end >= 0;
      end = this.#text.indexOf('"', end + 1)
    ) {
      let before = end;
      while (this.#text[before - 1] === "\\") before--;
      if ((end - before) % 2 === 1) continue; // the quote is escaped
      this.#at = end + 1;
      try {
        return JSON.parse(this.#text.slice(from, end + 1));
      } catch {
        this.#at = from;
        this.#fail("has a string with what may not be in one");
      }
    }
    return this.#fail("has a string without an end");
  }

  #blanks(): void {
    while (BLANKS.includes(this.#text[this.#at] ?? "x")) this.#at++;
  }

  #takes(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #fail(reason: string): never {
    throw new NotJson(this.#at, reason);
  }
}

const NONE: readonly JsonNode[] = [];
const BLANKS = " \t\n\r";
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

function isOpen(node: JsonNode | Open): node is Open {
  return node.kind === "object" || node.kind === "array";
}

function closing({ kind }: Open): string {
  return kind === "object" ? "}" : "]";
}
