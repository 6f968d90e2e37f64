/**
 * keepEpochs: what the leader epoch checkpoint says after a recovery: what the walk has come to (epoch_runs.ts), without what
 * lies at or above the log end, which never was. A start that looked at nothing keeps what the file says.
 */
import { type EpochEntry, LeaderEpochs } from "../directory/leader_epochs.ts";
import type { Store } from "../store.ts";

/** Writes the checkpoint if it has to change; what of it was wrong. */
export async function keepEpochs(
  store: Store,
  folder: string,
  recovered: { readonly logEndOffset: number; readonly epochs: readonly EpochEntry[] },
): Promise<string[]> {
  const { entries, damage } = LeaderEpochs.load(store, folder);
  const merged = (recovered.epochs.length > 0 ? recovered.epochs : entries)
    .filter(({ startOffset }) => startOffset < recovered.logEndOffset);
  const before = format(entries), after = format(merged);
  if (before !== after) {
    await new LeaderEpochs(store, `${folder}/leader-epoch-checkpoint`, merged).save();
  }
  if (damage !== null) return [`${damage}; it says ${after} now`];
  const below = entries.filter(({ startOffset }) => startOffset < recovered.logEndOffset);
  const wrong = below.filter((entry) => !merged.some((one) => isSame(one, entry)));
  if (wrong.length === 0) return [];
  return [`${folder}/leader-epoch-checkpoint said ${format(wrong)}; by the log it is ${after}`];
}

function isSame(a: EpochEntry, b: EpochEntry): boolean {
  return a.epoch === b.epoch && a.startOffset === b.startOffset;
}

/** "0 at 0, 3 at 1500" */
function format(entries: readonly EpochEntry[]): string {
  return entries.map(({ epoch, startOffset }) => `${epoch} at ${startOffset}`).join(", ");
}
