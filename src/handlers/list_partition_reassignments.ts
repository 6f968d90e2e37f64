/**
 * ListPartitionReassignments 0: the moves of partitions that are going on. Nothing moves here, but a directory that
 * comes from Kafka may hold a move that was not finished.
 *
 * topics null means all; unknown topics and partitions are left out.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { ListPartitionReassignments } from "../protocol/messages/list_partition_reassignments.ts";
import type { Catalogue } from "../topics/catalogue.ts";
import { type Handler, handler } from "./handler.ts";

export function listPartitionReassignments(
  { catalogue }: { readonly catalogue: Catalogue },
): Handler {
  return handler(ListPartitionReassignments, { min: 0, max: 0 }, (request) => {
    const asked = request.topics === null
      ? null
      : new Map(request.topics.map((topic) => [topic.name, topic.partitionIndexes]));
    const topics = catalogue.topics().map(({ name, partitions }) => ({
      name,
      partitions: partitions
        .filter((one) => one.addingReplicas.length + one.removingReplicas.length > 0)
        .filter(({ index }) => asked === null || asked.get(name)?.includes(index))
        .map(({ index, replicas, addingReplicas, removingReplicas }) => ({
          partitionIndex: index,
          replicas,
          addingReplicas,
          removingReplicas,
        })),
    }));
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      topics: topics.filter(({ partitions }) => partitions.length > 0),
    };
  });
}
