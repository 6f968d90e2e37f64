/**
 * CoordinatorGate: the TransactionGate in front of this node's coordinator.
 *
 * A producer of transaction.version 2 sends its next transaction as soon as the end of the one before is decided. Its first
 * batch waits here until that is complete, so that the client need not be told to try again; Kafka's brokers ask their
 * coordinator every add.partitions.to.txn.retry.backoff.ms, here what waits hears of it at once.
 */
import type { Clock } from "../clock.ts";
import type { TransactionCoordinator } from "./coordinator.ts";
import type { TransactionClaim, TransactionGate } from "./transaction_gate.ts";

export interface CoordinatorGateOptions {
  readonly coordinator: TransactionCoordinator;
  readonly clock: Clock;
  readonly addPartitionsRetryBackoffMs: number;
  readonly addPartitionsRetryBackoffMaxMs: number;
}

export class CoordinatorGate implements TransactionGate {
  readonly #options: CoordinatorGateOptions;

  constructor(options: CoordinatorGateOptions) {
    this.#options = options;
  }

  async admit({ transactionalId, mode, ...claim }: TransactionClaim): Promise<number> {
    const { coordinator } = this.#options, { producerId, producerEpoch } = claim;
    const partitions = [{ topic: claim.topic, partition: claim.partition }];
    if (mode === "verify") {
      const asked = { producerId, producerEpoch, partitions };
      const [errorCode] = await coordinator.verifyPartitions(transactionalId, asked);
      return errorCode;
    }
    await this.#whileEnding(transactionalId);
    const added = { producerId, producerEpoch, partitions, clientVersion: 2 } as const;
    return await coordinator.addPartitions(transactionalId, added);
  }

  /** As long as it may be; whoever asks then hears 51. */
  async #whileEnding(transactionalId: string): Promise<void> {
    const { coordinator, clock } = this.#options;
    const untilMs = clock.monotonicMs() + this.#options.addPartitionsRetryBackoffMaxMs;
    while (coordinator.isEnding(transactionalId)) {
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0) return;
      const pauseMs = Math.min(leftMs, this.#options.addPartitionsRetryBackoffMs);
      await coordinator.ended(transactionalId, pauseMs);
    }
  }
}
