/**
 * OffsetCommit: stores how far a group has read.
 *
 * v5 no retention time of its own any more · v6 leader epoch of the last record read · v7 static members · v8
 * flexible · v9 the member epoch of the consumer protocol (KIP-848) · v10 topics by id. Offsets are bigint:
 * whatever is committed comes back unchanged.
 */
import { api, array, int16, int32, int64, string, uuid } from "../schema.ts";

export const OffsetCommit = api({
  key: 8,
  name: "OffsetCommit",
  versions: "2-10",
  flexible: "8+",
  request: {
    groupId: string,
    generationIdOrMemberEpoch: int32.default(-1),
    memberId: string,
    groupInstanceId: string.nullable().in("7+"),
    retentionTimeMs: int64.default(-1).in("2-4").ignorable(),
    topics: array({
      name: string.in("2-9").ignorable(),
      topicId: uuid.in("10+").ignorable(),
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64.exact(),
        committedLeaderEpoch: int32.default(-1).in("6+").ignorable(),
        committedMetadata: string.nullable(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.in("3+").ignorable(),
    topics: array({
      name: string.in("2-9").ignorable(),
      topicId: uuid.in("10+").ignorable(),
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
      }),
    }),
  },
});
