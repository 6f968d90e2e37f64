/**
 * InterruptedStart: `runnel-start`, which lies in a directory from before a broker registers until it has written down, in
 * the inventory, that it may use the logs:
 *
 *     {"version":1,"lastRun":17,"incarnations":["3RfaTK0rRomGYOhr6Tx8xw"]}
 *
 * A start that is cut off in between leaves a registration in the metadata log of a run that did nothing to any log. By
 * that epoch neither the inventory nor the journal would count, though both say still what the last run left. So the file
 * names that run (by its broker epoch), and the incarnation ids of the starts that came behind it: when the last
 * registration is one of theirs, and the inventory is still of that run, so is everything else. Kafka registers with an
 * incarnation id of its own. A file that cannot be read counts as none.
 */
import { parseUuid, type Uuid } from "../../bytes/uuid.ts";
import { readInventory } from "./inventory.ts";
import type { Store } from "../store.ts";

const FILE = "runnel-start";

/** Of a broker in the metadata log. */
export interface Registered {
  readonly brokerEpoch: number;
  readonly incarnationId: string;
}

/** The broker epoch of the last run that may have used the logs; undefined where no broker is registered. */
export function lastRunEpoch(store: Store, registered: Registered | undefined): number | undefined {
  if (registered === undefined) return undefined;
  const begun = readBegun(store), inventory = readInventory(store);
  if (begun === null || inventory === null || typeof inventory === "string") {
    return registered.brokerEpoch;
  }
  const isCutOff = begun.incarnations.some((id) => id === registered.incarnationId) &&
    inventory.brokerEpoch === begun.lastRun;
  return isCutOff ? begun.lastRun : registered.brokerEpoch;
}

/** Notes that a start is about to register under this incarnation id. */
export async function noteStart(
  store: Store,
  { registered, incarnationId }: { registered: Registered | undefined; incarnationId: Uuid },
): Promise<void> {
  const lastRun = lastRunEpoch(store, registered);
  if (registered === undefined || lastRun === undefined) return;
  const incarnations = lastRun === registered.brokerEpoch
    ? [incarnationId]
    : [registered.incarnationId, incarnationId]; // this one may be cut off before it registers
  const content = JSON.stringify({ version: 1, lastRun, incarnations });
  await store.replace(FILE, new TextEncoder().encode(content));
}

/** Notes, for good when it resolves, that the logs are used from now on. */
export async function forgetStart(store: Store): Promise<void> {
  if (store.readAll(FILE) === null) return;
  store.remove(FILE);
  await store.syncFolder("");
}

function readBegun(store: Store): { lastRun: number; incarnations: readonly Uuid[] } | null {
  const bytes = store.readAll(FILE);
  if (bytes === null) return null;
  try {
    const { lastRun, incarnations } = JSON.parse(new TextDecoder().decode(bytes));
    if (!Number.isSafeInteger(lastRun) || !Array.isArray(incarnations)) return null;
    const ids = incarnations.map((id) => typeof id === "string" ? parseUuid(id) : null);
    return { lastRun, incarnations: ids.filter((id) => id !== null) };
  } catch {
    return null;
  }
}
