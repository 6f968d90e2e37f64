/**
 * LongPoll: one fetch that waits, on all its partitions at once, for bytes to become visible.
 *
 * It counts what becomes visible instead of reading again at every wake-up, so a fetch that waits for a megabyte
 * costs nothing per append. A read_committed one waits for the last stable offsets: a marker of a few bytes may show a
 * megabyte, and a megabyte behind an open transaction shows nothing.
 */
import type { Clock, Timers } from "../clock.ts";
import type { Waiter } from "../storage/durability/high_watermark.ts";
import { mostBytesBetween } from "../storage/log/bytes_between.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import { readError } from "./partitions.ts";

/** One of the partitions that a fetch waits for, as it was read before. */
export interface Polled {
  readonly log: PartitionLog;
  readonly fetchOffset: number;
  readonly lastStableOffset: number;
}

/** Under read_committed, where each partition is read from, and how many bytes are wanted in all. */
export interface StablePoll {
  readonly polled: readonly Polled[];
  readonly minBytes: number;
}

export class LongPoll implements Waiter {
  /** Resolves when `missing` bytes have become visible, a log changed otherwise, time is up or the connection went. */
  readonly done: Promise<void>;
  readonly #resolve: () => void;
  readonly #logs: readonly PartitionLog[];
  readonly #ends: Set<() => void>;
  readonly #cancelTimer: () => void;
  readonly #enoughBytes: number;
  readonly #startsAt: number;
  readonly #stable: StablePoll | null;
  /** The sum of the last stable offsets at the last look. */
  #stableAt: number;
  #isDone = false;

  constructor(
    logs: readonly PartitionLog[],
    missing: number,
    deadlineMs: number,
    ends: Set<() => void>,
    { clock, timers }: { readonly clock: Clock; readonly timers: Timers },
    stable: StablePoll | null,
  ) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#resolve = resolve;
    this.#logs = logs;
    this.#ends = ends;
    this.#enoughBytes = visibleBytes(logs) + missing;
    this.#startsAt = logStarts(logs);
    this.#stable = stable;
    this.#stableAt = sumOf(stable?.polled ?? [], ({ lastStableOffset }) => lastStableOffset);
    this.#cancelTimer = timers.after(Math.max(0, deadlineMs - clock.monotonicMs()), this.#end);
    ends.add(this.#end);
    for (const log of logs) log.addWaiter(this);
    if (stable !== null) this.wake(); // it may have moved since that was read
  }

  wake(): void {
    if (this.#isDone) return;
    const isEnough = this.#stable === null
      ? visibleBytes(this.#logs) >= this.#enoughBytes
      : this.#isStable(this.#stable);
    const hasChanged = logStarts(this.#logs) !== this.#startsAt ||
      this.#logs.some((log) => log.offline !== null);
    if (isEnough || hasChanged) this.#end();
  }

  /** Whether so much may be stable now. */
  #isStable({ polled, minBytes }: StablePoll): boolean {
    try {
      const stableAt = sumOf(polled, ({ log }) => log.lastStableOffset);
      if (stableAt === this.#stableAt) return false;
      this.#stableAt = stableAt;
      let bytes = 0;
      for (const { log, fetchOffset } of polled) {
        bytes += mostBytesBetween(log.segments, fetchOffset, log.lastStableOffset);
        if (bytes >= minBytes) return true;
      }
      return false;
    } catch (error) {
      readError(error);
      return true; // which the read will say
    }
  }

  readonly #end = () => {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#cancelTimer();
    this.#ends.delete(this.#end);
    for (const log of this.#logs) log.removeWaiter(this);
    this.#resolve();
  };
}

function visibleBytes(logs: readonly PartitionLog[]): number {
  let bytes = 0;
  for (const log of logs) bytes += log.visibleBytes;
  return bytes;
}

function sumOf(polled: readonly Polled[], offset: (one: Polled) => number): number {
  let sum = 0;
  for (const one of polled) sum += offset(one);
  return sum;
}

function logStarts(logs: readonly PartitionLog[]): number {
  let sum = 0;
  for (const log of logs) sum += log.logStartOffset;
  return sum;
}
