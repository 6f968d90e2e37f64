/**
 * Producer state on disk: the newest valid `.snapshot` that is not from a future which was cut off, the batches
 * close before it that clients may send again, and a replay of those behind it. Snapshots only save time; without any the whole log is replayed.
 */
import * as batch from "../../protocol/records/batch.ts";
import type { LogContext } from "../log/log_context.ts";
import { decodeProducerSnapshot } from "./producer_snapshot.ts";
import { ProducerState } from "./producer_state.ts";
import { type Segment, segmentName } from "../log/segment.ts";

/** The state at the log end. */
export function loadProducerState(
  context: LogContext,
  folder: string,
  segments: readonly Segment[],
  range: { logStartOffset: number; logEndOffset: number },
): ProducerState {
  const limits = { ...context.producers };
  const nowMs = context.clock.nowMs();
  const { state, offset } = newestSnapshot(context, folder, range.logEndOffset) ??
    { state: new ProducerState(limits), offset: range.logStartOffset };
  if (state.size > 0) recallBefore(offset, segments, state);
  for (let i = 0; i < segments.length; i++) {
    if (i + 1 < segments.length && segments[i + 1].baseOffset <= offset) continue;
    const segment = segments[i];
    const from = offset > segment.baseOffset ? segment.offsetIndex.lookup(offset) : 0;
    for (const [bytes] of segment.scan(from)) {
      if (batch.lastOffset(bytes) < offset) continue;
      if (batch.producerId(bytes) >= 0) state.apply(bytes, batch.baseOffset(bytes));
    }
  }
  state.removeExpired(nowMs);
  return state;
}

/**
 * A snapshot has one batch of each producer, and a client may repeat any of its last five: those are found in the log,
 * close before the snapshot. Kafka does not look, answers such a retry with 45, and its client then sends the records
 * again under a new epoch, so that they are there twice.
 */
function recallBefore(offset: number, segments: readonly Segment[], state: ProducerState): void {
  let i = segments.findLastIndex(({ baseOffset }) => baseOffset < offset);
  if (i < 0) return;
  let end = segments[i].offsetIndex.lookup(offset), left = RECALL_BYTES;
  while (i > 0 && end < left) {
    left -= end;
    end = segments[--i].size;
  }
  let from = segments[i].offsetIndex.startBefore(end - left);
  for (; i < segments.length; i++, from = 0) {
    for (const [bytes] of segments[i].scan(from)) {
      if (batch.baseOffset(bytes) >= offset) return;
      if (batch.producerId(bytes) >= 0) state.recall(bytes);
    }
  }
}

/** Before the snapshot: more than clients usually have in flight to one partition. */
const RECALL_BYTES = 1 << 20;

function newestSnapshot(
  context: LogContext,
  folder: string,
  logEndOffset: number,
): { state: ProducerState; offset: number } | null {
  const offsets: number[] = [];
  for (const { name } of context.store.list(folder)) {
    const match = /^(\d{20})\.snapshot$/.exec(name);
    if (match && Number(match[1]) <= logEndOffset) offsets.push(Number(match[1]));
  }
  for (const offset of offsets.sort((a, b) => b - a)) {
    const path = `${folder}/${segmentName(offset)}.snapshot`;
    const entries = decodeProducerSnapshot(context.store.readAll(path) ?? new Uint8Array(0));
    if (typeof entries !== "string") {
      const state = ProducerState.restore(entries, context.clock.nowMs(), context.producers);
      return { state, offset };
    }
    context.store.remove(path); // torn or corrupt: an older one, or the log itself, knows as much
  }
  return null;
}
