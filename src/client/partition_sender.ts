/**
 * PartitionSender: a producer's records for one partition, from the open batch to the broker's answer.
 *
 * Order survives retries. With idempotence up to five batches are on their way at once (once the first was
 * acknowledged), since the broker refuses the ones behind a failed one by their sequence; without it, one. Batches that
 * may be tried again wait until nothing is on its way, and then go first, oldest first, with the sequences they had.
 *
 * When a batch fails for good its sequences leave a gap, so the partition goes on under a new producer id (Kafka's
 * client bumps the epoch for the same end). What was sent before keeps its id and sequences, though, until the broker
 * says that it is not there: it may have got it, and would take it a second time under another id. In a transaction
 * nothing is sent behind a gap: the transaction is aborted, and the next one has another epoch. A batch that is too large
 * for the topic is sent again as two, with the same sequences, as Kafka's client does
 * (RecordAccumulator.splitAndReenqueue); those behind it are as small from the beginning.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { Produce } from "../protocol/messages/produce.ts";
import {
  baseSequence,
  BATCH_OVERHEAD,
  producerEpoch,
  producerId,
} from "../protocol/records/batch.ts";
import type { TimedRecord } from "../protocol/records/batch_builder.ts";
import type { CompressionType } from "../protocol/records/compression.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";
import { timerMs } from "./call.ts";
import { type Cluster, isStaleMetadata, type Topic } from "./cluster.ts";
import { ConnectionError, KafkaError, mayRetry } from "./errors.ts";
import { type Delivery, ProducerBatch, type Receiver, tellAll } from "./producer_batch.ts";

export interface Identity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** The transaction that batches belong to, as partitions see it. */
export interface SendingTransaction {
  readonly transactionalId: string;
  /** What its batches bear. */
  readonly identity: Identity;
  /** Whether Produce, from version 12 on, makes partitions part of it (KIP-890); else join() has them made so. */
  readonly joinsByProduce: boolean;
  /** Why nothing more of it is to be sent; null: go on. */
  readonly failure: Error | null;
  /** Comes before each batch. null, or a promise of it: the partition is part of the transaction now. */
  join(topic: string, partition: number): Promise<void> | null;
  /** Records were not delivered; `isSequenceSpent` when they had a sequence, which leaves a gap. */
  failed(error: unknown, isSequenceSpent: boolean): void;
}

/** What all partitions of a producer share. */
export interface SenderOptions {
  readonly cluster: Cluster;
  readonly acks: -1 | 0 | 1;
  readonly lingerMs: number;
  readonly maxBatchBytes: number;
  readonly compression: CompressionType;
  readonly compressionLevel?: number;
  readonly requestTimeoutMs: number;
  readonly deliveryTimeoutMs: number;
  /** Batches of a partition on their way at once; null: as many as keep their order over retries. */
  readonly maxInFlight: number | null;
  /** The producer's id; another one than `used` when that is given. Null without idempotence. */
  readonly identity: ((used: Identity | null) => Promise<Identity>) | null;
  /** In place of `identity`: the transaction that is open, or the last one. */
  readonly transaction: (() => SendingTransaction) | null;
  /** Called when a batch stops growing, for the sticky partitioner. */
  readonly onBatchFull: (partition: number) => void;
  /** Called with the bytes that are off the sender's hands. */
  readonly onReleased: (bytes: number) => void;
}

export class PartitionSender {
  readonly #topic: string;
  readonly #partition: number;
  readonly #options: SenderOptions;
  #open: ProducerBatch | null = null;
  #ready: ProducerBatch[] = [];
  #redo: ProducerBatch[] = [];
  readonly #unsettled = new Set<ProducerBatch>();
  #inFlight = 0;
  #tries = 0;
  /** Whether something of #redo failed that may need a moment. */
  #isBackoffDue = false;
  /** Where a batch stops growing. */
  #maxBatchBytes: number;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isPumping = false;
  #pumpAgain = false;
  #identity: Identity | null = null;
  #isIdentitySpent = false;
  /** Whether the partition has acknowledged something of this identity. */
  #isIdentityKnown = false;
  #sequence = 0;
  #nextOrder = 0;
  /** Of a batch that is compressed, for the next one. */
  #room: Uint8Array<ArrayBuffer> | null = null;
  /** What the last batch took, which the next may take as well. */
  #batchBytes = 0;
  /** Settles when the last batch that was started has found its leader, or has not. */
  #launched: Promise<unknown> = Promise.resolve();

  constructor(topic: string, partition: number, options: SenderOptions) {
    this.#topic = topic;
    this.#partition = partition;
    this.#options = options;
    this.#maxBatchBytes = options.maxBatchBytes;
  }

