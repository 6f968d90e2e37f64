/**
 * examineLog: what the segments of a log hold, and what is to be done about it. Reads only, so that a start, which does
 * it, and `runnel storage verify`, which tells it, decide by the same rules:
 *
 * | found | means | answer |
 * |---|---|---|
 * | a batch that is not the next one, which the journal has | a crash or a disk took it | put back in place |
 * | bytes that are no batch where, as the journal knows, nothing was acknowledged | a write that a crash tore | cut, and what lies in later segments renamed aside |
 * | bytes at the end that are no batch, after an unclean stop | a write that a crash tore | cut |
 * | an empty segment behind the end that does not continue it | the end before it was lost, unsynced | renamed aside |
 * | the same below the recovery point, or with anything intact behind, or after a clean stop | damage | bytes kept, offline |
 *
 * Kafka cuts in all cases, because its replicas refill what was cut; a single node has nobody to ask.
 */
import { type SegmentContext, segmentName } from "../segments/segment.ts";
import type { LogInventory } from "../directory/inventory.ts";
import type { EpochEntry } from "../directory/leader_epochs.ts";
import type { JournalEntry } from "../durability/journal_entries.ts";
import type { Store } from "../store.ts";
import { endOfSegment, type Place } from "../../protocol/records/batch_place.ts";
import { type EpochRepair, EpochRuns } from "./epoch_runs.ts";
import { IndexPlan } from "./index_plan.ts";
import { findIntact } from "./intact_search.ts";
import { JournalCopies } from "./journal_copies.ts";
import { SegmentReader } from "./segment_reader.ts";
import { endFault } from "./end_fault.ts";
import { type Contradiction, type Jump, type Walked, walkSegment, wrongAt } from "./walk.ts";

export interface ExamineOptions {
  /** Everything below was synced to the segments' own files: a log that ends below it is damaged. */
  readonly recoveryPoint: number;
  /** Whether it was written down; without it, when it is above 0. */
  readonly isRecoveryPointKnown?: boolean;
  readonly logStartOffset: number;
  readonly indexIntervalBytes: number;
  /** Whether compaction may have left gaps between batches and segments. Otherwise the next batch begins where the last ended. */
  readonly mayHaveGaps: boolean;
  /** No segment that ends above was ever compacted; Infinity where nothing is known. */
  readonly compactedTo: number;
  /** The base offset of an empty segment behind them: a log that ends there has its end proven. */
  readonly emptyAhead?: number;
  /** No gap that compaction left lies above; Infinity unless given, since Kafka compacts where it has not written it down. */
  readonly gapsTo?: number;
  /** The base offset of a segment before all that are there, which the journal has from its beginning. */
  readonly restoresFrom?: number;
  /** What was written down of the log, against which what comes out is held. */
  readonly recorded?: LogInventory;
  /** No batch of this log can carry a later leader epoch. */
  readonly maxLeaderEpoch: number;
  /** Of this topic id and partition, oldest first. */
  readonly journal: readonly JournalEntry[];
  /** Whether the last stop was unclean, so that the end may be torn by a crash. */
  readonly mayBeTorn: boolean;
  /** What the epoch checkpoint says. */
  readonly knownEpochs: readonly EpochEntry[];
  /** Whether the last run journaled whatever it acknowledged, so that of a log without entries it acknowledged nothing. */
  readonly wasJournaled?: boolean;
  /** Whether more may have been acknowledged than the journal says, because some of it is lost. */
  readonly isJournalUnknown?: boolean;
  /** Where to begin: everything before is taken as it is. */
  readonly start: Start;
  /** Told of every batch that is sound, in order; the bytes die with the call. */
  readonly seen?: (bytes: Uint8Array) => void;
  /** Called between pieces of work (every few MiB) so that others go on. */
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
  /** Base offsets of segments that do not belong to the log: nothing in them can be read as a part of it. */
  readonly strays: readonly number[];
  /** Bytes behind the last batch of a segment that the next one continues: they hold nothing, and go. */
  readonly tails: readonly (Fault & { readonly bytes: number })[];
  readonly epochRepairs: readonly EpochRepair[];
  readonly epochs: readonly EpochEntry[];
}

/** Looks at the segments; `onSound` is told of each that is whole as it is. */
export function examineLog(
  { store, folder }: Pick<SegmentContext, "store" | "folder">,
  bases: readonly number[],
  options: ExamineOptions,
  onSound: (segment: ExaminedSegment) => void = () => {},
): Promise<Examined> {
  return new Examination(store, folder, bases, options).run(onSound);
}

