/** How many bytes lie between two offsets of a log, as its offset indexes know: never too few, and too many by about one index interval at each end. */
import type { Segment } from "../segments/segment.ts";

/** Throws StoreError where an index cannot be read. */
export function mostBytesBetween(
  segments: readonly Segment[],
  from: number,
  to: number,
): number {
  let bytes = 0;
  for (let i = segments.length - 1; i >= 0; i--) {
    const { baseOffset, offsetIndex, size } = segments[i];
    if (baseOffset >= to) continue;
    bytes += i + 1 < segments.length && segments[i + 1].baseOffset <= to
      ? size
      : Math.min(size, offsetIndex.positionAfter(to));
    if (baseOffset > from) continue;
    bytes -= Math.min(size, offsetIndex.lookup(from));
    break;
  }
  return Math.max(0, bytes);
}
