/**
 * DeleteRecords 0–2: moves the log start of partitions up; -1 means up to the high watermark.
 *
 * An offset past the high watermark, or below -1, is 1; a topic of the broker's own is 17; one whose cleanup policy
 * is not delete is 44, since compaction promises to keep the newest record of every key. The new start is on the
 * device before the reply leaves; where it cannot be written down (no space) the partition is answered 56, and asked again.
 */
import { ZERO_UUID } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { DeleteRecords } from "../protocol/messages/delete_records.ts";
import type { Unwritten } from "../storage/checkpointing.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import type { LogManager } from "../storage/log_manager.ts";
import { StoreError } from "../storage/store.ts";
import { isInternalTopic } from "../topics/names.ts";
import { type Handler, handler } from "./handler.ts";
import { findLog, findTopic, type PartitionLookup } from "./partitions.ts";

export function deleteRecords(lookup: PartitionLookup & { readonly logs: LogManager }): Handler {
  return handler(DeleteRecords, { min: 0, max: 2 }, async (request) => {
    const moved: { readonly log: PartitionLog; readonly answer: Answer }[] = [];
    const topics = request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, offset }): Answer => {
        const done = deleteBefore(lookup, name, partitionIndex, offset);
        if (typeof done === "number") return { partitionIndex, ...refused(done) };
        const { log, lowWatermark } = done;
        const answer = { partitionIndex, errorCode: ErrorCode.NONE as number, lowWatermark };
        moved.push({ log, answer });
        return answer;
      }),
    }));
    if (moved.length === 0) return { topics };
    const unwritten = await writtenDown(lookup);
    for (const { log, answer } of moved) {
      if (unwritten === null || unwritten.has(log)) {
        Object.assign(answer, refused(ErrorCode.KAFKA_STORAGE_ERROR));
      }
    }
    return { topics };
  });
}

interface Answer {
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly lowWatermark: number;
}

function refused(errorCode: number) {
  return { errorCode, lowWatermark: -1 };
}

/** The logs whose starts could not be; null when none could. */
async function writtenDown({ logs }: { readonly logs: LogManager }): Promise<Unwritten | null> {
  try {
    return await logs.checkpoint();
  } catch (error) {
    if (error instanceof StoreError) return null;
    throw error;
  }
}

function deleteBefore(
  lookup: PartitionLookup,
  name: string,
  index: number,
  offset: number,
): { readonly log: PartitionLog; readonly lowWatermark: number } | number {
  if (isInternalTopic(name)) return ErrorCode.INVALID_TOPIC_EXCEPTION;
  const topic = findTopic(lookup, name, ZERO_UUID);
  const log = typeof topic === "number" ? topic : findLog(lookup, topic, index);
  if (typeof log === "number") return log;
  const policy = log.config["cleanup.policy"];
  if (policy.length > 0 && !policy.includes("delete")) return ErrorCode.POLICY_VIOLATION;
  const target = offset === -1 ? log.highWatermark : offset;
  if (target < 0 || target > log.highWatermark) return ErrorCode.OFFSET_OUT_OF_RANGE;
  log.advanceStart(target);
  return { log, lowWatermark: log.logStartOffset };
}