class Examination {
  readonly #store: Store;
  readonly #folder: string;
  readonly #options: ExamineOptions;
  readonly #journal: JournalCopies;
  readonly #epochs = new EpochRuns();
  readonly #lastBase: number | undefined;
  /** Segments still to come. */
  readonly #queue: number[];
  /** Those of them that only the journal has. */
  readonly #lost = new Set<number>();
  readonly #segments: ExaminedSegment[] = [];
  #nextOffset: number;
  /** Whether it begins before all segments that are there. */
  readonly #isBefore: boolean;
  #torn: Examined["torn"] = null;
  #damage: Fault | null = null;
  #strays: readonly number[] = [];
  readonly #tails: (Fault & { readonly bytes: number })[] = [];
  /** The last segment that was joined over a gap which no compaction left, and where the log ended before it. */
  #unproved: { readonly base: number; readonly offset: number } | null = null;
  #sinceRest = 0;

  constructor(store: Store, folder: string, bases: readonly number[], options: ExamineOptions) {
    this.#store = store;
    this.#folder = folder;
    this.#options = options;
    this.#journal = new JournalCopies(options.journal);
    this.#lastBase = bases.at(-1);
    this.#queue = bases.slice(options.start.index);
    // Where a power loss took every name, the segment that holds the log start begins below it.
    const lost = bases.length === 0 ? this.#journal.segmentOf(options.start.offset) : null;
    this.#isBefore = options.restoresFrom !== undefined;
    this.#nextOffset = options.restoresFrom ?? lost ?? options.start.offset;
  }

