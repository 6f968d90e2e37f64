/**
 * Produce: appends record batches to partitions.
 *
 * v3 carries magic 2 batches and a transactional id · v5 log start offset · v7 zstd · v8 names the records at
 * fault · v9 flexible · v10 new leader and its address · v12 adds partitions to the transaction by itself
 * (KIP-890) · v13 topics by id.
 */
import { api, array, int16, int32, int64, records, string, struct, uuid } from "../schema.ts";

export const Produce = api({
  key: 0,
  name: "Produce",
  versions: "3-13",
  flexible: "9+",
  request: {
    transactionalId: string.nullable(),
    // 0: no reply, 1: written by the leader, -1: by all in-sync replicas
    acks: int16,
    timeoutMs: int32,
    topicData: array({
      name: string.in("3-12").ignorable(),
      topicId: uuid.in("13+").ignorable(),
      partitionData: array({
        index: int32,
        records: records.nullable(),
      }),
    }),
  },
  response: {
    responses: array({
      name: string.in("3-12").ignorable(),
      topicId: uuid.in("13+").ignorable(),
      partitionResponses: array({
        index: int32,
        errorCode: int16,
        baseOffset: int64,
        logAppendTimeMs: int64.default(-1),
        logStartOffset: int64.default(-1).in("5+").ignorable(),
        recordErrors: array({
          batchIndex: int32,
          batchIndexErrorMessage: string.nullable(),
        }).in("8+").ignorable(),
        errorMessage: string.nullable().in("8+").ignorable(),
        currentLeader: struct({
          leaderId: int32.default(-1),
          leaderEpoch: int32.default(-1),
        }).tag(0, "10+"),
      }),
    }),
    throttleTimeMs: int32,
    nodeEndpoints: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.nullable(),
    }).tag(0, "10+"),
  },
});
