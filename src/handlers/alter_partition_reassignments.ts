/**
 * AlterPartitionReassignments 0–1: moves partitions to other replicas, or cancels a move.
 *
 * With one node there is nowhere to move to: the replicas a partition has already are fine, brokers that are not
 * registered are 39, and there is never a move to cancel (85). Unknown topics and partitions are 3.
 *
 * Versions: 1 may insist on an unchanged number of replicas, which nothing here changes.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { AlterPartitionReassignments } from "../protocol/messages/alter_partition_reassignments.ts";
import { assignmentError } from "../topics/assignment.ts";
import type { Catalogue } from "../topics/catalogue.ts";
import { failure, type Outcome, SUCCESS } from "../topics/outcome.ts";
import { type Handler, handler } from "./handler.ts";

export function alterPartitionReassignments(
  { catalogue }: { readonly catalogue: Catalogue },
): Handler {
  return handler(AlterPartitionReassignments, { min: 0, max: 1 }, (request) => ({
    allowReplicationFactorChange: request.allowReplicationFactorChange,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    responses: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, replicas }) => ({
        partitionIndex,
        ...reassign(catalogue, { name, partitionIndex, replicas }),
      })),
    })),
  }));
}

function reassign(
  catalogue: Catalogue,
  { name, partitionIndex, replicas }: {
    readonly name: string;
    readonly partitionIndex: number;
    readonly replicas: readonly number[] | null;
  },
): Outcome {
  const topic = catalogue.topic(name);
  const unknown = (what: string) => failure(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, what);
  if (topic === undefined) return unknown(`Unable to find a topic named ${name}.`);
  const partition = topic.partitions[partitionIndex];
  if (partition === undefined) {
    return unknown(`Unable to find partition ${name}:${partitionIndex}.`);
  }
  if (replicas === null) return failure(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS);
  const error = assignmentError(catalogue, replicas);
  if (error !== null) return error;
  const isUnchanged = replicas.length === partition.replicas.length &&
    replicas.every((id) => partition.replicas.includes(id));
  return isUnchanged ? SUCCESS : failure(
    ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    `Partition ${name}:${partitionIndex} has replicas ${
      partition.replicas.join(", ")
    } and no other node can copy it.`,
  );
}
