/**
 * examineLog: what the segments of a log hold, and what is to be done about it. Reads only, so that a start, which does
 * it, and `runnel storage verify`, which tells it, decide by the same rules:
 *
 * | found | means | answer |
 * |---|---|---|
 * | a batch that is not the next one, which the journal has | a crash or a disk took it | put back in place |
 * | bytes at the end that are no batch, after an unclean stop | a write that a crash tore | cut |
 * | an empty segment behind the end that does not continue it | the end before it was lost, unsynced | renamed aside |
 * | the same below the recovery point, or with anything intact behind, or after a clean stop | damage | bytes kept, offline |
 *
 * Kafka cuts in all cases, because its replicas refill what was cut; a single node has nobody to ask.
 */
import { type SegmentContext, segmentName } from "../log/segment.ts";
import type { EpochEntry } from "../log/leader_epochs.ts";
import type { JournalEntry } from "../durability/journal.ts";
import { endOfSegment, type Place } from "./continuity.ts";
import { type BatchPlace, type EpochRepair, EpochRuns } from "./epoch_runs.ts";
import { IndexPlan } from "./index_plan.ts";
import { findIntact } from "./intact_search.ts";
import { JournalCopies } from "./journal_copies.ts";
import { SegmentReader } from "./segment_reader.ts";
import { type Walked, walkSegment, wrongAt } from "./walk.ts";

export interface ExamineOptions {
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  readonly indexIntervalBytes: number;
  readonly mayHaveGaps: boolean;
  readonly maxLeaderEpoch: number;
  readonly journal: readonly JournalEntry[];
  readonly mayBeTorn: boolean;
  /** What the epoch checkpoint says. */
  readonly knownEpochs: readonly EpochEntry[];
  /** Where to begin: everything before is taken as it is. */
  readonly start: Start;
  readonly rest?: () => Promise<void>;
}

/** A batch's place in the segments, by index. */
export interface Start {
  readonly index: number;
  readonly position: number;
  readonly offset: number;
}

export interface ExaminedSegment extends Walked {
  readonly base: number;
  /** Where the walk of it began. */
  readonly from: Start;
  /** Of its file as it is. */
  readonly fileBytes: number;
  /** Whether the file is missing, its name lost, and the journal has it from its beginning. */
  readonly isLost: boolean;
  readonly index: IndexPlan;
}

/** Where a log stops being what it should be. */
export interface Fault {
  readonly segmentBase: number;
  readonly position: number;
  readonly offset: number;
  readonly problem: string;
}

export interface Examined {
  readonly logEndOffset: number;
  /** Those walked, ascending. */
  readonly segments: readonly ExaminedSegment[];
  /** A torn end, whose bytes behind the position go. */
  readonly torn: (Fault & { readonly bytes: number }) | null;
  readonly damage: Fault | null;
  /** Base offsets of empty segments that do not belong to the log. */
  readonly strays: readonly number[];
  readonly epochRepairs: readonly EpochRepair[];
  readonly epochs: readonly EpochEntry[];
}

