/**
 * openLog: from a partition's folder to its PartitionLog.
 *
 * A log that nothing has been done to since it was written down (as_recorded.ts) is compared with that: a listing, the
 * sizes and its last batch. Any other is recovered (recovery.ts), which looks at the bytes from the recovery point on.
 * What is healed is a warning with both values; what cannot be healed takes the partition offline, and its files stay.
 */
import type { Uuid } from "../../bytes/uuid.ts";
import type { TopicConfig } from "../../config/topic_configs.ts";
import { finishInterruptedCleaning } from "../recovery/cleaning_leftovers.ts";
import type { JournalEntry } from "../durability/journal_entries.ts";
import type { LogInventory } from "../directory/inventory.ts";
import { compare, cutBack, lastBatchProblem, unexpectedIn } from "./as_recorded.ts";
import { CorruptBatchError } from "../segments/corrupt_batch_error.ts";
import { gapBetween } from "./segment_chain.ts";
import { epochsAsRecorded, snapshotsAsRecorded } from "./sidecars.ts";
import { putPartitionMetadata } from "../directory/partition_metadata.ts";
import type { LogContext } from "./log_context.ts";
import { PartitionLog } from "./partition_log.ts";
import { segmentName } from "../segments/segment.ts";
import {
  beyondAnyOffset,
  DELETED,
  parseSegmentFile,
  segmentBasesOf,
  setBeyondAside,
  setSegmentAside,
  SWAP,
} from "../segments/segment_files.ts";
import { recoverLog } from "../recovery/recovery.ts";
import { keepEpochs } from "../recovery/keep_epochs.ts";
import { rebuildTxnIndexes } from "../producers/txn_index_rebuild.ts";

export interface LogRef {
  readonly topicId: Uuid;
  readonly topic: string;
  readonly partition: number;
}

/** What is remembered of a log; undefined where nothing is. */
export interface LogCheckpoint {
  readonly recoveryPoint: number | undefined;
  readonly logStartOffset: number | undefined;
  /** Whether the broker stopped cleanly, so that nothing can be torn. */
  readonly clean: boolean;
  /** What the journal has of this partition; nothing after a clean stop. */
  readonly journal: readonly JournalEntry[];
  /**
   * No segment that ends above was ever compacted: a pass has written down how far it goes before it replaces anything.
   * Without it the recovery point says so, which a pass never goes beyond; and without that one nothing is known.
   */
  readonly compactedTo?: number;
  /** What the inventory says the log consisted of. */
  readonly record?: LogInventory;
  /** Whether the last run journaled whatever it acknowledged. */
  readonly wasJournaled?: boolean;
  /** Whether more may have been acknowledged than the journal says, because some of it is lost. */
  readonly isJournalUnknown?: boolean;
  /** No batch can carry a later one. */
  readonly maxLeaderEpoch?: number;
  /** Called between pieces of work, so that others go on. */
  readonly rest?: () => Promise<void>;
}

/** What opening found worth telling. */
export interface OpenReport {
  readonly log: PartitionLog;
  /** Bytes of a torn tail that were cut. */
  readonly cutBytes: number;
  /** Why the partition must not be served: its log is offline. */
  readonly damage: string | null;
  /** What was healed. */
  readonly warnings: readonly string[];
}

/**
 * Creates the folder of a partition that does not exist yet. Nothing is synced: a creation that a crash takes back is
 * repeated at the next start, from the catalogue.
 */
export function createLog(context: LogContext, ref: LogRef, config: TopicConfig): PartitionLog {
  const folder = `${ref.topic}-${ref.partition}`;
  context.store.makeFolder(folder);
  putPartitionMetadata(context.store, folder, ref.topicId);
  return new PartitionLog(
    context,
    { ...ref, segments: [], logStartOffset: 0, logEndOffset: 0, recoveryPoint: 0 },
    config,
  );
}

