/**
 * compact: one pass over one log (Kafka's Cleaner).
 *
 * First the dirty part is read, and the last offset of every key noted. Then every segment from the log's beginning to
 * there is written anew without the records whose key has a later one, with small neighbours joined, and takes the
 * place of the old ones (compaction_swap.ts). Offsets never change. Between any two batches the pass may rest; whatever
 * happens to the log meanwhile (retention, deletion, a stop) ends the pass where it is, and what it has not swapped
 * in yet is thrown away.
 */
import type { Clock } from "../../clock.ts";
import type { BufferPool } from "../../bytes/pool.ts";
import * as batch from "../../protocol/records/batch.ts";
import { recordBytes } from "../../protocol/records/record.ts";
import { type BatchVerdict, filterBatch, type FilterRules, locate, located } from "./batch.ts";
import { OffsetMap } from "./map.ts";
import type { Pace } from "./pace.ts";
import { type Cleanable, groupSegments } from "./plan.ts";
import { removeCleaned, swapIn } from "./swap.ts";
import { CleanedTransactions } from "./transactions.ts";
import { CompactionWriter } from "./writer.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import type { ProducerSnapshotEntry } from "../producers/producer_snapshot.ts";
import type { Segment } from "../segments/segment.ts";
import type { Store } from "../store.ts";
import type { AbortedTransaction } from "../index/txn_index.ts";

export interface CompactionContext {
  readonly store: Store;
  readonly pool: BufferPool;
  readonly clock: Clock;
  readonly pace: Pace;
  /** Kafka: log.cleaner.dedupe.buffer.size */
  readonly dedupeBufferBytes: number;
  readonly maxDecompressedBytes: number;
  /** Makes the recovery points survive a crash. */
  readonly checkpoint: () => Promise<void>;
}

