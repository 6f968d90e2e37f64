/**
 * CleanedTransactions: which batches belong to aborted transactions, and which markers have nothing left that they
 * end; told of every batch of a pass, in order of offsets (Kafka's CleanedTransactionMetadata).
 *
 * A marker may go only once every batch of its transaction is gone: a reader that still meets a record of an aborted
 * transaction needs the marker, and the index entry, to know where the skipping ends.
 */
import * as batch from "../../protocol/records/batch.ts";
import { readEndTxnMarker } from "../producers/end_txn_marker.ts";
import type { AbortedTransaction, TxnIndex } from "../index/txn_index.ts";

export class CleanedTransactions {
  /** Where aborted transactions are listed whose records are still there; set for each segment that is written. */
  index: TxnIndex | null = null;
  /** Not reached yet, the first to come last. */
  readonly #ahead: AbortedTransaction[];
  /** Reached, marker not read yet, by producer id. */
  readonly #aborted = new Map<number, { transaction: AbortedTransaction; seen: boolean }>();
  /** Producers with a batch of a transaction that is not aborted, marker not read yet. */
  readonly #committed = new Set<number>();

  readonly #onUnlisted: (markerOffset: number) => never;

  /** `onUnlisted` is told of a marker that aborts what no index lists: the pass must not go on. */
  constructor(
    aborted: Iterable<AbortedTransaction>,
    onUnlisted: (markerOffset: number) => never,
  ) {
    this.#onUnlisted = onUnlisted;
    this.#ahead = [...aborted].sort((a, b) => b.firstOffset - a.firstOffset);
  }

  /** Producers whose transaction is taken for committed, and whose marker has not been read. */
  get undecided(): ReadonlySet<number> {
    return this.#committed;
  }

  /** Takes up a batch; whether its records may go, whatever their keys. */
  mayDiscard(bytes: Uint8Array): boolean {
    this.#reach(batch.lastOffset(bytes));
    if (batch.isControl(bytes)) return this.#mayDiscardMarker(bytes);
    if (!batch.isTransactional(bytes)) return false;
    const producerId = batch.producerId(bytes);
    const aborted = this.#aborted.get(producerId);
    if (aborted === undefined) this.#committed.add(producerId);
    else aborted.seen = true;
    return aborted !== undefined;
  }

  #mayDiscardMarker(bytes: Uint8Array): boolean {
    if (batch.recordCount(bytes) === 0) return true; // an earlier pass has emptied it
    const marker = readEndTxnMarker(bytes);
    if (marker === null) return false; // of another kind
    const producerId = batch.producerId(bytes);
    if (marker.isCommit) return !this.#committed.delete(producerId);
    const aborted = this.#aborted.get(producerId);
    if (aborted === undefined && this.#committed.has(producerId)) {
      this.#onUnlisted(batch.baseOffset(bytes));
    }
    this.#aborted.delete(producerId);
    if (aborted === undefined || !aborted.seen) return true;
    this.index?.append(aborted.transaction);
    return false;
  }

  #reach(offset: number): void {
    const ahead = this.#ahead;
    while (ahead.length > 0 && ahead[ahead.length - 1].firstOffset <= offset) {
      const transaction = ahead.pop()!;
      this.#aborted.set(transaction.producerId, { transaction, seen: false });
    }
  }
}
