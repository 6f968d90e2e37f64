/**
 * BatchReader: committed batches of one partition as they are stored, a fetch at a time. Each reader asks over a
 * connection of its own, so that several fetch at the same time.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { Fetch } from "../protocol/messages/fetch.ts";
import { type Uuid, ZERO_UUID } from "../bytes/uuid.ts";
import type { Cluster, Topic } from "./cluster.ts";
import { ConnectionError, KafkaError } from "./errors.ts";
import type { FetchedPartition } from "./fetched_records.ts";
import { listOffsets, type TopicPartition } from "./list_offsets.ts";

export interface FetchedBatches extends FetchedPartition {
  /** Committed records end here. */
  readonly lastStableOffset: number;
}

/** A partition of a topic that has this id, and of none that was made later under its name. */
export interface PartitionOfTopic extends TopicPartition {
  readonly topicId: Uuid;
}

/** The topic was deleted; one of its name may be there. */
export class TopicGoneError extends Error {
  override readonly name = "TopicGoneError";
}

/** Throws TopicGoneError when a topic is another one than was meant. */
export function mustBeSame(topic: Topic, id: Uuid): void {
  if (topic.id === id) return;
  throw new TopicGoneError(`Topic ${topic.name} was deleted and made again meanwhile`);
}

export interface BatchReaderOptions {
  /** A fetch brings so much, or one batch that is larger; 2 MiB if not given. */
  readonly maxBytes?: number;
  /** How long it goes on trying, 60 s if not given. */
  readonly timeoutMs?: number;
}

export class BatchReader implements Disposable {
  readonly cluster: Cluster;
  readonly #maxBytes: number;
  readonly #timeoutMs: number;
  readonly #lane = `batches-${++readers}`;

  constructor(
    cluster: Cluster,
    { maxBytes = 2 << 20, timeoutMs = 60_000 }: BatchReaderOptions = {},
  ) {
    this.cluster = cluster;
    this.#maxBytes = maxBytes;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Batches from the one on that has the offset; none where there is none behind it, by the broker's word. What another
   * tier has and did not give in time is waited for (KIP-405). Retries; throws
   * KafkaError: OFFSET_OUT_OF_RANGE where there is no such offset (any more); ConnectionError; and TopicGoneError.
   */
  async fetch(from: PartitionOfTopic, offset: number): Promise<FetchedBatches> {
    let unknownSinceMs: number | null = null;
    const attempt = async () => {
      try {
        return await this.#fetchOnce(from, offset);
      } catch (error) {
        const isUnknown = error instanceof KafkaError && UNKNOWN.has(error.code);
        unknownSinceMs = isUnknown ? unknownSinceMs ?? performance.now() : null;
        if (unknownSinceMs === null || performance.now() - unknownSinceMs < UNKNOWN_MS) throw error;
        throw new TopicGoneError(`${from.topic}-${from.partition} is not there any more`);
      }
    };
    return await this.cluster.retry(attempt, { topic: from.topic, timeoutMs: this.#timeoutMs });
  }

  /** Where its log begins. Retries; throws KafkaError and ConnectionError. */
  async start({ topic, partition }: TopicPartition): Promise<number> {
    const [{ offset }] = await listOffsets(this.cluster, [{ topic, partition, at: "earliest" }]);
    return offset;
  }

  [Symbol.dispose](): void {
    this.cluster.closeLane(this.#lane);
  }

  async #fetchOnce(
    { topic: name, topicId, partition }: PartitionOfTopic,
    offset: number,
  ): Promise<FetchedBatches> {
    const topic = await this.cluster.topic(name), known = topic.partitions[partition];
    mustBeSame(topic, topicId);
    const about = `fetch of ${name}-${partition} from ${offset}`;
    if (known === undefined) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, about);
    if (known.leaderId < 0) throw new KafkaError(ErrorCode.LEADER_NOT_AVAILABLE, about);
    const connection = await this.cluster.connectionTo(known.leaderId, this.#lane);
    const version = connection.versionFor(Fetch, topic.id === ZERO_UUID ? 12 : 17);
    const response = await connection.request(Fetch, version, {
      maxWaitMs: MAX_WAIT_MS,
      minBytes: 1,
      maxBytes: this.#maxBytes,
      isolationLevel: 1,
      topics: [{
        topic: name,
        topicId: topic.id,
        partitions: [{
          partition,
          currentLeaderEpoch: known.leaderEpoch,
          fetchOffset: offset,
          partitionMaxBytes: this.#maxBytes,
        }],
      }],
    });
    if (response.errorCode !== 0) throw new KafkaError(response.errorCode, about);
    const answer = response.responses[0]?.partitions[0];
    if (answer === undefined) {
      // Over its quota a client is answered with nothing, and is to wait.
      await this.cluster.pause(Math.min(response.throttleTimeMs, MAX_THROTTLE_MS));
      throw new ConnectionError(`${connection.address} left out ${name}-${partition}`);
    }
    if (answer.errorCode !== 0) throw new KafkaError(answer.errorCode, about);
    const isGap = (answer.records?.length ?? 0) === 0 && offset < answer.lastStableOffset;
    if (isGap) await this.#mustBeLocal({ topic: name, partition }, offset);
    return answer;
  }

  /** From another tier a broker answers nothing, and no error, when that takes too long (Kafka: DelayedRemoteFetch). */
  async #mustBeLocal({ topic, partition }: TopicPartition, offset: number): Promise<void> {
    const asked = [{ topic, partition, at: "earliestLocal" as const }];
    const [local] = await listOffsets(this.cluster, asked, { timeoutMs: 0 });
    if (offset >= local.offset) return;
    throw new ConnectionError(
      `What ${topic}-${partition} has from ${offset} on is in another tier, which did not answer in time`,
    );
  }
}

/** Readers made so far: the number names a lane. */
let readers = 0;

/** How long a broker waits for what it does not have yet. */
const MAX_WAIT_MS = 250;
const MAX_THROTTLE_MS = 30_000;

/** What brokers say of a topic that is gone, and for a moment of one that they have not heard of yet. */
const UNKNOWN: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.INCONSISTENT_TOPIC_ID,
]);
const UNKNOWN_MS = 10_000;
