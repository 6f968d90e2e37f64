/**
 * Retention: which segments a topic with cleanup.policy=delete no longer keeps.
 *
 * Only whole sealed segments go, oldest first, and never one that reaches above the high watermark (UnifiedLog
 * .deleteOldSegments). A segment is as old as its newest record; records that carry no timestamp, or one in the
 * future, do not say how old they are, so what counts for them is how long nothing has been added here.
 *
 * Now is trusted time (clock/trusted_time.ts): a wall clock that leaps makes nothing old.
 */
import type { Clock } from "../../clock.ts";
import type { PartitionLog } from "./partition_log.ts";
import type { Segment } from "../segments/segment.ts";

/** The offset below which everything may be deleted; the present log start when nothing may. */
export function expiredBefore(log: PartitionLog, clock: Clock): number {
  const { config, segments } = log;
  if (!config["cleanup.policy"].includes("delete")) return log.logStartOffset;
  const retentionMs = config["retention.ms"], retentionBytes = config["retention.bytes"];
  let excessBytes = retentionBytes < 0 ? 0 : log.size - retentionBytes;
  let start = log.logStartOffset;
  for (let i = 0; i + 1 < segments.length; i++) {
    const segment = segments[i], end = segments[i + 1].baseOffset;
    if (end > log.highWatermark) break;
    const tooOld = retentionMs >= 0 && ageOf(segment, clock) > retentionMs;
    const tooMuch = excessBytes >= segment.size && segment.size > 0;
    if (!tooOld && !tooMuch) break;
    excessBytes -= segment.size;
    start = end;
  }
  return start;
}

/** Whether even the active segment is too old, so that it should be rolled: then it can go like the others. */
export function isActiveExpired(log: PartitionLog, clock: Clock): boolean {
  const active = log.segments[log.segments.length - 1], retentionMs = log.config["retention.ms"];
  return log.config["cleanup.policy"].includes("delete") && retentionMs >= 0 && active.size > 0 &&
    log.highWatermark === log.logEndOffset && ageOf(active, clock) > retentionMs;
}

function ageOf(segment: Segment, clock: Clock): number {
  const newestMs = segment.largestTimestampMs, nowMs = clock.nowMs();
  const saysHowOld = newestMs >= 0 && newestMs <= nowMs;
  return saysHowOld ? nowMs - newestMs : clock.monotonicMs() - segment.writtenMs;
}
