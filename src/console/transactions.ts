/** Transactions: which transactional ids there are, and what one has open. */
import { check } from "../client/errors.ts";
import { describeTransactionAt } from "../client/transactions.ts";
import { DescribeProducers } from "../protocol/messages/describe_producers.ts";
import { ListTransactions } from "../protocol/messages/list_transactions.ts";
import type { Page, ProducerRow, TransactionDetail, TransactionRow } from "./api.ts";
import { isMade, TRANSACTION_TOPIC } from "./ask.ts";
import { ApiFailure } from "./failure.ts";
import { idQuery } from "./groups.ts";
import { pageOf, pageQuery } from "./page.ts";
import { type Call, needed, type Route } from "./route.ts";

export const transactionRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "transactions",
    summary: "Transactional ids with their state",
    query: pageQuery(["transactionalId", "state", "producerId"]),
    answers: "Page<TransactionRow>",
    handle: listTransactions,
  },
  {
    method: "GET",
    path: "transaction",
    summary: "A transactional id with what it has open",
    query: idQuery,
    answers: "TransactionDetail",
    handle: describeTransaction,
  },
  {
    method: "GET",
    path: "topics/:topic/partitions/:partition/producers",
    summary: "Producers whose batches in a partition are remembered",
    query: {},
    answers: "ProducerRow[]",
    handle: listProducers,
  },
];

async function listTransactions(call: Call): Promise<Page<TransactionRow>> {
  const { requests } = call, version = requests.versionFor(ListTransactions);
  const answer = await requests.request(ListTransactions, version, {
    stateFilters: [],
    producerIdFilters: [],
  });
  check(answer.errorCode, "transactions");
  const rows = answer.transactionStates.map((one) => ({
    transactionalId: one.transactionalId,
    producerId: one.producerId,
    state: one.transactionState,
  }));
  return pageOf(rows, call, {
    nameOf: ({ transactionalId }) => transactionalId,
    sort: "transactionalId",
  });
}

async function describeTransaction(call: Call): Promise<TransactionDetail> {
  const { requests, house } = call, id = needed(call, "id");
  const found = isMade(house, TRANSACTION_TOPIC) ? await describeTransactionAt(requests, id) : null;
  if (found === null) {
    throw new ApiFailure("not_found", `there is no transactional id ${id}`, { field: "id" });
  }
  const { startTimeMs: startedMs, ...facts } = found;
  return { ...facts, startedMs };
}

async function listProducers({ requests, params }: Call): Promise<ProducerRow[]> {
  const { topic } = params, partition = /^\d{1,9}$/.test(params.partition) ? +params.partition : -1;
  const answer = await requests.request(
    DescribeProducers,
    requests.versionFor(DescribeProducers),
    { topics: [{ name: topic, partitionIndexes: [partition] }] },
  );
  const { errorCode, errorMessage, activeProducers } = answer.topics[0].partitions[0];
  check(errorCode, `producers of ${topic}-${params.partition}`, errorMessage);
  return activeProducers.map((one) => ({
    producerId: one.producerId,
    producerEpoch: one.producerEpoch,
    lastSequence: one.lastSequence,
    lastTimestampMs: one.lastTimestamp,
    openSince: one.currentTxnStartOffset < 0 ? null : one.currentTxnStartOffset,
  })).sort((a, b) => a.producerId - b.producerId);
}
