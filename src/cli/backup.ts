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
import { parseAddress } from "../client/cluster.ts";
import { Connection } from "../client/connection.ts";
import { ConnectionError, KafkaError } from "../client/errors.ts";
import { ConfigError } from "../config/load.ts";
import { FileStore } from "../storage/backends/file_store.ts";
import { DirectoryLock, DirectoryLockedError } from "../storage/directory/lock.ts";
import { StoreError } from "../storage/store.ts";
import {
  actionOf,
  BOOTSTRAP_FLAGS,
  bootstrapOf,
  clientErrorLine,
  clientSecurityOf,
  commandArguments,
  configOf,
  misused,
} from "./arguments.ts";

export async function runBackup(args: readonly string[]): Promise<number> {
  const asked = parsed(args);
  try {
    switch (asked.action) {
      case "create":
        return await create(asked);
      case "verify":
        return verify(asked.destination);
      default:
        return await restore(asked);
    }
  } catch (error) {
    const isPlain = error instanceof StoreError || error instanceof ConnectionError ||
      error instanceof KafkaError;
    if (!isPlain) throw error;
    console.error(`runnel: ${clientErrorLine(error)}`);
    return 1;
  }
}

interface Asked {
  readonly action: "create" | "verify" | "restore";
  readonly destination: string;
  readonly own: ReadonlyMap<string, string>;
  readonly rest: readonly string[];
  readonly allowDamage: boolean;
}

/** The flags that each action takes. */
const FLAGS = {
  create: ["--allow-damage", ...Object.keys(BOOTSTRAP_FLAGS)],
  verify: [],
  restore: ["--allow-damage", "--to"],
} as const satisfies Record<Asked["action"], readonly string[]>;

function parsed(args: readonly string[]): Asked {
  const { words, own, rest } = commandArguments("backup", args, {
    ...BOOTSTRAP_FLAGS,
    "--allow-damage": null,
    "--to": "the directory to make",
  });
  const [given, destination, ...more] = words;
  const action = actionOf("backup", given, ["create", "verify", "restore"]);
  if (destination === undefined) {
    throw misused("backup", `${action} needs DEST, the backup's directory`);
  }
  const taken: readonly string[] = FLAGS[action];
  const surplus = more[0] ?? [...own.keys()].find((flag) => !taken.includes(flag)) ??
    (action === "create" ? undefined : rest[0]);
  if (surplus !== undefined) throw misused("backup", `${action} does not take ${surplus}`);
  const allow = own.get("--allow-damage") ?? "false";
  if (allow !== "true" && allow !== "false") {
    throw misused("backup", "--allow-damage takes no value");
  }
  if (action === "restore" && (own.get("--to") ?? "") === "") {
    throw misused("backup", "restore needs --to DIR, the directory to make");
  }
  return { action, destination, own, rest, allowDamage: allow === "true" };
}

async function create({ destination, own, rest, allowDamage }: Asked): Promise<number> {
  const config = await configOf(rest);
  const { path } = config.storage;
  if (path === "memory://") throw new ConfigError("There is nothing to back up of memory://");
  // One broker, whose directory is read beside it.
  const { host, port } = parseAddress(bootstrapOf(own, config).split(",")[0]);
  const security = clientSecurityOf(own, config);
  const connection = await Connection.open({ host, port, clientId: "runnel-backup", ...security });
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

async function restore({ destination, own, allowDamage }: Asked): Promise<number> {
  const to = own.get("--to")!;
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

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
