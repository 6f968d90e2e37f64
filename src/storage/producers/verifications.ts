/**
 * Verifications: first batches of transactions that the transaction coordinator is being asked about (KIP-890, Kafka's
 * VerificationStateEntry). Who asks is given a Verification, and appends with it: a marker that is written in between takes
 * it away, so an answer that was overtaken opens no transaction that nobody would end.
 *
 * A Verification stays when the coordinator could not answer, and with it the lowest sequence it was asked about: of
 * several batches on their way, a later one must not be written before an earlier one that is sent again, which would be
 * out of order for ever.
 */

/** Of one producer in one partition. Who has it may append with it while the partition has the same one. */
export interface Verification {
  readonly producerId: number;
}

/** A batch that the coordinator is asked about. */
export interface FirstBatch {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  /** Whether the partition is added by it (transaction version 2), and every transaction has an epoch of its own. */
  readonly addsPartition: boolean;
}

interface Entry extends Verification {
  epoch: number;
  lowestSequence: number;
  readonly addsPartition: boolean;
  readonly sinceMs: number;
  /** How many wait for the coordinator. */
  asking: number;
}

export class Verifications {
  readonly #byProducer = new Map<number, Entry>();
  readonly #most: number;

  /** Of more than `most` producers the oldest are forgotten: what they append then is refused, and asked about anew. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#byProducer.size;
  }

  /** Begins one, or joins the one that there is. Who asks calls end() after it. */
  begin(first: FirstBatch, nowMs: number): Verification {
    const { producerId, producerEpoch, baseSequence, addsPartition } = first;
    let entry = this.#byProducer.get(producerId);
    if (entry === undefined) {
      if (this.#byProducer.size >= this.#most) this.#forgetOldest();
      const lowestSequence = baseSequence, epoch = producerEpoch;
      entry = { producerId, epoch, lowestSequence, addsPartition, sinceMs: nowMs, asking: 0 };
      this.#byProducer.set(producerId, entry);
    }
    if (producerEpoch > entry.epoch) {
      entry.epoch = producerEpoch;
      entry.lowestSequence = baseSequence;
    } else if (producerEpoch === entry.epoch && baseSequence < entry.lowestSequence) {
      entry.lowestSequence = baseSequence;
    }
    entry.asking++;
    return entry;
  }

  /** The coordinator has answered. Where it is not worth asking again, nothing is remembered for who may never come back. */
  end(verification: Verification, isWorthRepeating: boolean): void {
    const entry = this.#byProducer.get(verification.producerId);
    if (entry === undefined || entry !== verification) return;
    entry.asking--;
    if (!isWorthRepeating && entry.asking === 0) this.#byProducer.delete(entry.producerId);
  }

  /** Whether it still holds: no marker, and no batch of the transaction, has been written since. */
  holds(verification: Verification | null): boolean {
    return verification !== null &&
      this.#byProducer.get(verification.producerId) === verification;
  }

  /**
   * Whether a batch may be the first of those that are being asked about: none before it is missing. `isNew` when the
   * partition knows no batch of the producer.
   */
  isInOrder(producerId: number, baseSequence: number, isNew: boolean): boolean {
    const entry = this.#byProducer.get(producerId);
    if (entry === undefined) return true;
    if (entry.addsPartition && isNew && baseSequence !== 0) return false;
    return baseSequence <= entry.lowestSequence;
  }

  /** A batch of the transaction was written: it is open now. */
  opened(producerId: number): void {
    this.#byProducer.delete(producerId);
  }

  /**
   * A marker was written. Under transaction version 2 it has the epoch of the transaction that comes next, which may be
   * asked about already: that one stays. One of an older version has the epoch of the transaction that it ends, also where a
   * client mixed the versions: Kafka goes by the batch alone, and such a transaction hangs.
   */
  ended(producerId: number, markerEpoch: number, transactionVersion: number): void {
    const entry = this.#byProducer.get(producerId);
    if (entry === undefined) return;
    const isOfNext = transactionVersion >= 2 && entry.addsPartition && entry.epoch === markerEpoch;
    if (!isOfNext) this.#byProducer.delete(producerId);
  }

  /** Forgets those that were begun so long ago and never led to a batch. */
  removeExpired(nowMs: number, expirationMs: number): void {
    for (const [producerId, { sinceMs, asking }] of this.#byProducer) {
      if (asking === 0 && nowMs - sinceMs >= expirationMs) this.#byProducer.delete(producerId);
    }
  }

  #forgetOldest(): void {
    for (const producerId of this.#byProducer.keys()) { // in the order in which they began
      this.#byProducer.delete(producerId);
      return;
    }
  }
}
