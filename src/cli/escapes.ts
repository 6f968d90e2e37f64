/** Escapes: bytes as a terminal may have them, and what people write for bytes in a flag. */

/**
 * Bytes for a terminal: tabs and ends of lines stay; what else could steer it stands as \u{…}, and what is no UTF-8 as
 * \xNN. The same bytes come back where there is nothing of that.
 */
export function terminalBytes(bytes: Uint8Array): Uint8Array {
  return isHarmless(bytes) ? bytes : ENCODER.encode(terminalText(bytes));
}

function isHarmless(bytes: Uint8Array): boolean {
  for (const byte of bytes) {
    if (byte < 0x20 ? byte !== 0x09 && byte !== 0x0a : byte >= 0x7f) return false;
  }
  return true;
}

function terminalText(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    if (length === 0) text += `\\x${bytes[at++].toString(16).padStart(2, "0")}`;
    else text += UTF8.decode(bytes.subarray(at, at += length));
  }
  return text.replace(STEERING, (one) => `\\u{${one.codePointAt(0)!.toString(16)}}`);
}

/** Of the UTF-8 sequence there; 0 where none is. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  if (first < 0x80) return 1;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  try {
    UTF8.decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}

/** Text with \t, \n, \r, \0, \\ and \xNN as the bytes they stand for; null where a backslash is followed by none of it. */
export function unescaped(text: string): Uint8Array | null {
  const bytes: number[] = [];
  for (let at = 0; at < text.length;) {
    const [all, plain, hex, letter] = PART.exec(text.slice(at)) ?? [];
    if (all === undefined) return null;
    if (plain !== undefined) { for (const byte of ENCODER.encode(plain)) bytes.push(byte); }
    else bytes.push(hex === undefined ? LETTERS[letter] : parseInt(hex, 16));
    at += all.length;
  }
  return Uint8Array.from(bytes);
}

const PART = /^(?:([^\\]+)|\\x([\da-fA-F]{2})|\\([tnr0\\]))/;
const LETTERS: Readonly<Record<string, number>> = { t: 9, n: 10, r: 13, "0": 0, "\\": 92 };

/** As in table.ts, but for tab and line feed. */
const STEERING = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const ENCODER = new TextEncoder();
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
