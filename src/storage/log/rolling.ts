/**
 * Rolling: when a batch begins a new segment (LogSegment.shouldRoll): the active one is full, too old by the records'
 * own time, or out of relative offsets.
 */
import type { TopicConfig } from "../../config/topic_configs.ts";
import type { Segment } from "../segments/segment.ts";

/** Whether the batch that comes next is too much for the active segment. `nowMs` is monotonic. */
export function mustRoll(
  active: Segment,
  next: { readonly bytes: number; readonly lastOffset: number; readonly timestampMs: number },
  config: TopicConfig,
  nowMs: number,
): boolean {
  if (active.size === 0) return false;
  if (active.size + next.bytes > config["segment.bytes"]) return true;
  if (next.lastOffset - active.baseOffset > MAX_INT32) return true;
  if ((active.offsetIndex.entryCount + 1) * 8 > config["segment.index.bytes"]) return true;
  const sinceMs = active.firstTimestampMs !== null && next.timestampMs >= 0
    ? next.timestampMs - active.firstTimestampMs
    : nowMs - active.createdMs;
  return sinceMs > maxSegmentMs(config);
}

/** After how long a segment closes: compaction passes over the active one, and must get at a record in time. */
function maxSegmentMs(config: TopicConfig): number {
  const segmentMs = config["segment.ms"];
  return config["cleanup.policy"].includes("compact")
    ? Math.min(segmentMs, config["max.compaction.lag.ms"])
    : segmentMs;
}

const MAX_INT32 = 2 ** 31 - 1;
