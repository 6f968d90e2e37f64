/**
 * BatchChain: whether batches that are read one after the other are what a log wrote there. What becomes state in
 * memory passes through it, since a flipped bit is not seen afterwards.
 *
 * The checksum covers neither the base offset nor the leader epoch nor the length, so these are judged by their
 * neighbours: a batch begins where the one before it ended (behind it, where compaction leaves gaps), its epoch does
 * not fall, and it fills its bytes.
 */
import * as batch from "./batch.ts";

export interface ChainRules {
  /** Of the first batch; where gaps are allowed its base may lie behind. */
  readonly nextOffset: number;
  /** Whether compaction may have taken batches and records away. */
  readonly mayHaveGaps: boolean;
  /** No batch can have a later one; unknown: Infinity. */
  readonly maxLeaderEpoch?: number;
}

export class BatchChain {
  readonly #mayHaveGaps: boolean;
  readonly #maxLeaderEpoch: number;
  #nextOffset: number;
  #leaderEpoch = -1;

  constructor({ nextOffset, mayHaveGaps, maxLeaderEpoch = Infinity }: ChainRules) {
    this.#nextOffset = nextOffset;
    this.#mayHaveGaps = mayHaveGaps;
    this.#maxLeaderEpoch = maxLeaderEpoch;
  }

  /** The offset behind the last batch taken. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** Of the last batch taken; -1 before the first. */
  get leaderEpoch(): number {
    return this.#leaderEpoch;
  }

  /** Takes the batch at `at` into the chain, or says why it does not belong there: then nothing has changed. */
  take(bytes: Uint8Array, at = 0, to: number = bytes.length): string | null {
    const problem = this.problem(bytes, at, to);
    if (problem !== null) return problem;
    this.#nextOffset = batch.lastOffset(bytes, at) + 1;
    this.#leaderEpoch = batch.partitionLeaderEpoch(bytes, at);
    return null;
  }

  /** Why the batch is not the next one of the chain, as a sentence after "the batch"; null when it is. */
  problem(bytes: Uint8Array, at = 0, to: number = bytes.length): string | null {
    if (batch.endOf(bytes, at, to) < 0) {
      return `is not whole: ${to - at} bytes are there${
        to - at < batch.BATCH_OVERHEAD ? "" : `, and it says ${batch.sizeInBytes(bytes, at)}`
      }`;
    }
    if (batch.magic(bytes, at) !== batch.MAGIC_V2) {
      return `has magic ${batch.magic(bytes, at)}, needs ${batch.MAGIC_V2}`;
    }
    if (!batch.isIntact(bytes, at)) return "does not match its checksum";
    return this.#offsetProblem(bytes, at) ?? this.#epochProblem(bytes, at);
  }

  #offsetProblem(bytes: Uint8Array, at: number): string | null {
    const base = batch.baseOffset(bytes, at), delta = batch.lastOffsetDelta(bytes, at);
    const expected = this.#nextOffset;
    if (this.#mayHaveGaps ? base < expected : base !== expected) {
      return `has base offset ${base}, needs ${expected}${this.#mayHaveGaps ? " or more" : ""}`;
    }
    if (delta < 0 || !Number.isSafeInteger(base + delta)) {
      return `has base offset ${base} and last offset delta ${delta}`;
    }
    const count = batch.recordCount(bytes, at);
    if (this.#mayHaveGaps ? count < 0 || count > delta + 1 : count !== delta + 1) {
      return `has ${count} records for ${delta + 1} offsets`;
    }
    return null;
  }

  #epochProblem(bytes: Uint8Array, at: number): string | null {
    const epoch = batch.partitionLeaderEpoch(bytes, at);
    if (epoch < this.#leaderEpoch) {
      return `has leader epoch ${epoch}, after ${this.#leaderEpoch}`;
    }
    if (epoch > this.#maxLeaderEpoch) {
      return `has leader epoch ${epoch}, and the latest is ${this.#maxLeaderEpoch}`;
    }
    return null;
  }
}
