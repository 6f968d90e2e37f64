/**
 * Produce admission (KIP-890): the first batch of a transaction in a partition is admitted by the transaction coordinator
 * before it is appended, so that none is written that no marker would ever end. Later batches of the same transaction find
 * it open in the partition, and nobody is asked.
 *
 * The coordinator adds a partition in writing, and the batch is appended behind that: one round of sync then makes both
 * durable, and no batch is acknowledged before the word on it (group_commit.ts). A power loss in between may leave the batch
 * alone, of which nobody was told. So a transaction that is found open after a start is asked about anew, and ended where the
 * coordinator does not know it (orphaned_transactions.ts).
 *
 * | Produce | asked | while an older transaction of the producer is being ended (51) |
 * |---|---|---|
 * | 12 and later | to add the partition (transaction version 2) | 51, for which the coordinator waits a moment itself |
 * | before | whether it was added, if transaction.partition.verification.enable | 19 |
 *
 * The coordinator's codes become the producer's as in Kafka (AddPartitionsToTxnManager, ReplicaManager.handleProduceAppend):
 * what can only be tried again is 19 (NOT_ENOUGH_REPLICAS), the one error of that kind upon which every client tries again
 * without asking for metadata first; 90 is 47, which aborts and does not end the producer; 120 is 48 before version 11,
 * which does not know it.
 */
import type { Clock } from "../clock.ts";
import { ErrorCode, errorName } from "../protocol/errors.ts";
import * as batch from "../protocol/records/batch.ts";
import { CorruptBatchError } from "../storage/segments/corrupt_batch_error.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import type { ProducerState } from "../storage/producers/producer_state.ts";
import type { Verification } from "../storage/producers/verifications.ts";
import { StoreError } from "../storage/store.ts";
import type { PartitionData } from "./produce_twice.ts";
import type { TransactionGate } from "../transactions/transaction_gate.ts";

/** How the coordinator is asked; offsets that a transaction commits are admitted by the same (offset_admission.ts). */
export interface AdmissionOptions {
  readonly gate: TransactionGate;
  /** transaction.partition.verification.enable */
  readonly isVerifying: boolean;
  readonly clock: Clock;
  /** Told of every batch, or commit of offsets, that was asked about, with the coordinator's code, and how long the answer took. */
  readonly onAnswered: (errorCode: number, waitedMs: number) => void;
}

/** A batch of a request that may have to be admitted. */
export interface Candidate {
  readonly data: PartitionData;
  readonly topic: string;
  readonly bytes: Uint8Array;
  /** The partition's log; null when there is none any more, which the append will say. */
  readonly log: () => PartitionLog | null;
}

/** What a batch is appended with, or why it is not. */
export interface Admitted {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly verification: Verification | null;
}

/** By the request's own data; what is not there needs nothing. */
export type Admissions = ReadonlyMap<PartitionData, Admitted>;

/** The first Produce version that adds partitions itself, and the first that knows TRANSACTION_ABORTABLE. */
const ADDS_PARTITIONS = 12, KNOWS_ABORTABLE = 11;

export class ProduceAdmission {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Whether batches of this version are asked about. */
  asksFor(apiVersion: number): boolean {
    return apiVersion >= ADDS_PARTITIONS || this.#options.isVerifying;
  }

