/**
 * DescribeQuorum 0–2: who votes on the metadata log and how far each has come: this node alone, always at its end.
 *
 * Only `__cluster_metadata` partition 0, asked for by itself, has a quorum; all else is 3.
 *
 * Versions: 1 times of the last fetch and of catching up (the leader's are now) · 2 the voter's directory, where voters
 * stand in the log (KIP-853), its listener as controller, and error messages.
 */
import { ZERO_UUID } from "../bytes/uuid.ts";
import type { Clock } from "../clock.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeQuorum } from "../protocol/messages/describe_quorum.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { METADATA_TOPIC } from "../topics/metadata_topic.ts";
import { asRegistered, type EndpointFor } from "./endpoints.ts";
import { type Handler, handler, type RequestContext } from "./handler.ts";

export interface DescribeQuorumDeps {
  readonly metadata: MetadataStore;
  readonly nodeId: number;
  readonly clock: Clock;
  readonly endpointFor?: EndpointFor;
}

export function describeQuorum(deps: DescribeQuorumDeps): Handler {
  return handler(DescribeQuorum, { min: 0, max: 2 }, ({ topics }, context) => {
    const [topic] = topics;
    const isQuorum = topics.length === 1 && topic.topicName === METADATA_TOPIC &&
      topic.partitions.length === 1 && topic.partitions[0].partitionIndex === 0;
    if (isQuorum) return { errorCode: ErrorCode.NONE, ...quorum(deps, context) };
    return {
      errorCode: ErrorCode.NONE,
      topics: topics.map(({ topicName, partitions }) => ({
        topicName,
        partitions: partitions.map(({ partitionIndex }) => ({ ...UNKNOWN, partitionIndex })),
      })),
      nodes: [],
    };
  });
}

const UNKNOWN = {
  errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  errorMessage: "This server does not host this topic-partition.",
  leaderId: 0,
  leaderEpoch: 0,
  highWatermark: 0,
  currentVoters: [],
  observers: [],
};

function quorum(
  { metadata, nodeId, clock, endpointFor = asRegistered }: DescribeQuorumDeps,
  { apiVersion, connection }: RequestContext,
) {
  const logEndOffset = metadata.version + 1, nowMs = clock.nowMs();
  const { leaderEpoch, kraftVersion, directoryId } = metadata.quorum;
  const partition = {
    partitionIndex: 0,
    errorCode: ErrorCode.NONE,
    leaderId: nodeId,
    leaderEpoch,
    highWatermark: logEndOffset,
    currentVoters: [{
      replicaId: nodeId,
      logEndOffset,
      lastFetchTimestamp: nowMs,
      lastCaughtUpTimestamp: nowMs,
      ...(apiVersion >= 2 && {
        replicaDirectoryId: kraftVersion === 0 ? ZERO_UUID : directoryId,
      }),
    }],
    observers: [],
  };
  const nodes = metadata.catalogue.controllers().map(({ controllerId, endPoints }) => ({
    nodeId: controllerId,
    listeners: endPoints.map(({ name, host, port }) => ({
      name,
      ...endpointFor({ id: controllerId, host, port }, connection),
    })),
  }));
  return {
    topics: [{ topicName: METADATA_TOPIC, partitions: [partition] }],
    ...(apiVersion >= 2 && { nodes }),
  };
}
