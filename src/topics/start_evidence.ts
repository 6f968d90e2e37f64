/**
 * Start evidence: whether the metadata log that lies in a directory is the whole of what was committed there. The log
 * proves itself but for its end, so its end is held against what else the directory knows: how the last run stopped,
 * the log's own snapshots, and the folders of partitions, which are made after their topic is durable.
 *
 * What is missing would look like topics that were deleted, so a log that is not whole is refused, before a byte is
 * written. Kafka starts, and moves the folders of topics it does not know away as strays.
 */
import { readPartitionMetadata } from "../storage/directory/partition_metadata.ts";
import type { Store } from "../storage/store.ts";
import type { Catalogue } from "./catalogue.ts";
import type { FrozenLog } from "./frozen_log.ts";
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

/** How the last run on the directory ended. */
export interface LastStop {
  /** With the broker epoch of that run; null after a crash, when the end may be torn. */
  readonly clean: { readonly brokerEpoch: number } | null;
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
  const problem = problemOf(evidence);
  if (problem === null) return;
  const { store, folder } = evidence;
  throw new IncompleteLogError(
    `${store.name}/${folder} ${problem}. Nothing has been changed. ` +
      "Look at it with `runnel storage verify`, and restore what is missing from a backup",
  );
}

/** What a start would still refuse the log for when it was cut where it ends, and nothing spoke of more any longer. */
export function problemOnceCut(evidence: Omit<StartEvidence, "lastStop">): string | null {
  const { logEndOffset, bytes } = evidence.log;
  const lastStop = { clean: null, recordedEnd: null };
  return problemOf({ ...evidence, log: { logEndOffset, bytes, tail: null }, lastStop });
}

function problemOf(evidence: StartEvidence): string | null {
  const { store, folder, nodeId, catalogue, log, lastStop: { clean } } = evidence;
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
  return clean === null
    ? problemAfterCrash(evidence)
    : problemAfterStop(evidence, clean.brokerEpoch, recorded);
}

/** What was written down, unless another broker has used the directory since. */
function recordedEndOf({ nodeId, catalogue, lastStop }: StartEvidence): RecordedEnd | null {
  const { recordedEnd } = lastStop, registered = catalogue.broker(nodeId)?.brokerEpoch ?? -1;
  return recordedEnd === null || recordedEnd.brokerEpoch < registered ? null : recordedEnd;
}

function problemAfterStop(
  evidence: StartEvidence,
  brokerEpoch: number,
  recorded: RecordedEnd | null,
): string | null {
  const { logEndOffset: end, bytes, tail } = evidence.log;
  if (recorded?.isExact && recorded.endOffset !== end) {
    return `ends at offset ${end}, and ended at ${recorded.endOffset} when the broker stopped`;
  }
  if (brokerEpoch >= end) {
    return `ends at offset ${end}, and the broker that stopped had registered at ${brokerEpoch}`;
  }
  const isWhole = recorded?.isExact && recorded.bytes === bytes; // then what follows came later, and says nothing
  if (tail !== null && !isWhole) {
    return `does not end with a whole batch, though the broker stopped in order: ${
      tailOf(evidence)
    }`;
  }
  return null;
}

function problemAfterCrash(evidence: StartEvidence): string | null {
  if (evidence.log.tail === null) return null;
  const folder = unknownPartition(evidence);
  // A crash while a topic was created cannot leave its folder: that is made when the commit is durable.
  return folder &&
    `lost a commit at its end: ${tailOf(evidence)}; ${folder} is of a topic that it does not know`;
}

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

/** The folder of a partition whose topic the log neither knows nor says it removed; null when there is none. */
function unknownPartition({ store, folder, catalogue }: StartEvidence): string | null {
  for (const { name, isFolder } of store.list("")) {
    if (!isFolder || name === folder || !isPartition(store, name)) continue;
    const id = readPartitionMetadata(store, name);
    if (id === null) {
      if (catalogue.topic(name.slice(0, name.lastIndexOf("-"))) === undefined) return name;
    } else if (catalogue.topicById(id) === undefined && !catalogue.wasDeleted(id)) return name;
  }
  return null;
}
