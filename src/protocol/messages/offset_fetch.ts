/**
 * OffsetFetch: how far groups have read; null topics means all of them.
 *
 * v2 a top-level error code · v5 leader epochs · v6 flexible · v7 may insist on stable offsets (KIP-447) · v8 many
 * groups at once, under other fields · v9 member id and epoch · v10 topics by id.
 */
import { api, array, bool, int16, int32, int64, string, uuid } from "../schema.ts";

export const OffsetFetch = api({
  key: 9,
  name: "OffsetFetch",
  versions: "1-10",
  flexible: "6+",
  request: {
    groupId: string.in("1-7"),
    topics: array({
      name: string,
      partitionIndexes: array(int32),
    }).nullable("2+").default([]).in("1-7"),
    groups: array({
      groupId: string,
      memberId: string.nullable().in("9+").ignorable(),
      memberEpoch: int32.default(-1).in("9+").ignorable(),
      topics: array({
        name: string.in("8-9").ignorable(),
        topicId: uuid.in("10+").ignorable(),
        partitionIndexes: array(int32),
      }).nullable(),
    }).in("8+"),
    requireStable: bool.in("7+"),
  },
  response: {
    throttleTimeMs: int32.in("3+").ignorable(),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64.exact(),
        committedLeaderEpoch: int32.default(-1).in("5+").ignorable(),
        metadata: string.nullable(),
        errorCode: int16,
      }),
    }).in("1-7"),
    errorCode: int16.in("2-7").ignorable(),
    groups: array({
      groupId: string,
      topics: array({
        name: string.in("8-9").ignorable(),
        topicId: uuid.in("10+").ignorable(),
        partitions: array({
          partitionIndex: int32,
          committedOffset: int64.exact(),
          committedLeaderEpoch: int32.default(-1),
          metadata: string.nullable(),
          errorCode: int16,
        }),
      }),
      errorCode: int16,
    }).in("8+"),
  },
});
