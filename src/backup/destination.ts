/**
 * Destination: the directory a backup lies in, and what in it is the backup's own.
 *
 * A backup begins only in an empty directory, or in one that holds a backup, or the beginnings of one: a marker is
 * written before anything else. What an interrupted backup left is known by its name, a file of a data directory with 16
 * digits or `.tmp` behind it in the folder it came from, and by no manifest naming it. Everything else stays untouched.
 */
import { type Store, StoreError } from "../storage/store.ts";
import { MANIFEST, type Manifest, readManifest, storedPath } from "./manifest.ts";

/** Says that the directory is a backup's, before there is a manifest. */
const MARKER = "runnel-backup";

/** The backup that is there already. Throws when the directory is somebody else's. */
export function checkDestination(store: Store): Manifest | null {
  const names = store.list("").map(({ name }) => name);
  // A manifest of our format says as much as the marker, which backups of version 1 do not have.
  if (names.includes(MANIFEST)) return readManifest(store);
  const foreign = names.filter((name) => !NOT_COUNTED.has(name));
  if (foreign.length === 0 || names.includes(MARKER)) return null;
  const some = foreign.slice(0, 3).join(", ") + (foreign.length > 3 ? ", …" : "");
  throw new StoreError(
    `Cannot back up to ${store.name}: it is not empty and holds no backup (found ${some}), choose an empty directory`,
    "permission",
  );
}

/** Says whose directory it is. */
export async function markDestination(store: Store): Promise<void> {
  if (store.list("").some(({ name }) => name === MARKER)) return;
  const text = `A backup of Runnel: ${MANIFEST} says what it consists of.\n`;
  await store.replace(MARKER, new TextEncoder().encode(text));
}

/** Removes what no backup needs: the files that `manifest` does not name. Returns their paths. */
export function removeLeftovers(store: Store, manifest: Manifest | null): string[] {
  const needed = new Set(manifest?.files.map(storedPath));
  const removed: string[] = [];
  const removeFrom = (folder: string, isOurs: RegExp) => {
    for (const { name, isFolder } of store.list(folder)) {
      const path = folder === "" ? name : `${folder}/${name}`;
      if (isFolder || !isOurs.test(name) || needed.has(path)) continue;
      store.remove(path);
      removed.push(path);
    }
  };
  removeFrom("", ROOT_FILE);
  for (const { name, isFolder } of store.list("")) {
    if (isFolder && PARTITION_FOLDER.test(name)) removeFrom(name, PARTITION_FILE);
  }
  return removed;
}

const NOT_COUNTED = new Set([".lock", "lost+found", `${MARKER}.tmp`]);
const PARTITION_FOLDER = /^[a-zA-Z0-9._-]+-\d{1,10}$/;
const ROOT_FILE = /^(meta\.properties|bootstrap\.checkpoint)\.([0-9a-f]{16}|tmp)$/;
const PARTITION_FILE =
  /^(\d{20}\.(log|snapshot)|\d{20}-\d{10}\.checkpoint|leader-epoch-checkpoint|partition\.metadata|quorum-state)\.([0-9a-f]{16}|tmp)$/;
