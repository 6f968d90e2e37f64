/**
 * What operators ask about transactions: one by its id, or all that fit a filter. Nothing is shown before it is kept.
 */
import { ErrorCode } from "../protocol/errors.ts";
import type { TransactionCoordinator, TransactionPartition } from "./coordinator.ts";
import type { ReadonlyPartitionSet } from "./partition_set.ts";
import { isPrepared, type State, stateName } from "./transaction.ts";

export interface TransactionDescription {
  /** "Ongoing", … */
  readonly state: string;
  readonly timeoutMs: number;
  readonly startTimestampMs: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Of a prepared one those whose markers are not kept yet. */
  readonly partitions: ReadonlyPartitionSet;
}

/** One as it is now: to be shown when its partition has kept that (isKept). */
export interface DescribedTransaction {
  readonly partition: TransactionPartition;
  readonly description: TransactionDescription;
}

/** The code when there is none: 42 for no id, 105 for an unknown one, else why it cannot be asked for here. */
export function describeTransactionNow(
  coordinator: TransactionCoordinator,
  transactionalId: string,
): DescribedTransaction | number {
  const partition = coordinator.place(transactionalId);
  if (typeof partition === "number") return partition;
  const transaction = partition.shard.get(transactionalId);
  if (transaction === undefined) return ErrorCode.TRANSACTIONAL_ID_NOT_FOUND;
  const { value, unwritten } = transaction;
  const description = {
    state: stateName(value.state),
    timeoutMs: value.timeoutMs,
    startTimestampMs: value.startTimestampMs,
    producerId: value.producerId,
    producerEpoch: value.producerEpoch,
    partitions: isPrepared(value) ? unwritten : value.partitions,
  };
  return { partition, description };
}

export interface TransactionFilter {
  /** Empty: every state. */
  readonly states: ReadonlySet<State>;
  /** Empty: every producer. */
  readonly producerIds: ReadonlySet<number>;
  /** Only those that began longer ago than this; negative: all. */
  readonly durationMs: number;
}

export interface ListedTransaction {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly state: string;
}

/** null while a partition is being read, so that the list would not be whole. */
export async function listTransactions(
  { runtime }: TransactionCoordinator,
  filter: TransactionFilter,
  nowMs: number,
): Promise<ListedTransaction[] | null> {
  if (runtime.partitions.count("loading") > 0) return null;
  const { states, producerIds, durationMs } = filter, lists: Promise<ListedTransaction[]>[] = [];
  for (const partition of runtime.active()) {
    const listed: ListedTransaction[] = [];
    for (const { id, value } of partition.shard.entities()) {
      const { producerId, state, startTimestampMs } = value;
      if (states.size > 0 && !states.has(state)) continue;
      if (producerIds.size > 0 && !producerIds.has(producerId)) continue;
      // One that has not begun is as old as can be, as in Kafka.
      if (durationMs >= 0 && nowMs - startTimestampMs <= durationMs) continue;
      listed.push({ transactionalId: id, producerId, state: stateName(state) });
    }
    lists.push(isKept(partition).then((isSo) => isSo ? listed : []));
  }
  return (await Promise.all(lists)).flat();
}

/** Whether all that it shows is kept, once that is known. */
export function isKept(partition: TransactionPartition): Promise<boolean> {
  return new Promise((resolve) => partition.whenKept(() => resolve(true), () => resolve(false)));
}
