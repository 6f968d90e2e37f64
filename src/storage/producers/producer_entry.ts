/**
 * ProducerEntry: what a partition remembers of one producer: its epoch, its last five batches, and where its open
 * transaction began. Fields are updated in place; an append by a known producer allocates nothing.
 */
import type { ProducerSnapshotEntry } from "./producer_snapshot.ts";

/** Kafka's NUM_BATCHES_TO_RETAIN: a client has at most five requests in flight. */
const BATCHES_REMEMBERED = 5;

const NO_SEQUENCE = -1;
const SEQUENCES = 2 ** 31;
/** Numbers kept of a batch: last sequence, last offset, offset delta, timestamp. */
const FIELDS = 4;

export class ProducerEntry {
  readonly producerId: number;
  epoch: number;
  /** Epoch of the transaction coordinator that wrote the last marker; -1 before. */
  coordinatorEpoch = -1;
  /** The last batch's or marker's own timestamp, as snapshots and DescribeProducers have it. */
  timestampMs = -1;
  /** When the producer was last heard of; expiry counts from here. */
  usedMs = -1;
  /** -1 when no transaction is open. */
  txnFirstOffset = -1;
  /** Whether the open one was admitted in this process. Of one that a replay found the coordinator may not know. */
  isAdmitted = false;
  /** A ring of at most five batches; `#last` is where the newest begins, -1 when there is none. */
  readonly #batches: number[] = [];
  #last = -1;

  constructor(producerId: number, epoch: number) {
    this.producerId = producerId;
    this.epoch = epoch;
  }

  /** Of the newest batch; -1 when there is none. */
  get lastSequence(): number {
    return this.#last < 0 ? NO_SEQUENCE : this.#batches[this.#last];
  }

  get lastOffset(): number {
    return this.#last < 0 ? -1 : this.#batches[this.#last + 1];
  }

  get lastOffsetDelta(): number {
    return this.#last < 0 ? 0 : this.#batches[this.#last + 2];
  }

  /** Forgets the batches of another epoch. */
  setEpoch(epoch: number): void {
    if (epoch === this.epoch) return;
    this.epoch = epoch;
    this.#batches.length = 0;
    this.#last = -1;
  }

  addBatch(
    lastSequence: number,
    lastOffset: number,
    offsetDelta: number,
    timestampMs: number,
  ): void {
    const at = this.#last = (this.#last < 0 ? 0 : this.#last + FIELDS) %
      (BATCHES_REMEMBERED * FIELDS);
    this.#batches[at] = lastSequence;
    this.#batches[at + 1] = lastOffset;
    this.#batches[at + 2] = offsetDelta;
    this.#batches[at + 3] = timestampMs;
    this.timestampMs = timestampMs;
  }

  /** Remembers a batch before the newest; of several the older ones first. */
  recall(lastSequence: number, lastOffset: number, offsetDelta: number, timestampMs: number): void {
    if (this.#last < 0 || lastOffset >= this.lastOffset) return;
    const at = this.#last;
    const [sequence, offset, delta, newestMs] = this.#batches.slice(at, at + FIELDS);
    this.#batches.splice(at, FIELDS, lastSequence, lastOffset, offsetDelta, timestampMs);
    const ownMs = this.timestampMs; // a marker may be later than the newest batch
    this.addBatch(sequence, offset, delta, newestMs);
    this.timestampMs = ownMs;
  }

  /** The remembered batch with exactly these sequences, or null. */
  find(firstSequence: number, lastSequence: number): RememberedBatch | null {
    const batches = this.#batches;
    for (let at = 0; at < batches.length; at += FIELDS) {
      if (batches[at] !== lastSequence) continue;
      if (sequenceBefore(lastSequence, batches[at + 2]) !== firstSequence) continue;
      const lastOffset = batches[at + 1];
      return { baseOffset: lastOffset - batches[at + 2], lastOffset, timestampMs: batches[at + 3] };
    }
    return null;
  }

  toSnapshot(): ProducerSnapshotEntry {
    return {
      producerId: this.producerId,
      epoch: this.epoch,
      lastSequence: this.lastSequence,
      lastOffset: this.lastOffset,
      offsetDelta: this.lastOffsetDelta,
      timestampMs: this.timestampMs,
      coordinatorEpoch: this.coordinatorEpoch,
      currentTxnFirstOffset: this.txnFirstOffset,
    };
  }

  static fromSnapshot(entry: ProducerSnapshotEntry): ProducerEntry {
    const made = new ProducerEntry(entry.producerId, entry.epoch);
    if (entry.lastOffset >= 0) {
      made.addBatch(entry.lastSequence, entry.lastOffset, entry.offsetDelta, entry.timestampMs);
    }
    made.timestampMs = made.usedMs = entry.timestampMs;
    made.coordinatorEpoch = entry.coordinatorEpoch;
    made.txnFirstOffset = entry.currentTxnFirstOffset;
    return made;
  }
}

/** Where a batch went that came a second time. */
export interface RememberedBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly timestampMs: number;
}

/** The sequence `count` before `sequence`: they wrap from 2^31 - 1 to 0. */
function sequenceBefore(sequence: number, count: number): number {
  return sequence < count ? sequence - count + SEQUENCES : sequence - count;
}
