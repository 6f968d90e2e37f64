/**
 * BatchChain: whether batches that are read one after the other are what a log wrote there. What becomes state in
 * memory passes through it, since a flipped bit is not seen afterwards.
 *
 * Each is judged by its neighbours (batch_place.ts), and has as many records as offsets, or fewer where compaction was.
 */
import * as batch from "./batch.ts";
import { wrongBatch, wrongEpoch } from "./batch_place.ts";

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
    const place = {
      nextOffset: this.#nextOffset,
      mayHaveGaps: this.#mayHaveGaps,
      endOffset: Number.MAX_SAFE_INTEGER,
    };
    const epochs = { least: this.#leaderEpoch, most: this.#maxLeaderEpoch };
    return wrongBatch(bytes, at, place) ?? this.#countProblem(bytes, at) ??
      wrongEpoch(bytes, at, epochs);
  }

  #countProblem(bytes: Uint8Array, at: number): string | null {
    const count = batch.recordCount(bytes, at), offsets = batch.lastOffsetDelta(bytes, at) + 1;
    if (this.#mayHaveGaps ? count >= 0 && count <= offsets : count === offsets) return null;
    return `has ${count} records for ${offsets} offsets`;
  }
}
