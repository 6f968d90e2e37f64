/**
 * openLog: from a partition's folder to its PartitionLog.
 *
 * Cheap for the many: after a clean stop the checkpoints tell where a log ends, so a thousand idle partitions cost
 * a thousand directory listings and nothing is read. After an unclean one recovery.ts looks at the bytes.
 */
import type { Uuid } from "../../bytes/uuid.ts";
import type { TopicConfig } from "../../config/topic_configs.ts";
import { finishInterruptedCleaning } from "../compaction/leftovers.ts";
import type { JournalEntry } from "../durability/journal_entries.ts";
import { putPartitionMetadata, readPartitionMetadata } from "./partition_metadata.ts";
import type { LogContext } from "./log_context.ts";
import { PartitionLog } from "./partition_log.ts";
import { keepEpochs } from "../recovery/keep_epochs.ts";
import { recoverLog } from "../recovery/recovery.ts";
import { beyondAnyOffset, segmentBasesOf } from "./segment_files.ts";
import { rebuildTxnIndexes } from "../index/txn_index_rebuild.ts";

export interface LogRef {
  readonly topicId: Uuid;
  readonly topic: string;
  readonly partition: number;
}

/** What the checkpoints say of a log; undefined where they say nothing. */
export interface LogCheckpoint {
  readonly recoveryPoint: number | undefined;
  readonly logStartOffset: number | undefined;
  /** Whether the broker stopped cleanly, so that the recovery point is the log end. */
  readonly clean: boolean;
  /** What the journal has of this partition; nothing after a clean stop. */
  readonly journal: readonly JournalEntry[];
  /** The partition's epoch now, which no batch can be beyond; unknown without. */
  readonly maxLeaderEpoch?: number;
  /** Whether it has ever been compacted, whatever its policy is now. */
  readonly wasCompacted?: boolean;
}

/** What opening found worth telling. */
export interface OpenReport {
  readonly log: PartitionLog;
  /** Bytes of a torn tail that were cut. */
  readonly cutBytes: number;
  readonly damage: string | null;
  /** What was healed, or is none of ours. */
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

/** Opens what is there, recovering it when the last stop was not clean. */
export async function openLog(
  context: LogContext,
  ref: LogRef,
  config: TopicConfig,
  checkpoint: LogCheckpoint,
): Promise<OpenReport> {
  const folder = `${ref.topic}-${ref.partition}`;
  const names = await finishInterruptedCleaning({ ...context, folder });
  const bases = segmentBasesOf(names);
  const warnings = beyondAnyOffset(names).map((name) =>
    `${folder}/${name} is none of a log's files: no offset is above ${Number.MAX_SAFE_INTEGER}`
  );
  const logStartOffset = Math.max(checkpoint.logStartOffset ?? 0, bases[0] ?? 0);
  const recoveryPoint = checkpoint.recoveryPoint;
  if (checkpoint.clean && recoveryPoint !== undefined) {
    const state = {
      ...ref,
      segments: bases,
      logStartOffset,
      logEndOffset: recoveryPoint,
      recoveryPoint,
    };
    return { log: new PartitionLog(context, state, config), cutBytes: 0, damage: null, warnings };
  }
  const isSynced = context.commit.policy === "fsync";
  const recovered = await recoverLog({ ...context, folder }, bases, {
    recoveryPoint: recoveryPoint ?? 0,
    logStartOffset,
    indexIntervalBytes: config["index.interval.bytes"],
    mayHaveGaps: checkpoint.wasCompacted || config["cleanup.policy"].includes("compact"),
    maxLeaderEpoch: checkpoint.maxLeaderEpoch ?? 2 ** 31 - 1,
    journal: checkpoint.journal.filter(({ topicId }) => topicId === ref.topicId),
    mayBeTorn: true,
    sync: isSynced,
    nowMs: context.clock.nowMs(),
  });
  warnings.push(...recovered.warnings);
  if (recovered.damage === null) {
    dropSnapshotsBeyond(context, folder, names, recovered.logEndOffset);
    warnings.push(...await keepEpochs(context.store, folder, recovered));
  }
  const log = new PartitionLog(context, {
    ...ref,
    segments: recovered.bases,
    logStartOffset: Math.min(logStartOffset, recovered.logEndOffset),
    logEndOffset: recovered.logEndOffset,
    recoveryPoint: isSynced
      ? recovered.logEndOffset
      : Math.min(recoveryPoint ?? 0, recovered.logEndOffset),
  }, config);
  if (recovered.damage !== null) {
    log.isDamaged = true;
    log.retire(recovered.damage);
  } else if (recovered.firstControlSegment !== null) {
    const { segments } = log;
    const from = segments.findIndex(({ baseOffset }) =>
      baseOffset === recovered.firstControlSegment
    );
    if (from >= 0) {
      rebuildTxnIndexes(context, folder, segments, { from, to: segments.length, logStartOffset });
      if (isSynced) {
        for (const segment of segments.slice(from)) await segment.syncTransactions();
        await context.store.syncFolder(folder);
      }
    }
  }
  return { log, cutBytes: recovered.cutBytes, damage: recovered.damage, warnings };
}

/** Makes a folder that a crash left without its metadata whole again. */
export function repairMetadata(context: LogContext, ref: LogRef): void {
  putPartitionMetadata(context.store, `${ref.topic}-${ref.partition}`, ref.topicId);
}

/** The topic id a folder belongs to, or null when it has no partition.metadata. */
export function topicIdOf(context: LogContext, folder: string): Uuid | null {
  return readPartitionMetadata(context.store, folder);
}

/** A snapshot of a future that was cut off would make producer state disagree with the log. */
function dropSnapshotsBeyond(
  context: LogContext,
  folder: string,
  names: readonly string[],
  logEndOffset: number,
): void {
  for (const name of names) {
    const match = /^(\d{20})\.snapshot$/.exec(name);
    if (match && Number(match[1]) > logEndOffset && Number.isSafeInteger(Number(match[1]))) {
      context.store.remove(`${folder}/${name}`);
    }
  }
}
