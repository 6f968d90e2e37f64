/**
 * `runnel storage verify` and `runnel storage repair`: looks at the directory of a broker that is stopped, and cuts a
 * damaged partition where it stops being valid, for whoever says so. Nothing is cut without --cut; what is lost is told
 * before and after.
 */
import { ConfigError, denoSurroundings, loadConfig } from "../config/load.ts";
import { FileStore } from "../storage/backends/file_store.ts";
import { DirectoryLock } from "../storage/lock.ts";
import { cutAtDamage } from "../storage/recovery/repair.ts";
import {
  type Damage,
  type Finding,
  type PartitionReport,
  verifyCheckpoints,
  verifyPartitions,
} from "../storage/recovery/verify.ts";
import type { Store } from "../storage/store.ts";

export const STORAGE_USAGE =
  "runnel storage verify [--storage-path DIR] | runnel storage repair --partition TOPIC-N [--cut] [--storage-path DIR]";

interface Asked {
  readonly command: "verify" | "repair";
  readonly partition: string | null;
  readonly isCut: boolean;
  /** For the configuration. */
  readonly rest: readonly string[];
}

/** 0: all is well, or cut as told. 1: something is damaged, or the directory cannot be looked at. */
export async function runStorage(args: readonly string[]): Promise<number> {
  const asked = parsed(args);
  const { path } = (await loadConfig(denoSurroundings(asked.rest))).config.storage;
  if (!isDirectory(path)) {
    throw new ConfigError(`Cannot look at ${path}: it is not a directory; set --storage-path`);
  }
  const store = new FileStore(path);
  try {
    using _lock = await DirectoryLock.take(store.name);
    return asked.command === "verify"
      ? verify(store, console.log)
      : await repair(store, asked, console.log);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    console.error(`runnel: ${error.message}`);
    return 1;
  } finally {
    store.close();
  }
}

/** Says what there is and what is wrong with it. */
export function verify(store: Store, print: (line: string) => void): number {
  const findings: Finding[] = verifyCheckpoints(store);
  let partitions = 0, segments = 0, batches = 0, records = 0, bytes = 0;
  for (const report of verifyPartitions(store)) {
    partitions++;
    segments += report.segments;
    batches += report.batches;
    records += report.records;
    bytes += report.bytes;
    findings.push(...report.findings);
  }
  for (const { kind, file, problem } of findings) print(`${MEANING[kind]} ${file}: ${problem}`);
  const damaged = findings.filter(({ kind }) => kind === "damage").length;
  print(
    `${partitions} partitions, ${segments} segments, ${batches} batches, ${records} records, ${bytes} bytes: ` +
      (damaged === 0 ? "no damage" : `${damaged} damaged`),
  );
  return damaged === 0 ? 0 : 1;
}

const MEANING = {
  damage: "damaged       ",
  torn: "cut at start  ",
  hint: "rebuilt       ",
} as const;

/** Cuts one partition, when told so; else says what a cut would lose. */
export async function repair(
  store: Store,
  { partition, isCut }: Pick<Asked, "partition" | "isCut">,
  print: (line: string) => void,
): Promise<number> {
  const report = [...verifyPartitions(store)].find(({ folder }) => folder === partition);
  if (report === undefined) {
    print(`There is no partition ${partition} in ${store.name}`);
    return 1;
  }
  const { damage } = report;
  if (damage === null) {
    print(`${partition} is not damaged: nothing to repair`);
    return 0;
  }
  if (!isCut) {
    print(
      `${partition} would end at offset ${damage.offset}. ${loss(report, damage)} would be lost.`,
    );
    print("Nothing has been changed. Add --cut to do it.");
    return 1;
  }
  await cutAtDamage(store, report.folder, damage);
  print(`${partition} ends at offset ${damage.offset} now. ${loss(report, damage)} are lost.`);
  return 0;
}

function loss({ folder }: PartitionReport, damage: Damage): string {
  const { offset, bytes, records, lastOffset } = damage;
  const range = lastOffset === null ? "" : `, the last with offset ${lastOffset}`;
  return `${bytes} bytes of ${folder} from offset ${offset} on, with ${records} readable records${range},`;
}

function parsed(args: readonly string[]): Asked {
  const [command, ...flags] = args;
  if (command !== "verify" && command !== "repair") {
    throw new ConfigError(`Usage: ${STORAGE_USAGE}`);
  }
  let partition: string | null = null, isCut = false;
  const rest: string[] = [];
  for (let i = 0; i < flags.length; i++) {
    if (flags[i] === "--cut") isCut = true;
    else if (flags[i] === "--partition") partition = flags[++i] ?? null;
    else if (flags[i].startsWith("--partition=")) partition = flags[i].slice("--partition=".length);
    else rest.push(flags[i]);
  }
  const isRepair = command === "repair";
  if (isRepair !== (partition !== null) || isCut && !isRepair) {
    throw new ConfigError(`Usage: ${STORAGE_USAGE}`);
  }
  return { command, partition, isCut, rest };
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
