/**
 * Outbox: a producer's records on their way: how many bytes of them there are, and which partition each goes to.
 *
 * Records with a key go to the partition Kafka's Java client chooses for it; records without one stay with one
 * partition until its batch is full and then go on to another, so that batches are large. Sends to one partition keep
 * their order.
 */
import type { NewRecord } from "../protocol/records/build.ts";
import { type CompressionName, CompressionType } from "../protocol/records/compression.ts";
import { partitionOfKey } from "./murmur2.ts";
import { type Delivery, PartitionSender, type SenderOptions } from "./partition_sender.ts";
import { encodeRecord, type ProducerRecord, sizeOf } from "./producer_record.ts";

/** How any producer sends. */
export interface SendingOptions {
  /** How long a record may wait for company; 0 if not given, which still joins what is sent in one turn. */
  readonly lingerMs?: number;
  /** A batch stops growing here, 128 KiB if not given; a larger record goes alone. */
  readonly maxBatchBytes?: number;
  /** Records sent and not yet acknowledged, 64 MiB if not given; see room(). */
  readonly bufferBytes?: number;
  readonly compression?: CompressionName;
  /** For gzip (1 to 9) and zstd. */
  readonly compressionLevel?: number;
  /** How long the broker may wait for replicas; 30 s if not given. */
  readonly requestTimeoutMs?: number;
  /** How long after send() a record may still be retried, 120 s if not given. */
  readonly deliveryTimeoutMs?: number;
}

export class Outbox {
  readonly #bufferBytes: number;
  readonly #sender: TopicOptions;
  readonly #topics = new Map<string, TopicSenders>();
  #bufferedBytes = 0;
  #roomWaiters: (() => void)[] = [];

  constructor(
    source: Pick<SenderOptions, "cluster" | "acks" | "identity" | "transaction">,
    options: SendingOptions,
  ) {
    this.#bufferBytes = options.bufferBytes ?? 64 << 20;
    this.#sender = {
      ...source,
      lingerMs: options.lingerMs ?? 0,
      maxBatchBytes: options.maxBatchBytes ?? 128 << 10,
      compression: CompressionType[options.compression ?? "none"],
      compressionLevel: options.compressionLevel,
      requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
      deliveryTimeoutMs: options.deliveryTimeoutMs ?? 120_000,
      onReleased: (bytes) => this.#release(bytes),
    };
  }

  /** Takes one record; resolves when it is acknowledged. Throws as Producer.send() does. */
  send(record: ProducerRecord): Promise<Delivery> {
    let encoded: NewRecord;
    try {
      encoded = encodeRecord(record);
    } catch (error) {
      return this.#refuse(error);
    }
    const bytes = sizeOf(encoded);
    if (this.#bufferedBytes >= this.#bufferBytes) {
      return this.#refuse(
        new Error(`Cannot send: ${this.#bufferedBytes} bytes wait already; await room() first`),
      );
    }
    this.#bufferedBytes += bytes;
    return this.#route(record, encoded, bytes);
  }

  /** Resolves when send() takes records again. */
  async room(): Promise<void> {
    while (this.#bufferedBytes >= this.#bufferBytes) {
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
    }
  }

  /** Sends what waits for company; resolves when everything sent before is delivered or has failed. */
  async flush(): Promise<void> {
    await Promise.all([...this.#topics.values()].map((topic) => topic.flush()));
  }

  #refuse(error: unknown): Promise<never> {
    this.#sender.transaction?.().failed(error, false);
    return Promise.reject(error);
  }

  #route(record: ProducerRecord, encoded: NewRecord, bytes: number): Promise<Delivery> {
    let topic = this.#topics.get(record.topic);
    if (topic === undefined) {
      topic = new TopicSenders(record.topic, this.#sender);
      this.#topics.set(record.topic, topic);
    }
    return topic.send(encoded, record.partition, bytes);
  }

  #release(bytes: number): void {
    this.#bufferedBytes -= bytes;
    if (this.#roomWaiters.length === 0 || this.#bufferedBytes >= this.#bufferBytes) return;
    for (const resolve of this.#roomWaiters.splice(0)) resolve();
  }
}

type TopicOptions = Omit<SenderOptions, "onBatchFull">;

/** The senders of a topic's partitions, and the choice between them. */
class TopicSenders {
  readonly #name: string;
  readonly #options: TopicOptions;
  readonly #senders: PartitionSender[] = [];
  #partitions = 0;
  #sticky = -1;
  /** Settles when the number of partitions is known; sends that came before then wait for it in their order. */
  #opening: Promise<void> | null = null;

  constructor(name: string, options: TopicOptions) {
    this.#name = name;
    this.#options = options;
  }

  send(record: NewRecord, partition: number | undefined, bytes: number): Promise<Delivery> {
    if (this.#partitions > 0) return this.#add(record, partition, bytes);
    this.#opening ??= this.#openTopic().finally(() => this.#opening = null);
    return this.#opening.then(
      () => this.#add(record, partition, bytes),
      (error) => this.#refuse(error, bytes),
    );
  }

  /** The transaction hears of it at once: its flush must not be over before. */
  #refuse(error: unknown, bytes: number): Promise<never> {
    this.#options.transaction?.().failed(error, false);
    this.#options.onReleased(bytes);
    return Promise.reject(error);
  }

  async flush(): Promise<void> {
    await this.#opening?.catch(() => {}); // whoever sent hears of it
    await Promise.all(this.#senders.map((sender) => sender?.flush()));
  }

  async #openTopic(): Promise<void> {
    const { cluster, deliveryTimeoutMs } = this.#options;
    const topic = await cluster.retry(() => cluster.topic(this.#name), {
      topic: this.#name,
      timeoutMs: Math.min(deliveryTimeoutMs, TOPIC_TIMEOUT_MS),
    });
    this.#partitions = topic.partitions.length;
  }

  #add(record: NewRecord, wanted: number | undefined, bytes: number): Promise<Delivery> {
    const known = this.#options.cluster.lastKnown(this.#name);
    if (known) this.#partitions = known.partitions.length;
    const partition = wanted ?? this.#choose(record.key);
    if (!Number.isInteger(partition) || partition < 0 || partition >= this.#partitions) {
      return this.#refuse(
        new Error(`Partition ${partition} of ${this.#name}: it has 0 to ${this.#partitions - 1}`),
        bytes,
      );
    }
    const sender = this.#senders[partition] ??= new PartitionSender(this.#name, partition, {
      ...this.#options,
      onBatchFull: (full) => {
        if (full === this.#sticky) this.#sticky = -1;
      },
    });
    return sender.add(record, bytes);
  }

  #choose(key: Uint8Array | null | undefined): number {
    if (key != null) return partitionOfKey(key, this.#partitions);
    if (this.#sticky < 0 || this.#sticky >= this.#partitions) {
      this.#sticky = Math.floor(Math.random() * this.#partitions);
    }
    return this.#sticky;
  }
}

/** How long a topic that does not exist is asked for: it may be on its way. Kafka's max.block.ms is 60 s. */
const TOPIC_TIMEOUT_MS = 10_000;
