/**
 * EpochRuns: the leader epochs of a walk's batches. No checksum covers them, but they never fall, and none is above the
 * one that the partition has now. One batch that breaks the row is told from its neighbours, or from the epoch checkpoint,
 * and put right; what cannot be told is damage, since a wrong epoch makes followers and consumers cut what they hold.
 *
 * `-1` is a batch of before there were epochs, and says nothing.
 */
import type { EpochEntry } from "../log/leader_epochs.ts";

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
  /** One past the last offset of the first batch. */
  readonly firstEnd: number;
  /** The base offset of the last batch. */
  lastStart: number;
  batches: number;
}

/** An epoch that is to be written over in its batch. */
export interface EpochRepair extends BatchPlace {
  readonly found: number;
  readonly epoch: number;
}

export interface JudgedEpochs {
  readonly repairs: readonly EpochRepair[];
  /** Ascending; the first may have begun before the walk. */
  readonly epochs: readonly EpochEntry[];
  /** The batch that makes it damage, and why. */
  readonly damage: BatchPlace & { readonly problem: string } | null;
  readonly warnings: readonly string[];
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
      run.batches++;
      run.lastStart = offset;
      return;
    }
    const first = { segmentBase, position, offset };
    this.#runs.push({ epoch, first, firstEnd: end, lastStart: offset, batches: 1 });
  }

  /** What is to be done; `known` is what the epoch checkpoint says. */
  judge(maxEpoch: number, known: readonly EpochEntry[]): JudgedEpochs {
    const repairs: EpochRepair[] = [], warnings: string[] = [];
    const runs = this.#runs.map((run) => ({ ...run }));
    for (let at = wrongAt(runs, maxEpoch); at >= 0; at = wrongAt(runs, maxEpoch)) {
      const culprit = repairs.length < MAX_REPAIRS ? culpritAt(runs, at, maxEpoch, known) : null;
      if (culprit === null) {
        const { epoch, first } = runs[at];
        const least = Math.max(0, runs[at - 1]?.epoch ?? 0);
        const problem = `its leader epoch is ${epoch}, needs ${least} to ${maxEpoch}`;
        return { repairs: [], epochs: [], warnings, damage: { ...first, problem } };
      }
      const run = runs[culprit.index];
      repairs.push({ ...run.first, found: run.epoch, epoch: culprit.epoch });
      run.epoch = culprit.epoch;
      merge(runs, culprit.index);
    }
    const damage = contradiction(runs, known);
    const epochs = runs.map(({ epoch, first }) => ({ epoch, startOffset: first.offset }));
    return { repairs, epochs, warnings, damage };
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
    before.batches += run.batches;
    before.lastStart = run.lastStart;
    runs.splice(i, 1);
  }
}

/**
 * Where log and checkpoint say different things of a single batch: one of both is wrong, and nobody can tell which. Of
 * several batches the log is right. An epoch that the checkpoint does not reach to is new.
 */
function contradiction(
  runs: readonly Run[],
  known: readonly EpochEntry[],
): BatchPlace & { problem: string } | null {
  const latest = known.at(-1)?.epoch ?? -1;
  for (const [i, { epoch, first, firstEnd, lastStart, batches }] of runs.entries()) {
    const entry = known.find((one) => one.epoch === epoch);
    const before = runs[i - 1];
    const isOneLess = entry !== undefined && entry.startOffset === firstEnd && batches >= 1;
    const isOneMore = entry !== undefined && before !== undefined &&
      entry.startOffset === before.lastStart && entry.startOffset < first.offset;
    const isUnknown = entry === undefined && epoch < latest && batches === 1;
    if (!isOneLess && !isOneMore && !isUnknown) continue;
    const place = isOneMore ? { ...first, offset: lastStart } : first;
    const says = entry === undefined ? "has no such epoch" : `begins it at ${entry.startOffset}`;
    const problem = `its leader epoch is ${epoch} from offset ${first.offset} on, but ` +
      `leader-epoch-checkpoint ${says} (without that file the log would be believed)`;
    return { ...place, problem };
  }
  return null;
}

/** More epochs than a partition has in its life. */
const MAX_RUNS = 100_000;
const MAX_REPAIRS = 16;
