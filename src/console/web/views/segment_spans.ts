/** Segment spans: where segments lie on a line of time, from the oldest record's to the newest. */
import type { SegmentRow } from "../../api.ts";

export interface Span {
  readonly segment: SegmentRow;
  /** Of WIDTH. */
  readonly x: number;
  readonly width: number;
}

export const WIDTH = 1000;
/** What is shorter is as wide all the same, so that it is seen. */
const MIN_WIDTH = 2;

/**
 * A segment reaches from the latest record before it to its own latest; of the first one nobody knows where it begins, so
 * it has the mean of the others. Producers say what time it is, so that times may go back: a span is never negative.
 * Without two times there is no line: by offsets then.
 */
export function segmentSpans(segments: readonly SegmentRow[]): Span[] {
  const ends = timesOf(segments) ?? segments.map(({ end }) => end);
  const isByTime = timesOf(segments) !== null;
  const first = isByTime
    ? ends[0] - (ends[ends.length - 1] - ends[0]) / Math.max(1, ends.length - 1)
    : segments[0]?.start ?? 0;
  const all = ends.length === 0 ? 0 : ends[ends.length - 1] - first;
  let from = first;
  return segments.map((segment, at) => {
    const x = all <= 0 ? 0 : (from - first) / all * WIDTH;
    const width = all <= 0 ? WIDTH : (ends[at] - from) / all * WIDTH;
    from = ends[at];
    return { segment, x, width: Math.max(MIN_WIDTH, width) };
  });
}

/** Of the latest record up to the end of each, never back; null: they are not known, or all the same. */
function timesOf(segments: readonly SegmentRow[]): number[] | null {
  let latest = -Infinity;
  const times: number[] = [];
  for (const { latestMs } of segments) {
    // The one that is written to may be empty yet.
    if (latestMs !== null) latest = Math.max(latest, latestMs);
    times.push(latest);
  }
  return Number.isFinite(times[0]) && times[times.length - 1] > times[0] ? times : null;
}
