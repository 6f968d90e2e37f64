/**
 * Transactions: what coordinators and partitions know of them, and how one is ended from outside.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeProducers } from "../protocol/messages/describe_producers.ts";
import { DescribeTransactions } from "../protocol/messages/describe_transactions.ts";
import { InitProducerId } from "../protocol/messages/init_producer_id.ts";
import { ListTransactions } from "../protocol/messages/list_transactions.ts";
import { WriteTxnMarkers } from "../protocol/messages/write_txn_markers.ts";
import type { Requests } from "./asking.ts";
import type { CallOptions } from "./call.ts";
import type { Cluster } from "./cluster.ts";
import { findCoordinator } from "./coordinators.ts";
import { check, KafkaError } from "./errors.ts";
import type { TopicPartition } from "./list_offsets.ts";

export interface TransactionListing {
  readonly transactionalId: string;
  readonly producerId: number;
  /** "Ongoing", "PrepareCommit"…, as the coordinator calls it. */
  readonly state: string;
  readonly coordinatorId: number;
}

/** All that are given have to hold. */
export interface TransactionFilters {
  /** By the coordinators' names; none: any. */
  readonly states?: readonly string[];
  readonly producerIds?: readonly number[];
  /** Open for longer than this. */
  readonly longerThanMs?: number;
  /** RE2, over the whole id. */
  readonly pattern?: string;
}

/** What a coordinator keeps of a transactional id. */
export interface TransactionDescription {
  readonly transactionalId: string;
  readonly coordinatorId: number;
  readonly state: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly timeoutMs: number;
  /** ms since 1970; null when none is open. */
  readonly startTimeMs: number | null;
  /** Those written to, and whose marker is not written yet. */
  readonly partitions: readonly TopicPartition[];
}

/** A transaction that is open in a partition. */
export interface OpenInPartition extends TopicPartition {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Of its last marker there; -1: it never had one. */
  readonly coordinatorEpoch: number;
  readonly startOffset: number;
  /** The last record's, by the clock of whoever gave it. */
  readonly lastTimestampMs: number;
}

/** Every transactional id of every coordinator that fits, sorted. Throws KafkaError, and an Error for a state there is none of. */
export async function listTransactions(
  cluster: Cluster,
  { states = [], producerIds = [], longerThanMs, pattern }: TransactionFilters = {},
  call: CallOptions = {},
): Promise<TransactionListing[]> {
  const least = pattern !== undefined ? 2 : longerThanMs !== undefined ? 1 : 0;
  const ask = async (nodeId: number) => {
    const connection = await cluster.connectionTo(nodeId);
    const version = connection.versionFor(ListTransactions);
    if (version < least) {
      const what = least === 2 ? "by a pattern" : "by duration";
      throw new KafkaError(
        ErrorCode.UNSUPPORTED_VERSION,
        `list transactions ${what}`,
        `Broker ${nodeId} speaks ListTransactions up to ${version}, needed is ${least}.`,
      );
    }
    const answer = await connection.request(ListTransactions, version, {
      stateFilters: [...states],
      producerIdFilters: [...producerIds],
      ...longerThanMs === undefined ? {} : { durationFilter: longerThanMs },
      ...pattern === undefined ? {} : { transactionalIdPattern: pattern },
    });
    const about = answer.errorCode === ErrorCode.INVALID_REGULAR_EXPRESSION
      ? `pattern ${pattern}`
      : `transactions of broker ${nodeId}`;
    check(answer.errorCode, about);
    if (answer.unknownStateFilters.length > 0) {
      throw new KafkaError(
        ErrorCode.INVALID_REQUEST,
        `transactions in state ${answer.unknownStateFilters.join(", ")}`,
        "There is no such state: Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort, PrepareEpochFence and Dead there are.",
      );
    }
    return answer.transactionStates.map((one): TransactionListing => ({
      transactionalId: one.transactionalId,
      producerId: one.producerId,
      state: one.transactionState,
      coordinatorId: nodeId,
    }));
  };
  const lists = await cluster.retry(
    async () => await Promise.all((await cluster.nodes()).map(({ id }) => ask(id))),
    call,
  );
  return lists.flat().sort((a, b) => a.transactionalId < b.transactionalId ? -1 : 1);
}

/** As its coordinator has it; null when that knows no such id. */
export async function describeTransaction(
  cluster: Cluster,
  transactionalId: string,
  call: CallOptions = {},
): Promise<TransactionDescription | null> {
  return await cluster.retry(async () => {
    const { connection, nodeId } = await findCoordinator(cluster, "transaction", transactionalId);
    const facts = await describeTransactionAt(connection, transactionalId);
    return facts && { ...facts, coordinatorId: nodeId };
  }, call);
}

/** As the broker that is asked has it, which has to be its coordinator; null when that knows no such id. Throws KafkaError. */
export async function describeTransactionAt(
  requests: Requests,
  transactionalId: string,
): Promise<Omit<TransactionDescription, "coordinatorId"> | null> {
  const { transactionStates: [found] } = await requests.request(
    DescribeTransactions,
    requests.versionFor(DescribeTransactions),
    { transactionalIds: [transactionalId] },
  );
  if (found.errorCode === ErrorCode.TRANSACTIONAL_ID_NOT_FOUND) return null;
  check(found.errorCode, `transactional id ${transactionalId}`);
  return {
    transactionalId,
    state: found.transactionState,
    producerId: found.producerId,
    producerEpoch: found.producerEpoch,
    timeoutMs: found.transactionTimeoutMs,
    startTimeMs: found.transactionStartTimeMs < 0 ? null : found.transactionStartTimeMs,
    partitions: found.topics.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition }))
    ),
  };
}

