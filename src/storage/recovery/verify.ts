/**
 * Verify: looks at every partition of a directory that no broker uses, and says what is wrong. Reads only.
 *
 * | kind | means |
 * |---|---|
 * | damage | the broker keeps the bytes and takes the partition offline; `runnel storage repair` decides |
 * | torn | the end of a write that a crash interrupted: cut at the next start, nothing acknowledged is in it |
 * | hint | an index, snapshot or checkpoint that the log replaces by itself |
 */
import { BufferPool } from "../../bytes/pool.ts";
import { readInt32, readInt64 } from "../../bytes/int64.ts";
import * as batch from "../../protocol/records/batch.ts";
import {
  CLEANER_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  LOG_START_CHECKPOINT,
  readCheckpoint,
  RECOVERY_POINT_CHECKPOINT,
} from "../checkpoints.ts";
import { LeaderEpochs } from "../log/leader_epochs.ts";
import { readPartitionMetadata } from "../log/partition_metadata.ts";
import { decodeProducerSnapshot } from "../producers/producer_snapshot.ts";
import { isValidBatch } from "./recovery.ts";
import { Segment, segmentName } from "../log/segment.ts";
import { parseSegmentFile } from "../log/segment_files.ts";
import type { Store } from "../store.ts";

export interface Finding {
  readonly kind: "damage" | "torn" | "hint";
  /** "orders-0/00000000000000000000.log" */
  readonly file: string;
  readonly problem: string;
}

/** Where a log stops being valid, and what lies there and behind. */
export interface Damage {
  readonly segmentBase: number;
  readonly position: number;
  /** The offset that would be the next. */
  readonly offset: number;
  /** To the end of the segment and of all behind it. */
  readonly bytes: number;
  /** Of the valid batches among them. */
  readonly records: number;
  /** The last offset of those, or null. */
  readonly lastOffset: number | null;
}

export interface PartitionReport {
  readonly folder: string;
  readonly segments: number;
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
  readonly nextOffset: number;
  readonly damage: Damage | null;
  readonly findings: readonly Finding[];
}

/** What is wrong with the files that belong to no partition. */
export function verifyCheckpoints(store: Store): Finding[] {
  const findings: Finding[] = [];
  for (
    const file of [
      RECOVERY_POINT_CHECKPOINT,
      HIGH_WATERMARK_CHECKPOINT,
      LOG_START_CHECKPOINT,
      CLEANER_CHECKPOINT,
    ]
  ) {
    readCheckpoint(store, file, (problem) => findings.push({ kind: "hint", file, problem }));
  }
  return findings;
}

/** Every partition, in the order of the names. */
export function* verifyPartitions(store: Store): Generator<PartitionReport> {
  const recoveryPoints = new Map(
    readCheckpoint(store, RECOVERY_POINT_CHECKPOINT).map((entry) => [
      `${entry.topic}-${entry.partition}`,
      entry.offset,
    ]),
  );
  for (const { name, isFolder } of store.list("")) {
    if (!isFolder || !/^.+-\d+$/.test(name)) continue;
    yield verifyPartition(store, name, recoveryPoints.get(name) ?? 0);
  }
}

/** One partition; everything below `recoveryPoint` was synced. */
export function verifyPartition(
  store: Store,
  folder: string,
  recoveryPoint: number,
): PartitionReport {
  const findings: Finding[] = [];
  const bases = segmentBases(store, folder);
  const tally = { batches: 0, records: 0, bytes: 0 };
  let nextOffset = bases[0] ?? 0;
  let damage: Damage | null = null;
  for (const [i, base] of bases.entries()) {
    const walked = walk(store, folder, base, Math.max(nextOffset, base));
    nextOffset = walked.nextOffset;
    tally.batches += walked.batches;
    tally.records += walked.records;
    tally.bytes += walked.validBytes;
    if (walked.validBytes < walked.bytes) {
      damage = describe(store, folder, bases.slice(i), walked);
      const isTorn = damage.records === 0 && nextOffset >= recoveryPoint;
      findings.push({
        kind: isTorn ? "torn" : "damage",
        file: `${folder}/${segmentName(base)}.log`,
        problem:
          `there is no valid batch at position ${walked.validBytes}, offset ${nextOffset}; ` +
          `${damage.bytes} bytes with ${damage.records} readable records lie there and behind`,
      });
      if (isTorn) damage = null;
      break;
    }
  }
  if (damage === null && nextOffset < recoveryPoint) {
    const base = bases.at(-1) ?? 0;
    const file = `${folder}/${segmentName(base)}.log`;
    const problem = `the log ends at offset ${nextOffset}, and was synced up to ${recoveryPoint}`;
    findings.push({ kind: "damage", file, problem });
    damage = {
      segmentBase: base,
      position: bases.length === 0 ? 0 : sizeOf(store, file),
      offset: nextOffset,
      bytes: 0,
      records: 0,
      lastOffset: null,
    };
  }
  findings.push(...hints(store, folder));
  return { folder, segments: bases.length, ...tally, nextOffset, damage, findings };
}

export function segmentBases(store: Store, folder: string): number[] {
  return store.list(folder).map(({ name }) => parseSegmentFile(name))
    .filter((parsed) => parsed?.file === ".log" && parsed.suffix === "")
    .map((parsed) => parsed!.baseOffset);
}

