/**
 * `runnel backup create`: copies what a broker has that goes on serving. It runs beside it, with the broker's own flags or
 * configuration file (where its data is, and its port): it asks for offsets over the Kafka protocol and reads the
 * directory. It needs the right to read that directory and to write DEST; the broker needs no port, file or right for it.
 */
import { basename, dirname, join, resolve } from "node:path";
import { createBackup } from "../../backup/create.ts";
import { checkDestination } from "../../backup/destination.ts";
import { SourceDirectory } from "../../backup/source_directory.ts";
import { parseAddress } from "../../client/cluster.ts";
import { Connection } from "../../client/connection.ts";
import { ConfigError } from "../../config/load.ts";
import { FileStore } from "../../storage/backends/file_store.ts";
import { DirectoryLock } from "../../storage/directory/lock.ts";
import { StoreError } from "../../storage/store.ts";
import type { Run } from "../command.ts";
import { counted } from "../counted.ts";
import { Output } from "../output.ts";
import { configOf, reachedBy } from "../reach.ts";
import { refusing } from "./open_backup.ts";

export const createBackupOf: Run = async (call) => {
  const [destination] = call.words, config = await configOf(call.options);
  const { path } = config.storage;
  if (path === "memory://") throw new ConfigError("There is nothing to back up of memory://");
  // One broker, whose directory is read beside it.
  const { bootstrap, security } = reachedBy(call, config);
  const { host, port } = parseAddress(bootstrap.split(",")[0]);
  const connection = await Connection.open({ host, port, clientId: "runnel-backup", ...security });
  using open = new DisposableStack();
  open.defer(() => connection.close());
  const store = newBackup(destination, path);
  open.defer(() => store.close());
  checkDestination(store); // before a lock is put into somebody else's directory
  open.use(await lock(store));
  const source = new SourceDirectory(path);
  const report = await createBackup(connection, source, store, {
    allowDamage: call.has("--allow-damage"),
  });
  for (const warning of report.warnings) console.error(`runnel: ${warning}`);
  const out = new Output({ isJson: call.has("--json") });
  const { length } = report.removedFiles;
  if (length > 0 && !out.isJson) {
    out.line(`Removed ${counted(length, "file")} that an interrupted backup had left`);
  }
  const { partitions, takenAt } = report.manifest;
  out.told(
    `Backed up ${counted(partitions.length, "partition")} as of ${takenAt}: ${
      counted(report.copiedFiles, "file")
    } with ${report.copiedBytes} bytes copied, ${report.keptFiles} were there`,
    {
      takenAt,
      partitions: partitions.length,
      copiedFiles: report.copiedFiles,
      copiedBytes: report.copiedBytes,
      keptFiles: report.keptFiles,
      removedFiles: length,
      warnings: report.warnings,
    },
  );
  return 0;
};

/** One backup at a time: another one's files would be taken for left over. */
function lock({ name }: FileStore): Promise<Disposable> {
  const refused = `Cannot back up to ${name}: another backup is running there`;
  return refusing(refused, () => DirectoryLock.take(name));
}

/** The backup as a store, of the data in `data`. It is made when it is not there. */
function newBackup(destination: string, data: string): FileStore {
  // Told before it is made: the broker would find a folder in its directory that it does not know.
  const from = realPathOf(data), to = realPathOf(destination);
  if (to === from || to.startsWith(`${from}/`)) {
    throw new StoreError(
      `Cannot back up to ${to}: it lies in the broker's directory ${from}`,
      "permission",
    );
  }
  return new FileStore(destination);
}

/** Also of what does not exist yet. */
function realPathOf(path: string): string {
  const full = resolve(path);
  try {
    return Deno.realPathSync(full);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound) || dirname(full) === full) throw error;
    return join(realPathOf(dirname(full)), basename(full));
  }
}
