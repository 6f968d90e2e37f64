/**
 * Delivering: records on their way to one topic, so many bytes of them at most, at a rate if there is one. The first that
 * fails is kept, and nothing is to be sent behind it.
 */
import { type Delivery, Producer, type ProducerOptions } from "../../client/producer.ts";
import type { ProducerRecord } from "../../client/producer_record.ts";
import type { Cluster } from "../../client/cluster.ts";

export interface Failure {
  /** Which record: "line 3 of orders.txt". */
  readonly where: string;
  readonly error: Error;
}

export class Delivering {
  failure: Failure | null = null;
  sent = 0;
  delivered = 0;
  readonly #producer: Producer;
  readonly #rate: number | null;
  readonly #onDelivered: (delivery: Delivery) => void;
  readonly #startMs = performance.now();
  #bytes = 0;
  #settled = 0;
  #changed: (() => void) | null = null;

  /** `rate`: records a second at most; null: as fast as it goes. */
  constructor(
    cluster: Cluster,
    options: ProducerOptions,
    { rate, onDelivered }: {
      readonly rate: number | null;
      readonly onDelivered: (delivery: Delivery) => void;
    },
  ) {
    this.#producer = new Producer(cluster, options);
    this.#rate = rate;
    this.#onDelivered = onDelivered;
  }

  /** Whether wait() is to come before the next record. */
  get isFull(): boolean {
    return this.#bytes >= MAX_BYTES || this.#aheadMs() > 0;
  }

  /** Resolves when there is room for another record, or there is a failure. */
  async wait(): Promise<void> {
    while (this.#bytes >= MAX_BYTES && this.failure === null) {
      await this.#change();
    }
    const aheadMs = this.#aheadMs();
    if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(aheadMs, 1000)));
  }

  /** `where` says which one it is, should it fail. */
  send(record: ProducerRecord, where: () => string): void {
    const bytes = OVERHEAD_BYTES + lengthOf(record.key) + lengthOf(record.value);
    this.#bytes += bytes;
    this.sent++;
    const settled = () => {
      this.#bytes -= bytes;
      this.#settled++;
      this.#changed?.();
      this.#changed = null;
    };
    this.#producer.send(record).then((delivery) => {
      this.delivered++;
      this.#onDelivered(delivery);
      settled();
    }, (error) => {
      this.failure ??= { where: where(), error };
      settled();
    });
  }

  /** Resolves when each that was sent is delivered or has failed. */
  async finish(): Promise<void> {
    await this.#producer.close();
    while (this.#settled < this.sent) await this.#change();
  }

  /** Resolves when the next one is delivered or has failed. */
  #change(): Promise<void> {
    return new Promise((resolve) => this.#changed = resolve);
  }

  /** How much too early the next record is. */
  #aheadMs(): number {
    if (this.#rate === null) return 0;
    return this.#startMs + this.sent * 1000 / this.#rate - performance.now();
  }
}

function lengthOf(part: string | Uint8Array | null | undefined): number {
  return part?.length ?? 0;
}

/** What may be on its way. */
const MAX_BYTES = 8 << 20;
/** About what a record takes here beside its key and value. */
const OVERHEAD_BYTES = 200;
