/**
 * `runnel storage repair`: cuts a damaged partition of a stopped broker where it stops being valid, for whoever says so.
 * Nothing is cut without --cut; what is lost is told before and after.
 */
import { beginAt, cutAt, cutExcess, raiseStart } from "../../storage/recovery/repair.ts";
import { METADATA_FOLDER } from "../../storage/recovery/root_files.ts";
import { TransactionSurvey } from "../../storage/recovery/transaction_survey.ts";
import {
  type Damage,
  type PartitionReport,
  verifyPartitions,
} from "../../storage/recovery/verify.ts";
import type { Store } from "../../storage/store.ts";
import type { Run } from "../command.ts";
import { type Known, NOTHING_KNOWN } from "./known_directory.ts";
import { MEANING } from "./meaning.ts";
import { repairMetadata } from "./repair_metadata.ts";
import { inStoppedDirectory } from "./stopped_directory.ts";

/** 0: it is cut, or nothing is to be. 1: nothing was cut, or it cannot be. */
export const repairStorage: Run = (call) => {
  const partition = call.text("--partition"), isCut = call.has("--cut");
  if (partition === null) {
    throw call.misused("needs --partition TOPIC-N, the partition's folder");
  }
  return inStoppedDirectory(
    call,
    { isReadOnly: !isCut },
    (store, known, print) => repair(store, { partition, isCut }, print, known),
  );
};

/** Cuts one partition, when told so; else says what a cut would lose. */
export async function repair(
  store: Store,
  { partition, isCut }: { readonly partition: string | null; readonly isCut: boolean },
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
