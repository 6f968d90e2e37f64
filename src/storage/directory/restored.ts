/**
 * Restored: `runnel-restored`, which lies in a directory that was made of a backup until a broker uses its logs. Such a
 * directory has no journal of the run that was backed up, and is judged as one that has lost it: whatever is damaged is
 * kept. The file only says that this is as it should be, so that nobody is warned of it.
 */
import type { Store } from "../store.ts";

const FILE = "runnel-restored";

export function isRestored(store: Store): boolean {
  return store.list("").some(({ name, isFolder }) => !isFolder && name === FILE);
}

/** `of`: the backup's name, for whoever looks into the directory. */
export async function noteRestored(store: Store, of: string): Promise<void> {
  await store.replace(FILE, new TextEncoder().encode(`Restored of ${of}, and not used yet\n`));
}

/** Notes, for good when it resolves, that the logs are used from now on. */
export async function forgetRestored(store: Store): Promise<void> {
  if (!isRestored(store)) return;
  store.remove(FILE);
  await store.syncFolder("");
}
