/**
 * What the coordinator says of a transaction that is open in a partition. It is asked after a start, when records may be
 * there of which a power loss took the coordinator's word.
 */
import type { TransactionCoordinator, TransactionPartition } from "./coordinator.ts";
import type { Partition } from "./partition_set.ts";
import { isPrepared, LAST_EPOCH, State, type Transaction } from "./transaction.ts";
import type { TransactionMarker } from "./marker_writer.ts";
import type { Credentials } from "./transaction_events.ts";

/**
 * | answer | means |
 * |---|---|
 * | ongoing | the partition is part of it, which is kept, and the producer may go on |
 * | ending | its end is decided, and its marker comes |
 * | orphaned | whoever has the producer id has another transaction, or none, or this one without the partition: no marker will ever come |
 * | unknown | nobody here has the producer id (yet), perhaps a directory from elsewhere; or something is not kept yet |
 */
export type Standing = "ongoing" | "ending" | "orphaned" | "unknown";

export class OpenTransactions {
  readonly #coordinator: TransactionCoordinator;
  readonly #byProducer = new Map<number, Holder>();

  /** Of who has which producer id now; what changes later is seen, who comes later is not. */
  constructor(coordinator: TransactionCoordinator) {
    this.#coordinator = coordinator;
    for (const partition of coordinator.runtime.active()) {
      for (const transaction of partition.shard.entities()) {
        const { producerId, previousProducerId } = transaction.value;
        const holder = { transaction, partition };
        if (!this.#byProducer.has(previousProducerId)) {
          this.#byProducer.set(previousProducerId, holder);
        }
        this.#byProducer.set(producerId, holder);
      }
    }
  }

  standing(open: Credentials, where: Partition): Standing {
    const holder = this.#holderOf(open.producerId);
    if (holder === null) return "unknown";
    const standing = standingOf(holder.transaction, open, where);
    return standing === "ongoing" && !holder.partition.isKept ? "unknown" : standing;
  }

  /** What ends an orphaned transaction, and nothing that comes after it; null once nobody has its producer id any more. */
  markerFor({ producerId, producerEpoch }: Credentials): TransactionMarker | null {
    const holder = this.#holderOf(producerId);
    if (holder === null) return null;
    const isLast = producerEpoch >= LAST_EPOCH;
    return {
      producerId,
      // So that what is still sent of it is refused (47), and no retry is told that its records are there.
      producerEpoch: isLast ? LAST_EPOCH : producerEpoch + 1,
      isCommit: false,
      coordinatorEpoch: holder.partition.leaderEpoch,
      transactionVersion: isLast ? 0 : 2,
      isOwnCoordinators: true,
    };
  }

  #holderOf(producerId: number): Holder | null {
    const holder = this.#byProducer.get(producerId);
    if (holder === undefined) return null;
    const { transaction, partition } = holder, { value } = transaction;
    const isCurrent = this.#coordinator.runtime.partitions.isCurrent(partition) &&
      partition.state === "active" && partition.shard.get(transaction.id) === transaction &&
      (value.producerId === producerId || value.previousProducerId === producerId);
    return isCurrent ? holder : null;
  }
}

interface Holder {
  readonly transaction: Transaction;
  readonly partition: TransactionPartition;
}

function standingOf(
  { value }: Readonly<Transaction>,
  { producerId, producerEpoch }: Credentials,
  where: Partition,
): Standing {
  if (value.producerId !== producerId) return "orphaned"; // the id is used up, and all that was open of it ended
  if (producerEpoch > value.producerEpoch) return "unknown"; // never given out: not by what this log says
  if (!value.partitions.has(where)) return "orphaned";
  if (value.state === State.Ongoing) {
    return producerEpoch === value.producerEpoch ? "ongoing" : "orphaned";
  }
  // Under version 2 the end has the epoch of what comes after.
  const isOfEnd = isPrepared(value) &&
    (value.clientVersion < 2 || producerEpoch < value.producerEpoch);
  return isOfEnd ? "ending" : "orphaned";
}
