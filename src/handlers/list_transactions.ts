/**
 * ListTransactions 0–2: the transactions that this node coordinates. There are none: a transactional id is not handed
 * out here (InitProducerId answers 15), so whatever is asked for, nothing is found.
 *
 * Filters are checked all the same: states that Kafka does not know come back as unknown, and v2's pattern must be a
 * regular expression (128).
 */
import type { Patterns } from "../groups/consumer/patterns.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { ListTransactions } from "../protocol/messages/list_transactions.ts";
import { type Handler, handler } from "./handler.ts";

/** Kafka's TransactionState. */
const STATES = new Set([
  "Empty",
  "Ongoing",
  "PrepareCommit",
  "PrepareAbort",
  "CompleteCommit",
  "CompleteAbort",
  "Dead",
  "PrepareEpochFence",
]);

export function listTransactions({ patterns }: { readonly patterns: Patterns }): Handler {
  return handler(ListTransactions, { min: 0, max: 2 }, async (request) => {
    const pattern = request.transactionalIdPattern;
    if (pattern !== null && pattern !== "" && await patterns.fault(pattern) !== null) {
      return { errorCode: ErrorCode.INVALID_REGULAR_EXPRESSION };
    }
    const unknownStateFilters = request.stateFilters.filter((state) => !STATES.has(state));
    return { errorCode: ErrorCode.NONE, unknownStateFilters, transactionStates: [] };
  });
}
