/**
 * ListOffsets: the offset of a partition at a time, or at its ends.
 *
 * v2 isolation level · v4 leader epoch · v6 flexible · v7 largest timestamp · v8 earliest local · v9 last tiered ·
 * v10 a timeout for the tiered part · v11 earliest pending upload.
 */
import { api, array, int16, int32, int64, int8, string } from "../schema.ts";

export const ListOffsets = api({
  key: 2,
  name: "ListOffsets",
  versions: "1-11",
  flexible: "6+",
  request: {
    replicaId: int32,
    isolationLevel: int8.in("2+"), // 0 read uncommitted, 1 read committed
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        currentLeaderEpoch: int32.default(-1).in("4+").ignorable(),
        // -1 latest, -2 earliest, -3 largest timestamp, -4 earliest local, -5 last tiered, -6 earliest pending upload
        timestamp: int64.exactOrNumber(),
      }),
    }),
    timeoutMs: int32.in("10+").ignorable(),
  },
  response: {
    throttleTimeMs: int32.in("2+").ignorable(),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        timestamp: int64.default(-1),
        offset: int64.default(-1),
        leaderEpoch: int32.default(-1).in("4+"),
      }),
    }),
  },
});
