/** The options of `[transactions]`: the coordinator of transactions, and what partitions ask of it. */
import type { Option } from "./option.ts";

const INT_MAX = 2 ** 31 - 1;

export const transactionOptions = {
  statePartitions: {
    type: "integer",
    default: 50,
    min: 1,
    max: 1000,
    restart: true,
    kafkaName: "transaction.state.log.num.partitions",
    doc:
      "Partitions of __transaction_state when it is made, at the first use of a transactional id; fixed from then on.",
  },
  stateSegmentBytes: {
    type: "integer",
    default: 104_857_600,
    min: 1_048_576,
    max: INT_MAX,
    restart: true,
    kafkaName: "transaction.state.log.segment.bytes",
    doc: "Size of its segments when it is made: small ones are compacted sooner.",
  },
  maxTimeoutMs: {
    type: "integer",
    default: 900_000,
    min: 1,
    max: INT_MAX,
    restart: true,
    kafkaName: "transaction.max.timeout.ms",
    doc: "The longest time that a producer may ask for its transactions to stay open.",
  },
  idExpirationMs: {
    type: "integer",
    default: 604_800_000,
    min: 1,
    max: INT_MAX,
    restart: true,
    kafkaName: "transactional.id.expiration.ms",
    doc:
      "How long a transactional id is known after its last transaction; one that is open or being ended never expires.",
  },
  maxIds: {
    type: "integer",
    default: 100_000,
    min: 1,
    max: 10_000_000,
    restart: true,
    doc:
      "Transactional ids; more are refused until some expire. Ids of more than 256 characters on average count for several.",
  },
  abortTimedOutIntervalMs: {
    type: "integer",
    default: 10_000,
    min: 1,
    max: INT_MAX,
    restart: true,
    kafkaName: "transaction.abort.timed.out.transaction.cleanup.interval.ms",
    doc: "How often transactions that are open for too long are looked for, and aborted.",
  },
  removeExpiredIntervalMs: {
    type: "integer",
    default: 3_600_000,
    min: 1,
    max: INT_MAX,
    restart: true,
    kafkaName: "transaction.remove.expired.transaction.cleanup.interval.ms",
    doc: "How often transactional ids that expired are looked for.",
  },
  partitionVerificationEnable: {
    type: "boolean",
    default: true,
    restart: true,
    kafkaName: "transaction.partition.verification.enable",
    doc:
      "Whether the first batch of a transaction in a partition is only taken when the coordinator knows of it, so that no transaction hangs (KIP-890).",
  },
  addPartitionsRetryBackoffMs: {
    type: "integer",
    default: 20,
    min: 1,
    max: INT_MAX,
    restart: true,
    kafkaName: "add.partitions.to.txn.retry.backoff.ms",
    doc:
      "While a producer's older transaction is being ended, how often a batch of its next one asks again; it does so at once when the older one is complete.",
  },
  addPartitionsRetryBackoffMaxMs: {
    type: "integer",
    default: 100,
    min: 0,
    max: 60_000,
    restart: true,
    kafkaName: "add.partitions.to.txn.retry.backoff.max.ms",
    doc: "How long such a batch waits in all before the producer is told to send it again.",
  },
} as const satisfies Record<string, Option>;
