/**
 * DescribeShareGroupOffsets: where share groups begin in their partitions.
 *
 * v1 how many records are still to be delivered.
 */
import { api, array, int16, int32, int64, string, uuid } from "../schema.ts";

export const DescribeShareGroupOffsets = api({
  key: 90,
  name: "DescribeShareGroupOffsets",
  versions: "0-1",
  flexible: "0+",
  request: {
    groups: array({
      groupId: string,
      topics: array({
        topicName: string,
        partitions: array(int32),
      }).nullable(),
    }),
  },
  response: {
    throttleTimeMs: int32,
    groups: array({
      groupId: string,
      topics: array({
        topicName: string,
        topicId: uuid,
        partitions: array({
          partitionIndex: int32,
          startOffset: int64,
          leaderEpoch: int32,
          lag: int64.default(-1).in("1+").ignorable(),
          errorCode: int16,
          errorMessage: string.nullable(),
        }),
      }),
      errorCode: int16,
      errorMessage: string.nullable(),
    }),
  },
});