/** Opens a log of which there is an exact record; null when that does not say enough. Waits for nothing. */
export function openAsRecorded(
  context: LogContext,
  ref: LogRef,
  config: TopicConfig,
  { record, clean }: { record: LogInventory; clean: boolean },
): OpenReport | null {
  const { store } = context, folder = `${ref.topic}-${ref.partition}`;
  const holdsBatches = record.segments.some(({ bytes }) => bytes > 0);
  if (!record.isExact || holdsBatches && record.lastBatch === null) return null;
  const names = store.list(folder).map(({ name }) => name);
  const leftOver = names.filter((name) => (parseSegmentFile(name)?.suffix ?? "") !== "");
  if (leftOver.some((name) => name.endsWith(SWAP))) return null; // a compaction is to be finished first
  const bases = segmentBasesOf(names);
  const { lost, longer, unexpected } = compare(store, folder, bases, record);
  const problem = lost ?? lastBatchProblem(store, folder, record);
  if (problem !== null) return damaged(context, ref, config, record, problem);
  // Is to be put aside, which takes a sync of the folder.
  if (unexpected.length > 0 || beyondAnyOffset(names).length > 0) return null;
  const cut = longer.length === 0 ? { cut: [] } : cutBack(store, folder, longer);
  // Without the marker of a clean stop somebody may have written behind: recovery looks at what it is.
  if ("kept" in cut) return clean ? damaged(context, ref, config, record, cut.kept) : null;
  const warnings = [...cut.cut];
  warnings.push(...epochsAsRecorded(store, folder, record));
  warnings.push(...snapshotsAsRecorded(store, folder, names, record));
  removeLeftOver(context, folder, leftOver);
  const log = new PartitionLog(context, {
    ...ref,
    segments: record.segments.map(({ baseOffset }) => baseOffset),
    logStartOffset: record.logStartOffset,
    logEndOffset: record.endOffset,
    recoveryPoint: record.endOffset,
    mayHaveGaps: mayHaveGapsIn(config, record),
    snapshot: record.snapshot ?? undefined,
  }, config);
  return { log, cutBytes: 0, damage: null, warnings };
}

/** Opens what is there, recovering it. */
export async function openLog(
  context: LogContext,
  ref: LogRef,
  config: TopicConfig,
  checkpoint: LogCheckpoint,
): Promise<OpenReport> {
  const { store } = context, folder = `${ref.topic}-${ref.partition}`;
  const { recoveryPoint, clean } = checkpoint;
  // One that a repair took out keeps its folder, under no topic's id.
  const journal = checkpoint.journal.filter(({ topicId }) => topicId === ref.topicId);
  const record = clean || !checkpoint.record?.isExact
    ? checkpoint.record
    : { ...checkpoint.record, isExact: false };
  let names = await finishInterruptedCleaning({ ...context, folder });
  const warnings = setBeyondAside(store, folder, names);
  let isOtherwiseNamed = warnings.length > 0;
  const mayHaveGaps = mayHaveGapsIn(config, record);
  names = store.list(folder).map(({ name }) => name);
  let bases = segmentBasesOf(names);
  const { lost, healsFrom } = whatIsLost(context, folder, bases, {
    checkpoint: { ...checkpoint, record },
    mayHaveGaps,
    warnings,
  });
  if (lost !== null) {
    return damaged(context, ref, config, record ?? forgotten(checkpoint, bases), lost);
  }
  if (record !== undefined) {
    const unexpected = unexpectedIn(bases, record);
    for (const base of unexpected) {
      setSegmentAside(store, folder, names, base);
      warnings.push(`${segmentName(base)}.log was not there before, and is renamed aside`);
    }
    bases = bases.filter((base) => !unexpected.includes(base));
    isOtherwiseNamed ||= unexpected.length > 0;
    warnings.push(...snapshotsAsRecorded(store, folder, names, record));
    warnings.push(...epochsAsRecorded(store, folder, record));
  }
  const begins = bases[0] ?? 0;
  const withheld = mayHaveGaps || clean ? emptyAhead(context, folder, bases, checkpoint) : null;
  const options = {
    recoveryPoint: recoveryPoint ?? begins,
    isRecoveryPointKnown: recoveryPoint !== undefined,
    logStartOffset: Math.max(checkpoint.logStartOffset ?? 0, begins),
    indexIntervalBytes: config["index.interval.bytes"],
    mayHaveGaps,
    compactedTo: checkpoint.compactedTo ?? recoveryPoint ?? Infinity,
    emptyAhead: withheld ?? undefined,
    mayHaveGapsBeyond: record === undefined || record.segments.length === 0, // not of the inventory
    maxLeaderEpoch: checkpoint.maxLeaderEpoch ?? MAX_INT32,
    journal,
    walkFrom: healsFrom,
    wasJournaled: checkpoint.wasJournaled,
    isJournalUnknown: checkpoint.isJournalUnknown,
    mayBeTorn: !clean,
    sync: context.commit.policy === "fsync",
    nowMs: context.clock.nowMs(),
    rest: checkpoint.rest,
  };
  const present = withheld === null ? bases : bases.slice(0, -1);
  const recovered = await recoverLog({ ...context, folder }, present, options);
  const { logEndOffset, damage } = recovered;
  const segments = [...recovered.bases];
  if (withheld !== null && damage === null) {
    if (logEndOffset === withheld) segments.push(withheld);
    else {
      setSegmentAside(store, folder, names, withheld);
      isOtherwiseNamed = true;
      warnings.push(
        `${
          segmentName(withheld)
        }.log is empty, and the log ends at ${logEndOffset}: it is renamed aside`,
      );
    }
  }
  if (damage === null && dropSnapshotsBeyond(context, folder, names, logEndOffset)) {
    isOtherwiseNamed = true;
  }
  if (isOtherwiseNamed) await store.syncFolder(folder); // else they come back, and speak of what is written next
  warnings.push(...recovered.warnings);
  if (damage === null) warnings.push(...await keepEpochs(store, folder, recovered));
  const isBeyond = options.logStartOffset > logEndOffset && damage === null;
  if (isBeyond) {
    warnings.push(
      `the log start ${options.logStartOffset} lies above the log end ${logEndOffset}: forgotten`,
    );
  }
  const logStartOffset = isBeyond
    ? Math.min(begins, logEndOffset)
    : Math.min(options.logStartOffset, logEndOffset);
  const log = new PartitionLog(context, {
    ...ref,
    segments,
    logStartOffset,
    logEndOffset,
    recoveryPoint: options.sync ? logEndOffset : Math.min(recoveryPoint ?? 0, logEndOffset),
    mayHaveGaps,
    snapshot: record?.snapshot ?? undefined,
  }, config);
  if (damage !== null) retireDamaged(log, damage);
  else if (recovered.firstControlSegment !== null) {
    const from = log.segments.findIndex(({ baseOffset }) =>
      baseOffset === recovered.firstControlSegment
    );
    if (from >= 0) {
      const range = { from, to: log.segments.length, logStartOffset };
      warnings.push(...withTransactions(context, folder, log, range));
      if (options.sync) {
        for (const segment of log.segments.slice(from)) await segment.syncTransactions();
        await store.syncFolder(folder);
      }
    }
  }
  return { log, cutBytes: recovered.cutBytes, damage, warnings };
}

