/** ProducerBatch: records on their way together, and who hears what became of each. */
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
 * Who hears what became of records; `mark` is what was given with the record. Neither may throw. One for many records
 * costs less than a promise for each, which is what keeps a large number of small records from getting on.
 */
export interface Receiver {
  delivered(mark: number, delivery: Delivery): void;
  failed(mark: number, error: unknown): void;
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
  /** In which order batches were first sent; what it is parted into stays below its order and its span. */
  order = 0;
  span = 1;
  /** Of its first record; -1: none. */
  sequence = -1;
  encoded: Uint8Array | null = null;

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
}
