/**
 * walkSegment: the batches of one segment, each held against its place, from a position on. Where the file has none, the
 * journal is asked for exactly the one that comes next. Reads only: what the journal has is noted, to be put back once the
 * whole log has been looked at.
 */
import { crc32c } from "../../bytes/crc32c.ts";
import * as batch from "../../protocol/records/batch.ts";
import { type Place, wrongBatch, wrongHeader } from "../../protocol/records/batch_place.ts";
import type { EpochRuns } from "./epoch_runs.ts";
import type { IndexPlan } from "./index_plan.ts";
import { findIntact } from "./intact_search.ts";
import type { JournalCopies } from "./journal_copies.ts";
import type { SegmentReader } from "./segment_reader.ts";

/** Bytes that the journal has and the segment's file has not. */
export interface Patch {
  readonly position: number;
  readonly bytes: Uint8Array;
}

export interface WalkOptions {
  readonly base: number;
  readonly nextBase: number | null;
  /** Where to begin, and the offset that comes there. */
  readonly position: number;
  readonly place: Place;
  readonly maxLeaderEpoch: number;
  readonly journal: JournalCopies;
  /** Whether compaction cannot have been here, so that entries of the journal speak of what the file had. */
  readonly isUncompacted: boolean;
  /** No gap reaches up to there: an empty segment of that name lies behind. */
  readonly gapEnd?: number;
  /** Whether what the journal says of a batch is held against the one that is there. */
  readonly isJournalHeard: boolean;
  readonly epochs: EpochRuns;
  readonly index: IndexPlan;
  /** Told of every batch; a promise when others shall go on now. */
  readonly walked?: (bytes: Uint8Array) => Promise<void> | undefined;
}

/** The checksums of a batch in a file, and of the one that the journal has of its place and offset. */
export interface Contradiction {
  readonly found: number;
  readonly journaled: number;
}

export interface Walked {
  readonly nextOffset: number;
  /** Where the batches end. */
  readonly position: number;
  readonly batches: number;
  readonly records: number;
  readonly patches: readonly Patch[];
  readonly hasControlBatch: boolean;
  /** Why the batch there ends the walk, though it is intact: the journal has another one. */
  readonly contradiction: Contradiction | null;
  /** The last batch when there is a gap before it, else null. */
  readonly lastJump: Jump | null;
}

/** A batch behind a gap: what it claims as its base offset nothing before it proves. */
export interface Jump {
  readonly offset: number;
  readonly position: number;
  /** Where the batch before it ends. */
  readonly behind: number;
}

export async function walkSegment(reader: SegmentReader, options: WalkOptions): Promise<Walked> {
  const { base, journal, epochs, index, maxLeaderEpoch } = options;
  const place = { ...options.place };
  const patches: Patch[] = [];
  let { position } = options, batches = 0, records = 0;
  let hasControlBatch = false, lastJump: Jump | null = null;
  let contradiction: Contradiction | null = null;
  const isRefused = (b: Uint8Array, at: number) => wrongHeader(b, at, place) !== null;
  const isHere = (bytes: Uint8Array | null): bytes is Uint8Array =>
    bytes !== null && batch.isIntact(bytes) && batch.baseOffset(bytes) === place.nextOffset &&
    !isOddEpoch(batch.partitionLeaderEpoch(bytes), epochs.last, maxLeaderEpoch);
  while (!epochs.isHopeless) {
    let bytes = reader.batchAt(position, isRefused);
    if (!isHere(bytes)) {
      if (isEnd(reader, position, place, options)) break;
      const copy = journal.batchAt(base, position, place);
      if (copy !== null && await mayReplace(reader, position, copy, { ...options, place })) {
        patches.push({ position, bytes: copy });
        bytes = copy;
      } else {
        bytes = reader.batchAt(position, isRefused);
        if (bytes === null || !batch.isIntact(bytes)) break;
        const offset = batch.baseOffset(bytes), { gapEnd = Infinity } = options;
        if (offset > place.nextOffset && offset >= gapEnd) break;
      }
    }
    if (options.isUncompacted && options.isJournalHeard) { // else a pass may have been there since the journal was written
      const found = batch.crc(bytes), journaled = journal.crcAt(base, position, bytes);
      if (journaled !== null && journaled !== found) {
        contradiction = { found, journaled };
        break;
      }
    }
    const offset = batch.baseOffset(bytes), end = batch.lastOffset(bytes) + 1;
    index.note(end - 1, batch.maxTimestamp(bytes), position, bytes.length);
    epochs.note(batch.partitionLeaderEpoch(bytes), base, position, offset, end);
    hasControlBatch ||= batch.isControl(bytes);
    const { nextOffset: behind } = place;
    lastJump = offset > behind ? { offset, position, behind } : null;
    batches++;
    records += batch.recordCount(bytes);
    place.nextOffset = end;
    position += bytes.length;
    const rest = options.walked?.(bytes);
    if (rest !== undefined) await rest;
  }
  const { nextOffset } = place;
  return {
    nextOffset,
    position,
    batches,
    records,
    patches,
    hasControlBatch,
    contradiction,
    lastJump,
  };
}

