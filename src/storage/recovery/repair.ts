/**
 * Repair: cuts a partition's log where it stops being valid, for whoever has decided that what lies behind may go.
 * Only a directory that no broker uses. The next start checks everything again, and mends the indexes.
 */
import {
  type CheckpointEntry,
  HIGH_WATERMARK_CHECKPOINT,
  LOG_START_CHECKPOINT,
  readCheckpoint,
  RECOVERY_POINT_CHECKPOINT,
  writeCheckpoint,
} from "../checkpoints.ts";
import { takeCleanShutdown } from "../clean_shutdown.ts";
import { forgetInInventory } from "../inventory.ts";
import { segmentName } from "../log/segment.ts";
import { removeSegment, SEGMENT_FILES, SEGMENT_FILES_AND_SNAPSHOT } from "../log/segment_files.ts";
import type { Store } from "../store.ts";
import { type Damage, segmentBases } from "./verify.ts";

/** Cuts the log at the damage; what was behind it is gone when this resolves. */
export async function cutAtDamage(store: Store, folder: string, damage: Damage): Promise<void> {
  await takeCleanShutdown(store); // first of all: no start may believe the checkpoints any more
  for (const base of segmentBases(store, folder)) {
    if (base <= damage.segmentBase) continue;
    removeSegment(store, folder, base, { suffix: "", files: SEGMENT_FILES_AND_SNAPSHOT });
  }
  const files = SEGMENT_FILES.filter((file) => file !== ".log");
  removeSegment(store, folder, damage.segmentBase, { suffix: "", files });
  for (const { name } of store.list(folder)) {
    const match = /^(\d{20})\.snapshot$/.exec(name);
    if (match && Number(match[1]) > damage.offset) store.remove(`${folder}/${name}`);
  }
  const blob = store.open(`${folder}/${segmentName(damage.segmentBase)}.log`);
  blob.truncate(damage.position);
  await blob.sync();
  blob.close();
  await store.syncFolder(folder);
  await forgetInInventory(store, folder, damage.offset);
  for (const file of [RECOVERY_POINT_CHECKPOINT, HIGH_WATERMARK_CHECKPOINT, LOG_START_CHECKPOINT]) {
    await lower(store, file, folder, damage.offset);
  }
}

/** No checkpoint may speak of offsets that are gone. */
async function lower(store: Store, file: string, folder: string, offset: number): Promise<void> {
  const isOurs = (entry: CheckpointEntry) => `${entry.topic}-${entry.partition}` === folder;
  const entries = readCheckpoint(store, file);
  if (!entries.some((entry) => isOurs(entry) && entry.offset > offset)) return;
  await writeCheckpoint(
    store,
    file,
    entries.map((entry) =>
      isOurs(entry) ? { ...entry, offset: Math.min(entry.offset, offset) } : entry
    ),
  );
}
