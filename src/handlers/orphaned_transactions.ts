/**
 * OrphanedTransactions: ends what a power loss left of a transaction that its coordinator does not know.
 *
 * A partition is added to a transaction in the same round of sync that makes its first records durable. The power may fail
 * when the device has the records and not yet the word on them: nobody was told of either, and nobody would ever end the
 * transaction, below which consumers of what is committed would wait for good. So what a replay finds open is asked about,
 * and where the coordinator has the producer id but not this transaction in this partition, it is aborted; the producer,
 * should it still be there, gets 47 for its retry, aborts and goes on. The same is true of what hangs in a directory of
 * Kafka's (before KIP-890), as far as the coordinator has the producer id; what it has not is left to operators
 * (`runnel txn find-hanging`).
 */
import type { GivesWay } from "../clock.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import type { OpenTransaction } from "../storage/producers/producer_state.ts";
import type { TransactionCoordinator } from "../transactions/coordinator.ts";
import type { MarkerWriter } from "../transactions/marker_writer.ts";
import { OpenTransactions } from "../transactions/open_transactions.ts";

export interface OrphanedTransactionsOptions {
  readonly logs: () => Iterable<Pick<PartitionLog, "topic" | "partition" | "loadedProducers">>;
  readonly coordinator: TransactionCoordinator;
  readonly markers: MarkerWriter;
  readonly turn: GivesWay;
  /** One was ended, and that is durable. */
  readonly onEnded: (details: Record<string, unknown>) => void;
}

export class OrphanedTransactions {
  readonly #options: OrphanedTransactionsOptions;
  #looking: Promise<void> | null = null;

  constructor(options: OrphanedTransactionsOptions) {
    this.#options = options;
  }

  /**
   * Looks at every log whose producers were read since the start, which they are before anybody reads or writes what depends
   * on them. Costs next to nothing where nothing is open that a replay found. Whoever comes while it looks waits for the same.
   */
  look(): Promise<void> {
    return this.#looking ??= this.#look().finally(() => this.#looking = null);
  }

  /** Resolves when no look is under way; what fails in it is told to whoever began it. */
  async settled(): Promise<void> {
    await this.#looking?.catch(() => {});
  }

  async #look(): Promise<void> {
    const { logs, turn } = this.#options;
    let known: OpenTransactions | null = null;
    const ended: Promise<void>[] = [];
    for (const log of logs()) {
      const { topic, partition, loadedProducers: producers } = log;
      // What goes, or is admitted, in another turn is not met any more.
      for (const open of producers?.unadmitted() ?? []) {
        if (log.loadedProducers !== producers) break; // a write failed: they are read anew, and looked at then
        known ??= new OpenTransactions(this.#options.coordinator);
        const where = { topic, partition }, standing = known.standing(open, where);
        if (standing === "ongoing") producers!.admit(open);
        if (standing === "orphaned") ended.push(this.#end(open, where, known));
        if (turn.isLong) await turn.next();
      }
    }
    await Promise.all(ended);
  }

  /** Appends the marker in this turn. Where it is not taken, it is tried again with the next look. */
  async #end(
    open: OpenTransaction,
    where: { readonly topic: string; readonly partition: number },
    known: OpenTransactions,
  ): Promise<void> {
    const { markers, onEnded } = this.#options, marker = known.markerFor(open);
    if (marker === null) return;
    const errorCode = await markers.write(where.topic, where.partition, marker);
    if (errorCode === ErrorCode.NONE) onEnded({ ...where, ...open });
  }
}
