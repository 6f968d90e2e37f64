/**
 * endFault: what is wrong with where a log ends, though every batch of it is valid: what was written down, and what the
 * journal has, say that it came further.
 */
import { segmentName } from "../segments/segment.ts";
import { mustBeThere } from "./as_recorded.ts";
import type { ExaminedSegment, ExamineOptions } from "./examine.ts";
import type { JournalCopies } from "./journal_copies.ts";
import type { Jump } from "./walk.ts";

/** Where a walk has come to. */
export interface WalkEnd {
  readonly segments: readonly ExaminedSegment[];
  readonly offset: number;
  /** Of all segments that are there. */
  readonly lastBase: number | undefined;
  readonly journal: JournalCopies;
}

/** What is wrong, in words. */
export interface EndFault {
  readonly problem: string;
  /** When it is not the last. */
  readonly segment?: ExaminedSegment;
  /** The last batch, when it is the one that must not be believed. */
  readonly jump?: Jump;
}

export function endFault(walked: WalkEnd, options: ExamineOptions): EndFault | null {
  const { segments, offset, lastBase, journal } = walked, end = segments.at(-1);
  const { recoveryPoint, recorded, emptyAhead } = options;
  const endsAt = `the log ends at offset ${offset}`;
  if (offset < recoveryPoint) {
    return { problem: `${endsAt}, but was synced up to ${recoveryPoint}` };
  }
  const short = segments.find((segment) => isShort(segment, options));
  if (short !== undefined) {
    const name = `${segmentName(short.base)}.log`, { bytes } = recordOf(short, options)!;
    const has = `the journal has ${name} up to position ${short.position}`;
    return { problem: `${has}, and it was ${bytes} bytes`, segment: short };
  }
  const jump = end?.lastJump ?? null, isProven = offset <= recoveryPoint || offset === emptyAhead;
  if (jump !== null && !isProven && end!.base === lastBase) {
    const what = `the last batch begins at offset ${jump.offset}, behind a gap`;
    return { problem: `${what}, and nothing proves it`, jump };
  }
  const beyond = journal.beyond(offset);
  if (beyond !== null) return { problem: `${endsAt}, but offset ${beyond} is in the journal` };
  // Without any segment the log ends where it starts: a mark tells of a file that had been synced, name and all.
  const isMore = end === undefined
    ? journal.isMarkedBehind(holderOf(offset, options))
    : journal.isAcknowledgedBehind(end.base, end.position);
  if (isMore) {
    return { problem: `${endsAt}, but the journal has a mark of more that was acknowledged` };
  }
  if (recorded === undefined || offset >= recorded.endOffset || offset === emptyAhead) return null;
  return { problem: `${endsAt}, but had durably reached ${recorded.endOffset}` };
}

/** The segment that holds an offset, as far as is written down; itself where nothing is. */
function holderOf(offset: number, { recorded }: ExamineOptions): number {
  const holder = recorded?.segments.findLast(({ baseOffset }) => baseOffset <= offset);
  return holder?.baseOffset ?? offset;
}

/** Whether a segment was shorter than recorded, and did not become as long again with what the journal has. */
function isShort(segment: ExaminedSegment, options: ExamineOptions): boolean {
  const { fileBytes, position } = segment, { bytes = 0 } = recordOf(segment, options) ?? {};
  return fileBytes < bytes && position < bytes;
}

/** What is recorded of a segment that cannot have become smaller since. */
function recordOf({ base }: ExaminedSegment, { recorded }: ExamineOptions) {
  const i = recorded?.segments.findIndex(({ baseOffset }) => baseOffset === base) ?? -1;
  return i >= 0 && mustBeThere(recorded!, i) ? recorded!.segments[i] : undefined;
}
