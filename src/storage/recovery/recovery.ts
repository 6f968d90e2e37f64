/**
 * Recovery: what a start does with a partition's segments when it cannot know that they are as they were left. It looks
 * at every batch from the recovery point on (examine.ts has the rules); then, unless the log is damaged, it puts back
 * what the journal has, cuts a torn end, renames aside what is not of the log, writes the indexes anew from where it
 * began, and syncs all of it: what is served has to be on the device. Of a damaged log nothing is changed.
 *
 * Cut off anywhere it can be done again, to the same end.
 */
import { writeInt32 } from "../../bytes/int64.ts";
import * as batch from "../../protocol/records/batch.ts";
import { LeaderEpochs } from "../directory/leader_epochs.ts";
import { syncPartitionMetadata } from "../directory/partition_metadata.ts";
import { Segment, type SegmentContext, segmentName } from "../segments/segment.ts";
import { setSegmentAside, STRAY } from "../segments/segment_files.ts";
import {
  type Examined,
  type ExaminedSegment,
  examineLog,
  type ExamineOptions,
  type Start,
} from "./examine.ts";
import { PlannedStore } from "./planned_store.ts";
import { SegmentReader } from "./segment_reader.ts";
import { startWithin } from "./start_within.ts";

/** The walk begins at the batch that holds the recovery point, within its segment. */
export interface RecoveryOptions extends Omit<ExamineOptions, "start" | "knownEpochs"> {
  /** An earlier segment that it is to begin with; or with the one before, where that one is missing. */
  readonly walkFrom?: number;
  /** Whether what was walked is synced before this resolves; then everything up to the end is durable. */
  readonly sync: boolean;
  /** What is to be done with the folder's files before; the batches are looked at as they are then. */
  readonly plan?: PlannedStore;
  readonly nowMs: number;
}

/** What the scan of a folder came to. */
export interface Recovered {
  readonly logEndOffset: number;
  /** Base offsets of the segments that are left. */
  readonly bases: readonly number[];
  /** Bytes of a torn tail that were cut. */
  readonly cutBytes: number;
  /** Bytes put back from the journal. */
  readonly restoredBytes: number;
  /** Why the partition must not be served, or null. */
  readonly damage: string | null;
  /** What was healed. */
  readonly warnings: readonly string[];
  /** Leader epochs seen, each with its first offset, ascending. */
  readonly epochs: readonly { epoch: number; startOffset: number }[];
  /** Base offset of the first segment checked that holds a control batch: from there on transactions are to be replayed. */
  readonly firstControlSegment: number | null;
}

export async function recoverLog(
  context: SegmentContext,
  bases: readonly number[],
  options: RecoveryOptions,
): Promise<Recovered> {
  const { store, folder } = context, { plan = new PlannedStore(store) } = options;
  const view = { ...context, store: plan };
  const known = LeaderEpochs.load(plan, folder).entries;
  const { start, firstEpoch } = startOf(view, bases, options, known);
  const write = (segment: ExaminedSegment, isLast: boolean) =>
    writeIndexes(context, segment, { nowMs: options.nowMs, isSealed: !isLast });
  const written = new Set<number>();
  const examined = await examineLog(view, bases, {
    ...options,
    start,
    knownEpochs: known,
  }, (segment) => {
    if (!plan.isEmpty) return; // its files may have other names yet
    write(segment, segment.base === bases.at(-1));
    written.add(segment.base);
  });
  const { damage, segments, torn, logEndOffset } = examined;
  if (damage !== null) {
    return {
      logEndOffset,
      bases,
      cutBytes: 0,
      restoredBytes: 0,
      damage: damage.problem,
      warnings: [],
      epochs: [],
      firstControlSegment: null,
    };
  }
  if (!plan.isEmpty) {
    await plan.carryOut();
    await store.syncFolder(folder); // else what was put aside comes back, and speaks of what is written next
  }
  heal(context, examined);
  for (const segment of segments) {
    if (!written.has(segment.base)) write(segment, segment === segments.at(-1));
  }
  if (options.sync) await syncWalked(context, segments);
  const left = new Set(bases);
  for (const stray of examined.strays) left.delete(stray);
  for (const { base } of segments) left.add(base);
  return {
    logEndOffset,
    bases: [...left].sort((a, b) => a - b),
    cutBytes: torn?.bytes ?? 0,
    restoredBytes: bytesOf(segments),
    damage: null,
    warnings: [...warningsOf(folder, examined)],
    epochs: firstEpoch === null ? examined.epochs : [
      firstEpoch,
      ...examined.epochs.filter(({ epoch }) => epoch !== firstEpoch.epoch),
    ],
    firstControlSegment: segments.find((segment) => segment.hasControlBatch)?.base ?? null,
  };
}

/**
 * Where the walk begins. The epoch of the first batch must be known from its own beginning on: from the checkpoint, or
 * because the log begins in it. Else everything is walked.
 */
