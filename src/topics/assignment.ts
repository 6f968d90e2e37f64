/**
 * Assignment: which nodes get a new partition. Clients may say so themselves; then it must be nodes that exist.
 * Otherwise the nodes take turns.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { Catalogue } from "./catalogue.ts";
import type { NewRecord } from "./metadata_record.ts";
import { failure, type Outcome } from "./outcome.ts";
import { partitionVersion } from "./registration.ts";

/** What is wrong with one partition's replicas, in Kafka's words, or null. */
export function assignmentError(
  catalogue: Catalogue,
  brokerIds: readonly number[],
): Outcome | null {
  const wrong = (why: string) =>
    failure(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `The manual partition assignment includes ${why}`,
    );
  if (brokerIds.length === 0) return wrong("an empty replica list.");
  const unknown = brokerIds.find((id) => catalogue.broker(id) === undefined);
  if (unknown !== undefined) {
    return wrong(`broker ${unknown}, but no such broker is registered.`);
  }
  const twice = brokerIds.find((id, i) => brokerIds.indexOf(id) !== i);
  return twice === undefined ? null : wrong(`the broker ${twice} more than once.`);
}

/** What is wrong with a replication factor, in Kafka's words, or null. */
export function replicationError(catalogue: Catalogue, factor: number): Outcome | null {
  const invalid = (why: string) => failure(ErrorCode.INVALID_REPLICATION_FACTOR, why);
  if (factor <= 0) {
    return invalid("Replication factor must be larger than 0, or -1 to use the default value.");
  }
  const count = usable(catalogue).length;
  return factor <= count ? null : invalid(
    `Unable to replicate the partition ${factor} time(s): The target replication factor of ${factor} cannot be reached because only ${count} broker(s) are registered or some brokers have all their log directories cordoned.`,
  );
}

/** Replicas of partition `index` when nobody says: `factor` nodes, beginning with another one for each partition. */
export function spread(catalogue: Catalogue, index: number, factor: number): number[] {
  const ids = usable(catalogue);
  return Array.from({ length: factor }, (_, i) => ids[(index + i) % ids.length]);
}

/** The record of a new partition, led by its first replica. */
export function newPartition(
  catalogue: Catalogue,
  topicId: Uuid,
  index: number,
  replicas: readonly number[],
): NewRecord {
  const metadataVersion = catalogue.features.get("metadata.version")!;
  return {
    kind: "PartitionRecord",
    version: partitionVersion(metadataVersion),
    value: {
      partitionId: index,
      topicId,
      replicas,
      isr: replicas,
      leader: replicas[0],
      leaderEpoch: 0,
      partitionEpoch: 0,
      directories: replicas.map((id) => catalogue.broker(id)!.logDirs[0]),
    },
  };
}

function usable(catalogue: Catalogue): number[] {
  return catalogue.brokers().filter((broker) => !broker.fenced).map((broker) => broker.brokerId);
}
