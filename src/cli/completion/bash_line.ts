/**
 * BashLine: the line up to the cursor as bash has it, in words, and names as bash takes them at its end. It only reads
 * quotes: whatever would be replaced or run stays the text that it is.
 */
export interface BashLine {
  /** Without their quotes. */
  readonly before: readonly string[];
  readonly current: Part;
}

/** What there is of the last word. */
export interface Part {
  /** Without its quotes. */
  readonly text: string;
  /** The quote that is open at the cursor, "" for none. */
  readonly quote: "" | "'" | '"';
  /** How many characters of the text bash leaves alone, as what follows them is a word to it. */
  readonly kept: number;
}

/** `breaks` are the characters at which bash begins another word ($COMP_WORDBREAKS). */
export function bashLine(line: string, breaks: string): BashLine {
  const words: string[] = [];
  let text = "", isWord = false, quote: Part["quote"] = "", kept = 0;
  for (let at = 0; at < line.length; at++) {
    const character = line[at];
    if (quote === "'") {
      if (character === "'") quote = "";
      else text += character;
    } else if (character === "\\" && (quote === "" || '"\\$`'.includes(line[at + 1] ?? ""))) {
      text += line[++at] ?? "";
      isWord = true;
    } else if (quote === '"') {
      if (character === '"') quote = "";
      else text += character;
    } else if (character === "'" || character === '"') {
      // What stands in an open quote is a word to bash, whatever is before it.
      if (!line.slice(at + 1).includes(character)) kept = text.length;
      quote = character;
      isWord = true;
    } else if (/\s/.test(character)) {
      if (isWord) words.push(text);
      [text, isWord, kept] = ["", false, 0];
    } else {
      text += character;
      isWord = true;
      if (breaks.includes(character)) kept = text.length;
    }
  }
  return { before: words, current: { text, quote, kept } };
}

/** What bash is to put in the place of the part, so that the word is `name`; null where that cannot be written there. */
export function bashWord(name: string, { quote, kept }: Part): string | null {
  const rest = name.slice(kept);
  if (quote === "'") return closed(rest.replaceAll("'", `'\\''`), quote);
  // In double quotes ! is history's, with a backslash or without.
  if (quote === '"') {
    return rest.includes("!") ? null : closed(rest.replace(/[\\"$`]/g, "\\$&"), quote);
  }
  return rest.replace(/[^\w.,:=@%+/\u0080-\u{10ffff}-]/gu, "\\$&");
}

/** Bash closes the quote, but not behind what looks as if it was closed. */
function closed(word: string, quote: string): string {
  return word.endsWith(quote) ? word + quote : word;
}
