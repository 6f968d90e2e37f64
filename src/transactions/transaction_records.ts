/**
 * Transaction records: a transactional id's state as Kafka's coordinator writes it to `__transaction_state`, and back
 * (Kafka: TransactionLog).
 *
 * | key type | key | value |
 * |---|---|---|
 * | 0 | transactional id | v0, or v1 with transaction.version 1 and 2; null: it is forgotten |
 *
 * v1 has the ids on both sides of a change and the version of the client; v0 loses them. The last epoch is in neither, so a
 * retry that spans a reload is only known where the ids or the epochs say it.
 */
import { decode } from "../protocol/codec.ts";
import {
  decodeVersioned,
  encodeRecordKey,
  encodeVersioned,
  recordType,
} from "../protocol/log_record.ts";
import { TransactionLogKey, TransactionLogValue } from "../protocol/messages/transaction_log.ts";
import type { ShardRecord } from "../coordination/shard.ts";
import { PartitionSet } from "./partition_set.ts";
import type { TransactionFact } from "./transaction_events.ts";
import {
  NO_EPOCH,
  NO_PRODUCER_ID,
  State,
  stateOf,
  type TransactionValue,
  type TransactionVersion,
} from "./transaction.ts";

/** null for a fact that lives in memory only. */
export function encodeTransactionFact(id: string, fact: TransactionFact): ShardRecord | null {
  switch (fact.kind) {
    case "changed":
      return { key: keyOf(id), value: encodeValue(fact.value, fact.logVersion) };
    case "gone":
      return { key: keyOf(id), value: null };
    default:
      return null;
  }
}

/**
 * What a record says of which transactional id, null for its value when it is forgotten; null for types of record that say
 * nothing here. Throws for a value that cannot be understood: Kafka passes over one whose version it does not know, and
 * goes on with what was before.
 */
export function decodeTransactionRecord(
  { key, value }: ShardRecord,
): { readonly id: string; readonly value: TransactionValue | null } | null {
  if (recordType(key) !== TransactionLogKey.key) return null;
  const { transactionalId: id } = decode(TransactionLogKey, 0, key, 2);
  return { id, value: value === null ? null : decodeValue(value) };
}

/** Whether a key has no room for it. It came in a string, but what was not UTF-8 has grown to three times its size. */
export function isTooLongId(transactionalId: string): boolean {
  return transactionalId.length * 3 > MAX_ID_BYTES &&
    new TextEncoder().encode(transactionalId).length > MAX_ID_BYTES;
}

const MAX_ID_BYTES = 32_767;

function keyOf(transactionalId: string): Uint8Array {
  return encodeRecordKey(TransactionLogKey, { transactionalId });
}

function encodeValue(value: TransactionValue, logVersion: 0 | 1): Uint8Array {
  const { previousProducerId, nextProducerId, clientVersion } = value;
  return encodeVersioned(TransactionLogValue, logVersion, {
    producerId: value.producerId,
    producerEpoch: value.producerEpoch,
    transactionTimeoutMs: value.timeoutMs,
    transactionStatus: value.state,
    transactionPartitions: value.state === State.Empty
      ? null
      : Array.from(value.partitions.byTopic(), ([topic, ids]) => ({
        topic,
        partitionIds: [...ids],
      })),
    transactionLastUpdateTimestampMs: value.lastUpdateTimestampMs,
    transactionStartTimestampMs: value.startTimestampMs,
    ...(logVersion === 0
      ? {}
      : { previousProducerId, nextProducerId, clientTransactionVersion: clientVersion }),
  });
}

function decodeValue(bytes: Uint8Array): TransactionValue {
  const value = decodeVersioned(TransactionLogValue, bytes);
  const state = stateOf(value.transactionStatus);
  if (state === null) throw new Error(`There is no transaction state ${value.transactionStatus}`);
  const partitions = new PartitionSet();
  for (const { topic, partitionIds } of value.transactionPartitions ?? []) {
    for (const partition of partitionIds) partitions.add({ topic, partition });
  }
  return {
    state,
    producerId: value.producerId,
    previousProducerId: value.previousProducerId ?? NO_PRODUCER_ID,
    nextProducerId: value.nextProducerId ?? NO_PRODUCER_ID,
    producerEpoch: value.producerEpoch,
    lastProducerEpoch: NO_EPOCH,
    timeoutMs: value.transactionTimeoutMs,
    partitions,
    startTimestampMs: value.transactionStartTimestampMs,
    lastUpdateTimestampMs: value.transactionLastUpdateTimestampMs,
    clientVersion: versionOf(value.clientTransactionVersion ?? 0),
  };
}

function versionOf(version: number): TransactionVersion {
  if (version === 0 || version === 1 || version === 2) return version;
  throw new Error(`There is no transaction version ${version}`);
}
