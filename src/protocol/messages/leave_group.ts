/**
 * LeaveGroup: members leave a classic group.
 *
 * v3 several members at once, static ones too · v4 flexible · v5 reasons.
 */
import { api, array, int16, int32, string } from "../schema.ts";

export const LeaveGroup = api({
  key: 13,
  name: "LeaveGroup",
  versions: "0-5",
  flexible: "4+",
  request: {
    groupId: string,
    memberId: string.in("0-2"),
    members: array({
      memberId: string,
      groupInstanceId: string.nullable(),
      reason: string.nullable().in("5+").ignorable(),
    }).in("3+"),
  },
  response: {
    throttleTimeMs: int32.in("1+").ignorable(),
    errorCode: int16,
    members: array({
      memberId: string,
      groupInstanceId: string.nullable(),
      errorCode: int16,
    }).in("3+"),
  },
});
