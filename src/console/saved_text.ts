/**
 * Saved text: a record as it is saved, in parts of so much, whatever size it has: as JSON, an object a line, or as a line of
 * CSV (RFC 4180) whose cells no table takes for a formula.
 */
import { Buffer, isUtf8 } from "node:buffer";
import type { LogRecord } from "../protocol/records/record.ts";
import { wholeCharacters } from "./record_row.ts";

/** Bytes that make one part; of base64 without padding between. */
const PART_BYTES = 12 * 1024;
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

type Saved = Pick<
  LogRecord,
  "offset" | "timestampMs" | "exactTimestampMs" | "key" | "value" | "headers"
>;

/** As `runnel consume --json` prints it, and `produce --json` takes it, without loss. */
export function* jsonTexts(
  topic: string,
  partition: number,
  { offset, timestampMs, exactTimestampMs, key, value, headers }: Saved,
): Generator<string> {
  yield `{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":${offset},` +
    `"timestamp":${exactTimestampMs ?? timestampMs},"key":`;
  yield* jsonBytes(key);
  yield ',"value":';
  yield* jsonBytes(value);
  yield ',"headers":';
  yield* jsonHeaders(headers);
  yield "}\n";
}

export const CSV_HEAD = "partition,offset,timestamp,key,value,headers\r\n";

export function* csvTexts(
  partition: number,
  { offset, timestampMs, exactTimestampMs, key, value, headers }: Saved,
): Generator<string> {
  yield `${partition},${offset},${exactTimestampMs ?? timestampMs},`;
  yield* cell(plainTexts(key));
  yield ",";
  yield* cell(plainTexts(value));
  yield ",";
  if (headers.length > 0) yield* cell(jsonHeaders(headers));
  yield "\r\n";
}

function* jsonHeaders(headers: Saved["headers"]): Generator<string> {
  yield "[";
  for (const [i, { key, keyBytes, value }] of headers.entries()) {
    yield i === 0 ? '{"key":' : ',{"key":';
    if (keyBytes === undefined) yield JSON.stringify(key);
    else yield* jsonBytes(keyBytes);
    yield ',"value":';
    yield* jsonBytes(value);
    yield "}";
  }
  yield "]";
}

function* jsonBytes(bytes: Uint8Array | null): Generator<string> {
  if (bytes === null) return yield "null";
  const isText = isUtf8(bytes);
  yield isText ? '"' : '{"base64":"';
  for (const part of isText ? characters(bytes) : base64(bytes)) {
    yield isText ? JSON.stringify(part).slice(1, -1) : part;
  }
  yield isText ? '"' : '"}';
}

function* plainTexts(bytes: Uint8Array | null): Generator<string> {
  if (bytes === null) return;
  if (isUtf8(bytes)) return yield* characters(bytes);
  yield "base64:";
  yield* base64(bytes);
}

function* characters(bytes: Uint8Array): Generator<string> {
  for (let at = 0; at < bytes.length;) {
    const most = Math.min(bytes.length, at + PART_BYTES);
    const end = most === bytes.length ? most : wholeCharacters(bytes, most);
    yield UTF8.decode(bytes.subarray(at, end));
    at = end;
  }
}

function* base64(bytes: Uint8Array): Generator<string> {
  const { buffer, byteOffset, length } = bytes;
  for (let at = 0; at < length; at += PART_BYTES) {
    yield Buffer.from(buffer, byteOffset + at, Math.min(PART_BYTES, length - at)).toString(
      "base64",
    );
  }
}

/** What a table would take for a formula begins with an apostrophe. A cell that is long is quoted, whatever is in it. */
function* cell(texts: Iterable<string>): Generator<string> {
  let text = "", isOpen = false;
  for (const part of texts) {
    if (isOpen) yield escaped(part);
    else if ((text += part).length > PART_BYTES) {
      isOpen = true;
      yield `"${escaped(harmless(text))}`;
    }
  }
  if (isOpen) return yield '"';
  const safe = harmless(text);
  yield /[",\r\n]|^'/.test(safe) ? `"${escaped(safe)}"` : safe;
}

function harmless(text: string): string {
  return /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
}

function escaped(text: string): string {
  return text.replaceAll('"', '""');
}
