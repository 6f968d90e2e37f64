/**
 * DescribeTransactions 0: state, producer and partitions of transactional ids; of one that is being ended, the partitions
 * whose markers are still to be written. An empty id is 42, an unknown one 105; what the answer has no room for (long_answers.ts)
 * is 42 too.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeTransactions } from "../protocol/messages/describe_transactions.ts";
import type { Encodable } from "../protocol/schema.ts";
import type { TransactionCoordinator, TransactionPartition } from "../transactions/coordinator.ts";
import {
  describeTransactionNow,
  isKept,
  type TransactionDescription,
} from "../transactions/transaction_admin.ts";
import { type Handler, handler } from "./handler.ts";
import type { LongAnswers } from "./long_answers.ts";

export function describeTransactions(
  transactions: TransactionCoordinator,
  answers: LongAnswers,
): Handler {
  return handler(DescribeTransactions, { min: 0, max: 0 }, async (request, { connection }) => {
    /** What each state shows has to be kept by it; null: nothing is shown. */
    const partitions: (TransactionPartition | null)[] = [];
    const states = await answers.of({
      items: request.transactionalIds,
      part: (transactionalId): State => {
        const described = describeTransactionNow(transactions, transactionalId);
        if (typeof described === "number") {
          partitions.push(null);
          return { errorCode: described, transactionalId };
        }
        partitions.push(described.partition);
        return stateOf(transactionalId, described.description);
      },
      tooLong: (transactionalId) => {
        partitions.push(null);
        return { errorCode: ErrorCode.INVALID_REQUEST, transactionalId };
      },
      whole: (states) => states,
      connection,
    });
    if (!Array.isArray(states)) return states;
    const kept = new Map<TransactionPartition | null, boolean>();
    for (const one of new Set(partitions)) kept.set(one, one === null || await isKept(one));
    const transactionStates = states.map((state, i) =>
      kept.get(partitions[i])
        ? state
        : { errorCode: ErrorCode.NOT_COORDINATOR, transactionalId: state.transactionalId }
    );
    return { transactionStates };
  });
}

type State = NonNullable<
  Encodable<typeof DescribeTransactions.response>["transactionStates"]
>[number];

function stateOf(transactionalId: string, described: TransactionDescription): State {
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
