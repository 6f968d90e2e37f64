/**
 * `runnel storage verify` and `runnel storage repair`: looks at the directory of a broker that is stopped, and cuts a
 * damaged partition where it stops being valid, for whoever says so. Nothing is cut without --cut; what is lost is told
 * before and after.
 */
import { ConfigError } from "../config/load.ts";
import { actionOf, commandArguments, configOf, misused } from "./arguments.ts";
import { FileStore } from "../storage/backends/file_store.ts";
import { DirectoryLock } from "../storage/directory/lock.ts";
import { META_PROPERTIES } from "../storage/directory/meta_properties.ts";
import { holdsBrokersFiles } from "../storage/directory/first_start.ts";
import { beginAt, cutAt, cutExcess, raiseStart } from "../storage/recovery/repair.ts";
import {
  type Damage,
  type Finding,
  type PartitionReport,
  verifyPartitions,
} from "../storage/recovery/verify.ts";
import { METADATA_FOLDER, verifyRootFiles } from "../storage/recovery/root_files.ts";
import { TransactionSurvey } from "../storage/recovery/transaction_survey.ts";
import type { Store } from "../storage/store.ts";
import { type Known, knownOf, NOTHING_KNOWN } from "./known_directory.ts";
import { repairMetadata } from "./repair_metadata.ts";

interface Asked {
  readonly command: "verify" | "repair";
  readonly partition: string | null;
  readonly isCut: boolean;
  /** For the configuration. */
  readonly rest: readonly string[];
}

/** 0: all is well, or cut as told. 1: something is damaged, or the directory cannot be looked at. */
export async function runStorage(
  args: readonly string[],
  print: (line: string) => void = console.log,
): Promise<number> {
  const asked = parsed(args);
  const config = await configOf(asked.rest);
  const { path } = config.storage;
  if (!isDirectory(path)) {
    throw new ConfigError(`Cannot look at ${path}: it is not a directory; set --storage-path`);
  }
  const store = new FileStore(path);
  try {
    if (store.readAll(META_PROPERTIES) === null && !holdsBrokersFiles(store)) {
      throw new ConfigError(
        `Cannot look at ${path}: it is no data directory, which has a ${META_PROPERTIES}; set --storage-path`,
      );
    }
    using _lock = await DirectoryLock.take(store.name, { isReadOnly: !asked.isCut });
    const known = await knownOf(store, config);
    return asked.command === "verify"
      ? await verify(store, print, known)
      : await repair(store, asked, print, known);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof ConfigError) throw error;
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
  known: Known = NOTHING_KNOWN,
): Promise<number> {
  const { catalogued, lastBrokerEpoch } = known;
  const findings: Finding[] = [...verifyRootFiles(store, lastBrokerEpoch), ...known.findings];
  let partitions = 0, segments = 0, batches = 0, records = 0, bytes = 0;
  const survey = new TransactionSurvey();
  for await (const report of verifyPartitions(store, catalogued, lastBrokerEpoch, survey)) {
    partitions++;
    segments += report.segments;
    batches += report.batches;
    records += report.records;
    bytes += report.bytes;
    // Where the broker does not start nothing is cut.
    const isRefused = known.findings.length > 0 && report.folder === METADATA_FOLDER;
    findings.push(...report.findings.filter(({ kind }) => !isRefused || kind !== "torn"));
  }
  findings.push(...survey.findings());
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
  unproved: "not proved    ",
  hanging: "hanging       ",
  foreign: "left alone    ",
  doomed: "removed       ",
} as const;

