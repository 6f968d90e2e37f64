/**
 * Transaction: what the coordinator knows of a transactional id: which producer it is given to, and how far its
 * transaction has come (Kafka's TransactionMetadata, without the pending state: what is applied here is in the log, and
 * shows once it is kept).
 *
 *     Empty ──────────────┐                       ┌─> CompleteCommit
 *       │                 ├─> Ongoing ─> PrepareCommit
 *     CompleteCommit ─────┤       └────> PrepareAbort ─> CompleteAbort
 *     CompleteAbort ──────┘                ^ from Empty and both Completes too: under version 2 nothing may be aborted
 */
import { PartitionSet, type ReadonlyPartitionSet } from "./partition_set.ts";

/** Numbers as in the log, names as clients see them (Kafka's TransactionState). */
export const State = {
  Empty: 0,
  Ongoing: 1,
  PrepareCommit: 2,
  PrepareAbort: 3,
  CompleteCommit: 4,
  CompleteAbort: 5,
  Dead: 6,
  PrepareEpochFence: 7,
} as const;
export type State = typeof State[keyof typeof State];

const NAMES = Object.keys(State) as readonly (keyof typeof State)[];

export function stateName(state: State): string {
  return NAMES[state];
}

/** null: there is no such state. */
export function stateOf(id: number): State | null {
  return id >= 0 && id < NAMES.length ? id as State : null;
}

export function stateNamed(name: string): State | null {
  const index = (NAMES as readonly string[]).indexOf(name);
  return index === -1 ? null : index as State;
}

export const NO_PRODUCER_ID = -1;
export const NO_EPOCH = -1;
/** No client is ever given it, so that whoever has an id can be fenced. */
export const LAST_EPOCH = 32_767;
/** Of a two-phase commit (KIP-939): its transaction is never ended for its age. */
export const NO_TIMEOUT_MS = 2 ** 31 - 1;

/** Client versions of transaction.version that make a difference: 2 has a new epoch with every transaction (KIP-890). */
export type TransactionVersion = 0 | 1 | 2;

/** What the log keeps, but for lastProducerEpoch. */
export interface TransactionValue {
  readonly state: State;
  readonly producerId: number;
  /** The id before this change; the same where it did not change. */
  readonly previousProducerId: number;
  /** The id that follows when the transaction is complete, because the epochs of this one are used up; -1: none. */
  readonly nextProducerId: number;
  readonly producerEpoch: number;
  /** The epoch that a retry may come with; -1: no retry is taken for one. */
  readonly lastProducerEpoch: number;
  readonly timeoutMs: number;
  readonly partitions: ReadonlyPartitionSet;
  /** -1 while nothing was begun. */
  readonly startTimestampMs: number;
  readonly lastUpdateTimestampMs: number;
  readonly clientVersion: TransactionVersion;
}

export interface Transaction {
  readonly id: string;
  value: TransactionValue;
  /** Monotonic ms since when it has been Ongoing or prepared; null when it is neither, or that is not known yet. */
  sinceMs: number | null;
  /** Of a prepared one: the partitions whose markers are not known to be kept. */
  readonly unwritten: PartitionSet;
  /** Of which version the last end was of the producer that has the id, as far as the log was seen; null: none. */
  endedAs: TransactionVersion | null;
}

/** Nothing is known of it; settle() forgets it if that stays so. */
export function newTransaction(id: string): Transaction {
  return { id, value: NOTHING, sinceMs: null, unwritten: new PartitionSet(), endedAs: null };
}

export function isVoid({ value }: Pick<Transaction, "value">): boolean {
  return value === NOTHING;
}

export function isPrepared({ state }: Pick<TransactionValue, "state">): boolean {
  return state === State.PrepareCommit || state === State.PrepareAbort;
}

/** No transaction is under way, so the id may be forgotten after a time. */
export function isIdle({ state }: Pick<TransactionValue, "state">): boolean {
  return state === State.Empty || state === State.CompleteCommit || state === State.CompleteAbort;
}

/** Whether the id has no epoch left for a client, keeping one to fence it with. */
export function isExhausted(epoch: number): boolean {
  return epoch >= LAST_EPOCH - 1;
}

/** Whether Kafka knows the transition (TransactionState.validPreviousStates). */
export function mayFollow(from: State, to: State): boolean {
  return PREVIOUS[to].includes(from);
}

const IDLE: readonly State[] = [State.Empty, State.CompleteCommit, State.CompleteAbort];

const PREVIOUS: Record<State, readonly State[]> = {
  [State.Empty]: IDLE,
  [State.Ongoing]: [State.Ongoing, ...IDLE],
  [State.PrepareCommit]: [State.Ongoing],
  [State.PrepareAbort]: [State.Ongoing, ...IDLE],
  [State.CompleteCommit]: [State.PrepareCommit],
  [State.CompleteAbort]: [State.PrepareAbort],
  // Kafka has names for these, and never writes them.
  [State.Dead]: [],
  [State.PrepareEpochFence]: [],
};

const NOTHING: TransactionValue = {
  state: State.Empty,
  producerId: NO_PRODUCER_ID,
  previousProducerId: NO_PRODUCER_ID,
  nextProducerId: NO_PRODUCER_ID,
  producerEpoch: NO_EPOCH,
  lastProducerEpoch: NO_EPOCH,
  timeoutMs: 0,
  partitions: new PartitionSet(),
  startTimestampMs: -1,
  lastUpdateTimestampMs: -1,
  clientVersion: 0,
};
