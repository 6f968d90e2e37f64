/**
 * rebuildTxnIndexes: what a replay of the log says of aborted transactions, written into the segments' `.txnindex`.
 *
 * A transaction may have begun segments before its marker, so the replay starts from the producer state at the first
 * segment: its snapshot if there is one, else whatever lies before. Log writes and index writes are not one, so a
 * crash can leave an index without its last entries, with entries of a tail that was cut, or with any bytes at all.
 */
import * as batch from "../../protocol/records/batch.ts";
import type { ProducerContext } from "./producer_context.ts";
import { CorruptBatchError } from "../segments/corrupt_batch_error.ts";
import { isAbort } from "./end_txn_marker.ts";
import { hasAllMarkers, SHORT_LOOK_BYTES } from "./marker_look.ts";
import { loadProducerState } from "./producer_recovery.ts";
import type { Segment } from "../segments/segment.ts";
import { meet, mustEndAt } from "../segments/segment_list.ts";
import type { AbortedTransaction, TxnIndex } from "../index/txn_index.ts";

/** Rebuilds the indexes of `segments[from]` up to, not including, `segments[to]`. */
export function rebuildTxnIndexes(
  context: ProducerContext,
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
    for (const [bytes] of segment.intact()) {
      if (batch.producerId(bytes) < 0) continue;
      const completed = state.apply(bytes, batch.baseOffset(bytes));
      if (!completed?.isAborted) continue;
      const { producerId, firstOffset, lastOffset, lastStableOffset } = completed;
      aborted.push({ producerId, firstOffset, lastOffset, lastStableOffset });
    }
    segment.txnIndex.rewrite(aborted);
    segment.areTransactionsChecked = true;
  }
}

/**
 * The index of `segments[i]`, held against the batches and rebuilt if they disagree. Every entry is; whether entries
 * are missing takes a look at the whole segment, once, where it was not written by this process: `complete` asks for it,
 * for this decides what consumers see, and a file that is missing or cut looks sound.
 */
export function soundTxnIndex(
  context: ProducerContext,
  folder: string,
  segments: readonly Segment[],
  i: number,
  { logStartOffset, complete }: { logStartOffset: number; complete: boolean },
): TxnIndex {
  const segment = segments[i], { txnIndex } = segment;
  const isDamaged = txnIndex.isDamaged;
  if (!isDamaged && (segment.areTransactionsChecked || segment.isFresh)) return txnIndex;
  const before = isDamaged ? null : txnIndex.entries;
  const agrees = before !== null && areEntriesSound(before, segments, i, logStartOffset) &&
    !(complete && !hasAllMarkers(segment) && lacksMarker(before, segment));
  if (!agrees) {
    rebuildTxnIndexes(context, folder, segments, { from: i, to: i + 1, logStartOffset });
    if (before === null || !saysTheSame(before, txnIndex.entries, logStartOffset)) {
      context.onProblem("txn_index_rebuilt", { path: txnIndex.path });
    }
  }
  segment.areTransactionsChecked ||= complete;
  return txnIndex;
}

/** Whether both list the same; of what began before the log's start a rebuild knows less, and no consumer asks. */
function saysTheSame(
  before: readonly AbortedTransaction[],
  after: readonly AbortedTransaction[],
  logStartOffset: number,
): boolean {
  const byMarker = new Map(after.map((one) => [one.lastOffset, one]));
  const isSame = (one: AbortedTransaction) => {
    const { producerId, firstOffset, lastOffset, lastStableOffset } = one;
    const other = byMarker.get(lastOffset);
    byMarker.delete(lastOffset);
    if (firstOffset < logStartOffset) return true;
    return other?.producerId === producerId && other.firstOffset === firstOffset &&
      (other.lastStableOffset === lastStableOffset || lastStableOffset < logStartOffset);
  };
  return before.every(isSame) && byMarker.size === 0;
}

/** What is asked of a log. */
interface TransactionLog {
  readonly segments: readonly Segment[];
  readonly logEndOffset: number;
  txnIndexOf(i: number, complete: boolean): TxnIndex;
}

/**
 * The aborted transactions that touch `given`, batches read from `from` on, which lies in the segment `i`. Segments that were
 * not held against their batches yet are so only as far as markers are missing of transactions that `given` leaves open:
 * after a start the first to read would wait for a look at the whole log.
 */
