/** ProducerBatch: records on their way together, and who hears what became of each. */
import { takeRecords } from "../protocol/records/record.ts";
import { BatchBuilder } from "../protocol/records/batch_builder.ts";

/** Where a record went. */
export interface Delivery {
  readonly topic: string;
  readonly partition: number;
  /** -1 with acks=0, and where the broker no longer knows the offset of a batch it had got before. */
  readonly offset: number;
  /** The broker's time with LogAppendTime, else the record's own. */
  readonly timestampMs: number;
  /** There where it is beyond 2^53, which no number has; `timestampMs` is ±(2^53 - 1) then. */
  readonly exactTimestampMs?: bigint;
}

/**
 * Who hears what became of records; `mark` is what was given with the record. Neither is to throw: what it throws is an
 * uncaught error of the process, and the others are told all the same. One for many records
 * costs less than a promise for each, which is what keeps a large number of small records from getting on.
 */
export interface Receiver {
  delivered(mark: number, delivery: Delivery): void;
  failed(mark: number, error: unknown): void;
}

/** Tells `count` receivers, whatever they throw, which is nobody's here. */
export function tellAll(count: number, tell: (i: number) => void): void {
  for (let i = 0; i < count; i++) {
    try {
      for (; i < count; i++) tell(i);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

/** A promise that is kept from outside; ES2024's type of it is not in everybody's TypeScript. */
interface Settled {
  readonly promise: Promise<void>;
  resolve(): void;
}

export class ProducerBatch {
  readonly builder: BatchBuilder;
  /** By record, as `marks`. */
  readonly receivers: Receiver[] = [];
  readonly marks: number[] = [];
  readonly settled: Settled = Promise.withResolvers<void>();
  readonly createdMs: number;
  bytes = 0;
  /** In which order batches were first sent. */
  order = 0;
  encoded: Uint8Array | null = null;
  /** Tries of which nobody said that they came to nothing: as long as there are some, it may be in the log. */
  unanswered = 0;
  /** The next batch's order is so far away. */
  #span = 1;

  constructor(
    capacity: number,
    { createdMs = performance.now(), room = null }: {
      readonly createdMs?: number;
      /** What the builder of another released. */
      readonly room?: Uint8Array<ArrayBuffer> | null;
    } = {},
  ) {
    this.builder = new BatchBuilder(capacity, room);
    this.createdMs = createdMs;
  }

  /**
   * Two batches of its records, of which it has more than one, and is encoded. It settles when both have. Their order is
   * its own and one right behind it. Throws what decompressing throws.
   */
  halves(): readonly [ProducerBatch, ProducerBatch] {
    const count = this.receivers.length, half = count >> 1, share = this.bytes * half / count;
    const [first, second] = [half, count - half].map((some) =>
      new ProducerBatch(Math.ceil(this.builder.sizeInBytes * some / count), {
        createdMs: this.createdMs,
      })
    );
    let at = 0;
    takeRecords(this.encoded!, 0, (record) => {
      const part = at < half ? first : second;
      part.builder.add(record);
      part.receivers.push(this.receivers[at]);
      part.marks.push(this.marks[at++]);
    });
    first.bytes = Math.floor(share);
    second.bytes = this.bytes - first.bytes;
    first.order = this.order;
    second.order = this.order + this.#span / 2;
    first.#span = second.#span = this.#span / 2;
    Promise.all([first.settled.promise, second.settled.promise]).then(this.settled.resolve);
    return [first, second];
  }
}
