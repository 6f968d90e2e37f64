/** A backup that is there, as a store, and what is said where another command is at it. */
import { FileStore } from "../../storage/backends/file_store.ts";
import { DirectoryLockedError } from "../../storage/directory/lock.ts";
import { StoreError } from "../../storage/store.ts";

/** Throws StoreError. */
export function openBackup(destination: string): FileStore {
  try {
    Deno.statSync(destination);
  } catch (error) {
    throw new StoreError(`Cannot open backup ${destination}: ${(error as Error).message}`, "io");
  }
  return new FileStore(destination);
}

/** Takes a lock; throws a StoreError with this message where somebody has it. */
export async function refusing(
  message: string,
  take: () => Promise<Disposable>,
): Promise<Disposable> {
  try {
    return await take();
  } catch (error) {
    if (!(error instanceof DirectoryLockedError)) throw error;
    throw new StoreError(message, "io");
  }
}
