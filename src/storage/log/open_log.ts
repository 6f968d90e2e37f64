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
import { LeaderEpochs } from "./leader_epochs.ts";
import { putPartitionMetadata, readPartitionMetadata } from "./partition_metadata.ts";
import type { LogContext } from "./log_context.ts";
import { PartitionLog } from "./partition_log.ts";
import { recoverLog } from "../recovery/recovery.ts";
import { redo } from "../durability/redo.ts";
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
}

/** What opening found worth telling. */
export interface OpenReport {
  readonly log: PartitionLog;
  /** Bytes of a torn tail that were cut. */
  readonly cutBytes: number;
  readonly damage: string | null;
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
  let names = await finishInterruptedCleaning({ ...context, folder });
  if (checkpoint.journal.length > 0) {
    await redo(context.store, folder, ref.topicId, {
      entries: checkpoint.journal,
      bases: segmentBases(names),
      recoveryPoint: checkpoint.recoveryPoint ?? 0,
    });
    names = context.store.list(folder).map(({ name }) => name);
  }
  const bases = segmentBases(names);
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
    return { log: new PartitionLog(context, state, config), cutBytes: 0, damage: null };
  }
  const recovered = recoverLog({ ...context, folder }, bases, {
    recoveryPoint: recoveryPoint ?? logStartOffset,
    logStartOffset,
    indexIntervalBytes: config["index.interval.bytes"],
    mayHaveGaps: recoveryPoint === undefined || config["cleanup.policy"].includes("compact"),
    nowMs: context.clock.nowMs(),
  });
  dropSnapshotsBeyond(context, folder, names, recovered.logEndOffset);
  if (recovered.damage === null) await keepEpochs(context, folder, recovered);
  const log = new PartitionLog(context, {
    ...ref,
    segments: recovered.bases,
    logStartOffset: Math.min(logStartOffset, recovered.logEndOffset),
    logEndOffset: recovered.logEndOffset,
    recoveryPoint: Math.min(recoveryPoint ?? 0, recovered.logEndOffset),
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
    }
  }
  // After kill -9 the files hold what the device may not: nothing is served as durable that is not.
  if (context.commit.policy === "fsync") await log.sync();
  return { log, cutBytes: recovered.cutBytes, damage: recovered.damage };
}

/** Makes a folder that a crash left without its metadata whole again. */
export function repairMetadata(context: LogContext, ref: LogRef): void {
  putPartitionMetadata(context.store, `${ref.topic}-${ref.partition}`, ref.topicId);
}

/** The topic id a folder belongs to, or null when it has no partition.metadata. */
export function topicIdOf(context: LogContext, folder: string): Uuid | null {
  return readPartitionMetadata(context.store, folder);
}

function segmentBases(names: readonly string[]): number[] {
  const bases: number[] = [];
  for (const name of names) {
    const match = /^(\d{20})\.log$/.exec(name);
    if (match) bases.push(Number(match[1]));
  }
  return bases.sort((a, b) => a - b);
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
    if (match && Number(match[1]) > logEndOffset) context.store.remove(`${folder}/${name}`);
  }
}

/** The epoch checkpoint is rebuilt from the batches where it knows less than they do, or more than is left. */
async function keepEpochs(
  context: LogContext,
  folder: string,
  recovered: { logEndOffset: number; epochs: readonly { epoch: number; startOffset: number }[] },
): Promise<void> {
  const epochs = LeaderEpochs.load(context.store, folder);
  let changed = epochs.truncateFromEnd(recovered.logEndOffset);
  for (const { epoch, startOffset } of recovered.epochs) {
    changed = epochs.assign(epoch, startOffset) || changed;
  }
  if (changed) await epochs.save();
}
