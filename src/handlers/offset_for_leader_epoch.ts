/**
 * OffsetForLeaderEpoch 2–4: where a leader epoch ended, by which consumers detect a truncated log (KIP-320).
 *
 * An epoch the log never saw gives the end of the largest one below it; one above the current gives -1, -1. A
 * client's belief about the current epoch is checked first (74, 75).
 */
import { ErrorCode } from "../protocol/errors.ts";
import { OffsetForLeaderEpoch } from "../protocol/messages/offset_for_leader_epoch.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";
import { type Handler, handler } from "./handler.ts";
import { epochError, findLog, findTopic, type PartitionLookup, readError } from "./partitions.ts";

export function offsetForLeaderEpoch(lookup: PartitionLookup): Handler {
  return handler(OffsetForLeaderEpoch, { min: 2, max: 4 }, (request) => ({
    topics: request.topics.map(({ topic: name, partitions }) => {
      const topic = findTopic(lookup, name, ZERO_UUID);
      return {
        topic: name,
        partitions: partitions.map(({ partition, currentLeaderEpoch, leaderEpoch }) => {
          const log = typeof topic === "number" ? topic : findLog(lookup, topic, partition);
          if (typeof log === "number") return { partition, errorCode: log };
          const errorCode = epochError(log, currentLeaderEpoch);
          if (errorCode !== ErrorCode.NONE) return { partition, errorCode };
          try {
            const end = log.epochs.endOffsetFor(leaderEpoch, log.logEndOffset);
            return { partition, leaderEpoch: end.epoch, endOffset: end.endOffset };
          } catch (error) {
            return { partition, errorCode: readError(error) };
          }
        }),
      };
    }),
  }));
}
