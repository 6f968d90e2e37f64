/**
 * AsRecorded: whether a log's folder still holds what the inventory says, segment by segment.
 *
 * Of an exact record every segment counts: its size, its first batch, and the last of all. Of one that was written while the broker ran, those that were
 * sealed and synced by then count, unless retention or a pass of the cleaner may have taken them since; and of the last
 * one what was synced of it, behind which it may have grown.
 */
import * as batch from "../../protocol/records/batch.ts";
import type { LogInventory, SegmentInventory } from "../directory/inventory.ts";
import { findIntactNow } from "./intact_search.ts";
import { SegmentReader } from "./segment_reader.ts";
import { segmentName } from "../segments/segment.ts";
import type { Store } from "../store.ts";

/** A segment that is missing, shorter than it was, or another one. */
export interface LostSegment {
  readonly baseOffset: number;
  /** In words, with the file's name. */
  readonly problem: string;
  /** Whether there is no such file. */
  readonly isMissing: boolean;
  /** Whether it has fewer bytes than it had, and else what it had. */
  readonly isShort?: boolean;
}

/** What differs, as far as it can be told by a segment's size and its first batch. */
export interface Difference {
  readonly lost: LostSegment | null;
  /** The first segment whose missing bytes the journal has, so that recovery is to begin there; null when there is none. */
  readonly healsFrom: number | null;
  /** Segments with more bytes than recorded. */
  readonly longer: readonly (SegmentInventory & { readonly found: number })[];
  /** See unexpectedIn(). */
  readonly unexpected: readonly number[];
}

/**
 * Compares the segments that are there (base offsets, ascending) with the record. `isJournaled` says whether the journal
 * has what comes at a position of a segment.
 */
export function compare(
  store: Store,
  folder: string,
  present: readonly number[],
  record: LogInventory,
  isJournaled: (baseOffset: number, position: number) => boolean = () => false,
): Difference {
  const there = new Set(present);
  const longer: (SegmentInventory & { found: number })[] = [];
  let healsFrom: number | null = null;
  for (const [i, recorded] of record.segments.entries()) {
    const isCertain = mustBeThere(record, i), { baseOffset } = recorded;
    if (!isCertain && !(there.has(baseOffset) && hasItsHead(record, i))) continue;
    const segment = isCertain ? recorded : { ...recorded, bytes: 0 };
    const { bytes } = segment;
    const name = `${segmentName(baseOffset)}.log`;
    const found = there.has(baseOffset) ? sizeOf(store, `${folder}/${name}`) : null;
    const wrong = wrongWith(store, `${folder}/${name}`, { segment, found });
    if (wrong !== null) {
      if (wrong.at === null || !isJournaled(baseOffset, wrong.at)) {
        const problem = `${name} ${wrong.what}`;
        const isShort = wrong.at !== null && found !== null && found < bytes;
        return { ...NOTHING, lost: { baseOffset, problem, isMissing: found === null, isShort } };
      }
      healsFrom ??= baseOffset;
      continue;
    }
    const isGrowing = !isCertain || !record.isExact && i === record.segments.length - 1 &&
        present.find((base) => base > baseOffset) !== record.recoveryPoint; // else it was sealed as it was
    if (found !== null && found > bytes && !isGrowing) longer.push({ ...segment, found });
  }
  return { lost: null, healsFrom, longer, unexpected: unexpectedIn(present, record) };
}

/**
 * Segments (base offsets) that are there, and were not. What a running broker adds lies behind all that it has: between
 * those a name tells of a file that somebody put there, which would hide the offsets from there on.
 */
export function unexpectedIn(present: readonly number[], record: LogInventory): number[] {
  const recorded = new Set(record.segments.map(({ baseOffset }) => baseOffset));
  const last = record.segments.at(-1)?.baseOffset ?? -1;
  return present.filter((base) => !recorded.has(base) && (record.isExact || base < last));
}

const NOTHING = { healsFrom: null, longer: [], unexpected: [] };

/** What is not as recorded, and from which position on it could come back; null where nothing is. */
function wrongWith(
  store: Store,
  path: string,
  { segment: { bytes, head }, found }: {
    segment: SegmentInventory;
    /** The file's size; null when there is none. */
    found: number | null;
  },
): { readonly what: string; readonly at: number | null } | null {
  if (found === null) {
    return bytes > 0 ? { what: `of ${bytes} bytes is missing`, at: 0 } : null;
  }
  const short = found < bytes ? { what: `is ${found} bytes, and was ${bytes}`, at: found } : null;
  if (head === undefined) return short;
  const reader = new SegmentReader(store.open(path));
  try {
    const header = reader.headerAt(0);
    if (header === null) return short ?? { what: `is ${found} bytes, and had a batch`, at: 0 };
    const crc = batch.crc(header, 0);
    if (crc === head) return short;
    const what = `begins with a batch of checksum ${crc}, and it was ${head}`;
    const first = reader.batchAt(0, () => false);
    return first !== null && batch.isIntact(first, 0)
      ? { what: `${what}: it is another one`, at: null }
      : short ?? { what, at: 0 };
  } finally {
    reader.close();
  }
}

