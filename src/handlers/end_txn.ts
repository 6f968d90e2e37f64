/**
 * EndTxn 0–5: a producer commits or aborts its transaction. Answered when the decision is durable; the markers follow, and
 * until they are written a request on the same transactional id is 51. Codes are those of decide_end_txn.ts.
 *
 * Versions: 2 PRODUCER_FENCED (90), 47 before · 5 answers with the id and epoch for the next transaction (KIP-890).
 */
import { EndTxn } from "../protocol/messages/end_txn.ts";
import type { TransactionCoordinator } from "../transactions/coordinator.ts";
import { type Handler, handler } from "./handler.ts";
import { fencedFor } from "./transaction_answers.ts";

export function endTxn(transactions: TransactionCoordinator): Handler {
  return handler(EndTxn, { min: 0, max: 5 }, async (request, { apiVersion }) => {
    const { transactionalId, producerId, producerEpoch, committed: isCommit } = request;
    const clientVersion = apiVersion >= 5 ? 2 : 0;
    const asked = { producerId, producerEpoch, isCommit, clientVersion } as const;
    const reply = await transactions.endTxn(transactionalId, asked);
    return {
      errorCode: fencedFor(apiVersion, 2, reply.errorCode),
      producerId: reply.producerId,
      producerEpoch: reply.producerEpoch,
    };
  });
}
