/**
 * ElectLeaders: has partitions elect their preferred, or any, leader.
 *
 * v1 the kind of election and a top-level error code · v2 flexible.
 */
import { api, array, int16, int32, int8, string } from "../schema.ts";

export const ElectLeaders = api({
  key: 43,
  name: "ElectLeaders",
  versions: "0-2",
  flexible: "2+",
  request: {
    electionType: int8.in("1+"), // 0 preferred, 1 unclean
    topicPartitions: array({
      topic: string,
      partitions: array(int32),
    }).nullable(),
    timeoutMs: int32.default(60000),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16.in("1+"),
    replicaElectionResults: array({
      topic: string,
      partitionResult: array({
        partitionId: int32,
        errorCode: int16,
        errorMessage: string.nullable(),
      }),
    }),
  },
});
