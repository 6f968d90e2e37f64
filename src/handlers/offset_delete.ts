/**
 * OffsetDelete 0: forgets a group's offsets of topics it is not subscribed to (86 otherwise); answered when the log has
 * kept that. A group of another protocol type must be without members (68), the group id may not be empty (24).
 */
import { deleteOffsets } from "../groups/requests/committing.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { OffsetDelete } from "../protocol/messages/offset_delete.ts";
import { type Handler, handler } from "./handler.ts";
import type { OffsetServices } from "./offset_commit.ts";

export function offsetDelete({ groups, catalogue }: OffsetServices): Handler {
  return handler(OffsetDelete, { min: 0, max: 0 }, async (request) => {
    const rows: { topic: string; partition: number }[] = [];
    const plan = request.topics.map(({ name, partitions }) => {
      const known = catalogue.topic(name)?.partitions;
      return partitions.map(({ partitionIndex: partition }) =>
        known?.[partition] === undefined ? null : rows.push({ topic: name, partition }) - 1
      );
    });
    const deleted = await deleteOffsets(groups, request.groupId, rows);
    if (typeof deleted === "number") return { errorCode: deleted };
    return {
      topics: request.topics.map(({ name, partitions }, t) => ({
        name,
        partitions: partitions.map(({ partitionIndex }, p) => {
          const at = plan[t][p];
          return {
            partitionIndex,
            errorCode: at === null ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : deleted[at],
          };
        }),
      })),
    };
  });
}
