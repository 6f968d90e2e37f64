/**
 * Browse: so many records that fit, of several partitions, onwards from a place in each or backwards from their ends. It
 * ends when there are enough, nothing more is there, or it has cost what it may, and says where to go on.
 */
import { LIMITS, type RecordRow, type RecordsAnswer } from "./api.ts";
import type { Effort, PartitionReader } from "./partition_reader.ts";
import type { RecordFilter } from "./record_filter.ts";
import { rowOf, sizeOf } from "./record_row.ts";

/** By partition: the next offset onwards, or the one before which it goes on backwards. */
export type Positions = ReadonlyMap<number, number>;

export interface BrowseOptions {
  readonly reader: PartitionReader;
  readonly effort: Effort;
  readonly filter: RecordFilter | null;
  readonly limit: number;
}

export interface Browsed {
  readonly rows: readonly RecordRow[];
  /** Of partitions in which something more may be. */
  readonly positions: Positions;
  readonly ended: RecordsAnswer["ended"];
}

/** Oldest first. Throws KafkaError. */
export async function browseOnwards(
  from: Positions,
  { reader, effort, filter, limit }: BrowseOptions,
): Promise<Browsed> {
  const rows: RecordRow[] = [], positions = new Map(from), active = new Set(from.keys());
  let size = 0;
  const ended = () =>
    rows.length >= limit ? "limit" : size >= LIMITS.maxAnswerBytes ? "bytes" : effort.isOver;
  while (active.size > 0 && ended() === null) {
    const share = Math.ceil((limit - rows.length) / active.size); // so that none hides the others
    for (const partition of [...active]) {
      let left = Math.min(share, limit - rows.length);
      if (left <= 0 || ended() !== null) break;
      const begin = { from: positions.get(partition)! };
      const reading = await reader.read(partition, begin, ({ record, facts }) => {
        if (filter !== null && !filter(record, facts)) return true;
        const row = rowOf(record, facts);
        rows.push(row);
        size += sizeOf(row);
        return --left > 0 && size < LIMITS.maxAnswerBytes;
      });
      positions.set(partition, reading.nextOffset);
      if (reading.isAtEnd) active.delete(partition);
    }
  }
  rows.sort((a, b) =>
    a.timestampMs - b.timestampMs || a.partition - b.partition || a.offset - b.offset
  );
  return { rows, positions, ended: ended() ?? "edge" };
}

/** Newest first. `starts`: where logs begin; `bytesARecord`: about. Throws KafkaError. */
export async function browseBackwards(
  from: Positions,
  { reader, effort, filter, limit, starts, bytesARecord }: BrowseOptions & {
    readonly starts: Positions;
    readonly bytesARecord: number;
  },
): Promise<Browsed> {
  const rows: RecordRow[] = [], positions = new Map(from);
  const active = new Set([...from.keys()].filter((one) => from.get(one)! > startOf(one)));
  let size = 0, window = filter === null ? 1 : FIRST_FILTERED;
  const most = Math.max(1, Math.min(MAX_WINDOW, Math.floor(WINDOW_BYTES / bytesARecord)));
  const ended = () =>
    rows.length >= limit ? "limit" : size >= LIMITS.maxAnswerBytes ? "bytes" : effort.isOver;
  while (active.size > 0 && ended() === null) {
    const share = Math.ceil((limit - rows.length) / active.size);
    for (const partition of [...active]) {
      const left = Math.min(share, limit - rows.length);
      if (left <= 0 || ended() !== null) break;
      const until = positions.get(partition)!;
      const low = Math.max(startOf(partition), until - Math.min(most, Math.max(left, window)));
      const found = await lastOf(partition, low, until, left);
      if (found === null) break; // it cost too much: what was not looked at is newer than what was
      let reached = found.length < left ? low : found[0].offset;
      for (const row of found.toReversed()) {
        if (size >= LIMITS.maxAnswerBytes) break;
        rows.push(row);
        size += sizeOf(row);
        if (size >= LIMITS.maxAnswerBytes) reached = row.offset;
      }
      positions.set(partition, reached);
      if (reached <= startOf(partition)) active.delete(partition);
    }
    window = Math.min(most, window * 2);
  }
  for (const [partition, until] of positions) {
    if (until <= startOf(partition)) positions.delete(partition);
  }
  rows.sort((a, b) =>
    b.timestampMs - a.timestampMs || a.partition - b.partition || b.offset - a.offset
  );
  return { rows, positions, ended: ended() ?? "edge" };

  function startOf(partition: number): number {
    return starts.get(partition) ?? 0;
  }

  /** The last `count` that fit within a part of a log, oldest first; null when it was not looked at to its end. */
  async function lastOf(
    partition: number,
    low: number,
    until: number,
    count: number,
  ): Promise<RecordRow[] | null> {
    const found: RecordRow[] = []; // rows, which keep nothing of what was fetched
    for (let at = low; at < until;) {
      const reading = await reader.read(partition, { from: at, until }, ({ record, facts }) => {
        if (filter !== null && !filter(record, facts)) return true;
        found.push(rowOf(record, facts));
        if (found.length > count) found.shift();
        return true;
      });
      at = reading.nextOffset;
      if (reading.isAtEnd) break;
      if (effort.isOver !== null && at < until) return null;
    }
    return found;
  }
}

const FIRST_FILTERED = 256, MAX_WINDOW = 10_000;
/** A part of a log that is looked at in one go is no larger than this, about, so that several fit in one look. */
const WINDOW_BYTES = 4 << 20;
