/**
 * ArrivedRecords: what came from brokers and was not handed out yet, in the order it came. The position of a partition
 * moves as its records are handed out.
 */
import type { AssignedPartition } from "./assigned_partition.ts";
import type { ConsumerRecord } from "./consumer_options.ts";

export interface Arrived {
  readonly assigned: AssignedPartition;
  readonly records: ConsumerRecord[];
  /** Behind the last batch, whether or not anything of it is given. */
  readonly nextOffset: number;
  /** In which leader epoch the last batch was written. */
  readonly leaderEpoch: number;
}

export class ArrivedRecords {
  #parts: Part[] = [];

  /** Whether there is anything that is not paused. */
  get hasRecords(): boolean {
    return this.#parts.some(({ assigned }) => !assigned.isPaused);
  }

  add(arrived: Arrived): void {
    this.#parts.push({ ...arrived, at: 0 });
  }

  /** Forgets what came of a partition. */
  drop(assigned: AssignedPartition): void {
    this.#parts = this.#parts.filter((part) => part.assigned !== assigned);
  }

  take(maxRecords: number): ConsumerRecord[] {
    let taken: ConsumerRecord[] = [];
    const left: Part[] = [];
    for (const part of this.#parts) {
      const { assigned, records, nextOffset, leaderEpoch, at } = part,
        room = maxRecords - taken.length;
      if (assigned.isPaused || room <= 0) { // also where it has none: what it is behind may not be out
        left.push(part);
        continue;
      }
      const end = Math.min(records.length, at + room);
      if (taken.length === 0 && at === 0 && end === records.length) taken = records;
      else for (let i = at; i < end; i++) taken.push(records[i]);
      if (end === records.length) {
        assigned.position = nextOffset;
        assigned.leaderEpoch = leaderEpoch;
      } else {
        assigned.position = records[end - 1].offset + 1;
        assigned.leaderEpoch = -1; // batches may be of several
        part.at = end;
        left.push(part);
      }
    }
    this.#parts = left;
    return taken;
  }

  /** The next record alone, and cheaply; null when there is none. */
  takeOne(): ConsumerRecord | null {
    if (this.#parts.length === 0) return null;
    const part = this.#parts[0];
    const { assigned, records, at } = part;
    if (assigned.isPaused || at + 1 >= records.length) return this.take(1)[0] ?? null;
    part.at = at + 1;
    assigned.position = records[at].offset + 1;
    assigned.leaderEpoch = -1;
    return records[at];
  }
}

type Part = Arrived & {
  /** How many of them were handed out. */
  at: number;
};
