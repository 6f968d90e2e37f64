/**
 * Records of the group log for Kafka Streams groups (KIP-1071).
 */
import { array, int16, int32, int64, int8, message, string, struct, uint16 } from "../../schema.ts";

export const StreamsGroupMetadataKey = message({
  name: "StreamsGroupMetadataKey",
  key: 17,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
  },
});

const lastAssignmentConfig = {
  key: string,
  value: string,
};

export const StreamsGroupMetadataValue = message({
  name: "StreamsGroupMetadataValue",
  key: 17,
  versions: "0",
  flexible: "0+",
  fields: {
    epoch: int32,
    metadataHash: int64,
    validatedTopologyEpoch: int32.default(-1).tag(0, "0+"),
    lastAssignmentConfigs: array(lastAssignmentConfig).nullable().default([]).tag(1, "0+"),
    storedDescriptionTopologyEpoch: int32.default(-1).tag(2, "0+"),
    failedDescriptionTopologyEpoch: int32.default(-1).tag(3, "0+"),
  },
});

export const StreamsGroupMemberMetadataKey = message({
  name: "StreamsGroupMemberMetadataKey",
  key: 19,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
    memberId: string,
  },
});

const endpoint = {
  host: string,
  port: uint16,
};

const keyValue = {
  key: string,
  value: string,
};

export const StreamsGroupMemberMetadataValue = message({
  name: "StreamsGroupMemberMetadataValue",
  key: 19,
  versions: "0",
  flexible: "0+",
  fields: {
    instanceId: string.nullable(),
    rackId: string.nullable(),
    clientId: string,
    clientHost: string,
    rebalanceTimeoutMs: int32.default(-1),
    topologyEpoch: int32,
    processId: string,
    userEndpoint: struct(endpoint).nullable(),
    clientTags: array(keyValue),
  },
});

export const StreamsGroupTargetAssignmentMetadataKey = message({
  name: "StreamsGroupTargetAssignmentMetadataKey",
  key: 20,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
  },
});

export const StreamsGroupTargetAssignmentMetadataValue = message({
  name: "StreamsGroupTargetAssignmentMetadataValue",
  key: 20,
  versions: "0",
  flexible: "0+",
  fields: {
    assignmentEpoch: int32,
    assignmentTimestamp: int64.tag(0, "0+"),
  },
});

export const StreamsGroupTargetAssignmentMemberKey = message({
  name: "StreamsGroupTargetAssignmentMemberKey",
  key: 21,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
    memberId: string,
  },
});

const targetTasks = {
  subtopologyId: string,
  partitions: array(int32),
};

export const StreamsGroupTargetAssignmentMemberValue = message({
  name: "StreamsGroupTargetAssignmentMemberValue",
  key: 21,
  versions: "0",
  flexible: "0+",
  fields: {
    activeTasks: array(targetTasks),
    standbyTasks: array(targetTasks),
    warmupTasks: array(targetTasks),
  },
});

export const StreamsGroupCurrentMemberAssignmentKey = message({
  name: "StreamsGroupCurrentMemberAssignmentKey",
  key: 22,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
    memberId: string,
  },
});

const ownedTasks = {
  subtopologyId: string,
  partitions: array(int32),
  assignmentEpochs: array(int32).nullable().default([]).tag(0, "0+"),
};

export const StreamsGroupCurrentMemberAssignmentValue = message({
  name: "StreamsGroupCurrentMemberAssignmentValue",
  key: 22,
  versions: "0",
  flexible: "0+",
  fields: {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    activeTasks: array(ownedTasks),
    standbyTasks: array(ownedTasks),
    warmupTasks: array(ownedTasks),
    activeTasksPendingRevocation: array(ownedTasks),
    standbyTasksPendingRevocation: array(ownedTasks),
    warmupTasksPendingRevocation: array(ownedTasks),
  },
});

export const StreamsGroupTopologyKey = message({
  name: "StreamsGroupTopologyKey",
  key: 23,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
  },
});

const topicConfig = {
  key: string,
  value: string,
};

const topicInfo = {
  name: string,
  partitions: int32,
  replicationFactor: int16,
  topicConfigs: array(topicConfig),
};

export const StreamsGroupTopologyValue = message({
  name: "StreamsGroupTopologyValue",
  key: 23,
  versions: "0",
  flexible: "0+",
  fields: {
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
  },
});
