/**
 * Fetch: reads record batches from partitions, waiting for new ones when there are too few.
 *
 * v4 isolation level and aborted transactions · v5 log start offset · v7 incremental sessions (KIP-227) · v9
 * leader epoch · v10 zstd · v11 rack and preferred replica · v12 flexible, diverging epochs · v13 topics by id ·
 * v15 the replica moves into a tagged struct · v16 addresses of new leaders · v17 replica directory · v18 high
 * watermark known to the fetcher.
 */
import { api, array, int16, int32, int64, int8, records, string, struct, uuid } from "../schema.ts";

export const Fetch = api({
  key: 1,
  name: "Fetch",
  versions: "4-18",
  flexible: "12+",
  request: {
    clusterId: string.nullable().tag(0, "12+").ignorable(),
    replicaId: int32.default(-1).in("4-14"),
    replicaState: struct({
      replicaId: int32.default(-1),
      replicaEpoch: int64.default(-1),
    }).tag(1, "15+"),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.default(0x7fffffff),
    isolationLevel: int8, // 0 read uncommitted, 1 read committed
    sessionId: int32.in("7+").ignorable(),
    sessionEpoch: int32.default(-1).in("7+").ignorable(), // 0 opens a session, -1 closes it or asks without one
    topics: array({
      topic: string.in("4-12").ignorable(),
      topicId: uuid.in("13+").ignorable(),
      partitions: array({
        partition: int32,
        currentLeaderEpoch: int32.default(-1).in("9+").ignorable(),
        fetchOffset: int64,
        lastFetchedEpoch: int32.default(-1).in("12+"),
        logStartOffset: int64.default(-1).in("5+").ignorable(),
        partitionMaxBytes: int32,
        replicaDirectoryId: uuid.tag(0, "17+").ignorable(),
        highWatermark: int64.default(Number.MAX_SAFE_INTEGER).tag(1, "18+").ignorable(),
      }),
    }),
    forgottenTopicsData: array({
      topic: string.in("7-12").ignorable(),
      topicId: uuid.in("13+").ignorable(),
      partitions: array(int32),
    }).in("7+"),
    rackId: string.in("11+").ignorable(),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16.in("7+").ignorable(),
    sessionId: int32.in("7+"),
    responses: array({
      topic: string.in("4-12").ignorable(),
      topicId: uuid.in("13+").ignorable(),
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        highWatermark: int64,
        lastStableOffset: int64.default(-1),
        logStartOffset: int64.default(-1).in("5+").ignorable(),
        divergingEpoch: struct({
          epoch: int32.default(-1),
          endOffset: int64.default(-1),
        }).tag(0, "12+"),
        currentLeader: struct({
          leaderId: int32.default(-1),
          leaderEpoch: int32.default(-1),
        }).tag(1, "12+"),
        snapshotId: struct({
          endOffset: int64.default(-1),
          epoch: int32.default(-1),
        }).tag(2, "12+"),
        abortedTransactions: array({
          producerId: int64,
          firstOffset: int64,
        }).nullable(),
        preferredReadReplica: int32.default(-1).in("11+"),
        records: records.nullable(),
      }),
    }),
    nodeEndpoints: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.nullable(),
    }).tag(0, "16+"),
  },
});
