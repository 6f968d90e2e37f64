/**
 * swapIn: puts a compacted segment in the place of those it was made from, so that an interruption at any moment
 * leaves either the old ones or the new one (Kafka's LocalLog.replaceSegments; recovery/cleaning_leftovers.ts is the other half).
 *
 * 1. The `.cleaned` files, synced, become `.swap` files, the `.log` last; the folder is synced. From here on the new
 *    segment is the truth.
 * 2. In one turn of the event loop the old segments' files become `.deleted` and the `.swap` files get their names.
 */
import type { PartitionLog } from "../log/partition_log.ts";
import type { Segment } from "../segments/segment.ts";
import {
  CLEANED,
  parseSegmentFile,
  renameSegment,
  SEGMENT_FILES,
  SEGMENT_FILES_AND_SNAPSHOT,
  SWAP,
} from "../segments/segment_files.ts";
import type { Store } from "../store.ts";

/** False, with the compacted files removed, when the old segments are not all there any more. */
export async function swapIn(
  store: Store,
  log: PartitionLog,
  old: readonly Segment[],
): Promise<boolean> {
  const { folder } = log, [{ baseOffset }, ...others] = old;
  if (log.offline !== null) return false;
  try {
    renameSegment(store, folder, baseOffset, { from: CLEANED, to: SWAP, files: SEGMENT_FILES });
    await store.syncFolder(folder);
  } catch (error) {
    removeCleaned(store, folder);
    throw error;
  }
  let isReplaced;
  try {
    isReplaced = log.replaceSegments(old, () => {
      for (const each of others) log.discard(each.baseOffset, SEGMENT_FILES_AND_SNAPSHOT);
      log.discard(baseOffset, SEGMENT_FILES);
      renameSegment(store, folder, baseOffset, { from: SWAP, to: "", files: SEGMENT_FILES });
    });
  } catch (error) {
    log.fail(`compaction could not rename a segment: ${error}`); // which recovery finishes
    throw error;
  }
  if (!isReplaced) {
    removeCleaned(store, folder);
    return false;
  }
  await store.syncFolder(folder);
  return true;
}

/** Removes what a pass that went wrong left in the folder. */
export function removeCleaned(store: Store, folder: string): void {
  const names = store.list(folder).map(({ name }) => name).filter((name) => {
    const suffix = parseSegmentFile(name)?.suffix;
    return suffix === CLEANED || suffix === SWAP;
  });
  names.sort((a, b) => Number(isLog(b)) - Number(isLog(a)));
  for (const name of names) store.remove(`${folder}/${name}`);
}

/** A `.swap` log makes a segment of the files beside it: it goes first. */
function isLog(name: string): boolean {
  return parseSegmentFile(name)?.file === ".log";
}
