/**
 * restoreBackup: a data directory made of a backup.
 *
 * It goes to a folder beside, `<name>.restoring`, which is renamed at the end, so that an interruption leaves no directory
 * that looks like one; the next restore begins again over it, by the marker that it bears. One that fails removes what it
 * made. A broker takes the directory
 * for one that was not stopped cleanly: it checks every batch, builds the indexes and begins a new leader epoch.
 */
import { createHash } from "node:crypto";
import { basename, dirname, resolve } from "node:path";
import {
  type CheckpointEntry,
  CLEANER_CHECKPOINT,
  LOG_START_CHECKPOINT,
  RECOVERY_POINT_CHECKPOINT,
  writeCheckpoint,
} from "../storage/directory/checkpoints.ts";
import { noteRestored } from "../storage/directory/restored.ts";
import { type Store, StoreError } from "../storage/store.ts";
import { chunksOf } from "./log_walk.ts";
import {
  type BackedUpFile,
  knownFaults,
  type Manifest,
  needManifest,
  storedPath,
} from "./manifest.ts";
import { mustTellCase } from "./tells_case.ts";
import { openStored } from "./verify.ts";

export { verifyBackup } from "./verify.ts";

/** In a directory that a restore has not finished. */
const RESTORE_MARKER = "runnel-restore";

export interface RestoreOptions {
  /** Restores what was damaged as it is, and does without what was left out, instead of refusing. */
  readonly allowDamage?: boolean;
  /** Keeps a folder from other restores until it is given back; throws where one has it. Without it, nothing does. */
  readonly lock?: (path: string) => Promise<Disposable>;
}

/** Makes the directory `to`, which must be absent or empty. `storeAt` opens a folder as a store. */
export async function restoreBackup(
  backup: Store,
  to: string,
  storeAt: (path: string) => Store,
  { allowDamage = false, lock }: RestoreOptions = {},
): Promise<Manifest> {
  const manifest = needManifest(backup);
  const [fault, ...others] = knownFaults(manifest);
  if (fault !== undefined && !allowDamage) {
    const more = others.length === 0 ? "" : `, and ${others.length} more (backup verify)`;
    throw new StoreError(
      `Cannot restore ${backup.name}: ${fault.what}${more}. Nothing is restored; --allow-damage restores it as it is, and the broker keeps offline what is damaged`,
      "io",
    );
  }
  const full = resolve(to), name = basename(full), partial = `${name}.restoring`;
  const parent = storeAt(dirname(full));
  const found = parent.list(name).map((entry) => entry.name);
  if (found.length > 0) {
    const some = found.slice(0, 3).join(", ") + (found.length > 3 ? ", …" : "");
    throw new StoreError(
      `Cannot restore to ${full}: it is not empty (found ${some}), choose an absent or empty directory`,
      "permission",
    );
  }
  checkUnfinished(parent, partial);
  parent.makeFolder(partial);
  using _alone = await lock?.(`${dirname(full)}/${partial}`);
  emptyUnfinished(parent, partial);
  const target = storeAt(`${dirname(full)}/${partial}`);
  try {
    await fill(target, backup, manifest);
    if (parent.list(name).length > 0) {
      throw new StoreError(
        `Cannot restore to ${full}: something came into it meanwhile`,
        "permission",
      );
    }
    parent.remove(name);
    parent.rename(partial, name);
  } catch (error) {
    target.close();
    try {
      emptyUnfinished(parent, partial);
      parent.remove(partial);
    } catch {
      // The first error is the one to tell; the next restore removes what is left.
    }
    throw error;
  }
  await parent.syncFolder("");
  // From here on the directory is whole; the marker only says that a restore was there.
  target.close();
  parent.remove(`${name}/${RESTORE_MARKER}`);
  await parent.syncFolder(name);
  parent.close();
  return manifest;
}

/** Everything that a start needs, on the device. */
async function fill(target: Store, backup: Store, manifest: Manifest): Promise<void> {
  await target.replace(RESTORE_MARKER, new TextEncoder().encode(`Unfinished, of ${backup.name}\n`));
  mustTellCase(target, manifest.partitions);
  const folders = new Set<string>([""]);
  for (const file of manifest.files) {
    const folder = file.path.slice(0, Math.max(0, file.path.lastIndexOf("/")));
    target.makeFolder(folder);
    folders.add(folder);
    await restoreFile(backup, target, file);
  }
  for (const { topic, partition } of manifest.partitions) {
    target.makeFolder(`${topic}-${partition}`);
    folders.add(`${topic}-${partition}`);
  }
  const trimmed = manifest.partitions.filter(({ startOffset }) => startOffset > 0);
  await writeCheckpoint(
    target,
    LOG_START_CHECKPOINT,
    trimmed.map(({ topic, partition, startOffset }) => ({ topic, partition, offset: startOffset })),
  );
  await keepOffline(target, manifest);
  await noteRestored(target, backup.name);
  for (const folder of folders) await target.syncFolder(folder);
}

/**
 * Recovery points, for a start would make what is missing anew, and cut what is damaged at the end as if a crash had torn
 * it. Where there are any, a log without one counts as never compacted, unless the cleaner's positions name it.
 */
async function keepOffline(
  target: Store,
  { partitions, leftOut = [] }: Manifest,
): Promise<void> {
  const points: CheckpointEntry[] = leftOut.map(({ topic, partition, syncedTo }) => ({
    topic,
    partition,
    offset: syncedTo,
  }));
  for (const { topic, partition, segments } of partitions) {
    const last = segments?.at(-1);
    if (last?.damage) points.push({ topic, partition, offset: last.endOffset + 1 });
  }
  if (points.length === 0) return;
  await writeCheckpoint(target, RECOVERY_POINT_CHECKPOINT, points);
  const gappy = partitions.filter(({ mayHaveGaps }) => mayHaveGaps);
  await writeCheckpoint(
    target,
    CLEANER_CHECKPOINT,
    gappy.map(({ topic, partition, startOffset }) => ({ topic, partition, offset: startOffset })),
  );
}

/** What a restore was interrupted in is begun again; never what another left under that name. */
function checkUnfinished(parent: Store, partial: string): string[] {
  const names = parent.list(partial).map(({ name }) => name);
  if (names.some((name) => name !== `${RESTORE_MARKER}.tmp`) && !names.includes(RESTORE_MARKER)) {
    throw new StoreError(
      `Cannot restore by way of ${parent.name}/${partial}: it is not empty, and not of a restore`,
      "permission",
    );
  }
  return names;
}

/** The folder itself stays, for it bears the lock. The marker goes last: an interruption here too leaves what is known. */
function emptyUnfinished(parent: Store, partial: string): void {
  const names = checkUnfinished(parent, partial);
  for (const name of names) if (name !== RESTORE_MARKER) parent.remove(`${partial}/${name}`);
  parent.remove(`${partial}/${RESTORE_MARKER}`);
}

async function restoreFile(backup: Store, target: Store, file: BackedUpFile): Promise<void> {
  const from = openStored(backup, file);
  const hash = createHash("sha256");
  const to = target.open(file.path);
  for (const chunk of chunksOf(from, from.size)) {
    hash.update(chunk);
    to.append(chunk);
  }
  from.close();
  await to.sync();
  to.close();
  const found = hash.digest("hex");
  if (found === file.sha256) return;
  const path = storedPath(file);
  throw new StoreError(`${backup.name}/${path} has SHA-256 ${found}, needs ${file.sha256}`, "io");
}
