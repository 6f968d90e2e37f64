/**
 * Whether a producer snapshot belongs to the log it lies beside. Its checksum says that it is whole, not whose it is: it
 * may be another partition's, one of the same name from before, or an older one under a newer name. The log knows the
 * batches that the entries are about, as far as retention and compaction have left them.
 */
import * as batch from "../../protocol/records/batch.ts";
import type { Segment } from "../segments/segment.ts";
import type { ProducerSnapshotEntry } from "./producer_snapshot.ts";

/** Enough for small batches; larger ones are read whole all the same. */
const HEADER_PIECE_BYTES = 1 << 12;
/** Entries held against their batches: a file is somebody else's as a whole. */
const MAX_CHECKED = 64;

/** What the log says against a snapshot taken at `offset`, or null. */
export function foreignSnapshot(
  entries: readonly ProducerSnapshotEntry[],
  offset: number,
  segments: readonly Segment[],
  logStartOffset: number,
): string | null {
  for (const { producerId, lastOffset, currentTxnFirstOffset } of entries) {
    const latest = Math.max(lastOffset, currentTxnFirstOffset);
    if (latest >= offset) return `producer ${producerId} is at ${latest}, behind the snapshot`;
  }
  const beyond = beyondLog(entries, offset, segments, logStartOffset);
  if (beyond !== null) return beyond;
  const stride = Math.max(1, Math.floor(entries.length / MAX_CHECKED));
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i], { currentTxnFirstOffset: begun } = entry;
    if (i % stride !== 0 && begun < 0) continue;
    const fault = lastBatchFault(entry, segments, logStartOffset) ??
      transactionFault(entry.producerId, begun, segments, logStartOffset);
    if (fault !== null) return fault;
  }
  return null;
}

/**
 * Whether the log ends, or has a gap, before the newest batch that the snapshot speaks of: then a power loss took it, and
 * its name was all that lasted of a later segment. Compaction keeps the last batch of every producer, so that it leaves
 * no such snapshot; of one whose producers have expired the log knows as much.
 */
function beyondLog(
  entries: readonly ProducerSnapshotEntry[],
  offset: number,
  segments: readonly Segment[],
  logStartOffset: number,
): string | null {
  let newest = -1;
  for (const { lastOffset } of entries) newest = Math.max(newest, lastOffset);
  if (newest < logStartOffset || segments[0]?.mayHaveGaps !== true) return null;
  for (
    const segment of segments.slice(
      Math.max(0, segments.findLastIndex((s) => s.baseOffset <= newest)),
    )
  ) {
    if (segment.baseOffset >= offset) break;
    if (segment.size === 0) continue;
    for (const [bytes] of segment.intact(segment.positionOf(newest), HEADER_PIECE_BYTES)) {
      if (batch.lastOffset(bytes, 0) < newest) continue;
      if (batch.baseOffset(bytes, 0) < offset) return null;
      break;
    }
  }
  return `it speaks of offset ${newest}, and no batch from there on lies before ${offset}`;
}

/** What the log says against the last batch of an entry. */
function lastBatchFault(
  entry: ProducerSnapshotEntry,
  segments: readonly Segment[],
  logStartOffset: number,
): string | null {
  const { producerId, epoch, lastSequence, lastOffset, offsetDelta } = entry;
  const head = headAt(lastOffset, segments, logStartOffset);
  if (head === null) return null;
  const isSame = batch.producerId(head) === producerId && batch.producerEpoch(head) === epoch &&
    batch.lastOffset(head) === lastOffset && batch.lastOffsetDelta(head) === offsetDelta &&
    batch.lastSequence(head) === lastSequence;
  return isSame ? null : `the batch at ${lastOffset} is not that of producer ${producerId}`;
}

/** What the log says against an open transaction. */
function transactionFault(
  producerId: number,
  begun: number,
  segments: readonly Segment[],
  logStartOffset: number,
): string | null {
  const head = headAt(begun, segments, logStartOffset);
  if (head === null) return null;
  const isSame = batch.producerId(head) === producerId && batch.isTransactional(head) &&
    batch.baseOffset(head) === begun;
  return isSame ? null : `no transaction of producer ${producerId} begins at ${begun}`;
}

/** The batch that holds `offset`; null where the log may have lost it. Where it may not, it is the log that is damaged. */
function headAt(
  offset: number,
  segments: readonly Segment[],
  logStartOffset: number,
): Uint8Array | null {
  if (offset < logStartOffset) return null;
  const segment = segments.findLast(({ baseOffset }) => baseOffset <= offset);
  const head = segment?.batchAt(offset) ?? null;
  if (head === null && segment?.mayHaveGaps === false) {
    throw segment.corrupt(offset, `there is nothing at offset ${offset}`);
  }
  return head;
}
