/**
 * MarkerSending: brings the markers of prepared transactions to their partitions, all at once, each until it is kept.
 *
 * | a partition answers | then |
 * |---|---|
 * | 0 | the marker is kept |
 * | 3, and the catalogue does not know it (any more) | there is nothing to end: as good as kept |
 * | 47, again and again for some seconds | the producer is at a newer epoch there, so this transaction is not open: as good as kept |
 * | anything else | it is tried again, with a pause that grows to a minute; at once when the partition is back online |
 *
 * A partition that has no leader, or is offline, is never taken for a deleted one: Kafka, 4.4.0 too, skips its marker, calls
 * the transaction complete and so loses it (KAFKA-20734). A newer epoch comes of a marker that somebody else wrote
 * (`kafka-transactions.sh abort`); with it, Kafka's coordinator never completes the transaction, and its id is 51 for ever.
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
  /** A marker has waited for its partition for a while, which some do after a start: told once, with the code. */
  readonly onDelayed: (details: Record<string, unknown>) => void;
  /** What follows from a partition's answer threw, which is a bug: the marker is sent again when the log is next loaded. */
  readonly onFailed: (error: unknown) => void;
}

/** Markers that a partition did not take. */
interface Delayed {
  readonly partition: Partition;
  /** With how often they were answered 47 in a row. */
  readonly waiting: Map<PreparedTransaction, number>;
  /** How many of them are being tried again. */
  trying: number;
  tries: number;
  isTold: boolean;
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

  /** Of many, some in this turn and the others in those that follow. */
  send(prepared: PreparedTransaction, partitions: readonly Partition[], from = 0): void {
    const end = Math.min(partitions.length, from + MARKERS_A_TURN);
    for (let i = from; i < end; i++) this.#try(prepared, partitions[i], 0, null);
    if (end === partitions.length || this.#isStopped) return;
    this.#options.wake(0, () => this.send(prepared, partitions, end));
  }

  /** The partition serves (again): what waits for it is tried at once, and soon again if need be. */
  online(partition: Partition): void {
    const delayed = this.#delayed.get(keyOf(partition));
    if (delayed === undefined) return;
    this.#retry(delayed);
    delayed.tries = 0;
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

  /** `from` is where it waited before. */
  #try(
    prepared: PreparedTransaction,
    partition: Partition,
    fenced: number,
    from: Delayed | null,
  ): void {
    const answered = (errorCode: number) =>
      this.#answered(prepared, partition, from, {
        errorCode,
        fenced: fencedAfter(fenced, errorCode),
      });
    this.#write(prepared, partition).then(
      answered,
      () => answered(ErrorCode.UNKNOWN_SERVER_ERROR), // a bug of the writer's is no loss of a marker
    ).catch(this.#options.onFailed);
  }

  #write({ isCurrent, marker }: PreparedTransaction, partition: Partition): Promise<number> {
    if (this.#isStopped || !isCurrent()) return NOBODYS;
    try {
      return this.#options.writer.write(partition.topic, partition.partition, marker);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #answered(
    prepared: PreparedTransaction,
    partition: Partition,
    from: Delayed | null,
    answer: Answer,
  ): void {
    if (from !== null) from.trying--;
    const { errorCode, fenced } = answer, isCurrent = !this.#isStopped && prepared.isCurrent();
    const isGone = errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION &&
      !this.#options.isKnown(partition);
    const isDone = errorCode === ErrorCode.NONE || isGone || fenced >= FENCED_TRIES;
    if (isCurrent && !isDone) return this.#delay(prepared, partition, answer);
    this.#forgetIdle(partition);
    if (isCurrent) prepared.onWritten(partition);
  }

  #delay(prepared: PreparedTransaction, partition: Partition, answer: Answer): void {
    const { errorCode, fenced } = answer;
    const { transactionalId, marker: { producerId } } = prepared, key = keyOf(partition);
    let delayed = this.#delayed.get(key);
    if (delayed === undefined) {
      const waiting = new Map<PreparedTransaction, number>();
      delayed = { partition, waiting, trying: 0, tries: 0, isTold: false, cancel: null };
      this.#delayed.set(key, delayed);
    }
    if (delayed.tries >= TOLD_TRIES && !delayed.isTold) {
      delayed.isTold = true;
      this.#options.onDelayed({ ...partition, errorCode, transactionalId, producerId });
    }
    delayed.waiting.set(prepared, fenced);
    delayed.cancel ??= this.#options.wake(pauseMs(delayed.tries), () => this.#retry(delayed));
  }

  #retry(delayed: Delayed): void {
    delayed.cancel?.();
    delayed.cancel = null;
    delayed.tries++;
    const waiting = [...delayed.waiting].filter(([{ isCurrent }]) => isCurrent());
    delayed.waiting.clear();
    delayed.trying += waiting.length;
    for (const [prepared, fenced] of waiting) {
      this.#try(prepared, delayed.partition, fenced, delayed);
    }
    this.#forgetIdle(delayed.partition);
  }

  /** Where nothing waits, and nothing is being tried again, who comes next begins anew. */
  #forgetIdle(partition: Partition): void {
    const key = keyOf(partition), delayed = this.#delayed.get(key);
    if (delayed?.waiting.size === 0 && delayed.trying === 0) this.#delayed.delete(key);
  }
}

/** What a partition said of a marker, and how often it was 47 in a row. */
interface Answer {
  readonly errorCode: number;
  readonly fenced: number;
}

function fencedAfter(before: number, errorCode: number): number {
  return errorCode === ErrorCode.INVALID_PRODUCER_EPOCH ? before + 1 : 0;
}

/** Of what nobody waits for any more; no code of a partition's. */
const NOBODYS = Promise.resolve(ErrorCode.NONE as number);

/** Each is an append. */
const MARKERS_A_TURN = 200;

/** In these tries what the partition goes by has long been kept: about six seconds. */
const FENCED_TRIES = 7;

/** About three seconds. */
const TOLD_TRIES = 5;

function pauseMs(tries: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.min(tries, 16), LONGEST_PAUSE_MS);
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 60_000;

function keyOf({ topic, partition }: Partition): string {
  return `${topic}-${partition}`;
}
