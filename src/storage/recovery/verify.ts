/**
 * Verify: looks at every partition of a directory that no broker uses, and says what the next start would do with it, by
 * asking the very functions that decide it (examine.ts). Reads only.
 *
 * | kind | means |
 * |---|---|
 * | damage | the broker keeps the bytes and takes the partition offline; `runnel storage repair` decides |
 * | torn | the end of a write that a crash interrupted: cut at the next start, nothing acknowledged is in it |
 * | restored | bytes that the segment has not, and the journal has: put back at the next start |
 * | stray | an empty segment that does not continue the log: renamed aside at the next start |
 * | hint | an index, snapshot or checkpoint that the log replaces by itself |
 * | unproved | the journal does not say exactly what was acknowledged |
 * | foreign | nothing of a log's: left alone |
 * | doomed | a folder of a topic that was deleted: removed at the next start |
 */
import {
  CLEANER_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  readCheckpoint,
  RECOVERY_POINT_CHECKPOINT,
} from "../directory/checkpoints.ts";
import { isMarkedClean } from "../directory/clean_shutdown.ts";
import { type JournalEntry, NOTHING_LEFT, readJournal } from "../durability/journal_entries.ts";
import {
  folderOf,
  type Inventory,
  type LogInventory,
  readUsableInventory,
} from "../directory/inventory.ts";
import { LeaderEpochs } from "../directory/leader_epochs.ts";
import { readPartitionMetadata } from "../directory/partition_metadata.ts";
import type { Uuid } from "../../bytes/uuid.ts";
import { segmentName } from "../segments/segment.ts";
import { segmentBasesOf } from "../segments/segment_files.ts";
import type { Store } from "../store.ts";
import { type Examined, examineLog, type Fault } from "./examine.ts";
import { hints } from "./hints.ts";
import { isForeign, looksLikePartition, METADATA_FOLDER } from "./root_files.ts";
import { metadataSnapshotProblems } from "./metadata_snapshots.ts";
import { type Remains, remainsBehind } from "./remains.ts";

export interface Finding {
  readonly kind:
    | "damage"
    | "torn"
    | "restored"
    | "stray"
    | "hint"
    | "unproved"
    | "foreign"
    | "doomed";
  /** "orders-0/00000000000000000000.log" */
  readonly file: string;
  readonly problem: string;
}

/** Where a log stops being valid, and what lies there and behind. */
export type Damage = Fault & Remains & {
  /** The offset that the log had reached, by what was written down of it, when what lies there does not reach it. */
  readonly reached: number | null;
  /** Whether no segment is left, so that the log can begin again where it had come to. */
  readonly isAllGone: boolean;
  /** Where the log should begin, when its first segments are gone and the rest is whole. */
  readonly shouldBegin: number | null;
  /** Whether the folder is another topic's, so that none of it is this log's to cut. */
  readonly isOthers: boolean;
};

export interface PartitionReport {
  readonly folder: string;
  readonly topicId: Uuid | null;
  readonly segments: number;
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
  readonly nextOffset: number;
  readonly damage: Damage | null;
  readonly findings: readonly Finding[];
  readonly examined: Examined;
}

/** What a start knows of a partition besides its folder. */
export interface Knowledge {
  /** Everything below was synced; 0 when nothing says so. */
  readonly recoveryPoint: number;
  readonly isRecoveryPointKnown?: boolean;
  readonly journal: readonly JournalEntry[];
  /** Whether the last stop was unclean. */
  readonly mayBeTorn: boolean;
  readonly mayHaveGaps: boolean;
  /** No segment that ends above was ever compacted; Infinity where nothing is known. */
  readonly compactedTo: number;
  readonly maxLeaderEpoch: number;
  /** Whether the last run journaled whatever it acknowledged. */
  readonly wasJournaled?: boolean;
  /** Without a segment it is damaged when this is above 0: it held records up to there. */
  readonly heldTo: number;
  readonly topicId: Uuid | null;
  readonly isThere: boolean;
  /** Of the inventory: nothing above it may be gone from the log's beginning. */
  readonly logStartOffset: number | null;
  /** Of another topic, by its partition.metadata; that id. */
  readonly othersId: Uuid | null;
  /** Whether the last run's journal is not whole, so that nothing speaks for what it may have had. */
  readonly isJournalUnknown?: boolean;
}

