/** What a segment is made with, and what it is told of the batches that are appended to it. */
import type { BufferPool } from "../../bytes/pool.ts";
import type { Store } from "../store.ts";

export interface SegmentContext {
  readonly store: Store;
  readonly folder: string;
  readonly pool: BufferPool;
  /** What every file name ends in while compaction has not put the segment into its place. */
  readonly suffix?: string;
  /** Whether compaction may have left gaps between batches and segments. Without it, yes. */
  readonly mayHaveGaps?: boolean;
  /** No batch can carry a later leader epoch. Without it, any. */
  readonly maxLeaderEpoch?: number;
  /** For indexes that are made anew. Without it, Kafka's default. */
  readonly indexIntervalBytes?: number;
  /** Told of damage, once for each place. */
  readonly onProblem?: (event: string, details: Record<string, unknown>) => void;
}

/** What an append needs to know of a batch. */
export interface BatchSummary {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
}
