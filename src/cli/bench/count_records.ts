/** How many records a batch has and how large their keys and values are, without an object for any of them. */
import { readVarint, readVarlong, varintEnd } from "../../bytes/varint.ts";
import * as batch from "../../protocol/records/batch.ts";
import { recordBytes, RecordError } from "../../protocol/records/record.ts";

export interface Counted {
  readonly records: number;
  /** Of keys and values. */
  readonly bytes: number;
}

/**
 * Of the batch at `at`, which is whole, from the record at offset `from` on: a fetch gives whole batches. Throws
 * RecordError for records that are none, CompressionError.
 */
export function countRecords(bytes: Uint8Array, at: number, from: number): Counted {
  const plain = recordBytes(bytes, at), base = batch.baseOffset(bytes, at);
  let records = 0, counted = 0, next = 0;
  try {
    for (let left = batch.recordCount(bytes, at); left > 0; left--) {
      const length = readVarint(plain, next), end = varintEnd + length;
      if (length < 0 || end > plain.length) throw new RangeError(`it is ${length} bytes long`);
      readVarlong(plain, varintEnd + 1); // after one byte of attributes
      const offset = base + readVarint(plain, varintEnd);
      const key = Math.max(0, readVarint(plain, varintEnd));
      const value = Math.max(0, readVarint(plain, varintEnd + key));
      if (varintEnd + value > end) throw new RangeError(`it holds a length of ${value}`);
      next = end;
      if (offset < from) continue;
      records++;
      counted += key + value;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RecordError(`Cannot read the record at ${next}: ${error.message}`);
  }
  return { records, bytes: counted };
}
