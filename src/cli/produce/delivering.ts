/**
 * Delivering: records on their way to one topic, so many bytes of them at most, at a rate if there is one. The first that
 * fails is kept, and nothing is to be sent behind it.
 */
import {
  type Delivery,
  Producer,
  type ProducerOptions,
  type Receiver,
} from "../../client/producer.ts";
import type { ProducerRecord } from "../../client/producer_record.ts";
import type { Cluster } from "../../client/cluster.ts";
import type { Origin } from "./sources.ts";

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
  /** Who hears of the records of the last origin. */
  #hears: { readonly origin: Origin; readonly receiver: Receiver } | null = null;

  /** `rate`: records a second at most; null: as fast as it goes. */
  constructor(
    cluster: Cluster,
    options: ProducerOptions,
    { rate, onDelivered }: {
      readonly rate: number | null;
      readonly onDelivered: (delivery: Delivery) => void;
    },
  ) {
    this.#producer = new Producer(cluster, { ...options, bufferBytes: MAX_BYTES });
    this.#rate = rate;
    this.#onDelivered = onDelivered;
  }

  /** Whether wait() is to come before the next record. */
  get isFull(): boolean {
    return !this.#producer.hasRoom || this.#aheadMs() > 0;
  }

  /** Resolves when there is room for another record, or there is a failure. */
  async wait(): Promise<void> {
    await this.#producer.room();
    const aheadMs = this.#aheadMs();
    if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(aheadMs, 1000)));
  }

  /** The record of this number of its origin. */
  send(record: ProducerRecord, origin: Origin, number: number): void {
    if (this.#hears?.origin !== origin) {
      this.#hears = { origin, receiver: this.#receiverOf(origin) };
    }
    this.sent++;
    this.#producer.post(record, this.#hears.receiver, number);
  }

  /** Resolves when each that was sent is delivered or has failed. */
  async finish(): Promise<void> {
    await this.#producer.close();
  }

  #receiverOf(origin: Origin): Receiver {
    return {
      delivered: (_, delivery) => {
        this.delivered++;
        this.#onDelivered(delivery);
      },
      failed: (number, error) => {
        this.failure ??= { where: origin.nameOf(number), error: error as Error };
      },
    };
  }

  /** How much too early the next record is. */
  #aheadMs(): number {
    if (this.#rate === null) return 0;
    return this.#startMs + this.sent * 1000 / this.#rate - performance.now();
  }
}

/** What may be on its way. */
const MAX_BYTES = 8 << 20;