/**
 * Whether the record's segment `i`, if it is there, begins as it did: it was synced so far, no pass of the cleaner can have
 * been in it, and retention has not begun to remove it.
 */
function hasItsHead(record: LogInventory, i: number): boolean {
  const { segments, compactingTo, logStartOffset, recoveryPoint } = record;
  const { baseOffset, head } = segments[i], end = segments[i + 1]?.baseOffset ?? recoveryPoint;
  return head !== undefined && end > logStartOffset &&
    (compactingTo === null || baseOffset >= compactingTo);
}

/** Whether the record's segment `i` cannot have gone or changed by anything that this broker does. */
export function mustBeThere(record: LogInventory, i: number): boolean {
  if (record.isExact) return true;
  if (record.segments[i].bytes === 0) return false; // it was not all synced when it was looked at last
  const { segments, recoveryPoint, logStartOffset, compactingTo } = record;
  const end = segments[i + 1]?.baseOffset;
  if (end === undefined) { // never compacted before it is written down again; once rolled it may be dropped
    return segments[i].baseOffset < recoveryPoint && recoveryPoint > logStartOffset;
  }
  if (end > recoveryPoint) return false; // not all of it was synced yet
  if (end <= logStartOffset) return false; // retention may have dropped it
  return compactingTo === null || segments[i].baseOffset >= compactingTo;
}

/** A segment that must not be cut, and why. */
export interface Kept {
  readonly segment: SegmentInventory;
  readonly kept: string;
}

/**
 * Cuts segments back to what was recorded, when no intact batch lies in what is cut. In words what was cut; or why it
 * was not, with nothing changed.
 */
export function cutBack(
  store: Store,
  folder: string,
  longer: Difference["longer"],
): { readonly cut: string[] } | Kept {
  for (const segment of longer) {
    const behind = whatLiesBehind(store, folder, segment);
    if (behind === null) continue;
    const { baseOffset, bytes, found } = segment;
    return {
      segment,
      kept: `${segmentName(baseOffset)}.log is ${found} bytes, and was ${bytes}; ${behind}`,
    };
  }
  const cut = longer.map(({ baseOffset, bytes, found }) => {
    const blob = store.open(`${folder}/${segmentName(baseOffset)}.log`);
    blob.truncate(bytes);
    blob.close();
    return `${segmentName(baseOffset)}.log was ${found} bytes, and is ${bytes} again as recorded`;
  });
  return { cut };
}

/** Why the last batch is not the one recorded, or null. Only of an exact record that knows where it begins. */
export function lastBatchProblem(
  store: Store,
  folder: string,
  record: LogInventory,
): string | null {
  const segment = record.segments.findLast(({ bytes }) => bytes > 0);
  if (segment === undefined || record.lastBatch === null) return null;
  const { position, crc } = record.lastBatch, size = segment.bytes - position;
  const where = `the last batch, at position ${position} of ${
    segmentName(segment.baseOffset)
  }.log,`;
  if (size < batch.BATCH_OVERHEAD) return `${where} has ${size} bytes`;
  const bytes = new Uint8Array(size);
  const blob = store.open(`${folder}/${segmentName(segment.baseOffset)}.log`);
  const read = blob.read(position, bytes);
  blob.close();
  if (read < size) return `${where} has ${read} bytes, needs ${size}`;
  const isWhole = batch.magic(bytes) === batch.MAGIC_V2 && batch.sizeInBytes(bytes, 0) === size;
  if (!isWhole || !batch.isIntact(bytes)) return `${where} is not intact`;
  const found = batch.crc(bytes, 0);
  if (found !== crc) return `${where} has checksum ${found}, and had ${crc}: it is another one`;
  const end = batch.lastOffset(bytes, 0) + 1;
  // Compaction may have taken the last records of a sealed segment; of the active one it takes none.
  const isActive = segment === record.segments.at(-1);
  if (isActive ? end === record.endOffset : end <= record.endOffset) return null;
  return `${where} ends at offset ${end}, and the log ended at ${record.endOffset}`;
}

function sizeOf(store: Store, path: string): number {
  const blob = store.open(path);
  const { size } = blob;
  blob.close();
  return size;
}

/** What of a segment's file from `from` on must not be cut, in words, or null: an intact batch, or more than is looked at. */
function whatLiesBehind(
  store: Store,
  folder: string,
  { baseOffset, bytes: from }: SegmentInventory,
): string | null {
  const reader = SegmentReader.open(store, folder, baseOffset);
  try {
    const to = Math.min(reader.size, from + SEARCH_BYTES);
    const intact = findIntactNow(reader, { from, to }, { fromOffset: baseOffset });
    if (intact?.offset === null) {
      return "more of what lies behind looks like batches than is checked";
    }
    if (intact !== null) return `an intact batch lies at position ${intact.position}`;
    return to < reader.size ? `more than ${SEARCH_BYTES} bytes lie behind` : null;
  } finally {
    reader.close();
  }
}

/** How far behind the recorded end is looked: it is done at once. */
const SEARCH_BYTES = 64 << 20;
