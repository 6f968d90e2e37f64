/**
 * Repair: cuts a partition's log where it stops being valid, for whoever has decided that what lies behind may go.
 * Only a directory that no broker uses. The next start checks everything again, and mends the indexes.
 *
 * In an order that may be cut off anywhere: what is to stay is made whole first, then what could bring back the rest is
 * forgotten, then it goes, the end first. A segment is emptied before the log in front of it is cut, and its name goes
 * last: with its records there the cut would look like a gap that compaction left, and without its name a batch at the
 * damage could claim any offset.
 */
import {
  HIGH_WATERMARK_CHECKPOINT,
  LOG_START_CHECKPOINT,
  readCheckpoint,
  RECOVERY_POINT_CHECKPOINT,
  writeCheckpoint,
} from "../directory/checkpoints.ts";
import { takeCleanShutdown } from "../directory/clean_shutdown.ts";
import { beginInInventory, raiseStartInInventory } from "../directory/inventory.ts";
import {
  PARTITION_METADATA,
  putPartitionMetadata,
  syncPartitionMetadata,
} from "../directory/partition_metadata.ts";
import type { Uuid } from "../../bytes/uuid.ts";
import { voidEntries } from "../durability/journal_entries.ts";
import { segmentName } from "../segments/segment.ts";
import {
  removeSegment,
  SEGMENT_FILES,
  SEGMENT_FILES_AND_SNAPSHOT,
  segmentBasesOf,
} from "../segments/segment_files.ts";
import type { Store } from "../store.ts";
import type { Examined, Fault } from "./examine.ts";
import { forgetAbove } from "./forget_above.ts";
import type { PlannedStore } from "./planned_store.ts";
import { heal } from "./recovery.ts";

/**
 * Cuts the log at the fault; what was behind it is gone when this resolves. `plan`: what a start would do with the folder's
 * files before, which the fault was found behind.
 */
export async function cutAt(
  store: Store,
  folder: string,
  fault: Fault,
  examined: Examined,
  plan?: PlannedStore | null,
): Promise<void> {
  await takeCleanShutdown(store); // first of all: no start may believe the checkpoints any more
  await plan?.carryOut();
  const isBefore = ({ segmentBase, position }: { segmentBase: number; position: number }) =>
    segmentBase < fault.segmentBase ||
    segmentBase === fault.segmentBase && position < fault.position;
  const segments = examined.segments.filter(({ base }) => base <= fault.segmentBase)
    .map((segment) => ({
      ...segment,
      patches: segment.patches.filter(({ position }) =>
        isBefore({ segmentBase: segment.base, position })
      ),
    }));
  const epochRepairs = examined.epochRepairs.filter(isBefore);
  const tails = examined.tails.filter(isBefore);
  heal({ store, folder }, { ...examined, segments, epochRepairs, tails, torn: null, strays: [] });
  // All of them: a broker that was killed may have had what it acknowledged in the journal alone.
  for (const { base } of segments) await sync(store, `${folder}/${segmentName(base)}.log`);
  await store.syncFolder(folder);
  await voidEntries(store, (entry) => entry.folder === folder);
  const bytesOf = (base: number) => sizeOf(store, folder, `${segmentName(base)}.log`);
  await forgetAbove(store, folder, { ...fault, bytesOf });
  const bases = segmentBasesOf(store.list(folder).map(({ name }) => name))
    .filter((base) => base >= fault.segmentBase).reverse();
  for (const base of bases) {
    const path = `${folder}/${segmentName(base)}.log`, blob = store.open(path);
    blob.truncate(base > fault.segmentBase ? 0 : Math.min(fault.position, blob.size));
    blob.close();
    await sync(store, path);
  }
  for (const base of bases) {
    const isCut = base === fault.segmentBase;
    const files = isCut ? INDEXES_ALONE : SEGMENT_FILES_AND_SNAPSHOT;
    removeSegment(store, folder, base, { suffix: "", files });
  }
  // What ends behind a gap of compaction is proven by a segment that was begun there, where nothing else proves it.
  const isProven = readCheckpoint(store, RECOVERY_POINT_CHECKPOINT).some((entry) =>
    `${entry.topic}-${entry.partition}` === folder && entry.offset >= fault.offset
  );
  if (!isProven && fault.position > 0) {
    await sync(store, `${folder}/${segmentName(fault.offset)}.log`);
  }
  await store.syncFolder(folder);
}

/** Cuts what is too much of a segment that the next one continues, or of the last. */
export async function cutExcess(
  store: Store,
  folder: string,
  { segmentBase, position }: Fault,
  plan: PlannedStore | null,
): Promise<void> {
  await takeCleanShutdown(store);
  await plan?.carryOut();
  const path = `${folder}/${segmentName(segmentBase)}.log`, blob = store.open(path);
  blob.truncate(position);
  blob.close();
  await sync(store, path);
  await store.syncFolder(folder);
}

/** Lets a log whose first segments are gone begin with the first that is there, at `offset`. */
export async function raiseStart(
  store: Store,
  folder: string,
  offset: number,
  topicId: Uuid | null = null,
): Promise<void> {
  await takeCleanShutdown(store);
  await raiseStartInInventory(store, folder, { offset, topicId });
}

/**
 * Lets a log of which no segment is left begin again, empty, at `offset`, which it had reached: no offset is given twice.
 * What is remembered of it is changed first, and the segment that bears the offset comes last: cut off in between, the
 * log is still one that has no segment.
 */
export async function beginAt(
  store: Store,
  folder: string,
  { offset, topicId }: { offset: number; topicId: Uuid | null },
): Promise<void> {
  await takeCleanShutdown(store);
  await voidEntries(store, (entry) => entry.folder === folder);
  for (const file of [RECOVERY_POINT_CHECKPOINT, HIGH_WATERMARK_CHECKPOINT, LOG_START_CHECKPOINT]) {
    const dash = folder.lastIndexOf("-");
    const ours = { topic: folder.slice(0, dash), partition: Number(folder.slice(dash + 1)) };
    const others = readCheckpoint(store, file).filter(({ topic, partition }) =>
      topic !== ours.topic || partition !== ours.partition
    );
    await writeCheckpoint(store, file, [...others, { ...ours, offset }]);
  }
  await beginInInventory(store, folder, { offset, topicId });
  store.makeFolder(folder);
  if (topicId !== null && store.readAll(`${folder}/${PARTITION_METADATA}`) === null) {
    putPartitionMetadata(store, folder, topicId);
  }
  await syncPartitionMetadata(store, folder);
  await sync(store, `${folder}/${segmentName(offset)}.log`);
  await store.syncFolder(folder);
  await store.syncFolder("");
}

const INDEXES_ALONE = SEGMENT_FILES.filter((file) => file !== ".log");

/** 0 where there is no such file, which asking for it must not make: retention may have removed it. */
function sizeOf(store: Store, folder: string, name: string): number {
  if (!store.list(folder).some((one) => one.name === name)) return 0;
  const blob = store.open(`${folder}/${name}`), { size } = blob;
  blob.close();
  return size;
}

async function sync(store: Store, path: string): Promise<void> {
  const blob = store.open(path);
  try {
    await blob.sync();
  } finally {
    blob.close();
  }
}
