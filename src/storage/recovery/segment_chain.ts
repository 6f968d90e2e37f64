/**
 * SegmentChain: whether each segment of a log begins where the one before it ends. Without compaction it does, so a
 * segment that is missing in the middle shows, also where nothing is remembered of the log.
 */
import * as batch from "../../protocol/records/batch.ts";
import { Segment, type SegmentContext, segmentName } from "../segments/segment.ts";

/** A segment that does not reach to the next one. */
export interface Gap {
  readonly base: number;
  /** Where it ends. */
  readonly offset: number;
  readonly problem: string;
}

/** The first gap between two segments, or null. Reads the end of each segment. */
export function gapBetween(
  context: Omit<SegmentContext, "folder">,
  folder: string,
  bases: readonly number[],
): Gap | null {
  for (let i = 0; i + 1 < bases.length; i++) {
    const end = endOf({ ...context, folder }, bases[i], bases[i + 1]);
    if (end === bases[i + 1]) continue;
    const problem = `${segmentName(bases[i])}.log ends at offset ${end}, and the next segment is ${
      segmentName(bases[i + 1])
    }.log`;
    return { base: bases[i], offset: end, problem };
  }
  return null;
}

/** The offset after a segment's last batch, found from its index; from its start where that does not fit. */
function endOf(context: SegmentContext, base: number, expected: number): number {
  const segment = new Segment(context, base, 0);
  try {
    const hint = segment.offsetIndex.lastPosition;
    const end = hint > 0 && hint < segment.size ? walk(segment, hint) : base;
    return end === expected ? end : walk(segment, 0);
  } finally {
    segment.close();
  }
}

function walk(segment: Segment, position: number): number {
  let end = segment.baseOffset;
  for (const [bytes] of segment.scan(position)) end = batch.lastOffset(bytes) + 1;
  return end;
}