/** Cuts one partition, when told so; else says what a cut would lose. */
export async function repair(
  store: Store,
  { partition, isCut }: Pick<Asked, "partition" | "isCut">,
  print: (line: string) => void,
  known: Known = NOTHING_KNOWN,
): Promise<number> {
  const { catalogued, lastBrokerEpoch } = known;
  let report: PartitionReport | undefined;
  const survey = new TransactionSurvey();
  for await (const one of verifyPartitions(store, catalogued, lastBrokerEpoch, survey)) {
    if (one.folder === partition) report = one;
  }
  if (partition === METADATA_FOLDER) {
    return await repairMetadata(store, { isCut, known }, print);
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
  if (damage.isOthers) {
    print(
      `${damage.problem}. No cut mends that: give the folder its name back, or restore a backup.`,
    );
    return 1;
  }
  if (damage.shouldBegin !== null) {
    const lost =
      `Records of ${partition} from offset ${damage.shouldBegin} up to ${damage.offset} ` +
      `are not there any more. The log`;
    if (isCut) await raiseStart(store, report.folder, damage.offset, report.topicId);
    print(
      `${lost} ${isCut ? "begins" : "would begin"} at offset ${damage.offset}${
        isCut ? " now" : ""
      }.`,
    );
    if (!isCut) print("Nothing has been changed. Add --cut to do it, unless a backup has them.");
    return isCut ? 0 : 1;
  }
  if (damage.isExcess) return await withoutExcess(store, { report, damage, isCut }, print);
  if (damage.isAllGone) return await beginAgain(store, { report, damage, isCut }, print);
  const hanging = [...survey.findings(report.folder)].filter(({ file }) => file === report.folder);
  if (!isCut) {
    print(
      `${partition} would end at offset ${damage.offset}. ${loss(report, damage)} would be lost.`,
    );
    if (damage.reached !== null) {
      print(
        `The offsets from ${damage.offset} on would be given again: the log had reached ${damage.reached}.`,
      );
    }
    for (const { problem } of hanging) print(`Then ${problem}.`);
    print("Nothing has been changed. Add --cut to do it.");
    return 1;
  }
  await cutAt(store, report.folder, damage, report.examined, report.plan);
  print(`${partition} ends at offset ${damage.offset} now. ${loss(report, damage)} are lost.`);
  for (const { problem } of hanging) print(`${MEANING.hanging} ${partition}: ${problem}`);
  return 0;
}

/** Of a log one of whose segments has more than was written down of it: that alone is cut. */
async function withoutExcess(
  store: Store,
  { report, damage, isCut }: { report: PartitionReport; damage: Damage; isCut: boolean },
  print: (line: string) => void,
): Promise<number> {
  if (isCut) await cutExcess(store, report.folder, damage, report.plan);
  const what = `What lies behind position ${damage.position} of that file`;
  print(`${damage.problem}. ${what} ${isCut ? "is cut now" : "would be cut"}, and nothing else.`);
  if (!isCut) print("Nothing has been changed. Add --cut to do it.");
  return isCut ? 0 : 1;
}

/** Of a log that has no segment left: no offset is given twice, at least. */
async function beginAgain(
  store: Store,
  { report, damage, isCut }: { report: PartitionReport; damage: Damage; isCut: boolean },
  print: (line: string) => void,
): Promise<number> {
  const { folder, topicId } = report, offset = damage.reached!;
  const what = `Nothing of ${folder} is left; it held records up to offset ${offset}`;
  if (!isCut) {
    print(`${what}. They would be given up, and the log would begin again at offset ${offset}.`);
    print("Nothing has been changed. Add --cut to do it, unless a backup has them.");
    return 1;
  }
  await beginAt(store, folder, { offset, topicId });
  print(`${what}. They are given up, and the log begins again at offset ${offset} now.`);
  return 0;
}

function loss({ folder }: PartitionReport, damage: Damage): string {
  const { offset, bytes, records, lastOffset, reached } = damage;
  if (bytes === 0 && reached !== null) {
    return `The records of ${folder} from offset ${offset} up to ${reached}, none of which is there,`;
  }
  const range = lastOffset === null ? "" : `, the last with offset ${lastOffset}`;
  return `${bytes} bytes of ${folder} from offset ${offset} on, with ${records} readable records${range},${
    reached === null ? "" : ` and what the log held behind them up to offset ${reached},`
  }`;
}

function parsed(args: readonly string[]): Asked {
  const { words, own, rest } = commandArguments("storage", args, {
    "--cut": null,
    "--partition": "a partition's folder, such as orders-0",
  });
  const [given, ...more] = words;
  const command = actionOf("storage", given, ["verify", "repair"]);
  if (more.length > 0) {
    throw misused(
      "storage",
      `unknown argument ${more[0]}; for a directory: --storage-path=${more[0]}`,
    );
  }
  const partition = own.get("--partition") ?? null;
  const cut = own.get("--cut") ?? "false";
  if (cut !== "true" && cut !== "false") throw misused("storage", "--cut takes no value");
  if (command === "repair" && partition === null) {
    throw misused("storage", "repair needs --partition TOPIC-N, the partition's folder");
  }
  if (command === "verify" && own.size > 0) {
    throw misused("storage", `verify does not take ${[...own.keys()][0]}`);
  }
  return { command, partition, isCut: cut === "true", rest };
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
