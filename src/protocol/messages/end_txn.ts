/**
 * EndTxn: commits or aborts a transaction.
 *
 * v3 flexible · v5 answers with the producer id and epoch for the next transaction: every transaction has its own
 * epoch (KIP-890).
 */
import { api, bool, int16, int32, int64, string } from "../schema.ts";

export const EndTxn = api({
  key: 26,
  name: "EndTxn",
  versions: "0-5",
  flexible: "3+",
  request: {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    committed: bool, // true: commit, false: abort
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    producerId: int64.default(-1).in("5+").ignorable(),
    producerEpoch: int16.default(-1).in("5+").ignorable(),
  },
});
