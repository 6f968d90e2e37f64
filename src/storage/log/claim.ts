/**
 * claimFolder: whether the folder that bears a partition's name is that partition's.
 *
 * | found | answer |
 * |---|---|
 * | the topic id | ours |
 * | no topic id, and the segments are those that are remembered, or nothing is | healed |
 * | another topic id, and the segments are those of an exact record, to the checksum of the last batch | healed |
 * | the same where the log has been written to since, and the id is a character off | healed |
 * | the id of a topic that was deleted, and nothing is known of ours | goes the way of deleted ones; ours is absent |
 * | another topic id | foreign: offline, untouched |
 * | no folder, and nothing is known of one | absent: to be made |
 * | no folder, and it is known to have held something | lost: offline, and nothing is made in its place |
 */
import type { LogInventory } from "../directory/inventory.ts";
import { type FoldersContext, moveAside } from "../directory/partition_folders.ts";
import { compare, lastBatchProblem, mustBeThere } from "../recovery/as_recorded.ts";
import { segmentBasesOf } from "../segments/segment_files.ts";
import type { LogRef } from "./open_log.ts";
import { putPartitionMetadata, readPartitionMetadata } from "../directory/partition_metadata.ts";

export type Claim =
  | { readonly kind: "ours"; readonly healed: string | null }
  | { readonly kind: "absent"; /** To be removed. */ readonly doomed: string | null }
  | { readonly kind: "refused"; readonly reason: string };

export interface ClaimOptions {
  /** Whether the folder is there. */
  readonly isThere: boolean;
  /** What is remembered of the log. */
  readonly record: LogInventory | undefined;
  /** Whether the journal has entries of it, so that a folder whose name a power loss took can be made again. */
  readonly isJournaled: boolean;
}

export function claimFolder(context: FoldersContext, ref: LogRef, options: ClaimOptions): Claim {
  const { store, wasDeleted } = context, folder = `${ref.topic}-${ref.partition}`;
  const { isThere, record, isJournaled } = options;
  if (!isThere) return ofAbsent(folder, record, { isJournaled, doomed: null });
  const found = readPartitionMetadata(store, folder);
  if (found === ref.topicId) return { kind: "ours", healed: null };
  // A file that anybody may have put back is no order to remove what is known to be of ours.
  const isKnown = isJournaled || (record?.endOffset ?? 0) > 0 || (record?.recoveryPoint ?? 0) > 0;
  if (found !== null && wasDeleted(found) && !isKnown) {
    return ofAbsent(folder, record, { isJournaled, doomed: moveAside(context, folder) });
  }
  const wanted = `${folder} should be of topic id ${ref.topicId}`;
  const isOurs = found === null
    ? record === undefined || holds(context, folder, record)
    : record !== undefined && holds(context, folder, record) &&
      (isProven(context, folder, record) || isAlmost(found, ref.topicId) ||
        wasDeleted(found) && isLikely(record));
  if (!isOurs) {
    const has = found === null ? "its partition.metadata names none" : `it is of ${found}`;
    return { kind: "refused", reason: `${wanted}, and ${has}` };
  }
  putPartitionMetadata(store, folder, ref.topicId);
  return { kind: "ours", healed: `${wanted}, and its partition.metadata said ${found}` };
}

function ofAbsent(
  folder: string,
  record: LogInventory | undefined,
  { isJournaled, doomed }: { isJournaled: boolean; doomed: string | null },
): Claim {
  const { recoveryPoint = 0, endOffset = 0 } = record ?? {};
  if (recoveryPoint > 0 || endOffset > 0 && !isJournaled) {
    const reason = `${folder} is missing, and held records up to offset ${
      Math.max(recoveryPoint, endOffset)
    }`;
    return { kind: "refused", reason };
  }
  return { kind: "absent", doomed };
}

/** Whether the folder has the segments of the record. */
function holds({ store }: FoldersContext, folder: string, record: LogInventory): boolean {
  const bases = segmentBasesOf(store.list(folder).map(({ name }) => name));
  return compare(store, folder, bases, record).lost === null;
}

/** Whether the last batch is the very one that was recorded. */
function isProven({ store }: FoldersContext, folder: string, record: LogInventory): boolean {
  return record.isExact && record.lastBatch !== null &&
    lastBatchProblem(store, folder, record) === null;
}

/** Whether `holds` has compared a segment's first batch. */
function isLikely(record: LogInventory): boolean {
  return record.segments.some(({ head }, i) => head !== undefined && mustBeThere(record, i));
}

/** One character off, as a flipped bit leaves it. */
function isAlmost(found: string, wanted: string): boolean {
  let differing = 0;
  for (let i = 0; i < wanted.length; i++) if (found[i] !== wanted[i]) differing++;
  return differing <= 1;
}
