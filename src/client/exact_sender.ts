/**
 * ExactSender: sends ready-made batches to one partition so that each record is there once and at the offset it was meant
 * for, also where the process that began is gone and another goes on.
 *
 * The sequence of a record follows from its offset: it counts from where the producer began in this partition. So who
 * goes on with the same producer id gives the same record the same sequence, and the broker takes it once, from whichever
 * process it comes. A batch that lands elsewhere than it was meant to says that somebody else writes there.
 *
 * A broker does not always know a producer: after a restart it has its last batch alone, and who copies old records is
 * forgotten by their timestamps (Kafka's producer.id.expiration.ms, which counts from the last record's own). So what
 * got no answer is looked for in the log before it is sent again.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { Produce } from "../protocol/messages/produce.ts";
import * as batch from "../protocol/records/batch.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";
import { mustBeSame, type PartitionOfTopic } from "./batch_reader.ts";
import { type Cluster, isStaleMetadata } from "./cluster.ts";
import { ConnectionError, KafkaError, mayRetry } from "./errors.ts";
import { listOffsets } from "./list_offsets.ts";
import type { Identity } from "./partition_sender.ts";
import { isWrittenBy } from "./written_by.ts";

/** A batch without a producer, and where it is to be. */
export interface PlacedBatch {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly offset: number;
}

/** A record is elsewhere than this producer was to put it, or not what it was. */
export class MisplacedError extends Error {
  override readonly name = "MisplacedError";
}

export interface ExactSenderOptions extends PartitionOfTopic {
  readonly identity: Identity;
  /** Where the producer began: this offset has sequence 0. */
  readonly startOffset: number;
  /** Senders with different ones use different connections: Kafka takes up one request of a connection at a time. */
  readonly lane: string;
  /** How long nothing may get through, 120 s if not given. */
  readonly stalledMs?: number;
}

export class ExactSender {
  readonly #cluster: Cluster;
  readonly #options: ExactSenderOptions;
  /** Whether the leader has acknowledged something since it was found: until then one batch is on its way at a time. */
  #isKnown = false;

