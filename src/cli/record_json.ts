/**
 * Record as JSON, read: what `produce --json` takes, which is what protocol/records/json_line.ts writes, without loss. A
 * member that is left out of key, headers and timestamp is null, none and now.
 */
import { utf8Text } from "../protocol/records/json_line.ts";
import type { RecordHeader } from "../protocol/records/record.ts";

/** A record as somebody wrote it; where nothing is said of a member it is undefined. */
export interface WrittenRecord {
  readonly partition?: number;
  readonly timestampMs?: number;
  /** In its place where no number has it. */
  readonly exactTimestampMs?: bigint;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: RecordHeader[];
}

/** A string says what is wrong with the line. */
export function recordOfJson(line: string): WrittenRecord | string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch (error) {
    return `is no JSON: ${(error as Error).message}`;
  }
  if (!isObject(parsed)) return "is no JSON object";
  const unknown = Object.keys(parsed).find((name) => !MEMBERS.has(name));
  if (unknown !== undefined) return `has "${unknown}", and a record has ${[...MEMBERS].join(", ")}`;
  if (parsed.value === undefined) return 'has no "value"; null is a tombstone, "" is empty';
  const key = bytesOf(parsed.key ?? null), value = bytesOf(parsed.value);
  if (typeof key === "string") return `has a key that ${key}`;
  if (typeof value === "string") return `has a value that ${value}`;
  const headers = headersOf(parsed.headers ?? []);
  if (typeof headers === "string") return headers;
  const { partition, timestamp } = parsed;
  if (partition !== undefined && !(Number.isInteger(partition) && partition as number >= 0)) {
    return `has the partition ${JSON.stringify(partition)}, which is no whole number from 0`;
  }
  const record = { partition: partition as number | undefined, key, value, headers };
  if (timestamp === undefined || Number.isSafeInteger(timestamp)) {
    return { ...record, timestampMs: timestamp as number | undefined };
  }
  const exactTimestampMs = typeof timestamp === "number" ? exactTimestamp(line) : null;
  if (exactTimestampMs !== null) return { ...record, exactTimestampMs };
  return `has the timestamp ${JSON.stringify(timestamp)}, which is no int64 of ms since 1970`;
}

/** The timestamp of a line as it stands there; null where that is no int64. */
function exactTimestamp(line: string): bigint | null {
  let written = "";
  const parse = JSON.parse as JsonParse;
  parse(line, (name, value, { source }) => {
    // The record's own comes last of that name: what is within is walked before.
    if (name === "timestamp" && typeof value === "number") written = source ?? "";
    return value;
  });
  if (!/^-?\d{1,19}$/.test(written)) return null;
  const exact = BigInt(written);
  return BigInt.asIntN(64, exact) === exact ? exact : null;
}

/** With the text of what it read (JSON.parse source text access), of which TypeScript does not know yet. */
type JsonParse = (
  text: string,
  reviver: (name: string, value: unknown, context: { source?: string }) => unknown,
) => unknown;

const MEMBERS = new Set(["topic", "partition", "offset", "timestamp", "key", "value", "headers"]);

function headersOf(given: unknown): WrittenRecord["headers"] | string {
  if (!Array.isArray(given)) return "has headers that are no list";
  const headers: WrittenRecord["headers"] = [];
  for (const one of given as unknown[]) {
    const isHeader = isObject(one) &&
      Object.keys(one).every((name) => name === "key" || name === "value");
    const name = isHeader ? headerKeyOf(one.key) : null;
    if (!isHeader || name === null) return 'has a header that is not {"key": "…", "value": …}';
    const shown = JSON.stringify(one.key);
    if (one.value === undefined) return `has a header ${shown} without a value or null`;
    const value = bytesOf(one.value);
    if (typeof value === "string") return `has a header ${shown} that ${value}`;
    headers.push({ ...name, value });
  }
  return headers;
}

/** Null where it is none. */
function headerKeyOf(key: unknown): Pick<RecordHeader, "key" | "keyBytes"> | null {
  if (typeof key === "string") return key.isWellFormed() ? { key } : null;
  const bytes = bytesOf(key);
  if (!(bytes instanceof Uint8Array)) return null;
  const text = utf8Text(bytes);
  return text === null ? { key: LOSSY_UTF8.decode(bytes), keyBytes: bytes } : { key: text };
}

/** A string says what is wrong. */
function bytesOf(value: unknown): Uint8Array | null | string {
  if (value === null) return null;
  if (typeof value === "string") {
    return value.isWellFormed() ? ENCODER.encode(value) : "holds half a surrogate pair";
  }
  if (isObject(value) && Object.keys(value).length === 1 && typeof value.base64 === "string") {
    try {
      return Uint8Array.fromBase64(value.base64);
    } catch {
      return "is no base64";
    }
  }
  return 'is neither a string, null nor {"base64": "…"}';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const ENCODER = new TextEncoder();
const LOSSY_UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
