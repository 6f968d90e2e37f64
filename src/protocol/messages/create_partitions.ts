/**
 * CreatePartitions: raises the number of partitions of topics, or only says whether it could.
 *
 * v2 flexible · v3 throttles by quota (KIP-599).
 */
import { api, array, bool, int16, int32, string } from "../schema.ts";

export const CreatePartitions = api({
  key: 37,
  name: "CreatePartitions",
  versions: "0-3",
  flexible: "2+",
  request: {
    topics: array({
      name: string,
      count: int32,
      assignments: array({
        brokerIds: array(int32),
      }).nullable(),
    }),
    timeoutMs: int32,
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32,
    results: array({
      name: string,
      errorCode: int16,
      errorMessage: string.nullable(),
    }),
  },
});
