/**
 * keepEpochs: what the leader epoch checkpoint says after a recovery. A walk that began behind the beginning of an epoch saw
 * it begin too late, so what the file already knows lower stays; what lies at or above the log end never was, and where
 * file and batches say different things, the batches are right.
 */
import { type EpochEntry, LeaderEpochs } from "../log/leader_epochs.ts";
import type { Store } from "../store.ts";

/** Writes the checkpoint if it has to change; what of it was wrong. */
export async function keepEpochs(
  store: Store,
  folder: string,
  recovered: { readonly logEndOffset: number; readonly epochs: readonly EpochEntry[] },
): Promise<string[]> {
  const { entries, damage } = LeaderEpochs.load(store, folder);
  const merged = mergedEpochs(entries, recovered.epochs, recovered.logEndOffset);
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

/** Both ascend. */
export function mergedEpochs(
  known: readonly EpochEntry[],
  seen: readonly EpochEntry[],
  logEndOffset: number,
): EpochEntry[] {
  const below = known.filter(({ startOffset }) => startOffset < logEndOffset);
  if (seen.length === 0) return below;
  const [first] = seen;
  const kept = below.filter(({ epoch, startOffset }) =>
    epoch <= first.epoch && startOffset < first.startOffset
  );
  const isBegun = kept.at(-1)?.epoch === first.epoch;
  return [...kept, ...(isBegun ? seen.slice(1) : seen)];
}

function isSame(a: EpochEntry, b: EpochEntry): boolean {
  return a.epoch === b.epoch && a.startOffset === b.startOffset;
}

/** "0 at 0, 3 at 1500" */
function format(entries: readonly EpochEntry[]): string {
  return entries.map(({ epoch, startOffset }) => `${epoch} at ${startOffset}`).join(", ");
}