/**
 * What the metadata says of a partition, by its folder; undefined where it says nothing. "stray": it is of no topic;
 * "deleted": of one that was deleted.
 */
export type Catalogued = (folder: string) => Wanted | "stray" | "deleted" | undefined;

export type Wanted = Pick<Knowledge, "mayHaveGaps" | "maxLeaderEpoch"> & {
  readonly topicId?: Uuid;
  /** The id that the folder bears, when it is another topic's. */
  readonly othersId?: Uuid | null;
};

/** Every partition, in the order of the names. `lastBrokerEpoch` is of the last registration in the metadata log. */
export async function* verifyPartitions(
  store: Store,
  catalogued: Catalogued = () => undefined,
  lastBrokerEpoch?: number,
): AsyncGenerator<PartitionReport> {
  const recoveryPoints = offsetsIn(store, RECOVERY_POINT_CHECKPOINT);
  const highWatermarks = offsetsIn(store, HIGH_WATERMARK_CHECKPOINT);
  const compacted = offsetsIn(store, CLEANER_CHECKPOINT);
  const inventory = readUsableInventory(store, lastBrokerEpoch);
  const mayBeTorn = !isMarkedClean(store);
  const { entries: journal, unknown } = mayBeTorn
    ? readJournal(store, inventory?.brokerEpoch)
    : NOTHING_LEFT;
  const there = partitionFolders(store);
  for (
    const name of [
      ...new Set([...there, ...wanted(inventory, recoveryPoints, journal, catalogued)]),
    ].sort()
  ) {
    const known = catalogued(name);
    if (known === "stray" || known === "deleted") {
      yield unwanted(name, known);
      continue;
    }
    const topicId = known?.topicId ?? readPartitionMetadata(store, name);
    const row = inventory?.logs.find((log) => log.topicId === topicId && folderOf(log) === name);
    const entries = journal.filter((entry) => entry.folder === name && entry.topicId === topicId);
    const isMetadata = name === METADATA_FOLDER, text = recoveryPoints.get(name);
    const recoveryPoint = isMetadata
      ? inventory?.metadata.endOffset
      : row === undefined
      ? text
      : row.isExact && !mayBeTorn
      ? row.endOffset
      : row.recoveryPoint;
    const endOffset = row?.endOffset ?? (text === undefined ? 0 : highWatermarks.get(name) ?? 0);
    const isThere = there.has(name);
    const held = isThere || entries.length > 0 ? 0 : endOffset;
    yield await verifyPartition(store, name, {
      recoveryPoint: recoveryPoint ?? 0,
      isRecoveryPointKnown: recoveryPoint !== undefined,
      journal: entries,
      mayBeTorn: mayBeTorn || isMetadata, // a start never takes its end on trust
      wasJournaled: mayBeTorn && unknown === null && inventory !== null,
      isJournalUnknown: unknown !== null,
      compactedTo: row === undefined
        ? text ?? Infinity
        : Math.max(row.compactedTo ?? 0, row.compactingTo ?? 0),
      mayHaveGaps: compacted.has(name) || known?.mayHaveGaps === true,
      maxLeaderEpoch: known?.maxLeaderEpoch ?? 2 ** 31 - 1,
      heldTo: entries.length > 0 ? 0 : Math.max(recoveryPoint ?? 0, held),
      topicId,
      isThere,
      logStartOffset: row === undefined || row.segments.length === 0 ? null : row.logStartOffset,
      othersId: row === undefined || !holds(store, row) ? known?.othersId ?? null : null,
    });
  }
}

/** Whether a folder has all segments of its row, which then says more than the id in it. */
function holds(store: Store, row: LogInventory): boolean {
  const folder = folderOf(row), there = new Set(store.list(folder).map(({ name }) => name));
  return row.isExact && row.segments.every(({ baseOffset, bytes }) => {
    const name = `${segmentName(baseOffset)}.log`;
    if (!there.has(name)) return bytes === 0;
    const blob = store.open(`${folder}/${name}`), { size } = blob;
    blob.close();
    return size === bytes;
  });
}

