/**
 * Format: a record as `--format` describes it, in the language of kcat's -f:
 *
 *     %t topic · %p partition · %o offset · %T timestamp, ms since 1970 · %k key · %s value · %h headers as a=1,b=NULL
 *     %K, %S length of key and value, -1 of null · %R length of the value as int32, big-endian · %% a percent sign
 *     \t \n \r · \xNN a byte in hexadecimal digits · \NN one in decimal, \0NN in octal · \ before others is left out
 *
 * Nothing stands behind a record but what the format has. Null is nothing, or what --null says; there kcat's -Z takes
 * empty for null too, and this does not.
 */
import type { ConsumerRecord } from "../../client/consumer.ts";
import { timestampOf } from "../../protocol/records/json_line.ts";
import { terminalBytes } from "../escapes.ts";
import type { Printer } from "./printer.ts";

/** A string says what is wrong with the format. */
export function formatPrinter(format: string, { nullText, isTerminal }: {
  /** What stands for null. */
  readonly nullText: Uint8Array;
  /** Nothing of a record is to steer it. */
  readonly isTerminal: boolean;
}): Printer | string {
  const parts: Part[] = [];
  for (let at = 0; at < format.length;) {
    const percent = format.indexOf("%", at), end = percent < 0 ? format.length : percent;
    if (end > at) {
      const text = literal(format.slice(at, end));
      parts.push(() => text);
    }
    if (percent < 0) break;
    const letter = String.fromCodePoint(format.codePointAt(percent + 1) ?? 0);
    if (percent + 1 >= format.length) return "ends with a bare %; %% is a percent sign";
    const part = PARTS.get(letter);
    if (part === undefined) return `has %${letter}; there are %${[...PARTS.keys()].join(" %")}`;
    parts.push(isTerminal ? (record, none) => terminalBytes(part(record, none)) : part);
    at = percent + 1 + letter.length;
  }
  return {
    record(record, sink) {
      for (const part of parts) sink.bytes(part(record, nullText));
    },
  };
}

/** Bytes of a record; `none` stands for null. */
type Part = (record: ConsumerRecord, none: Uint8Array) => Uint8Array;

const PARTS = new Map<string, Part>([
  ["t", ({ topic }) => utf8(topic)],
  ["p", ({ partition }) => utf8(`${partition}`)],
  ["o", ({ offset }) => utf8(`${offset}`)],
  ["T", (record) => utf8(`${timestampOf(record)}`)],
  ["k", ({ key }, none) => key ?? none],
  ["s", ({ value }, none) => value ?? none],
  ["h", ({ headers }) => headersOf(headers)],
  ["K", ({ key }) => utf8(`${key?.length ?? -1}`)],
  ["S", ({ value }) => utf8(`${value?.length ?? -1}`)],
  ["R", ({ value }) => int32(value?.length ?? -1)],
  ["%", () => utf8("%")],
]);

function headersOf(headers: ConsumerRecord["headers"]): Uint8Array {
  const bytes: number[] = [];
  for (const [i, { key, keyBytes, value }] of headers.entries()) {
    if (i > 0) bytes.push(COMMA);
    for (const byte of keyBytes ?? utf8(key)) bytes.push(byte);
    bytes.push(EQUALS);
    for (const byte of value ?? utf8("NULL")) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

/** Text with its escapes as bytes; numbers as strtoul reads them, which kcat asks. */
function literal(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const [all, hex, digits, other] of text.matchAll(LITERAL)) {
    if (hex !== undefined) bytes.push(Number(BigInt(`0x${hex}`) & 255n));
    else if (digits !== undefined) {
      const isOctal = digits.length > 1 && digits.startsWith("0");
      bytes.push(Number(BigInt(isOctal ? `0o${digits}` : digits) & 255n));
    } else if (other !== undefined) {
      for (const byte of utf8(LETTERS[other] ?? other)) bytes.push(byte);
    } else for (const byte of utf8(all)) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

const COMMA = 44;
const EQUALS = 61;

const LITERAL = /\\x([\da-fA-F]{1,64})|\\(0[0-7]{0,64}|[1-9]\d{0,64})|\\(.)|[^\\]+|\\$/gsu;
const LETTERS: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r" };

const ENCODER = new TextEncoder();
const utf8 = (text: string) => ENCODER.encode(text);
