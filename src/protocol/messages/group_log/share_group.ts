/**
 * Records of the group log for share groups (KIP-932).
 */
import { array, int32, int64, int8, message, string, uuid } from "../../schema.ts";

export const ShareGroupMemberMetadataKey = message({
  name: "ShareGroupMemberMetadataKey",
  key: 10,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
    memberId: string,
  },
});

export const ShareGroupMemberMetadataValue = message({
  name: "ShareGroupMemberMetadataValue",
  key: 10,
  versions: "0",
  flexible: "0+",
  fields: {
    rackId: string.nullable(),
    clientId: string,
    clientHost: string,
    subscribedTopicNames: array(string),
  },
});

export const ShareGroupMetadataKey = message({
  name: "ShareGroupMetadataKey",
  key: 11,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
  },
});

export const ShareGroupMetadataValue = message({
  name: "ShareGroupMetadataValue",
  key: 11,
  versions: "0",
  flexible: "0+",
  fields: {
    epoch: int32,
    metadataHash: int64,
  },
});

export const ShareGroupTargetAssignmentMetadataKey = message({
  name: "ShareGroupTargetAssignmentMetadataKey",
  key: 12,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
  },
});

export const ShareGroupTargetAssignmentMetadataValue = message({
  name: "ShareGroupTargetAssignmentMetadataValue",
  key: 12,
  versions: "0",
  flexible: "0+",
  fields: {
    assignmentEpoch: int32,
    assignmentTimestamp: int64.tag(0, "0+"),
  },
});

export const ShareGroupTargetAssignmentMemberKey = message({
  name: "ShareGroupTargetAssignmentMemberKey",
  key: 13,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
    memberId: string,
  },
});

export const ShareGroupTargetAssignmentMemberValue = message({
  name: "ShareGroupTargetAssignmentMemberValue",
  key: 13,
  versions: "0",
  flexible: "0+",
  fields: {
    topicPartitions: array({
      topicId: uuid,
      partitions: array(int32),
    }),
  },
});

export const ShareGroupCurrentMemberAssignmentKey = message({
  name: "ShareGroupCurrentMemberAssignmentKey",
  key: 14,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
    memberId: string,
  },
});

const topicPartitions = {
  topicId: uuid,
  partitions: array(int32),
};

export const ShareGroupCurrentMemberAssignmentValue = message({
  name: "ShareGroupCurrentMemberAssignmentValue",
  key: 14,
  versions: "0",
  flexible: "0+",
  fields: {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    assignedPartitions: array(topicPartitions),
  },
});

export const ShareGroupStatePartitionMetadataKey = message({
  name: "ShareGroupStatePartitionMetadataKey",
  key: 15,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
  },
});

const topicPartitionsInfo = {
  topicId: uuid,
  topicName: string,
  partitions: array(int32),
};

const topicInfo = {
  topicId: uuid,
  topicName: string,
};

export const ShareGroupStatePartitionMetadataValue = message({
  name: "ShareGroupStatePartitionMetadataValue",
  key: 15,
  versions: "0",
  flexible: "0+",
  fields: {
    initializingTopics: array(topicPartitionsInfo),
    initializedTopics: array(topicPartitionsInfo),
    deletingTopics: array(topicInfo),
  },
});
