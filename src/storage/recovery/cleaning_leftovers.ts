/**
 * finishInterruptedCleaning: what a compaction that was cut off left in a partition's folder. Kafka's rules (LogLoader),
 * so that either broker understands what the other left:
 *
 * - `.deleted` and `.cleaned` files go, and so does a `.swap` file at or above the lowest `.cleaned` one: it was not
 *   whole yet.
 * - Any other `.swap` segment is complete and synced. The segments it was made from go, and it takes their place.
 *
 * Beyond Kafka's: a `.swap` segment that is the only copy of its offsets is kept whatever lies beside it; a `.swap` log that is not whole, every checksum right, never takes the place of one that is there, since
 * the disk may have changed it; and an index by that suffix whose log is not there, or in place already, goes unless its
 * own name is free.
 *
 * Done again after being cut off itself it comes to the same end, since a `.log` always goes or comes last.
 */
import * as batch from "../../protocol/records/batch.ts";
import { endOfSegment, wrongBatch } from "../../protocol/records/batch_place.ts";
import { Segment, type SegmentContext, segmentName } from "../segments/segment.ts";
import {
  asideName,
  CLEANED,
  parseSegmentFile,
  removeSegment,
  renameSegment,
  SEGMENT_FILES,
  SEGMENT_FILES_AND_SNAPSHOT,
  SWAP,
} from "../segments/segment_files.ts";
import type { Store } from "../store.ts";

/** Finishes or removes leftovers; the names of the folder's files afterwards. */
export async function finishInterruptedCleaning(context: SegmentContext): Promise<string[]> {
  const { store, folder } = context;
  const names = filesIn(context);
  const leftOver = names.filter((name) => (parseSegmentFile(name)?.suffix ?? "") !== "");
  if (leftOver.length === 0) return names;

  let lowestCleaned = Infinity;
  for (const { baseOffset, suffix } of leftOver.map((name) => parseSegmentFile(name)!)) {
    if (suffix === CLEANED) lowestCleaned = Math.min(lowestCleaned, baseOffset);
  }
  const swaps = new Set<number>(), incomplete: string[] = [];
  for (const name of leftOver) {
    const { baseOffset, suffix } = parseSegmentFile(name)!;
    const isComplete = baseOffset < lowestCleaned || isOnlyCopy(context, baseOffset, names);
    if (suffix === SWAP && isComplete) swaps.add(baseOffset);
    else incomplete.push(name);
  }
  // Swaps before what makes them incomplete: cut off in between, this must not take them for complete ones.
  incomplete.sort((a, b) => Number(b.endsWith(SWAP)) - Number(a.endsWith(SWAP)));
  for (const name of incomplete) store.remove(`${folder}/${name}`);
  for (const baseOffset of swaps) finishSwap(context, baseOffset, new Set(names));
  await store.syncFolder(folder);
  return filesIn(context);
}

/**
 * Puts aside the `.swap` segments at or above an offset: no pass of this log was at work there, so that they are of another
 * log, or of another time, and would take sound segments away. In words what was done.
 */
export function setSwapsAside(
  store: Store,
  folder: string,
  names: readonly string[],
  swapsTo: number,
): string[] {
  const taken = new Set(names), warnings: string[] = [];
  for (const name of names) {
    const parsed = parseSegmentFile(name);
    if (parsed === null || parsed.suffix !== SWAP || parsed.baseOffset < swapsTo) continue;
    const aside = asideName(name, taken);
    store.rename(`${folder}/${name}`, `${folder}/${aside}`);
    warnings.push(`${name} is renamed to ${aside}: no pass of the cleaner was at work there`);
  }
  return warnings;
}

function filesIn({ store, folder }: SegmentContext): string[] {
  return store.list(folder).filter(({ isFolder }) => !isFolder).map(({ name }) => name);
}

/** Whether no segment holds what a compacted one does: nothing below its end reaches above its base offset. */
function isOnlyCopy(
  context: SegmentContext,
  baseOffset: number,
  names: readonly string[],
): boolean {
  let before = -1;
  for (const name of names) {
    const { baseOffset: other, file, suffix } = parseSegmentFile(name) ?? NO_FILE;
    if (file !== ".log" || suffix !== "" || other > baseOffset) continue;
    before = Math.max(before, other);
  }
  if (!names.includes(`${segmentName(baseOffset)}.log${SWAP}`)) return false;
  if (before === -1) return true;
  const end = before === baseOffset ? null : endOffset(context, before, "");
  return end !== null && end <= baseOffset;
}

function finishSwap(
  context: SegmentContext,
  baseOffset: number,
  names: ReadonlySet<string>,
): void {
  const { store, folder } = context;
  const own = `${segmentName(baseOffset)}.log`, hasOwn = names.has(own);
  if (!names.has(own + SWAP)) return placeIndexes(context, baseOffset, names, hasOwn);
  const end = endOffset(context, baseOffset);
  if (end === null && hasOwn) { // nothing has been taken away from the old ones yet
    for (const file of [...SEGMENT_FILES].reverse()) { // without its log the rest is nobody's
      store.remove(`${folder}/${segmentName(baseOffset)}${file}${SWAP}`);
    }
    return;
  }
  for (const name of end === null ? [] : names) {
    const { baseOffset: old, file, suffix } = parseSegmentFile(name) ?? NO_FILE;
    if (file !== ".log" || suffix !== "" || old <= baseOffset || old >= end!) continue;
    removeSegment(store, folder, old, { suffix: "", files: SEGMENT_FILES_AND_SNAPSHOT });
  }
  // Without its log the old segment of this name is gone, and indexes by that name are the new one's.
  if (hasOwn) removeSegment(store, folder, baseOffset, { suffix: "", files: SEGMENT_FILES });
  renameSegment(store, folder, baseOffset, { from: SWAP, to: "", files: SEGMENT_FILES });
}

/** Kafka renames a log before its indexes: they follow it where nothing is, and else are left over. */
function placeIndexes(
  { store, folder }: SegmentContext,
  baseOffset: number,
  names: ReadonlySet<string>,
  hasLog: boolean,
): void {
  for (const file of SEGMENT_FILES) {
    const name = segmentName(baseOffset) + file;
    if (!names.has(name + SWAP)) continue;
    if (hasLog && !names.has(name)) store.rename(`${folder}/${name}${SWAP}`, `${folder}/${name}`);
    else store.remove(`${folder}/${name}${SWAP}`);
  }
}

const NO_FILE = { baseOffset: -1, file: "", suffix: "" };

/** One past the last offset that a segment, the compacted one, holds; null when it is not whole. */
function endOffset(context: SegmentContext, baseOffset: number, suffix = SWAP): number | null {
  const segment = new Segment({ ...context, suffix }, baseOffset, 0);
  let nextOffset = baseOffset, position = 0;
  const endOffset = endOfSegment(baseOffset, null);
  for (const [bytes] of segment.scan()) {
    if (wrongBatch(bytes, 0, { nextOffset, mayHaveGaps: true, endOffset }) !== null) break;
    nextOffset = batch.lastOffset(bytes) + 1;
    position += bytes.length;
  }
  const isWhole = position === segment.size;
  segment.close();
  return isWhole ? nextOffset : null;
}
