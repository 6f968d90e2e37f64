/**
 * PageText: a page of the book, written in Markdown, as lines for a terminal: wrapped to its width, tables in columns that
 * fit or as a list where they cannot, links by what they say. Styles are for terminals that show them; elsewhere headings
 * are underlined and code keeps its backquotes.
 */
import { lexer, type Token, type Tokens } from "marked";
import { columns } from "../output.ts";

export interface PageStyle {
  /** Columns of the terminal. */
  readonly width: number;
  /** Whether the terminal shows bold and colours. */
  readonly isStyled: boolean;
}

/** What is to be printed of it; no line but those of code is longer than the width allows, where words can be parted. */
export function pageText(markdown: string, style: PageStyle): string {
  const lines = new Page(style).blocks(lexer(markdown));
  while (lines.at(-1) === "") lines.pop();
  return lines.map((line) => shown(line, style.isStyled)).join("\n");
}

// Where bold and code begin and end, until a line is shown: they take no column.
const BOLD = "\x01", PLAIN = "\x02", CODE = "\x03", TEXT = "\x04";
// deno-lint-ignore no-control-regex -- the marks of above
const MARKS = /[\x01-\x04]/g;

class Page {
  readonly #style: PageStyle;

  constructor(style: PageStyle) {
    this.#style = style;
  }

  /** Each block with an empty line behind it. */
  blocks(tokens: readonly Token[], width = this.#style.width): string[] {
    return tokens.flatMap((token) => {
      const lines = this.#block(token, width);
      return lines.length === 0 ? [] : [...lines, ""];
    });
  }

  #block(token: Token, width: number): string[] {
    switch (token.type) {
      case "heading":
        return this.#heading(token as Tokens.Heading, width);
      case "paragraph":
      case "text":
        return wrapped(this.#inline(token as Tokens.Generic), width);
      case "code":
        return (token as Tokens.Code).text.split("\n").map((line) => line && `    ${line}`);
      case "blockquote":
        return this.#within("  ", (token as Tokens.Blockquote).tokens, width);
      case "list":
        return this.#list(token as Tokens.List, width);
      case "table":
        return this.#table(token as Tokens.Table, width);
      case "hr":
        return ["-".repeat(Math.min(width, 40))];
      default: // comments, and lines between blocks
        return [];
    }
  }

  #heading(token: Tokens.Heading, width: number): string[] {
    const lines = wrapped(this.#inline(token), width);
    if (this.#style.isStyled) return lines.map((line) => `${BOLD}${line}${PLAIN}`);
    const rule = token.depth === 1 ? "=" : token.depth === 2 ? "-" : "";
    const long = Math.max(...lines.map((line) => widthOf(line)));
    return rule === "" ? lines : [...lines, rule.repeat(long)];
  }

  #within(indent: string, tokens: readonly Token[], width: number): string[] {
    const lines = this.blocks(tokens, width - indent.length);
    while (lines.at(-1) === "") lines.pop();
    return lines.map((line) => line && `${indent}${line}`);
  }

