/**
 * The ways to open a log whose files a test has harmed: as a start does that believes what was written down, so that
 * reads have to prove everything themselves, and as the starts do that look at it first.
 */
import type { TopicConfig } from "../config/topic_configs.ts";
import { Bookkeeping } from "../storage/bookkeeping.ts";
import { CleanerPositions } from "../storage/compaction/positions.ts";
import type { LogInventory } from "../storage/directory/inventory.ts";
import type { LogContext } from "../storage/log/log_context.ts";
import { openAsRecorded, openLog, type OpenReport } from "../storage/log/open_log.ts";
import { PartitionLog } from "../storage/log/partition_log.ts";
import { segmentBasesOf } from "../storage/segments/segment_files.ts";

/** Closes a sound log; what a clean stop writes down of it. */
export async function closedForRecord(
  { store }: LogContext,
  log: PartitionLog,
): Promise<LogInventory> {
  const positions = new CleanerPositions();
  const metadata = () => ({ endOffset: 0, bytes: 0 });
  const entry = await new Bookkeeping({ store, positions, brokerEpoch: 0, metadata }).close(log);
  if (!entry.log.isExact) throw new Error(`${log.folder} was not closed cleanly`);
  return entry.log;
}

export type Opener = (
  context: LogContext,
  config: TopicConfig,
  record: LogInventory,
) => OpenReport | Promise<OpenReport>;

/** Takes the record's word for the offsets, and every segment that is there for what it was: nothing is looked at. */
export const believing: Opener = (context, config, record) => {
  const { topicId, topic, partition, logStartOffset, endOffset } = record;
  const names = context.store.list(`${topic}-${partition}`).map(({ name }) => name);
  const log = new PartitionLog(context, {
    ...{ topicId, topic, partition, logStartOffset },
    segments: segmentBasesOf(names),
    logEndOffset: endOffset,
    recoveryPoint: endOffset,
  }, config);
  return { log, cutBytes: 0, damage: null, warnings: [] };
};

/** As after a clean stop, with the record that it wrote. */
export const asRecorded: Opener = (context, config, record) =>
  openAsRecorded(context, record, config, { record, clean: true }) ??
    recovering(context, config, record, { clean: true, record });

/** As after a clean stop of which only Kafka's checkpoints tell. */
export const withoutRecord: Opener = (context, config, record) =>
  recovering(context, config, record, { clean: true });

/** As after a crash, everything having been synced. */
export const afterCrash: Opener = (context, config, record) =>
  recovering(context, config, record, { clean: false });

function recovering(
  context: LogContext,
  config: TopicConfig,
  { topicId, topic, partition, endOffset, logStartOffset }: LogInventory,
  known: { clean: boolean; record?: LogInventory },
): Promise<OpenReport> {
  const checkpoint = { recoveryPoint: endOffset, logStartOffset, journal: [], ...known };
  return openLog(context, { topicId, topic, partition }, config, checkpoint);
}
