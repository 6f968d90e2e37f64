/**
 * healEpochs: `leader-epoch-checkpoint` held against the batches. Its text has no checksum, but every line says
 * something of the log: the batch at the start offset has that epoch, the one before it the epoch of the line before.
 * And since epochs never fall, two batches of one epoch at a segment's ends have the whole segment between them: so a
 * look at a few headers of each segment is enough to check, and to make the lines anew.
 */
import * as batch from "../../protocol/records/batch.ts";
import { CorruptBatchError } from "../segments/corrupt_batch_error.ts";
import type { LogContext } from "./log_context.ts";
import type { EpochEntry, LeaderEpochs } from "../directory/leader_epochs.ts";
import type { Segment } from "../segments/segment.ts";

/** What is asked of a log. */
export interface EpochLog {
  readonly folder: string;
  readonly segments: readonly Segment[];
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly leaderEpoch: number;
}

/** Whether the epochs had to be made anew. Never throws: where the batches are damaged they say nothing. */
export function healEpochs(context: LogContext, epochs: LeaderEpochs, log: EpochLog): boolean {
  try {
    const reason = epochs.damage ?? faultOf(epochs, log);
    if (reason === null) return false;
    const rebuilt = epochsOf(log.segments);
    if (rebuilt === null) return false; // some batch is wrong, and the file may be right
    epochs.replace(rebuilt, log.logStartOffset);
    if (log.leaderEpoch > epochs.latestEpoch) epochs.assign(log.leaderEpoch, log.logEndOffset);
    context.onProblem("leader_epochs_rebuilt", {
      folder: log.folder,
      reason,
      epochs: epochs.entries.map(({ epoch, startOffset }) => `${epoch} from ${startOffset}`),
    });
    return true;
  } catch (error) {
    if (!(error instanceof CorruptBatchError)) throw error;
    return false; // reported
  }
}

/** What the batches say against the epochs, or null. */
function faultOf(epochs: LeaderEpochs, log: EpochLog): string | null {
  const { logStartOffset, logEndOffset } = log;
  for (const [i, { epoch, startOffset }] of epochs.entries.entries()) {
    if (startOffset > logEndOffset) return `epoch ${epoch} begins at ${startOffset}, past the end`;
    if (startOffset < logEndOffset && startOffset > logStartOffset) {
      const first = epochAt(log, startOffset), before = epochAt(log, startOffset - 1);
      const known = epochs.entries[i - 1]?.epoch;
      if (first !== null && first !== epoch) {
        return `epoch ${epoch} begins at ${startOffset}, where the batch has ${first}`;
      }
      if (before !== null && before !== known) {
        return `epoch ${known} ends at ${startOffset}, before which the batch has ${before}`;
      }
    }
  }
  for (const { baseOffset } of log.segments) {
    const offset = Math.max(baseOffset, logStartOffset);
    const found = offset < logEndOffset ? epochAt(log, offset) : null;
    if (found !== null && found !== epochs.epochFor(offset)) {
      return `offset ${offset} is of epoch ${
        epochs.epochFor(offset)
      }, where the batch has ${found}`;
    }
  }
  const last = logEndOffset > logStartOffset ? epochAt(log, logEndOffset - 1) : null;
  if (last !== null && last !== epochs.epochFor(logEndOffset - 1)) {
    return `the last batch has epoch ${last}, needs ${epochs.epochFor(logEndOffset - 1)}`;
  }
  return null;
}

/** The epoch of the batch that holds `offset`; null when there is none, or it has none. */
function epochAt({ segments }: EpochLog, offset: number): number | null {
  const segment = segments.findLast(({ baseOffset }) => baseOffset <= offset);
  const head = segment?.batchAt(offset) ?? null;
  const epoch = head === null ? -1 : batch.partitionLeaderEpoch(head);
  return epoch < 0 ? null : epoch;
}

/** Every epoch that a batch has, with the first such batch's offset; null where they fall, which no log's do. */
function epochsOf(segments: readonly Segment[]): EpochEntry[] | null {
  const found: EpochEntry[] = [];
  let isFalling = false;
  const note = (bytes: Uint8Array) => {
    const epoch = batch.partitionLeaderEpoch(bytes);
    isFalling ||= epoch >= 0 && epoch < (found.at(-1)?.epoch ?? -1);
    if (epoch > (found.at(-1)?.epoch ?? -1)) {
      found.push({ epoch, startOffset: batch.baseOffset(bytes) });
    }
  };
  for (const segment of segments) {
    if (segment.size === 0) continue;
    const last = segment.batchAt(segment.endOffset - 1);
    for (const [bytes] of segment.intact(0)) {
      note(bytes);
      if (last !== null && batch.partitionLeaderEpoch(last) === found.at(-1)?.epoch) break;
    }
  }
  return isFalling ? null : found;
}
