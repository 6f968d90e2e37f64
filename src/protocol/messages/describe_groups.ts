/**
 * DescribeGroups: state and members of classic groups.
 *
 * v3 authorized operations · v4 static members · v5 flexible · v6 GROUP_ID_NOT_FOUND with a message for unknown
 * groups (before: state Dead).
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
      }),
      authorizedOperations: int32.default(-2147483648).in("3+"),
    }),
  },
});