interface Walked {
  readonly nextOffset: number;
  readonly batches: number;
  readonly records: number;
  readonly validBytes: number;
  readonly bytes: number;
}

/** The valid batches from the start of a segment. */
function walk(store: Store, folder: string, base: number, expected: number): Walked {
  const segment = new Segment({ store, folder, pool }, base, 0);
  let batches = 0, records = 0, validBytes = 0, nextOffset = expected;
  for (const [bytes, position] of segment.scan()) {
    if (!isValidBatch(bytes, nextOffset)) break;
    batches++;
    records += batch.recordCount(bytes);
    nextOffset = batch.lastOffset(bytes) + 1;
    validBytes = position + bytes.length;
  }
  const { size } = segment;
  segment.close();
  return { nextOffset, batches, records, validBytes, bytes: size };
}

/** What lies behind the first bytes that are no batch, in that segment and the following. */
function describe(store: Store, folder: string, bases: readonly number[], walked: Walked): Damage {
  let bytes = 0, records = 0, lastOffset: number | null = null;
  for (const [i, base] of bases.entries()) {
    const blob = store.open(`${folder}/${segmentName(base)}.log`);
    const from = i === 0 ? walked.validBytes : 0;
    const tail = new Uint8Array(Math.min(blob.size - from, SEARCH_BYTES));
    blob.read(from, tail);
    bytes += blob.size - from;
    blob.close();
    for (let at = 0; at + batch.BATCH_OVERHEAD <= tail.length;) {
      const size = batch.sizeInBytes(tail, at);
      const isWhole = tail[at + 16] === batch.MAGIC_V2 && size >= batch.BATCH_OVERHEAD &&
        at + size <= tail.length;
      if (!isWhole || !isValidBatch(tail.subarray(at, at + size), walked.nextOffset)) {
        at++;
        continue;
      }
      records += batch.recordCount(tail, at);
      lastOffset = batch.lastOffset(tail, at);
      at += size;
    }
  }
  const { validBytes: position, nextOffset: offset } = walked;
  return { segmentBase: bases[0], position, offset, bytes, records, lastOffset };
}

/** What is wrong with the files that the log can do without. */
function hints(store: Store, folder: string): Finding[] {
  const findings: Finding[] = [];
  const hint = (name: string, problem: string) =>
    findings.push({ kind: "hint", file: `${folder}/${name}`, problem });
  const all = new Set(store.list(folder).map(({ name }) => name));
  for (const name of all) {
    const parsed = parseSegmentFile(name);
    if (parsed === null) continue;
    const { file, suffix, baseOffset } = parsed;
    const log = `${segmentName(baseOffset)}.log`;
    if (suffix !== "") hint(name, "is left over from a compaction or a removal");
    else if (file === ".snapshot") {
      const decoded = decodeProducerSnapshot(store.readAll(`${folder}/${name}`)!);
      if (typeof decoded === "string") hint(name, decoded);
    } else if (file === ".index" || file === ".timeindex") {
      if (!all.has(log)) hint(name, `belongs to no ${log}`);
      const bytes = store.readAll(`${folder}/${name}`)!;
      const problem = file === ".index"
        ? offsetIndexProblem(bytes, all.has(log) ? sizeOf(store, `${folder}/${log}`) : 0)
        : timeIndexProblem(bytes);
      if (problem !== null) hint(name, problem);
    }
  }
  if (readPartitionMetadata(store, folder) === null) {
    hint("partition.metadata", "is missing or does not name a topic id");
  }
  const { damage } = LeaderEpochs.load(store, folder);
  if (damage !== null) hint("leader-epoch-checkpoint", damage);
  return findings;
}

function offsetIndexProblem(bytes: Uint8Array, logBytes: number): string | null {
  if (bytes.length % 8 !== 0) return `it has ${bytes.length} bytes, needs a multiple of 8`;
  for (let at = 0, before = -1; at < bytes.length; at += 8) {
    const relative = readInt32(bytes, at), position = readInt32(bytes, at + 4);
    if (relative === 0 && position === 0) return null; // what Kafka preallocated
    if (relative <= before) return `entry ${at / 8} does not ascend`;
    if (position >= logBytes) {
      return `entry ${at / 8} points at ${position}, past the log's ${logBytes} bytes`;
    }
    before = relative;
  }
  return null;
}

function timeIndexProblem(bytes: Uint8Array): string | null {
  if (bytes.length % 12 !== 0) return `it has ${bytes.length} bytes, needs a multiple of 12`;
  for (let at = 0, before = -1; at < bytes.length; at += 12) {
    const timestampMs = readInt64(bytes, at);
    if (timestampMs === 0 && readInt32(bytes, at + 8) === 0) return null; // what Kafka preallocated
    if (timestampMs < before) return `entry ${at / 12} does not ascend`;
    before = timestampMs;
  }
  return null;
}

/** Of a blob that is there. */
function sizeOf(store: Store, path: string): number {
  const blob = store.open(path);
  const { size } = blob;
  blob.close();
  return size;
}

/** How far behind damage in a segment readable records are looked for. */
const SEARCH_BYTES = 64 << 20;
const pool = new BufferPool({ keepBytes: 0 });
