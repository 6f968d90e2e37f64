/**
 * judgeFiles: holds the files of a log's folder against what is known of the log, before a batch is looked at: which of
 * them are the log, what is to be done with the others, and by which rules the batches are to be judged (examine.ts).
 * Reads only, so that a start, which does what comes out (log/open_log.ts), and `runnel storage verify`, which tells it,
 * cannot come to different ends.
 *
 * | found | means | answer |
 * |---|---|---|
 * | `.swap` files, and a pass of the cleaner was at work there | a pass that was cut off | finished |
 * | `.swap` files that no pass of this log can have written | somebody put them there | put aside |
 * | a segment that was not there when it was written down | the same | put aside |
 * | a segment before the log's start, behind which another is gone | dropped, and a rename failed | put aside |
 * | more bytes than recorded, without an intact batch | the same | cut |
 * | a segment that is missing, shorter, or another one | the journal has it: put back; else damage | |
 * | the log begins above its start | the journal has what lies below: put back; else damage | |
 */
import type { SegmentContext } from "../segments/segment.ts";
import { segmentName } from "../segments/segment.ts";
import * as batch from "../../protocol/records/batch.ts";
import { everCompactedTo, type LogInventory } from "../directory/inventory.ts";
import { segmentBasesOf, setBeyondAside, setSegmentAside } from "../segments/segment_files.ts";
import {
  compare,
  cutBack,
  type Kept,
  lastBatchProblem,
  type LostSegment,
  unexpectedIn,
} from "./as_recorded.ts";
import { finishInterruptedCleaning, setSwapsAside } from "./cleaning_leftovers.ts";
import type { ExamineOptions, Fault } from "./examine.ts";
import { JournalCopies } from "./journal_copies.ts";
import type { KnownLog } from "./known_log.ts";
import { PlannedStore } from "./planned_store.ts";
import { SegmentReader } from "./segment_reader.ts";
import { gapBetween } from "./segment_chain.ts";
import { epochsAsRecorded, snapshotsAsRecorded } from "./sidecars.ts";

export interface JudgedFiles {
  /** The folder as it is to be, and what has to be done for that. */
  readonly plan: PlannedStore;
  /** What that heals. */
  readonly healed: readonly Healed[];
  /** Why the log must not be served, whatever its batches are. */
  readonly lost: Lost | null;
  /** Base offsets of the log's segments, ascending. */
  readonly bases: readonly number[];
  /**
   * The base offset of an empty segment behind them that nothing vouches for, or null: it may be one that was just begun,
   * or a file that somebody put there. It is the log's when the batches lead there.
   */
  readonly withheld: number | null;
  /** Where the log's first segment begins. */
  readonly begins: number;
  readonly mayHaveGaps: boolean;
  readonly options: ExamineRules;
}

/** What is done to a file before any batch is looked at: put aside, cut, or made anew. */
export interface Healed {
  readonly kind: "stray" | "torn" | "hint";
  readonly file: string;
  readonly what: string;
}

export interface Lost extends Fault {
  /** All segments, those before all that are there, one of them, or nothing: a segment has more than it had. */
  readonly kind: "gone" | "beginning" | "segment" | "excess";
  /** Whether the segment is shorter than it was, so that its batches tell where it ends. */
  readonly isShort?: boolean;
}

/** The rules for the batches, and where a start begins with them. */
export type ExamineRules = Omit<ExamineOptions, "start" | "knownEpochs"> & {
  /** See RecoveryOptions. */
  readonly walkFrom?: number;
};

export interface JudgeOptions {
  /** Whether the topic is compacted by its policy of now. */
  readonly isCompacted: boolean;
  readonly indexIntervalBytes: number;
}

export function judgeFiles(
  context: SegmentContext,
  known: KnownLog,
  { isCompacted, indexIntervalBytes }: JudgeOptions,
): Promise<JudgedFiles> {
  // What an exact record says holds whatever the stop was, since nothing was done to the log after it.
  const isLookedBehind = known.looksBehind === true && known.record?.isExact === true;
  return judgeBy(
    context,
    isLookedBehind ? { ...known, record: { ...known.record!, isExact: false } } : known,
    { isCompacted, indexIntervalBytes },
  );
}

