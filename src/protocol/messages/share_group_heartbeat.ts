/**
 * ShareGroupHeartbeat: a member of a share group joins, stays, leaves, and receives its assignment (KIP-932).
 *
 * Member epoch 0 joins, -1 leaves. A null field means unchanged.
 */
import { api, array, int16, int32, string, struct, uuid } from "../schema.ts";

const topicPartitions = {
  topicId: uuid,
  partitions: array(int32),
};

export const ShareGroupHeartbeat = api({
  key: 76,
  name: "ShareGroupHeartbeat",
  versions: "1",
  flexible: "0+",
  request: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    rackId: string.nullable(),
    subscribedTopicNames: array(string).nullable(),
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
