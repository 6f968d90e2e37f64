/**
 * startWithin: where in its segment a walk may begin, so that a start need not read a whole segment for the few bytes
 * behind the recovery point. The offset index says where; being a hint, it is believed only when the batch there is
 * valid and has the offset that the index says, which two files would have to be wrong about in the same way.
 */
import { readInt32 } from "../../bytes/int64.ts";
import * as batch from "../../protocol/records/batch.ts";
import { Segment, type SegmentContext, segmentName } from "../segments/segment.ts";
import { endOfSegment, wrongBatch } from "../../protocol/records/batch_place.ts";
import type { Store } from "../store.ts";
import { SegmentReader } from "./segment_reader.ts";

/** A batch at or below the recovery point; the segment's beginning when nothing better can be told. */
export function startWithin(
  context: SegmentContext,
  { base, nextBase, recoveryPoint }: {
    base: number;
    nextBase: number | null;
    recoveryPoint: number;
  },
): { position: number; offset: number; epoch: number } {
  const fromTheStart = { position: 0, offset: base, epoch: -1 };
  if (recoveryPoint <= base) return fromTheStart;
  const { store, folder } = context;
  const entry = entryBelow(
    store.readAll(`${folder}/${segmentName(base)}.index`) ?? NOTHING,
    recoveryPoint - base,
  );
  if (entry === null || entry.position < SMALL_BYTES) return fromTheStart;
  if (!hasTimes(context, base)) return fromTheStart;
  const reader = SegmentReader.open(store, folder, base);
  try {
    const place = {
      nextOffset: base,
      mayHaveGaps: true,
      endOffset: endOfSegment(base, nextBase),
    };
    const bytes = reader.batchAt(entry.position, () => false);
    if (bytes === null || wrongBatch(bytes, 0, place) !== null) return fromTheStart;
    if (batch.lastOffset(bytes) !== base + entry.relative) return fromTheStart;
    const offset = batch.baseOffset(bytes), epoch = batch.partitionLeaderEpoch(bytes);
    return { position: entry.position, offset, epoch };
  } finally {
    reader.close();
  }
}

/** The same, unproved: where a batch begins that holds what is below `offset`, if the index is right; 0 without one. */
export function placeBelow(
  store: Store,
  folder: string,
  { base, offset }: { readonly base: number; readonly offset: number },
): number {
  if (offset <= base) return 0;
  const index = store.readAll(`${folder}/${segmentName(base)}.index`) ?? NOTHING;
  return entryBelow(index, offset - base)?.position ?? 0;
}

/** The last entry of an offset index whose batch ends below `relative`; null when it does not ascend up to there. */
function entryBelow(
  index: Uint8Array,
  relative: number,
): { relative: number; position: number } | null {
  let before = { relative: -1, position: -1 };
  for (let at = 0; at + ENTRY_BYTES <= index.length; at += ENTRY_BYTES) {
    const entry = { relative: readInt32(index, at), position: readInt32(index, at + 4) };
    if (entry.relative <= before.relative || entry.position <= before.position) {
      if (entry.relative === 0 && entry.position === 0) break; // what Kafka preallocated
      return null;
    }
    if (entry.relative >= relative) break;
    before = entry;
  }
  return before.relative < 0 ? null : before;
}

/** Without any entry of the time index, what it had of the batches before is lost. */
function hasTimes(context: SegmentContext, base: number): boolean {
  const segment = new Segment(context, base, 0);
  const { entryCount } = segment.timeIndex;
  segment.close();
  return entryCount > 0;
}

const ENTRY_BYTES = 8;
/** So much is walked in a millisecond, and what is walked is proved. */
const SMALL_BYTES = 1 << 20;
const NOTHING = new Uint8Array(0);
