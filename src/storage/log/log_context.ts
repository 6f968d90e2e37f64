/**
 * What a partition log is opened with: the parts that all logs of a broker share, and what the directory said of this one.
 */
import type { BufferPool } from "../../bytes/pool.ts";
import type { Uuid } from "../../bytes/uuid.ts";
import type { Timers } from "../../clock.ts";
import type { GroupCommit } from "../durability/group_commit.ts";
import type { PartitionLog } from "./partition_log.ts";
import type { ProducerContext } from "../producers/producer_context.ts";

/** What all logs of a broker share. */
export interface LogContext extends ProducerContext {
  readonly pool: BufferPool;
  /** Without them, the system's. */
  readonly timers?: Timers;
  readonly commit: GroupCommit;
  /** Whether the disk has room for a client's batch (free_space.ts). Without it, always. */
  readonly admits?: (bytes: number) => boolean;
  /** A log ended because the store failed it, and is to be opened anew. Without it, the next start does that. */
  readonly onFault?: (log: PartitionLog) => void;
  /** Does something after a while, unless the broker stops first. Without it, at once. */
  readonly later?: (delayMs: number, work: () => Promise<void>) => void;
}

/** What the directory said about a partition (recovery.ts finds it out). */
export interface LogState {
  readonly topicId: Uuid;
  readonly topic: string;
  readonly partition: number;
  /** Base offsets of the segments, ascending; empty for a new log. */
  readonly segments: readonly number[];
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** Everything below was synced. */
  readonly recoveryPoint: number;
  /** Whether compaction may have left gaps, though the topic's policy is another now. Without it, the policy says. */
  readonly mayHaveGaps?: boolean;
  /** The newest producer snapshot as it was left; another one is not believed. Without it, the log is asked. */
  readonly snapshot?: { readonly offset: number; readonly crc: number };
}
