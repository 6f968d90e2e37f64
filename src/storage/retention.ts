/**
 * Retention: which segments a topic with cleanup.policy=delete no longer keeps.
 *
 * Only whole sealed segments go, oldest first, and never one that reaches above the high watermark (UnifiedLog
 * .deleteOldSegments). A segment is as old as its newest record; records that carry no timestamp, or one in the
 * future, do not say how old they are, so the time the segment was opened here counts for them.
 */
import type { PartitionLog } from "./partition_log.ts";

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
    const newestMs = segment.largestTimestampMs;
    const ageMs = nowMs - (newestMs < 0 || newestMs > nowMs ? segment.createdMs : newestMs);
    const tooOld = retentionMs >= 0 && ageMs > retentionMs;
    const tooMuch = excessBytes >= segment.size && segment.size > 0;
    if (!tooOld && !tooMuch) break;
    excessBytes -= segment.size;
    start = end;
  }
  return start;
}