/** The folders of partitions that are there. */
function partitionFolders(store: Store): Set<string> {
  const folders = store.list("").filter(({ name, isFolder }) =>
    isFolder && looksLikePartition(name) && !isForeign(store, name)
  );
  return new Set(folders.map(({ name }) => name));
}

/** Those that should be there: the metadata has them, and something is remembered of them. */
function wanted(
  inventory: Inventory | null,
  recoveryPoints: ReadonlyMap<string, number>,
  journal: readonly JournalEntry[],
  catalogued: Catalogued,
): string[] {
  const isWanted = (name: string, topicId?: Uuid) => {
    const known = catalogued(name);
    return typeof known === "object" && (topicId === undefined || known.topicId === topicId);
  };
  const journaled = journal.filter(({ folder, topicId }) => isWanted(folder, topicId))
    .map(({ folder }) => folder);
  if (inventory === null) {
    const synced = [...recoveryPoints].filter(([name, offset]) => offset > 0 && isWanted(name));
    return [...journaled, ...synced.map(([name]) => name)];
  }
  const rows = inventory.logs.filter((log) =>
    Math.max(log.recoveryPoint, log.endOffset) > 0 && isWanted(folderOf(log), log.topicId)
  );
  return [...journaled, ...rows.map(folderOf)];
}

/** A folder that a start does not open: nothing else of it matters. */
function unwanted(folder: string, why: "stray" | "deleted"): PartitionReport {
  const finding: Finding = why === "stray"
    ? {
      kind: "stray",
      file: folder,
      problem: "is of no topic in the metadata: renamed to …-stray at the next start, and kept",
    }
    : { kind: "doomed", file: folder, problem: "is of a topic that was deleted" };
  const nothing = { segments: 0, batches: 0, records: 0, bytes: 0, nextOffset: 0 };
  return {
    folder,
    topicId: null,
    ...nothing,
    damage: null,
    findings: [finding],
    examined: NOTHING_EXAMINED,
  };
}

const NOTHING_EXAMINED: Examined = {
  logEndOffset: 0,
  segments: [],
  torn: null,
  damage: null,
  strays: [],
  epochRepairs: [],
  epochs: [],
};

/** One partition, from its first segment on. */
async function verifyPartition(
  store: Store,
  folder: string,
  known: Knowledge,
): Promise<PartitionReport> {
  const bases = segmentBasesOf(store.list(folder).map(({ name }) => name));
  const offset = bases[0] ?? 0;
  const examined = await examineLog({ store, folder }, bases, {
    ...known,
    logStartOffset: offset,
    indexIntervalBytes: Infinity,
    knownEpochs: LeaderEpochs.load(store, folder).entries,
    start: { index: 0, position: 0, offset },
  });
  const tally = { segments: bases.length, batches: 0, records: 0, bytes: 0 };
  for (const { batches, records, position } of examined.segments) {
    tally.batches += batches;
    tally.records += records;
    tally.bytes += position;
  }
  const wrong = wrongAsAWhole(folder, bases, known) ?? inBytes(examined.damage) ??
    wrongBeginning(folder, bases, known);
  const damage = wrong === null ? null : await damageOf(store, folder, bases, { wrong, known });
  const findings = [
    ...findingsOf(folder, examined, damage),
    ...metadataSnapshotProblems(store, folder, offset),
    ...known.isThere && wrong?.kind !== "gone" ? hints(store, folder) : [],
  ];
  const { logEndOffset: nextOffset } = examined;
  const { topicId } = known;
  return { folder, topicId, ...tally, nextOffset, damage, findings, examined };
}

/** A fault, and whether it is of the folder, of all that was in it, of its beginning, or of the bytes at a place. */
interface Wrong {
  readonly kind: "others" | "gone" | "beginning" | "bytes";
  readonly fault: Fault;
}

