/**
 * Heartbeat: a member of a classic group shows that it lives, and learns of rebalances.
 *
 * v3 static members · v4 flexible.
 */
import { api, int16, int32, string } from "../schema.ts";

export const Heartbeat = api({
  key: 12,
  name: "Heartbeat",
  versions: "0-4",
  flexible: "4+",
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.nullable().in("3+"),
  },
  response: {
    throttleTimeMs: int32.in("1+").ignorable(),
    errorCode: int16,
  },
});
