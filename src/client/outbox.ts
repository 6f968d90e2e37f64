/**
 * Outbox: a producer's records on their way: how many bytes of them there are, and which partition each goes to.
 *
 * Records with a key go to the partition Kafka's Java client chooses for it; records without one stay with one
 * partition until its batch is full and then go on to another, so that batches are large. Sends to one partition keep
 * their order.
 */
import type { TimedRecord } from "../protocol/records/batch_builder.ts";
import { type CompressionName, CompressionType } from "../protocol/records/compression.ts";
import { partitionOfKey } from "./murmur2.ts";
import { mustBeOneOf } from "./one_of.ts";
import { PartitionSender, type SenderOptions } from "./partition_sender.ts";
import type { Partitioner } from "./partitioner.ts";
import { type Delivery, type Receiver, tellAll } from "./producer_batch.ts";
import { copyOf, encodeRecord, type ProducerRecord, sizeOf } from "./producer_record.ts";

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
  /** Which partition a record without one goes to; as Kafka's Java client does if not given. */
  readonly partitioner?: Partitioner;
  /** How long the broker may wait for replicas; 30 s if not given. */
  readonly requestTimeoutMs?: number;
  /** How long after send() a record may still be retried, 120 s if not given. */
  readonly deliveryTimeoutMs?: number;
  /**
   * Batches of one partition on their way at once, 5 at most with idempotence. 5 with it and 1 without if not given;
   * with more than 1 without it, one that is tried again may come behind a later one, as with Kafka's client.
   */
  readonly maxInFlight?: number;
}

export class Outbox {
  readonly #bufferBytes: number;
  readonly #sender: TopicOptions;
  readonly #topics = new Map<string, TopicSenders>();
  #bufferedBytes = 0;
  #roomWaiters: (() => void)[] = [];

  constructor(
    source: Pick<SenderOptions, "cluster" | "acks" | "identity" | "transaction"> & {
      /** That of the cluster if not given. */
      readonly callTimeoutMs?: number;
    },
    options: SendingOptions,
  ) {
    mustBeOneOf("compression", options.compression, Object.keys(CompressionType));
    this.#bufferBytes = options.bufferBytes ?? 64 << 20;
    this.#sender = {
      callTimeoutMs: source.cluster.callTimeoutMs,
      ...source,
      lingerMs: options.lingerMs ?? 0,
      maxBatchBytes: options.maxBatchBytes ?? 128 << 10,
      compression: CompressionType[options.compression ?? "none"],
      compressionLevel: options.compressionLevel,
      partitioner: options.partitioner,
      requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
      deliveryTimeoutMs: options.deliveryTimeoutMs ?? 120_000,
      maxInFlight: options.maxInFlight ?? null,
      onReleased: (bytes) => this.#release(bytes),
    };
  }

  /** Whether send() and post() take records now. */
  get hasRoom(): boolean {
    return this.#bufferedBytes < this.#bufferBytes;
  }

  /** Takes one record; resolves when it is acknowledged. Throws as Producer.send() does. */
  send(record: ProducerRecord): Promise<Delivery> {
    return new Promise((resolve, reject) => {
      const receiver: Receiver = {
        delivered: (_, delivery) => resolve(delivery),
        failed: (_, error) => reject(error),
      };
      this.post(record, receiver, 0);
    });
  }

  /** Takes one record; the receiver hears what became of it, of a record that is refused at once. */
  post(record: ProducerRecord, receiver: Receiver, mark: number): void {
    let encoded: TimedRecord;
    try {
      encoded = encodeRecord(record);
    } catch (error) {
      return this.#refuse(error, receiver, mark);
    }
    const bytes = sizeOf(encoded);
    if (!this.hasRoom) {
      const error = new Error(
        `Cannot send: ${this.#bufferedBytes} bytes wait already; await room() first`,
      );
      return this.#refuse(error, receiver, mark);
    }
    this.#bufferedBytes += bytes;
    this.#topicOf(record.topic).send(encoded, record.partition, { bytes, receiver, mark });
  }

  /** Resolves when send() takes records again. */
  async room(): Promise<void> {
    while (!this.hasRoom) {
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
    }
  }

  /** Sends what waits for company; resolves when everything sent before is delivered or has failed. */
  async flush(): Promise<void> {
    await Promise.all([...this.#topics.values()].map((topic) => topic.flush()));
  }

  #refuse(error: unknown, receiver: Receiver, mark: number): void {
    this.#sender.transaction?.().failed(error, false);
    receiver.failed(mark, error);
  }

  #topicOf(name: string): TopicSenders {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      topic = new TopicSenders(name, this.#sender);
      this.#topics.set(name, topic);
    }
    return topic;
  }

  #release(bytes: number): void {
    this.#bufferedBytes -= bytes;
    if (this.#roomWaiters.length === 0 || this.#bufferedBytes >= this.#bufferBytes) return;
    for (const resolve of this.#roomWaiters.splice(0)) resolve();
  }
}

