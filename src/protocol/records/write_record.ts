/** How a record is written (record.ts has the layout): first measured, since its length stands in front. */
import { varintSize, varlongSize, writeVarint, writeVarlong } from "../../bytes/varint.ts";
import type { NewRecord } from "./build.ts";

export interface MeasuredRecord {
  readonly record: NewRecord;
  readonly offsetDelta: number;
  readonly timestampDelta: number;
  readonly headers: readonly EncodedHeader[];
  /** Bytes after the length. */
  readonly length: number;
  /** All bytes. */
  readonly size: number;
}

interface EncodedHeader {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

export function measuredRecord(
  record: NewRecord,
  { offsetDelta, timestampDelta }: Pick<MeasuredRecord, "offsetDelta" | "timestampDelta">,
): MeasuredRecord {
  const headers = record.headers === undefined || record.headers.length === 0
    ? NONE
    : record.headers.map(({ key, keyBytes, value }) => ({
      key: keyBytes ?? utf8.encode(key),
      value,
    }));
  let length = 1 + varlongSize(timestampDelta) + varintSize(offsetDelta) +
    sizeOf(record.key) + sizeOf(record.value) + varintSize(headers.length);
  for (const { key, value } of headers) length += sizeOf(key) + sizeOf(value);
  const size = varintSize(length) + length;
  return { record, offsetDelta, timestampDelta, headers, length, size };
}

/** Returns the position behind it. */
export function writeRecord(into: Uint8Array, at: number, measured: MeasuredRecord): number {
  const { record, offsetDelta, timestampDelta, headers, length } = measured;
  at = writeVarint(into, at, length);
  into[at++] = 0; // attributes: none are defined
  at = writeVarlong(into, at, timestampDelta);
  at = writeVarint(into, at, offsetDelta);
  at = writeBytes(into, at, record.key);
  at = writeBytes(into, at, record.value);
  at = writeVarint(into, at, headers.length);
  for (const { key, value } of headers) at = writeBytes(into, writeBytes(into, at, key), value);
  return at;
}

function sizeOf(bytes: Uint8Array | null | undefined): number {
  return bytes == null ? 1 : varintSize(bytes.length) + bytes.length;
}

function writeBytes(into: Uint8Array, at: number, bytes: Uint8Array | null | undefined): number {
  if (bytes == null) return writeVarint(into, at, -1);
  at = writeVarint(into, at, bytes.length);
  into.set(bytes, at);
  return at + bytes.length;
}

const NONE: readonly EncodedHeader[] = [];
const utf8 = new TextEncoder();
