/**
 * `runnel storage verify` and `runnel storage repair`: looks at the directory of a broker that is stopped, and cuts a
 * damaged partition where it stops being valid, for whoever says so. Nothing is cut without --cut; what is lost is told
 * before and after.
 */
import { ConfigError, denoSurroundings, loadConfig } from "../config/load.ts";
import type { Config } from "../config/options.ts";
import { FileStore } from "../storage/backends/file_store.ts";
import { DirectoryLock } from "../storage/directory/lock.ts";
import { cutAt } from "../storage/recovery/repair.ts";
import {
  type Catalogued,
  type Damage,
  type Finding,
  type PartitionReport,
  verifyPartitions,
} from "../storage/recovery/verify.ts";
import { verifyRootFiles } from "../storage/recovery/root_files.ts";
import type { Store } from "../storage/store.ts";
import { Catalogue } from "../topics/catalogue.ts";
import { FrozenLog } from "../topics/frozen_log.ts";
import { Replay, replayLog } from "../topics/metadata_replay.ts";
import { METADATA_TOPIC } from "../topics/metadata_topic.ts";

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
  const { config } = await loadConfig(denoSurroundings(asked.rest));
  const { path } = config.storage;
  if (!isDirectory(path)) {
    throw new ConfigError(`Cannot look at ${path}: it is not a directory; set --storage-path`);
  }
  const store = new FileStore(path);
  try {
    using _lock = await DirectoryLock.take(store.name);
    const catalogued = cataloguedIn(store, config);
    return asked.command === "verify"
      ? await verify(store, console.log, catalogued)
      : await repair(store, asked, console.log, catalogued);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    console.error(`runnel: ${error.message}`);
    return 1;
  } finally {
    store.close();
  }
}

/** Says what there is and what is wrong with it. */
export async function verify(
  store: Store,
  print: (line: string) => void,
  catalogued?: Catalogued,
): Promise<number> {
  const findings: Finding[] = verifyRootFiles(store);
  let partitions = 0, segments = 0, batches = 0, records = 0, bytes = 0;
  for await (const report of verifyPartitions(store, catalogued)) {
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
  restored: "put back      ",
  stray: "put aside     ",
  hint: "rebuilt       ",
  foreign: "left alone    ",
} as const;

/** Cuts one partition, when told so; else says what a cut would lose. */
export async function repair(
  store: Store,
  { partition, isCut }: Pick<Asked, "partition" | "isCut">,
  print: (line: string) => void,
  catalogued?: Catalogued,
): Promise<number> {
  let report: PartitionReport | undefined;
  for await (const one of verifyPartitions(store, catalogued)) {
    if (one.folder === partition) report = one;
  }
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
  await cutAt(store, report.folder, damage, report.examined);
  print(`${partition} ends at offset ${damage.offset} now. ${loss(report, damage)} are lost.`);
  return 0;
}

function loss({ folder }: PartitionReport, damage: Damage): string {
  const { offset, bytes, records, lastOffset } = damage;
  const range = lastOffset === null ? "" : `, the last with offset ${lastOffset}`;
  return `${bytes} bytes of ${folder} from offset ${offset} on, with ${records} readable records${range},`;
}

/** What the directory's metadata says of its partitions; nothing when it cannot be read, which verify tells as well. */
function cataloguedIn(store: Store, config: Config): Catalogued {
  const found = new Map<string, ReturnType<Catalogued>>();
  try {
    const catalogue = new Catalogue({ nodeId: config.nodeId, topicDefaults: config.topic });
    const folder = `${METADATA_TOPIC}-0`;
    replayLog(new Replay(catalogue), { store, log: new FrozenLog(store, folder), folder });
    for (const topic of catalogue.topics()) {
      const mayHaveGaps = catalogue.topicConfig(topic)["cleanup.policy"].includes("compact");
      for (const { index, leaderEpoch } of topic.partitions) {
        // An unclean start begins an epoch before it looks.
        found.set(`${topic.name}-${index}`, { mayHaveGaps, maxLeaderEpoch: leaderEpoch + 1 });
      }
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    console.error(`runnel: the metadata cannot be read: ${error.message}`);
  }
  return (folder) => found.get(folder);
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
