/**
 * TxnOffsetCommit: commits a group's offsets with a transaction.
 *
 * v2 leader epochs · v3 flexible, and names the member so that a zombie can be fenced · v5 adds the group to the
 * transaction by itself (KIP-890) · v6 topics by id. Offsets are bigint, as in OffsetCommit.
 */
import { api, array, int16, int32, int64, string, uuid } from "../schema.ts";

export const TxnOffsetCommit = api({
  key: 28,
  name: "TxnOffsetCommit",
  versions: "0-6",
  flexible: "3+",
  request: {
    transactionalId: string,
    groupId: string,
    producerId: int64,
    producerEpoch: int16,
    generationIdOrMemberEpoch: int32.default(-1).in("3+"),
    memberId: string.in("3+"),
    groupInstanceId: string.nullable().in("3+"),
    topics: array({
      name: string.in("0-5").ignorable(),
      topicId: uuid.in("6+").ignorable(),
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64.exact(),
        committedLeaderEpoch: int32.default(-1).in("2+").ignorable(),
        committedMetadata: string.nullable(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32,
    topics: array({
      name: string.in("0-5").ignorable(),
      topicId: uuid.in("6+").ignorable(),
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
      }),
    }),
  },
});
