/** How lines become records: the line as value, a key and a value about a separator, or JSON. */
import { utf8Text } from "../../protocol/records/json_line.ts";
import { recordOfJson, type WrittenRecord } from "../record_json.ts";

/** A string says what is wrong with the line. */
export type Reader = (line: Uint8Array) => WrittenRecord | string;

export interface LineForm {
  /** Between key and value; null: there is no key in the line. */
  readonly separator: Uint8Array | null;
  /** Bytes that stand for null, as key or value; null: none do. */
  readonly nullText: Uint8Array | null;
  /** The key of every record. */
  readonly key: Uint8Array | null;
  readonly timestampMs: number | undefined;
}

export function lineReader({ separator, nullText, key, timestampMs }: LineForm): Reader {
  const orNull = (bytes: Uint8Array) =>
    nullText !== null && areEqual(bytes, nullText) ? null : bytes;
  if (separator === null) {
    return (line) => ({ timestampMs, key, value: orNull(line), headers: [] });
  }
  return (line) => {
    const at = indexOf(line, separator);
    if (at < 0) return "has no key separator";
    return {
      timestampMs,
      key: orNull(line.subarray(0, at)),
      value: orNull(line.subarray(at + separator.length)),
      headers: [],
    };
  };
}

export const jsonReader: Reader = (line) => {
  const text = utf8Text(line);
  return text === null ? "is no UTF-8" : recordOfJson(text);
};

function indexOf(line: Uint8Array, wanted: Uint8Array): number {
  for (let at = line.indexOf(wanted[0]); at >= 0; at = line.indexOf(wanted[0], at + 1)) {
    if (areEqual(line.subarray(at, at + wanted.length), wanted)) return at;
  }
  return -1;
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
