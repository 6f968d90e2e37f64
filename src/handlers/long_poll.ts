/**
 * LongPoll: one fetch that waits, on all its partitions at once, for bytes to become visible.
 *
 * It counts what becomes visible instead of reading again at every wake-up, so a fetch that waits for a megabyte
 * costs nothing per append.
 */
import type { Clock, Timers } from "../clock.ts";
import type { Waiter } from "../storage/durability/high_watermark.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";

export class LongPoll implements Waiter {
  /** Resolves when `missing` bytes have become visible, a log changed otherwise, time is up or the connection went. */
  readonly done: Promise<void>;
  readonly #resolve: () => void;
  readonly #logs: readonly PartitionLog[];
  readonly #ends: Set<() => void>;
  readonly #cancelTimer: () => void;
  readonly #enoughBytes: number;
  readonly #startsAt: number;
  #isDone = false;

  constructor(
    logs: readonly PartitionLog[],
    missing: number,
    deadlineMs: number,
    ends: Set<() => void>,
    { clock, timers }: { readonly clock: Clock; readonly timers: Timers },
  ) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#resolve = resolve;
    this.#logs = logs;
    this.#ends = ends;
    this.#enoughBytes = visibleBytes(logs) + missing;
    this.#startsAt = logStarts(logs);
    this.#cancelTimer = timers.after(Math.max(0, deadlineMs - clock.monotonicMs()), this.#end);
    ends.add(this.#end);
    for (const log of logs) log.addWaiter(this);
  }

  wake(): void {
    if (this.#isDone) return;
    const isEnough = visibleBytes(this.#logs) >= this.#enoughBytes;
    const hasChanged = logStarts(this.#logs) !== this.#startsAt ||
      this.#logs.some((log) => log.offline !== null);
    if (isEnough || hasChanged) this.#end();
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

function logStarts(logs: readonly PartitionLog[]): number {
  let sum = 0;
  for (const log of logs) sum += log.logStartOffset;
  return sum;
}
