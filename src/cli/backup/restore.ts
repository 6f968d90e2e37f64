/** `runnel backup restore`: makes a data directory of a backup. */
import { knownFaults } from "../../backup/manifest.ts";
import { restoreBackup } from "../../backup/restore.ts";
import { FileStore } from "../../storage/backends/file_store.ts";
import { DirectoryLock } from "../../storage/directory/lock.ts";
import type { Run } from "../command.ts";
import { counted } from "../counted.ts";
import { Output } from "../output.ts";
import { openBackup, refusing } from "./open_backup.ts";

export const restoreBackupTo: Run = async (call) => {
  const [destination] = call.words, to = call.text("--to") ?? "";
  if (to === "") throw call.misused("needs --to DIR, the directory to make");
  const backup = openBackup(destination);
  const options = { allowDamage: call.has("--allow-damage"), lock: lockRestore };
  const manifest = await restoreBackup(backup, to, (path) => new FileStore(path), options);
  const faults = [...knownFaults(manifest)];
  for (const { what } of faults) console.error(`runnel: ${what}`);
  if (faults.length > 0) {
    const offline =
      'The broker keeps such partitions offline until "runnel storage repair" decides';
    console.error(
      `runnel: ${offline}; a log that lacks its beginning is served from where it begins`,
    );
  }
  const { partitions, takenAt } = manifest;
  new Output({ isJson: call.has("--json") }).told(
    `Restored ${counted(partitions.length, "partition")} as of ${takenAt} to ${to}`,
    { takenAt, to, partitions: partitions.length, faults: faults.map(({ what }) => what) },
  );
  return 0;
};

/** One restore to a place at a time, for the same reason. Nothing is put into the directory for that. */
function lockRestore(path: string): Promise<Disposable> {
  const refused = `Cannot restore by way of ${path}: another restore is running there`;
  return refusing(refused, () => DirectoryLock.take(path, { isReadOnly: true }));
}
