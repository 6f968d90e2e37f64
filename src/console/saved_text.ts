/**
 * Saved text: a record as a line of CSV (RFC 4180) whose cells no table takes for a formula, in parts of so much, whatever
 * size it has.
 */
import { isUtf8 } from "node:buffer";
import {
  base64Parts,
  headersJsonParts,
  textParts,
  timestampOf,
} from "../protocol/records/json_line.ts";
import type { LogRecord } from "../protocol/records/record.ts";

export const CSV_HEAD = "partition,offset,timestamp,key,value,headers\r\n";

export function* csvTexts(partition: number, record: LogRecord): Generator<string> {
  const { offset, key, value, headers } = record;
  yield `${partition},${offset},${timestampOf(record)},`;
  yield* bytesCell(key);
  yield ",";
  yield* bytesCell(value);
  yield ",";
  if (headers.length > 0) yield* cell(headersJsonParts(headers));
  yield "\r\n";
}

/** Null is an empty cell, and empty is "", as `consume --csv` has them. */
function* bytesCell(bytes: Uint8Array | null): Generator<string> {
  if (bytes === null) return;
  if (bytes.length === 0) return yield '""';
  yield* cell(plainTexts(bytes));
}

function* plainTexts(bytes: Uint8Array): Generator<string> {
  if (isUtf8(bytes)) return yield* textParts(bytes);
  yield "base64:";
  yield* base64Parts(bytes);
}

/** What a table would take for a formula begins with an apostrophe. A cell that is long is quoted, whatever is in it. */
function* cell(texts: Iterable<string>): Generator<string> {
  let text = "", isOpen = false;
  for (const part of texts) {
    if (isOpen) yield escaped(part);
    else if ((text += part).length > LONG_CELL) {
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

/** Characters of a cell that is quoted without a look at the rest of it. */
const LONG_CELL = 12 * 1024;