/** What a pass came to. */
export interface Compacted {
  /** Everything below has been compacted. */
  readonly endOffset: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** The pass ended early, with nothing broken: the broker stops, or the log changed under it. */
export class CompactionInterrupted extends Error {
  override readonly name = "CompactionInterrupted";
}

/** Compacts up to the first uncleanable offset, or as far as the map takes. */
export async function compact(
  { log, firstDirtyOffset, firstUncleanableOffset }: Cleanable,
  context: CompactionContext,
): Promise<Compacted> {
  const rest = resting(log, context.pace);
  removeCleaned(context.store, log.folder);
  const known = new CleanedTransactions(abortedFrom(log, firstDirtyOffset), unlisted(log));
  const range = { firstDirtyOffset, firstUncleanableOffset };
  const map = await buildMap(log, range, known, context, rest);
  await findMarkers(log, map.latestOffset + 1, known, rest);
  const endOffset = map.latestOffset + 1;
  await context.checkpoint(); // the journal's entries for these segments are void from here on

  const segments = log.segments.filter(({ baseOffset }) => baseOffset < endOffset);
  const groups = groupSegments(segments, {
    segmentBytes: log.config["segment.bytes"],
    indexBytes: log.config["segment.index.bytes"],
    firstUncleanableOffset,
  });
  const pass: Pass = {
    log,
    rest,
    rules: {
      map,
      nowMs: context.clock.nowMs(),
      deleteRetentionMs: log.config["delete.retention.ms"],
      maxDecompressedBytes: context.maxDecompressedBytes,
    },
    transactions: new CleanedTransactions(abortedFrom(log, 0), unlisted(log)),
    producers: new Map(log.producers.entries().map((entry) => [entry.producerId, entry])),
    upperBoundOffset: firstUncleanableOffset,
  };
  let bytesBefore = 0, bytesAfter = 0;
  for (const group of groups) {
    for (const { size } of group) bytesBefore += size;
    bytesAfter += await cleanGroup(pass, group, context);
  }
  return { endOffset, bytesBefore, bytesAfter };
}

interface Pass {
  readonly log: PartitionLog;
  readonly rest: Rest;
  readonly rules: FilterRules;
  readonly transactions: CleanedTransactions;
  /** Producers whose state would be lost with their last batch. */
  readonly producers: ReadonlyMap<number, ProducerSnapshotEntry>;
  readonly upperBoundOffset: number;
}

/** The pass's way of letting others go on. */
interface Rest {
  /** After so many bytes: a Promise to wait for when it is time to rest. */
  after(bytes: number, reading: Segment): Promise<void> | null;
  /** After any wait: throws when the pass must end, or `reading` is no part of the log any more. */
  check(reading: Segment): void;
}

function resting(log: PartitionLog, pace: Pace): Rest {
  const check = (reading: Segment) => {
    if (pace.isStopped) throw new CompactionInterrupted("the broker is stopping");
    if (log.offline !== null) throw new CompactionInterrupted(log.offline);
    if (!log.segments.includes(reading)) throw new CompactionInterrupted("a segment was deleted");
  };
  const after = (bytes: number, reading: Segment) =>
    pace.isOver(bytes) ? pace.rest().then(() => check(reading)) : null;
  return { after, check };
}

/** The last offset of each key from the first dirty offset on, of records that no aborted transaction wrote. */
async function buildMap(
  log: PartitionLog,
  range: { firstDirtyOffset: number; firstUncleanableOffset: number },
  transactions: CleanedTransactions,
  context: CompactionContext,
  rest: Rest,
): Promise<OffsetMap> {
  const from = range.firstDirtyOffset, end = range.firstUncleanableOffset;
  const map = new OffsetMap({ maxBytes: context.dedupeBufferBytes, expectedKeys: end - from });
  for (const [segment, nextBase] of segmentsBetween(log, from, end)) {
    const position = from > segment.baseOffset ? segment.positionOf(from) : 0;
    for (const [bytes] of segment.intact(position, undefined, true)) {
      if (batch.lastOffset(bytes) < from) continue;
      const mayDiscard = transactions.mayDiscard(bytes);
      if (!mayDiscard && !batch.isControl(bytes)) {
        if (!noteKeys(map, bytes, from, context.maxDecompressedBytes)) {
          if (map.latestOffset >= from) return map;
          throw new RangeError(
            `Cannot compact ${log.folder}: the batch at offset ${
              batch.baseOffset(bytes)
            } alone has ` +
              `more keys than fit dedupe_buffer_bytes, which is ${context.dedupeBufferBytes}`,
          );
        }
      }
      map.latestOffset = batch.lastOffset(bytes);
      const resting = rest.after(bytes.length, segment);
      if (resting !== null) await resting;
    }
    map.latestOffset = nextBase - 1; // earlier passes may have left a gap
  }
  return map;
}

/**
 * Reads on to the markers of transactions that began in the range and were taken for committed because no index lists
 * them, where the indexes behind it were not held against the batches yet. One that is aborted after all ends the pass:
 * its keys would take older values away.
 */
async function findMarkers(
  log: PartitionLog,
  from: number,
  transactions: CleanedTransactions,
  rest: Rest,
): Promise<void> {
  for (const segment of log.segments.slice()) {
    if (segment.limitOffset <= from || segment.isFresh || segment.areTransactionsChecked) continue;
    const position = from > segment.baseOffset ? segment.positionOf(from) : 0;
    for (const [bytes] of segment.intact(position, undefined, true)) {
      if (transactions.undecided.size === 0) return;
      if (batch.lastOffset(bytes) < from) continue;
      if (batch.isControl(bytes)) transactions.mayDiscard(bytes);
      const resting = rest.after(bytes.length, segment);
      if (resting !== null) await resting;
    }
  }
}

/** Puts the keys of a batch into the map; false when it is full. */
function noteKeys(map: OffsetMap, bytes: Uint8Array, from: number, maxBytes: number): boolean {
  const records = recordBytes(bytes, 0, maxBytes);
  const base = batch.baseOffset(bytes);
  for (let left = batch.recordCount(bytes), at = 0; left > 0; left--) {
    at = locate(records, at);
    const offset = base + located.offsetDelta;
    if (located.keyFrom < 0 || offset < from) continue;
    if (!map.put(records, located.keyFrom, located.keyTo, offset)) return false;
  }
  return true;
}

/** Writes a group's segments as one and swaps it in; its bytes. */
async function cleanGroup(
  pass: Pass,
  group: readonly Segment[],
  context: CompactionContext,
): Promise<number> {
  const { log, transactions, rest } = pass;
  const writer = new CompactionWriter(
    { ...context, folder: log.folder },
    group[0].baseOffset,
    log.config["index.interval.bytes"],
  );
  transactions.index = writer.segment.txnIndex;
  try {
    for (const segment of group) {
      for (const [bytes] of segment.intact(0, undefined, true)) { // a new checksum would hide old damage
        const kept = filterBatch(bytes, judge(pass, bytes), pass.rules);
        if (kept !== null) writer.append(kept);
        const resting = rest.after(bytes.length + (kept?.length ?? 0), segment);
        if (resting !== null) await resting;
        if (!writer.isSyncDue) continue;
        await writer.sync();
        rest.check(segment);
      }
    }
    await writer.finish();
  } catch (error) {
    writer.close();
    removeCleaned(context.store, log.folder);
    throw error;
  }
  const size = writer.segment.log.size;
  writer.close();
  if (!await swapIn(context.store, log, group)) {
    throw new CompactionInterrupted("a segment was deleted");
  }
  return size;
}

function judge(pass: Pass, bytes: Uint8Array): BatchVerdict {
  const mayDiscard = pass.transactions.mayDiscard(bytes);
  const isControl = batch.isControl(bytes);
  const isLast = isLastOfProducer(pass.producers, bytes);
  const isHorizonPast = batch.hasDeleteHorizon(bytes) &&
    batch.baseTimestamp(bytes) <= pass.rules.nowMs;
  return {
    // Kafka empties the last marker of a producer too, and so forgets its epoch when it must replay the log.
    discardRecords: mayDiscard && (!isControl || isHorizonPast && !isLast),
    // The end of the range stays, so that a consumer's position can reach it.
    keepEmpty: isLast || batch.lastOffset(bytes) + 1 === pass.upperBoundOffset,
    isIdleMarker: mayDiscard && isControl,
  };
}

/** Whether the batch is what is left to know a producer's last sequence by, or, after a marker, its epoch. */
function isLastOfProducer(
  producers: ReadonlyMap<number, ProducerSnapshotEntry>,
  bytes: Uint8Array,
): boolean {
  const producer = producers.get(batch.producerId(bytes));
  if (producer === undefined) return false;
  if (producer.lastOffset >= 0) return batch.lastOffset(bytes) === producer.lastOffset;
  return batch.isControl(bytes) && batch.producerEpoch(bytes) === producer.epoch;
}

function* abortedFrom(log: PartitionLog, offset: number): Generator<AbortedTransaction> {
  for (const i of log.segments.keys()) {
    for (const aborted of log.txnIndexOf(i).entries) {
      if (aborted.lastOffset >= offset) yield aborted;
    }
  }
}

/**
 * A marker aborts a transaction that its segment's index does not list: its file is missing or was cut. The index is made
 * anew, and the pass begins again; otherwise it would take aborted records for good ones and their marker for idle.
 */
function unlisted(log: PartitionLog): (markerOffset: number) => never {
  return (markerOffset) => {
    const i = log.segments.findLastIndex(({ baseOffset }) => baseOffset <= markerOffset);
    const { entries } = log.txnIndexOf(i, true);
    if (entries.some(({ lastOffset }) => lastOffset === markerOffset)) {
      throw new CompactionInterrupted("a transaction index was made anew");
    }
    throw new RangeError(
      `Cannot compact ${log.folder}: the marker at offset ${markerOffset} aborts a transaction that no index lists`,
    );
  };
}

/** The segments that reach into [from, end), each with the base offset of the next. */
function segmentsBetween(log: PartitionLog, from: number, end: number): [Segment, number][] {
  const found: [Segment, number][] = [];
  for (const [i, segment] of log.segments.entries()) {
    const next = log.segments[i + 1]?.baseOffset;
    if (next !== undefined && next > from && segment.baseOffset < end) found.push([segment, next]);
  }
  return found;
}
