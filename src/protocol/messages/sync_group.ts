/**
 * SyncGroup: the leader of a classic group hands in the assignment, and every member receives its part.
 *
 * v3 static members · v4 flexible · v5 protocol type and name, to be compared with the group's.
 */
import { api, array, bytes, int16, int32, string } from "../schema.ts";

export const SyncGroup = api({
  key: 14,
  name: "SyncGroup",
  versions: "0-5",
  flexible: "4+",
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.nullable().in("3+"),
    protocolType: string.nullable().in("5+").ignorable(),
    protocolName: string.nullable().in("5+").ignorable(),
    assignments: array({
      memberId: string,
      assignment: bytes,
    }),
  },
  response: {
    throttleTimeMs: int32.in("1+").ignorable(),
    errorCode: int16,
    protocolType: string.nullable().in("5+").ignorable(),
    protocolName: string.nullable().in("5+").ignorable(),
    assignment: bytes,
  },
});
