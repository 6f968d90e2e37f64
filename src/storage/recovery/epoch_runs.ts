/**
 * EpochRuns: the leader epochs of a walk's batches. No checksum covers them, but they never fall, and none is above the
 * one that the partition has now. One batch that breaks the row is told from its neighbours, or from the epoch checkpoint,
 * and put right; what cannot be told is damage, since a wrong epoch makes followers and consumers cut what they hold.
 *
 * `-1` is a batch of before there were epochs, and says nothing.
 */
import type { EpochEntry } from "../directory/leader_epochs.ts";

/** Where a batch lies. */
export interface BatchPlace {
  readonly segmentBase: number;
  readonly position: number;
  readonly offset: number;
}

/** Neighbouring batches with the same epoch. */
interface Run {
  epoch: number;
  readonly first: BatchPlace;
  /** The base offset of the second batch, if there is one. */
  second: number;
  /** Base offsets of the last batch and the one before, if there is one, and one past its last offset. */
  lastStart: number;
  beforeLast: number;
  end: number;
  batches: number;
}

/** An epoch that is to be written over in its batch. */
export interface EpochRepair extends BatchPlace {
  readonly found: number;
  readonly epoch: number;
}

export interface JudgedEpochs {
  readonly repairs: readonly EpochRepair[];
  /** Ascending, with those of the checkpoint that the batches do not speak against. */
  readonly epochs: readonly EpochEntry[];
  /** The batch that makes it damage, and why. */
  readonly damage: BatchPlace & { readonly problem: string } | null;
}

export class EpochRuns {
  readonly #runs: Run[] = [];

  /** The epoch of the batches just before. */
  get last(): number {
    return this.#runs.at(-1)?.epoch ?? -1;
  }

  /** Whether so much is wrong that a walk need not go on. */
  get isHopeless(): boolean {
    return this.#runs.length > MAX_RUNS;
  }

  note(epoch: number, segmentBase: number, position: number, offset: number, end: number): void {
    if (epoch === -1) return;
    const run = this.#runs[this.#runs.length - 1];
    if (run !== undefined && run.epoch === epoch) {
      if (++run.batches === 2) run.second = offset;
      run.beforeLast = run.lastStart;
      run.lastStart = offset;
      run.end = end;
      return;
    }
    const first = { segmentBase, position, offset };
    this.#runs.push({
      epoch,
      first,
      second: Infinity,
      lastStart: offset,
      beforeLast: -Infinity,
      end,
      batches: 1,
    });
  }

  /**
   * What is to be done; `known` is what the epoch checkpoint says. Below the log start it says nothing: as in Kafka the
   * epoch that the log start lies in begins there, though batches of it lie before.
   */
  judge(maxEpoch: number, known: readonly EpochEntry[], logStartOffset: number): JudgedEpochs {
    const repairs: EpochRepair[] = [];
    const runs = this.#runs.map((run) => ({ ...run }));
    for (let at = wrongAt(runs, maxEpoch); at >= 0; at = wrongAt(runs, maxEpoch)) {
      const culprit = repairs.length < MAX_REPAIRS ? culpritAt(runs, at, maxEpoch, known) : null;
      if (culprit === null) {
        const { epoch, first } = runs[at];
        const least = Math.max(0, runs[at - 1]?.epoch ?? 0);
        const problem = `its leader epoch is ${epoch}, needs ${least} to ${maxEpoch}`;
        return { repairs: [], epochs: [], damage: { ...first, problem } };
      }
      const run = runs[culprit.index];
      repairs.push({ ...run.first, found: run.epoch, epoch: culprit.epoch });
      run.epoch = culprit.epoch;
      merge(runs, culprit.index);
    }
    const damage = contradiction(runs, known, logStartOffset);
    return { repairs, epochs: beginnings(runs, known, logStartOffset), damage };
  }
}

/** The first run that does not follow the one before, or -1. */
function wrongAt(runs: readonly Run[], maxEpoch: number): number {
  return runs.findIndex(({ epoch }, i) =>
    epoch < 0 || epoch > maxEpoch || i > 0 && epoch <= runs[i - 1].epoch
  );
}

