/**
 * JournalCopies: what the journal holds of one partition, asked by a walk for the batch at a place. An entry is only
 * believed where it continues the log: at exactly the position and with exactly the offset that come next.
 */
import * as batch from "../../protocol/records/batch.ts";
import type { JournalEntry } from "../durability/journal_entries.ts";
import { type Place, wrongBatch } from "../../protocol/records/batch_place.ts";

interface OfSegment {
  /** By position; of the same position the newest last. */
  readonly entries: readonly JournalEntry[];
  /** How far the entries up to each one reach. */
  readonly reach: readonly number[];
}

/** A place in a log: a segment, and a position in its file. */
interface Reach {
  readonly base: number;
  readonly position: number;
}

export class JournalCopies {
  /** Nothing behind it was acknowledged; null where the journal knows nothing of the log. */
  readonly #acknowledged: Reach | null;
  readonly #bySegment = new Map<number, OfSegment>();

  constructor(entries: readonly JournalEntry[]) {
    this.#acknowledged = entries.map(({ segmentBase, position, payload }) => ({
      base: segmentBase,
      position: position + payload.length,
    })).reduce<Reach | null>(
      (most, one) => most !== null && !isBehind(one, most) ? most : one,
      null,
    );
    for (const [base, all] of Map.groupBy(entries, ({ segmentBase }) => segmentBase)) {
      all.sort((a, b) => a.position - b.position || a.sequence - b.sequence);
      let end = 0;
      const reach = all.map(({ position, payload }) =>
        end = Math.max(end, position + payload.length)
      );
      this.#bySegment.set(base, { entries: all, reach });
    }
  }

  /** Whether it knows nothing of the log. */
  get isEmpty(): boolean {
    return this.#acknowledged === null;
  }

  /**
   * Whether nothing from there on was acknowledged. With a journal no acknowledgement leaves before an entry or a mark
   * that reaches to it is on the device; and entries go oldest first, so that the last one of a log is there if any is.
   */
  isUnacknowledged(base: number, position: number): boolean {
    const most = this.#acknowledged;
    return most !== null && !isBehind(most, { base, position });
  }

  /** Whether something behind that place was acknowledged, for certain. */
  isAcknowledgedBehind(base: number, position: number): boolean {
    const most = this.#acknowledged;
    return most !== null && isBehind(most, { base, position });
  }

  /** Whether it has a mark in that segment, or a later one. */
  isMarkedBehind(segmentBase: number): boolean {
    for (const [base, { entries }] of this.#bySegment) {
      if (base >= segmentBase && entries.some(({ payload }) => payload.length === 0)) return true;
    }
    return false;
  }

  /** The batch at a position of a segment, if the journal has the one that comes next. */
  batchAt(segmentBase: number, position: number, place: Place): Uint8Array | null {
    const exact = { ...place, mayHaveGaps: false };
    for (const { payload, position: start } of this.#covering(segmentBase, position)) {
      const at = position - start, end = batch.endOf(payload, at);
      if (end >= 0 && wrongBatch(payload, at, exact) === null) return payload.subarray(at, end);
    }
    return null;
  }

  /** Whether an entry holds a position of a segment. */
  has(segmentBase: number, position: number): boolean {
    for (const _ of this.#covering(segmentBase, position)) return true;
    return false;
  }

  /**
   * The checksum of the batch that the journal has at a position with the offset of the one in the file; null where it has
   * none. Where it has several, that of the file's, or of the newest.
   */
  crcAt(segmentBase: number, position: number, found: Uint8Array): number | null {
    let newest: JournalEntry | null = null, newestCrc: number | null = null;
    for (const entry of this.#covering(segmentBase, position)) {
      const { payload } = entry, at = position - entry.position;
      if (batch.endOf(payload, at) < 0) continue;
      if (batch.baseOffset(payload, at) !== batch.baseOffset(found)) continue;
      const crc = batch.crc(payload, at);
      if (crc === batch.crc(found)) return crc;
      if (newest !== null && newest.sequence > entry.sequence) continue;
      newest = entry;
      newestCrc = crc;
    }
    return newestCrc;
  }

  /** The last segment at or below an offset of which there are batches from its beginning on to above that; or null. */
  segmentOf(offset: number): number | null {
    let found: number | null = null;
    for (const [base, { entries }] of this.#bySegment) {
      if (base > offset || base < (found ?? 0) || entries[0].position > 0) continue;
      const reaches = entries.some(({ payload }) =>
        [...batch.batches(payload)].some((at) => batch.lastOffset(payload, at) >= offset)
      );
      if (reaches) found = base;
    }
    return found;
  }

  /** A batch that lies at or above `endOffset`; its offset, or null. */
  beyond(endOffset: number): number | null {
    for (const { entries } of this.#bySegment.values()) {
      for (const { payload } of entries) {
        for (const at of batch.batches(payload)) {
          const offset = batch.baseOffset(payload, at);
          if (offset >= endOffset && batch.isIntact(payload, at)) return offset;
        }
      }
    }
    return null;
  }

  /** Entries that hold this position, the newest of those with the same start first. */
  *#covering(segmentBase: number, position: number): Generator<JournalEntry> {
    const { entries, reach } = this.#bySegment.get(segmentBase) ?? NONE;
    let low = -1, high = entries.length - 1;
    while (low < high) {
      const middle = low + high + 1 >> 1;
      if (entries[middle].position <= position) low = middle;
      else high = middle - 1;
    }
    for (let i = low; i >= 0 && reach[i] > position; i--) {
      if (entries[i].position + entries[i].payload.length > position) yield entries[i];
    }
  }
}

function isBehind(one: Reach, other: Reach): boolean {
  return one.base > other.base || one.base === other.base && one.position > other.position;
}

const NONE: OfSegment = { entries: [], reach: [] };
