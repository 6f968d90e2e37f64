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
import { commitOffsets } from "../groups/requests/committing.ts";
import type { GroupCoordinator } from "../groups/coordinator.ts";
import { OffsetCommit } from "../protocol/messages/offset_commit.ts";
import type { Catalogue } from "../topics/catalogue.ts";
import { type Handler, handler } from "./handler.ts";
import { offsetsToCommit } from "./offsets_to_commit.ts";

export interface OffsetServices {
  readonly groups: GroupCoordinator;
  readonly catalogue: Catalogue;
}

export function offsetCommit({ groups, catalogue }: OffsetServices): Handler {
  return handler(OffsetCommit, { min: 2, max: 10 }, async (request, { apiVersion }) => {
    const { offsets, answer } = offsetsToCommit(catalogue, request.topics, apiVersion >= 10);
    const errorCodes = await commitOffsets(groups, {
      groupId: request.groupId,
      generation: request.generationIdOrMemberEpoch,
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      retentionTimeMs: request.retentionTimeMs,
      knowsGroupIdNotFound: apiVersion >= 9,
      offsets,
    });
    return { topics: answer(errorCodes) };
  });
}
