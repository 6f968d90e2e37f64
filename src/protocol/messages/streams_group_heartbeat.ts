/**
 * StreamsGroupHeartbeat: a member of a Kafka Streams group joins, stays, leaves, and receives its tasks
 * (KIP-1071).
 *
 * A null field means unchanged. v1 asks for a description of the topology when there is none, and moves the
 * acceptable lag.
 */
import { api, array, bool, int16, int32, int64, int8, string, struct, uint16 } from "../schema.ts";

const keyValue = {
  key: string,
  value: string,
};

const topicInfo = {
  name: string,
  partitions: int32,
  replicationFactor: int16,
  topicConfigs: array(keyValue),
};

const endpoint = {
  host: string,
  port: uint16,
};

const taskOffset = {
  subtopologyId: string,
  partition: int32,
  offset: int64,
};

const taskIds = {
  subtopologyId: string,
  partitions: array(int32),
};

const status = {
  statusCode: int8,
  statusDetail: string,
};

const topicPartition = {
  topic: string,
  partitions: array(int32),
};

export const StreamsGroupHeartbeat = api({
  key: 88,
  name: "StreamsGroupHeartbeat",
  versions: "0-1",
  flexible: "0+",
  request: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    endpointInformationEpoch: int32,
    instanceId: string.nullable(),
    rackId: string.nullable(),
    rebalanceTimeoutMs: int32.default(-1),
    topology: struct({
      epoch: int32,
      subtopologies: array({
        subtopologyId: string,
        sourceTopics: array(string),
        sourceTopicRegex: array(string),
        stateChangelogTopics: array(topicInfo),
        repartitionSinkTopics: array(string),
        repartitionSourceTopics: array(topicInfo),
        copartitionGroups: array({
          sourceTopics: array(int16),
          sourceTopicRegex: array(int16),
          repartitionSourceTopics: array(int16),
        }),
      }),
    }).nullable(),
    activeTasks: array(taskIds).nullable(),
    standbyTasks: array(taskIds).nullable(),
    warmupTasks: array(taskIds).nullable(),
    processId: string.nullable(),
    userEndpoint: struct(endpoint).nullable(),
    clientTags: array(keyValue).nullable(),
    taskOffsets: array(taskOffset).nullable(),
    taskEndOffsets: array(taskOffset).nullable(),
    shutdownApplication: bool,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    memberId: string,
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    acceptableRecoveryLagLegacy: int32.in("0"),
    taskOffsetIntervalMs: int32,
    acceptableRecoveryLag: int64.default(-1).in("1+").ignorable(),
    status: array(status).nullable(),
    activeTasks: array(taskIds).nullable(),
    standbyTasks: array(taskIds).nullable(),
    warmupTasks: array(taskIds).nullable(),
    topologyDescriptionRequired: bool.in("1+"),
    endpointInformationEpoch: int32,
    partitionsByUserEndpoint: array({
      userEndpoint: struct(endpoint),
      activePartitions: array(topicPartition),
      standbyPartitions: array(topicPartition),
    }).nullable(),
  },
});
