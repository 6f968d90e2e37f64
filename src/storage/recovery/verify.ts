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
 * | hanging | a transaction that nobody will end: read_committed consumers stop before it |
 * | foreign | nothing of a log's: left alone |
 * | doomed | a folder of a topic that was deleted: removed at the next start |
 */
import { BufferPool } from "../../bytes/pool.ts";
import { type Uuid, ZERO_UUID } from "../../bytes/uuid.ts";
import { wasStoppedCleanly } from "../directory/clean_shutdown.ts";
import { folderOf, type Inventory, readUsableInventory } from "../directory/inventory.ts";
import { LeaderEpochs } from "../directory/leader_epochs.ts";
import { readPartitionMetadata } from "../directory/partition_metadata.ts";
import { Remembered } from "../directory/remembered.ts";
import * as batch from "../../protocol/records/batch.ts";
import { type JournalEntry, NOTHING_LEFT, readJournal } from "../durability/journal_entries.ts";
import type { Store } from "../store.ts";
import { judgeClaim } from "./claim.ts";
import { type Examined, examineLog, type Fault } from "./examine.ts";
import { findingsOf } from "./findings.ts";
import { hints } from "./hints.ts";
import { type JudgedFiles, judgeFiles, type Lost } from "./judge.ts";
import { type KnownLog, knownLog, type LastRun } from "./known_log.ts";
import { metadataSnapshotProblems } from "./metadata_snapshots.ts";
import type { PlannedStore } from "./planned_store.ts";
import { type Remains, remainsBehind } from "./remains.ts";
import { isForeign, looksLikePartition, METADATA_FOLDER } from "./root_files.ts";
import type { TransactionSurvey } from "./transaction_survey.ts";

export interface Finding {
  readonly kind:
    | "damage"
    | "torn"
    | "restored"
    | "stray"
    | "hint"
    | "unproved"
    | "hanging"
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
  /** Whether only the rest of that segment is too much: the next one continues the log. */
  readonly isExcess: boolean;
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
  /** What a start does with the folder's files before it looks at batches. */
  readonly plan: PlannedStore | null;
}

/**
 * What the metadata says of a partition, by its folder; undefined where it says nothing. "stray": it is of no topic;
 * "deleted": of one that was deleted.
 */
export type Catalogued = (folder: string) => Wanted | "stray" | "deleted" | undefined;

export interface Wanted {
  /** Whether the topic is compacted. */
  readonly mayHaveGaps: boolean;
  /** Of the partition as it was led last. */
  readonly maxLeaderEpoch: number;
  /** Without it the folder's own word counts. */
  readonly topicId?: Uuid;
  /** Whether the metadata log removed the topic with this id; without it, none was. */
  readonly wasDeleted?: (topicId: Uuid) => boolean;
}

/**
 * Every partition, in the order of the names. `lastBrokerEpoch` is of the last registration in the metadata log. The
 * survey is told of all that is sound, so that it knows of transactions when all have been looked at.
 */
