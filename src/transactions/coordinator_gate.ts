/**
 * CoordinatorGate: the TransactionGate in front of this node's coordinator.
 *
 * A record of the coordinator's log has all partitions of the transaction. So what a request adds is added as one, as in
 * Kafka: of a hundred partitions one record is written, and not a hundred that grow.
 */
import type { TransactionCoordinator } from "./coordinator.ts";
import type { TransactionClaim, TransactionGate } from "./transaction_gate.ts";

/** What is added at the end of this turn. */
interface Adding {
  readonly partitions: { readonly topic: string; readonly partition: number }[];
  /** Whether all of them are. */
  isBeside: boolean;
  /** The answer for all of them. */
  readonly errorCode: Promise<number>;
}

export class CoordinatorGate implements TransactionGate {
  readonly #coordinator: TransactionCoordinator;
  /** By transactional id, producer id and epoch. */
  readonly #adding = new Map<string, Adding>();

  constructor(coordinator: TransactionCoordinator) {
    this.#coordinator = coordinator;
  }

  async admit(
    { transactionalId, mode, topic, partition, isBeside = false, ...as }: TransactionClaim,
  ): Promise<number> {
    const { producerId, producerEpoch } = as;
    if (mode === "add") {
      const key = `${producerId} ${producerEpoch} ${transactionalId}`;
      const adding = this.#adding.get(key) ?? this.#begin(key, transactionalId, as);
      adding.partitions.push({ topic, partition });
      if (!isBeside) adding.isBeside = false;
      return await adding.errorCode;
    }
    const asked = { producerId, producerEpoch, partitions: [{ topic, partition }] };
    const [errorCode] = await this.#coordinator.verifyPartitions(transactionalId, asked);
    return errorCode;
  }

  #begin(
    key: string,
    transactionalId: string,
    { producerId, producerEpoch }: { readonly producerId: number; readonly producerEpoch: number },
  ): Adding {
    const partitions: Adding["partitions"] = [];
    const errorCode = Promise.resolve().then(() => {
      this.#adding.delete(key);
      const { isBeside } = adding;
      const added = { producerId, producerEpoch, partitions, clientVersion: 2, isBeside } as const;
      return this.#coordinator.addPartitions(transactionalId, added);
    });
    const adding: Adding = { partitions, isBeside: true, errorCode };
    this.#adding.set(key, adding);
    return adding;
  }
}
