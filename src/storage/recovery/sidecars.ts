/**
 * Sidecars: the small files beside a partition's segments, held against what the inventory says of them. They have no
 * checksum that tells them from those of another log, so that one bit, or a neighbour's file, would be believed.
 */
import type { LogInventory } from "../directory/inventory.ts";
import { type EpochEntry, LeaderEpochs } from "../directory/leader_epochs.ts";
import { segmentName } from "../segments/segment.ts";
import { snapshotCrc } from "../producers/producer_snapshot.ts";
import type { Store } from "../store.ts";

/**
 * Makes the leader epochs those that were recorded, when the file does not have them. Of a record that is not exact, those
 * of what was synced and is not below the log start: a crash may have taken the others. What was healed.
 */
export function epochsAsRecorded(store: Store, folder: string, record: LogInventory): string[] {
  if (record.epochs.length === 0) return [];
  const { entries, damage } = LeaderEpochs.load(store, folder);
  const certain = certainOf(record.epochs, record);
  const found = record.isExact ? entries : certainOf(entries, record);
  const isSame = found.length === certain.length &&
    certain.every((one, i) =>
      found[i].epoch === one.epoch && found[i].startOffset === one.startOffset
    );
  if (isSame && damage === null) return [];
  const path = `${folder}/leader-epoch-checkpoint`;
  const blob = store.open(path);
  blob.truncate(0);
  blob.append(LeaderEpochs.format(certain));
  blob.close();
  return [
    `leader-epoch-checkpoint said ${damage ?? textOf(entries)}, and is ${
      textOf(certain)
    } again as recorded`,
  ];
}

/** Of these epochs, those that nothing can have taken back since the record was written. */
function certainOf(epochs: readonly EpochEntry[], record: LogInventory): readonly EpochEntry[] {
  if (record.isExact) return epochs;
  const { logStartOffset, recoveryPoint } = record;
  const lies = epochs.findLastIndex(({ startOffset }) => startOffset <= logStartOffset);
  return epochs.slice(Math.max(0, lies))
    .map(({ epoch, startOffset }) => ({
      epoch,
      startOffset: Math.max(startOffset, logStartOffset),
    }))
    .filter(({ startOffset }) => startOffset < recoveryPoint);
}

/** Removes the producer snapshots when the newest is not the one recorded: the log knows as much. What was healed. */
export function snapshotsAsRecorded(
  store: Store,
  folder: string,
  names: readonly string[],
  { snapshot }: LogInventory,
): string[] {
  if (snapshot === null) return [];
  const recorded = `${segmentName(snapshot.offset)}.snapshot`;
  if (!names.includes(recorded)) return [];
  const crc = snapshotCrcAt(store, folder, snapshot.offset);
  if (crc === snapshot.crc) return [];
  for (const name of names) {
    if (/^\d{20}\.snapshot$/.test(name)) store.remove(`${folder}/${name}`);
  }
  return [
    `${recorded} has checksum ${crc}, and had ${snapshot.crc}: the snapshots are made anew from the log`,
  ];
}

/** The checksum in a producer snapshot, or null when there is none. */
export function snapshotCrcAt(store: Store, folder: string, offset: number): number | null {
  const bytes = store.readAll(`${folder}/${segmentName(offset)}.snapshot`);
  return bytes === null ? null : snapshotCrc(bytes);
}

function textOf(entries: readonly EpochEntry[]): string {
  return `[${entries.map(({ epoch, startOffset }) => `${epoch} at ${startOffset}`).join(", ")}]`;
}
