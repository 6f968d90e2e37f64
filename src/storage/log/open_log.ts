/**
 * openLog: from a partition's folder to its PartitionLog.
 *
 * A log that nothing has been done to since it was written down (as_recorded.ts) is compared with that: a listing, the
 * sizes and its last batch. Any other is recovered (recovery.ts), which looks at the bytes from the recovery point on.
 * What is healed is a warning with both values; what cannot be healed takes the partition offline, and its files stay.
 */
import type { Uuid } from "../../bytes/uuid.ts";
import type { TopicConfig } from "../../config/topic_configs.ts";
import type { LogInventory } from "../directory/inventory.ts";
import { putPartitionMetadata } from "../directory/partition_metadata.ts";
import { rebuildTxnIndexes } from "../producers/txn_index_rebuild.ts";
import { compare, cutBack, lastBatchProblem } from "../recovery/as_recorded.ts";
import { judgeFiles, mayHaveGapsIn } from "../recovery/judge.ts";
import { keepEpochs } from "../recovery/keep_epochs.ts";
import type { KnownLog } from "../recovery/known_log.ts";
import { recoverLog } from "../recovery/recovery.ts";
import { epochsAsRecorded, snapshotsAsRecorded } from "../recovery/sidecars.ts";
import { CorruptBatchError } from "../segments/corrupt_batch_error.ts";
import {
  beyondAnyOffset,
  DELETED,
  parseSegmentFile,
  segmentBasesOf,
  setSegmentAside,
  SWAP,
} from "../segments/segment_files.ts";
import { segmentName } from "../segments/segment.ts";
import type { LogContext } from "./log_context.ts";
import { PartitionLog } from "./partition_log.ts";

export interface LogRef {
  readonly topicId: Uuid;
  readonly topic: string;
  readonly partition: number;
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
  const problem = lost?.problem ?? lastBatchProblem(store, folder, record);
  if (problem !== null) return damaged(context, ref, config, record, problem);
  // Is to be put aside, which takes a sync of the folder.
  if (unexpected.length > 0 || beyondAnyOffset(names).length > 0) return null;
  const cut = longer.length === 0 ? { cut: [] } : cutBack(store, folder, longer);
  // Without the marker of its clean stop somebody may have written behind: recovery looks at what it is.
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
    mayHaveGaps: mayHaveGapsIn(config["cleanup.policy"].includes("compact"), record),
    snapshot: record.snapshot ?? undefined,
  }, config);
  return { log, cutBytes: 0, damage: null, warnings };
}

/** Opens what is there, recovering it. */
export async function openLog(
  context: LogContext,
  ref: LogRef,
  config: TopicConfig,
  known: KnownLog,
): Promise<OpenReport> {
  const { store } = context, folder = `${ref.topic}-${ref.partition}`;
  const { recoveryPoint, record } = known;
  // One that a repair took out keeps its folder, under no topic's id.
  const journal = known.journal.filter(({ topicId }) => topicId === ref.topicId);
  const judged = await judgeFiles({ ...context, folder }, { ...known, journal }, {
    isCompacted: config["cleanup.policy"].includes("compact"),
    indexIntervalBytes: config["index.interval.bytes"],
  });
  const { lost, plan, bases, withheld, begins, mayHaveGaps, options } = judged;
  if (lost !== null) {
    return damaged(context, ref, config, record ?? forgotten(known, bases), lost.problem);
  }
  const sync = context.commit.policy === "fsync";
  const recovered = await recoverLog({ ...context, folder }, bases, {
    ...options,
    plan,
    sync,
    nowMs: context.clock.nowMs(),
  });
  const { logEndOffset, damage } = recovered;
  if (damage !== null) {
    return damaged(context, ref, config, record ?? forgotten(known, bases), damage);
  }
  const warnings = judged.healed.map(({ file, what }) => `${file} ${what}`);
  const segments = [...recovered.bases];
  let isOtherwiseNamed = false;
  if (withheld !== null) {
    if (logEndOffset === withheld) segments.push(withheld);
    else {
      setSegmentAside(store, folder, store.list(folder).map(({ name }) => name), withheld);
      isOtherwiseNamed = true;
      warnings.push(
        `${
          segmentName(withheld)
        }.log is empty, and the log ends at ${logEndOffset}: it is renamed aside`,
      );
    }
  }
  if (dropSnapshotsBeyond(context, folder, logEndOffset)) isOtherwiseNamed = true;
  if (isOtherwiseNamed) await store.syncFolder(folder); // else they come back, and speak of what is written next
  warnings.push(...recovered.warnings);
  warnings.push(...await keepEpochs(store, folder, recovered));
  const isBeyond = options.logStartOffset > logEndOffset;
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
    recoveryPoint: sync ? logEndOffset : Math.min(recoveryPoint ?? 0, logEndOffset),
    mayHaveGaps,
    snapshot: record?.snapshot ?? undefined,
  }, config);
  if (recovered.firstControlSegment !== null) {
    const from = log.segments.findIndex(({ baseOffset }) =>
      baseOffset === recovered.firstControlSegment
    );
    if (from >= 0) {
      const range = { from, to: log.segments.length, logStartOffset };
      warnings.push(...withTransactions(context, folder, log, range));
      if (sync) {
        for (const segment of log.segments.slice(from)) await segment.syncTransactions();
        await store.syncFolder(folder);
      }
    }
  }
  return { log, cutBytes: recovered.cutBytes, damage: null, warnings };
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
  log.isDamaged = true;
  log.retire(damage);
  return { log, cutBytes: 0, damage, warnings: [] };
}

function forgotten(
  { recoveryPoint = 0, logStartOffset = 0 }: KnownLog,
  bases: readonly number[],
) {
  const segments = bases.map((baseOffset) => ({ baseOffset, bytes: 0 }));
  return { segments, logStartOffset, endOffset: recoveryPoint, recoveryPoint };
}

/** A snapshot of a future that was cut off would make producer state disagree with the log. Whether there was one. */
function dropSnapshotsBeyond(
  context: LogContext,
  folder: string,
  logEndOffset: number,
): boolean {
  const beyond = context.store.list(folder).map(({ name }) => name).filter((name) => {
    const match = /^(\d{20})\.snapshot$/.exec(name);
    return match !== null && Number(match[1]) > logEndOffset;
  });
  for (const name of beyond) context.store.remove(`${folder}/${name}`);
  return beyond.length > 0;
}
