/**
 * AddOffsetsToTxn 0–4: makes a group's partition of `__consumer_offsets` part of a transaction; TxnOffsetCommit then commits
 * offsets with it. Clients of transaction.version 2 leave it out: TxnOffsetCommit 5+ does it.
 *
 * Versions: 2 PRODUCER_FENCED (90), 47 before. A group id is not looked at, as in Kafka.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { AddOffsetsToTxn } from "../protocol/messages/add_offsets_to_txn.ts";
import type { TransactionCoordinator } from "../transactions/coordinator.ts";
import { type Handler, handler } from "./handler.ts";
import { OFFSETS_TOPIC } from "./offsets_topic.ts";
import { fencedFor } from "./transaction_answers.ts";

export interface AddOffsetsToTxnServices {
  readonly transactions: TransactionCoordinator;
  readonly groups: {
    ensureTopic(): Promise<void>;
    partitionFor(groupId: string): number | null;
  };
}

export function addOffsetsToTxn({ transactions, groups }: AddOffsetsToTxnServices): Handler {
  return handler(AddOffsetsToTxn, { min: 0, max: 4 }, async (request, { apiVersion }) => {
    const { transactionalId, groupId, producerId, producerEpoch } = request;
    if (groups.partitionFor(groupId) === null) await groups.ensureTopic();
    const partition = groups.partitionFor(groupId);
    if (partition === null) return { errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE };
    const errorCode = await transactions.addPartitions(transactionalId, {
      producerId,
      producerEpoch,
      partitions: [{ topic: OFFSETS_TOPIC, partition }],
      clientVersion: 0,
    });
    return { errorCode: fencedFor(apiVersion, 2, errorCode) };
  });
}
