/**
 * JSON line: a record as `runnel consume --json` prints it, the console saves it, and `produce --json` takes it, without
 * loss. Bytes that are UTF-8 are a string, others {"base64": "…"}, the key of a header too; null is null. A timestamp is
 * any int64. What could steer a terminal stands as \uXXXX.
 *
 *     {"topic":"t","partition":0,"offset":7,"timestamp":1764489600000,"key":null,"value":"…","headers":[{"key":"h","value":"…"}]}
 */
import { Buffer, isUtf8 } from "node:buffer";
import type { LogRecord } from "./record.ts";

export interface PlacedRecord extends LogRecord {
  readonly topic: string;
  readonly partition: number;
}

/** Without the end of the line. */
export function jsonLine(record: PlacedRecord): string {
  return whole(piecesOf(record));
}

/** The same in parts of so much, whatever size the record has. */
export function jsonLineParts(record: PlacedRecord): Generator<string> {
  return parts(piecesOf(record));
}

/** As they stand in the line. */
export function headersJson(headers: LogRecord["headers"]): string {
  return whole(piecesOfHeaders(headers));
}

/** The same in parts of so much. */
export function headersJsonParts(headers: LogRecord["headers"]): Generator<string> {
  return parts(piecesOfHeaders(headers));
}

/** In full. */
export function timestampOf(
  { timestampMs, exactTimestampMs }: Pick<LogRecord, "timestampMs" | "exactTimestampMs">,
): number | bigint {
  return exactTimestampMs ?? timestampMs;
}

/** Bytes as text, where they are UTF-8; null where they are not. */
export function utf8Text(bytes: Uint8Array): string | null {
  return isUtf8(bytes) ? UTF8.decode(bytes) : null;
}

/** Characters of bytes that are UTF-8, in parts of so much. */
export function* textParts(bytes: Uint8Array): Generator<string> {
  for (let at = 0; at < bytes.length;) {
    const most = Math.min(bytes.length, at + PART_BYTES);
    const end = most === bytes.length ? most : wholeCharacters(bytes, most);
    yield UTF8.decode(bytes.subarray(at, end));
    at = end;
  }
}

/** Bytes as base64, in parts of so much. */
export function* base64Parts(bytes: Uint8Array): Generator<string> {
  for (let at = 0; at < bytes.length; at += PART_BYTES) {
    yield base64(bytes.subarray(at, at + PART_BYTES));
  }
}

/** Where to cut so that no character is cut through, as far as it is UTF-8. */
export function wholeCharacters(bytes: Uint8Array, at: number): number {
  let end = at;
  while (end > at - 4 && end > 0 && (bytes[end] & 0xc0) === 0x80) end--;
  return end;
}

/** Of a line: text as it stands there, or bytes (or null) that are to become JSON. */
type Piece = string | Uint8Array | null;

function piecesOf(record: PlacedRecord): Piece[] {
  const { topic, partition, offset, key, value, headers } = record;
  return [
    `{"topic":"${inside(topic)}","partition":${partition},"offset":${offset},` +
    `"timestamp":${timestampOf(record)},"key":`,
    key,
    ',"value":',
    value,
    ',"headers":',
    ...piecesOfHeaders(headers),
    "}",
  ];
}

function piecesOfHeaders(headers: LogRecord["headers"]): Piece[] {
  const pieces: Piece[] = ["["];
  for (const [i, { key, keyBytes, value }] of headers.entries()) {
    pieces.push(i === 0 ? '{"key":' : ',{"key":', keyBytes ?? `"${inside(key)}"`);
    pieces.push(',"value":', value, "}");
  }
  pieces.push("]");
  return pieces;
}

function whole(pieces: readonly Piece[]): string {
  let line = "";
  for (const piece of pieces) line += typeof piece === "string" ? piece : bytesJson(piece);
  return line;
}

function* parts(pieces: readonly Piece[]): Generator<string> {
  for (const piece of pieces) {
    if (typeof piece === "string") yield piece;
    else if (piece === null || piece.length <= PART_BYTES) yield bytesJson(piece);
    else if (isUtf8(piece)) {
      yield '"';
      for (const text of textParts(piece)) yield inside(text);
      yield '"';
    } else {
      yield '{"base64":"';
      yield* base64Parts(piece);
      yield '"}';
    }
  }
}

function bytesJson(bytes: Uint8Array | null): string {
  if (bytes === null) return "null";
  const text = utf8Text(bytes);
  return text === null ? `{"base64":"${base64(bytes)}"}` : `"${inside(text)}"`;
}

/** What stands between the quotes of a string. */
function inside(text: string): string {
  const json = JSON.stringify(text).slice(1, -1);
  return STEERING.test(json) ? json.replace(EACH_STEERING, escaped) : json;
}

/** JSON.stringify escapes C0 alone: these are DEL, C1, what turns the direction of writing, and separators of lines. */
const STEERING = /[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/u;
const EACH_STEERING = new RegExp(STEERING, "gu");

/** A character as \uXXXX for each half of it. */
function escaped(character: string): string {
  let all = "";
  for (let at = 0; at < character.length; at++) {
    all += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }
  return all;
}

function base64({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString("base64");
}

/** Bytes that make one part; of base64 without padding between. */
const PART_BYTES = 12 * 1024;
/** A BOM stays: it is three bytes of the record. */
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