export async function examineLog(
  { store, folder }: Pick<SegmentContext, "store" | "folder">,
  bases: readonly number[],
  options: ExamineOptions,
  onSound: (segment: ExaminedSegment) => void = () => {},
): Promise<Examined> {
  const { recoveryPoint, maxLeaderEpoch, mayHaveGaps, rest, start } = options;
  const journal = new JournalCopies(options.journal), epochs = new EpochRuns();
  const segments: ExaminedSegment[] = [],
    queue = bases.slice(start.index),
    lost = new Set<number>();
  const pathOf = (base: number) => `${folder}/${segmentName(base)}.log`;
  let sinceRest = 0;
  const pace = (bytes: number) => {
    if (rest === undefined || (sinceRest += bytes) < REST_BYTES) return;
    sinceRest = 0;
    return rest();
  };
  let nextOffset = start.offset, torn: Examined["torn"] = null, damage: Fault | null = null;
  let strays: readonly number[] = [];
  const fault = (segmentBase: number, position: number, problem: string): Fault => ({
    segmentBase,
    position,
    offset: nextOffset,
    problem: `${pathOf(segmentBase)}: ${problem}`,
  });
  const faultAtEnd = (problem: string): Fault => {
    const end = segments.at(-1);
    return { ...fault(end!.base, end!.position, ""), problem: `${folder}: ${problem}` };
  };
  /** A segment that begins where the log ends so far, and that only the journal has. */
  const isInJournal = () =>
    journal.batchAt(nextOffset, 0, placeOf(nextOffset, queue[0] ?? null)) !== null;
  /**
   * The active segment is never compacted, and no other one before a recovery point behind it has been written down.
   * Without a recovery point nothing is known.
   */
  const isUncompacted = (nextBase: number | null) =>
    !mayHaveGaps || nextBase === null || recoveryPoint > 0 && nextBase > recoveryPoint;
  const placeOf = (base: number, nextBase: number | null): Place => ({
    nextOffset,
    mayHaveGaps,
    endOffset: endOfSegment(base, nextBase),
  });
  for (let i = 0; damage === null; i++) {
    const base = queue[0];
    const isFirst = i === 0 && base !== undefined;
    if (base === undefined || !isFirst && base > nextOffset) {
      const last = segments.at(-1)?.base;
      if (last !== nextOffset && isUncompacted(base ?? null) && isInJournal()) {
        lost.add(nextOffset);
        queue.unshift(nextOffset);
        continue;
      }
      if (base === undefined) break;
      if (mayHaveGaps) nextOffset = base;
      else {
        const behind = firstFilled(store, pathOf, queue);
        if (behind === null && nextOffset >= recoveryPoint) strays = queue;
        else {
          const name = segmentName(behind ?? base);
          damage = faultAtEnd(
            `segment ${name} does not begin where the log ends, at ${nextOffset}`,
          );
        }
        break;
      }
    }
    if (base < nextOffset && !isFirst) {
      const name = segmentName(base);
      damage = faultAtEnd(`segment ${name} begins below ${nextOffset}, where the one before ends`);
      break;
    }
    queue.shift();
    const nextBase = queue[0] ?? null, isLost = lost.has(base);
    const from = isFirst ? start : { index: start.index + i, position: 0, offset: nextOffset };
    const index = new IndexPlan(options.indexIntervalBytes, from.position === 0);
    const reader = isLost ? new SegmentReader(null) : SegmentReader.open(store, folder, base);
    try {
      const place = placeOf(base, nextBase);
      const walked = await walkSegment(reader, {
        base,
        nextBase,
        position: from.position,
        place,
        maxLeaderEpoch,
        journal,
        isUncompacted: isUncompacted(nextBase),
        epochs,
        index,
        walked: pace,
      });
      nextOffset = walked.nextOffset;
      const segment = { ...walked, base, from, fileBytes: reader.size, isLost, index };
      segments.push(segment);
      if (walked.position >= reader.size) {
        if (walked.patches.length === 0) onSound(segment);
        continue;
      }
      const { problem, isIntact } = wrongAt(reader, walked.position, placeOf(base, nextBase));
      const at = `there is no valid batch at position ${walked.position}, offset ${nextOffset}`;
      const behind = isIntact
        ? "its checksum is right, so it was not torn"
        : await behindTheEnd(reader, walked, {
          ...options,
          filled: firstFilled(store, pathOf, queue),
        });
      if (behind !== null) {
        damage = fault(base, walked.position, `${at} (${problem}; ${behind})`);
        break;
      }
      const bytes = reader.size - walked.position;
      torn = { ...fault(base, walked.position, `${at} (${problem})`), bytes };
      if (queue[0] !== nextOffset) strays = queue.splice(0);
    } finally {
      reader.close();
    }
  }
  const end = segments.at(-1), endBase = end?.base ?? bases[0] ?? options.logStartOffset;
  damage ??= beyondTheEnd(end);
  const judged = epochs.judge(maxLeaderEpoch, options.knownEpochs);
  if (judged.damage !== null && (damage === null || judged.damage.offset < damage.offset)) {
    damage = epochFault(judged.damage);
  }
  return {
    logEndOffset: nextOffset,
    segments,
    torn,
    damage,
    strays,
    epochRepairs: judged.repairs,
    epochs: judged.epochs,
  };

  function beyondTheEnd(end: ExaminedSegment | undefined): Fault | null {
    const position = end?.position ?? 0;
    if (nextOffset < recoveryPoint) {
      const problem = `the log ends at offset ${nextOffset}, but was synced up to ${recoveryPoint}`;
      return fault(endBase, position, problem);
    }
    const jump = end?.lastJump ?? null;
    if (jump !== null && nextOffset > recoveryPoint && end!.base === bases.at(-1)) {
      const problem =
        `the last batch begins at offset ${jump}, behind a gap, and nothing proves it`;
      return fault(endBase, position, problem);
    }
    const beyond = journal.beyond(endBase, nextOffset);
    if (beyond === null) return null;
    const problem = `the log ends at offset ${nextOffset}, but offset ${beyond} is in the journal`;
    return fault(endBase, position, problem);
  }

  function epochFault(
    { segmentBase, position, offset, problem }: BatchPlace & { problem: string },
  ) {
    const what = `there is no valid batch at position ${position}, offset ${offset} (${problem})`;
    return { segmentBase, position, offset, problem: `${pathOf(segmentBase)}: ${what}` };
  }
}

/** The first of these segments that has any bytes, or null. */
function firstFilled(
  store: SegmentContext["store"],
  pathOf: (base: number) => string,
  bases: readonly number[],
): number | null {
  for (const base of bases) {
    const blob = store.open(pathOf(base));
    const { size } = blob;
    blob.close();
    if (size > 0) return base;
  }
  return null;
}

/** What makes an end that is not valid more than a torn one, or null. */
async function behindTheEnd(
  reader: SegmentReader,
  { position, nextOffset }: Walked,
  { recoveryPoint, mayBeTorn, filled, rest }: ExamineOptions & { filled: number | null },
): Promise<string | null> {
  if (nextOffset < recoveryPoint) return `it lies below the recovery point ${recoveryPoint}`;
  if (filled !== null) return `segment ${segmentName(filled)} lies behind it`;
  // After a clean stop the recovery point is the log end, and what somebody put behind it belongs to no record.
  if (!mayBeTorn && nextOffset !== recoveryPoint) {
    return `the last stop was clean, at offset ${recoveryPoint}`;
  }
  const behind = { from: position + 1, to: reader.size };
  const intact = await findIntact(reader, behind, { fromOffset: nextOffset, rest });
  if (intact === null) return null;
  return intact.offset === null
    ? `more of what lies behind it looks like batches than can be checked`
    : `a valid batch with offset ${intact.offset} lies behind it`;
}

/** How much is walked before others go on. */
const REST_BYTES = 4 << 20;
