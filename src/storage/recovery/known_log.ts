/**
 * KnownLog: all that is known of a log besides its own folder. A start and `runnel storage verify` put it together by
 * the same function, from the same files, so that neither judges by what the other has not.
 */
import type { Uuid } from "../../bytes/uuid.ts";
import { folderOf, type LogInventory } from "../directory/inventory.ts";
import type { Remembered } from "../directory/remembered.ts";
import type { JournalEntry } from "../durability/journal_entries.ts";

/** What is remembered of a log; undefined where nothing is. */
export interface KnownLog {
  readonly recoveryPoint: number | undefined;
  readonly logStartOffset: number | undefined;
  /** Whether the broker stopped cleanly, so that nothing can be torn. */
  readonly clean: boolean;
  /**
   * Whether the inventory is a clean stop's, and its marker is gone: somebody took it away, so that what lies behind a
   * recorded end is looked at.
   */
  readonly looksBehind?: boolean;
  /** What the journal has of this partition; nothing after a clean stop. */
  readonly journal: readonly JournalEntry[];
  /**
   * No segment that ends above was ever compacted: a pass has written down how far it goes before it replaces anything.
   * Without it the recovery point says so, which a pass never goes beyond; and without that one nothing is known.
   */
  readonly compactedTo?: number;
  /** Whether `compactedTo` is of the inventory, so that nothing above it was compacted by anybody. */
  readonly isCompactionKnown?: boolean;
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

/** What the last run left, of all logs. */
export interface LastRun {
  readonly clean: boolean;
  readonly remembered: Remembered;
  /** By folder. */
  readonly journal: ReadonlyMap<string, readonly JournalEntry[]>;
  /** Whether the journal says exactly what was acknowledged; undefined where nobody looked. */
  readonly wasJournaled: boolean | undefined;
}

/** What is known of a log that should be there. */
export function knownLog(
  ref: { readonly topicId: Uuid; readonly topic: string; readonly partition: number },
  { clean, remembered, journal, wasJournaled }: LastRun,
): KnownLog & { readonly isNew: boolean } {
  const entries = (journal.get(folderOf(ref)) ?? [])
    .filter(({ topicId }) => topicId === ref.topicId);
  const record = withoutMore(remembered.of(ref), entries);
  // It was made since the inventory was written: nothing of it was called synced, or compacted.
  const isNew = record === undefined && remembered.isComplete;
  const saysHowFar = record !== undefined &&
    (record.segments.length > 0 || record.recoveryPoint > 0); // a restored backup has a log start alone
  return {
    recoveryPoint: saysHowFar ? record.recoveryPoint : isNew ? 0 : undefined,
    logStartOffset: isNew ? 0 : record?.logStartOffset,
    clean,
    looksBehind: !clean && remembered.isClean,
    journal: record?.isExact ? [] : entries,
    compactedTo: remembered.compactedTo(ref),
    isCompactionKnown: remembered.isComplete,
    record,
    wasJournaled: wasJournaled === true && remembered.isComplete,
    isJournalUnknown: wasJournaled === false,
    isNew,
  };
}

/** An exact record is none where the journal has more of the log: it was opened after that was written down. */
function withoutMore(
  record: LogInventory | undefined,
  journal: readonly JournalEntry[],
): LogInventory | undefined {
  if (record === undefined || !record.isExact) return record;
  const last = record.segments.at(-1), base = last?.baseOffset ?? 0, bytes = last?.bytes ?? 0;
  const isMore = journal.some(({ segmentBase, position, payload }) =>
    segmentBase > base || segmentBase === base && position + payload.length > bytes
  );
  return isMore ? { ...record, isExact: false } : record;
}
