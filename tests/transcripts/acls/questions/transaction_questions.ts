/** What producers and their transactions ask. */
import { AddOffsetsToTxn } from "../../../../src/protocol/messages/add_offsets_to_txn.ts";
import { AddPartitionsToTxn } from "../../../../src/protocol/messages/add_partitions_to_txn.ts";
import { DescribeTransactions } from "../../../../src/protocol/messages/describe_transactions.ts";
import { EndTxn } from "../../../../src/protocol/messages/end_txn.ts";
import { InitProducerId } from "../../../../src/protocol/messages/init_producer_id.ts";
import { ListTransactions } from "../../../../src/protocol/messages/list_transactions.ts";
import { TxnOffsetCommit } from "../../../../src/protocol/messages/txn_offset_commit.ts";
import { WriteTxnMarkers } from "../../../../src/protocol/messages/write_txn_markers.ts";
import {
  type Asking, READ, WRITE, ALTER, DESCRIBE, CLUSTER_ACTION, IDEMPOTENT, topic, group, cluster,
  txn, OFFSETS,
} from "./question.ts";

export function transactionQuestions({ ask }: Asking): void {
  ask("an id for a producer without a transactional one", InitProducerId, 4, {
    transactionalId: null,
    transactionTimeoutMs: 1000,
    producerId: -1,
    producerEpoch: -1,
  }, [topic(WRITE, "anything")]);
  ask("an id for an idempotent producer by right of the cluster", InitProducerId, 4, {
    transactionalId: null,
    transactionTimeoutMs: 1000,
    producerId: -1,
    producerEpoch: -1,
  }, [cluster(IDEMPOTENT)]);
  ask("an id for a transactional producer", InitProducerId, 4, {
    transactionalId: "x",
    transactionTimeoutMs: 0,
    producerId: -1,
    producerEpoch: -1,
  }, [txn(WRITE)]);
  ask("partitions for a transaction", AddPartitionsToTxn, 3, {
    v3AndBelowTransactionalId: "x",
    v3AndBelowProducerId: 77,
    v3AndBelowProducerEpoch: 0,
    v3AndBelowTopics: ["shown", "other"].map((name) => ({ name, partitions: [0] })),
  }, [txn(WRITE), topic(WRITE), topic(WRITE, "other")]);
  ask("partitions for a transaction, one unknown", AddPartitionsToTxn, 3, {
    v3AndBelowTransactionalId: "x",
    v3AndBelowProducerId: 77,
    v3AndBelowProducerEpoch: 0,
    v3AndBelowTopics: ["shown", "none", "__consumer_offsets"].map((name) => ({
      name,
      partitions: [0],
    })),
  }, [txn(WRITE), topic(WRITE), topic(WRITE, "none")]);
  ask("partitions for a broker's transactions", AddPartitionsToTxn, 4, {
    transactions: [{
      transactionalId: "x",
      producerId: 77,
      producerEpoch: 0,
      verifyOnly: true,
      topics: [{ name: "shown", partitions: [0] }],
    }],
  }, [cluster(CLUSTER_ACTION)]);
  ask("a group for a transaction", AddOffsetsToTxn, 3, {
    transactionalId: "x",
    producerId: 77,
    producerEpoch: 0,
    groupId: "g",
  }, [txn(WRITE), group(READ)]);
  ask("a transaction's end", EndTxn, 3, {
    transactionalId: "x",
    producerId: 77,
    producerEpoch: 0,
    committed: true,
  }, [txn(WRITE)]);
  ask("offsets in a transaction", TxnOffsetCommit, 3, {
    transactionalId: "x",
    groupId: "g",
    producerId: 77,
    producerEpoch: 0,
    generationIdOrMemberEpoch: -1,
    memberId: "",
    topics: OFFSETS,
  }, [txn(WRITE), group(READ), topic(READ), topic(READ, "none")]);
  ask("markers", WriteTxnMarkers, 1, {
    markers: [{
      producerId: 77,
      producerEpoch: 0,
      transactionResult: false,
      coordinatorEpoch: 0,
      topics: [{ name: "none", partitionIndexes: [0] }],
    }],
  }, [cluster(ALTER)]);
  ask("transactions described", DescribeTransactions, 0, { transactionalIds: ["x", "y"] }, [
    txn(DESCRIBE),
    txn(DESCRIBE, "y"),
  ]);
  ask("an open transaction described", DescribeTransactions, 0, { transactionalIds: ["open"] }, [
    txn(DESCRIBE, "open"),
    topic(DESCRIBE, "other"),
  ]);
  ask("transactions listed", ListTransactions, 0, { stateFilters: [], producerIdFilters: [] }, [
    txn(DESCRIBE),
  ]);
}
