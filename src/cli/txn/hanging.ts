/**
 * Hanging transactions: open in a partition though no coordinator will ever end them there, so that readers of what is
 * committed wait behind them. Kafka's `kafka-transactions find-hanging` judges the same way.
 */
import type { Cluster } from "../../client/cluster.ts";
import type { TopicPartition } from "../../client/list_offsets.ts";
import {
  describeTransaction,
  listTransactions,
  type OpenInPartition,
  openTransactions,
  type TransactionDescription,
  type Unasked,
} from "../../client/transactions.ts";

export interface Search {
  readonly hanging: readonly OpenInPartition[];
  readonly unasked: readonly Unasked[];
}

/** Those among `partitions` whose last record is older than `longerThanMs` at `nowMs`. */
export async function findHanging(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  { longerThanMs, nowMs }: { longerThanMs: number; nowMs: number },
): Promise<Search> {
  const { open, unasked } = await openTransactions(cluster, partitions);
  const old = open.filter(({ lastTimestampMs }) => nowMs - lastTimestampMs > longerThanMs);
  const owners = await ownersOf(cluster, old);
  return { hanging: old.filter((one) => ownerOf(one, owners) === null), unasked };
}

/** What coordinators keep of the producers of these, by producer id. */
export async function ownersOf(
  cluster: Cluster,
  open: readonly Pick<OpenInPartition, "producerId">[],
): Promise<ReadonlyMap<number, TransactionDescription>> {
  const owners = new Map<number, TransactionDescription>();
  const producerIds = [...new Set(open.map(({ producerId }) => producerId))];
  if (producerIds.length === 0) return owners;
  for (const { producerId, transactionalId } of await listTransactions(cluster, { producerIds })) {
    const description = await describeTransaction(cluster, transactionalId);
    if (description !== null) owners.set(producerId, description);
  }
  return owners;
}

/**
 * The transactional id that will end this one; null: none, so it hangs. A coordinator lists the partitions of an open
 * transaction, and those of an ended one that have no marker yet; what is not among them gets none.
 */
export function ownerOf(
  { topic, partition, producerId }: Pick<OpenInPartition, "topic" | "partition" | "producerId">,
  owners: ReadonlyMap<number, TransactionDescription>,
): TransactionDescription | null {
  const owner = owners.get(producerId);
  const isKnown = owner?.partitions.some((one) =>
    one.topic === topic && one.partition === partition
  );
  return isKnown ? owner! : null;
}
