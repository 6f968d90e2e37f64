/**
 * Exact records: record batches written and read with nothing but bigints and bytes, apart from the code that serves:
 * what numbers and texts cannot hold stays what it is.
 */
import * as batch from "../protocol/records/batch.ts";

export interface ExactRecord {
  readonly timestampMs: bigint;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [key: Uint8Array, value: Uint8Array | null])[];
}

/** A batch without compression and producer, as a client sends it, its timestamps counted from `baseMs`. */
export function exactBatch(records: readonly ExactRecord[], baseMs: bigint): Uint8Array {
  const body: number[] = [];
  for (const [at, { timestampMs, key, value, headers }] of records.entries()) {
    const record = [0, ...varlong(wrapped(timestampMs - baseMs)), ...varlong(BigInt(at))];
    record.push(...sized(key), ...sized(value), ...varlong(BigInt(headers.length)));
    for (const [name, of] of headers) record.push(...sized(name), ...sized(of));
    body.push(...varlong(BigInt(record.length)), ...record);
  }
  const bytes = new Uint8Array(batch.BATCH_OVERHEAD + body.length);
  bytes.set(body, batch.BATCH_OVERHEAD);
  batch.writeHeader(bytes, 0, bytes.length, {
    baseOffset: 0,
    partitionLeaderEpoch: -1,
    attributes: 0,
    lastOffsetDelta: records.length - 1,
    baseTimestampMs: 0,
    maxTimestampMs: 0,
    producerId: -1,
    producerEpoch: -1,
    baseSequence: -1,
    recordCount: records.length,
  });
  const view = new DataView(bytes.buffer);
  view.setBigInt64(BASE_TIMESTAMP_AT, baseMs);
  view.setBigInt64(
    MAX_TIMESTAMP_AT,
    records.reduce((max, one) => one.timestampMs > max ? one.timestampMs : max, -1n),
  );
  batch.writeCrc(bytes);
  return bytes;
}

/** The records of a fetch answer, none of whose batches is compressed. */
export function exactRecords(bytes: Uint8Array): ExactRecord[] {
  const found: ExactRecord[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (const start of batch.batches(bytes)) {
    const baseMs = view.getBigInt64(start + BASE_TIMESTAMP_AT);
    let at = start + batch.BATCH_OVERHEAD;
    const number = () => {
      let raw = 0n;
      for (let shift = 0n;; shift += 7n) {
        const byte = bytes[at++];
        raw |= BigInt(byte & 127) << shift;
        if (byte < 128) return BigInt.asIntN(64, raw >> 1n ^ -(raw & 1n));
      }
    };
    const some = () => {
      const length = Number(number());
      if (length < 0) return null;
      at += length;
      return bytes.slice(at - length, at);
    };
    for (let left = batch.recordCount(bytes, start); left > 0; left--) {
      number();
      at++; // attributes
      const timestampMs = wrapped(baseMs + number());
      number();
      const key = some(), value = some(), count = Number(number());
      const headers = Array.from({ length: count }, () => [some()!, some()] as const);
      found.push({ timestampMs, key, value, headers });
    }
  }
  return found;
}

const wrapped = (value: bigint) => BigInt.asIntN(64, value);

function varlong(value: bigint): number[] {
  const bytes: number[] = [];
  let raw = BigInt.asUintN(64, value << 1n ^ value >> 63n);
  for (; raw > 127n; raw >>= 7n) bytes.push(Number(raw & 127n) | 128);
  return [...bytes, Number(raw)];
}

function sized(bytes: Uint8Array | null): number[] {
  return bytes === null ? varlong(-1n) : [...varlong(BigInt(bytes.length)), ...bytes];
}

const BASE_TIMESTAMP_AT = 27;
const MAX_TIMESTAMP_AT = 35;
