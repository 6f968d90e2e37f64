/**
 * What an append to a partition log is given, and what it answers.
 */
import type { ProducerClaim } from "../producers/producer_state.ts";

export interface AppendOptions extends ProducerClaim {
  readonly leaderEpoch: number;
  /**
   * Whether nobody waits for this alone to be durable: another append follows in this turn, or the next one does. Saves a
   * round of sync (GroupCommit.written).
   */
  readonly mayWait?: boolean;
}

/** What became of an append. With an error code nothing is written and the offsets are -1. */
export interface Appended {
  readonly errorCode: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** Of a batch that was there already, the largest timestamp it was written with. */
  readonly knownTimestampMs?: number;
  /** Resolves when write(2) has returned; rejects with a StoreError, and the offsets are free again, when it failed. */
  readonly written: Promise<void>;
  /** Resolves when the bytes are kept as the flush policy promises; rejects when they cannot be written. */
  readonly durable: Promise<void>;
}

const NOTHING = Promise.resolve();

/** Nothing was written. */
export function refused(errorCode: number): Appended {
  return { errorCode, baseOffset: -1, lastOffset: -1, written: NOTHING, durable: NOTHING };
}
