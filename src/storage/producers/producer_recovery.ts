/**
 * Producer state on disk: the newest valid `.snapshot` that is of this log and not from a future which was cut off, the
 * batches close before it that clients may send again, and a replay of those behind it. Snapshots only save time:
 * without any the whole log is replayed, and one that the log contradicts is as good as none.
 */
import * as batch from "../../protocol/records/batch.ts";
import { CorruptBatchError } from "../segments/corrupt_batch_error.ts";
import type { ProducerContext } from "./producer_context.ts";
import { decodeProducerSnapshot, snapshotCrc } from "./producer_snapshot.ts";
import { ProducerState } from "./producer_state.ts";
import { startBefore } from "../segments/index_check.ts";
import { type Segment, segmentName } from "../segments/segment.ts";
import { meet, mustEndAt } from "../segments/segment_list.ts";
import { DELETED } from "../segments/segment_files.ts";
import { foreignSnapshot } from "./snapshot_check.ts";

export interface ProducerRange {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** The newest snapshot as it was left; any other one at its offset is not believed. */
  readonly expected?: { readonly offset: number; readonly crc: number };
}

/** The state at the log end. Throws CorruptBatchError where a damaged batch is a part of it. */
export function loadProducerState(
  context: ProducerContext,
  folder: string,
  segments: readonly Segment[],
  range: ProducerRange,
): ProducerState {
  const limits = { ...context.producers };
  const nowMs = context.clock.nowMs();
  const { state, offset } = newestSnapshot(context, folder, segments, range) ??
    { state: new ProducerState(limits), offset: range.logStartOffset };
  for (let i = 0; i < segments.length; i++) {
    if (i + 1 < segments.length && segments[i + 1].baseOffset <= offset) continue;
    const segment = segments[i];
    if (i > 0 && segment.baseOffset > offset) meet(segments[i - 1], segment); // nothing may be missing
    if (segment.size === 0) continue;
    const from = offset > segment.baseOffset ? segment.positionOf(offset) : 0;
    for (const [bytes] of segment.intact(from)) {
      if (batch.lastOffset(bytes) < offset) continue;
      if (batch.producerId(bytes) >= 0) state.apply(bytes, batch.baseOffset(bytes));
    }
  }
  mustEndAt(segments, range.logEndOffset);
  state.removeExpired(nowMs);
  return state;
}

/**
 * A snapshot has one batch of each producer, and a client may repeat any of its last five: those are found in the log,
 * close before the snapshot. Kafka does not look, answers such a retry with 45, and its client then sends the records
 * again under a new epoch, so that they are there twice. On the way it shows whether the snapshot knows these batches:
 * what it misses, or null.
 */
function recallBefore(
  offset: number,
  segments: readonly Segment[],
  logStartOffset: number,
  state: ProducerState,
  nowMs: number,
): string | null {
  const last = segments.findLastIndex(({ baseOffset }) => baseOffset < offset);
  if (last < 0) return null;
  const before = segments.slice(0, last + 1);
  const near = lookBack(before, offset, state.size > 0 ? RECALL_BYTES : LOOK_BYTES);
  const isFew = state.size > 0 && hasFewBatches(before, near);
  let { i, from } = isFew ? lookBack(before, offset, RECALL_BYTES_LARGE) : near;
  for (; i < segments.length; i++, from = 0) {
    const { baseOffset } = segments[i];
    // What was deleted is no part of the log: a start without a snapshot does not know it either.
    if (baseOffset < logStartOffset && logStartOffset < offset) {
      from = Math.max(from, segments[i].positionOf(logStartOffset));
    }
    for (const [bytes] of segments[i].intact(from)) {
      if (batch.baseOffset(bytes) >= offset) return null;
      if (batch.lastOffset(bytes) < logStartOffset) continue;
      if (batch.producerId(bytes) < 0) continue;
      const missed = state.recall(bytes, nowMs);
      if (missed !== null) return missed;
    }
  }
  return null;
}

interface Place {
  /** Which of the segments. */
  i: number;
  /** A position in it. */
  from: number;
}

/** Where a walk begins that is to see so many bytes before an offset, which lies in the last segment. */
function lookBack(segments: readonly Segment[], offset: number, bytes: number): Place {
  let i = segments.length - 1, left = bytes;
  let end = Math.min(segments[i].positionOf(offset), segments[i].size);
  while (i > 0 && end < left) {
    left -= end;
    end = segments[--i].size;
  }
  return { i, from: startBefore(segments[i], end - left) };
}

/** Whether batches are so large that five of each producer may not lie there. */
function hasFewBatches(segments: readonly Segment[], { i, from }: Place): boolean {
  let count = 0;
  for (; i < segments.length; i++, from = 0) {
    for (const _ of segments[i].intact(from)) if (++count >= FEW) return false;
  }
  return true;
}

/** Before the snapshot: more than clients usually have in flight to one partition… */
const RECALL_BYTES = 1 << 20;
/** …and where there are few batches in it: five of the largest that clients send by default, of each of a few producers. */
const RECALL_BYTES_LARGE = 16 << 20, FEW = 32;
/** …and enough to see that a snapshot without producers lies beside a log that has some. */
const LOOK_BYTES = 1 << 16;

function newestSnapshot(
  context: ProducerContext,
  folder: string,
  segments: readonly Segment[],
  range: ProducerRange,
): { state: ProducerState; offset: number } | null {
  const begins = segments[0]?.baseOffset ?? range.logStartOffset, offsets: number[] = [];
  for (const { name } of context.store.list(folder)) {
    const match = /^(\d{20})\.snapshot$/.exec(name);
    const offset = match === null ? -1 : Number(match[1]);
    // What lay between an older one and the log's first batch is gone: it is behind by nobody knows what.
    if (offset >= begins && offset <= range.logEndOffset) offsets.push(offset);
  }
  for (const offset of offsets.sort((a, b) => b - a)) {
    const path = `${folder}/${segmentName(offset)}.snapshot`;
    const state = soundState(context, path, offset, segments, range);
    if (typeof state !== "string") return { state, offset };
    // An older one, or the log itself, knows as much. The next start removes it.
    context.store.rename(path, path + DELETED);
    context.onProblem("snapshot_ignored", { path, reason: state });
  }
  return null;
}

/** The state that a snapshot holds with what the log adds to it, or why it is of no use. */
function soundState(
  context: ProducerContext,
  path: string,
  offset: number,
  segments: readonly Segment[],
  { logStartOffset, expected }: ProducerRange,
): ProducerState | string {
  const bytes = context.store.readAll(path) ?? new Uint8Array(0);
  const entries = decodeProducerSnapshot(bytes);
  if (typeof entries === "string") return entries;
  if (expected?.offset === offset && expected.crc !== snapshotCrc(bytes)) {
    return `its checksum is ${snapshotCrc(bytes)}, but ${expected.crc} was written`;
  }
  const nowMs = context.clock.nowMs();
  try {
    const foreign = foreignSnapshot(entries, offset, segments, logStartOffset);
    if (foreign !== null) return foreign;
    const state = ProducerState.restore(entries, nowMs, context.producers);
    return recallBefore(offset, segments, logStartOffset, state, nowMs) ?? state;
  } catch (error) {
    if (!(error instanceof CorruptBatchError)) throw error;
    // Reported. The log cannot speak against the snapshot, and what lies before it is not needed.
    return ProducerState.restore(entries, nowMs, context.producers);
  }
}
