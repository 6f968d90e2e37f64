/**
 * ProducerRecord: a record as callers give it, and as it is sent.
 */
import type { TimedRecord } from "../protocol/records/batch_builder.ts";
import type { RecordHeader } from "../protocol/records/record.ts";

/** A record to send. Text is sent as UTF-8. One that was read can be sent as it is. */
export interface ProducerRecord {
  readonly topic: string;
  /** By key, or any, if not given. */
  readonly partition?: number;
  readonly key?: string | Uint8Array | null;
  readonly value?: string | Uint8Array | null;
  readonly headers?: readonly {
    readonly key: string;
    /** In place of `key`, where that is no text. */
    readonly keyBytes?: Uint8Array;
    readonly value: string | Uint8Array | null;
  }[];
  /** ms since 1970; now if not given. */
  readonly timestampMs?: number;
  /** In place of `timestampMs`: any int64. */
  readonly exactTimestampMs?: bigint;
}

/** Looks at what it is given: a wrong type would be found when the batch is encoded, and fail its neighbours. */
export function encodeRecord(
  { topic, timestampMs = Date.now(), exactTimestampMs, key, value, headers, messages }:
    & ProducerRecord
    & { readonly messages?: unknown },
): TimedRecord {
  if (typeof topic !== "string") throw new TypeError(`Cannot send: topic is ${shown(topic)}`);
  if (messages !== undefined) {
    // As kafkajs has them: taken for a record without a value it would be a tombstone.
    throw new TypeError(
      `Cannot send to ${topic}: messages are sent one by one: { topic, key, value }`,
    );
  }
  if (!Number.isSafeInteger(timestampMs)) {
    throw new TypeError(
      `Cannot send to ${topic}: timestampMs is ${timestampMs}, needs whole milliseconds since 1970`,
    );
  }
  if (headers !== undefined && !Array.isArray(headers)) {
    throw new TypeError(`Cannot send to ${topic}: headers are ${shown(headers)}, need a list`);
  }
  const record = {
    timestampMs,
    key: toBytes(key, topic, "key"),
    value: toBytes(value, topic, "value"),
    headers: headers?.map((header): RecordHeader => {
      if (typeof header?.key !== "string") {
        const what = header ? `the key of a header is ${shown(header.key)}` : "headers hold none";
        throw new TypeError(`Cannot send to ${topic}: ${what}, needs text`);
      }
      const { key, keyBytes } = header;
      const value = toBytes(header.value, topic, `value of header ${key}`);
      if (keyBytes === undefined) return { key, value };
      if (keyBytes instanceof Uint8Array) return { key, keyBytes, value };
      const what = `keyBytes of header ${key} are ${shown(keyBytes)}`;
      throw new TypeError(`Cannot send to ${topic}: ${what}, needs bytes`);
    }),
  };
  return exactTimestampMs === undefined ? record : withTime(record, topic, exactTimestampMs);
}

/** What a number has needs no bigint beside it. */
function withTime(record: TimedRecord, topic: string, exactTimestampMs: bigint): TimedRecord {
  if (typeof exactTimestampMs !== "bigint") {
    const what = `exactTimestampMs is ${shown(exactTimestampMs)}`;
    throw new TypeError(`Cannot send to ${topic}: ${what}, needs a bigint`);
  }
  if (BigInt.asIntN(64, exactTimestampMs) !== exactTimestampMs) {
    throw new TypeError(
      `Cannot send to ${topic}: exactTimestampMs is ${exactTimestampMs}, needs an int64`,
    );
  }
  const most = Number.MAX_SAFE_INTEGER;
  const timestampMs = Math.max(-most, Math.min(most, Number(exactTimestampMs)));
  return BigInt(timestampMs) === exactTimestampMs
    ? { ...record, timestampMs }
    : { ...record, timestampMs, exactTimestampMs };
}

/** In memory of its own: who sent it may use theirs again, as once it is in a batch. */
export function copyOf(record: TimedRecord): TimedRecord {
  const { key, value, headers } = record;
  return {
    ...record,
    key: key?.slice() ?? null,
    value: value?.slice() ?? null,
    headers: headers?.map((header) => {
      const { keyBytes } = header, copy = { ...header, value: header.value?.slice() ?? null };
      return keyBytes === undefined ? copy : { ...copy, keyBytes: keyBytes.slice() };
    }),
  };
}

/** About what it takes in a batch. */
export function sizeOf({ key, value, headers }: TimedRecord): number {
  let bytes = RECORD_OVERHEAD + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers ?? []) {
    bytes += (header.keyBytes?.length ?? header.key.length * 3) + (header.value?.length ?? 0) + 10;
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
