/**
 * Late transactions: those that should have been ended long ago, by a coordinator if by nobody else. One that stays late is
 * hanging: `runnel txn find-hanging` names it (Kafka: PartitionsWithLateTransactionsCount).
 */
import type { PartitionLog } from "./partition_log.ts";

/** What a coordinator may be late by (ProducerStateManager.LATE_TRANSACTION_BUFFER_MS). */
const BUFFER_MS = 5 * 60_000;

/**
 * Partitions whose oldest transaction has heard nothing of its producer for longer than a transaction may take. Of logs
 * whose producers nobody asked for since the start nothing is known, and nothing read.
 */
export function withLateTransactions(
  logs: Iterable<Pick<PartitionLog, "loadedProducers">>,
  { nowMs, maxTimeoutMs }: { readonly nowMs: number; readonly maxTimeoutMs: number },
): number {
  let count = 0;
  for (const { loadedProducers } of logs) {
    if (loadedProducers?.hasLateTransaction(nowMs, maxTimeoutMs + BUFFER_MS)) count++;
  }
  return count;
}
