/** CoordinatorGate: the TransactionGate in front of this node's coordinator. */
import type { TransactionCoordinator } from "./coordinator.ts";
import type { TransactionClaim, TransactionGate } from "./transaction_gate.ts";

export class CoordinatorGate implements TransactionGate {
  readonly #coordinator: TransactionCoordinator;

  constructor(coordinator: TransactionCoordinator) {
    this.#coordinator = coordinator;
  }

  async admit(
    { transactionalId, mode, topic, partition, ...as }: TransactionClaim,
  ): Promise<number> {
    const { producerId, producerEpoch } = as;
    const asked = { producerId, producerEpoch, partitions: [{ topic, partition }] };
    if (mode === "add") {
      return await this.#coordinator.addPartitions(transactionalId, { ...asked, clientVersion: 2 });
    }
    const [errorCode] = await this.#coordinator.verifyPartitions(transactionalId, asked);
    return errorCode;
  }
}
