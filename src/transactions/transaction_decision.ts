/**
 * What the decisions on a transactional id share: what they are made in, and how their facts are made.
 */
import type { Decision, Now } from "../coordination/shard.ts";
import { ErrorCode } from "../protocol/errors.ts";
import {
  type Changed,
  type Credentials,
  refused,
  type TransactionKinds,
  type TransactionReply,
} from "./transaction_events.ts";
import {
  isExhausted,
  isIdle,
  LAST_EPOCH,
  NO_EPOCH,
  NO_PRODUCER_ID,
  State,
  type TransactionValue,
  type TransactionVersion,
} from "./transaction.ts";

export type TransactionDecision = Decision<TransactionKinds>;

export interface Circumstances {
  readonly now: Now;
  /** The finalised level of transaction.version. */
  readonly transactionVersion: TransactionVersion;
}

export function refusing(ticket: number, errorCode: number): TransactionDecision {
  return replying(refused(ticket, errorCode));
}

export function replying(reply: TransactionReply): TransactionDecision {
  return { facts: [], replies: [reply] };
}

export const NOTHING: TransactionDecision = { facts: [], replies: [] };

/** Whether these are the credentials that the id is given to; the code when they are not. */
export function credentialsError(
  { producerId, producerEpoch }: TransactionValue,
  claimed: Credentials,
): number {
  if (producerId !== claimed.producerId) return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
  return producerEpoch === claimed.producerEpoch ? ErrorCode.NONE : ErrorCode.PRODUCER_FENCED;
}

/**
 * Whether a client of version 2 has no business here: the log of level 0 has no place for what it is promised. What it began
 * before a downgrade it ends. Kafka fails on it too (35), but only when it comes to writing, and answers 51 for ever after.
 */
export function isTooNew(
  value: TransactionValue,
  clientVersion: TransactionVersion,
  { transactionVersion }: Circumstances,
): boolean {
  return clientVersion === 2 && transactionVersion === 0 &&
    !(value.state === State.Ongoing && value.clientVersion === 2);
}

/** The fact that the value is now this. Whatever changes is stamped, and knows the id before (Kafka's prepareTransitionTo). */
export function changed(
  before: TransactionValue,
  changes: Partial<TransactionValue>,
  { now, transactionVersion }: Circumstances,
  sinceMs: number | null = null,
): Changed {
  const value = {
    ...before,
    previousProducerId: before.producerId,
    lastUpdateTimestampMs: now.wallMs,
    ...changes,
  };
  // Kafka goes by the level alone, and after a downgrade loses what a client of version 2 was promised: the next id.
  const isNew = transactionVersion >= 1 || value.clientVersion === 2;
  return { kind: "changed", value, logVersion: isNew ? 1 : 0, sinceMs };
}

/**
 * What prepares the end of a transaction for a client of this version; null: a fresh producer id is needed. Under version
 * 2 the epoch goes up with it, so that nothing sent late reaches the next transaction; an id whose epochs are used up is
 * followed by a fresh one when the transaction is complete.
 */
export function prepare(
  value: TransactionValue,
  { isCommit, clientVersion, freshProducerId }: {
    readonly isCommit: boolean;
    readonly clientVersion: TransactionVersion;
    readonly freshProducerId: number | null;
  },
  circumstances: Circumstances,
): Changed | null {
  const { now } = circumstances, { producerEpoch } = value;
  let changes: Partial<TransactionValue> = {
    state: isCommit ? State.PrepareCommit : State.PrepareAbort,
    nextProducerId: NO_PRODUCER_ID,
    clientVersion,
    // An abort of nothing has no beginning yet.
    startTimestampMs: isIdle(value) ? now.wallMs : value.startTimestampMs,
  };
  if (clientVersion === 2) {
    const nextProducerId = isExhausted(producerEpoch) ? freshProducerId : NO_PRODUCER_ID;
    if (nextProducerId === null) return null;
    const bumped = Math.min(producerEpoch + 1, LAST_EPOCH);
    changes = {
      ...changes,
      nextProducerId,
      producerEpoch: bumped,
      lastProducerEpoch: producerEpoch,
    };
  }
  return changed(value, changes, circumstances, now.ms);
}

/**
 * What aborts an open transaction against its producer, whose epoch is fenced with it; null: a fresh producer id is needed.
 * It goes by the level of the cluster and not of the client, as in Kafka.
 */
export function fence(
  value: TransactionValue,
  freshProducerId: number | null,
  circumstances: Circumstances,
): Changed | null {
  const { transactionVersion } = circumstances;
  if (transactionVersion === 2) {
    // The epoch goes up once, by preparing (Kafka before 4.1 did it twice).
    const end = { isCommit: false, clientVersion: transactionVersion, freshProducerId };
    return prepare(value, end, circumstances);
  }
  const fenced = {
    ...value,
    producerEpoch: Math.min(value.producerEpoch + 1, LAST_EPOCH),
    lastProducerEpoch: NO_EPOCH, // the one who is fenced cannot come back by a retry
  };
  return prepare(
    fenced,
    { isCommit: false, clientVersion: 0, freshProducerId: null },
    circumstances,
  );
}

/** Whom the id is given to once the prepared transaction is complete. */
export function credentialsAfter(value: TransactionValue): Credentials {
  const { clientVersion, nextProducerId, producerId, producerEpoch } = value;
  return clientVersion === 2 && nextProducerId !== NO_PRODUCER_ID
    ? { producerId: nextProducerId, producerEpoch: 0 }
    : { producerId, producerEpoch };
}