  constructor(cluster: Cluster, options: ExactSenderOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  /**
   * Resolves when all are there. The batches' bytes are changed. Throws MisplacedError, KafkaError, ConnectionError; how
   * many of them are there then only the log's end says.
   */
  async send(batches: readonly PlacedBatch[]): Promise<void> {
    for (const one of batches) this.#stamp(one);
    let done = 0, sinceMs = performance.now(), hasLooked = false;
    for (let tries = 0; done < batches.length;) {
      const { acknowledged, failure } = await this.#round(batches.slice(done));
      if (acknowledged > 0) {
        done += acknowledged;
        tries = 0;
        sinceMs = performance.now();
        hasLooked = false;
      }
      if (failure === null) continue;
      const isLate = performance.now() - sinceMs > this.#stalledMs;
      // One that overtook the one before it, or whose producer the broker knows by a later one alone.
      const isOutOfOrder = !hasLooked && failure.error instanceof KafkaError &&
        failure.error.code === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER;
      if (!(mayRetry(failure.error) || isOutOfOrder) || isLate || this.#cluster.isClosed) {
        throw failure.error;
      }
      this.#isKnown = false;
      this.#cluster.forget(this.#options.topic);
      await this.#cluster.pause(this.#cluster.backoffMs(tries++));
      done += await this.#countThere(batches.slice(done));
      hasLooked = true;
    }
  }

  /** How many of them are there. Throws as send() does. */
  async #countThere(batches: readonly PlacedBatch[]): Promise<number> {
    const { identity } = this.#options, timeoutMs = this.#stalledMs;
    const [{ offset: end }] = await listOffsets(
      this.#cluster,
      [{ ...this.#options, at: "latest" }],
      { timeoutMs },
    );
    let count = 0;
    for (const { offset, count: records } of batches) {
      if (offset + records > end) break;
      const place = { offset, identity, timeoutMs };
      if (!await isWrittenBy(this.#cluster, this.#options, place)) break; // it is misplaced, as sending it tells
      count++;
    }
    return count;
  }

  get #stalledMs(): number {
    return this.#options.stalledMs ?? 120_000;
  }

  /** Sends them in order, and says how many were acknowledged before the first that was not. */
  async #round(
    batches: readonly PlacedBatch[],
  ): Promise<{ acknowledged: number; failure: { error: unknown } | null }> {
    const answers: Promise<{ error: unknown } | null>[] = [];
    let acknowledged = 0, failure: { error: unknown } | null = null;
    const settle = async () => {
      const failed = await answers[acknowledged];
      if (failed === null) acknowledged++;
      else failure = failed;
    };
    for (let next = 0; next < batches.length && failure === null; next++) {
      answers.push(this.#sendOne(batches[next]).then(() => null, (error) => ({ error })));
      while (next + 1 - acknowledged >= this.#maxInFlight && failure === null) await settle();
    }
    while (failure === null && acknowledged < batches.length) await settle();
    await Promise.all(answers); // of those behind a failed one none may come later
    return { acknowledged, failure };
  }

  get #maxInFlight(): number {
    return this.#isKnown ? MAX_IN_FLIGHT : 1;
  }

  async #sendOne({ bytes, offset }: PlacedBatch): Promise<void> {
    const { topic: name, partition } = this.#options;
    const { nodeId, topic } = await this.#cluster.leader(name, partition);
    mustBeSame(topic, this.#options.topicId);
    const connection = await this.#cluster.connectionTo(nodeId, this.#options.lane);
    const last = topic.id === ZERO_UUID ? LAST_VERSION_WITH_NAMES : Produce.max;
    const response = await connection.request(Produce, connection.versionFor(Produce, last), {
      transactionalId: null,
      acks: -1,
      timeoutMs: REQUEST_TIMEOUT_MS,
      topicData: [{
        name: topic.name,
        topicId: topic.id,
        partitionData: [{ index: partition, records: bytes }],
      }],
    });
    const answer = response.responses[0]?.partitionResponses[0];
    if (!answer) throw new ConnectionError(`${connection.address} left out ${name}-${partition}`);
    const { errorCode, errorMessage, baseOffset } = answer;
    // The broker has it from an earlier try, but no longer knows where.
    const isThere = errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER;
    if (errorCode !== 0 && !isThere) {
      const about = `produce to ${name}-${partition} at ${offset}`;
      if (isStaleMetadata(errorCode)) this.#cluster.forget(name);
      throw new KafkaError(errorCode, about, errorMessage);
    }
    if (!isThere && baseOffset !== offset) {
      throw new MisplacedError(
        `${name}-${partition}: a batch for offset ${offset} is at ${baseOffset}: somebody else writes there`,
      );
    }
    // Of a batch that was there already a broker tells the timestamp it has, which may be the records' own.
    const { logAppendTimeMs } = answer;
    if (logAppendTimeMs >= 0 && logAppendTimeMs !== batch.maxTimestamp(bytes)) {
      throw new MisplacedError(
        `${name}-${partition}: the broker gave records at ${offset} its own time in place of theirs (message.timestamp.type)`,
      );
    }
    this.#isKnown = true;
  }

  #stamp({ bytes, offset }: PlacedBatch): void {
    const { identity, startOffset } = this.#options;
    batch.setProducer(bytes, 0, {
      ...identity,
      baseSequence: (offset - startOffset) % SEQUENCES,
    });
  }
}

/** Sequences begin again behind 2^31 - 1. */
const SEQUENCES = 0x80000000;
/** Brokers remember the last five batches of a producer (ProducerStateEntry.NUM_BATCHES_TO_RETAIN). */
const MAX_IN_FLIGHT = 5;
const LAST_VERSION_WITH_NAMES = 12;
const REQUEST_TIMEOUT_MS = 30_000;
