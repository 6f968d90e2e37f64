/**
 * Records of the group log for groups of the consumer protocol (KIP-848).
 */
import { array, bytes, int32, int64, int8, message, string, struct, uuid } from "../../schema.ts";

export const ConsumerGroupMetadataKey = message({
  name: "ConsumerGroupMetadataKey",
  key: 3,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
  },
});

export const ConsumerGroupMetadataValue = message({
  name: "ConsumerGroupMetadataValue",
  key: 3,
  versions: "0",
  flexible: "0+",
  fields: {
    epoch: int32,
    metadataHash: int64.tag(0, "0+"),
  },
});

export const ConsumerGroupPartitionMetadataKey = message({
  name: "ConsumerGroupPartitionMetadataKey",
  key: 4,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
  },
});

export const ConsumerGroupPartitionMetadataValue = message({
  name: "ConsumerGroupPartitionMetadataValue",
  key: 4,
  versions: "0",
  flexible: "0+",
  fields: {
    topics: array({
      topicId: uuid,
      topicName: string,
      numPartitions: int32,
      partitionMetadata: array({
        partition: int32,
        racks: array(string),
      }),
    }),
  },
});

export const ConsumerGroupMemberMetadataKey = message({
  name: "ConsumerGroupMemberMetadataKey",
  key: 5,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
    memberId: string,
  },
});

export const ConsumerGroupMemberMetadataValue = message({
  name: "ConsumerGroupMemberMetadataValue",
  key: 5,
  versions: "0",
  flexible: "0+",
  fields: {
    instanceId: string.nullable(),
    rackId: string.nullable(),
    clientId: string,
    clientHost: string,
    subscribedTopicNames: array(string),
    subscribedTopicRegex: string.nullable(),
    rebalanceTimeoutMs: int32.default(-1),
    serverAssignor: string.nullable(),
    classicMemberMetadata: struct({
      sessionTimeoutMs: int32,
      supportedProtocols: array({
        name: string,
        metadata: bytes,
      }),
    }).nullable().default({}).tag(0, "0+"),
  },
});

export const ConsumerGroupTargetAssignmentMetadataKey = message({
  name: "ConsumerGroupTargetAssignmentMetadataKey",
  key: 6,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
  },
});

export const ConsumerGroupTargetAssignmentMetadataValue = message({
  name: "ConsumerGroupTargetAssignmentMetadataValue",
  key: 6,
  versions: "0",
  flexible: "0+",
  fields: {
    assignmentEpoch: int32,
    assignmentTimestamp: int64.tag(0, "0+"),
  },
});

export const ConsumerGroupTargetAssignmentMemberKey = message({
  name: "ConsumerGroupTargetAssignmentMemberKey",
  key: 7,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
    memberId: string,
  },
});

export const ConsumerGroupTargetAssignmentMemberValue = message({
  name: "ConsumerGroupTargetAssignmentMemberValue",
  key: 7,
  versions: "0",
  flexible: "0+",
  fields: {
    topicPartitions: array({
      topicId: uuid,
      partitions: array(int32),
    }),
  },
});

export const ConsumerGroupCurrentMemberAssignmentKey = message({
  name: "ConsumerGroupCurrentMemberAssignmentKey",
  key: 8,
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
  assignmentEpochs: array(int32).nullable().default([]).tag(0, "0+"),
};

export const ConsumerGroupCurrentMemberAssignmentValue = message({
  name: "ConsumerGroupCurrentMemberAssignmentValue",
  key: 8,
  versions: "0",
  flexible: "0+",
  fields: {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    assignedPartitions: array(topicPartitions),
    partitionsPendingRevocation: array(topicPartitions),
  },
});

export const ConsumerGroupRegularExpressionKey = message({
  name: "ConsumerGroupRegularExpressionKey",
  key: 16,
  versions: "0",
  flexible: "none",
  fields: {
    groupId: string,
    regularExpression: string,
  },
});

export const ConsumerGroupRegularExpressionValue = message({
  name: "ConsumerGroupRegularExpressionValue",
  key: 16,
  versions: "0",
  flexible: "0+",
  fields: {
    topics: array(string),
    version: int64,
    timestamp: int64,
  },
});
