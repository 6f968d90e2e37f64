/**
 * DescribeProducers 0: the producers a partition remembers: epoch, last sequence and, of those with a transaction open,
 * where it began. It is how a hanging transaction is found (KIP-664).
 *
 * Unknown partitions are 3, bad names 17, a partition led elsewhere 6. A producer that wrote nothing for
 * producer.id.expiration.ms is forgotten.
 */
import { ZERO_UUID } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeProducers } from "../protocol/messages/describe_producers.ts";
import type { Encodable } from "../protocol/schema.ts";
import { topicNameError } from "../topics/names.ts";
import type { ProducerSnapshotEntry } from "../storage/producers/producer_snapshot.ts";
import { type Handler, handler } from "./handler.ts";
import type { LongAnswers } from "./long_answers.ts";
import { findLog, findTopic, type PartitionLookup, readError } from "./partitions.ts";

export function describeProducers(lookup: PartitionLookup, answers: LongAnswers): Handler {
  return handler(DescribeProducers, { min: 0, max: 0 }, ({ topics }, { connection }) =>
    answers.of({
      items: topics.flatMap(({ name, partitionIndexes }) =>
        partitionIndexes.map((partitionIndex) => ({ name, partitionIndex }))
      ),
      part: ({ name, partitionIndex }): Part => ({
        partitionIndex,
        ...producersOf(lookup, name, partitionIndex),
      }),
      tooLong: ({ partitionIndex }, errorMessage) => ({
        partitionIndex,
        errorCode: ErrorCode.INVALID_REQUEST,
        errorMessage,
      }),
      whole: (parts) => ({ topics: ofTopics(topics, parts) }),
      connection,
    }));
}

/** Parts back to the topics whose partitions they are. */
function ofTopics(
  topics: readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[],
  parts: readonly Part[],
) {
  let from = 0;
  return topics.map(({ name, partitionIndexes: { length } }) => ({
    name,
    partitions: parts.slice(from, from += length),
  }));
}

type Topic = NonNullable<Encodable<typeof DescribeProducers.response>["topics"]>[number];
type Part = NonNullable<Topic["partitions"]>[number];

function producersOf(lookup: PartitionLookup, name: string, index: number) {
  const refused = (errorCode: number, errorMessage: string | null) => ({
    errorCode,
    errorMessage,
    activeProducers: [],
  });
  const nameError = topicNameError(name);
  if (nameError !== null) return refused(ErrorCode.INVALID_TOPIC_EXCEPTION, nameError);
  const topic = findTopic(lookup, name, ZERO_UUID);
  if (typeof topic === "number") {
    return refused(topic, "This server does not host this topic-partition.");
  }
  const log = findLog(lookup, topic, index);
  if (typeof log === "number") return refused(log, null);
  let producers: readonly ProducerSnapshotEntry[];
  try {
    producers = log.producers.entries();
  } catch (error) {
    return refused(readError(error), null);
  }
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    activeProducers: producers.map((producer) => ({
      producerId: producer.producerId,
      producerEpoch: producer.epoch,
      lastSequence: producer.lastSequence,
      lastTimestamp: producer.timestampMs,
      coordinatorEpoch: producer.coordinatorEpoch,
      currentTxnStartOffset: producer.currentTxnFirstOffset,
    })),
  };
}
