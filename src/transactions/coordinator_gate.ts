/**
 * CoordinatorGate: the TransactionGate in front of this node's coordinator. Partitions that one request adds are added
 * together: a record of the coordinator's log names all partitions of its transaction, so that one does for them.
 */
import type { TransactionCoordinator } from "./coordinator.ts";
import type { Partition } from "./partition_set.ts";
import type { TransactionClaim, TransactionGate } from "./transaction_gate.ts";

/** Claims of one producer that came in this turn. */
interface Gathered {
  readonly partitions: Partition[];
  readonly answer: Promise<number>;
}

export class CoordinatorGate implements TransactionGate {
  readonly #coordinator: TransactionCoordinator;
  readonly #gathered = new Map<string, Gathered>();

  constructor(coordinator: TransactionCoordinator) {
    this.#coordinator = coordinator;
  }

  async admit(claim: TransactionClaim): Promise<number> {
    const { transactionalId, producerId, producerEpoch, topic, partition, mode } = claim;
    if (mode === "add") return await this.#add(claim, { topic, partition });
    const asked = { producerId, producerEpoch, partitions: [{ topic, partition }] };
    const [errorCode] = await this.#coordinator.verifyPartitions(transactionalId, asked);
    return errorCode;
  }

  #add(claim: TransactionClaim, partition: Partition): Promise<number> {
    const { transactionalId, producerId, producerEpoch } = claim;
    const key = `${producerId} ${producerEpoch} ${transactionalId}`,
      known = this.#gathered.get(key);
    if (known !== undefined) {
      known.partitions.push(partition);
      return known.answer;
    }
    const partitions = [partition];
    const answer = Promise.resolve().then(() => {
      this.#gathered.delete(key);
      const added = { producerId, producerEpoch, partitions, clientVersion: 2 } as const;
      return this.#coordinator.addPartitions(transactionalId, added);
    });
    this.#gathered.set(key, { partitions, answer });
    return answer;
  }
}
