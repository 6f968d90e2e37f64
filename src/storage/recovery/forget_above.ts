/**
 * forgetAbove: after a log was cut, nothing that is remembered of it may speak of offsets that are gone; else they would be
 * taken for what is written there next. Whatever remembers an offset of a partition is lowered here, and only here.
 */
import {
  type CheckpointEntry,
  CLEANER_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  LOG_START_CHECKPOINT,
  readCheckpoint,
  RECOVERY_POINT_CHECKPOINT,
  writeCheckpoint,
} from "../directory/checkpoints.ts";
import { type CutPlace, forgetInInventory } from "../directory/inventory.ts";
import { LeaderEpochs } from "../directory/leader_epochs.ts";
import { parseSegmentFile } from "../segments/segment_files.ts";
import type { Store } from "../store.ts";

export async function forgetAbove(
  store: Store,
  folder: string,
  cut: CutPlace & { readonly offset: number },
): Promise<void> {
  const { offset } = cut;
  for (
    const file of [
      RECOVERY_POINT_CHECKPOINT,
      HIGH_WATERMARK_CHECKPOINT,
      LOG_START_CHECKPOINT,
      CLEANER_CHECKPOINT, // else a later tombstone would go while the value that it deleted stays
    ]
  ) {
    await lower(store, file, folder, offset);
  }
  await forgetInInventory(store, folder, offset, cut);
  const epochs = LeaderEpochs.load(store, folder);
  if (epochs.truncateFromEnd(offset)) await epochs.save();
  for (const { name } of store.list(folder)) {
    const parsed = parseSegmentFile(name);
    if (parsed?.file !== ".snapshot" || parsed.suffix !== "") continue;
    if (parsed.baseOffset > offset) store.remove(`${folder}/${name}`);
  }
}

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
