/** What the handlers of transactions share. */
import { ErrorCode } from "../protocol/errors.ts";

/** PRODUCER_FENCED (90) for clients that know it, from `since` on; to older ones it is INVALID_PRODUCER_EPOCH (47). */
export function fencedFor(apiVersion: number, since: number, errorCode: number): number {
  return errorCode === ErrorCode.PRODUCER_FENCED && apiVersion < since
    ? ErrorCode.INVALID_PRODUCER_EPOCH
    : errorCode;
}