/**
 * Makes the `.txnindex` files anew for what was walked. The replay may reach back into segments that recovery took as
 * they are: where one of them is damaged the files stay, and are held against the batches by who reads them.
 */
function withTransactions(
  context: LogContext,
  folder: string,
  { segments }: PartitionLog,
  range: { from: number; to: number; logStartOffset: number },
): string[] {
  try {
    rebuildTxnIndexes(context, folder, segments, range);
    return [];
  } catch (error) {
    if (!(error instanceof CorruptBatchError)) throw error;
    return [`the .txnindex files could not be made anew: ${error.message}`];
  }
}

/** Removes what waited for file.delete.delay.ms, or what a pass of the cleaner had begun to write. */
function removeLeftOver(
  { store, later }: LogContext,
  folder: string,
  names: readonly string[],
): void {
  for (const name of names) {
    const path = `${folder}/${name}`;
    if (later !== undefined && name.endsWith(DELETED)) later(0, () => store.removeAsync(path));
    else store.remove(path); // the next pass writes files of these names
  }
}

/** What is missing of what was synced, which recovery, walking from the recovery point on, would not notice. */
function whatIsLost(
  context: LogContext,
  folder: string,
  bases: readonly number[],
  { checkpoint: { record, recoveryPoint = 0, logStartOffset, journal }, mayHaveGaps, warnings }: {
    checkpoint: LogCheckpoint;
    mayHaveGaps: boolean;
    warnings: string[];
  },
): { readonly lost: string | null; readonly healsFrom?: number } {
  const { store } = context;
  if (record === undefined || record.segments.length === 0) {
    if (bases.length === 0 && recoveryPoint > 0) {
      return { lost: `there is no segment, and the log was synced up to ${recoveryPoint}` };
    }
    // A start above 0 is written down before a segment goes.
    const isJournaledBelow = journal.some(({ segmentBase }) => segmentBase < bases[0]);
    if (record === undefined && logStartOffset === 0 && bases[0] > 0 && !isJournaledBelow) {
      return { lost: `the log begins at ${bases[0]}, and its start is 0` };
    }
    // From the recovery point on recovery looks itself, and may know better from the journal.
    const below = bases.filter((base) => base <= recoveryPoint);
    return { lost: mayHaveGaps ? null : gapBetween(context, folder, below) };
  }
  // What the journal has comes back, but for what compaction may have taken since.
  const compactedTo = Math.max(record.compactedTo ?? 0, record.compactingTo ?? 0);
  const isJournaled = (base: number, at: number) =>
    base >= compactedTo &&
    journal.some(({ segmentBase, position, payload }) =>
      segmentBase === base && position <= at && at < position + payload.length
    );
  const { lost, healsFrom, longer } = compare(store, folder, bases, record, isJournaled);
  if (lost !== null) return { lost };
  if (bases.length > 0 && logStartOffset !== undefined && bases[0] > logStartOffset) {
    return { lost: `the log begins at ${bases[0]}, and its start is ${logStartOffset}` };
  }
  const heals = healsFrom === null ? {} : { healsFrom };
  if (longer.length === 0) return { lost: null, ...heals };
  const cut = cutBack(store, folder, longer);
  if ("kept" in cut) return { lost: cut.kept };
  warnings.push(...cut.cut);
  return { lost: null, ...heals };
}

