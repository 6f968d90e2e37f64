/**
 * ElectLeaders 0–2: moves the lead of partitions to their first replica, or to any replica there is.
 *
 * A node takes the lead of its partitions when it starts and the others have none to give, so there is no election to
 * hold: 84 where the wanted leader leads, 80 (preferred) or 83 (unclean) where it is not there. topicPartitions null
 * means all; of those the ones that need nothing are left out. An unknown kind of election is 42.
 *
 * Versions: 1 names the kind of election; 0 means the preferred leader.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { ElectLeaders } from "../protocol/messages/elect_leaders.ts";
import type { Catalogue, Topic } from "../topics/catalogue.ts";
import { failure, type Outcome } from "../topics/outcome.ts";
import { type Handler, handler } from "./handler.ts";

const PREFERRED = 0, UNCLEAN = 1;

export function electLeaders({ catalogue }: { readonly catalogue: Catalogue }): Handler {
  return handler(ElectLeaders, { min: 0, max: 2 }, ({ electionType, topicPartitions }) => {
    const isKnown = electionType === PREFERRED || electionType === UNCLEAN;
    const unknownType = failure(
      ErrorCode.INVALID_REQUEST,
      `Unknown election type ${electionType}`,
    );
    const named = topicPartitions ?? catalogue.topics().map(({ name, partitions }) => ({
      topic: name,
      partitions: partitions.map(({ index }) => index),
    }));
    const replicaElectionResults = named.map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map((partitionId) => ({
        partitionId,
        ...(isKnown ? elect(catalogue, topic, partitionId, electionType) : unknownType),
      })).filter(({ errorCode }) =>
        topicPartitions !== null || errorCode !== ErrorCode.ELECTION_NOT_NEEDED
      ),
    }));
    const errorCode = isKnown || named.length === 0 ? ErrorCode.NONE : ErrorCode.INVALID_REQUEST;
    return { errorCode, replicaElectionResults };
  });
}

function elect(catalogue: Catalogue, name: string, index: number, electionType: number): Outcome {
  const topic: Topic | undefined = catalogue.topic(name);
  const unknown = (what: string) => failure(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, what);
  if (topic === undefined) return unknown(`No such topic as ${name}`);
  const partition = topic.partitions[index];
  if (partition === undefined) return unknown(`No such partition as ${name}-${index}`);
  const { leaderId, replicas } = partition;
  const isNeeded = electionType === PREFERRED ? leaderId !== replicas[0] : leaderId < 0;
  if (!isNeeded) {
    return failure(
      ErrorCode.ELECTION_NOT_NEEDED,
      "Leader election not needed for topic partition.",
    );
  }
  return electionType === PREFERRED
    ? failure(
      ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE,
      "The preferred leader was not available.",
    )
    : failure(
      ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE,
      "Eligible topic partition leaders are not available.",
    );
}
