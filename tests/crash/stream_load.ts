/** StreamLoad: a topic, its ledger, and a producer that never rests. */
import { Cluster } from "../../src/client/cluster.ts";
import { mayRetry } from "../../src/client/errors.ts";
import { Producer, type ProducerOptions } from "../../src/client/producer.ts";
import { Random } from "../random.ts";
import { nameFor, valueOf } from "./content.ts";
import { Ledger } from "./ledger.ts";
import { judged, type Load, type LoadContext, makeTopic, readTopic, seen } from "./load.ts";
import { pause } from "./victim.ts";

export interface StreamOptions {
  readonly topic: string;
  readonly partitions: number;
  readonly configs: Record<string, string>;
  readonly producer: ProducerOptions;
  /** Bytes of the next value. */
  readonly valueBytes: (random: Random) => number;
  /** On their way at a time. */
  readonly maxOutstanding: { readonly records: number; readonly bytes: number };
  /** It rests for a moment after so many bytes. */
  readonly bytesPerMs: number;
  /** See LedgerOptions. */
  readonly isAcknowledgedKept?: boolean;
  /** Whether a consumer reads along, and what it was shown must stay. */
  readonly isReadAlong?: boolean;
  /** Whether it waits for `resume` first. */
  readonly isPaused?: boolean;
}

export class StreamLoad implements Load {
  readonly topic: string;
  readonly ledger: Ledger;
  readonly isReadAlong: boolean;
  readonly #context: LoadContext;
  readonly #options: StreamOptions;
  readonly #cluster: Cluster;
  readonly #outstanding = new Set<Promise<void>>();
  #outstandingBytes = 0;
  sentBytes = 0;
  isResting = false;
  #isOver = false;
  #isPaused: boolean;
  #running: Promise<void> | null = null;

  constructor(context: LoadContext, options: StreamOptions) {
    this.topic = options.topic;
    this.#context = context;
    this.#options = options;
    this.#isPaused = options.isPaused ?? false;
    this.isReadAlong = options.isReadAlong ?? false;
    this.#cluster = new Cluster({ bootstrap: context.bootstrap });
    this.ledger = new Ledger({
      isExactlyOnce: options.producer.idempotent === true,
      isAcknowledgedKept: options.isAcknowledgedKept,
    });
  }

  get acknowledged(): number {
    return this.ledger.acknowledged;
  }

  async begin(): Promise<void> {
    await makeTopic(this.#cluster, this.#options);
    this.#running = this.#run().catch((error) =>
      this.#context.complain(`${this.topic}: the load ended: ${error.message}`)
    );
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
  }

  judge(): Promise<string[]> {
    return judged(this.topic, async () => {
      const mark = this.ledger.mark();
      // acks=1 is answered before the sync, and nobody is shown a record before it: a load that goes on is ahead.
      if (this.#options.producer.acks === "leader") await pause(SYNC_MS);
      const log = await readTopic(this.#context.bootstrap, this.#options, seen);
      return this.ledger.complaints(log, mark);
    });
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#running;
    this.#cluster.close();
  }

  summary(): string {
    const { sent, acknowledged, shown } = this.ledger;
    const mib = (this.sentBytes / 2 ** 20).toFixed(0);
    return `${this.topic}: ${sent} sent (${mib} MiB), ${acknowledged} acknowledged, ${shown} shown`;
  }

  async #run(): Promise<void> {
    const { partitions, maxOutstanding, bytesPerMs, valueBytes } = this.#options;
    const random = new Random(this.#context.seed);
    const producer = new Producer(this.#cluster, {
      deliveryTimeoutMs: 120_000,
      maxBatchBytes: 8192,
      ...this.#options.producer,
    });
    let owedBytes = 0;
    for (let order = 0; !this.#isOver; order++) {
      while ((this.#isPaused || this.isResting) && !this.#isOver) await pause(20);
      const partition = random.below(partitions), bytes = valueBytes(random);
      this.#send(producer, { partition, order, bytes });
      owedBytes += bytes;
      if (order % 20 === 19 || owedBytes > 100_000) {
        await pause(Math.max(1, owedBytes / bytesPerMs));
        owedBytes = 0;
      }
      while (
        this.#outstanding.size >= maxOutstanding.records ||
        this.#outstandingBytes >= maxOutstanding.bytes
      ) await pause(2);
    }
    await producer.close();
    await Promise.all(this.#outstanding);
  }

  #send(
    producer: Producer,
    { partition, order, bytes }: Record<"partition" | "order" | "bytes", number>,
  ) {
    const { topic, ledger } = this;
    const name = nameFor(topic, order);
    ledger.send(name, { partition, order, owner: topic });
    this.sentBytes += bytes;
    this.#outstandingBytes += bytes;
    const sent = producer.send({ topic, partition, value: valueOf(topic, order, bytes) }).then(
      ({ offset }) => ledger.acknowledge(name, offset),
      (error) => {
        // Its fate is not known; but nothing that was sent may be refused for what it is.
        if (!mayRetry(error)) this.#context.complain(`${name} was refused: ${error.message}`);
      },
    ).finally(() => {
      this.#outstanding.delete(sent);
      this.#outstandingBytes -= bytes;
    });
    this.#outstanding.add(sent);
  }
}

/** Longer than a sync takes that a busy device holds up. */
const SYNC_MS = 1500;
