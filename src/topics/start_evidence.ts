/**
 * Start evidence: whether the metadata log that lies in a directory is the whole of what was committed there. The log
 * proves itself but for its end, so its end is held against what else the directory knows: how the last run stopped,
 * the log's own snapshots, and the folders of partitions, which are made after their topic is durable.
 *
 * What is missing would look like topics that were deleted, so a log that is not whole is refused, before a byte is
 * written. Kafka starts, and moves the folders of topics it does not know away as strays.
 */
import { wasStoppedCleanly } from "../storage/directory/clean_shutdown.ts";
import { lastRunEpoch } from "../storage/directory/interrupted_start.ts";
import { readPartitionMetadata } from "../storage/directory/partition_metadata.ts";
import {
  epochAbove,
  isBegun,
  lastJournaledRun,
  readable,
} from "../storage/recovery/held_numbers.ts";
import type { Store } from "../storage/store.ts";
import type { Catalogue } from "./catalogue.ts";
import type { FrozenLog } from "./frozen_log.ts";
import { readMetadataCut } from "./metadata_cut.ts";
import { IncompleteLogError } from "./metadata_log_error.ts";
import { snapshotOffset } from "./metadata_snapshot.ts";

/** Where the metadata log ended when a broker last wrote that down. */
export interface RecordedEnd {
  /** Of the registration of that broker: when the log has a later one, another has used the directory since. */
  readonly brokerEpoch: number;
  /** Whether that was the end at a clean stop; else one that was durable by then. */
  readonly isExact: boolean;
  readonly endOffset: number;
  /** Of all segments together. */
  readonly bytes: number;
}

/** What a directory says of how the last run on it ended. */
export interface LastStop {
  /** Of a clean stop, with the broker epoch of a run: of the last one, or nothing follows from it. Null: there is none. */
  readonly marker: { readonly brokerEpoch: number } | null;
  readonly recordedEnd: RecordedEnd | null;
}

export interface StartEvidence {
  readonly store: Store;
  readonly folder: string;
  readonly nodeId: number;
  readonly log: Pick<FrozenLog, "logEndOffset" | "bytes" | "tail">;
  /** What the log comes to. */
  readonly catalogue: Catalogue;
  readonly lastStop: LastStop;
}

/** Throws IncompleteLogError when the log is not the whole of what was committed. */
export function checkThatItIsWhole(evidence: StartEvidence): void {
  const { store, folder } = evidence;
  const problem = problemOf(evidence, readMetadataCut(store)?.isAccepted === true);
  if (problem === null) return;
  throw new IncompleteLogError(
    `${store.name}/${folder} ${problem}. Nothing has been changed. ` +
      "Look at it with `runnel storage verify`, and restore what is missing from a backup; " +
      `\`runnel storage repair --partition ${folder}\` says whether the broker can do without, and what is lost then`,
  );
}

/** What a start would still refuse the log for when it was cut where it ends, and nothing spoke of more any longer. */
export function problemOnceCut(evidence: Omit<StartEvidence, "lastStop">): string | null {
  const { logEndOffset, bytes } = evidence.log;
  const lastStop = { marker: null, recordedEnd: null };
  return problemOf({ ...evidence, log: { logEndOffset, bytes, tail: null }, lastStop }, true);
}

