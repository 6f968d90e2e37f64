/**
 * judgeClaim: whether the folder that bears a partition's name is that partition's. Reads only, so that a start and
 * `runnel storage verify` say the same.
 *
 * | found | answer |
 * |---|---|
 * | the topic id | ours |
 * | no topic id, and the segments are those that are remembered, or nothing is | ours, to be healed |
 * | another topic id, and the segments are those of an exact record, to the checksum of the last batch | ours, to be healed |
 * | the same where the log has been written to since, and the id is a character off | ours, to be healed |
 * | the id of a topic that was deleted, and nothing is known of ours | goes the way of deleted ones; ours is absent |
 * | the same, and the journal has other batches of ours than are there | the same: a power loss took ours its name |
 * | another topic id | refused: offline, untouched |
 * | no folder, and nothing is known of one | absent: to be made |
 * | no folder, and it is known to have held something | refused: offline, and nothing is made in its place |
 */
import type { Uuid } from "../../bytes/uuid.ts";
import type { LogInventory } from "../directory/inventory.ts";
import * as batch from "../../protocol/records/batch.ts";
import { readPartitionMetadata } from "../directory/partition_metadata.ts";
import { segmentBasesOf } from "../segments/segment_files.ts";
import type { Store } from "../store.ts";
import type { JournalEntry } from "../durability/journal_entries.ts";
import { compare, lastBatchProblem, mustBeThere } from "./as_recorded.ts";
import { JournalCopies } from "./journal_copies.ts";
import { SegmentReader } from "./segment_reader.ts";

export type JudgedClaim =
  | { readonly kind: "ours"; readonly healed: string | null }
  | {
    readonly kind: "absent"; /** Whether what is there is a deleted topic's. */
    readonly isDoomed: boolean;
  }
  | {
    readonly kind: "refused";
    readonly reason: string;
    /** The other topic that the folder is of, or null. */
    readonly othersId: Uuid | null;
  };

export interface ClaimOptions {
  readonly topicId: Uuid;
  /** Whether the folder is there. */
  readonly isThere: boolean;
  /** What is remembered of the log. */
  readonly record: LogInventory | undefined;
  /** What the journal has of it, so that a folder whose name a power loss took can be made again. */
  readonly journal: readonly JournalEntry[];
  /** Whether the metadata log removed the topic with this id. */
  readonly wasDeleted: (topicId: Uuid) => boolean;
}

export function judgeClaim(store: Store, folder: string, options: ClaimOptions): JudgedClaim {
  const { topicId, isThere, record, journal, wasDeleted } = options;
  const isJournaled = journal.length > 0;
  if (!isThere) return ofAbsent(folder, record, { isJournaled, isDoomed: false });
  const found = readPartitionMetadata(store, folder);
  if (found === topicId) return { kind: "ours", healed: null };
  // A file that anybody may have put back is no order to remove what is known to be of ours.
  const isKnown = isJournaled || (record?.endOffset ?? 0) > 0 || (record?.recoveryPoint ?? 0) > 0;
  const isDeleted = found !== null && wasDeleted(found);
  if (isDeleted && (!isKnown || isNotOurs(store, folder, options))) {
    return ofAbsent(folder, record, { isJournaled, isDoomed: true });
  }
  const wanted = `${folder} should be of topic id ${topicId}`;
  const isOurs = found === null
    ? record === undefined || holds(store, folder, record)
    : record !== undefined && holds(store, folder, record) &&
      (isProven(store, folder, record) ||
        (isDeleted ? isLikely(record) : isAlmost(found, topicId)));
  if (!isOurs) {
    const has = found === null ? "its partition.metadata names none" : `it is of ${found}`;
    return { kind: "refused", reason: `${wanted}, and ${has}`, othersId: found };
  }
  return { kind: "ours", healed: `${wanted}, and its partition.metadata said ${found}` };
}

function ofAbsent(
  folder: string,
  record: LogInventory | undefined,
  { isJournaled, isDoomed }: { isJournaled: boolean; isDoomed: boolean },
): JudgedClaim {
  const { recoveryPoint = 0, endOffset = 0 } = record ?? {};
  if (recoveryPoint > 0 || endOffset > 0 && !isJournaled) {
    const reason = `${folder} is missing, and held records up to offset ${
      Math.max(recoveryPoint, endOffset)
    }`;
    return { kind: "refused", reason, othersId: null };
  }
  return { kind: "absent", isDoomed };
}

/** Whether the folder has the segments of the record. */
function holds(store: Store, folder: string, record: LogInventory): boolean {
  const bases = segmentBasesOf(store.list(folder).map(({ name }) => name));
  return compare(store, folder, bases, record).lost === null;
}

/** Whether the last batch is the very one that was recorded. */
function isProven(store: Store, folder: string, record: LogInventory): boolean {
  return record.isExact && record.lastBatch !== null &&
    lastBatchProblem(store, folder, record) === null;
}

/** Whether nothing of ours was synced, and the first batch that is there is not the one that the journal has of ours. */
function isNotOurs(store: Store, folder: string, { record, journal }: ClaimOptions): boolean {
  if ((record?.recoveryPoint ?? 0) > 0) return false;
  const [base] = segmentBasesOf(store.list(folder).map(({ name }) => name));
  if (base === undefined) return false;
  const reader = SegmentReader.open(store, folder, base);
  try {
    const first = reader.headerAt(0);
    if (first === null) return false;
    const crc = new JournalCopies(journal).crcAt(base, 0, first);
    return crc !== null && crc !== batch.crc(first);
  } finally {
    reader.close();
  }
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