  async run(onSound: (segment: ExaminedSegment) => void): Promise<Examined> {
    while (this.#damage === null && this.#joinNext()) await this.#walkNext(onSound);
    this.#damage ??= this.#faultOfEnd();
    const judged = this.#epochs.judge(
      this.#options.maxLeaderEpoch,
      this.#options.knownEpochs,
      this.#options.logStartOffset,
    );
    const { damage } = judged;
    if (damage !== null && (this.#damage === null || damage.offset < this.#damage.offset)) {
      const { segmentBase, position, offset, problem } = damage;
      const what = `${this.#pathOf(segmentBase)}: ${noBatchAt(position, offset)} (${problem})`;
      this.#damage = { segmentBase, position, offset, problem: what };
    }
    return {
      logEndOffset: this.#nextOffset,
      segments: this.#segments,
      torn: this.#torn,
      damage: this.#damage,
      strays: this.#strays,
      tails: this.#tails,
      epochRepairs: judged.repairs,
      epochs: judged.epochs,
    };
  }

  /** Whether there is another segment, which continues the log; one that only the journal has is put in between. */
  #joinNext(): boolean {
    const base = this.#queue[0], isFirst = this.#segments.length === 0 && !this.#isBefore;
    if (base !== undefined && (isFirst || base === this.#nextOffset)) return true;
    if (base !== undefined && base < this.#nextOffset) {
      const ends = `where the one before ends`;
      return this.#fail(`segment ${segmentName(base)} begins below ${this.#nextOffset}, ${ends}`);
    }
    if (this.#isUncompacted(base ?? null) && this.#isBegunInJournal()) {
      this.#lost.add(this.#nextOffset);
      this.#queue.unshift(this.#nextOffset);
      return true;
    }
    if (this.#isBefore && this.#segments.length === 0) {
      return this.#fail(`the log begins at ${base}, and its start is ${this.#nextOffset}`);
    }
    if (base === undefined) return false;
    const filled = this.#firstFilled();
    // What was compacted may end early. Elsewhere an empty segment behind a gap says that what lay before it is lost.
    if (this.#mayBeBehindGap(base) && (filled !== null || !this.#isUncompacted(base))) {
      this.#unproved = this.#isUncompacted(base) ? { base, offset: this.#nextOffset } : null;
      this.#nextOffset = base;
      return true;
    }
    const isAlive = filled !== null && !this.#isUnacknowledgedHere();
    if (isAlive || this.#nextOffset < this.#options.recoveryPoint) {
      const name = segmentName(filled ?? base);
      return this.#fail(
        `segment ${name} does not begin where the log ends, at ${this.#nextOffset}`,
      );
    }
    this.#strays = this.#queue.splice(0);
    return false;
  }

  async #walkNext(onSound: (segment: ExaminedSegment) => void): Promise<void> {
    const base = this.#queue.shift()!, nextBase = this.#queue[0] ?? null;
    const { start, indexIntervalBytes, maxLeaderEpoch } = this.#options;
    const from = this.#segments.length === 0 && !this.#isBefore
      ? start
      : { index: start.index + this.#segments.length, position: 0, offset: this.#nextOffset };
    const isLost = this.#lost.has(base), place = this.#placeIn(base, nextBase);
    const index = new IndexPlan(indexIntervalBytes, from.position === 0);
    const reader = isLost
      ? new SegmentReader(null)
      : SegmentReader.open(this.#store, this.#folder, base);
    try {
      const walked = await walkSegment(reader, {
        base,
        nextBase,
        position: from.position,
        place,
        maxLeaderEpoch,
        journal: this.#journal,
        isUncompacted: this.#isUncompacted(nextBase),
        gapEnd: this.#options.emptyAhead,
        isJournalHeard: this.#options.wasJournaled !== undefined,
        epochs: this.#epochs,
        index,
        walked: (bytes) => this.#walked(bytes),
      });
      this.#nextOffset = walked.nextOffset;
      const segment = { ...walked, base, from, fileBytes: reader.size, isLost, index };
      this.#segments.push(segment);
      if (walked.contradiction !== null) this.#contradicted(segment, walked.contradiction);
      else if (walked.position < reader.size) await this.#judgeEnd(reader, segment);
      else if (walked.patches.length === 0) onSound(segment);
    } finally {
      reader.close();
    }
  }

  /** Whether bytes that are no batch are a torn end, or damage. */
  async #judgeEnd(reader: SegmentReader, segment: ExaminedSegment): Promise<void> {
    const { base, position, lastJump } = segment;
    const offset = this.#nextOffset;
    if (offset === this.#queue[0] && await this.#isEmptyBehind(reader, position, base)) {
      const bytes = reader.size - position, problem = `${bytes} bytes lie behind its last batch`;
      this.#tails.push({ segmentBase: base, position, offset, problem, bytes });
      return;
    }
    const wrong = wrongAt(reader, position, this.#placeIn(base, null)),
      { problem, isIntact } = wrong;
    if (lastJump !== null && wrong.offset !== null && wrong.offset < offset) {
      this.#damage = this.#faultOfJump(base, lastJump, wrong.offset);
      return;
    }
    const why = this.#isUnacknowledgedHere()
      ? null
      : isIntact
      ? "its checksum is right, so it was not torn"
      : await this.#whyNotTorn(reader, position);
    const reason = why === null ? problem : `${problem}; ${why}`;
    const fault = {
      segmentBase: base,
      position,
      offset,
      problem: `${this.#pathOf(base)}: ${noBatchAt(position, offset)} (${reason})`,
    };
    if (why !== null) {
      this.#damage = fault;
      return;
    }
    if (position === 0 && this.#unproved?.base === base) { // nothing of it proves that the log came so far
      this.#segments.pop();
      this.#nextOffset = this.#unproved.offset;
      this.#strays = [base, ...this.#queue.splice(0)];
      return;
    }
    this.#torn = { ...fault, bytes: reader.size - position };
    if (this.#queue[0] !== offset) this.#strays = this.#queue.splice(0);
  }

  /** Whether no batch lies in the rest of a segment, all offsets of which have been seen. */
  async #isEmptyBehind(reader: SegmentReader, position: number, base: number): Promise<boolean> {
    const behind = { from: position, to: reader.size }, { rest } = this.#options;
    return await findIntact(reader, behind, { fromOffset: base, rest }) === null;
  }

  /** Of two batches that contradict each other the one behind a gap may be the wrong one, so neither is believed. */
  #faultOfJump(base: number, { offset, position, behind }: Jump, next: number): Fault {
    const reason = `it has base offset ${offset}, behind a gap, and the one behind it ${next}`;
    const problem = `${this.#pathOf(base)}: ${noBatchAt(position, behind)} (${reason})`;
    return { segmentBase: base, position, offset: behind, problem };
  }

  #contradicted({ base, position }: ExaminedSegment, { found, journaled }: Contradiction): void {
    const offset = this.#nextOffset, where = `position ${position}, offset ${offset}`;
    const problem = `${this.#pathOf(base)}: the batch at ${where} has checksum ${found}, and the ` +
      `journal says ${journaled}: it is another one`;
    this.#damage = { segmentBase: base, position, offset, problem };
  }

