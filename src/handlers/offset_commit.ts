/**
 * OffsetCommit 2–10: stores how far a group has read; answered when the log has kept it. The rules are in
 * groups/offsets/offset_machine.ts.
 *
 * Versions: 2–4 how long to keep it · 6 leader epochs · 7 static members · 9 a group that does not exist is 69 instead
 * of 22 · 10 topics by id.
 *
 * A topic or partition that does not exist is refused by itself (3, by id 100). The group id may be empty, as in
 * Kafka; null metadata is kept as "".
 */
import { ZERO_UUID } from "../bytes/uuid.ts";
import { commitOffsets } from "../groups/requests/committing.ts";
import type { GroupCoordinator } from "../groups/coordinator.ts";
import type { OffsetToCommit } from "../groups/offsets/offset_machine.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { OffsetCommit } from "../protocol/messages/offset_commit.ts";
import type { Decoded } from "../protocol/schema.ts";
import type { Catalogue, Topic } from "../topics/catalogue.ts";
import { type Handler, handler } from "./handler.ts";

type Request = Decoded<typeof OffsetCommit["request"]>;

export interface OffsetServices {
  readonly groups: GroupCoordinator;
  readonly catalogue: Catalogue;
}

export function offsetCommit({ groups, catalogue }: OffsetServices): Handler {
  return handler(OffsetCommit, { min: 2, max: 10 }, async (request, { apiVersion }) => {
    const offsets: OffsetToCommit[] = [];
    /** Per partition: its error, or where it is in `offsets`. */
    const plan = request.topics.map((topic) => {
      const known = topicOf(catalogue, topic, apiVersion);
      return topic.partitions.map((partition) => planOne(known, partition, offsets, apiVersion));
    });
    const errorCodes = await commitOffsets(groups, {
      groupId: request.groupId,
      generation: request.generationIdOrMemberEpoch,
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      retentionTimeMs: request.retentionTimeMs,
      knowsGroupIdNotFound: apiVersion >= 9,
      offsets,
    });
    return {
      topics: request.topics.map(({ name, topicId, partitions }, t) => ({
        name,
        topicId,
        partitions: partitions.map(({ partitionIndex }, p) => {
          const { errorCode, at } = plan[t][p];
          return { partitionIndex, errorCode: at === null ? errorCode : errorCodes[at] };
        }),
      })),
    };
  });
}

function topicOf(
  catalogue: Catalogue,
  { name, topicId }: Pick<Request["topics"][number], "name" | "topicId">,
  apiVersion: number,
): Topic | undefined {
  if (apiVersion < 10) return catalogue.topic(name);
  return topicId === ZERO_UUID ? undefined : catalogue.topicById(topicId);
}

function planOne(
  topic: Topic | undefined,
  partition: Request["topics"][number]["partitions"][number],
  offsets: OffsetToCommit[],
  apiVersion: number,
): { errorCode: number; at: number | null } {
  if (topic === undefined) {
    const byId = apiVersion >= 10;
    const errorCode = byId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    return { errorCode, at: null };
  }
  const { partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata } = partition;
  if (topic.partitions[partitionIndex] === undefined) {
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, at: null };
  }
  const at = offsets.push({
    topic: topic.name,
    topicId: topic.id,
    partition: partitionIndex,
    offset: committedOffset,
    leaderEpoch: committedLeaderEpoch,
    metadata: committedMetadata ?? "",
  }) - 1;
  return { errorCode: ErrorCode.NONE, at };
}
