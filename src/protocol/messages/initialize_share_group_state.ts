/**
 * InitializeShareGroupState: begins the state of share partitions; from the group coordinator to the share
 * coordinator.
 */
import { api, array, int16, int32, int64, string, uuid } from "../schema.ts";

export const InitializeShareGroupState = api({
  key: 83,
  name: "InitializeShareGroupState",
  versions: "0",
  flexible: "0+",
  request: {
    groupId: string,
    topics: array({
      topicId: uuid,
      partitions: array({
        partition: int32,
        stateEpoch: int32,
        startOffset: int64,
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
      }),
    }),
  },
});
