/** What is wrong with the files of a data directory that belong to no partition, and what in it is nobody's. Reads only. */
import {
  CLEANER_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  LOG_START_CHECKPOINT,
  readCheckpoint,
  RECOVERY_POINT_CHECKPOINT,
} from "../directory/checkpoints.ts";
import { wasStoppedCleanly } from "../directory/clean_shutdown.ts";
import { holdsBrokersFiles } from "../directory/first_start.ts";
import { INVENTORY_FILE, inventoryProblem, readInventory } from "../directory/inventory.ts";
import { LAST_TIME_FILE, readLastTime } from "../directory/last_time.ts";
import { parseSegmentFile } from "../segments/segment_files.ts";
import { readJournal } from "../durability/journal_entries.ts";
import { checksumProblem, parseProperties } from "../directory/meta_properties.ts";
import type { Store } from "../store.ts";
import { snapshotProblem } from "./metadata_snapshots.ts";
import type { Finding } from "./verify.ts";

/** `lastBrokerEpoch` is of the last registration in the metadata log, where that is known. */
export function verifyRootFiles(store: Store, lastBrokerEpoch?: number): Finding[] {
  const findings: Finding[] = [];
  for (
    const file of [
      RECOVERY_POINT_CHECKPOINT,
      HIGH_WATERMARK_CHECKPOINT,
      LOG_START_CHECKPOINT,
      CLEANER_CHECKPOINT,
    ]
  ) {
    readCheckpoint(store, file, (problem) => findings.push({ kind: "hint", file, problem }));
  }
  const ignored = inventoryProblem(readInventory(store), lastBrokerEpoch);
  if (ignored !== null) findings.push({ kind: "hint", file: INVENTORY_FILE, problem: ignored });
  const time = readLastTime(store);
  if (typeof time === "string") {
    findings.push({ kind: "hint", file: LAST_TIME_FILE, problem: time });
  }
  const { damaged, unknown, isRestored } = readJournal(store, lastBrokerEpoch);
  if (unknown !== null && !isRestored && !wasStoppedCleanly(store, lastBrokerEpoch)) {
    const problem =
      `${unknown}; what else was acknowledged is not known, and nothing is cut that ` +
      `whole batches lie behind`;
    findings.push({ kind: "unproved", file: "runnel-journal", problem });
  }
  for (const { name, position } of damaged) {
    const problem = `damaged at position ${position}; entries behind it are used, and the next ` +
      `start renames it aside`;
    findings.push({ kind: "hint", file: name, problem });
  }
  const identity = identityProblem(store);
  if (identity !== null) findings.push({ kind: "damage", file: IDENTITY, problem: identity });
  const bootstrap = store.readAll(BOOTSTRAP), problem = bootstrap && snapshotProblem(bootstrap);
  if (problem !== null) findings.push({ kind: "hint", file: BOOTSTRAP, problem });
  for (const { name, isFolder } of store.list("")) {
    if (!isFolder || !looksLikePartition(name) || !isForeign(store, name)) continue;
    const problem = "has the name of a partition, but nothing of one in it";
    findings.push({ kind: "foreign", file: name, problem });
  }
  return findings;
}

/** "orders-0" */
export function looksLikePartition(name: string): boolean {
  return /^.+-\d+$/.test(name);
}

/** Whether a folder by the name of a partition has nothing of one in it. */
export function isForeign(store: Store, folder: string): boolean {
  return folder !== METADATA_FOLDER &&
    !store.list(folder).some(({ name }) =>
      name === "partition.metadata" || parseSegmentFile(name) !== null
    );
}

/** Without meta.properties nobody knows whose directory it is; one that never held a cluster needs none. */
function identityProblem(store: Store): string | null {
  const bytes = store.readAll(IDENTITY);
  if (bytes === null) {
    return holdsBrokersFiles(store) ? "is missing; it says whose directory this is" : null;
  }
  const sum = checksumProblem(bytes);
  if (sum !== null) return sum;
  const found = parseProperties(new TextDecoder().decode(bytes));
  for (const [key, form] of Object.entries(NEEDED)) {
    const value = found.get(key);
    if (value === undefined && key !== "directory.id") return `has no ${key}`; // older ones lack that
    if (value !== undefined && !form.test(value)) return `has ${key}=${value}`;
  }
  return null;
}

const NEEDED = {
  "version": /^1$/,
  "cluster.id": /^.+$/,
  "node.id": /^\d{1,10}$/,
  "directory.id": /^[\w-]{22}$/,
};
const IDENTITY = "meta.properties";
const BOOTSTRAP = "bootstrap.checkpoint";
export const METADATA_FOLDER = "__cluster_metadata-0";
