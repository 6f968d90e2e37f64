/**
 * ShareAcknowledge: accepts, releases, rejects or renews acquired records (KIP-932).
 *
 * v2 renewal.
 */
import { api, array, bool, int16, int32, int64, int8, string, struct, uuid } from "../schema.ts";

export const ShareAcknowledge = api({
  key: 79,
  name: "ShareAcknowledge",
  versions: "1-2",
  flexible: "0+",
  request: {
    groupId: string.nullable(),
    memberId: string.nullable(),
    shareSessionEpoch: int32,
    isRenewAck: bool.in("2+"),
    topics: array({
      topicId: uuid,
      partitions: array({
        partitionIndex: int32,
        acknowledgementBatches: array({
          firstOffset: int64,
          lastOffset: int64,
          acknowledgeTypes: array(int8),
        }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    acquisitionLockTimeoutMs: int32.in("2+").ignorable(),
    responses: array({
      topicId: uuid,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable(),
        currentLeader: struct({
          leaderId: int32,
          leaderEpoch: int32,
        }),
      }),
    }),
    nodeEndpoints: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.nullable(),
    }),
  },
});