  #list({ items, ordered, start, loose }: Tokens.List, width: number): string[] {
    return items.flatMap((item, at) => {
      const mark = ordered ? `${Number(start || 1) + at}. ` : "- ",
        indent = " ".repeat(mark.length);
      const [first = "", ...more] = this.#within(indent, item.tokens, width);
      const isLast = at === items.length - 1;
      return [mark + first.slice(indent.length), ...more, ...(loose && !isLast ? [""] : [])];
    });
  }

  #table({ header, rows }: Tokens.Table, width: number): string[] {
    const head = header.map((cell) => this.#inline(cell));
    const body = rows.map((row) => row.map((cell) => this.#inline(cell)));
    const widths = this.#widthsOf([head, ...body], width);
    if (widths === null) return this.#asList(head, body, width);
    const laidOut = (cells: readonly string[]) => this.#row(cells, widths);
    const lines = laidOut(
      head.map((cell) => this.#style.isStyled ? `${BOLD}${cell}${PLAIN}` : cell),
    );
    if (!this.#style.isStyled) lines.push(widths.map((one) => "-".repeat(one)).join("  "));
    const cells = body.map(laidOut);
    // Rows of several lines are told apart by an empty one.
    const isTall = cells.some((one) => one.length > 1);
    return [...lines, ...cells.flatMap((one, at) => isTall && at > 0 ? ["", ...one] : one)];
  }

  #row(cells: readonly string[], widths: readonly number[]): string[] {
    const texts = cells.map((cell, at) => wrapped(cell, widths[at]));
    const height = Math.max(...texts.map((lines) => lines.length));
    return Array.from({ length: height }, (_, line) =>
      texts.map((lines, at) => {
        const text = lines[line] ?? "";
        return text + " ".repeat(Math.max(0, widths[at] - widthOf(text)));
      }).join("  ").trimEnd());
  }

  /** As wide as their texts, or less down to their longest words; null where that does not fit. */
  #widthsOf(rows: readonly (readonly string[])[], width: number): number[] | null {
    const of = (count: (cell: string) => number) =>
      rows[0].map((_, at) => Math.max(1, ...rows.map((row) => count(row[at] ?? ""))));
    const widths = of(widthOf);
    const least = of((cell) => Math.max(...cell.split(" ").map(widthOf)))
      .map((one, at) => Math.min(widths[at], Math.max(one, 12)));
    const available = width - 2 * (widths.length - 1);
    let surplus = widths.reduce((sum, one) => sum + one, 0) - available;
    while (surplus > 0) {
      let widest = -1;
      for (const [at, one] of widths.entries()) {
        if (one > least[at] && (widest < 0 || one > widths[widest])) widest = at;
      }
      if (widest < 0) return null;
      widths[widest]--;
      surplus--;
    }
    return widths;
  }

  /** A row is what its first cell says, with the others behind their headers. */
  #asList([, ...head]: readonly string[], rows: readonly (readonly string[])[], width: number) {
    return rows.flatMap(([first, ...cells], row) => {
      const told = cells.flatMap((cell, at) =>
        cell === "" ? [] : wrapped(`${head[at]}: ${cell}`, width - 4).map((line) => `    ${line}`)
      );
      return [...(row > 0 ? [""] : []), ...wrapped(first, width), ...told];
    });
  }

  #inline({ tokens, text = "" }: { readonly tokens?: Token[]; readonly text?: string }): string {
    if (tokens === undefined) return plain(text);
    return tokens.map((one) => this.#span(one)).join("");
  }

  #span(token: Token): string {
    switch (token.type) {
      case "codespan": {
        const text = (token as Tokens.Codespan).text.replaceAll("\n", " ");
        return this.#style.isStyled ? `${CODE}${text}${TEXT}` : `\`${text}\``;
      }
      case "strong":
        return `${BOLD}${this.#inline(token as Tokens.Strong)}${PLAIN}`;
      case "link": {
        const link = token as Tokens.Link, { href } = link, text = this.#inline(link);
        return /^https?:/.test(href) && text !== href ? `${text} <${href}>` : text;
      }
      case "br":
        return " ";
      case "html":
        return "";
      default:
        return this.#inline(token as Tokens.Generic);
    }
  }
}

/** Of what will be shown. */
function widthOf(text: string): number {
  return columns(text.replace(MARKS, ""));
}

/** The lexer leaves &amp; and the like as they are. */
function plain(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: keyof typeof ENTITIES) => ENTITIES[name])
    .replaceAll("\n", " ");
}

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };

/** A word that is longer has a line of its own. No style goes on over the end of a line. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "", has = 0;
  for (const word of text.split(/ +/)) {
    const more = widthOf(word);
    if (line !== "" && has + 1 + more > width) {
      lines.push(line);
      [line, has] = [word, more];
    } else [line, has] = line === "" ? [word, more] : [`${line} ${word}`, has + 1 + more];
  }
  let open = "";
  return [...lines, line].map((line) => {
    const begun = open + line;
    for (const [mark] of line.matchAll(MARKS)) {
      open = mark in ENDS ? open + mark : open.replace(BEGINS[mark], "");
    }
    return begun + [...open].reverse().map((mark) => ENDS[mark]).join("");
  });
}

const ENDS: Readonly<Record<string, string>> = { [BOLD]: PLAIN, [CODE]: TEXT };
const BEGINS: Readonly<Record<string, string>> = { [PLAIN]: BOLD, [TEXT]: CODE };

/** The marks of a line as what a terminal shows. */
function shown(line: string, isStyled: boolean): string {
  return isStyled ? line.replace(MARKS, (mark) => STYLES[mark]) : line.replace(MARKS, "");
}

const STYLES: Readonly<Record<string, string>> = {
  [BOLD]: "\x1b[1m",
  [PLAIN]: "\x1b[22m",
  [CODE]: "\x1b[36m",
  [TEXT]: "\x1b[39m",
};