export async function* verifyPartitions(
  store: Store,
  catalogued: Catalogued = () => undefined,
  lastBrokerEpoch?: number,
  survey?: TransactionSurvey,
): AsyncGenerator<PartitionReport> {
  const inventory = readUsableInventory(store, lastBrokerEpoch);
  const clean = wasStoppedCleanly(store, lastBrokerEpoch);
  const { entries, unknown } = clean ? NOTHING_LEFT : readJournal(store, lastBrokerEpoch);
  const remembered = Remembered.read(store, lastBrokerEpoch, () => {}); // verifyRootFiles() tells it
  const journal = Map.groupBy(entries, ({ folder }) => folder);
  const lastRun: LastRun = { clean, remembered, journal, wasJournaled: unknown === null };
  const there = partitionFolders(store);
  const names = new Set([...there, ...wanted(inventory, remembered, entries, catalogued)]);
  for (const name of [...names].sort()) {
    const asked = catalogued(name);
    if (asked === "stray" || asked === "deleted") {
      yield unwanted(name, asked);
      continue;
    }
    const topicId = asked?.topicId ?? readPartitionMetadata(store, name);
    const dash = name.lastIndexOf("-");
    const ref = {
      topicId: topicId ?? ZERO_UUID,
      topic: name.slice(0, dash),
      partition: Number(name.slice(dash + 1)),
    };
    const known = name === METADATA_FOLDER
      ? ofMetadata(inventory)
      : { ...knownLog(ref, lastRun), maxLeaderEpoch: asked?.maxLeaderEpoch };
    const claim = asked?.topicId === undefined ? null : judgeClaim(store, name, {
      topicId: asked.topicId,
      isThere: there.has(name),
      record: known.record,
      isJournaled: known.journal.length > 0,
      wasDeleted: asked.wasDeleted ?? (() => false),
    });
    if (claim?.kind === "absent" && claim.isDoomed) {
      yield unwanted(name, "deleted");
      continue;
    }
    yield await verifyPartition(store, name, {
      survey,
      known,
      topicId,
      isCompacted: asked?.mayHaveGaps === true,
      isThere: there.has(name),
      othersId: claim?.kind === "refused" ? claim.othersId : null,
    });
  }
}

/** The metadata log is in no row, and a start never takes its end on trust. */
function ofMetadata(inventory: Inventory | null): KnownLog {
  return {
    recoveryPoint: inventory?.metadata.endOffset,
    logStartOffset: undefined,
    clean: false,
    journal: [],
  };
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
  remembered: Remembered,
  journal: readonly JournalEntry[],
  catalogued: Catalogued,
): string[] {
  const isWanted = (name: string, topicId?: Uuid) => {
    const asked = catalogued(name);
    return typeof asked === "object" && (topicId === undefined || asked.topicId === topicId);
  };
  const journaled = journal.filter(({ folder, topicId }) => isWanted(folder, topicId))
    .map(({ folder }) => folder);
  if (inventory === null) return [...journaled, ...remembered.synced().filter((n) => isWanted(n))];
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
    plan: null,
  };
}

const NOTHING_EXAMINED: Examined = {
  logEndOffset: 0,
  segments: [],
  torn: null,
  damage: null,
  strays: [],
  tails: [],
  epochRepairs: [],
  epochs: [],
};

interface Partition {
  readonly survey?: TransactionSurvey;
  readonly known: KnownLog;
  readonly topicId: Uuid | null;
  readonly isCompacted: boolean;
  readonly isThere: boolean;
  /** Of another topic, by its partition.metadata; that id. */
  readonly othersId: Uuid | null;
}

/** One partition, from its first segment on. */
async function verifyPartition(
  store: Store,
  folder: string,
  partition: Partition,
): Promise<PartitionReport> {
  const { known, topicId, isCompacted, isThere, survey } = partition;
  const judged = await judgeFiles({ store, folder, pool: NO_POOL }, known, {
    isCompacted,
    indexIntervalBytes: Infinity,
  });
  const { plan, bases, begins, options } = judged;
  const offset = bases[0] ?? options.logStartOffset;
  const examined = await examineLog({ store: plan, folder }, bases, {
    ...options,
    knownEpochs: LeaderEpochs.load(plan, folder).entries,
    start: { index: 0, position: 0, offset },
    seen: survey && ((bytes) => survey.saw(folder, bytes, options.logStartOffset)),
  });
  const tally = { segments: bases.length, batches: 0, records: 0, bytes: 0 };
  for (const { batches, records, position } of examined.segments) {
    tally.batches += batches;
    tally.records += records;
    tally.bytes += position;
  }
  const wrong = wrongOf(folder, partition, { judged, examined });
  if (wrong !== null) survey?.isDamaged(folder);
  const damage = wrong === null ? null : await damageOf(plan, folder, bases, { wrong, known });
  const findings = [
    ...findingsOf(folder, { judged, examined, damage }),
    ...metadataSnapshotProblems(store, folder, begins),
    ...isThere && wrong?.kind !== "gone" ? hints(store, folder) : [],
  ];
  const { logEndOffset: nextOffset } = examined;
  return { folder, topicId, ...tally, nextOffset, damage, findings, examined, plan };
}