  /** Takes a record of about `bytes`, and copies it; the receiver hears when the broker has acknowledged it. */
  add(record: TimedRecord, bytes: number, receiver: Receiver, mark: number): void {
    const { lingerMs } = this.#options;
    const full = this.#open;
    if (full && (full.bytes + bytes > this.#maxBatchBytes || !full.builder.takes(record))) {
      this.#closeBatch();
      this.#pump();
      this.#pack(full);
    }
    const batch = this.#open ??= this.#newBatch();
    try {
      batch.builder.add(record);
    } catch (error) {
      return this.#refuse(batch, error, { bytes, receiver, mark });
    }
    batch.receivers.push(receiver);
    batch.marks.push(mark);
    batch.bytes += bytes;
    if (batch.receivers.length === 1) {
      if (lingerMs > 0) this.#timer = setTimeout(() => this.flush(), timerMs(lingerMs));
      else queueMicrotask(() => this.#pump()); // what is sent in one turn goes together
    }
  }

  /** While as many are on their way as may be, the next is compressed, so that it leaves as soon as there is room. */
  #pack(batch: ProducerBatch): void {
    const { compression, compressionLevel } = this.#options;
    try {
      batch.builder.pack(compression, compressionLevel);
      this.#room = batch.builder.released() ?? this.#room;
    } catch {
      // It is said when it is to be sent.
    }
  }

  /** A record for which there is no memory: those before it stay. */
  #refuse(
    batch: ProducerBatch,
    error: unknown,
    { bytes, receiver, mark }: { bytes: number; receiver: Receiver; mark: number },
  ): void {
    this.#options.transaction?.().failed(error, false);
    this.#options.onReleased(bytes);
    receiver.failed(mark, error);
    if (batch.receivers.length > 0) return;
    this.#open = null; // an empty batch is none
    this.#settle(batch);
  }

  /** Sends the open batch without waiting for more; resolves when all batches so far are delivered or have failed. */
  async flush(): Promise<void> {
    this.#closeBatch();
    this.#pump();
    await Promise.all([...this.#unsettled].map((batch) => batch.settled.promise));
  }

  #newBatch(): ProducerBatch {
    const batch = new ProducerBatch(this.#batchBytes, { room: this.#room });
    this.#room = null;
    this.#unsettled.add(batch);
    return batch;
  }

  #closeBatch(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#open === null) return;
    // A record that is larger than a batch goes alone; the next one is not as large for that.
    this.#batchBytes = Math.min(
      this.#open.builder.sizeInBytes,
      this.#maxBatchBytes + BATCH_OVERHEAD,
    );
    this.#ready.push(this.#open);
    this.#open = null;
    this.#options.onBatchFull(this.#partition);
  }

