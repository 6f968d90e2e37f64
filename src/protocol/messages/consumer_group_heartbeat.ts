/**
 * ConsumerGroupHeartbeat: the one request of the consumer group protocol (KIP-848): a member joins, stays, leaves,
 * and receives its assignment.
 *
 * Member epoch 0 joins, -1 leaves, -2 leaves as a static member that will be back. A null field means unchanged.
 * v1 subscribes by regular expression, and the client makes its own member id.
 */
import { api, array, int16, int32, string, struct, uuid } from "../schema.ts";

const topicPartitions = {
  topicId: uuid,
  partitions: array(int32),
};

export const ConsumerGroupHeartbeat = api({
  key: 68,
  name: "ConsumerGroupHeartbeat",
  versions: "0-1",
  flexible: "0+",
  request: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    instanceId: string.nullable(),
    rackId: string.nullable(),
    rebalanceTimeoutMs: int32.default(-1),
    subscribedTopicNames: array(string).nullable(),
    subscribedTopicRegex: string.nullable().in("1+"),
    serverAssignor: string.nullable(),
    topicPartitions: array({
      topicId: uuid,
      partitions: array(int32),
    }).nullable(),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    memberId: string.nullable(),
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    assignment: struct({
      topicPartitions: array(topicPartitions),
    }).nullable(),
  },
});
