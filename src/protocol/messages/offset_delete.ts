/**
 * OffsetDelete: forgets a group's committed offsets of topics it is not subscribed to.
 *
 * Never flexible.
 */
import { api, array, int16, int32, string } from "../schema.ts";

export const OffsetDelete = api({
  key: 47,
  name: "OffsetDelete",
  versions: "0",
  flexible: "none",
  request: {
    groupId: string,
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
      }),
    }),
  },
  response: {
    errorCode: int16,
    throttleTimeMs: int32,
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
      }),
    }),
  },
});
