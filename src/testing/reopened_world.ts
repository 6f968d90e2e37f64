/** ReopenedWorld: opens a StorageWorld on files that a test has harmed, and asks verify about the same files before. */
import type { Store } from "../storage/store.ts";
import type { WantedLog } from "../storage/opening.ts";
import { verifyPartitions } from "../storage/recovery/verify.ts";
import { FaultyStore } from "./faulty_store.ts";
import { consumed, StorageWorld, type WorldOptions } from "./storage_world.ts";

/** A world, and in words what it told. */
export async function openOn(
  disk: Store,
  wanted: readonly WantedLog[],
  options: WorldOptions = {},
): Promise<{ world: StorageWorld; events: string[] }> {
  const store = disk instanceof FaultyStore ? disk : new FaultyStore(disk);
  const events: string[] = [];
  const onEvent = (event: string, details: Record<string, unknown>) =>
    void events.push(`${event} ${Object.values(details).join(" ")}`);
  const world = await StorageWorld.open(store, wanted, { onEvent, ...options });
  return { world, events };
}

/** The values that a log serves, the first word or two of each; null when it is offline. */
export async function servedBy(world: StorageWorld, wanted: WantedLog): Promise<string[] | null> {
  const log = world.logs.get(wanted.topicId, wanted.partition);
  if (log === undefined || log.offline !== null) return null;
  return [...(await consumed(log)).values()].map((value) => value.slice(0, 12).trim());
}

/** What verify says is damaged, by folder; null where nothing is. */
export async function verified(
  disk: Store,
  wanted: readonly WantedLog[],
): Promise<Map<string, string | null>> {
  const catalogued = (folder: string) => {
    const one = wanted.find(({ topic, partition }) => `${topic}-${partition}` === folder);
    return one && {
      topicId: one.topicId,
      mayHaveGaps: one.config["cleanup.policy"].includes("compact"),
      maxLeaderEpoch: one.leaderEpoch,
    };
  };
  const reports = await Array.fromAsync(verifyPartitions(disk, catalogued));
  return new Map(reports.map(({ folder, damage }) => [folder, damage?.problem ?? null]));
}