type TopicOptions = Omit<SenderOptions, "onBatchFull"> & {
  readonly partitioner?: Partitioner;
  /** How long a topic is waited for at most. */
  readonly callTimeoutMs: number;
};

/** How large a record is, and who hears of it. */
interface Sending {
  readonly bytes: number;
  readonly receiver: Receiver;
  readonly mark: number;
}

/** The senders of a topic's partitions, and the choice between them. */
class TopicSenders {
  readonly #name: string;
  readonly #options: TopicOptions;
  readonly #senders: PartitionSender[] = [];
  #partitions = 0;
  #sticky = -1;
  /** Settles when the number of partitions is known, and what waited for that is with its sender, or refused. */
  #opening: Promise<void> | null = null;
  /** What came before, in its order. */
  #waiting: [record: TimedRecord, partition: number | undefined, sending: Sending][] = [];

  constructor(name: string, options: TopicOptions) {
    this.#name = name;
    this.#options = options;
  }

  send(record: TimedRecord, partition: number | undefined, sending: Sending): void {
    if (this.#partitions > 0) return this.#add(record, partition, sending);
    this.#waiting.push([copyOf(record), partition, sending]);
    this.#opening ??= this.#open();
  }

  /** What waits goes in the turn in which the topic is known: nothing overtakes it, and no flush misses it. */
  async #open(): Promise<void> {
    let failure: { readonly error: unknown } | null = null, partitions = 0;
    try {
      const { cluster, callTimeoutMs, deliveryTimeoutMs } = this.#options;
      const topic = await cluster.retry(() => cluster.topic(this.#name), {
        topic: this.#name,
        timeoutMs: Math.min(deliveryTimeoutMs, callTimeoutMs, TOPIC_TIMEOUT_MS),
      });
      partitions = topic.partitions.length;
    } catch (error) {
      failure = { error };
    }
    this.#opening = null;
    this.#partitions = partitions;
    const waiting = this.#waiting.splice(0);
    tellAll(waiting.length, (i) => {
      const [record, partition, sending] = waiting[i];
      if (failure === null) this.#add(record, partition, sending);
      else this.#refuse(failure.error, sending);
    });
  }

  /** The transaction hears of it at once: its flush must not be over before. */
  #refuse(error: unknown, { bytes, receiver, mark }: Sending): void {
    this.#options.transaction?.().failed(error, false);
    this.#options.onReleased(bytes);
    receiver.failed(mark, error);
  }

  async flush(): Promise<void> {
    await this.#opening;
    await Promise.all(this.#senders.map((sender) => sender?.flush()));
  }

  #add(record: TimedRecord, wanted: number | undefined, sending: Sending): void {
    const known = this.#options.cluster.lastKnown(this.#name);
    if (known) this.#partitions = known.partitions.length;
    let partition: number;
    try {
      partition = wanted ?? this.#options.partitioner?.(this.#name, record, this.#partitions) ??
        this.#choose(record.key);
    } catch (error) {
      return this.#refuse(error, sending);
    }
    if (!Number.isInteger(partition) || partition < 0 || partition >= this.#partitions) {
      return this.#refuse(
        new Error(`Partition ${partition} of ${this.#name}: it has 0 to ${this.#partitions - 1}`),
        sending,
      );
    }
    const sender = this.#senders[partition] ??= new PartitionSender(this.#name, partition, {
      ...this.#options,
      onBatchFull: (full) => {
        if (full === this.#sticky) this.#sticky = -1;
      },
    });
    sender.add(record, sending.bytes, sending.receiver, sending.mark);
  }

  #choose(key: Uint8Array | null | undefined): number {
    if (key != null) return partitionOfKey(key, this.#partitions);
    if (this.#sticky < 0 || this.#sticky >= this.#partitions) {
      this.#sticky = Math.floor(Math.random() * this.#partitions);
    }
    return this.#sticky;
  }
}

/** How long a topic that does not exist is asked for at most: it may be on its way. Kafka's max.block.ms is 60 s. */
const TOPIC_TIMEOUT_MS = 10_000;
