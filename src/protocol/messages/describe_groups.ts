/**
 * DescribeGroups: state and members of classic groups.
 *
 * v3 authorized operations · v4 static members · v5 flexible · v6 GROUP_ID_NOT_FOUND with a message for unknown
 * groups (before: state Dead).
 *
 * Tags from 10000 on are Runnel's own: what keeps a group waiting, told only to those who ask by `explain`. Kafka skips
 * tags it does not know, and no other client is ever sent them.
 */
import { api, array, bool, bytes, int16, int32, string } from "../schema.ts";

export const DescribeGroups = api({
  key: 15,
  name: "DescribeGroups",
  versions: "0-6",
  flexible: "5+",
  request: {
    groups: array(string),
    includeAuthorizedOperations: bool.in("3+"),
    explain: bool.tag(10_000, "5+").ignorable(),
  },
  response: {
    throttleTimeMs: int32.in("1+").ignorable(),
    groups: array({
      errorCode: int16,
      errorMessage: string.nullable().in("6+"),
      groupId: string,
      groupState: string,
      protocolType: string,
      protocolData: string,
      members: array({
        memberId: string,
        groupInstanceId: string.nullable().in("4+").ignorable(),
        clientId: string,
        clientHost: string,
        memberMetadata: bytes,
        memberAssignment: bytes,
        awaited: string.tag(10_000, "5+").ignorable(), // "join", "sync", or "" for nothing
        silentMs: int32.default(-1).tag(10_001, "5+").ignorable(), // since its last request; 0 while it waits
        sessionTimeoutMs: int32.default(-1).tag(10_002, "5+").ignorable(),
      }),
      authorizedOperations: int32.default(-2147483648).in("3+"),
      rebalancingMs: int32.default(-1).tag(10_000, "5+").ignorable(), // -1: none is under way
      pendingMembers: int32.tag(10_001, "5+").ignorable(), // ids handed out that have not come back
    }),
  },
});
