/** Tables and text for a terminal: what clients chose as names is printed so that it cannot steer one. */

/** A header and rows in columns, a line each. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const lines = [header, ...rows.map((cells) => cells.map(printable))];
  const widths = header.map((_, i) =>
    lines.reduce((width, cells) => Math.max(width, cells[i].length), 0)
  );
  return lines.map((cells) => cells.map((cell, i) => cell.padEnd(widths[i])).join("  ").trimEnd());
}

/**
 * A name as it may be printed: control characters, and those that turn the direction of writing or part lines, become
 * \u{…}. A backslash stays as it is.
 */
export function printable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

/** Control and format characters, separators of lines and paragraphs, and halves of surrogate pairs. */
export const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
