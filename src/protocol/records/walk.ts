/**
 * walkRecords: one pass over a batch's uncompressed records, which proves their structure and finds what validation
 * must know. Nothing is allocated a record. The layout stands in record.ts.
 */
import { readVarint, readVarlong, varintEnd } from "../../bytes/varint.ts";

export interface Walk {
  /** What is wrong with record `index`, or null when every one is well formed. */
  error: string | null;
  /** The record in error; the number of records when there is none. */
  index: number;
  minTimestampDelta: number;
  maxTimestampDelta: number;
  /** The first record with the largest timestamp. */
  maxTimestampIndex: number;
  /** The first record without a key, or -1. */
  nullKeyIndex: number;
}

/** Expects exactly `count` records from `at` to `end`, their offset deltas counting 0, 1, 2 and on. */
export function walkRecords(b: Uint8Array, at: number, end: number, count: number): Walk {
  const walk: Walk = {
    error: null,
    index: 0,
    minTimestampDelta: Infinity,
    maxTimestampDelta: -Infinity,
    maxTimestampIndex: 0,
    nullKeyIndex: -1,
  };
  try {
    for (; walk.index < count; walk.index++) {
      at = walkRecord(b, at, end, walk);
      if (at === -1) return walk;
    }
    if (at !== end) walk.error = `${end - at} bytes follow the last record`;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    walk.error = error.message;
  }
  return walk;
}

/** Fewer bytes than this hold no record: attributes, two deltas, two lengths and the header count. */
const MIN_LENGTH = 6;

/** Where the record ends, or -1 with the error in `walk`. Varints of one byte, the usual ones, are read in place. */
function walkRecord(b: Uint8Array, at: number, end: number, walk: Walk): number {
  let first = b[at];
  let length: number;
  if (first < 128) {
    length = first >>> 1 ^ -(first & 1);
    at++;
  } else {
    length = readVarint(b, at);
    at = varintEnd;
  }
  const recordEnd = at + length;
  if (length < MIN_LENGTH || recordEnd > end) {
    return wrong(walk, `a length of ${length}, where ${end - at} bytes remain`);
  }
  at++; // attributes: none are defined

  let timestampDelta: number;
  first = b[at];
  if (first < 128) {
    timestampDelta = first >>> 1 ^ -(first & 1);
    at++;
  } else {
    timestampDelta = readVarlong(b, at);
    at = varintEnd;
  }
  if (timestampDelta < walk.minTimestampDelta) walk.minTimestampDelta = timestampDelta;
  if (timestampDelta > walk.maxTimestampDelta) {
    walk.maxTimestampDelta = timestampDelta;
    walk.maxTimestampIndex = walk.index;
  }

  const offsetDelta = readVarint(b, at);
  at = varintEnd;
  if (offsetDelta !== walk.index) {
    return wrong(walk, `offset delta ${offsetDelta}, not ${walk.index}`);
  }

  const keyLength = readVarint(b, at);
  at = varintEnd;
  if (keyLength > 0) at += keyLength;
  else if (keyLength === -1) {
    if (walk.nullKeyIndex === -1) walk.nullKeyIndex = walk.index;
  } else if (keyLength !== 0) return wrong(walk, `a key length of ${keyLength}`);
  if (at > recordEnd) return wrong(walk, `a key of ${keyLength} bytes, past the record's end`);

  const valueLength = readVarint(b, at);
  at = varintEnd;
  if (valueLength < -1) return wrong(walk, `a value length of ${valueLength}`);
  if (valueLength > 0) at += valueLength;
  if (at > recordEnd) return wrong(walk, `a value of ${valueLength} bytes, past the record's end`);

  if (b[at] === 0) at++;
  else at = walkHeaders(b, at, recordEnd, walk);
  if (at === -1) return -1;
  return at === recordEnd ? at : wrong(walk, `its fields end ${at - recordEnd} bytes from its end`);
}

function walkHeaders(b: Uint8Array, at: number, end: number, walk: Walk): number {
  const count = readVarint(b, at);
  at = varintEnd;
  if (count < 0 || count > (end - at) / 2) return wrong(walk, `a header count of ${count}`);
  for (let i = 0; i < count; i++) {
    const keyLength = readVarint(b, at);
    at = varintEnd + keyLength;
    if (keyLength < 0 || at > end) return wrong(walk, `a header key length of ${keyLength}`);
    const valueLength = readVarint(b, at);
    at = varintEnd;
    if (valueLength > 0) at += valueLength;
    if (valueLength < -1 || at > end) return wrong(walk, `a header value length of ${valueLength}`);
  }
  return at;
}

function wrong(walk: Walk, what: string): -1 {
  walk.error = what;
  return -1;
}