async function judgeBy(
  context: SegmentContext,
  known: KnownLog,
  { isCompacted, indexIntervalBytes }: JudgeOptions,
): Promise<JudgedFiles> {
  const { folder } = context, { record, recoveryPoint } = known;
  const plan = new PlannedStore(context.store), view = { ...context, store: plan };
  const healed: Healed[] = [];
  const heal = (kind: Healed["kind"], found: readonly string[]) => {
    for (const text of found) healed.push({ kind, ...splitAtFile(text) });
  };
  const namesNow = () => plan.list(folder).map(({ name }) => name);
  heal("stray", setSwapsAside(plan, folder, namesNow(), swapsTo(known)));
  await finishInterruptedCleaning(view);
  heal("stray", setBeyondAside(plan, folder, namesNow()));
  const mayHaveGaps = mayHaveGapsIn(isCompacted, record);
  const clean = known.clean || record?.isExact === true;
  let bases = segmentBasesOf(namesNow());
  for (const base of record === undefined ? [] : unexpectedIn(bases, record)) {
    setSegmentAside(plan, folder, namesNow(), base);
    heal("stray", [`${segmentName(base)}.log was not there before, and is renamed aside`]);
  }
  bases = segmentBasesOf(namesNow());
  for (const base of droppedIn(view, bases, known)) {
    setSegmentAside(plan, folder, namesNow(), base);
    heal("stray", [`${segmentName(base)}.log was dropped, as what followed it: renamed aside`]);
  }
  bases = segmentBasesOf(namesNow());
  const { lost, healsFrom, restoresFrom, cut } = whatIsLost(view, bases, { known, mayHaveGaps });
  heal("torn", cut);
  if (record !== undefined && lost === null) {
    heal("hint", snapshotsAsRecorded(plan, folder, namesNow(), record));
    heal("hint", epochsAsRecorded(plan, folder, record));
  }
  const begins = restoresFrom ?? bases[0] ?? 0;
  const withheld = mayHaveGaps || clean ? emptyAhead(view, bases, known) : null;
  return {
    plan,
    healed,
    lost,
    bases: withheld === null ? bases : bases.slice(0, -1),
    withheld,
    begins,
    mayHaveGaps,
    options: {
      recoveryPoint: recoveryPoint ?? begins,
      isRecoveryPointKnown: recoveryPoint !== undefined,
      logStartOffset: Math.max(known.logStartOffset ?? 0, begins),
      restoresFrom: restoresFrom ?? undefined,
      recorded: record !== undefined && record.segments.length > 0 ? record : undefined,
      indexIntervalBytes,
      mayHaveGaps,
      compactedTo: known.compactedTo ?? recoveryPoint ?? Infinity,
      gapsTo: gapsTo(known),
      emptyAhead: withheld ?? undefined,
      maxLeaderEpoch: known.maxLeaderEpoch ?? MAX_INT32,
      journal: known.journal,
      walkFrom: healsFrom ?? undefined,
      wasJournaled: known.wasJournaled,
      isJournalUnknown: known.isJournalUnknown,
      mayBeTorn: !clean,
      rest: known.rest,
    },
  };
}

/**
 * Segments wholly before the log's start behind which another is gone: dropped ones of which not every file could be
 * renamed. They go one by one, and a start is written down before the first does.
 */
function droppedIn(
  context: SegmentContext,
  bases: readonly number[],
  { logStartOffset = 0 }: KnownLog,
): readonly number[] {
  const first = bases.findLastIndex((base) => base <= logStartOffset); // holds the start, or would have to
  for (let i = first - 1; i >= 0; i--) {
    if (gapBetween(context, context.folder, bases.slice(i, i + 2)) !== null) {
      return bases.slice(0, i + 1);
    }
  }
  return [];
}

/** Whether compaction may have left gaps: by the policy of now, or because the log was compacted once. */
export function mayHaveGapsIn(isCompacted: boolean, record: LogInventory | undefined): boolean {
  return isCompacted || (record?.compactedTo ?? record?.compactingTo ?? null) !== null;
}

/** No gap that compaction left lies above; Infinity where a Kafka may have been at work, which writes that down later. */
function gapsTo({ record, recoveryPoint, compactedTo, isCompactionKnown }: KnownLog): number {
  if (isCompactionKnown === true) return compactedTo ?? Infinity;
  if (record === undefined || record.segments.length === 0) return Infinity;
  return recoveryPoint ?? Infinity; // Runnel never compacts beyond
}

/** Swapped-in segments below are finished: there a pass was at work, or nothing says where one was. */
function swapsTo({ record, isCompactionKnown }: KnownLog): number {
  if (record === undefined || record.segments.length === 0) {
    return isCompactionKnown === true ? 0 : Infinity;
  }
  return record.compactingTo ?? 0;
}

interface Held {
  readonly lost: Lost | null;
  /** A segment that recovery is to begin with, because the journal has what it lacks. */
  readonly healsFrom: number | null;
  /** A segment before all that are there, which the journal has from its beginning. */
  readonly restoresFrom: number | null;
  /** What was cut back to the recorded size, in words. */
  readonly cut: readonly string[];
}

