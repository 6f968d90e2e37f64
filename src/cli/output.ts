/**
 * Output: what a command prints: tables for people, that fit their terminal, or JSON for scripts. What others have
 * chosen as names is escaped before a terminal sees it. Who stops reading (`| head`) is told nothing more: what a command
 * does, and its exit code, stay what they are.
 */
import { styleText } from "node:util";
import process from "node:process";
import { printable, UNPRINTABLE } from "./table.ts";

/** Where text goes. */
export interface Sink {
  write(text: string): void;
  /** Columns of the terminal; null when it is none. */
  readonly width: number | null;
  /** Its rows; absent or null when it is none. */
  readonly height?: number | null;
}

export class Output {
  readonly isJson: boolean;
  readonly #sink: Sink;
  readonly #endsUnread: boolean;
  #isUnread = false;

  /** `endsUnread`: what is written when nobody reads any more throws OutputClosed, for who would print for ever. */
  constructor({ isJson = false, sink = standardOutput(), endsUnread = false }: {
    readonly isJson?: boolean;
    readonly sink?: Sink;
    readonly endsUnread?: boolean;
  } = {}) {
    this.isJson = isJson;
    this.#sink = sink;
    this.#endsUnread = endsUnread;
  }

  /** In a colour on a terminal alone, unless NO_COLOR is set. */
  line(text = "", colour: "green" | "yellow" | "red" | null = null): void {
    const plain = printable(text), isPlain = colour === null || this.#sink.width === null;
    const told = isPlain ? plain : styleText(colour, plain, { stream: process.stdout });
    this.#write(`${told}\n`);
  }

  /** Lines that are written as one: all of them are read, or none. */
  lines(texts: readonly string[]): void {
    this.#write(texts.map((text) => `${printable(text)}\n`).join(""));
  }

  /** Whether something was left out as nobody reads any more. */
  get isUnread(): boolean {
    return this.#isUnread;
  }

  /** What was done: a sentence for people, an object for scripts. */
  told(sentence: string, done: Readonly<Record<string, unknown>>): void {
    if (this.isJson) this.json(done);
    else this.line(sentence);
  }

  /** Empties the terminal; its rows; null, and nothing happens, where there is none. */
  clear(): number | null {
    const { height = null } = this.#sink;
    if (height !== null) this.#write("\x1b[H\x1b[2J");
    return height;
  }

  /** One value on a line; int64s are numbers as they stand, however large. */
  json(value: unknown): void {
    this.#write(`${jsonText(value)}\n`);
  }

  /**
   * Rows as a table, or a JSON object a row with these keys ("partition count" is partitionCount). Cells that are too wide
   * for the terminal are cut, the widest column first.
   */
  table(header: readonly string[], rows: readonly (readonly Cell[])[]): void {
    if (this.isJson) {
      const keys = header.map(keyOf);
      for (const row of rows) {
        this.json(Object.fromEntries(keys.map((key, at) => [key, row[at]])));
      }
      return;
    }
    const texts = rows.map((row) => row.map((cell) => printable(cell === null ? "-" : `${cell}`)));
    const head = header.map((name) => name.toUpperCase());
    const isNumber = header.map((_, at) =>
      rows.length > 0 && rows.every((row) => row[at] === null || typeof row[at] !== "string")
    );
    const widths = fitting(
      head.map((name, at) =>
        texts.reduce((width, row) => Math.max(width, columns(row[at])), name.length)
      ),
      this.#sink.width,
    );
    const laidOut = (cells: readonly string[]) =>
      cells.map((cell, at) => fitted(cell, widths[at], isNumber[at])).join("  ").trimEnd();
    this.#write(`${this.#bold(laidOut(head))}\n`);
    this.#write(texts.map((row) => `${laidOut(row)}\n`).join(""));
  }

  #write(text: string): void {
    if (this.#isUnread) return;
    try {
      this.#sink.write(text);
    } catch (error) {
      if (this.#endsUnread || !(error instanceof OutputClosed)) throw error;
      this.#isUnread = true;
    }
  }

  #bold(text: string): string {
    return this.#sink.width === null ? text : styleText("bold", text, { stream: process.stdout });
  }
}

/** Null is what there is none of: "-" in a table. */
export type Cell = string | number | bigint | boolean | null;

/** JSON with int64s in full, in which whatever could steer a terminal is escaped. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(
    value,
    // TypeScript has no rawJSON yet.
    (_, one) => typeof one === "bigint" ? (JSON as unknown as RawJson).rawJSON(`${one}`) : one,
  );
  return text.replace(UNPRINTABLE, (character) => {
    const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
  });
}

interface RawJson {
  rawJSON(text: string): unknown;
}

/** "partition count" is partitionCount. */
function keyOf(name: string): string {
  return name.replace(/[ -](\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** Widths that fit: the widest column gives until they do, none below 8. */
function fitting(widths: readonly number[], available: number | null): number[] {
  const found = [...widths];
  if (available === null) return found;
  let surplus = found.reduce((sum, width) => sum + width + 2, -2) - available;
  while (surplus > 0) {
    const widest = found.indexOf(Math.max(...found));
    if (found[widest] <= 8) break;
    found[widest]--;
    surplus--;
  }
  return found;
}

function fitted(cell: string, width: number, isRight: boolean): string {
  const has = columns(cell);
  if (has <= width) {
    return isRight ? " ".repeat(width - has) + cell : cell + " ".repeat(width - has);
  }
  let cut = "", used = 0;
  for (const character of cell) {
    const more = columns(character);
    if (used + more > width - 1) break;
    cut += character;
    used += more;
  }
  return cut + "…" + " ".repeat(width - used - 1);
}

/** How many columns of a terminal a text takes: two of what is wide in East Asia, none of what combines. */
export function columns(text: string): number {
  let count = 0;
  for (const character of text) {
    if (COMBINING.test(character)) continue;
    count += WIDE.test(character) ? 2 : 1;
  }
  return count;
}

const COMBINING = /\p{M}/u;
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

function standardOutput(): Sink {
  const isTerminal = Deno.stdout.isTerminal();
  return {
    // Asked for each time: a terminal may change its size meanwhile.
    get width() {
      return isTerminal ? Deno.consoleSize().columns : null;
    },
    get height() {
      return isTerminal ? Deno.consoleSize().rows : null;
    },
    write: writeAll,
  };
}

function writeAll(text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw new OutputClosed();
    throw error;
  }
}

/** Nobody reads any more. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}
