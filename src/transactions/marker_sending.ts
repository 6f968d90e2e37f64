/**
 * MarkerSending: brings the markers of prepared transactions to their partitions, all at once, each until it is kept.
 *
 * | a partition answers | then |
 * |---|---|
 * | 0 | the marker is kept |
 * | 3, and the catalogue does not know it (any more) | there is nothing to end: as good as kept |
 * | anything else | it is tried again, with a pause that grows to a minute; at once when the partition is back online |
 *
 * A partition that has no leader, or is offline, is never taken for a deleted one: Kafka, 4.4.0 too, skips its marker, calls
 * the transaction complete and so loses it (KAFKA-20734).
 */
import { ErrorCode } from "../protocol/errors.ts";
import type { MarkerWriter, TransactionMarker } from "./marker_writer.ts";
import type { Partition } from "./partition_set.ts";

/** A transaction that was decided on, and is kept. */
export interface PreparedTransaction {
  readonly transactionalId: string;
  readonly marker: TransactionMarker;
  /** Whether its markers are still this coordinator's to send. */
  readonly isCurrent: () => boolean;
  readonly onWritten: (partition: Partition) => void;
}

export interface MarkerSendingOptions {
  readonly writer: MarkerWriter;
  /** Whether the catalogue knows the partition. */
  readonly isKnown: (partition: Partition) => boolean;
  /** Calls `work` once after this long; returns what takes that back. */
  readonly wake: (delayMs: number, work: () => void) => () => void;
  /** A marker waits for its partition: told at the first try that fails, with the code. */
  readonly onDelayed: (details: Record<string, unknown>) => void;
}

/** Markers that a partition did not take. */
interface Delayed {
  readonly partition: Partition;
  readonly waiting: Set<PreparedTransaction>;
  tries: number;
  cancel: (() => void) | null;
}

export class MarkerSending {
  readonly #options: MarkerSendingOptions;
  readonly #delayed = new Map<string, Delayed>();
  #isStopped = false;

  constructor(options: MarkerSendingOptions) {
    this.#options = options;
  }

  /** Markers that wait for their partition. */
  get delayed(): number {
    let count = 0;
    for (const { waiting } of this.#delayed.values()) count += waiting.size;
    return count;
  }

  send(prepared: PreparedTransaction, partitions: Iterable<Partition>): void {
    for (const partition of partitions) this.#try(prepared, partition);
  }

  /** The partition serves (again): what waits for it is tried at once. */
  online(partition: Partition): void {
    const delayed = this.#delayed.get(keyOf(partition));
    if (delayed !== undefined) this.#retry(delayed);
  }

  /** What waits for partitions that the catalogue does not know any more has nothing to wait for. */
  deleted(): void {
    for (const delayed of [...this.#delayed.values()]) {
      if (!this.#options.isKnown(delayed.partition)) this.#retry(delayed);
    }
  }

  stop(): void {
    this.#isStopped = true;
    for (const { cancel } of this.#delayed.values()) cancel?.();
    this.#delayed.clear();
  }

  #try(prepared: PreparedTransaction, partition: Partition): void {
    if (this.#isStopped || !prepared.isCurrent()) return;
    this.#options.writer.write(partition.topic, partition.partition, prepared.marker).then(
      (errorCode) => this.#answered(prepared, partition, errorCode),
      () => this.#answered(prepared, partition, ErrorCode.UNKNOWN_SERVER_ERROR), // a bug of the writer's is no loss
    );
  }

  #answered(prepared: PreparedTransaction, partition: Partition, errorCode: number): void {
    if (this.#isStopped || !prepared.isCurrent()) return;
    const isGone = errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION &&
      !this.#options.isKnown(partition);
    if (errorCode !== ErrorCode.NONE && !isGone) return this.#delay(prepared, partition, errorCode);
    const key = keyOf(partition), delayed = this.#delayed.get(key);
    if (delayed?.waiting.size === 0) this.#delayed.delete(key);
    prepared.onWritten(partition);
  }

  #delay(prepared: PreparedTransaction, partition: Partition, errorCode: number): void {
    const { transactionalId, marker: { producerId } } = prepared, key = keyOf(partition);
    let delayed = this.#delayed.get(key);
    if (delayed === undefined) {
      delayed = { partition, waiting: new Set(), tries: 0, cancel: null };
      this.#delayed.set(key, delayed);
      this.#options.onDelayed({ ...partition, errorCode, transactionalId, producerId });
    }
    delayed.waiting.add(prepared);
    delayed.cancel ??= this.#options.wake(pauseMs(delayed.tries), () => this.#retry(delayed));
  }

  #retry(delayed: Delayed): void {
    delayed.cancel?.();
    delayed.cancel = null;
    delayed.tries++;
    const waiting = [...delayed.waiting];
    delayed.waiting.clear();
    for (const prepared of waiting) this.#try(prepared, delayed.partition);
    // Those that are no one's to send any more leave nothing behind.
    if (!waiting.some(({ isCurrent }) => isCurrent())) {
      this.#delayed.delete(keyOf(delayed.partition));
    }
  }
}

function pauseMs(tries: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.min(tries, 16), LONGEST_PAUSE_MS);
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 60_000;

function keyOf({ topic, partition }: Partition): string {
  return `${topic}-${partition}`;
}
