/**
 * AsRecorded: whether a log's folder still holds what the inventory says, segment by segment.
 *
 * Of an exact record every segment counts, byte for byte. Of one that was written while the broker ran, those that were
 * sealed and synced by then count, unless retention or a pass of the cleaner may have taken them since; and of the last
 * one what was synced of it, behind which it may have grown.
 */
import * as batch from "../../protocol/records/batch.ts";
import type { LogInventory, SegmentInventory } from "../directory/inventory.ts";
import { findIntactNow } from "../recovery/intact_search.ts";
import { SegmentReader } from "../recovery/segment_reader.ts";
import { segmentName } from "../segments/segment.ts";
import type { Store } from "../store.ts";

/** What differs, as far as it can be told without reading a batch. */
export interface Difference {
  /** In words: a segment that is missing, or shorter than it was. Null when there is none. */
  readonly lost: string | null;
  /** Segments with more bytes than recorded. */
  readonly longer: readonly (SegmentInventory & { readonly found: number })[];
  /** See unexpectedIn(). */
  readonly unexpected: readonly number[];
}

/**
 * Compares the segments that are there (base offsets, ascending) with the record. `isJournaled` says whether the journal
 * has what comes at a position of the last segment, which recovery puts back then.
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
  for (const segment of record.segments.filter((_, i) => mustBeThere(record, i))) {
    const { baseOffset, bytes } = segment;
    const name = `${segmentName(baseOffset)}.log`;
    const found = there.has(baseOffset) ? sizeOf(store, `${folder}/${name}`) : null;
    const isGrowing = !record.isExact && segment === record.segments.at(-1);
    if ((found ?? 0) < bytes && isGrowing && isJournaled(baseOffset, found ?? 0)) continue;
    if (found === null && bytes > 0) {
      return { ...NOTHING, lost: `${name} of ${bytes} bytes is missing` };
    }
    if (found !== null && found < bytes) {
      return { ...NOTHING, lost: `${name} is ${found} bytes, and was ${bytes}` };
    }
    const other = found === null || record.isExact
      ? null
      : otherHead(store, `${folder}/${name}`, segment);
    if (other !== null) return { ...NOTHING, lost: `${name} ${other}` };
    if (found !== null && found > bytes && !isGrowing) longer.push({ ...segment, found });
  }
  return { lost: null, longer, unexpected: unexpectedIn(present, record) };
}

/** Segments (base offsets) that are there, and were not. Only an exact record says so. */
export function unexpectedIn(present: readonly number[], record: LogInventory): number[] {
  if (!record.isExact) return [];
  const recorded = new Set(record.segments.map(({ baseOffset }) => baseOffset));
  return present.filter((base) => !recorded.has(base));
}

const NOTHING = { longer: [], unexpected: [] };

/** What tells that the file is another segment's, whose first batch it has, or null. */
function otherHead(store: Store, path: string, { head }: SegmentInventory): string | null {
  if (head === undefined) return null;
  const header = new Uint8Array(batch.BATCH_OVERHEAD);
  const blob = store.open(path);
  const read = blob.read(0, header);
  blob.close();
  if (read < header.length) return `is ${read} bytes, and had a batch`;
  const found = batch.crc(header, 0);
  return found === head
    ? null
    : `begins with a batch of checksum ${found}, and it was ${head}: it is another one`;
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

/**
 * Cuts segments back to what was recorded, when no intact batch lies in what is cut. In words what was cut; or why it
 * was not, with nothing changed.
 */
export function cutBack(
  store: Store,
  folder: string,
  longer: Difference["longer"],
): { readonly cut: string[] } | { readonly kept: string } {
  for (const segment of longer) {
    const behind = whatLiesBehind(store, folder, segment);
    if (behind === null) continue;
    const { baseOffset, bytes, found } = segment;
    return {
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
