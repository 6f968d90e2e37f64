/**
 * findIntact: looks for a whole batch with a right checksum behind bytes that are none. Whether there is one decides
 * whether an end was torn or a log is damaged, so it looks to the end; and since the bytes are whatever a client sent,
 * it does only so much: headers are looked at first, and checksums are computed of at most a few times the stretch. When
 * that does not suffice, it has to count as found.
 */
import * as batch from "../../protocol/records/batch.ts";
import { looksLikeBatch } from "../../protocol/records/batch_place.ts";
import type { SegmentReader } from "./segment_reader.ts";

/** A batch found; without an offset, so much looks like batches that not all of it could be checked. */
export interface Intact {
  readonly position: number;
  readonly offset: number | null;
}

export interface SearchOptions {
  /** Batches with lower offsets say nothing. */
  readonly fromOffset: number;
  readonly rest?: () => Promise<void>;
  /** Of several searches together; by default each has its own, a few times its stretch. */
  readonly budget?: Budget;
}

/** Bytes that may be put through a checksum. */
export interface Budget {
  bytes: number;
}

export function budgetOf(stretchBytes: number): Budget {
  return { bytes: WORK_FACTOR * stretchBytes + SMALL_BYTES };
}

/** The first intact batch that begins in [from, to). */
export async function findIntact(
  reader: SegmentReader,
  stretch: { from: number; to: number },
  { rest, ...options }: SearchOptions,
): Promise<Intact | null> {
  for (const found of search(reader, stretch, options)) {
    if (found !== null) return found;
    await rest?.();
  }
  return null;
}

/** The same at once, for stretches that somebody has bounded. */
export function findIntactNow(
  reader: SegmentReader,
  stretch: { from: number; to: number },
  options: Omit<SearchOptions, "rest">,
): Intact | null {
  for (const found of search(reader, stretch, options)) if (found !== null) return found;
  return null;
}

/** What there is in each piece. */
function* search(
  reader: SegmentReader,
  { from, to }: { from: number; to: number },
  { fromOffset, budget = budgetOf(to - from) }: Omit<SearchOptions, "rest">,
): Generator<Intact | null, void> {
  for (let start = from; start < to; start += PIECE_BYTES) {
    const starts = Math.min(PIECE_BYTES, to - start);
    yield inPiece(reader, { start, starts }, fromOffset, budget);
  }
}

function inPiece(
  reader: SegmentReader,
  { start, starts }: { start: number; starts: number },
  fromOffset: number,
  budget: Budget,
): Intact | null {
  const piece = reader.piece(start, starts + batch.BATCH_OVERHEAD - 1);
  const limit = Math.min(starts, piece.length - batch.BATCH_OVERHEAD + 1);
  for (let at = next(piece, 0); at >= 0 && at < limit; at = next(piece, at + 1)) {
    if (!looksLikeBatch(piece, at, fromOffset)) continue;
    const size = batch.sizeInBytes(piece, at), position = start + at;
    if (size < batch.BATCH_OVERHEAD || position + size > reader.size) continue;
    if ((budget.bytes -= size) < 0) return { position, offset: null };
    const bytes = at + size <= piece.length ? piece : reader.piece(position, size);
    const where = bytes === piece ? at : 0;
    if (batch.isIntact(bytes, where)) return { position, offset: batch.baseOffset(bytes, where) };
  }
  return null;
}

/** Where the next header could begin: 2 bytes that are found by the machine, not by a loop. */
function next(piece: Uint8Array, at: number): number {
  const magic = piece.indexOf(batch.MAGIC_V2, at + MAGIC_AT);
  return magic < 0 ? -1 : magic - MAGIC_AT;
}

const MAGIC_AT = 16;
const PIECE_BYTES = 4 << 20;
/** Bytes that are put through a checksum, as a multiple of the stretch's. */
const WORK_FACTOR = 3;
const SMALL_BYTES = 64 << 10;
