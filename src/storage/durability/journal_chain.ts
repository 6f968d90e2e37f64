/**
 * readChain: the entries of one journal file, as a crash or a disk left it. A torn end and damage are told apart:
 *
 * | found at a place with no entry that follows | means | answer |
 * |---|---|---|
 * | nothing of this turn behind it that counted on it | the end, or what a crash tore: up to two rounds at a time | the chain ends |
 * | an entry behind it, written when what is missing was on the device | damage | skipped, told, the rest is used |
 *
 * Each entry says how many of those before it were not durable yet when it was written. Which of them a power loss tore
 * is nobody's business: none was acknowledged.
 */
import { crc32c } from "../../bytes/crc32c.ts";
import { readInt16, readInt32, readInt64 } from "../../bytes/int64.ts";
import { readUuid, type Uuid, ZERO_UUID } from "../../bytes/uuid.ts";

/** An entry found after a crash. */
export interface JournalEntry {
  readonly sequence: number;
  readonly topicId: Uuid;
  readonly folder: string;
  readonly segmentBase: number;
  readonly position: number;
  readonly payload: Uint8Array;
}

/** What a file's head says of it. */
export interface JournalHead {
  /** The broker epoch of the run that wrote it. */
  readonly run: number;
  /** The run's how manieth file it is. */
  readonly turn: number;
  /** Whether the run's journal says all that was acknowledged, and it began where that was known. */
  readonly isExact: boolean;
}

export interface Chain {
  readonly head: JournalHead | null;
  /** Without head and close. */
  readonly entries: readonly JournalEntry[];
  /** Of the first entry of all; null when there is none. */
  readonly firstSequence: number | null;
  readonly lastSequence: number | null;
  /** Whether the run went on to its other file. */
  readonly isClosed: boolean;
  /** Where the first entry lies that was whole once and is not any more; null when there is none. */
  readonly damagedAt: number | null;
  /** Whether the file ends where the chain does, with nothing of what is prepared ahead: it may have been longer. */
  readonly isCutShort: boolean;
  /** Whether there is nothing in it: no bytes, or zeros. */
  readonly isBlank: boolean;
}

interface Found {
  readonly entry: JournalEntry;
  readonly at: number;
  readonly end: number;
  /** All entries before this sequence number were durable when it was written; null when it does not say. */
  readonly durableTo: number | null;
}

export function readChain(b: Uint8Array): Chain {
  const { found, isAll } = wholeEntries(b);
  const proven = found.reduce((most, one) => Math.max(most, one.durableTo ?? -1), -1);
  const chain: Found[] = [];
  let damagedAt: number | null = null;
  for (const one of found) {
    const last = chain.at(-1);
    const isNext = last === undefined
      ? one.at === 0
      : one.entry.sequence === last.entry.sequence + 1;
    if (!isNext) {
      // With nothing before it, the first is missing, which is on the device before any other is written.
      const missing = last === undefined ? -1 : last.entry.sequence + 1;
      if (missing >= proven) break;
      damagedAt ??= last?.end ?? 0;
    }
    chain.push(one);
  }
  if (!isAll) damagedAt ??= chain.at(-1)?.end ?? 0; // no crash leaves so much that looks like entries
  const entries = chain.map(({ entry }) => entry);
  const first = entries[0], last = entries.at(-1);
  const isClosed = last !== undefined && isOwn(last, CLOSE);
  return {
    head: first !== undefined && chain[0].at === 0 && isOwn(first, HEAD) ? headIn(first) : null,
    entries: entries.filter((entry) => !isOwn(entry, HEAD) && !isOwn(entry, CLOSE)),
    firstSequence: first?.sequence ?? null,
    lastSequence: last?.sequence ?? null,
    isClosed,
    damagedAt,
    isCutShort: !isClosed && chain.length > 0 && endsInside(b, chain.at(-1)!),
    isBlank: chain.length === 0 && isZero(b),
  };
}

