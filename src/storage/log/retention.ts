/**
 * Retention: which segments a topic with cleanup.policy=delete no longer keeps.
 *
 * Only whole sealed segments go, oldest first, and never one that reaches above the high watermark (UnifiedLog
 * .deleteOldSegments). A segment is as old as its newest record; records that carry no timestamp, or one in the
 * future, do not say how old they are, so the time the segment was opened here counts for them.
 */
import type { PartitionLog } from "./partition_log.ts";
import type { Segment } from "../segments/segment.ts";

/** The offset below which everything may be deleted; the present log start when nothing may. */
export function expiredBefore(log: PartitionLog, nowMs: number): number {
  const { config, segments } = log;
  if (!config["cleanup.policy"].includes("delete")) return log.logStartOffset;
  const retentionMs = config["retention.ms"], retentionBytes = config["retention.bytes"];
  let excessBytes = retentionBytes < 0 ? 0 : log.size - retentionBytes;
  let start = log.logStartOffset;
  for (let i = 0; i + 1 < segments.length; i++) {
    const segment = segments[i], end = segments[i + 1].baseOffset;
    if (end > log.highWatermark) break;
    const tooOld = retentionMs >= 0 && ageOf(segment, nowMs) > retentionMs;
    const tooMuch = excessBytes >= segment.size && segment.size > 0;
    if (!tooOld && !tooMuch) break;
    excessBytes -= segment.size;
    start = end;
  }
  return start;
}

/** Whether even the active segment is too old, so that it should be rolled: then it can go like the others. */
export function isActiveExpired(log: PartitionLog, nowMs: number): boolean {
  const active = log.segments[log.segments.length - 1], retentionMs = log.config["retention.ms"];
  return log.config["cleanup.policy"].includes("delete") && retentionMs >= 0 && active.size > 0 &&
    log.highWatermark === log.logEndOffset && ageOf(active, nowMs) > retentionMs;
}

function ageOf(segment: Segment, nowMs: number): number {
  const newestMs = segment.largestTimestampMs;
  return nowMs - (newestMs < 0 || newestMs > nowMs ? segment.createdMs : newestMs);
}
