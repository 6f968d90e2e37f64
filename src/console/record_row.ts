/** RecordRow: a record as it is shown: bytes as text where they are, cut to what a list may show of them. */
import * as batch from "../protocol/records/batch.ts";
import { wholeCharacters } from "../protocol/records/json_line.ts";
import type { LogRecord } from "../protocol/records/record.ts";
import { Buffer, isUtf8 } from "node:buffer";
import { type Bytes, LIMITS, type RecordRow } from "./api.ts";

const COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"];
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Of the batch at `at`, which the record is of. */
export interface BatchFacts
  extends Pick<RecordRow, "timestampType" | "isTransactional" | "producerId" | "compression"> {
  readonly partition: number;
}

export function batchFacts(bytes: Uint8Array, at: number, partition: number): BatchFacts {
  const producerId = batch.producerId(bytes, at);
  return {
    partition,
    timestampType: batch.isLogAppendTime(bytes, at) ? "append" : "create",
    isTransactional: batch.isTransactional(bytes, at),
    producerId: producerId < 0 ? null : producerId,
    compression: COMPRESSIONS[batch.compression(bytes, at)] ?? "unknown",
  };
}

export function rowOf(
  { offset, timestampMs, key, value, headers }: LogRecord,
  facts: BatchFacts,
  maxBytes: number = LIMITS.previewBytes,
): RecordRow {
  const { partition, ...rest } = facts;
  return {
    partition,
    offset,
    timestampMs,
    timestampType: rest.timestampType,
    key: shownBytes(key, maxBytes),
    value: shownBytes(value, maxBytes),
    headers: headers.slice(0, LIMITS.maxHeaders).map((one) => ({
      key: one.key,
      value: shownBytes(one.value, maxBytes),
    })),
    headersLeftOut: Math.max(0, headers.length - LIMITS.maxHeaders),
    isTransactional: rest.isTransactional,
    producerId: rest.producerId,
    compression: rest.compression,
  };
}

/** Bytes a row takes in an answer, as JSON: a character may be six there. */
export function sizeOf(row: RecordRow): number {
  return Buffer.byteLength(JSON.stringify(row));
}

export function shownBytes(bytes: Uint8Array | null, maxBytes: number): Bytes | null {
  if (bytes === null) return null;
  const isCut = bytes.length > maxBytes;
  const shown = isCut ? bytes.subarray(0, wholeCharacters(bytes, maxBytes)) : bytes;
  if (isUtf8(shown)) {
    return { encoding: "utf8", text: UTF8.decode(shown), bytes: bytes.length, isCut };
  }
  const some = bytes.subarray(0, Math.min(bytes.length, maxBytes));
  const text = Buffer.from(some.buffer, some.byteOffset, some.length).toString("base64");
  return { encoding: "base64", text, bytes: bytes.length, isCut };
}
