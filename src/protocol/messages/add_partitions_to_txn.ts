/**
 * AddPartitionsToTxn: makes partitions part of a transaction.
 *
 * v3 flexible · v4 is for brokers: many transactions at once, and may only verify. Clients use v3 or lower, or,
 * from transaction version 2 on, none at all: Produce v12 does it (KIP-890).
 */
import { api, array, bool, int16, int32, int64, string } from "../schema.ts";

const addPartitionsToTxnTopic = {
  name: string,
  partitions: array(int32),
};

const addPartitionsToTxnPartitionResult = {
  partitionIndex: int32,
  partitionErrorCode: int16,
};

const addPartitionsToTxnTopicResult = {
  name: string,
  resultsByPartition: array(addPartitionsToTxnPartitionResult),
};

export const AddPartitionsToTxn = api({
  key: 24,
  name: "AddPartitionsToTxn",
  versions: "0-5",
  flexible: "3+",
  request: {
    transactions: array({
      transactionalId: string,
      producerId: int64,
      producerEpoch: int16,
      verifyOnly: bool,
      topics: array(addPartitionsToTxnTopic),
    }).in("4+"),
    v3AndBelowTransactionalId: string.in("0-3"),
    v3AndBelowProducerId: int64.in("0-3"),
    v3AndBelowProducerEpoch: int16.in("0-3"),
    v3AndBelowTopics: array(addPartitionsToTxnTopic).in("0-3"),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16.in("4+").ignorable(),
    resultsByTransaction: array({
      transactionalId: string,
      topicResults: array(addPartitionsToTxnTopicResult),
    }).in("4+"),
    resultsByTopicV3AndBelow: array(addPartitionsToTxnTopicResult).in("0-3"),
  },
});
