/**
 * Offset admission (KIP-890): the first offsets that a transaction commits into a partition of `__consumer_offsets` are
 * admitted by the transaction coordinator before they are written, as Produce's first batches are (produce_admission.ts).
 *
 * | TxnOffsetCommit | asked |
 * |---|---|
 * | 5 and later | to add the partition (transaction version 2) |
 * | before | whether AddOffsetsToTxn added it, if transaction.partition.verification.enable |
 */
import type { TransactionVerification } from "../coordination/coordinator_log.ts";
import type { TransactionalProducer } from "../coordination/led_partition.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { OFFSETS_TOPIC } from "./offsets_topic.ts";
import { findLog, findTopic, type PartitionLookup, readError } from "./partitions.ts";
import type { AdmissionOptions } from "./produce_admission.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";

export interface OffsetAdmissionOptions extends AdmissionOptions, PartitionLookup {}

export interface OffsetClaim extends TransactionalProducer {
  readonly transactionalId: string;
  /** Of `__consumer_offsets`. */
  readonly partition: number;
  readonly apiVersion: number;
}

/** What the offsets are written with, or why they are not. */
export interface AdmittedOffsets {
  readonly errorCode: number;
  /** As TransactionalProducer has it. */
  readonly verification?: TransactionVerification | null;
}

/** The first version that adds the group's partition itself. */
const ADDS_PARTITION = 5;

export class OffsetAdmission {
  readonly #options: OffsetAdmissionOptions;

  constructor(options: OffsetAdmissionOptions) {
    this.#options = options;
  }

  /** Does not reject but for what is none of the store's. */
  async admit(
    { transactionalId, producerId, producerEpoch, partition, apiVersion }: OffsetClaim,
  ): Promise<AdmittedOffsets> {
    const { gate, isVerifying, clock, onAnswered } = this.#options;
    const adds = apiVersion >= ADDS_PARTITION;
    if (!adds && !isVerifying) return { errorCode: ErrorCode.NONE };
    const producers = this.#producers(partition);
    if (typeof producers === "number") return { errorCode: producers };
    // A batch without records says whose transaction it is.
    const first = buildBatch({ records: [], producerId, producerEpoch, isTransactional: true });
    const begun = producers.beginVerification(first, adds, clock.nowMs());
    if (typeof begun === "number") return { errorCode: begun };
    if (begun === null) return { errorCode: ErrorCode.NONE, verification: null };
    const { verifications } = producers, beganMs = clock.monotonicMs();
    let errorCode: number = ErrorCode.UNKNOWN_SERVER_ERROR;
    try {
      errorCode = await gate.admit({
        transactionalId,
        producerId,
        producerEpoch,
        topic: OFFSETS_TOPIC,
        partition,
        mode: adds ? "add" : "verify",
        isBeside: !producers.hasOpen(producerId),
      });
    } finally {
      // A commit that is sent again is asked about anew, so nothing is remembered of one that was not admitted.
      verifications?.end(begun, errorCode === ErrorCode.NONE);
    }
    onAnswered(errorCode, clock.monotonicMs() - beganMs);
    return { errorCode, verification: begun };
  }

  #producers(partition: number) {
    const topic = findTopic(this.#options, OFFSETS_TOPIC, ZERO_UUID);
    if (typeof topic === "number") return topic;
    const log = findLog(this.#options, topic, partition);
    if (typeof log === "number") return log;
    try {
      return log.producers;
    } catch (error) {
      return readError(error);
    }
  }
}