function isZero(b: Uint8Array): boolean {
  for (let at = 0; at < b.length; at++) if (b[at] !== 0) return false;
  return true;
}

/** Every whole entry from the start of the file on that is newer than all before it; `isAll`: as far as time is given. */
function wholeEntries(b: Uint8Array): { found: Found[]; isAll: boolean } {
  const found: Found[] = [];
  let budget = b.length * SEARCH_FACTOR; // bytes whose checksum is taken
  let last = -1;
  for (let at = 0; at + HEADER_BYTES <= b.length;) {
    const end = endAt(b, at);
    if (end !== null && readInt64(b, at + 8) > last) {
      if (budget < 0) return { found, isAll: false };
      budget -= end - at;
      if (crc32c(b, at + 8, end) === readInt32(b, at + 4) >>> 0) {
        const entry = entryAt(b, at, end);
        found.push({ entry, at, end, durableTo: durableToOf(b, at, entry.sequence) });
        last = entry.sequence;
        at = end;
        continue;
      }
    }
    at = b.indexOf(MAGIC >>> 24, at + 1);
    if (at < 0) break;
  }
  return { found, isAll: true };
}

/** Where an entry that begins there would end; null when none does. */
function endAt(b: Uint8Array, at: number): number | null {
  if (readInt32(b, at) !== MAGIC) return null;
  const payloadBytes = readInt32(b, at + 48), nameBytes = readInt16(b, at + 52);
  const end = at + HEADER_BYTES + nameBytes + payloadBytes;
  return payloadBytes < 0 || nameBytes < 0 || end > b.length ? null : end;
}

function entryAt(b: Uint8Array, at: number, end: number): JournalEntry {
  const payloadAt = at + HEADER_BYTES + readInt16(b, at + 52);
  return {
    sequence: readInt64(b, at + 8),
    topicId: readUuid(b, at + 16),
    folder: decoder.decode(b.subarray(at + HEADER_BYTES, payloadAt)),
    segmentBase: readInt64(b, at + 32),
    position: readInt64(b, at + 40),
    payload: b.subarray(payloadAt, end),
  };
}

function durableToOf(b: Uint8Array, at: number, sequence: number): number | null {
  const says = readInt16(b, at + 54) & 0xffff;
  return says === 0 || says === UNTOLD ? null : sequence - (says - 1);
}

/** Whether what follows the last entry is the end of the file, or an entry that goes beyond it. */
function endsInside(b: Uint8Array, { end, entry }: Found): boolean {
  if (end + HEADER_BYTES > b.length) return true;
  const isNext = readInt32(b, end) === MAGIC && readInt64(b, end + 8) === entry.sequence + 1;
  return isNext && end + HEADER_BYTES + readInt16(b, end + 52) + readInt32(b, end + 48) > b.length;
}

function isOwn({ topicId, folder }: JournalEntry, kind: string): boolean {
  return topicId === ZERO_UUID && folder === kind;
}

function headIn({ segmentBase, position }: JournalEntry): JournalHead {
  return { run: segmentBase, turn: Math.floor(position / 2), isExact: position % 2 === 0 };
}

/** The head of a file as what an entry is made from. */
export function headEntry({ run, turn, isExact }: JournalHead) {
  return { ...NOTHING, folder: HEAD, segmentBase: run, position: turn * 2 + (isExact ? 0 : 1) };
}

/** What ends a file, once the other one has its head: after it the other one must be there. */
export function closeEntry() {
  return { ...NOTHING, folder: CLOSE, segmentBase: 0, position: 0 };
}

/** Names that no folder of a log has. */
const HEAD = "begin", CLOSE = "close";
const NOTHING = { topicId: ZERO_UUID, bytes: 0, read: () => {} };
/** So often the bytes of a file are taken a checksum of, at most. */
const SEARCH_FACTOR = 4;
/** Said by an entry with more before it that is not durable than it can say. */
export const UNTOLD = 0xffff;
export const MAGIC = 0x524e4a31;
export const HEADER_BYTES = 56;
const decoder = new TextDecoder();