/** An epoch that breaks the row. Then, and before a gap, the journal may have the batch as it was. */
function isOddEpoch(epoch: number, last: number, maxLeaderEpoch: number): boolean {
  return epoch !== -1 && (epoch < last || epoch > maxLeaderEpoch);
}

/** Whether the segment ends here as it should. */
function isEnd(
  reader: SegmentReader,
  position: number,
  { nextOffset, mayHaveGaps }: Place,
  { nextBase, isUncompacted }: WalkOptions,
): boolean {
  if (position !== reader.size || nextBase === null) return false;
  return nextOffset === nextBase || mayHaveGaps && !isUncompacted;
}

/**
 * Whether the copy is what the file had: never over another whole batch, or the beginning of one; and where compaction may
 * have been since the entry was written, only when the file still shows that it is the same batch, or that nothing but it
 * fits: a batch that compaction took may have had the very place of the one that is damaged now.
 */
async function mayReplace(
  reader: SegmentReader,
  position: number,
  copy: Uint8Array,
  options: WalkOptions,
): Promise<boolean> {
  const { place } = options;
  const isFree = options.isUncompacted || !place.mayHaveGaps;
  if (position >= reader.size) return isFree;
  const there = reader.batchAt(position, () => false);
  if (there !== null && batch.isIntact(there) && batch.crc(there) !== batch.crc(copy)) return false;
  if (!isFree && !isSame(reader, position, copy) && !fits(reader, position, copy, options)) {
    return false;
  }
  const inside = { from: position + 1, to: Math.min(reader.size, position + copy.length) };
  return await findIntact(reader, inside, { fromOffset: place.nextOffset }) === null;
}

/** Whether checksum or content in the file are the copy's. */
function isSame(reader: SegmentReader, position: number, copy: Uint8Array): boolean {
  const header = reader.headerAt(position);
  if (header === null) return false;
  if (batch.crc(header) === batch.crc(copy)) return true;
  const { length } = copy, content = reader.piece(position, length);
  return content.length === length && batch.crc(copy) === crc32c(content, batch.CRC_FROM, length);
}

/** Whether the file goes on behind it with the very next offset, at once or after more copies. */
function fits(
  reader: SegmentReader,
  position: number,
  copy: Uint8Array,
  { base, journal, place }: WalkOptions,
): boolean {
  let next: Uint8Array | null = copy, at = position;
  for (let copies = 0; next !== null && copies < MAX_COPIES; copies++) {
    at += next.length;
    const exact = { ...place, nextOffset: batch.lastOffset(next) + 1, mayHaveGaps: false };
    const there = reader.batchAt(at, (b, i) => wrongHeader(b, i, exact) !== null);
    if (there !== null && batch.isIntact(there)) return true;
    next = journal.batchAt(base, at, exact);
  }
  return false;
}

export interface WrongBatch {
  readonly problem: string;
  /** Whether it is whole, its checksum right: then it was not torn. */
  readonly isIntact: boolean;
  /** What it claims as its base offset, when it is whole. */
  readonly offset: number | null;
}

/** What is wrong with the batch at a position. */
export function wrongAt(reader: SegmentReader, position: number, place: Place): WrongBatch {
  const bytes = reader.batchAt(position, () => false);
  if (bytes === null) {
    const left = reader.size - position, header = reader.headerAt(position);
    const size = header === null ? null : batch.sizeInBytes(header);
    const says = size === null
      ? `a batch has at least ${batch.BATCH_OVERHEAD}`
      : `its size is ${size}`;
    return { problem: `${left} bytes are left and ${says}`, isIntact: false, offset: null };
  }
  const isIntact = batch.magic(bytes) === batch.MAGIC_V2 && batch.isIntact(bytes);
  const wrong = wrongBatch(bytes, 0, place) ??
    wrongBatch(bytes, 0, { ...place, mayHaveGaps: false }) ?? "is out of place";
  return { problem: `it ${wrong}`, isIntact, offset: isIntact ? batch.baseOffset(bytes) : null };
}

/** Copies that are looked through for where the file goes on. */
const MAX_COPIES = 1000;
