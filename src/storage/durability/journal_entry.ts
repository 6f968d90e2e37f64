/**
 * JournalEntry: the bytes of one entry of the journal.
 *
 * | at | bytes | field |
 * |---|---|---|
 * | 0 | 4 | magic, 0x524e4a32 ("RNJ2") |
 * | 4 | 4 | CRC-32C of everything after it |
 * | 8 | 8 | sequence number, one more than the entry before |
 * | 16 | 16 | topic id |
 * | 32 | 8 | base offset of the segment |
 * | 40 | 8 | position in the segment's file |
 * | 48 | 4 | bytes of payload; none in a mark, which says that the log's own file was synced up to the position |
 * | 52 | 2 | bytes of folder name |
 * | 54 | 2 | one more than the number of entries before it that were not durable yet; 0 or 0xffff: not told |
 * | 56 | 8 | the journal's secret, the same in all its entries |
 * | 64 | | folder name, payload |
 *
 * The secret is a number that no client can know: a record may hold what looks like an entry, and where the one around it
 * is damaged that must not be believed. Runnel 0.1 wrote entries without one ("RNJ1", 56 bytes before the name).
 */
import { crc32c } from "../../bytes/crc32c.ts";
import {
  readInt16,
  readInt32,
  readInt64,
  writeInt16,
  writeInt32,
  writeInt64,
} from "../../bytes/int64.ts";
import { readUuid, type Uuid, writeUuid, ZERO_UUID } from "../../bytes/uuid.ts";

/** An entry found after a crash. */
export interface JournalEntry {
  readonly sequence: number;
  readonly topicId: Uuid;
  readonly folder: string;
  readonly segmentBase: number;
  readonly position: number;
  readonly payload: Uint8Array;
}

/** What an entry is made from. */
export interface EntrySource {
  readonly topicId: Uuid;
  readonly folder: string;
  readonly segmentBase: number;
  readonly position: number;
  readonly bytes: number;
  /** Copies the payload into `into`. */
  read(into: Uint8Array): void;
}

/** What the journal says with every entry. */
export interface Saying {
  readonly sequence: number;
  /** Entries before this sequence number are on the device. */
  readonly durableTo: number;
  readonly secret: number;
}

/** An entry in a file. */
export interface Found {
  readonly entry: JournalEntry;
  readonly at: number;
  readonly end: number;
  /** All entries before this sequence number were durable when it was written; null when it does not say. */
  readonly durableTo: number | null;
}

/** A number for one journal; 0 is none. */
export function newSecret(): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return (high >>> 11) * 2 ** 32 + low || 1;
}

/** What an entry takes at most. */
export function maxEntryBytes(folder: string, payloadBytes: number): number {
  return HEADER_BYTES + folder.length * 3 + payloadBytes;
}

/** Writes an entry at `at`; the position behind it. */
export function writeEntry(b: Uint8Array, at: number, source: EntrySource, saying: Saying): number {
  const name = encoder.encodeInto(source.folder, b.subarray(at + HEADER_BYTES)).written;
  const payloadAt = at + HEADER_BYTES + name, end = payloadAt + source.bytes;
  source.read(b.subarray(payloadAt, end));
  const { sequence, durableTo, secret } = saying;
  writeInt32(b, at, MAGIC);
  writeInt64(b, at + 8, sequence);
  writeUuid(b, at + 16, source.topicId);
  writeInt64(b, at + 32, source.segmentBase);
  writeInt64(b, at + 40, source.position);
  writeInt32(b, at + 48, source.bytes);
  writeInt16(b, at + 52, name);
  writeInt16(b, at + 54, Math.min(Math.max(0, sequence - durableTo) + 1, UNTOLD));
  writeInt64(b, at + 56, secret);
  writeInt32(b, at + 4, crc32c(b, at + 8, end));
  return end;
}

/** Where an entry that begins there would end, beyond `b` perhaps; null when none does. */
export function endOfEntry(b: Uint8Array, at: number): number | null {
  const header = headerBytesAt(b, at);
  if (header === null || at + header > b.length) return null;
  const payloadBytes = readInt32(b, at + 48), nameBytes = readInt16(b, at + 52);
  return payloadBytes < 0 || nameBytes < 0 ? null : at + header + nameBytes + payloadBytes;
}

export function sequenceAt(b: Uint8Array, at: number): number {
  return readInt64(b, at + 8);
}

/** Of the entry that begins there; 0 when it has none. */
export function secretAt(b: Uint8Array, at: number): number {
  return readInt32(b, at) === MAGIC ? readInt64(b, at + 56) : 0;
}

export function isIntact(b: Uint8Array, at: number, end: number): boolean {
  return crc32c(b, at + 8, end) === readInt32(b, at + 4) >>> 0;
}

/** The intact entry from `at` to `end`. */
export function readEntry(b: Uint8Array, at: number, end: number): Found {
  const nameAt = at + headerBytesAt(b, at)!, payloadAt = nameAt + readInt16(b, at + 52);
  const sequence = sequenceAt(b, at), says = readInt16(b, at + 54) & 0xffff;
  const entry = {
    sequence,
    topicId: readUuid(b, at + 16),
    folder: decoder.decode(b.subarray(nameAt, payloadAt)),
    segmentBase: readInt64(b, at + 32),
    position: readInt64(b, at + 40),
    payload: b.subarray(payloadAt, end),
  };
  const durableTo = says === 0 || says === UNTOLD ? null : sequence - (says - 1);
  return { entry, at, end, durableTo };
}

/** Gives an entry to a topic that nothing has: it keeps its place in the chain, and is of no log. */
export function voidEntry(b: Uint8Array, { at, end }: Found): void {
  writeUuid(b, at + 16, ZERO_UUID);
  writeInt32(b, at + 4, crc32c(b, at + 8, end));
}

function headerBytesAt(b: Uint8Array, at: number): number | null {
  const magic = at + 4 <= b.length ? readInt32(b, at) : 0;
  return magic === MAGIC ? HEADER_BYTES : magic === OLD_MAGIC ? OLD_HEADER_BYTES : null;
}

/** What every entry begins with. */
export const FIRST_BYTE = 0x52;
export const HEADER_BYTES = 64;
const MAGIC = 0x524e4a32, OLD_MAGIC = 0x524e4a31, OLD_HEADER_BYTES = 56;
/** Said by an entry with more before it that is not durable than it can say. */
const UNTOLD = 0xffff;
const encoder = new TextEncoder(), decoder = new TextDecoder();
