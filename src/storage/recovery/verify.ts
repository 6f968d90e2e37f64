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
 * | foreign | nothing of a log's: left alone |
 */
import {
  CLEANER_CHECKPOINT,
  readCheckpoint,
  RECOVERY_POINT_CHECKPOINT,
} from "../directory/checkpoints.ts";
import { isMarkedClean } from "../directory/clean_shutdown.ts";
import { type JournalEntry, NOTHING_LEFT, readJournal } from "../durability/journal_entries.ts";
import { folderOf, readInventory } from "../directory/inventory.ts";
import { LeaderEpochs } from "../directory/leader_epochs.ts";
import { readPartitionMetadata } from "../directory/partition_metadata.ts";
import { segmentName } from "../segments/segment.ts";
import { segmentBasesOf } from "../segments/segment_files.ts";
import type { Store } from "../store.ts";
import { type Examined, examineLog, type Fault } from "./examine.ts";
import { hints } from "./hints.ts";
import { isForeign, looksLikePartition } from "./root_files.ts";
import { metadataSnapshotProblems } from "./metadata_snapshots.ts";
import { type Remains, remainsBehind } from "./remains.ts";

export interface Finding {
  readonly kind: "damage" | "torn" | "restored" | "stray" | "hint" | "foreign";
  /** "orders-0/00000000000000000000.log" */
  readonly file: string;
  readonly problem: string;
}

/** Where a log stops being valid, and what lies there and behind. */
export type Damage = Fault & Remains;

export interface PartitionReport {
  readonly folder: string;
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
  readonly isJournalUnknown?: boolean;
}

/** What the metadata says of a partition, by its folder; undefined where it says nothing. */
export type Catalogued = (folder: string) =>
  | Pick<Knowledge, "mayHaveGaps" | "maxLeaderEpoch">
  | undefined;

/** Every partition, in the order of the names. */
export async function* verifyPartitions(
  store: Store,
  catalogued: Catalogued = () => undefined,
): AsyncGenerator<PartitionReport> {
  const recoveryPoints = offsetsIn(store, RECOVERY_POINT_CHECKPOINT);
  const compacted = offsetsIn(store, CLEANER_CHECKPOINT);
  const inventory = readInventory(store);
  const rows = inventory === null || typeof inventory === "string" ? [] : inventory.logs;
  const isComplete = inventory !== null && typeof inventory !== "string";
  const mayBeTorn = !isMarkedClean(store);
  const lastRun = isComplete ? inventory.brokerEpoch : undefined;
  const { entries: journal, unknown } = mayBeTorn ? readJournal(store, lastRun) : NOTHING_LEFT;
  const journaled = new Map(journal.map(({ folder, topicId }) => [folder, topicId]));
  const synced = [...recoveryPoints].filter(([, offset]) => offset > 0).map(([name]) => name);
  for (const name of partitionFolders(store, [...synced, ...journaled.keys()], catalogued)) {
    const isThere = store.list(name).length > 0, known = catalogued(name);
    const topicId = isThere ? readPartitionMetadata(store, name) : journaled.get(name) ?? null;
    const row = rows.find((log) => log.topicId === topicId && folderOf(log) === name);
    yield await verifyPartition(store, name, {
      recoveryPoint: recoveryPoints.get(name) ?? 0,
      isRecoveryPointKnown: recoveryPoints.has(name),
      journal: journal.filter((entry) => entry.folder === name && entry.topicId === topicId),
      mayBeTorn,
      wasJournaled: mayBeTorn && unknown === null && isComplete,
      isJournalUnknown: unknown !== null,
      compactedTo: row === undefined
        ? recoveryPoints.get(name) ?? Infinity
        : Math.max(row.compactedTo ?? 0, row.compactingTo ?? 0),
      mayHaveGaps: compacted.has(name) || known?.mayHaveGaps === true,
      maxLeaderEpoch: known?.maxLeaderEpoch ?? 2 ** 31 - 1,
    });
  }
}

/** Those that are there, and those that should be: the metadata has them, and something in them was synced, or journaled. */
function partitionFolders(
  store: Store,
  kept: readonly string[],
  catalogued: Catalogued,
): string[] {
  const found = new Set(
    store.list("").filter(({ name, isFolder }) =>
      isFolder && looksLikePartition(name) && !isForeign(store, name)
    ).map(({ name }) => name),
  );
  for (const name of kept) if (catalogued(name) !== undefined) found.add(name);
  return [...found].sort();
}

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
  const damage = examined.damage === null ? null : {
    ...examined.damage,
    ...await remainsBehind(store, folder, bases, examined.damage),
  };
  const findings = [
    ...findingsOf(folder, examined, damage),
    ...metadataSnapshotProblems(store, folder, offset),
    ...hints(store, folder),
  ];
  const { logEndOffset: nextOffset } = examined;
  return { folder, ...tally, nextOffset, damage, findings, examined };
}

function* findingsOf(
  folder: string,
  examined: Examined,
  damage: Damage | null,
): Generator<Finding> {
  const fileOf = (base: number) => `${folder}/${segmentName(base)}.log`;
  if (damage !== null) {
    const problem = `${damage.problem.replace(/^[^:]+: /, "")}; ${damage.bytes} bytes with ` +
      `${damage.records} readable records lie there and behind`;
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
