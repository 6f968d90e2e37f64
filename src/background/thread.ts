/** Thread: the name by which a background thread knows itself, as it may begin in a file that has other uses. */
export const THREAD_NAME = "runnel-background";

/** Whether this is a thread of Background's. */
export function isBackgroundThread(): boolean {
  return (globalThis as { name?: unknown }).name === THREAD_NAME;
}
