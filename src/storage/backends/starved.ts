/** What opens files when the process can have no more descriptors: blobs give theirs back, and what can wait does. */
import type { OpenFiles } from "./open_files.ts";

/**
 * Opens something; when the process can have no more descriptors, blobs give some back first. When that is not enough
 * others are asked to, which takes them a turn: whoever tries again then will find one.
 */
export function relieved<T>(blobs: OpenFiles, open: () => T): T {
  try {
    return open();
  } catch (e) {
    if (!isStarved(e)) throw e;
  }
  blobs.relieve();
  try {
    return open();
  } catch (e) {
    if (isStarved(e)) blobs.onStarved();
    throw e;
  }
}

/** No descriptor left, in this process or in the system. */
function isStarved(error: unknown): boolean {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return code === "EMFILE" || code === "ENFILE" || cause !== undefined && isStarved(cause);
}

/**
 * The same for what can wait: an fdatasync that cannot begin for want of a descriptor would count as one that failed, and
 * end the process. Descriptors come back, when clients leave.
 */
export async function patiently<T>(blobs: OpenFiles, open: () => T): Promise<T> {
  for (let waitedMs = 0;; waitedMs += DESCRIPTOR_PAUSE_MS) {
    try {
      return relieved(blobs, open);
    } catch (e) {
      if (!isStarved(e) || waitedMs >= DESCRIPTOR_LIMIT_MS) throw e;
      await new Promise((resolve) => setTimeout(resolve, DESCRIPTOR_PAUSE_MS));
    }
  }
}

const DESCRIPTOR_PAUSE_MS = 50, DESCRIPTOR_LIMIT_MS = 30_000;
