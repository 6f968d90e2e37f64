/**
 * First start: a directory without meta.properties is taken only when it is free. Whatever else lies in it belongs to
 * somebody, and a broker does not move in with photos, nor with partitions whose ids it does not know.
 *
 * | found | |
 * |---|---|
 * | nothing, `lost+found` | free |
 * | `meta.properties.tmp` | of a first start that was interrupted: free |
 * | names that begin with a dot (`.lock`, `.snapshot`, `.DS_Store`, …) | left by file systems and desktops: free, and never touched |
 * | what only Kafka or Runnel writes | a directory that has lost its meta.properties: refused |
 * | anything else | somebody else's: refused |
 */
import type { Store, StoreEntry } from "../store.ts";

/** The directory is not one to begin in. Nothing was changed by finding out. */
export class DirectoryInUseError extends Error {
  override readonly name = "DirectoryInUseError";
  /** For people, as it is. */
  readonly kind = "refused";
}

/** Throws DirectoryInUseError when the directory, which has no meta.properties, holds something of somebody. */
export function mustBeFree(store: Store): void {
  const found = store.list("").filter((entry) => !isHarmless(entry));
  if (found.length === 0) return;
  const isOfBroker = found.some(({ name, isFolder }) => isBrokers(store, name, isFolder));
  const names = listed(found.map(({ name }) => name));
  throw new DirectoryInUseError(
    isOfBroker
      ? `Cannot start in ${store.name}: it holds ${names}, but no meta.properties, which says whose they are. ` +
        "Nothing has been changed. Restore that file from a backup, or choose another directory with --storage-path"
      : `Cannot start in ${store.name}: it is not empty and not a directory of Runnel or Kafka, but holds ${names}. ` +
        "Nothing has been changed. Choose an empty or new directory with --storage-path",
  );
}

/** Whether anything lies in the directory that only Kafka or Runnel writes. */
export function holdsBrokersFiles(store: Store): boolean {
  return store.list("").some(({ name, isFolder }) => isBrokers(store, name, isFolder));
}

function isHarmless({ name }: StoreEntry): boolean {
  if (name === ".kafka_cleanshutdown") return false;
  return name.startsWith(".") || name === "lost+found" || name === "meta.properties.tmp";
}

function isBrokers(store: Store, name: string, isFolder: boolean): boolean {
  if (!isFolder) {
    return name === ".kafka_cleanshutdown" || name === "bootstrap.checkpoint" ||
      name.endsWith("-offset-checkpoint") || name.startsWith("runnel-");
  }
  if (!/^.+-(\d+|delete|stray)$/.test(name)) return false;
  return store.list(name).some(({ name }) =>
    name === "partition.metadata" || name === "quorum-state" || /^\d{20}\./.test(name)
  );
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_NAMES).join(", ");
  const more = names.length - SHOWN_NAMES;
  return more > 0 ? `${shown} and ${more} more` : shown;
}

const SHOWN_NAMES = 3;