function startOf(
  context: SegmentContext,
  bases: readonly number[],
  { recoveryPoint, logStartOffset, restoresFrom, walkFrom = Infinity }: RecoveryOptions,
  known: LeaderEpochs["entries"],
): { start: Start; firstEpoch: { epoch: number; startOffset: number } | null } {
  const offset = bases[0] ?? logStartOffset, everything = { index: 0, position: 0, offset };
  const index = bases.findLastIndex((base) => base <= Math.min(recoveryPoint, walkFrom));
  if (index < 0 || restoresFrom !== undefined) return { start: everything, firstEpoch: null };
  const base = bases[index], nextBase = bases[index + 1] ?? null;
  const within = startWithin(context, {
    base,
    nextBase,
    recoveryPoint: Math.min(recoveryPoint, walkFrom),
  });
  const start = { index, position: within.position, offset: within.offset };
  if (index === 0 && within.position === 0) return { start, firstEpoch: null };
  const epoch = within.position > 0 ? within.epoch : epochAt(context, base);
  const said = known.findLast(({ startOffset }) => startOffset <= start.offset)?.epoch;
  if (epoch === -1 || said === epoch) return { start, firstEpoch: null };
  return said === undefined && epochAt(context, bases[0]) === epoch
    ? { start, firstEpoch: { epoch, startOffset: bases[0] } }
    : { start: everything, firstEpoch: null };
}

/** The leader epoch of a segment's first batch; -1 when there is none. */
function epochAt({ store, folder }: SegmentContext, base: number): number {
  const reader = SegmentReader.open(store, folder, base);
  const header = reader.headerAt(0);
  const epoch = header === null ? -1 : batch.partitionLeaderEpoch(header);
  reader.close();
  return epoch;
}

/** Brings the files to what the walk has found that they should be. */
export function heal(
  { store, folder }: Pick<SegmentContext, "store" | "folder">,
  examined: Examined,
): void {
  const pathOf = (base: number) => `${folder}/${segmentName(base)}.log`;
  for (const { base, patches, isLost } of examined.segments) {
    if (isLost) store.open(pathOf(base)).close();
    if (patches.length === 0) continue;
    const blob = store.openInPlace(pathOf(base));
    for (const { position, bytes } of patches) blob.write(position, bytes);
    blob.close();
  }
  for (const { segmentBase, position, epoch } of examined.epochRepairs) {
    const bytes = new Uint8Array(4), blob = store.openInPlace(pathOf(segmentBase));
    writeInt32(bytes, 0, epoch);
    blob.write(position + EPOCH_AT, bytes);
    blob.close();
  }
  for (const { segmentBase, position } of [...examined.tails, examined.torn ?? []].flat()) {
    const blob = store.open(pathOf(segmentBase));
    blob.truncate(position);
    blob.close();
  }
  for (const base of examined.strays) {
    const names = store.list(folder).map(({ name }) => name);
    setSegmentAside(store, folder, names, base);
  }
}

/** The indexes from where the walk began; what lies before stays, as far as it is sound. */
function writeIndexes(
  context: SegmentContext,
  { base, from, index, hasControlBatch }: ExaminedSegment,
  { nowMs, isSealed }: { nowMs: number; isSealed: boolean },
): void {
  const segment = new Segment(context, base, nowMs);
  if (from.position === 0) {
    segment.offsetIndex.clear();
    segment.timeIndex.clear();
    if (!hasControlBatch) segment.txnIndex.rewrite([]); // else it is built from a replay
  } else {
    segment.offsetIndex.truncateTo(from.offset);
    segment.timeIndex.truncateTo(from.offset);
    if (!segment.txnIndex.isDamaged) segment.txnIndex.truncateTo(from.offset);
  }
  index.write(segment, isSealed);
  segment.close();
}

/** With the aborted transactions, which decide what consumers see; the other indexes are hints. */
async function syncWalked(
  { store, folder }: SegmentContext,
  segments: readonly ExaminedSegment[],
): Promise<void> {
  const present = new Set(store.list(folder).map(({ name }) => name));
  for (const { base } of segments) {
    for (const file of [".log", ".txnindex"]) {
      const name = segmentName(base) + file;
      if (!present.has(name)) continue;
      const blob = store.open(`${folder}/${name}`);
      try {
        await blob.sync();
      } finally {
        blob.close();
      }
    }
  }
  await syncPartitionMetadata(store, folder);
  await store.syncFolder(folder);
  await store.syncFolder("");
}

function bytesOf(segments: readonly ExaminedSegment[]): number {
  let restored = 0;
  for (const { patches } of segments) for (const { bytes } of patches) restored += bytes.length;
  return restored;
}

function* warningsOf(folder: string, examined: Examined): Generator<string> {
  const patched = examined.segments.filter(({ patches }) => patches.length > 0);
  const batches = patched.reduce((sum, { patches }) => sum + patches.length, 0);
  if (batches > 0) {
    const names = patched.map(({ base }) => segmentName(base)).join(", ");
    yield `${folder}: ${batches} batches with ${bytesOf(patched)} bytes were put back from the ` +
      `journal into segment ${names}`;
  }
  for (const { segmentBase, position, found, epoch } of examined.epochRepairs) {
    yield `${folder}: the batch at position ${position} of segment ${
      segmentName(segmentBase)
    } had ` +
      `leader epoch ${found}; by its neighbours it is ${epoch}`;
  }
  for (const { segmentBase, problem } of examined.tails) {
    yield `${folder}: segment ${segmentName(segmentBase)}: ${problem}: cut off`;
  }
  for (const base of examined.strays) {
    yield `${folder}: the segment ${segmentName(base)} does not continue the log, which ends ` +
      `at offset ${examined.logEndOffset}: renamed to ${STRAY}`;
  }
}

/** Of the leader epoch in a batch. */
const EPOCH_AT = 12;
