/**
 * AddPartitionsToTxn 0–5: makes partitions part of a transaction, or only asks whether they are.
 *
 * Versions: 2 PRODUCER_FENCED (90), 47 before · 4 many transactions, each added to or verified, for brokers; their
 * transactions are of version 2 · 5 TRANSACTION_ABORTABLE.
 *
 * A partition that does not exist is 3, an internal topic to a client (below 4) 29; the others of its transaction are then not
 * attempted (55). Kafka never answers a request of version 4 without transactions; here it is answered with none.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { AddPartitionsToTxn } from "../protocol/messages/add_partitions_to_txn.ts";
import type { Catalogue } from "../topics/catalogue.ts";
import { isInternalTopic } from "../topics/names.ts";
import type { TransactionCoordinator } from "../transactions/coordinator.ts";
import { type Partition, PartitionSet } from "../transactions/partition_set.ts";
import { type Handler, handler } from "./handler.ts";
import type { LongAnswers } from "./long_answers.ts";
import { fencedFor } from "./transaction_answers.ts";

export interface AddPartitionsToTxnServices {
  readonly transactions: TransactionCoordinator;
  readonly catalogue: Catalogue;
  readonly answers: LongAnswers;
}

interface TransactionRequest {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly verifyOnly: boolean;
  readonly topics: readonly { readonly name: string; readonly partitions: readonly number[] }[];
}

export function addPartitionsToTxn(services: AddPartitionsToTxnServices): Handler {
  return handler(AddPartitionsToTxn, { min: 0, max: 5 }, async (request, context) => {
    const { apiVersion, connection } = context;
    if (apiVersion >= 4) {
      const results = await services.answers.of({
        items: request.transactions,
        part: async (one) => ({
          transactionalId: one.transactionalId,
          topicResults: await resultsOf(services, one, apiVersion),
        }),
        whole: (results) => results,
        connection,
      });
      if (typeof results === "symbol") return results;
      return { errorCode: ErrorCode.NONE, resultsByTransaction: await Promise.all(results) };
    }
    const one = {
      transactionalId: request.v3AndBelowTransactionalId,
      producerId: request.v3AndBelowProducerId,
      producerEpoch: request.v3AndBelowProducerEpoch,
      topics: request.v3AndBelowTopics,
      verifyOnly: false,
    };
    return { resultsByTopicV3AndBelow: await resultsOf(services, one, apiVersion) };
  });
}

interface Result {
  readonly partitionIndex: number;
  readonly partitionErrorCode: number;
}

async function resultsOf(
  services: AddPartitionsToTxnServices,
  request: TransactionRequest,
  apiVersion: number,
) {
  const topics = new Map(request.topics.map(({ name }) => [name, [] as Result[]]));
  const partitions = [...new PartitionSet(partitionsOf(request))]; // each once
  const codes = await codesOf(services, request, { partitions, apiVersion });
  partitions.forEach(({ topic, partition: partitionIndex }, i) => {
    const partitionErrorCode = fencedFor(apiVersion, 2, codes[i]);
    topics.get(topic)!.push({ partitionIndex, partitionErrorCode });
  });
  return Array.from(topics, ([name, resultsByPartition]) => ({ name, resultsByPartition }));
}

/** One for each partition. */
async function codesOf(
  { transactions, catalogue }: AddPartitionsToTxnServices,
  { transactionalId, producerId, producerEpoch, verifyOnly }: TransactionRequest,
  { partitions, apiVersion }: { readonly partitions: Partition[]; readonly apiVersion: number },
): Promise<readonly number[]> {
  const found = partitions.map(({ topic, partition }) => {
    if (apiVersion < 4 && isInternalTopic(topic)) return ErrorCode.TOPIC_AUTHORIZATION_FAILED;
    const exists = catalogue.topic(topic)?.partitions[partition] !== undefined;
    return exists ? ErrorCode.NONE : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  });
  if (found.some((code) => code !== ErrorCode.NONE)) {
    return found.map((code) => code === ErrorCode.NONE ? ErrorCode.OPERATION_NOT_ATTEMPTED : code);
  }
  const asked = { producerId, producerEpoch, partitions };
  if (verifyOnly) return await transactions.verifyPartitions(transactionalId, asked);
  const clientVersion = apiVersion >= 4 ? 2 : 0;
  const errorCode = await transactions.addPartitions(transactionalId, { ...asked, clientVersion });
  return partitions.map(() => errorCode);
}

function* partitionsOf({ topics }: TransactionRequest): Generator<Partition> {
  for (const { name: topic, partitions } of topics) {
    for (const partition of partitions) yield { topic, partition };
  }
}
