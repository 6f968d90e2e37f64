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

export class JournalCopies {
  readonly #bySegment = new Map<number, OfSegment>();

  constructor(entries: readonly JournalEntry[]) {
    for (const [base, all] of Map.groupBy(entries, ({ segmentBase }) => segmentBase)) {
      all.sort((a, b) => a.position - b.position || a.sequence - b.sequence);
      let end = 0;
      const reach = all.map(({ position, payload }) =>
        end = Math.max(end, position + payload.length)
      );
      this.#bySegment.set(base, { entries: all, reach });
    }
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

  /** A batch of the last segment or a later one that lies at or above `endOffset`; its offset, or null. */
  beyond(segmentBase: number, endOffset: number): number | null {
    for (const [base, { entries }] of this.#bySegment) {
      if (base < segmentBase) continue;
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

const NONE: OfSegment = { entries: [], reach: [] };
