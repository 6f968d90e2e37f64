/**
 * Producer: sends records, in batches, and says for each where it went.
 *
 * Records with a key go to the partition Kafka's Java client chooses for it; records without one stay with one
 * partition until its batch is full and then go on to another, so that batches are large. Sends to one partition keep
 * their order.
 */
import { InitProducerId } from "../protocol/messages/init_producer_id.ts";
import type { NewRecord } from "../protocol/records/build.ts";
import { type CompressionName, CompressionType } from "../protocol/records/compression.ts";
import type { RecordHeader } from "../protocol/records/record.ts";
import { Cluster, type ClusterOptions } from "./cluster.ts";
import { check } from "./errors.ts";
import { partitionOfKey } from "./murmur2.ts";
import {
  type Delivery,
  type Identity,
  PartitionSender,
  RECORD_OVERHEAD,
  type SenderOptions,
} from "./partition_sender.ts";

export type { Delivery };

export interface ProducerOptions {
  /** How many must have a record before it counts as delivered: all in-sync replicas, the leader, or nobody. */
  readonly acks?: "all" | "leader" | "none";
  /** Each record once and in order, over retries too; yes if not given and acks is "all". */
  readonly idempotent?: boolean;
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

/** A record to send. Text is sent as UTF-8. */
export interface ProducerRecord {
  readonly topic: string;
  /** By key, or any, if not given. */
  readonly partition?: number;
  readonly key?: string | Uint8Array | null;
  readonly value?: string | Uint8Array | null;
  readonly headers?: readonly {
    readonly key: string;
    readonly value: string | Uint8Array | null;
  }[];
  /** ms since 1970; now if not given. */
  readonly timestampMs?: number;
}

export class Producer {
  readonly #cluster: Cluster;
  readonly #ownsCluster: boolean;
  readonly #bufferBytes: number;
  readonly #sender: Omit<SenderOptions, "onBatchFull">;
  readonly #topics = new Map<string, TopicSenders>();
  #bufferedBytes = 0;
  #roomWaiters: (() => void)[] = [];
  #identity: Promise<Identity> | null = null;
  #isClosed = false;

  /** Over a cluster that exists (and stays open at close()), or one of its own. Throws when options contradict. */
  constructor(cluster: Cluster | ClusterOptions, options: ProducerOptions = {}) {
    this.#ownsCluster = !(cluster instanceof Cluster);
    this.#cluster = cluster instanceof Cluster ? cluster : new Cluster(cluster);
    this.#bufferBytes = options.bufferBytes ?? 64 << 20;
    const { acks = "all", idempotent = acks === "all" } = options;
    if (idempotent && acks !== "all") {
      throw new Error(`An idempotent producer needs acks "all", not "${acks}"`);
    }
    this.#sender = {
      cluster: this.#cluster,
      acks: acks === "all" ? -1 : acks === "leader" ? 1 : 0,
      lingerMs: options.lingerMs ?? 0,
      maxBatchBytes: options.maxBatchBytes ?? 128 << 10,
      compression: CompressionType[options.compression ?? "none"],
      compressionLevel: options.compressionLevel,
      requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
      deliveryTimeoutMs: options.deliveryTimeoutMs ?? 120_000,
      identity: idempotent ? (used) => this.#newIdentity(used) : null,
      onReleased: (bytes) => this.#release(bytes),
    };
  }

