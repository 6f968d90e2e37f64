/**
 * ReadShareGroupStateSummary: where share partitions begin, without the batches.
 *
 * v1 counts the records delivered for good.
 */
import { api, array, int16, int32, int64, string, uuid } from "../schema.ts";

export const ReadShareGroupStateSummary = api({
  key: 87,
  name: "ReadShareGroupStateSummary",
  versions: "0-1",
  flexible: "0+",
  request: {
    groupId: string,
    topics: array({
      topicId: uuid,
      partitions: array({
        partition: int32,
        leaderEpoch: int32,
      }),
    }),
  },
  response: {
    results: array({
      topicId: uuid,
      partitions: array({
        partition: int32,
        errorCode: int16,
        errorMessage: string.nullable(),
        stateEpoch: int32,
        leaderEpoch: int32,
        startOffset: int64,
        deliveryCompleteCount: int32.default(-1).in("1+").ignorable(),
      }),
    }),
  },
});