  /** Asks about all batches of a request that need it, at once. A request is of one producer (else 49). Does not reject. */
  async admitAll(
    candidates: Iterable<Candidate>,
    transactionalId: string,
    apiVersion: number,
  ): Promise<Admissions> {
    const all = [...candidates];
    if (all.some(({ bytes }) => !isSameProducer(bytes, all[0].bytes))) {
      return new Map(all.map(({ data }) => [data, SEVERAL_PRODUCERS]));
    }
    const admitted = all.map(async (one) =>
      [one.data, await this.#admit(one, transactionalId, apiVersion)] as const
    );
    return new Map(await Promise.all(admitted));
  }

  /** Asks about one batch, where the partition does not know the answer. */
  async #admit(
    candidate: Candidate,
    transactionalId: string,
    apiVersion: number,
  ): Promise<Admitted> {
    const { gate, clock, onAnswered } = this.#options;
    const { topic, data: { index: partition }, bytes } = candidate;
    const adds = apiVersion >= ADDS_PARTITIONS;
    const producers = producersOf(candidate.log());
    const begun = producers?.beginVerification(bytes, adds, clock.nowMs()) ?? null;
    if (producers === null || begun === null) return UNASKED;
    if (typeof begun === "number") return refused(begun, apiVersion);
    const { verifications } = producers, beganMs = clock.monotonicMs();
    const producerId = batch.producerId(bytes);
    let errorCode: number = ErrorCode.UNKNOWN_SERVER_ERROR;
    try {
      errorCode = await gate.admit({
        transactionalId,
        producerId,
        producerEpoch: batch.producerEpoch(bytes),
        topic,
        partition,
        mode: adds ? "add" : "verify",
        isBeside: !producers.hasOpen(producerId),
      });
    } finally {
      verifications?.end(begun, errorCode === ErrorCode.NONE || isTransient(errorCode));
    }
    onAnswered(errorCode, clock.monotonicMs() - beganMs);
    if (errorCode !== ErrorCode.NONE) return refused(errorCode, apiVersion);
    return { ...UNASKED, verification: begun };
  }
}

/** Nothing is in the way; the append says what it thinks of the batch. */
export const UNASKED: Admitted = {
  errorCode: ErrorCode.NONE,
  errorMessage: null,
  verification: null,
};

const SEVERAL_PRODUCERS: Admitted = {
  ...UNASKED,
  errorCode: ErrorCode.INVALID_PRODUCER_ID_MAPPING,
  errorMessage: "Transactional records contained more than one producer ID",
};

/** A batch that Kafka takes for transactional before it has looked at it further. */
export function isOfTransaction(records: Uint8Array | null): records is Uint8Array {
  return records !== null && records.length >= batch.BATCH_OVERHEAD &&
    batch.magic(records) === batch.MAGIC_V2 && batch.isTransactional(records) &&
    !batch.isControl(records) && batch.producerId(records) >= 0;
}

function isSameProducer(a: Uint8Array, b: Uint8Array): boolean {
  return batch.producerId(a) === batch.producerId(b) &&
    batch.producerEpoch(a) === batch.producerEpoch(b);
}

/** What is known of producers; null where that cannot be read, which the append will say. */
function producersOf(log: PartitionLog | null): ProducerState | null {
  try {
    return log?.producers ?? null;
  } catch (error) {
    if (error instanceof CorruptBatchError || error instanceof StoreError) return null;
    throw error;
  }
}

/** What asking again may change. */
function isTransient(errorCode: number): boolean {
  return errorCode === ErrorCode.CONCURRENT_TRANSACTIONS || isUnanswered(errorCode);
}

/** The coordinator could not be asked. */
function isUnanswered(errorCode: number): boolean {
  return errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ||
    errorCode === ErrorCode.COORDINATOR_NOT_AVAILABLE ||
    errorCode === ErrorCode.NOT_COORDINATOR || errorCode === ErrorCode.NETWORK_EXCEPTION;
}

function refused(errorCode: number, apiVersion: number): Admitted {
  const isBusy = errorCode === ErrorCode.CONCURRENT_TRANSACTIONS && apiVersion < ADDS_PARTITIONS;
  if (isBusy || isUnanswered(errorCode)) {
    const errorMessage = "Unable to verify the partition has been added to the transaction. " +
      `Underlying error: ${errorName(errorCode)}`;
    return { ...UNASKED, errorCode: ErrorCode.NOT_ENOUGH_REPLICAS, errorMessage };
  }
  if (errorCode === ErrorCode.PRODUCER_FENCED) {
    return { ...UNASKED, errorCode: ErrorCode.INVALID_PRODUCER_EPOCH };
  }
  const isUnknown = errorCode === ErrorCode.TRANSACTION_ABORTABLE && apiVersion < KNOWS_ABORTABLE;
  if (isUnknown || errorCode === ErrorCode.INVALID_TXN_STATE) {
    const errorMessage = "Partition was not added to the transaction";
    return { ...UNASKED, errorCode: ErrorCode.INVALID_TXN_STATE, errorMessage };
  }
  return { ...UNASKED, errorCode };
}
