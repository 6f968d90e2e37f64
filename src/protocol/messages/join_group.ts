/**
 * JoinGroup: a member enters a group of the classic protocol, or takes part in its rebalance.
 *
 * v1 rebalance timeout · v4 the coordinator hands out a member id first (KIP-394) · v5 static members · v6
 * flexible · v7 protocol type in the answer · v8 reason · v9 a static leader may skip the assignment.
 */
import { api, array, bool, bytes, int16, int32, string } from "../schema.ts";

export const JoinGroup = api({
  key: 11,
  name: "JoinGroup",
  versions: "0-9",
  flexible: "6+",
  request: {
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: int32.default(-1).in("1+").ignorable(),
    memberId: string,
    groupInstanceId: string.nullable().in("5+"),
    protocolType: string,
    protocols: array({
      name: string,
      metadata: bytes,
    }),
    reason: string.nullable().in("8+").ignorable(),
  },
  response: {
    throttleTimeMs: int32.in("2+").ignorable(),
    errorCode: int16,
    generationId: int32.default(-1),
    protocolType: string.nullable().in("7+").ignorable(),
    protocolName: string.nullable("7+").default(""),
    leader: string,
    skipAssignment: bool.in("9+"),
    memberId: string,
    members: array({
      memberId: string,
      groupInstanceId: string.nullable().in("5+").ignorable(),
      metadata: bytes,
    }),
  },
});
