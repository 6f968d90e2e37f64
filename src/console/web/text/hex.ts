/** Hex: bytes sixteen a row, as `hexdump -C` has them. */

export interface HexRow {
  /** "00000010" */
  readonly at: string;
  /** "48 65 6c 6c 6f …", blanks where the last row ends. */
  readonly hex: string;
  /** What is printable ASCII; a dot for the rest. */
  readonly text: string;
}

const ROW = 16;

/** At most `maxRows` of them. */
export function hexRows(bytes: Uint8Array, maxRows: number): HexRow[] {
  const rows: HexRow[] = [];
  for (let at = 0; at < bytes.length && rows.length < maxRows; at += ROW) {
    let hex = "", text = "";
    for (let i = at; i < at + ROW; i++) {
      if (i - at === ROW / 2) hex += " ";
      hex += i < bytes.length ? `${bytes[i].toString(16).padStart(2, "0")} ` : "   ";
      if (i < bytes.length) text += isPrintable(bytes[i]) ? String.fromCharCode(bytes[i]) : ".";
    }
    rows.push({ at: at.toString(16).padStart(8, "0"), hex: hex.slice(0, -1), text });
  }
  return rows;
}

/** The bytes that the API's text stands for. */
export function bytesOf(
  { encoding, text }: { encoding: "utf8" | "base64"; text: string },
): Uint8Array {
  if (encoding === "utf8") return new TextEncoder().encode(text);
  // Uint8Array.fromBase64 is not in every browser yet.
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function isPrintable(byte: number): boolean {
  return byte >= 0x20 && byte < 0x7f;
}
