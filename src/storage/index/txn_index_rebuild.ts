/**
 * rebuildTxnIndexes: what a replay of the log says of aborted transactions, written into the segments' `.txnindex`.
 *
 * A transaction may have begun segments before its marker, so the replay starts from the producer state at the first
 * segment: its snapshot if there is one, else whatever lies before. Log writes and index writes are not one, so a
 * crash can leave an index without its last entries, with entries of a tail that was cut, or with any bytes at all.
 */
import * as batch from "../../protocol/records/batch.ts";
import type { LogContext } from "../log/log_context.ts";
import { loadProducerState } from "../producers/producer_recovery.ts";
import type { Segment } from "../log/segment.ts";
import type { AbortedTransaction, TxnIndex } from "./txn_index.ts";

/** Rebuilds the indexes of `segments[from]` up to, not including, `segments[to]`. */
export function rebuildTxnIndexes(
  context: LogContext,
  folder: string,
  segments: readonly Segment[],
  { from, to, logStartOffset }: { from: number; to: number; logStartOffset: number },
): void {
  const state = loadProducerState(context, folder, segments.slice(0, from), {
    logStartOffset,
    logEndOffset: segments[from].baseOffset,
  });
  for (const segment of segments.slice(from, to)) {
    const aborted: AbortedTransaction[] = [];
    for (const [bytes] of segment.scan()) {
      if (batch.producerId(bytes) < 0) continue;
      const completed = state.apply(bytes, batch.baseOffset(bytes));
      if (completed?.isAborted) aborted.push(completed);
    }
    segment.txnIndex.rewrite(aborted);
  }
}

/** The index of `segments[i]`, which is rebuilt first if its file is damaged. */
export function soundTxnIndex(
  context: LogContext,
  folder: string,
  segments: readonly Segment[],
  i: number,
  logStartOffset: number,
): TxnIndex {
  const { txnIndex } = segments[i];
  if (txnIndex.isDamaged) {
    rebuildTxnIndexes(context, folder, segments, { from: i, to: i + 1, logStartOffset });
    context.onProblem("txn_index_rebuilt", { path: txnIndex.path });
  }
  return txnIndex;
}