  /** What makes an end that is not valid more than a torn one, or null. */
  async #whyNotTorn(reader: SegmentReader, position: number): Promise<string | null> {
    const { recoveryPoint, mayBeTorn, rest } = this.#options, offset = this.#nextOffset;
    if (offset < recoveryPoint) return `it lies below the recovery point ${recoveryPoint}`;
    const filled = this.#firstFilled();
    if (filled !== null) return `segment ${segmentName(filled)} lies behind it`;
    // After a clean stop the recovery point is the log end, and what somebody put behind it belongs to no record.
    if (!mayBeTorn && offset !== recoveryPoint) {
      return `the last stop was clean, at offset ${recoveryPoint}`;
    }
    const behind = { from: position + 1, to: reader.size };
    const intact = await findIntact(reader, behind, { fromOffset: offset, rest });
    if (intact === null) return null;
    return intact.offset === null
      ? "more of what lies behind it looks like batches than can be checked"
      : `a valid batch with offset ${intact.offset} lies behind it`;
  }

  #faultOfEnd(): Fault | null {
    const segments = this.#segments, offset = this.#nextOffset;
    const walked = { segments, offset, lastBase: this.#lastBase, journal: this.#journal };
    const found = endFault(walked, this.#options);
    if (found?.jump !== undefined) {
      const { position, behind } = found.jump, problem = `${this.#folder}: ${found.problem}`;
      return { segmentBase: segments.at(-1)!.base, position, offset: behind, problem };
    }
    if (found?.segment === undefined) return found && this.#faultAtEnd(found.problem);
    const { base, position, nextOffset } = found.segment;
    const problem = `${this.#folder}: ${found.problem}`;
    return { segmentBase: base, position, offset: nextOffset, problem };
  }

  /** Whether nothing was acknowledged from where the walk has come to. */
  #isUnacknowledgedHere(): boolean {
    const end = this.#segments.at(-1);
    const { mayBeTorn, recoveryPoint, wasJournaled, isJournalUnknown } = this.#options;
    if (isJournalUnknown || !mayBeTorn || end === undefined || this.#nextOffset < recoveryPoint) {
      return false;
    }
    return this.#journal.isEmpty
      ? wasJournaled === true
      : this.#journal.isUnacknowledged(end.base, end.position);
  }

  #fail(problem: string): false {
    this.#damage = this.#faultAtEnd(problem);
    return false;
  }

  #faultAtEnd(problem: string): Fault {
    const end = this.#segments.at(-1);
    return {
      segmentBase: end?.base ?? this.#options.logStartOffset,
      position: end?.position ?? 0,
      offset: this.#nextOffset,
      problem: `${this.#folder}: ${problem}`,
    };
  }

  /** Whether the journal has a segment that begins where the log ends so far, from its first batch on. */
  #isBegunInJournal(): boolean {
    const base = this.#nextOffset;
    if (this.#segments.at(-1)?.base === base) return false;
    return this.#journal.batchAt(base, 0, this.#placeIn(base, this.#queue[0] ?? null)) !== null;
  }

  /** Whether compaction has never been in a segment; the active one is never compacted. */
  #isUncompacted(nextBase: number | null): boolean {
    const { mayHaveGaps, compactedTo, recoveryPoint } = this.#options;
    const { isRecoveryPointKnown = recoveryPoint > 0 } = this.#options;
    return !mayHaveGaps || nextBase === null || nextBase > compactedTo ||
      isRecoveryPointKnown && nextBase > recoveryPoint;
  }

  /** Whether compaction may have taken all that lay between the log so far and this segment. */
  #mayBeBehindGap(base: number): boolean {
    const { mayHaveGaps, gapsTo = Infinity } = this.#options;
    return mayHaveGaps && base <= gapsTo;
  }

  /** The next place in the segment. */
  #placeIn(base: number, nextBase: number | null): Place {
    const { mayHaveGaps, gapsTo = Infinity } = this.#options;
    const endOffset = endOfSegment(base, nextBase);
    return { nextOffset: this.#nextOffset, mayHaveGaps: mayHaveGaps && base < gapsTo, endOffset };
  }

  /** The first of the segments to come that has any bytes, or null. */
  #firstFilled(): number | null {
    for (const base of this.#queue) {
      const blob = this.#store.open(this.#pathOf(base));
      const { size } = blob;
      blob.close();
      if (size > 0) return base;
    }
    return null;
  }

  #walked(bytes: Uint8Array): Promise<void> | undefined {
    const { rest, seen } = this.#options;
    seen?.(bytes);
    if (rest === undefined || (this.#sinceRest += bytes.length) < REST_BYTES) return;
    this.#sinceRest = 0;
    return rest();
  }

  #pathOf(base: number): string {
    return `${this.#folder}/${segmentName(base)}.log`;
  }
}

function noBatchAt(position: number, offset: number): string {
  return `there is no valid batch at position ${position}, offset ${offset}`;
}

/** How much is walked before others go on. */
const REST_BYTES = 4 << 20;
