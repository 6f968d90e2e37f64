/**
 * InitProducerId: a producer id and epoch for an idempotent or transactional producer.
 *
 * v2 flexible · v3 the producer may give the id and epoch it has, to bump that epoch · v4 answers PRODUCER_FENCED
 * · v6 two-phase commit (KIP-939): keeps a prepared transaction and says which.
 */
import { api, bool, int16, int32, int64, string } from "../schema.ts";

export const InitProducerId = api({
  key: 22,
  name: "InitProducerId",
  versions: "0-6",
  flexible: "2+",
  request: {
    transactionalId: string.nullable(),
    transactionTimeoutMs: int32,
    producerId: int64.default(-1).in("3+"),
    producerEpoch: int16.default(-1).in("3+"),
    enable2Pc: bool.in("6+"),
    keepPreparedTxn: bool.in("6+"),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    producerId: int64.default(-1),
    producerEpoch: int16,
    ongoingTxnProducerId: int64.default(-1).in("6+"),
    ongoingTxnProducerEpoch: int16.default(-1).in("6+"),
  },
});
