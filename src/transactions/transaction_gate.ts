/**
 * TransactionGate: what a partition asks the transaction coordinator before it takes the first batch of a producer's
 * transaction (KIP-890; Kafka's AddPartitionsToTxnManager).
 */
export interface TransactionGate {
  /**
   * The error code for a write to the partition under these credentials; 0: it may be written, and that the transaction
   * holds the partition is known durably or, with `isBeside`, written before what is written now. 51 (CONCURRENT_TRANSACTIONS): an older transaction of the producer is still
   * being ended. Codes are the coordinator's; the caller maps them for old clients. Does not reject.
   */
  admit(claim: TransactionClaim): Promise<number>;
}

export interface TransactionClaim {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly topic: string;
  readonly partition: number;
  /**
   * "add" makes the partition part of the transaction (transaction.version 2: Produce 12+, TxnOffsetCommit 5+);
   * "verify" only asks whether it is (transaction.partition.verification.enable).
   */
  readonly mode: "add" | "verify";
  /**
   * Whether the write follows as soon as this is answered, to a log where no transaction of the producer is open, and
   * nothing is told of it before it is durable.
   */
  readonly isBeside?: boolean;
}
