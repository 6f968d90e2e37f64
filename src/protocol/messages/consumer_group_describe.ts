/**
 * ConsumerGroupDescribe: state and members of groups of the consumer protocol (KIP-848).
 *
 * v1 says of each member whether it speaks the classic protocol.
 *
 * Tags from 10000 on are Runnel's own, as in DescribeGroups.
 */
import { api, array, bool, int16, int32, int8, string, struct, uuid } from "../schema.ts";

const topicPartitions = {
  topicId: uuid,
  topicName: string,
  partitions: array(int32),
};

const assignment = {
  topicPartitions: array(topicPartitions),
};

export const ConsumerGroupDescribe = api({
  key: 69,
  name: "ConsumerGroupDescribe",
  versions: "0-1",
  flexible: "0+",
  request: {
    groupIds: array(string),
    includeAuthorizedOperations: bool,
    explain: bool.tag(10_000, "0+"),
  },
  response: {
    throttleTimeMs: int32,
    groups: array({
      errorCode: int16,
      errorMessage: string.nullable(),
      groupId: string,
      groupState: string,
      groupEpoch: int32,
      assignmentEpoch: int32,
      assignorName: string,
      members: array({
        memberId: string,
        instanceId: string.nullable(),
        rackId: string.nullable(),
        memberEpoch: int32,
        clientId: string,
        clientHost: string,
        subscribedTopicNames: array(string),
        subscribedTopicRegex: string.nullable(),
        assignment: struct(assignment),
        targetAssignment: struct(assignment),
        memberType: int8.default(-1).in("1+").ignorable(),
        silentMs: int32.default(-1).tag(10_000, "0+"), // since its last request
        sessionTimeoutMs: int32.default(-1).tag(10_001, "0+"),
      }),
      authorizedOperations: int32.default(-2147483648),
    }),
  },
});
