/**
 * The clean shutdown marker: `.kafka_cleanshutdown`, there only while nothing has been written since a clean stop.
 *
 *     {"version":0,"brokerEpoch":11}
 */
import { readUsableInventory } from "./inventory.ts";
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

/**
 * Whether the last stop was clean, by a marker that is there, or was (takeCleanShutdown()). It counts only when it is of
 * the last run: of the broker epoch of the last registration in the metadata log (Kafka's controller compares just that
 * when a broker registers), and where the inventory is of that run too, that says so as well. A marker of another run
 * was put back by somebody, and nothing follows from it. Without a metadata log, `lastBrokerEpoch` is undefined.
 */
export function wasStoppedCleanly(
  store: Store,
  lastBrokerEpoch: number | undefined,
  marker: { readonly brokerEpoch: number } | null = peekCleanShutdown(store),
): boolean {
  if (marker === null) return false;
  if (lastBrokerEpoch !== undefined && marker.brokerEpoch !== lastBrokerEpoch) return false;
  return readUsableInventory(store, lastBrokerEpoch)?.isClean ?? true;
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
