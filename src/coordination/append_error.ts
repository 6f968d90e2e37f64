/**
 * appendError: how the error of a log becomes that of a coordinator (Kafka's CoordinatorOperationExceptionHelper).
 */
import { ErrorCode } from "../protocol/errors.ts";

/** What a client is told when the log took nothing: to look for the coordinator again, unless that is no use. */
export function appendError(errorCode: number): number {
  switch (errorCode) {
    case ErrorCode.FENCED_LEADER_EPOCH:
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.MESSAGE_TOO_LARGE:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
    default:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
  }
}
