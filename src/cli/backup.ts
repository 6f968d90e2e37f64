/**
 * `runnel backup create DEST`, `verify DEST`, `restore DEST --to DIR`.
 *
 * create runs beside a broker that serves, with the broker's own flags or configuration file (where its data is, and its
 * port): it asks for offsets over the Kafka protocol and reads the directory. It needs the right to read that directory and
 * to write DEST; the broker needs no port, file or right for it.
 */
import { basename, dirname, join, resolve } from "node:path";
import { createBackup } from "../backup/create.ts";
import { checkDestination } from "../backup/destination.ts";
import { knownFaults } from "../backup/manifest.ts";
import { restoreBackup, verifyBackup } from "../backup/restore.ts";
import { SourceDirectory } from "../backup/source_directory.ts";
import { Connection } from "../client/connection.ts";
import { ConnectionError, KafkaError } from "../client/errors.ts";
import { ConfigError, denoSurroundings, loadConfig } from "../config/load.ts";
import { FileStore } from "../storage/backends/file_store.ts";
import { DirectoryLock, DirectoryLockedError } from "../storage/directory/lock.ts";
import { StoreError } from "../storage/store.ts";

export const BACKUP_USAGE =
  `runnel backup create DEST [--allow-damage] [--bootstrap HOST:PORT] [the broker's --config, --storage-path, --kafka-port]
runnel backup verify DEST
runnel backup restore DEST --to DIR [--allow-damage]`;

export async function runBackup(args: readonly string[]): Promise<number> {
  const [action, destination, ...rest] = args;
  if (action === undefined) return usage("one of create, verify and restore is needed");
  if (!ACTIONS.has(action)) return usage(`"${action}" is none of create, verify and restore`);
  if (destination === undefined || destination.startsWith("-")) {
    return usage(`${action} needs DEST, the backup's directory, first`);
  }
  try {
    switch (action) {
      case "create":
        return await create(destination, rest);
      case "verify":
        return rest.length === 0 ? verify(destination) : usage(`verify does not take ${rest[0]}`);
      default:
        return await restore(destination, rest);
    }
  } catch (error) {
    const isPlain = error instanceof StoreError || error instanceof ConnectionError ||
      error instanceof KafkaError;
    if (!isPlain) throw error;
    console.error(`runnel: ${error.message}`);
    return 1;
  }
}

async function create(destination: string, args: readonly string[]): Promise<number> {
  const { value: bootstrap, rest: others } = takeFlag(args, "bootstrap");
  const allowDamage = others.includes("--allow-damage");
  const rest = others.filter((arg) => arg !== "--allow-damage");
  const { config } = await loadConfig(denoSurroundings(rest));
  const { path } = config.storage;
  if (path === "memory://") throw new ConfigError("There is nothing to back up of memory://");
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(
    bootstrap ?? `${config.listenAddresses[0]}:${config.kafkaPort}`,
  ) ?? [];
  if (host === undefined) throw new ConfigError(`--bootstrap is ${bootstrap}, needs host:port`);
  const connection = await Connection.open({ host, port: Number(port), clientId: "runnel-backup" });
  using open = new DisposableStack();
  open.defer(() => connection.close());
  const store = openBackup(destination, path);
  open.defer(() => store.close());
  checkDestination(store); // before a lock is put into somebody else's directory
  open.use(await lock(store));
  const source = new SourceDirectory(path);
  const report = await createBackup(connection, source, store, { allowDamage });
  for (const warning of report.warnings) console.error(`runnel: ${warning}`);
  const { length } = report.removedFiles;
  if (length > 0) {
    console.log(`Removed ${counted(length, "file")} that an interrupted backup had left`);
  }
  const { partitions, takenAt } = report.manifest;
  console.log(
    `Backed up ${counted(partitions.length, "partition")} as of ${takenAt}: ${
      counted(report.copiedFiles, "file")
    } with ${report.copiedBytes} bytes copied, ${report.keptFiles} were there`,
  );
  return 0;
}

function verify(destination: string): number {
  const problems = verifyBackup(openBackup(destination, null));
  for (const problem of problems) console.error(`runnel: ${problem}`);
  console.log(problems.length === 0 ? "The backup is whole" : counted(problems.length, "fault"));
  return problems.length === 0 ? 0 : 1;
}

async function restore(destination: string, args: readonly string[]): Promise<number> {
  const { value: to, rest: others } = takeFlag(args, "to");
  const rest = others.filter((arg) => arg !== "--allow-damage");
  const allowDamage = rest.length < others.length;
  if (rest.length > 0) return usage(`restore does not take ${rest[0]}`);
  if (to === null || to === "") return usage("restore needs --to DIR, the directory to make");
  const backup = openBackup(destination, null);
  const options = { allowDamage, lock: lockRestore };
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
  console.log(`Restored ${counted(partitions.length, "partition")} as of ${takenAt} to ${to}`);
  return 0;
}

/** One backup at a time: another one's files would be taken for left over. */
function lock({ name }: FileStore): Promise<Disposable> {
  const refused = `Cannot back up to ${name}: another backup is running there`;
  return refusing(refused, () => DirectoryLock.take(name));
}

/** One restore to a place at a time, for the same reason. Nothing is put into the directory for that. */
function lockRestore(path: string): Promise<Disposable> {
  const refused = `Cannot restore by way of ${path}: another restore is running there`;
  return refusing(refused, () => DirectoryLock.take(path, { isReadOnly: true }));
}

async function refusing(message: string, take: () => Promise<Disposable>): Promise<Disposable> {
  try {
    return await take();
  } catch (error) {
    if (!(error instanceof DirectoryLockedError)) throw error;
    throw new StoreError(message, "io");
  }
}

/** The backup as a store. It is made when one is to be written, of the data in `data`. */
function openBackup(destination: string, data: string | null): FileStore {
  if (data === null) {
    try {
      Deno.statSync(destination);
    } catch (error) {
      throw new StoreError(`Cannot open backup ${destination}: ${(error as Error).message}`, "io");
    }
    return new FileStore(destination);
  }
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

/** "--name value" or "--name=value", and the arguments without it. */
function takeFlag(
  args: readonly string[],
  name: string,
): { value: string | null; rest: readonly string[] } {
  const at = args.findIndex((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`));
  if (at < 0) return { value: null, rest: args };
  const isJoined = args[at] !== `--${name}`;
  const value = isJoined ? args[at].slice(name.length + 3) : args[at + 1] ?? null;
  return { value, rest: args.toSpliced(at, isJoined ? 1 : 2) };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function usage(wrong: string): number {
  console.error(`runnel: ${wrong}\n${BACKUP_USAGE}`);
  return 1;
}

const ACTIONS = new Set(["create", "verify", "restore"]);