function wrongAsAWhole(
  folder: string,
  bases: readonly number[],
  { othersId, topicId, heldTo, isThere }: Knowledge,
): Wrong | null {
  const nowhere = { segmentBase: 0, position: 0, offset: 0 };
  if (othersId !== null) {
    const problem = `${folder}: is of topic id ${othersId}, and should be of ${topicId}`;
    return { kind: "others", fault: { ...nowhere, problem } };
  }
  if (bases.length > 0 || heldTo === 0) return null;
  const what = isThere ? "has no segment" : "is missing";
  const problem = `${folder}: ${what}, and held records up to offset ${heldTo}`;
  return { kind: "gone", fault: { ...nowhere, problem } };
}

function inBytes(fault: Fault | null): Wrong | null {
  return fault && { kind: "bytes", fault };
}

function wrongBeginning(
  folder: string,
  [base]: readonly number[],
  { logStartOffset }: Knowledge,
): Wrong | null {
  if (base === undefined || logStartOffset === null || base <= logStartOffset) return null;
  const problem = `${folder}: the log begins at offset ${base}, and its start is ${logStartOffset}`;
  return { kind: "beginning", fault: { segmentBase: base, position: 0, offset: base, problem } };
}

async function damageOf(
  store: Store,
  folder: string,
  bases: readonly number[],
  { wrong: { kind, fault }, known }: { wrong: Wrong; known: Knowledge },
): Promise<Damage> {
  const remains = await remainsBehind(store, folder, bases, fault);
  const end = Math.max(fault.offset, (remains.lastOffset ?? -1) + 1);
  const reached = Math.max(known.recoveryPoint, known.heldTo);
  return {
    ...fault,
    ...remains,
    reached: reached > end ? reached : null,
    isAllGone: kind === "gone",
    shouldBegin: kind === "beginning" ? known.logStartOffset : null,
    isOthers: kind === "others",
  };
}

function* findingsOf(
  folder: string,
  examined: Examined,
  damage: Damage | null,
): Generator<Finding> {
  const fileOf = (base: number) => `${folder}/${segmentName(base)}.log`;
  if (damage !== null && (damage.isAllGone || damage.isOthers || damage.shouldBegin !== null)) {
    yield { kind: "damage", file: folder, problem: damage.problem.replace(/^[^:]+: /, "") };
    return;
  }
  if (damage !== null) {
    const problem = `${damage.problem.replace(/^[^:]+: /, "")}; ${
      damage.bytes === 0
        ? "nothing lies"
        : `${damage.bytes} bytes with ${damage.records} readable records lie`
    } there and behind`;
    yield { kind: "damage", file: fileOf(damage.segmentBase), problem };
    return;
  }
  for (const { base, patches, isLost } of examined.segments) {
    if (patches.length === 0) continue;
    const bytes = patches.reduce((sum, patch) => sum + patch.bytes.length, 0);
    const what = isLost ? "is missing" : "has not what belongs there";
    const problem = `${what}; the journal has it: ${patches.length} batches, ${bytes} bytes, ` +
      `from position ${patches[0].position} on`;
    yield { kind: "restored", file: fileOf(base), problem };
  }
  for (const { segmentBase, position, found, epoch } of examined.epochRepairs) {
    const problem = `the batch at position ${position} has leader epoch ${found}; by its ` +
      `neighbours it is ${epoch}`;
    yield { kind: "restored", file: fileOf(segmentBase), problem };
  }
  if (examined.torn !== null) {
    const { segmentBase, problem, bytes } = examined.torn;
    const what = `${problem.replace(/^[^:]+: /, "")}; ${bytes} bytes lie there`;
    yield { kind: "torn", file: fileOf(segmentBase), problem: what };
  }
  for (const base of examined.strays) {
    const problem = `does not continue the log, which ends at ${examined.logEndOffset}`;
    yield { kind: "stray", file: fileOf(base), problem };
  }
}

function offsetsIn(store: Store, file: string): Map<string, number> {
  return new Map(
    readCheckpoint(store, file).map(({ topic, partition, offset }) => [
      `${topic}-${partition}`,
      offset,
    ]),
  );
}
