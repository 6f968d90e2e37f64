/**
 * DescribeTransactions 0: an empty id is 42; any other is not found (105), since no transactional id is handed out here
 * (InitProducerId answers 15).
 */
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeTransactions } from "../protocol/messages/describe_transactions.ts";
import { type Handler, handler } from "./handler.ts";

export function describeTransactions(): Handler {
  return handler(DescribeTransactions, { min: 0, max: 0 }, (request) => ({
    transactionStates: request.transactionalIds.map((transactionalId) => ({
      transactionalId,
      errorCode: transactionalId === ""
        ? ErrorCode.INVALID_REQUEST
        : ErrorCode.TRANSACTIONAL_ID_NOT_FOUND,
    })),
  }));
}