/** `isAccepted`: somebody has decided to do without the commits that are gone. */
function problemOf(evidence: StartEvidence, isAccepted: boolean): string | null {
  const { store, folder, nodeId, catalogue, log, lastStop: { marker } } = evidence;
  const { logEndOffset: end, tail } = log;
  if (tail?.kind === "damage") return `is damaged: ${tailOf(evidence)}`;
  const snapshot = newestSnapshot(store, folder);
  if (snapshot !== null && snapshot.offset > end) {
    return `ends at offset ${end}, and its snapshot ${snapshot.name} was made of ${snapshot.offset} records`;
  }
  if (catalogue.broker(nodeId) === undefined) {
    const trace = traceOfUse(store, folder); // which no broker leaves that had not registered before
    const what = end === 0
      ? "holds no records"
      : `does not hold a registration of broker ${nodeId}`;
    if (trace !== null) return `${what}, but ${trace} lies beside it`;
  }
  const recorded = recordedEndOf(evidence);
  if (recorded !== null && recorded.endOffset > end) {
    return `ends at offset ${end}, and had reached ${recorded.endOffset}`;
  }
  if (marker !== null && marker.brokerEpoch >= end) {
    return `ends at offset ${end}, and the broker that stopped had registered at ${marker.brokerEpoch}`;
  }
  const lastRun = lastRunEpoch(store, catalogue.broker(nodeId));
  // Believed before it is known to be of the last run, it would hide what a crash left of the end.
  if (wasStoppedCleanly(store, lastRun, marker)) return problemAfterStop(evidence, recorded);
  return isAccepted ? null : problemAfterCrash(evidence);
}

/** What was written down, unless another broker has used the directory since. */
function recordedEndOf({ nodeId, catalogue, lastStop }: StartEvidence): RecordedEnd | null {
  const { recordedEnd } = lastStop, registered = catalogue.broker(nodeId)?.brokerEpoch ?? -1;
  return recordedEnd === null || recordedEnd.brokerEpoch < registered ? null : recordedEnd;
}

function problemAfterStop(evidence: StartEvidence, recorded: RecordedEnd | null): string | null {
  const { logEndOffset: end, bytes, tail } = evidence.log;
  if (recorded?.isExact && recorded.endOffset !== end) {
    return `ends at offset ${end}, and ended at ${recorded.endOffset} when the broker stopped`;
  }
  const isWhole = recorded?.isExact && recorded.bytes === bytes; // then what follows came later, and says nothing
  if (tail !== null && !isWhole) {
    return `does not end with a whole batch, though the broker stopped in order: ${
      tailOf(evidence)
    }`;
  }
  return null;
}

/** What speaks of commits that are gone, though the log ends with a whole batch, or where a write was interrupted. */
function problemAfterCrash(evidence: StartEvidence): string | null {
  const { store, nodeId, catalogue, log: { tail } } = evidence;
  // A crash while a topic was created cannot leave its folder: that is made when the commit is durable.
  const unknown = unknownPartitions(evidence);
  if (tail !== null && unknown.length > 0) {
    return `lost a commit at its end: ${tailOf(evidence)}; ${notKnown(unknown)}`;
  }
  // Where the end is whole, one that nothing was written to says too little: nobody was told anything of it.
  // One in the place of a known partition is not put aside: that is offline, and the others serve.
  const begun = unknown.filter((name) =>
    isUnclaimed(catalogue, name) && readable(() => isBegun(store, name)) !== false
  );
  if (begun.length > 0) return `has lost commits at its end: ${notKnown(begun)}`;
  const run = lastJournaledRun(store), registered = catalogue.broker(nodeId)?.brokerEpoch ?? -1;
  if (run !== null && run > registered) {
    return `has lost commits at its end: the runnel-journal beside it is of the broker that registered at offset ${run}, and the last registration in it is at ${registered}`;
  }
  const led = partitionLedLater(evidence);
  return led && `has lost commits at its end: ${led}`;
}

/** A partition that was written in a later leader epoch than the log knows of; null when there is none. */
function partitionLedLater({ store, catalogue }: StartEvidence): string | null {
  for (const { id, name, partitions } of catalogue.topics()) {
    for (const { index, leaderEpoch } of partitions) {
      const folder = `${name}-${index}`, epoch = epochAbove(store, folder, leaderEpoch);
      if (epoch < 0 || readPartitionMetadata(store, folder) !== id) continue;
      return `${folder} was written in leader epoch ${epoch}, and it knows of ${leaderEpoch}`;
    }
  }
  return null;
}

