/**
 * Records of the transaction log (`__transaction_state`), one key for each transactional id.
 */
import { array, int16, int32, int64, int8, message, string } from "../schema.ts";

export const TransactionLogKey = message({
  name: "TransactionLogKey",
  key: 0,
  versions: "0",
  flexible: "none",
  fields: {
    transactionalId: string,
  },
});

/** v1 is flexible and keeps the ids and epochs on both sides of a bump (KIP-890). */
export const TransactionLogValue = message({
  name: "TransactionLogValue",
  key: 0,
  versions: "0-1",
  flexible: "1+",
  fields: {
    producerId: int64,
    previousProducerId: int64.default(-1).tag(0, "1+"),
    nextProducerId: int64.default(-1).tag(1, "1+"),
    producerEpoch: int16,
    nextProducerEpoch: int16.default(-1).tag(3, "1+"),
    transactionTimeoutMs: int32,
    // 0 empty, 1 ongoing, 2 prepare commit, 3 prepare abort, 4 complete commit, 5 complete abort, 6 dead, 7 prepare epoch fence
    transactionStatus: int8,
    transactionPartitions: array({
      topic: string,
      partitionIds: array(int32),
    }).nullable(),
    transactionLastUpdateTimestampMs: int64,
    transactionStartTimestampMs: int64,
    clientTransactionVersion: int16.tag(2, "1+"),
  },
});
