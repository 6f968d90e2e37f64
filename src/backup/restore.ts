/**
 * restoreBackup: a data directory made of a backup.
 *
 * It goes to a folder beside, `<name>.restoring`, which is renamed at the end, so that an interruption leaves no directory
 * that looks like one; the next restore begins again over it, by the marker that it bears. A broker takes the directory
 * for one that was not stopped cleanly: it checks every batch, builds the indexes and begins a new leader epoch.
 */
import { createHash } from "node:crypto";
import { basename, dirname, resolve } from "node:path";
import { LOG_START_CHECKPOINT, writeCheckpoint } from "../storage/directory/checkpoints.ts";
import { type Store, StoreError } from "../storage/store.ts";
import { chunksOf } from "./log_walk.ts";
import { type BackedUpFile, type Manifest, needManifest, storedPath } from "./manifest.ts";
import { openStored } from "./verify.ts";

export { verifyBackup } from "./verify.ts";

/** In a directory that a restore has not finished. */
const RESTORE_MARKER = "runnel-restore";

/** Makes the directory `to`, which must be absent or empty. `storeAt` opens a folder as a store. */
export async function restoreBackup(
  backup: Store,
  to: string,
  storeAt: (path: string) => Store,
): Promise<Manifest> {
  const manifest = needManifest(backup);
  const full = resolve(to), name = basename(full), partial = `${name}.restoring`;
  const parent = storeAt(dirname(full));
  if (parent.list(name).length > 0) {
    throw new StoreError(`Cannot restore to ${full}: it is not empty`, "permission");
  }
  removeUnfinished(parent, partial);
  const target = storeAt(`${dirname(full)}/${partial}`);
  await target.replace(RESTORE_MARKER, new TextEncoder().encode(`Unfinished, of ${backup.name}\n`));
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
  for (const folder of folders) await target.syncFolder(folder);
  if (parent.list(name).length > 0) {
    throw new StoreError(
      `Cannot restore to ${full}: something came into it meanwhile`,
      "permission",
    );
  }
  parent.remove(name);
  parent.rename(partial, name);
  await parent.syncFolder("");
  // From here on the directory is whole; the marker only says that a restore was there.
  target.close();
  parent.remove(`${name}/${RESTORE_MARKER}`);
  await parent.syncFolder(name);
  parent.close();
  return manifest;
}

/** What a restore was interrupted in; never what another left under that name. */
function removeUnfinished(parent: Store, partial: string): void {
  const names = parent.list(partial).map(({ name }) => name);
  if (names.some((name) => name !== `${RESTORE_MARKER}.tmp`) && !names.includes(RESTORE_MARKER)) {
    throw new StoreError(
      `Cannot restore by way of ${parent.name}/${partial}: it is not empty, and not of a restore`,
      "permission",
    );
  }
  // The marker last: an interruption here too leaves what the next restore knows.
  for (const name of names) if (name !== RESTORE_MARKER) parent.remove(`${partial}/${name}`);
  parent.remove(partial);
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
