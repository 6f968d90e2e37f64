/**
 * EndTxn: a producer commits or aborts.
 *
 * A client up to version 4 keeps its epoch; the same once more is a retry:
 *
 * | state | commit | abort |
 * |---|---|---|
 * | Ongoing | is prepared | is prepared |
 * | prepared | 51 | 51 |
 * | CompleteCommit | done | 48 |
 * | CompleteAbort | 48 | done |
 * | Empty | 48 | 48 |
 *
 * From version 5 on it gets a new epoch with each end (KIP-890), so a retry is known by the epoch before, or by the last
 * epoch of the id before, and answered with what it missed. With the current epoch it speaks of the next transaction:
 * nothing can be aborted, and gets a new epoch too, but not committed.
 *
 * | state | commit again | commit | abort again | abort |
 * |---|---|---|---|---|
 * | Ongoing | 90 | is prepared | 90 | is prepared |
 * | prepared | 51 | 51 | 51 | 51 |
 * | CompleteCommit | done | 48 | 48 | is prepared |
 * | CompleteAbort | 48 | 48 | done | is prepared |
 * | Empty | 90 | 48 | 90 | is prepared |
 *
 * After an end that kept its epoch nothing is a retry of version 5: the epoch before was fenced, and is answered 90.
 *
 * That the end is still under way is judged before the epoch for clients of version 5: the one who was answered 51 has
 * the epoch of before (KAFKA-18464).
 */
import { ErrorCode } from "../protocol/errors.ts";
import { answered, type EndTxnEvent, producerIdNeeded } from "./transaction_events.ts";
import {
  type Circumstances,
  credentialsAfter,
  credentialsError,
  isTooNew,
  prepare,
  refusing,
  replying,
  type TransactionDecision,
} from "./transaction_decision.ts";
import { isPrepared, LAST_EPOCH, State, type TransactionValue } from "./transaction.ts";

export function decideEndTxn(
  value: TransactionValue,
  event: EndTxnEvent,
  circumstances: Circumstances,
): TransactionDecision {
  return event.clientVersion === 2
    ? decideWithBump(value, event, circumstances)
    : decideWithoutBump(value, event, circumstances);
}

function decideWithoutBump(
  value: TransactionValue,
  event: EndTxnEvent,
  circumstances: Circumstances,
): TransactionDecision {
  const { ticket } = event;
  const errorCode = credentialsError(value, event);
  if (errorCode !== ErrorCode.NONE) return refusing(ticket, errorCode);
  if (isPrepared(value)) return refusing(ticket, ErrorCode.CONCURRENT_TRANSACTIONS);
  if (value.state === State.Ongoing) return preparing(value, event, circumstances);
  if (value.state === completeStateOf(event)) return replying(answered(ticket));
  return refusing(ticket, ErrorCode.INVALID_TXN_STATE);
}

function decideWithBump(
  value: TransactionValue,
  event: EndTxnEvent,
  circumstances: Circumstances,
): TransactionDecision {
  const { ticket, isCommit } = event, { state } = value;
  if (isPrepared(value)) return refusing(ticket, ErrorCode.CONCURRENT_TRANSACTIONS);
  const isComplete = state === State.CompleteCommit || state === State.CompleteAbort;
  if (isComplete && isRetry(value, event)) {
    return state === completeStateOf(event)
      ? replying(answered(ticket, value))
      : refusing(ticket, ErrorCode.INVALID_TXN_STATE);
  }
  const errorCode = credentialsError(value, event);
  if (errorCode !== ErrorCode.NONE) return refusing(ticket, errorCode);
  // Only an abort may come with nothing begun.
  if (state !== State.Ongoing && isCommit) return refusing(ticket, ErrorCode.INVALID_TXN_STATE);
  return preparing(value, event, circumstances);
}

/**
 * Whether the producer has not heard of the epoch, or the id, that it got with the last end. An end of an older client gave
 * none: the epoch before is then of whoever was fenced by this one. Kafka takes that for a retry as well, and answers it
 * with its successor's epoch.
 */
function isRetry(
  { producerId, previousProducerId, producerEpoch, clientVersion }: TransactionValue,
  claimed: EndTxnEvent,
): boolean {
  if (clientVersion !== 2) return false;
  if (claimed.producerId === producerId) return claimed.producerEpoch + 1 === producerEpoch;
  return claimed.producerId === previousProducerId && producerEpoch === 0 &&
    claimed.producerEpoch === LAST_EPOCH - 1;
}

function preparing(
  value: TransactionValue,
  event: EndTxnEvent,
  circumstances: Circumstances,
): TransactionDecision {
  const { ticket, clientVersion } = event;
  if (clientVersion === 2 && event.isCommit && value.producerEpoch === LAST_EPOCH) {
    // No client was ever given this epoch, and none can follow it. Kafka fails over it in the same way.
    return refusing(ticket, ErrorCode.UNKNOWN_SERVER_ERROR);
  }
  if (isTooNew(value, clientVersion, circumstances)) {
    return refusing(ticket, ErrorCode.UNSUPPORTED_VERSION);
  }
  const fact = prepare(value, event, circumstances);
  if (fact === null) return replying(producerIdNeeded(ticket));
  const reply = clientVersion === 2
    ? answered(ticket, credentialsAfter(fact.value))
    : answered(ticket);
  return { facts: [fact], replies: [reply] };
}

function completeStateOf({ isCommit }: EndTxnEvent): State {
  return isCommit ? State.CompleteCommit : State.CompleteAbort;
}
