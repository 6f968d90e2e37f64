/**
 * ProducerRecord: a record as callers give it, and as it is sent.
 */
import type { NewRecord } from "../protocol/records/build.ts";
import type { RecordHeader } from "../protocol/records/record.ts";

/** A record to send. Text is sent as UTF-8. */
export interface ProducerRecord {
  readonly topic: string;
  /** By key, or any, if not given. */
  readonly partition?: number;
  readonly key?: string | Uint8Array | null;
  readonly value?: string | Uint8Array | null;
  readonly headers?: readonly {
    readonly key: string;
    readonly value: string | Uint8Array | null;
  }[];
  /** ms since 1970; now if not given. */
  readonly timestampMs?: number;
}

/** Looks at what it is given: a wrong type would be found when the batch is encoded, and fail its neighbours. */
export function encodeRecord(
  { topic, timestampMs = Date.now(), key, value, headers }: ProducerRecord,
): NewRecord {
  if (typeof topic !== "string") throw new TypeError(`Cannot send: topic is ${shown(topic)}`);
  if (!Number.isSafeInteger(timestampMs)) {
    throw new TypeError(
      `Cannot send to ${topic}: timestampMs is ${timestampMs}, needs whole milliseconds since 1970`,
    );
  }
  if (headers !== undefined && !Array.isArray(headers)) {
    throw new TypeError(`Cannot send to ${topic}: headers are ${shown(headers)}, need a list`);
  }
  return {
    timestampMs,
    key: toBytes(key, topic, "key"),
    value: toBytes(value, topic, "value"),
    headers: headers?.map((header): RecordHeader => {
      if (typeof header?.key !== "string") {
        const what = header ? `the key of a header is ${shown(header.key)}` : "headers hold none";
        throw new TypeError(`Cannot send to ${topic}: ${what}, needs text`);
      }
      const name = `value of header ${header.key}`;
      return { key: header.key, value: toBytes(header.value, topic, name) };
    }),
  };
}

/** In memory of its own: who sent it may use theirs again, as once it is in a batch. */
export function copyOf({ timestampMs, key, value, headers }: NewRecord): NewRecord {
  return {
    timestampMs,
    key: key?.slice() ?? null,
    value: value?.slice() ?? null,
    headers: headers?.map((header) => ({ ...header, value: header.value?.slice() ?? null })),
  };
}

/** About what it takes in a batch. */
export function sizeOf({ key, value, headers }: NewRecord): number {
  let bytes = RECORD_OVERHEAD + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers ?? []) {
    bytes += header.key.length * 3 + (header.value?.length ?? 0) + 10;
  }
  return bytes;
}

const utf8 = new TextEncoder();

function toBytes(value: unknown, topic: string, name: string): Uint8Array | null {
  if (typeof value === "string") return utf8.encode(value);
  if (value === undefined || value === null) return null;
  if (value instanceof Uint8Array) return value;
  throw new TypeError(
    `Cannot send to ${topic}: ${name} is ${shown(value)}, needs text, bytes or null`,
  );
}

/** What kind of value was given, not the value: it may be long, or a secret. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return `${typeof value === "object" ? "an" : "a"} ${typeof value}`;
}

/** About what a record takes apart from its key, value and headers. */
const RECORD_OVERHEAD = 24;
