/** `runnel storage verify`: what there is in the directory of a stopped broker, and what is wrong with it. */
import { METADATA_FOLDER, verifyRootFiles } from "../../storage/recovery/root_files.ts";
import { TransactionSurvey } from "../../storage/recovery/transaction_survey.ts";
import { type Finding, verifyPartitions } from "../../storage/recovery/verify.ts";
import type { Store } from "../../storage/store.ts";
import type { Run } from "../command.ts";
import { type Known, NOTHING_KNOWN } from "./known_directory.ts";
import { MEANING } from "./meaning.ts";
import { inStoppedDirectory, type Print } from "./stopped_directory.ts";

/** 0: all is well. 1: something is damaged, or the directory cannot be looked at. */
export const verifyStorage: Run = (call) =>
  inStoppedDirectory(
    call,
    { isReadOnly: true },
    (store, known, print) => verify(store, print, known),
  );

/** Says what there is and what is wrong with it. */
export async function verify(
  store: Store,
  print: Print,
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
  for (const { kind, file, problem } of findings) {
    print(`${MEANING[kind]} ${file}: ${problem}`, { kind, file, problem });
  }
  const damaged = findings.filter(({ kind }) => kind === "damage").length;
  print(
    `${partitions} partitions, ${segments} segments, ${batches} batches, ${records} records, ${bytes} bytes: ` +
      (damaged === 0 ? "no damage" : `${damaged} damaged`),
    { partitions, segments, batches, records, bytes, damaged },
  );
  return damaged === 0 ? 0 : 1;
}
