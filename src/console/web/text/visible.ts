/**
 * Visible: texts that clients chose, cut into what may stand as it is and what could mislead: control characters, what
 * turns the direction of writing, what is not seen. Those are written as \u{…} and marked, so that "a\u{202e}b" and the
 * six characters that spell it differ.
 */

export interface Piece {
  readonly text: string;
  readonly isEscape: boolean;
}

/** `keepsLines`: ends of lines and tabs stand as they are, as in a record's value. */
export function piecesOf(text: string, { keepsLines = false } = {}): Piece[] {
  const steering = keepsLines ? STEERING_BUT_LINES : STEERING, pieces: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(steering)) {
    if (match.index > at) pieces.push({ text: text.slice(at, match.index), isEscape: false });
    pieces.push({ text: escapedPoint(match[0]), isEscape: true });
    at = match.index + match[0].length;
  }
  if (at < text.length) pieces.push({ text: text.slice(at), isEscape: false });
  return pieces;
}

/** For where only text goes: titles, labels. */
export function visible(text: string): string {
  return piecesOf(text).map((piece) => piece.text).join("");
}

/** Whether all of it may be pasted into a terminal, and is one line. */
export function isPlain(text: string): boolean {
  return text.search(STEERING) < 0;
}

/** JSON whose every steering character is a \uXXXX. */
export function plainJson(value: unknown): string {
  return JSON.stringify(value).replace(STEERING, (one) => {
    let all = "";
    for (let at = 0; at < one.length; at++) {
      all += `\\u${one.charCodeAt(at).toString(16).padStart(4, "0")}`;
    }
    return all;
  });
}

function escapedPoint(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}

const STEERING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const STEERING_BUT_LINES = /(?![\t\r\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
