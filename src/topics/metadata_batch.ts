/**
 * Batches of the metadata log: records with a null key and a framed message as value, and the control batches KRaft
 * writes between them. A snapshot file is made of the same batches.
 */
import { readInt16 } from "../bytes/int64.ts";
import { decode, encode } from "../protocol/codec.ts";
import * as control from "../protocol/messages/control_records.ts";
import * as batch from "../protocol/records/batch.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { type LogRecord, readRecords } from "../protocol/records/record.ts";
import { encodeRecord, type NewRecord } from "./metadata_record.ts";

/** Kafka reads its metadata log in pieces of this size and refuses a larger batch (KafkaRaftClient). */
export const MAX_BATCH_BYTES = 8 * 1024 * 1024;

interface Stamp {
  readonly nowMs: number;
  readonly leaderEpoch: number;
  readonly baseOffset?: number;
}

/** One batch, so that all of the records become durable or none. */
export function recordBatch(records: readonly NewRecord[], stamp: Stamp): Uint8Array {
  return buildBatch({
    records: records.map((record) => ({ timestampMs: stamp.nowMs, value: encodeRecord(record) })),
    baseOffset: stamp.baseOffset,
    partitionLeaderEpoch: stamp.leaderEpoch,
  });
}

/** Types of control records (Kafka: ControlRecordType). */
const LEADER_CHANGE = 2, SNAPSHOT_HEADER = 3, SNAPSHOT_FOOTER = 4, KRAFT_VERSION = 5, VOTERS = 6;

/**
 * Begins the epoch of a leader that is its only voter. Version 0 also where the voters stand in the log: Kafka writes
 * no other, and its ControlRecordUtils reads every one as if it were 0.
 */
export function leaderChangeBatch(stamp: Stamp, leaderId: number): Uint8Array {
  const voters = [{ voterId: leaderId }];
  const value = encode(control.LeaderChangeMessage, 0, {
    version: 0,
    leaderId,
    voters,
    grantingVoters: voters,
  });
  return controlBatch([[LEADER_CHANGE, value]], stamp);
}

/** The control records of a quorum whose voters stand in the log, as they were written; null where there are none. */
export interface QuorumRecords {
  readonly kraftVersion: Uint8Array | null;
  readonly voters: Uint8Array | null;
}

/** A whole snapshot file: header, with it the quorum, records, footer. */
export function snapshotFile(
  records: readonly NewRecord[],
  stamp: Stamp,
  quorum: QuorumRecords = { kraftVersion: null, voters: null },
): Uint8Array {
  const header = encode(control.SnapshotHeaderRecord, 0, {
    version: 0,
    lastContainedLogTimestamp: stamp.nowMs,
  });
  const first: [number, Uint8Array][] = [[SNAPSHOT_HEADER, header]];
  if (quorum.kraftVersion !== null) first.push([KRAFT_VERSION, quorum.kraftVersion]);
  if (quorum.voters !== null) first.push([VOTERS, quorum.voters]);
  const parts = [controlBatch(first, stamp)];
  let baseOffset = first.length;
  for (let from = 0; from < records.length; from += SNAPSHOT_BATCH_RECORDS) {
    const some = records.slice(from, from + SNAPSHOT_BATCH_RECORDS);
    parts.push(recordBatch(some, { ...stamp, baseOffset }));
    baseOffset += some.length;
  }
  const footer = encode(control.SnapshotFooterRecord, 0, { version: 0 });
  parts.push(controlBatch([[SNAPSHOT_FOOTER, footer]], { ...stamp, baseOffset }));
  const file = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

/** Far below MAX_BATCH_BYTES, whatever the records are. */
const SNAPSHOT_BATCH_RECORDS = 500;

/** What a reader of the metadata log meets. */
export interface BatchReader {
  record(record: LogRecord): void;
  /** 1: voters stand in the log. `bytes` is the record's value; it dies with the read. */
  kraftVersion(version: number, bytes: Uint8Array): void;
  voters(ids: readonly number[], bytes: Uint8Array): void;
}

/** Hands every record to the reader; returns the offset after the last one, or `from` when there was none. */
export function readBatches(bytes: Uint8Array, from: number, reader: BatchReader): number {
  let next = from;
  for (const at of batch.batches(bytes)) {
    if (batch.lastOffset(bytes, at) < from) continue;
    for (const record of readRecords(bytes, at)) {
      if (record.offset < from) continue;
      if (batch.isControl(bytes, at)) readControl(record, reader);
      else reader.record(record);
    }
    next = batch.lastOffset(bytes, at) + 1;
  }
  return next;
}

function readControl({ key, value }: LogRecord, reader: BatchReader): void {
  if (key === null || value === null || key.length < 4) return;
  const type = readInt16(key, 2);
  if (type === KRAFT_VERSION) {
    reader.kraftVersion(decode(control.KRaftVersionRecord, 0, value).kRaftVersion, value);
  } else if (type === VOTERS) {
    const ids = decode(control.VotersRecord, 0, value).voters.map((voter) => voter.voterId);
    reader.voters(ids, value);
  }
}

function controlBatch(
  records: readonly (readonly [type: number, value: Uint8Array])[],
  stamp: Stamp,
): Uint8Array {
  return buildBatch({
    records: records.map(([type, value]) => {
      const key = new Uint8Array(4);
      key[3] = type; // version int16 0, type int16
      return { timestampMs: stamp.nowMs, key, value };
    }),
    baseOffset: stamp.baseOffset,
    partitionLeaderEpoch: stamp.leaderEpoch,
    isControl: true,
  });
}