/** A fault, and whether it is of the folder, of all that was in it, of its beginning, or of the bytes at a place. */
interface Wrong extends Fault {
  readonly kind: "others" | Lost["kind"];
}

function wrongOf(
  folder: string,
  { othersId, topicId, isThere, known }: Partition,
  { judged: { lost, bases }, examined }: { judged: JudgedFiles; examined: Examined },
): Wrong | null {
  const nowhere = { segmentBase: 0, position: 0, offset: 0 };
  if (othersId !== null) {
    const problem = `${folder}: is of topic id ${othersId}, and should be of ${topicId}`;
    return { kind: "others", ...nowhere, problem };
  }
  const heldTo = reachedBy(known), isMissing = !isThere && known.journal.length === 0;
  const isGone = isMissing || lost !== null || examined.damage !== null;
  if (bases.length === 0 && heldTo > 0 && isGone) {
    const what = isThere ? "has no segment" : "is missing";
    const problem = `${folder}: ${what}, and held records up to offset ${heldTo}`;
    return { kind: "gone", ...nowhere, problem };
  }
  const fault: Wrong | null = examined.damage && { kind: "segment", ...examined.damage };
  if (lost === null) return fault;
  if (lost.kind === "beginning") {
    const begins =
      `the log begins at offset ${lost.offset}, and its start is ${known.logStartOffset}`;
    return { ...lost, problem: `${folder}: ${begins}` };
  }
  // Where the batches end before that, or in it, they say where to cut.
  const place = placeIn(lost, examined);
  if (fault !== null && isBefore(fault, place)) return fault;
  return { ...lost, ...place, problem: `${folder}: ${lost.problem}` };
}

type At = Pick<Fault, "segmentBase" | "position" | "offset">;

function isBefore(a: At, b: At): boolean {
  return a.segmentBase < b.segmentBase ||
    a.segmentBase === b.segmentBase && a.position < b.position;
}

/** Where a log is to be cut that lost something of a segment whose batches are all sound as far as they go. */
function placeIn(lost: Lost, { segments }: Examined): At {
  const walked = segments.find(({ base }) => base === lost.segmentBase);
  if (walked === undefined || !lost.isShort) return lost;
  return { segmentBase: walked.base, position: walked.position, offset: walked.nextOffset };
}

/** The offset that a log had reached, by all that is known of it; 0 where nothing is. */
function reachedBy({ recoveryPoint = 0, record, journal }: KnownLog): number {
  let reached = Math.max(recoveryPoint, record?.endOffset ?? 0);
  for (const { payload } of journal) {
    for (const at of batch.batches(payload)) {
      reached = Math.max(reached, batch.lastOffset(payload, at) + 1);
    }
  }
  return reached;
}

async function damageOf(
  store: Store,
  folder: string,
  bases: readonly number[],
  { wrong: { kind, ...fault }, known }: { wrong: Wrong; known: KnownLog },
): Promise<Damage> {
  const remains = await remainsBehind(store, folder, bases, fault);
  const end = Math.max(fault.offset, (remains.lastOffset ?? -1) + 1);
  const reached = reachedBy(known);
  return {
    ...fault,
    ...remains,
    reached: reached > end ? reached : null,
    isAllGone: kind === "gone",
    shouldBegin: kind === "beginning" ? known.logStartOffset ?? 0 : null,
    isExcess: kind === "excess",
    isOthers: kind === "others",
  };
}

const NO_POOL = new BufferPool({ keepBytes: 0 });
