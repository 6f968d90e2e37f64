/**
 * Whether positions are still there when a partition has another leader: one that was elected with less of the log has
 * other records at the same offsets (KIP-320). Asked of the new leader: where the epoch ended in which the record before the
 * position was written. Kafka's OffsetsForLeaderEpochClient asks the same.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { OffsetForLeaderEpoch } from "../protocol/messages/offset_for_leader_epoch.ts";
import type { AssignedPartition } from "./assigned_partition.ts";
import type { Connection } from "./connection.ts";
import { KafkaError } from "./errors.ts";
import type { Located } from "./locate.ts";

/** Whether its position is to be asked for before it is fetched. */
export function isUnsure({ assigned, topic }: Located): boolean {
  if (assigned.fetchEpoch < 0) return false; // nobody knows in which epoch it was
  const { leaderEpoch } = topic.partitions[assigned.partition];
  return leaderEpoch > assigned.validEpoch && leaderEpoch > assigned.fetchEpoch;
}

/** Where the log was cut before a position: it ends there, or nothing of it is known (null). */
export interface Cut {
  readonly assigned: AssignedPartition;
  /** Of the leader that says so. */
  readonly currentEpoch: number;
  readonly end: { readonly offset: number; readonly leaderEpoch: number } | null;
}

/**
 * Those whose log was cut; the others are good for this leader. `failed` is told of those that could not be asked for.
 * Throws KafkaError and ConnectionError.
 */
export async function cutPositions(
  connection: Connection,
  located: readonly Located[],
  failed: (error: unknown, partition: AssignedPartition) => void,
): Promise<Cut[]> {
  const asked = new Map(located.map(({ assigned, topic }) => [assigned.name, {
    assigned,
    fetchEpoch: assigned.fetchEpoch,
    epoch: assigned.epoch,
    currentEpoch: topic.partitions[assigned.partition].leaderEpoch,
  }]));
  const version = connection.versionFor(OffsetForLeaderEpoch);
  const answer = await connection.request(OffsetForLeaderEpoch, version, {
    replicaId: -1,
    topics: [...asked.values()].map(({ assigned, fetchEpoch, currentEpoch }) => ({
      topic: assigned.topic,
      partitions: [{
        partition: assigned.partition,
        currentLeaderEpoch: currentEpoch,
        leaderEpoch: fetchEpoch,
      }],
    })),
  });
  const cuts: Cut[] = [];
  for (const { topic, partitions } of answer.topics) {
    for (const { partition, errorCode, leaderEpoch, endOffset } of partitions) {
      const one = asked.get(`${topic}-${partition}`);
      if (one === undefined || one.epoch !== one.assigned.epoch) continue;
      const { assigned, currentEpoch } = one;
      if (errorCode !== 0) {
        failed(new KafkaError(errorCode, `leader epoch of ${assigned.name}`), assigned);
        continue;
      }
      assigned.answered();
      const isKnown = endOffset >= 0 && leaderEpoch >= 0;
      if (isKnown && endOffset >= assigned.fetchFrom!) assigned.validEpoch = currentEpoch;
      else {
        const end = isKnown ? { offset: endOffset, leaderEpoch } : null;
        cuts.push({ assigned, currentEpoch, end });
      }
    }
  }
  return cuts;
}

/** What poll() throws where a log was cut and nothing says where to go on. */
export function cutError({ assigned, end }: Cut): KafkaError {
  return new KafkaError(
    ErrorCode.OFFSET_OUT_OF_RANGE,
    `position of ${assigned.name}`,
    `Its log was cut${
      end === null ? "" : ` at ${end.offset}`
    }, before ${assigned.fetchFrom}; autoOffsetReset is none.`,
  );
}
