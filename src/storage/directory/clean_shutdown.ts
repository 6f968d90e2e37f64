/**
 * The clean shutdown marker: `.kafka_cleanshutdown`, there only while nothing has been written since a clean stop.
 *
 *     {"version":0,"brokerEpoch":11}
 */
import type { Store } from "../store.ts";

const FILE = ".kafka_cleanshutdown";

/** Written last of all, when everything else is on the device. */
export function writeCleanShutdown(store: Store, brokerEpoch: number): Promise<void> {
  return store.replace(FILE, new TextEncoder().encode(JSON.stringify({ version: 0, brokerEpoch })));
}

/** What the marker says, which stays; null when the last stop was not clean. */
export function peekCleanShutdown(store: Store): { brokerEpoch: number } | null {
  const bytes = store.readAll(FILE);
  const brokerEpoch = bytes === null ? null : brokerEpochIn(new TextDecoder().decode(bytes));
  return brokerEpoch === null ? null : { brokerEpoch };
}

/**
 * Whether the last stop was clean, and with which broker epoch; null when it was not. Takes the marker away for
 * good before it answers: it must not be found again after a crash.
 */
export async function takeCleanShutdown(store: Store): Promise<{ brokerEpoch: number } | null> {
  const bytes = store.readAll(FILE);
  if (bytes === null) return null;
  store.remove(FILE);
  await store.syncFolder("");
  const brokerEpoch = brokerEpochIn(new TextDecoder().decode(bytes));
  return brokerEpoch === null ? null : { brokerEpoch };
}

/** Whether the marker is there; it stays. */
export function isMarkedClean(store: Store): boolean {
  return store.readAll(FILE) !== null;
}

/** Null when the marker does not say what it should; a recovery too many does no harm. */
function brokerEpochIn(json: string): number | null {
  try {
    const content: unknown = JSON.parse(json);
    if (content === null || typeof content !== "object" || !("brokerEpoch" in content)) return null;
    return Number.isSafeInteger(content.brokerEpoch) ? content.brokerEpoch as number : null;
  } catch {
    return null;
  }
}
