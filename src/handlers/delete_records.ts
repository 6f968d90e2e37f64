/**
 * DeleteRecords 0–2: moves the log start of partitions up; -1 means up to the high watermark.
 *
 * An offset past the high watermark, or below -1, is 1; a topic of the broker's own is 17; one whose cleanup policy
 * is not delete is 44, since compaction promises to keep the newest record of every key. The new start is on the
 * device before the reply leaves.
 */
import { ZERO_UUID } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { DeleteRecords } from "../protocol/messages/delete_records.ts";
import { isInternalTopic } from "../topics/names.ts";
import { type Handler, handler } from "./handler.ts";
import { findLog, findTopic, type PartitionLookup } from "./partitions.ts";

export function deleteRecords(lookup: PartitionLookup): Handler {
  return handler(DeleteRecords, { min: 0, max: 2 }, async (request) => {
    const topics = request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, offset }) => ({
        partitionIndex,
        ...deleteBefore(lookup, name, partitionIndex, offset),
      })),
    }));
    await lookup.logs.checkpoint();
    return { topics };
  });
}

function deleteBefore(
  lookup: PartitionLookup,
  name: string,
  index: number,
  offset: number,
): { errorCode: number; lowWatermark: number } {
  const refused = (errorCode: number) => ({ errorCode, lowWatermark: -1 });
  if (isInternalTopic(name)) return refused(ErrorCode.INVALID_TOPIC_EXCEPTION);
  const topic = findTopic(lookup, name, ZERO_UUID);
  const log = typeof topic === "number" ? topic : findLog(lookup, topic, index);
  if (typeof log === "number") return refused(log);
  const policy = log.config["cleanup.policy"];
  if (policy.length > 0 && !policy.includes("delete")) return refused(ErrorCode.POLICY_VIOLATION);
  const target = offset === -1 ? log.highWatermark : offset;
  if (target < 0 || target > log.highWatermark) return refused(ErrorCode.OFFSET_OUT_OF_RANGE);
  log.advanceStart(target);
  return { errorCode: ErrorCode.NONE, lowWatermark: log.logStartOffset };
}