/** The one batch whose epoch is wrong, and the only one it can have; null when that cannot be told. */
function culpritAt(
  runs: readonly Run[],
  at: number,
  maxEpoch: number,
  known: readonly EpochEntry[],
): { index: number; epoch: number } | null {
  const isOutside = runs[at].epoch < 0 || runs[at].epoch > maxEpoch;
  const found: { index: number; epoch: number }[] = [];
  for (const index of isOutside ? [at] : [at - 1, at]) {
    if (runs[index].batches > 1) continue;
    const before = runs[index - 1]?.epoch ?? 0, after = runs[index + 1]?.epoch ?? maxEpoch;
    if (before > after) continue;
    const told = before === after ? before : epochOf(known, runs[index].first.offset);
    if (told >= before && told <= after && told !== runs[index].epoch) {
      found.push({ index, epoch: told });
    }
  }
  return found.length === 1 ? found[0] : null;
}

function epochOf(known: readonly EpochEntry[], offset: number): number {
  return known.findLast(({ startOffset }) => startOffset <= offset)?.epoch ?? -1;
}

/** A run whose epoch was put right joins its neighbours of the same one. */
function merge(runs: Run[], index: number): void {
  for (const i of [index + 1, index]) {
    const before = runs[i - 1], run = runs[i];
    if (before === undefined || run === undefined || before.epoch !== run.epoch) continue;
    if (before.batches === 1) before.second = run.first.offset;
    before.beforeLast = run.batches > 1 ? run.beforeLast : before.lastStart;
    before.batches += run.batches;
    before.lastStart = run.lastStart;
    before.end = run.end;
    runs.splice(i, 1);
  }
}

/**
 * Where each epoch began. The checkpoint knows better than the batches where one lies before the walk, or where compaction
 * has taken the first batches of it, or all.
 */
function beginnings(
  runs: readonly Run[],
  known: readonly EpochEntry[],
  logStartOffset: number,
): EpochEntry[] {
  if (runs.length === 0) return [...known];
  const found: EpochEntry[] = [];
  const add = (entry: EpochEntry) => {
    if (found.at(-1)?.startOffset === entry.startOffset) found.pop(); // nothing was written in it
    found.push(entry);
  };
  let after = { epoch: -1, end: -1 };
  for (const run of runs) {
    const { epoch, first } = run, { epoch: last, end } = after;
    const latest = Math.max(first.offset, Math.min(logStartOffset, run.lastStart));
    const between = known.filter((entry) =>
      entry.epoch > last && entry.epoch <= epoch &&
      entry.startOffset >= end && entry.startOffset <= latest
    );
    for (const entry of between) add(entry);
    if (between.at(-1)?.epoch !== epoch) add({ epoch, startOffset: first.offset });
    after = run;
  }
  for (const entry of known) {
    if (entry.epoch > after.epoch && entry.startOffset >= after.end) add(entry);
  }
  return found;
}

/**
 * Where log and checkpoint say different things of a single batch: one of both is wrong, and nobody can tell which. Of
 * several batches the log is right. An epoch that the checkpoint does not reach to is new.
 */
function contradiction(
  runs: readonly Run[],
  known: readonly EpochEntry[],
  logStartOffset: number,
): BatchPlace & { problem: string } | null {
  const latest = known.at(-1)?.epoch ?? -1;
  for (const [i, { epoch, first, second, batches }] of runs.entries()) {
    const said = known.find((one) => one.epoch === epoch)?.startOffset ?? null;
    const before = runs[i - 1];
    if (first.offset < logStartOffset && (said ?? 0) <= logStartOffset) continue;
    const isOneLess = said !== null && said > first.offset && said <= second;
    const isOneMore = said !== null && before !== undefined && said <= before.lastStart &&
      said > before.beforeLast;
    const isUnknown = said === null && epoch < latest && batches === 1;
    if (!isOneLess && !isOneMore && !isUnknown) continue;
    const says = said === null ? "has no such epoch" : `begins it at ${said}`;
    const problem = `its leader epoch is ${epoch} from offset ${first.offset} on, but ` +
      `leader-epoch-checkpoint ${says} (without that file the log would be believed)`;
    return { ...first, problem };
  }
  return null;
}

/** More epochs than a partition has in its life. */
const MAX_RUNS = 100_000;
const MAX_REPAIRS = 16;