/** What is missing of what was synced, which a walk from the recovery point on would not notice. */
function whatIsLost(
  context: SegmentContext,
  bases: readonly number[],
  { known, mayHaveGaps }: { known: KnownLog; mayHaveGaps: boolean },
): Held {
  const { store, folder } = context, { record, recoveryPoint = 0, journal } = known;
  const heard = new JournalCopies(journal);
  const isOwn = record !== undefined && record.segments.length > 0;
  let healsFrom: number | null = null, cut: readonly string[] = [];
  if (isOwn) {
    const isJournaled = (base: number, at: number) =>
      base >= everCompactedTo(record) && // else it may have gone since
      heard.has(base, at);
    const found = compare(store, folder, bases, record, isJournaled);
    if (found.lost !== null) {
      return lostAt(found.lost, bases);
    }
    const problem = record.isExact ? lastBatchProblem(store, folder, record) : null;
    if (problem !== null) return nothingBut(lastBatchIn(context, record, problem));
    healsFrom = found.healsFrom;
    const back = cutBack(store, folder, found.longer);
    if ("kept" in back) return nothingBut(excessIn(record, back));
    cut = back.cut;
  } else if (bases.length === 0 && recoveryPoint > 0) {
    const problem = `there is no segment, and the log was synced up to ${recoveryPoint}`;
    return lostAt({ baseOffset: 0, problem, isMissing: true }, bases);
  }
  // A start above 0 is written down before a segment goes. Kafka writes only what the first file does not tell.
  const { logStartOffset } = known, isStartKnown = isOwn || record === undefined;
  let restoresFrom: number | null = null;
  if (isStartKnown && logStartOffset !== undefined && bases[0] > logStartOffset) {
    restoresFrom = heard.segmentOf(logStartOffset);
    if (restoresFrom === null) {
      const problem = `the log begins at ${bases[0]}, and its start is ${logStartOffset}`;
      return lostAt({ baseOffset: logStartOffset, problem, isMissing: true }, bases);
    }
  }
  // From the recovery point on the batches are looked at, and the journal may know better.
  const below = isOwn || mayHaveGaps ? [] : bases.filter((base) => base <= recoveryPoint);
  const gap = gapBetween(context, folder, below);
  if (gap === null) return { lost: null, healsFrom, restoresFrom, cut };
  const { base, offset, problem } = gap, position = sizeOf(context, base);
  return nothingBut({ kind: "segment", segmentBase: base, position, offset, problem });
}

/** A segment that is not what it was: the log would have to end, or to begin, there. */
function lostAt(
  { baseOffset, problem, isMissing, isShort }: LostSegment,
  bases: readonly number[],
): Held {
  const isBefore = isMissing && baseOffset < bases[0];
  const kind = bases.length === 0 ? "gone" : isBefore ? "beginning" : "segment";
  const at = kind === "beginning" ? bases[0] : baseOffset;
  return nothingBut({ kind, segmentBase: at, position: 0, offset: at, problem, isShort });
}

/** The last batch is not what it was: the log would have to end there, or, where it is none, with what is sound before. */
function lastBatchIn(context: SegmentContext, record: LogInventory, problem: string): Lost {
  const { baseOffset: base } = record.segments.findLast(({ bytes }) => bytes > 0)!;
  const { position } = record.lastBatch!;
  const reader = SegmentReader.open(context.store, context.folder, base);
  const bytes = reader.batchAt(position, () => false);
  const isIntact = bytes !== null && batch.magic(bytes) === batch.MAGIC_V2 && batch.isIntact(bytes);
  const offset = isIntact ? batch.baseOffset(bytes) : -1;
  reader.close();
  return offset >= base && offset < record.endOffset
    ? { kind: "segment", segmentBase: base, position, offset, problem }
    : { kind: "segment", segmentBase: base, position: 0, offset: base, problem, isShort: true };
}

/** Intact batches behind the recorded end of a segment. */
function excessIn(record: LogInventory, { kept, segment }: Kept): Lost {
  const { baseOffset, bytes } = segment, { segments, endOffset } = record;
  const offset = segments.find((one) => one.baseOffset > baseOffset)?.baseOffset ?? endOffset;
  return { kind: "excess", segmentBase: baseOffset, position: bytes, offset, problem: kept };
}

function nothingBut(lost: Lost): Held {
  return { lost, healsFrom: null, restoresFrom: null, cut: [] };
}

/** The name that a text begins with, and the rest. */
function splitAtFile(text: string): { file: string; what: string } {
  const at = text.indexOf(" ");
  return { file: text.slice(0, at), what: text.slice(at + 1) };
}

/** See JudgedFiles.withheld. Where gaps are allowed it would move the log end. */
function emptyAhead(
  context: SegmentContext,
  bases: readonly number[],
  { record, recoveryPoint = 0, journal }: KnownLog,
): number | null {
  const last = bases.at(-1);
  if (last === undefined || bases.length < 2 || last <= recoveryPoint) return null;
  if (record?.segments.some(({ baseOffset }) => baseOffset === last)) return null;
  if (journal.some(({ segmentBase }) => segmentBase === last)) return null;
  return sizeOf(context, last) === 0 ? last : null;
}

function sizeOf({ store, folder }: SegmentContext, base: number): number {
  const blob = store.open(`${folder}/${segmentName(base)}.log`), { size } = blob;
  blob.close();
  return size;
}

const MAX_INT32 = 2 ** 31 - 1;
