/**
 * MarkerLook: whether every abort marker of a segment that this process did not write stands in its `.txnindex`, looked
 * for in turns of the event loop: a segment is a gigabyte, each of its batches is checked, and whoever reads its
 * transactions first would hold up everybody for that. Who reads comes here first, and finds it done.
 *
 * What is found lasts: batches that come later are written with their entries, and what is cut off goes with its own. Where
 * a marker is missing, or something cannot be read, whoever reads looks for itself, and mends or reports it.
 */
import * as batch from "../../protocol/records/batch.ts";
import type { GivesWay } from "../../clock.ts";
import type { Segment } from "../segments/segment.ts";
import { isAbort } from "./end_txn_marker.ts";

/** As long as this one lives. */
const complete = new WeakSet<Segment>();
const underWay = new WeakMap<Segment, Promise<void>>();

/** Whether that is known. */
export function hasAllMarkers(segment: Segment): boolean {
  return complete.has(segment);
}

/**
 * Null where who was given these batches of the segment need not wait: it is known, soon found out, or nobody asks, as none of
 * them is a transaction's. Else resolves when as much as can be is known, never rejects. `isThere`: whether the segment is
 * still the log's.
 */
export function lookForMarkers(
  segment: Segment,
  given: Uint8Array,
  { isThere, turn }: { readonly isThere: () => boolean; readonly turn: GivesWay },
): Promise<void> | null {
  if (segment.isFresh || segment.areTransactionsChecked || complete.has(segment)) return null;
  if (segment.size <= SHORT_LOOK_BYTES || !concernsTransactions(given)) return null;
  let look = underWay.get(segment);
  if (look === undefined) {
    look = inTurns(segment, isThere, turn).catch(ignore).finally(() => underWay.delete(segment));
    underWay.set(segment, look);
  }
  return look;
}

/** Whether any of these batches is a transaction's. */
function concernsTransactions(given: Uint8Array): boolean {
  for (const at of batch.batches(given)) if (batch.isTransactional(given, at)) return true;
  return false;
}

async function inTurns(segment: Segment, isThere: () => boolean, turn: GivesWay): Promise<void> {
  const markers: number[] = [], { endOffset } = segment;
  for (const [bytes] of segment.intact()) {
    if (batch.baseOffset(bytes) >= endOffset) break;
    if (isAbort(bytes)) markers.push(batch.baseOffset(bytes));
    if (!turn.isLong) continue;
    await turn.next();
    if (!isThere()) return;
  }
  if (segment.txnIndex.isDamaged) return;
  const listed = new Set(segment.txnIndex.entries.map(({ lastOffset }) => lastOffset));
  if (markers.every((offset) => listed.has(offset))) complete.add(segment);
}

/** Less than a segment takes to be looked at whole, and enough for most transactions to end in. */
export const SHORT_LOOK_BYTES = 1 << 20;

const ignore = () => {};