/**
 * The base offset of an empty last segment that nothing vouches for, or null. Where gaps are allowed it would move the
 * log end; it may be one that was just begun, or a file that somebody put there: the end of the segments before tells.
 */
function emptyAhead(
  { store }: LogContext,
  folder: string,
  bases: readonly number[],
  { record, recoveryPoint = 0, journal }: LogCheckpoint,
): number | null {
  const last = bases.at(-1);
  if (last === undefined || bases.length < 2 || last <= recoveryPoint) return null;
  if (record?.segments.some(({ baseOffset }) => baseOffset === last)) return null;
  if (journal.some(({ segmentBase }) => segmentBase === last)) return null;
  const blob = store.open(`${folder}/${segmentName(last)}.log`);
  const { size } = blob;
  blob.close();
  return size === 0 ? last : null;
}

/** A log that serves nothing, over files that are left as they are. */
function damaged(
  context: LogContext,
  ref: LogRef,
  config: TopicConfig,
  record: Pick<LogInventory, "segments" | "logStartOffset" | "endOffset" | "recoveryPoint">,
  damage: string,
): OpenReport {
  const bases = record.segments.map(({ baseOffset }) => baseOffset);
  const log = new PartitionLog(context, {
    ...ref,
    segments: bases.length > 0 ? bases : [record.logStartOffset], // none would be made
    logStartOffset: record.logStartOffset,
    logEndOffset: record.endOffset,
    recoveryPoint: record.recoveryPoint,
  }, config);
  retireDamaged(log, damage);
  return { log, cutBytes: 0, damage, warnings: [] };
}

function retireDamaged(log: PartitionLog, damage: string): void {
  log.isDamaged = true;
  log.retire(damage);
}

function forgotten({ recoveryPoint = 0, logStartOffset = 0 }: LogCheckpoint, bases: number[]) {
  const segments = bases.map((baseOffset) => ({ baseOffset, bytes: 0 }));
  return { segments, logStartOffset, endOffset: recoveryPoint, recoveryPoint };
}

/** Whether compaction may have left gaps: by the policy of now, or because the log was compacted once. */
function mayHaveGapsIn(config: TopicConfig, record: LogInventory | undefined): boolean {
  return config["cleanup.policy"].includes("compact") ||
    (record?.compactedTo ?? record?.compactingTo ?? null) !== null;
}

/** A snapshot of a future that was cut off would make producer state disagree with the log. Whether there was one. */
function dropSnapshotsBeyond(
  context: LogContext,
  folder: string,
  names: readonly string[],
  logEndOffset: number,
): boolean {
  const beyond = names.filter((name) => {
    const match = /^(\d{20})\.snapshot$/.exec(name);
    return match !== null && Number(match[1]) > logEndOffset;
  });
  for (const name of beyond) context.store.remove(`${folder}/${name}`);
  return beyond.length > 0;
}

const MAX_INT32 = 2 ** 31 - 1;