  /**
   * Sends one record; resolves when it is acknowledged. Throws KafkaError or ConnectionError when it was not delivered
   * (or, after a lost connection, perhaps was), TypeError for a record that is none, and an Error when the buffer is full
   * or the batch cannot be encoded.
   */
  send(record: ProducerRecord): Promise<Delivery> {
    if (this.#isClosed) return Promise.reject(new Error("Cannot send: the producer is closed"));
    let encoded: NewRecord;
    try {
      encoded = encode(record);
    } catch (error) {
      return Promise.reject(error);
    }
    const bytes = sizeOf(encoded);
    if (this.#bufferedBytes >= this.#bufferBytes) {
      return Promise.reject(
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

  /** Flushes and closes. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
    if (this.#ownsCluster) this.#cluster.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
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

  async #newIdentity(used: Identity | null): Promise<Identity> {
    for (;;) {
      const known = this.#identity;
      const identity = await (known ?? (this.#identity = this.#askIdentity()));
      if (identity !== used) return identity;
      if (this.#identity === known) this.#identity = null;
    }
  }

  async #askIdentity(): Promise<Identity> {
    try {
      return await this.#cluster.retry(async () => {
        const connection = await this.#cluster.anyConnection();
        const answer = await connection.request(
          InitProducerId,
          connection.versionFor(InitProducerId),
          { transactionalId: null, transactionTimeoutMs: 0x7fffffff },
        );
        check(answer.errorCode, "producer id");
        return { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
      });
    } catch (error) {
      this.#identity = null;
      throw error;
    }
  }
}

/** The senders of a topic's partitions, and the choice between them. */
class TopicSenders {
  readonly #name: string;
  readonly #options: Omit<SenderOptions, "onBatchFull">;
  readonly #senders: PartitionSender[] = [];
  #partitions = 0;
  #sticky = -1;
  /** Settles when the number of partitions is known; sends that came before then wait for it in their order. */
  #opening: Promise<void> | null = null;

  constructor(name: string, options: Omit<SenderOptions, "onBatchFull">) {
    this.#name = name;
    this.#options = options;
  }

  send(record: NewRecord, partition: number | undefined, bytes: number): Promise<Delivery> {
    if (this.#partitions > 0) return this.#add(record, partition, bytes);
    this.#opening ??= this.#openTopic().finally(() => this.#opening = null);
    return this.#opening.then(() => this.#add(record, partition, bytes), (error) => {
      this.#options.onReleased(bytes);
      throw error;
    });
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
      this.#options.onReleased(bytes);
      return Promise.reject(
        new Error(`Partition ${partition} of ${this.#name}: it has 0 to ${this.#partitions - 1}`),
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

/** Looks at what it is given: a wrong type would be found when the batch is encoded, and fail its neighbours. */
function encode(
  { topic, timestampMs = Date.now(), key, value, headers }: ProducerRecord,
): NewRecord {
  if (typeof topic !== "string") throw new TypeError(`Cannot send: topic is ${shown(topic)}`);
  if (!Number.isSafeInteger(timestampMs)) {
    throw new TypeError(
      `Cannot send to ${topic}: timestampMs is ${timestampMs}, needs whole milliseconds since 1970`,
    );
  }
  if (headers !== undefined && !Array.isArray(headers)) {
    throw new TypeError(`Cannot send to ${topic}: headers are ${shown(headers)}, need a list`);
  }
  return {
    timestampMs,
    key: toBytes(key, topic, "key"),
    value: toBytes(value, topic, "value"),
    headers: headers?.map((header): RecordHeader => {
      if (typeof header?.key !== "string") {
        const what = header ? `the key of a header is ${shown(header.key)}` : "headers hold none";
        throw new TypeError(`Cannot send to ${topic}: ${what}, needs text`);
      }
      const name = `value of header ${header.key}`;
      return { key: header.key, value: toBytes(header.value, topic, name) };
    }),
  };
}

function sizeOf({ key, value, headers }: NewRecord): number {
  let bytes = RECORD_OVERHEAD + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers ?? []) {
    bytes += header.key.length * 3 + (header.value?.length ?? 0) + 10;
  }
  return bytes;
}

const utf8 = new TextEncoder();

function toBytes(value: unknown, topic: string, name: string): Uint8Array | null {
  if (typeof value === "string") return utf8.encode(value);
  if (value === undefined || value === null) return null;
  if (value instanceof Uint8Array) return value;
  throw new TypeError(
    `Cannot send to ${topic}: ${name} is ${shown(value)}, needs text, bytes or null`,
  );
}

/** What kind of value was given, not the value: it may be long, or a secret. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return `${typeof value === "object" ? "an" : "a"} ${typeof value}`;
}
