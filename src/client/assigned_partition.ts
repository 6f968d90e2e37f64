/**
 * AssignedPartition: where a consumer is in a partition, and when it may be asked for again after it failed. Each has
 * its own pauses, so that one which cannot be read holds up no other.
 */
import type { TopicPartition } from "./list_offsets.ts";

export class AssignedPartition implements TopicPartition {
  /** Of the next record to hand out. */
  position: number | null = null;
  /** Of the next fetch; ahead of the position while something waits to be handed out. null: to be found. */
  fetchFrom: number | null = null;
  end: number | null = null;
  /** From `fetchFrom` to here there is nothing to read, by the last answer: compaction left a gap, or it is the end. */
  emptyUntil = -1;
  /** Raised by a seek: what was fetched before is void. */
  epoch = 0;
  /** Whether it was never anywhere: it begins where its group is. */
  isNew = true;
  /** Whether it is neither fetched nor handed out for now. */
  isPaused = false;
  /** In which leader epoch the record before the position was written, and the one before `fetchFrom`; -1: not known. */
  leaderEpoch = -1;
  fetchEpoch = -1;
  /** Of the leader by which `fetchFrom` was there last. */
  validEpoch = -1;
  /** Whether its leader is being asked where to begin. */
  isSearched = false;
  #failures = 0;
  #retryAtMs = 0;

  constructor(readonly topic: string, readonly partition: number) {}

  get name(): string {
    return `${this.topic}-${this.partition}`;
  }

  seek(offset: number, leaderEpoch = -1): void {
    this.position = this.fetchFrom = offset;
    this.leaderEpoch = this.fetchEpoch = leaderEpoch;
    this.validEpoch = -1;
    this.isNew = false;
    this.emptyUntil = -1;
    this.epoch++;
  }

  /** How long it is not to be asked for; 0 when it may be. */
  pauseLeftMs(nowMs: number): number {
    return Math.max(0, this.#retryAtMs - nowMs);
  }

  /** `backoffMs` has the pause before the retry of that number, from 0. */
  failed(nowMs: number, backoffMs: (tries: number) => number): void {
    this.#retryAtMs = nowMs + backoffMs(this.#failures++);
  }

  answered(): void {
    this.#failures = this.#retryAtMs = 0;
  }
}
