/**
 * DescribeTransactions 0: state, producer and partitions of transactional ids; of one that is being ended, the partitions
 * whose markers are still to be written. An empty id is 42, an unknown one 105.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeTransactions } from "../protocol/messages/describe_transactions.ts";
import type { TransactionCoordinator } from "../transactions/coordinator.ts";
import { describeTransaction } from "../transactions/transaction_admin.ts";
import { type Handler, handler } from "./handler.ts";

export function describeTransactions(transactions: TransactionCoordinator): Handler {
  return handler(DescribeTransactions, { min: 0, max: 0 }, async (request) => ({
    transactionStates: await Promise.all(
      request.transactionalIds.map((id) => stateOf(transactions, id)),
    ),
  }));
}

async function stateOf(transactions: TransactionCoordinator, transactionalId: string) {
  const described = await describeTransaction(transactions, transactionalId);
  if (typeof described === "number") return { errorCode: described, transactionalId };
  return {
    errorCode: ErrorCode.NONE,
    transactionalId,
    transactionState: described.state,
    transactionTimeoutMs: described.timeoutMs,
    transactionStartTimeMs: described.startTimestampMs,
    producerId: described.producerId,
    producerEpoch: described.producerEpoch,
    topics: Array.from(described.partitions.byTopic(), ([topic, partitions]) => ({
      topic,
      partitions: [...partitions],
    })),
  };
}
