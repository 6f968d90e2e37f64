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
import {
  endOfEntry,
  FIRST_BYTE,
  type Found,
  HEADER_BYTES,
  isIntact,
  type JournalEntry,
  readEntry,
  secretAt,
  sequenceAt,
} from "./journal_entry.ts";
import { headOf, isClose, isOfJournal, type JournalHead } from "./journal_head.ts";

export interface Chain {
  readonly head: JournalHead | null;
  /** Without head and close. */
  readonly entries: readonly JournalEntry[];
  /** All of it, with its places. */
  readonly found: readonly Found[];
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
  const isClosed = last !== undefined && isClose(last);
  return {
    head: first !== undefined && chain[0].at === 0 ? headOf(first) : null,
    entries: entries.filter((entry) => !isOfJournal(entry)),
    found: chain,
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

/**
 * Every whole entry from the start of the file on that is newer than all before it and has the same secret as the first;
 * `isAll`: as far as time is given.
 */
function wholeEntries(b: Uint8Array): { found: Found[]; isAll: boolean } {
  const found: Found[] = [];
  let budget = b.length * SEARCH_FACTOR; // bytes whose checksum is taken
  let last = -1, secret: number | null = null;
  for (let at = 0; at + MIN_ENTRY_BYTES <= b.length;) {
    const end = endOfEntry(b, at);
    const mayBe = end !== null && end <= b.length && sequenceAt(b, at) > last &&
      (secret === null || secretAt(b, at) === secret);
    if (mayBe) {
      if (budget < 0) return { found, isAll: false };
      budget -= end - at;
      if (isIntact(b, at, end)) {
        const one = readEntry(b, at, end);
        found.push(one);
        last = one.entry.sequence;
        secret ??= secretAt(b, at);
        at = end;
        continue;
      }
    }
    at = b.indexOf(FIRST_BYTE, at + 1);
    if (at < 0) break;
  }
  return { found, isAll: true };
}

/** Whether what follows the last entry is the end of the file, or an entry that goes beyond it. */
function endsInside(b: Uint8Array, { end, entry }: Found): boolean {
  if (end + HEADER_BYTES > b.length) return true;
  const nextEnd = endOfEntry(b, end);
  return nextEnd !== null && sequenceAt(b, end) === entry.sequence + 1 && nextEnd > b.length;
}

/** So often the bytes of a file are taken a checksum of, at most. */
const SEARCH_FACTOR = 4;
const MIN_ENTRY_BYTES = 56;
