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
  return sinceMs > maxSegmentMs(config) - jitterMs(active, config);
}

/**
 * What a segment closes earlier by, so that the partitions of a topic do not all roll at once: some part of
 * segment.jitter.ms. Kafka draws it for each segment; here it follows from the segment's name, and is the same after a restart.
 */
function jitterMs({ folder, baseOffset }: Segment, config: TopicConfig): number {
  const most = Math.min(config["segment.jitter.ms"], config["segment.ms"]);
  if (most === 0) return 0;
  let hash = 0x811c9dc5;
  for (const char of `${folder}/${baseOffset}`) {
    hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  }
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b); // the last characters alone must not decide
  return (hash >>> 8) / 2 ** 24 * most;
}

/** After how long a segment closes: compaction passes over the active one, and must get at a record in time. */
function maxSegmentMs(config: TopicConfig): number {
  const segmentMs = config["segment.ms"];
  return config["cleanup.policy"].includes("compact")
    ? Math.min(segmentMs, config["max.compaction.lag.ms"])
    : segmentMs;
}

const MAX_INT32 = 2 ** 31 - 1;
