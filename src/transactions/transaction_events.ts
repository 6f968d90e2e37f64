/**
 * What may happen to a transactional id, what that makes true, and what is answered.
 */
import type { Partition } from "./partition_set.ts";
import type { Transaction, TransactionValue, TransactionVersion } from "./transaction.ts";

/** Whom a request speaks for. */
export interface Credentials {
  readonly producerId: number;
  readonly producerEpoch: number;
}

interface Request {
  readonly ticket: number;
}

/** A decision that may need an id that no producer has had: null until one was asked for (see TransactionReply). */
interface MayNeedProducerId {
  readonly freshProducerId: number | null;
}

export interface InitProducerIdEvent extends Request, MayNeedProducerId {
  readonly kind: "initProducerId";
  readonly timeoutMs: number;
  /** What the producer says that it has (KIP-360); null: it is new. */
  readonly expected: Credentials | null;
}

export interface AddPartitionsEvent extends Request, Credentials {
  readonly kind: "addPartitions";
  readonly partitions: readonly Partition[];
  readonly clientVersion: TransactionVersion;
  /**
   * Whether what is written to the partitions follows at once, in logs that are made durable together with this one: then
   * the answer need not wait for that.
   */
  readonly isBeside?: boolean;
}

/** Asks only whether the partitions are part of the transaction. */
export interface VerifyPartitionsEvent extends Request, Credentials {
  readonly kind: "verifyPartitions";
  readonly partitions: readonly Partition[];
}

export interface EndTxnEvent extends Request, Credentials, MayNeedProducerId {
  readonly kind: "endTxn";
  readonly isCommit: boolean;
  readonly clientVersion: TransactionVersion;
}

/** Somebody found it older than its timeout; the machine looks again. */
export interface TimedOutEvent extends Request, MayNeedProducerId {
  readonly kind: "timedOut";
}

/** A marker of the prepared transaction of these credentials is kept in the partition, or there is no such partition any more. */
export interface MarkerWrittenEvent extends Credentials {
  readonly kind: "markerWritten";
  readonly partition: Partition;
}

/** Every marker is kept. */
export interface CompleteEvent {
  readonly kind: "complete";
}

/** Found in the log: its age is what the time as far as it is trusted says. */
export interface LoadedEvent {
  readonly kind: "loaded";
  readonly trustedMs: number;
}

export type TransactionEvent =
  | InitProducerIdEvent
  | AddPartitionsEvent
  | VerifyPartitionsEvent
  | EndTxnEvent
  | TimedOutEvent
  | MarkerWrittenEvent
  | CompleteEvent
  | LoadedEvent;

export interface Changed {
  readonly kind: "changed";
  readonly value: TransactionValue;
  /** Of the record in the log. */
  readonly logVersion: 0 | 1;
  readonly sinceMs: number | null;
}

export type TransactionFact =
  | Changed
  /** Forgotten: a tombstone. */
  | { readonly kind: "gone" }
  /** These two live in memory only. */
  | { readonly kind: "markerWritten"; readonly partition: Partition }
  | { readonly kind: "since"; readonly sinceMs: number; readonly value: TransactionValue };

export interface TransactionReply {
  readonly ticket: number;
  readonly errorCode: number;
  readonly leavesWritten?: boolean;
  /** What the producer has from now on; -1 where that is not said. */
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Nothing has happened: the same is to be asked again with a producer id that is new. */
  readonly needsProducerId: boolean;
  /** Of verifyPartitions, one for each partition; empty when errorCode is for all. */
  readonly partitionErrors: readonly number[];
}

/** The types that the transaction coordinator deals in. */
export interface TransactionKinds {
  readonly Entity: Transaction;
  readonly Event: TransactionEvent;
  readonly Fact: TransactionFact;
  readonly Reply: TransactionReply;
}

export function refused(ticket: number, errorCode: number): TransactionReply {
  return { ...NO_CREDENTIALS, ticket, errorCode };
}

export function answered(
  ticket: number,
  { producerId, producerEpoch }: Credentials = NO_CREDENTIALS,
): TransactionReply {
  return { ...NO_CREDENTIALS, ticket, producerId, producerEpoch };
}

export function producerIdNeeded(ticket: number): TransactionReply {
  return { ...NO_CREDENTIALS, ticket, needsProducerId: true };
}

const NO_CREDENTIALS = {
  errorCode: 0,
  producerId: -1,
  producerEpoch: -1,
  needsProducerId: false,
  partitionErrors: [] as readonly number[],
};