  /** Starts as many batches as may be on their way. */
  async #pump(): Promise<void> {
    this.#pumpAgain = true;
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#pumpAgain) {
        this.#pumpAgain = false;
        while (await this.#mayStart()) this.#encodeAndStart(this.#ready.shift()!);
      }
    } catch (error) {
      if (this.#options.lingerMs === 0) this.#closeBatch(); // no timer starts it
      for (const batch of this.#ready.splice(0)) this.#reject(batch, error);
    } finally {
      this.#isPumping = false;
    }
    // What came while the ones before it failed has nobody else who starts it.
    if (this.#pumpAgain) await this.#pump();
  }

  async #mayStart(): Promise<boolean> {
    if (this.#redo.length > 0) {
      if (this.#inFlight > 0) return false; // the last answer pumps again
      this.#ready.unshift(...this.#redo.splice(0).sort((a, b) => a.order - b.order));
      const { cluster } = this.#options, isBackoffDue = this.#isBackoffDue;
      this.#isBackoffDue = false;
      if (isBackoffDue) await cluster.pause(cluster.backoffMs(this.#tries++));
    }
    const { identity, transaction } = this.#options;
    if (this.#inFlight >= this.#maxInFlight()) return false;
    // Without linger a batch stays open while the limit is reached, and so grows under load.
    if (this.#ready.length === 0 && this.#options.lingerMs === 0) this.#closeBatch();
    if (this.#ready.length === 0) return false;
    if (transaction) return await this.#mayStartIn(transaction());
    const wasSent = this.#ready[0].encoded !== null;
    if (!identity || this.#identity && (wasSent || !this.#isIdentitySpent)) return true;
    if (this.#inFlight > 0) return false;
    await this.#renewIdentity(identity);
    return true;
  }

  /**
   * A partition takes the first batch of a producer it does not know with any sequence, so one that overtook a refused
   * one would be taken, and the refused one never after it. Under transaction version 2 the first has to be 0.
   */
  #maxInFlight(): number {
    const { identity, transaction, maxInFlight } = this.#options;
    if (identity === null && transaction === null) return maxInFlight ?? 1;
    const most = Math.min(maxInFlight ?? MAX_IN_FLIGHT, MAX_IN_FLIGHT);
    return this.#isIdentityKnown || transaction?.().joinsByProduce ? most : 1;
  }

  async #mayStartIn(transaction: SendingTransaction): Promise<boolean> {
    const joining = transaction.failure === null
      ? transaction.join(this.#topic, this.#partition)
      : null;
    if (joining !== null) await joining;
    if (transaction.failure !== null) throw transaction.failure; // to all that wait
    const { producerId, producerEpoch } = transaction.identity, known = this.#identity;
    if (producerId !== known?.producerId || producerEpoch !== known.producerEpoch) {
      // Nothing of the transaction before is on its way: it could not have ended.
      this.#takeIdentity(transaction.identity);
    }
    return true;
  }

  async #renewIdentity(identity: (used: Identity | null) => Promise<Identity>): Promise<void> {
    this.#takeIdentity(await identity(this.#identity));
    for (const batch of this.#ready) batch.encoded = null;
  }

  #takeIdentity(identity: Identity): void {
    this.#identity = identity;
    this.#isIdentitySpent = false;
    this.#isIdentityKnown = false;
    this.#sequence = 0;
  }

  /** A batch that cannot be encoded fails alone; it has taken no sequence, so that there is no gap behind it. */
  #encodeAndStart(batch: ProducerBatch): void {
    try {
      batch.encoded ??= this.#encode(batch);
    } catch (error) {
      return this.#reject(batch, error);
    }
    this.#start(batch, batch.encoded);
  }

  #start(batch: ProducerBatch, encoded: Uint8Array): void {
    this.#inFlight++;
    this.#send(batch, encoded).then(
      (delivery) => {
        this.#tries = 0;
        this.#isIdentityKnown = true;
        const { receivers, marks } = batch;
        tellAll(receivers.length, (i) => receivers[i].delivered(marks[i], delivery(i)));
        this.#settle(batch);
      },
      (error) => this.#failed(batch, error),
    ).finally(() => {
      this.#inFlight--;
      this.#pump();
    });
  }

  #encode(batch: ProducerBatch): Uint8Array {
    const { compression, compressionLevel } = this.#options;
    const bytes = batch.builder.finish({
      compression,
      level: compressionLevel,
      ...this.#identity,
      baseSequence: this.#identity ? this.#sequence : -1,
      isTransactional: this.#options.transaction !== null,
    });
    batch.order = this.#nextOrder++;
    this.#sequence = (this.#sequence + batch.builder.count) % 0x80000000;
    return bytes;
  }

  async #send(batch: ProducerBatch, records: Uint8Array): Promise<(i: number) => Delivery> {
    const { cluster, acks, requestTimeoutMs } = this.#options;
    // One after the other, so that no batch overtakes an earlier one that waits for a connection or for metadata.
    const leader = this.#launched.then(() => cluster.leader(this.#topic, this.#partition));
    this.#launched = leader.catch(() => {});
    const { connection, topic } = await leader;
    const transaction = this.#options.transaction?.() ?? null;
    const version = connection.versionFor(Produce, this.#lastVersion(topic, transaction));
    if (transaction?.joinsByProduce && version < FIRST_VERSION_THAT_JOINS) {
      throw new Error(
        `${connection.address} speaks Produce ${version}, transaction version 2 needs ${FIRST_VERSION_THAT_JOINS}`,
      );
    }
    const request = {
      transactionalId: transaction?.transactionalId ?? null,
      acks,
      timeoutMs: requestTimeoutMs,
      topicData: [{
        name: topic.name,
        topicId: topic.id,
        partitionData: [{ index: this.#partition, records }],
      }],
    };
    if (acks === 0) {
      connection.send(Produce, version, request);
      await connection.written(); // nobody else says that it is time for the next
      return (i) => this.#delivery(batch, i, -1, -1);
    }
    batch.unanswered++;
    const response = await connection.request(Produce, version, request);
    const answer = response.responses[0]?.partitionResponses[0];
    if (!answer) throw new ConnectionError(`${connection.address} left out ${this.#name}`);
    // The broker has the batch from an earlier try, but no longer knows where.
    if (answer.errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) answer.baseOffset = -1;
    else if (answer.errorCode !== 0) {
      if (!MAY_HAVE_TAKEN.has(answer.errorCode)) batch.unanswered--;
      throw new KafkaError(answer.errorCode, `produce to ${this.#name}`, answer.errorMessage);
    }
    return (i) => this.#delivery(batch, i, answer.baseOffset, answer.logAppendTimeMs);
  }

  #lastVersion(topic: Topic, transaction: SendingTransaction | null): number {
    // Who made the partition part of the transaction already does not have it made so again (KIP-890).
    if (transaction !== null && !transaction.joinsByProduce) return FIRST_VERSION_THAT_JOINS - 1;
    return topic.id === ZERO_UUID ? LAST_VERSION_WITH_NAMES : Produce.max;
  }

  #delivery(batch: ProducerBatch, i: number, baseOffset: number, appendTimeMs: number): Delivery {
    const isOwn = appendTimeMs < 0, { exactTimestampMs } = batch.builder;
    const delivery = {
      topic: this.#topic,
      partition: this.#partition,
      offset: baseOffset < 0 ? -1 : baseOffset + i,
      timestampMs: isOwn ? batch.builder.timestampMs(i) : appendTimeMs,
    };
    return isOwn && exactTimestampMs !== undefined ? { ...delivery, exactTimestampMs } : delivery;
  }

  #failed(batch: ProducerBatch, error: unknown): void {
    const { cluster, acks, deliveryTimeoutMs } = this.#options;
    // An earlier batch may be on its way over another connection still, and not in #redo yet.
    const isFirst = ![...this.#unsettled].some((other) =>
      other.encoded !== null && other.order < batch.order
    );
    const isBehindFailed = error instanceof KafkaError &&
      error.code === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER && (!isFirst || this.#isIdentitySpent);
    const isLate = performance.now() - batch.createdMs > deliveryTimeoutMs;
    if ((mayRetry(error) || isBehindFailed) && !isLate && !cluster.isClosed && acks !== 0) {
      if (!(error instanceof KafkaError) || isStaleMetadata(error.code)) {
        cluster.forget(this.#topic);
      }
      if (isBehindFailed && this.#isIdentitySpent) batch.encoded = null; // behind the gap: it is not there
      this.#redo.push(batch);
      this.#isBackoffDue = true;
      return;
    }
    const isTooLarge = error instanceof KafkaError && error.code === ErrorCode.MESSAGE_TOO_LARGE;
    // One that may be there from an earlier try would be taken a second time in parts: its sequences are not theirs.
    const mayPart = batch.receivers.length > 1 && batch.unanswered === 0;
    if (isTooLarge && mayPart && !isLate && !cluster.isClosed) {
      try {
        return this.#part(batch);
      } catch (why) {
        error = why;
      }
    }
    this.#isIdentitySpent = true;
    this.#reject(batch, error);
  }

  /** The broker has taken none of its sequences, so its halves have them. */
  #part(batch: ProducerBatch): void {
    const { compression, compressionLevel: level } = this.#options, encoded = batch.encoded!;
    let sequence = baseSequence(encoded);
    const owner = {
      compression,
      level,
      producerId: producerId(encoded),
      producerEpoch: producerEpoch(encoded),
      isTransactional: this.#options.transaction !== null,
    };
    const halves = batch.halves();
    for (const half of halves) {
      half.encoded = half.builder.finish({ ...owner, baseSequence: sequence });
      if (sequence >= 0) sequence = (sequence + half.builder.count) % 0x80000000;
    }
    this.#maxBatchBytes = Math.min(this.#maxBatchBytes, Math.ceil(batch.bytes / 2));
    this.#unsettled.delete(batch);
    for (const half of halves) this.#unsettled.add(half);
    this.#redo.push(...halves);
  }

  #reject(batch: ProducerBatch, error: unknown): void {
    this.#options.transaction?.().failed(error, batch.encoded !== null);
    const { receivers, marks } = batch;
    tellAll(receivers.length, (i) => receivers[i].failed(marks[i], error));
    this.#settle(batch);
  }

  #settle(batch: ProducerBatch): void {
    this.#unsettled.delete(batch);
    batch.settled.resolve();
    this.#options.onReleased(batch.bytes);
  }

  get #name(): string {
    return `${this.#topic}-${this.#partition}`;
  }
}

/** After these the batch may be in the log all the same. */
const MAY_HAVE_TAKEN: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_SERVER_ERROR,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  ErrorCode.KAFKA_STORAGE_ERROR,
]);

/** Brokers remember the last five batches of a producer (ProducerStateEntry.NUM_BATCHES_TO_RETAIN). */
const MAX_IN_FLIGHT = 5;

const LAST_VERSION_WITH_NAMES = 12;
const FIRST_VERSION_THAT_JOINS = 12;
