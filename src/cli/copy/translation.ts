/**
 * Translation: the target's offset of the record that a group would read next at the source.
 *
 * Where no gap lies between two points of the map it follows from them. Else the records between the offset and the next
 * point are counted at the source: retention takes from the other end, so it does not change that. Compaction may have;
 * so the record there is compared with the source's, and looked for between the points where it is another.
 */
import type { BatchReader, PartitionOfTopic } from "../../client/batch_reader.ts";
import { KafkaError } from "../../client/errors.ts";
import { fetchedRecords } from "../../client/fetched_records.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { LogRecord } from "../../protocol/records/record.ts";
import { isDense, type Point } from "./offset_map.ts";
import type { OpenedPartition } from "./partition_copy.ts";

/** One of each side, which all that is looked up is read by. */
export interface Readers {
  readonly source: BatchReader;
  readonly target: BatchReader;
}

export interface Translated {
  readonly offset: number;
  /** Whether a group goes on with the same record; else with one before it. */
  readonly isExact: boolean;
}

export async function translated(
  { source, target }: Readers,
  { from, to, map }: OpenedPartition,
  offset: number,
): Promise<Translated> {
  const stretch = map.around(offset);
  if (stretch === null) return { offset: map.start.target, isExact: true }; // what it would skip is not there
  const { from: before, to: after } = stretch;
  if (after === null || offset === before.source) return { offset: before.target, isExact: true };
  if (before.target === after.target) return { offset: before.target, isExact: true };
  if (isDense(before, after)) {
    return { offset: before.target + offset - before.source, isExact: true };
  }
  const { count, first } = await counted(source, from, { from: offset, to: after.source });
  const guess = Math.max(before.target, after.target - count);
  if (first === null) return { offset: after.target, isExact: true };
  const there = await firstRecord(target, to, guess);
  if (there === null || there.offset > guess || areSame(there, first)) {
    return { offset: guess, isExact: true };
  }
  return await found(target, to, { before, after, record: first });
}

async function found(
  target: BatchReader,
  to: PartitionOfTopic,
  { before, after, record }: {
    readonly before: Point;
    readonly after: Point;
    readonly record: LogRecord;
  },
): Promise<Translated> {
  const range = { from: before.target, to: after.target };
  for await (const one of recordsIn(target, to, range)) {
    if (areSame(one, record)) return { offset: one.offset, isExact: true };
  }
  return { offset: before.target, isExact: false };
}

/** How many committed records there are in a range, and the first of them. */
async function counted(
  reader: BatchReader,
  partition: PartitionOfTopic,
  range: { readonly from: number; readonly to: number },
): Promise<{ count: number; first: LogRecord | null }> {
  let count = 0, first: LogRecord | null = null;
  for await (const record of recordsIn(reader, partition, range)) {
    count++;
    first ??= copyOf(record);
  }
  return { count, first };
}

async function firstRecord(
  reader: BatchReader,
  partition: PartitionOfTopic,
  offset: number,
): Promise<LogRecord | null> {
  for await (const record of recordsIn(reader, partition, { from: offset, to: Infinity })) {
    return record;
  }
  return null;
}

async function* recordsIn(
  reader: BatchReader,
  partition: PartitionOfTopic,
  { from, to }: { readonly from: number; readonly to: number },
): AsyncGenerator<LogRecord, void> {
  let position = from;
  while (position < to) {
    let answer;
    try {
      answer = await reader.fetch(partition, position);
    } catch (error) {
      const isOut = error instanceof KafkaError && error.code === ErrorCode.OFFSET_OUT_OF_RANGE;
      if (!isOut) throw error;
      // What was there is deleted: whoever reads goes on with the first record that is left.
      const start = await reader.start(partition);
      if (start <= position) return; // behind the end
      position = start;
      continue;
    }
    const { records, nextOffset } = fetchedRecords(answer, position);
    for (const record of records) {
      if (record.offset >= to) return;
      yield record;
    }
    if (nextOffset === position) return;
    position = nextOffset;
  }
}

/** Not a view: the answer it came in need not be kept for it. */
function copyOf(record: LogRecord): LogRecord {
  return { ...record, key: record.key?.slice() ?? null, value: record.value?.slice() ?? null };
}

function areSame(one: LogRecord, other: LogRecord): boolean {
  return one.timestampMs === other.timestampMs &&
    one.exactTimestampMs === other.exactTimestampMs && areEqual(one.key, other.key) &&
    areEqual(one.value, other.value) && one.headers.length === other.headers.length &&
    one.headers.every(({ key, keyBytes, value }, at) => {
      const beside = other.headers[at];
      return key === beside.key && areEqual(keyBytes ?? null, beside.keyBytes ?? null) &&
        areEqual(value, beside.value);
    });
}

function areEqual(one: Uint8Array | null, other: Uint8Array | null): boolean {
  if (one === null || other === null) return one === other;
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