function notKnown(folders: readonly string[]): string {
  const { length } = folders, some = folders.slice(0, MAX_NAMED).join(", ");
  const more = length > MAX_NAMED ? ` and ${length - MAX_NAMED} more` : "";
  return length === 1
    ? `${some} is of a topic or partition that it does not know`
    : `${some}${more} are of topics or partitions that it does not know`;
}

const MAX_NAMED = 10;

function tailOf({ log: { tail, logEndOffset } }: StartEvidence): string {
  const { file, position, bytes, problem } = tail!;
  return `the batch at offset ${logEndOffset}, position ${position} of ${file}, ${problem}; ${bytes} bytes lie there`;
}

function newestSnapshot(store: Store, folder: string): { name: string; offset: number } | null {
  let newest: { name: string; offset: number } | null = null;
  for (const { name } of store.list(folder)) {
    const offset = snapshotOffset(name);
    if (offset !== null && offset > (newest?.offset ?? 0)) newest = { name, offset };
  }
  return newest;
}

/** Something that only a broker leaves that had written metadata: its name. */
function traceOfUse(store: Store, metadataFolder: string): string | null {
  for (const { name, isFolder } of store.list("")) {
    if (!isFolder && ROOT_TRACES.has(name)) return name;
    if (isFolder && name !== metadataFolder && isPartition(store, name)) return name;
  }
  return null;
}

const ROOT_TRACES: ReadonlySet<string> = new Set([
  "runnel-inventory",
  "recovery-point-offset-checkpoint",
  "replication-offset-checkpoint",
  "log-start-offset-checkpoint",
  "cleaner-offset-checkpoint",
  ".kafka_cleanshutdown",
]);

/** A partition's folder by its content, not by its name alone. */
function isPartition(store: Store, folder: string): boolean {
  if (!/^.+-\d+$/.test(folder)) return false;
  return store.list(folder).some(({ name }) =>
    name === "partition.metadata" || /^\d{20}\.log$/.test(name)
  );
}

/** The folders of partitions that no partition of the log answers for, and that it does not say it removed. */
export function unclaimedPartitions(evidence: Place): string[] {
  return unknownPartitions(evidence).filter((name) => isUnclaimed(evidence.catalogue, name));
}

type Place = Pick<StartEvidence, "store" | "folder" | "catalogue">;

function isUnclaimed(catalogue: Catalogue, folder: string): boolean {
  const dash = folder.lastIndexOf("-"), topic = catalogue.topic(folder.slice(0, dash));
  return topic === undefined || Number(folder.slice(dash + 1)) >= topic.partitions.length;
}

/** The same, with those in the place of a known partition. */
function unknownPartitions({ store, folder: metadataFolder, catalogue }: Place): string[] {
  const found: string[] = [];
  for (const { name, isFolder } of store.list("")) {
    if (!isFolder || name === metadataFolder) continue;
    const of = readable(() =>
      isPartition(store, name) ? { id: readPartitionMetadata(store, name) } : null
    );
    if (of === null) continue;
    const { id } = of, dash = name.lastIndexOf("-");
    const topic = id === null ? catalogue.topic(name.slice(0, dash)) : catalogue.topicById(id);
    if (topic !== undefined && Number(name.slice(dash + 1)) < topic.partitions.length) continue;
    if (id === null || !catalogue.deleted.has(id)) found.push(name);
  }
  return found;
}

/** Whether the folder of a topic that was removed is there, and not marked for that yet. */
export function holdsDeleted(store: Store, catalogue: Catalogue): boolean {
  return !catalogue.deleted.isEmpty && store.list("").some(({ name, isFolder }) => {
    const topicId = isFolder ? readable(() => readPartitionMetadata(store, name)) : null;
    return topicId !== null && catalogue.deleted.has(topicId) && /-\d+$/.test(name);
  });
}