export function abortedIn(
  log: TransactionLog,
  from: number,
  given: Uint8Array,
  i: number,
): AbortedTransaction[] {
  const aborted: AbortedTransaction[] = [], { segments } = log;
  let end = from, concerns = false;
  for (const at of batch.batches(given)) {
    end = batch.lastOffset(given, at) + 1;
    concerns ||= batch.isTransactional(given, at);
  }
  if (!concerns) return aborted;
  let open: Set<number> | null = null;
  for (; i < segments.length; i++) {
    // A transaction is listed where its marker is, which may be segments after its records.
    if (log.txnIndexOf(i, true).collect(from, end, aborted)) return aborted;
    if (i + 1 === segments.length) break;
    const next = segments[i + 1];
    if (!next.areTransactionsChecked && !next.isFresh && segments[i].endOffset >= end) {
      if (haveEnded(open ??= openAfter(given), segments[i], end)) return aborted;
    }
    meet(segments[i], next); // a missing one may have it
  }
  mustEndAt(segments, log.logEndOffset);
  return aborted;
}

/** Whose transactions are open behind these batches. */
function openAfter(given: Uint8Array): Set<number> {
  const open = new Set<number>();
  for (const at of batch.batches(given)) {
    if (!batch.isTransactional(given, at)) continue;
    if (batch.isControl(given, at)) open.delete(batch.producerId(given, at));
    else open.add(batch.producerId(given, at));
  }
  return open;
}

/** Whether each has its marker in the segment, from `offset` on, as far as a short look says. Those that have go. */
function haveEnded(open: Set<number>, segment: Segment, offset: number): boolean {
  if (open.size === 0) return true;
  const { baseOffset } = segment;
  let looked = 0;
  for (const [bytes] of segment.intact(segment.positionOf(Math.max(offset, baseOffset)))) {
    const isMarker = batch.lastOffset(bytes) >= offset && batch.isControl(bytes);
    if (isMarker && open.delete(batch.producerId(bytes)) && open.size === 0) return true;
    if ((looked += bytes.length) > SHORT_LOOK_BYTES) return false;
  }
  return false;
}

/**
 * The index of the active segment, to append a transaction to that ends at `lastOffset`. It is held against the batches
 * when somebody reads, so damage elsewhere stops no write; but a file that is plainly another's is made anew first.
 */
export function writableTxnIndex(
  context: ProducerContext,
  folder: string,
  segments: readonly Segment[],
  { logStartOffset, lastOffset }: { logStartOffset: number; lastOffset: number },
): TxnIndex {
  const i = segments.length - 1, { txnIndex, baseOffset } = segments[i];
  const isOwn = !txnIndex.isDamaged &&
    (txnIndex.entries.length === 0 || txnIndex.entries[0].lastOffset >= baseOffset &&
        txnIndex.entries.at(-1)!.lastOffset < lastOffset);
  if (isOwn) return txnIndex;
  try {
    rebuildTxnIndexes(context, folder, segments, { from: i, to: i + 1, logStartOffset });
  } catch (error) {
    if (!(error instanceof CorruptBatchError)) throw error; // reported, and to be reported again to who reads
    txnIndex.rewrite([]);
  }
  context.onProblem("txn_index_rebuilt", { path: txnIndex.path });
  return txnIndex;
}

/** Whether each entry has its abort marker here, and its transaction begins where it says. */
function areEntriesSound(
  entries: readonly AbortedTransaction[],
  segments: readonly Segment[],
  i: number,
  logStartOffset: number,
): boolean {
  const { baseOffset, endOffset } = segments[i];
  return entries.every(({ producerId, firstOffset, lastOffset, lastStableOffset }) => {
    if (lastOffset < baseOffset || lastOffset >= endOffset) return false;
    const marker = segments[i].batchAt(lastOffset);
    return marker !== null && batch.baseOffset(marker) === lastOffset &&
      batch.producerId(marker) === producerId && isAbort(marker) &&
      beginsAt(firstOffset, segments, logStartOffset, producerId) &&
      (lastStableOffset === lastOffset + 1 || beginsAt(lastStableOffset, segments, logStartOffset));
  });
}

/** Whether an abort marker has no entry. It may have ended nothing here; the rebuild knows. */
function lacksMarker(entries: readonly AbortedTransaction[], segment: Segment): boolean {
  const listed = new Set(entries.map(({ lastOffset }) => lastOffset));
  for (const [bytes] of segment.intact()) {
    if (isAbort(bytes) && !listed.has(batch.baseOffset(bytes))) return true;
  }
  return false;
}

/** Whether a transaction may have begun at `offset`. Compaction and retention may have taken its first batch. */
function beginsAt(
  offset: number,
  segments: readonly Segment[],
  logStartOffset: number,
  producerId?: number,
): boolean {
  const segment = segments.findLast(({ baseOffset }) => baseOffset <= offset);
  if (segment === undefined || offset < logStartOffset) return true;
  const head = segment.batchAt(offset);
  if (head === null) return segment.mayHaveGaps;
  return batch.baseOffset(head) === offset && batch.isTransactional(head) &&
    !batch.isControl(head) && (producerId ?? batch.producerId(head)) === batch.producerId(head);
}
