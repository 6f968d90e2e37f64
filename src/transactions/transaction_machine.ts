/**
 * The transactions' machine: what an event on a transactional id comes to, and what a fact makes of it. Pure: no time but
 * what it is told, no log, no network. Kafka: TransactionCoordinator and TransactionMetadata.
 *
 * A decision that gives out a fresh producer id is handed one with its event; without it the machine says that one is
 * needed, and nothing has happened.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { decideEndTxn } from "./decide_end_txn.ts";
import { decideInitProducerId } from "./decide_init_producer_id.ts";
import { PartitionSet } from "./partition_set.ts";
import {
  type AddPartitionsEvent,
  answered,
  type LoadedEvent,
  type MarkerWrittenEvent,
  producerIdNeeded,
  type TimedOutEvent,
  type TransactionEvent,
  type TransactionFact,
  type VerifyPartitionsEvent,
} from "./transaction_events.ts";
import {
  changed,
  type Circumstances,
  credentialsAfter,
  credentialsError,
  fence,
  isTooNew,
  NOTHING,
  refusing,
  replying,
  type TransactionDecision,
} from "./transaction_decision.ts";
import {
  isIdle,
  isPrepared,
  isVoid,
  mayFollow,
  newTransaction,
  NO_PRODUCER_ID,
  NO_TIMEOUT_MS,
  State,
  stateName,
  type Transaction,
  type TransactionValue,
} from "./transaction.ts";

export function decide(
  transaction: Readonly<Transaction>,
  event: TransactionEvent,
  circumstances: Circumstances,
): TransactionDecision {
  const { value } = transaction;
  if ("ticket" in event) {
    if (value.state === State.Dead || value.state === State.PrepareEpochFence) {
      return refusing(event.ticket, ErrorCode.UNKNOWN_SERVER_ERROR); // nobody writes these states
    }
    if (isVoid(transaction) && event.kind !== "initProducerId") {
      return refusing(event.ticket, ErrorCode.INVALID_PRODUCER_ID_MAPPING);
    }
  }
  switch (event.kind) {
    case "initProducerId":
      return decideInitProducerId(transaction, event, circumstances);
    case "addPartitions":
      return decideAddPartitions(transaction, event, circumstances);
    case "verifyPartitions":
      return decideVerifyPartitions(transaction, event);
    case "endTxn":
      return decideEndTxn(value, event, circumstances);
    case "timedOut":
      return decideTimedOut(transaction, event, circumstances);
    case "markerWritten":
      return decideMarkerWritten(transaction, event);
    case "complete":
      return decideComplete(transaction, circumstances);
    case "loaded":
      return decideLoaded(transaction, event, circumstances);
  }
}

/** A transaction whose markers are all kept is complete; where the log does not take that, it is due again. */
export function due({ value, unwritten }: Readonly<Transaction>): TransactionEvent | null {
  return isPrepared(value) && unwritten.size === 0 ? { kind: "complete" } : null;
}

/** Makes a fact true. Throws for a transition that Kafka does not know. */
export function apply(transaction: Transaction, fact: TransactionFact): void {
  switch (fact.kind) {
    case "changed":
      if (!isVoid(transaction)) assertMayFollow(transaction, fact.value);
      take(transaction, fact.value, fact.sinceMs);
      return;
    case "gone":
      take(transaction, newTransaction(transaction.id).value, null);
      return;
    case "markerWritten":
      transaction.unwritten.delete(fact.partition);
      return;
    case "since":
      transaction.sinceMs = fact.sinceMs;
      return;
  }
}

/** The same for what the log says, which is not argued with: compaction leaves out what was in between. */
export function take(
  transaction: Transaction,
  value: TransactionValue,
  sinceMs: number | null,
): void {
  transaction.value = value;
  transaction.sinceMs = sinceMs;
  if (value.state === State.Empty) transaction.endedAs = null;
  else if (value.state !== State.Ongoing) transaction.endedAs = value.clientVersion;
  for (const partition of [...transaction.unwritten]) transaction.unwritten.delete(partition);
  if (!isPrepared(value)) return;
  for (const partition of value.partitions) transaction.unwritten.add(partition);
}

/** Whether it has been open for longer than its producer asked for; two-phase commits are never. */
export function isTimedOut({ value, sinceMs }: Readonly<Transaction>, nowMs: number): boolean {
  return value.state === State.Ongoing && value.timeoutMs !== NO_TIMEOUT_MS && sinceMs !== null &&
    nowMs - sinceMs > value.timeoutMs;
}

/** Whether nothing has become of it for so long that it may be forgotten. Never while a transaction is under way. */
export function isExpired(
  transaction: Readonly<Transaction>,
  { trustedMs, expirationMs }: { readonly trustedMs: number; readonly expirationMs: number },
): boolean {
  const { value } = transaction;
  return !isVoid(transaction) && isIdle(value) &&
    value.lastUpdateTimestampMs <= trustedMs - expirationMs;
}