/** A partition that could not be asked, and why. */
export interface Unasked extends TopicPartition {
  readonly error: KafkaError;
}

/** What is open in these partitions, but for those that cannot be asked even after a second and a third time. */
export async function openTransactions(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
): Promise<{ open: OpenInPartition[]; unasked: Unasked[] }> {
  const open: OpenInPartition[] = [], unasked: Unasked[] = [];
  for (let from = 0; from < partitions.length; from += PARTITIONS_A_REQUEST) {
    let left: readonly TopicPartition[] = partitions.slice(from, from + PARTITIONS_A_REQUEST);
    for (let tries = 0; left.length > 0; tries++) {
      const round = await cluster.retry(() => askPartitions(cluster, left));
      open.push(...round.open);
      left = round.unasked.filter(({ error }) => error.isRetriable && tries < 2);
      unasked.push(...round.unasked.filter((one) => !left.includes(one)));
      for (const { topic } of left) cluster.forget(topic);
      if (left.length > 0) await cluster.pause(cluster.backoffMs(tries));
    }
  }
  return { open, unasked };
}

/** Kafka's tool asks for as many at a time. */
const PARTITIONS_A_REQUEST = 500;

async function askPartitions(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
): Promise<{ open: OpenInPartition[]; unasked: Unasked[] }> {
  const open: OpenInPartition[] = [], unasked: Unasked[] = [];
  const byLeader = new Map<number, TopicPartition[]>();
  for (const one of partitions) {
    try {
      const { nodeId } = await cluster.leader(one.topic, one.partition);
      byLeader.set(nodeId, [...byLeader.get(nodeId) ?? [], one]);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      unasked.push({ ...one, error });
    }
  }
  await Promise.all([...byLeader].map(async ([nodeId, ofLeader]) => {
    const connection = await cluster.connectionTo(nodeId);
    const topics = new Map<string, number[]>();
    for (const { topic, partition } of ofLeader) {
      topics.set(topic, [...topics.get(topic) ?? [], partition]);
    }
    const answer = await connection.request(
      DescribeProducers,
      connection.versionFor(DescribeProducers),
      { topics: [...topics].map(([name, partitionIndexes]) => ({ name, partitionIndexes })) },
    );
    for (const { name: topic, partitions } of answer.topics) {
      for (const { partitionIndex: partition, errorCode, errorMessage, ...rest } of partitions) {
        if (errorCode !== 0) {
          const about = `producers of ${topic}-${partition}`;
          const error = new KafkaError(errorCode, about, errorMessage || null);
          unasked.push({ topic, partition, error });
        }
        for (const one of rest.activeProducers) {
          if (one.currentTxnStartOffset < 0) continue;
          open.push({
            topic,
            partition,
            producerId: one.producerId,
            producerEpoch: one.producerEpoch,
            coordinatorEpoch: one.coordinatorEpoch,
            startOffset: one.currentTxnStartOffset,
            lastTimestampMs: one.lastTimestamp,
          });
        }
      }
    }
  }));
  return { open, unasked };
}

/**
 * Fences the producer of a transactional id, which aborts its transaction (Kafka: Admin.fenceProducers and
 * forceTerminateTransaction). The id keeps `timeoutMs`, or has it from now on.
 */
export async function fenceProducer(
  cluster: Cluster,
  transactionalId: string,
  timeoutMs: number,
): Promise<void> {
  await cluster.retry(async () => {
    const { connection } = await findCoordinator(cluster, "transaction", transactionalId);
    const { errorCode } = await connection.request(
      InitProducerId,
      connection.versionFor(InitProducerId),
      { transactionalId, transactionTimeoutMs: timeoutMs },
    );
    check(errorCode, `fence the producer of ${transactionalId}`);
  });
}

/**
 * Writes an abort marker into one partition, whatever the coordinator knows (Kafka: Admin.abortTransaction): for a
 * transaction that nobody else will end.
 */
export async function abortInPartition(
  cluster: Cluster,
  { topic, partition, producerId, producerEpoch, coordinatorEpoch }: Omit<
    OpenInPartition,
    "startOffset" | "lastTimestampMs"
  >,
): Promise<void> {
  await cluster.retry(async () => {
    const { connection } = await cluster.leader(topic, partition);
    const answer = await connection.request(
      WriteTxnMarkers,
      connection.versionFor(WriteTxnMarkers),
      {
        markers: [{
          producerId,
          producerEpoch,
          transactionResult: false,
          topics: [{ name: topic, partitionIndexes: [partition] }],
          // One that never had a marker has none; 0 is at most any coordinator's.
          coordinatorEpoch: Math.max(0, coordinatorEpoch),
        }],
      },
    );
    const code = answer.markers[0]?.topics[0]?.partitions[0]?.errorCode;
    const about = `abort producer ${producerId} in ${topic}-${partition}`;
    if (code === undefined) {
      throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, about, "The answer left it out.");
    }
    check(code, about);
  }, { topic });
}