/** The fact that makes a transaction complete what it was prepared for. */
function decideComplete(
  { value, unwritten }: Readonly<Transaction>,
  circumstances: Circumstances,
): TransactionDecision {
  if (!isPrepared(value) || unwritten.size > 0) return NOTHING;
  const fact = changed(value, {
    ...credentialsAfter(value),
    state: value.state === State.PrepareCommit ? State.CompleteCommit : State.CompleteAbort,
    nextProducerId: NO_PRODUCER_ID,
    partitions: new PartitionSet(),
  }, circumstances);
  return { facts: [fact], replies: [], mayWait: true };
}

/**
 * That an older transaction is still being ended is judged before the epoch: it goes up with the end (KAFKA-18464).
 *
 * Where what is written to the partitions follows at once, a power loss may leave that and not the facts, and nobody was told
 * of either (docs/architecture.md). Not so behind an end of a version below 2, whose transaction had the same epoch: should
 * the log forget that it was complete as well, its markers are sent again, and would end what came after.
 */
function decideAddPartitions(
  { value, sinceMs, endedAs }: Readonly<Transaction>,
  event: AddPartitionsEvent,
  circumstances: Circumstances,
): TransactionDecision {
  const { ticket, partitions, clientVersion } = event, { now } = circumstances;
  const leavesWritten = event.isBeside === true && (endedAs === null || endedAs === 2);
  const answer = leavesWritten ? { ...answered(ticket), leavesWritten } : answered(ticket);
  if (isPrepared(value)) return refusing(ticket, ErrorCode.CONCURRENT_TRANSACTIONS);
  const errorCode = credentialsError(value, event);
  if (errorCode !== ErrorCode.NONE) return refusing(ticket, errorCode);
  const isOngoing = value.state === State.Ongoing;
  if (isOngoing && partitions.every((one) => value.partitions.has(one))) {
    return replying(answer);
  }
  if (isTooNew(value, clientVersion, circumstances)) {
    return refusing(ticket, ErrorCode.UNSUPPORTED_VERSION);
  }
  const fact = changed(value, {
    state: State.Ongoing,
    partitions: new PartitionSet([...value.partitions, ...partitions]),
    startTimestampMs: isOngoing ? value.startTimestampMs : now.wallMs,
    clientVersion,
  }, circumstances);
  return {
    facts: [{ ...fact, sinceMs: isOngoing ? sinceMs : now.ms }],
    replies: [answer],
    mayWait: leavesWritten,
  };
}

function decideVerifyPartitions(
  { value }: Readonly<Transaction>,
  event: VerifyPartitionsEvent,
): TransactionDecision {
  const { ticket } = event, errorCode = credentialsError(value, event);
  if (errorCode !== ErrorCode.NONE) return refusing(ticket, errorCode);
  if (isPrepared(value)) return refusing(ticket, ErrorCode.CONCURRENT_TRANSACTIONS);
  const partitionErrors = event.partitions.map((one) =>
    value.partitions.has(one) ? ErrorCode.NONE : ErrorCode.TRANSACTION_ABORTABLE
  );
  return replying({ ...answered(ticket), partitionErrors });
}

function decideTimedOut(
  transaction: Readonly<Transaction>,
  { ticket, freshProducerId }: TimedOutEvent,
  circumstances: Circumstances,
): TransactionDecision {
  // Another was quicker to end it.
  if (!isTimedOut(transaction, circumstances.now.ms)) {
    return refusing(ticket, ErrorCode.CONCURRENT_TRANSACTIONS);
  }
  const fact = fence(transaction.value, freshProducerId, circumstances);
  if (fact === null) return replying(producerIdNeeded(ticket));
  return { facts: [fact], replies: [answered(ticket)] };
}

/** A marker of an earlier end, or of another, says nothing of this one. */
function decideMarkerWritten(
  { value, unwritten }: Readonly<Transaction>,
  event: MarkerWrittenEvent,
): TransactionDecision {
  const { partition } = event;
  const isOfThis = isPrepared(value) && credentialsError(value, event) === ErrorCode.NONE;
  if (!isOfThis || !unwritten.has(partition)) return NOTHING;
  return { facts: [{ kind: "markerWritten", partition }], replies: [] };
}

/** What was open before the start goes on ageing; a wall clock that stands wrong makes nothing older. */
function decideLoaded(
  { value }: Readonly<Transaction>,
  { trustedMs }: LoadedEvent,
  { now }: Circumstances,
): TransactionDecision {
  if (isIdle(value)) return NOTHING;
  const beganMs = value.state === State.Ongoing
    ? value.startTimestampMs
    : value.lastUpdateTimestampMs;
  const sinceMs = now.ms - Math.max(0, trustedMs - beganMs);
  return { facts: [{ kind: "since", sinceMs, value }], replies: [] };
}

function assertMayFollow({ id, value: { state } }: Transaction, next: TransactionValue): void {
  if (mayFollow(state, next.state)) return;
  throw new Error(
    `Transactional id ${id} cannot go from ${stateName(state)} to ${stateName(next.state)}`,
  );
}
