/**
 * Consumer: reads partitions it was assigned, in the order of their offsets.
 *
 * One fetch to each leader is on its way at a time; the next one starts before poll() hands out what the last one
 * brought, so that the network and the caller work at the same time. Seeking while a fetch is on its way makes its
 * answer for that partition void.
 *
 * Membership in a group (subscribe, commit) will choose the partitions and starting positions from outside: all it needs
 * here is assign(), seek() and position().
 */
import { ErrorCode } from "../protocol/errors.ts";
import { Fetch } from "../protocol/messages/fetch.ts";
import type { RecordHeader } from "../protocol/records/record.ts";
import type { Decoded } from "../protocol/schema.ts";
import { type Uuid, ZERO_UUID } from "../bytes/uuid.ts";
import { Cluster, type ClusterOptions, isStaleMetadata } from "./cluster.ts";
import type { Connection } from "./connection.ts";
import { KafkaError, mayRetry } from "./errors.ts";
import { fetchedRecords } from "./fetched_records.ts";
import { type Isolation, listOffsets, type TopicPartition } from "./list_offsets.ts";

export interface ConsumerOptions {
  /** Where to begin without a position, and where a position is out of range; "latest" if not given. */
  readonly autoOffsetReset?: "earliest" | "latest" | "none";
  /** With readCommitted only what is no part of an open or aborted transaction; readUncommitted if not given. */
  readonly isolation?: Isolation;
  /** The broker waits for this many bytes, or fetchMaxWaitMs; 1 and 500 if not given. */
  readonly minBytes?: number;
  readonly fetchMaxWaitMs?: number;
  /** Bytes of one fetch and of one partition in it, 16 MiB and 1 MiB if not given; one batch may be larger. */
  readonly maxBytes?: number;
  readonly maxPartitionBytes?: number;
  /** Whether checksums are checked, yes if not given. */
  readonly checkCrcs?: boolean;
}

/** A record as read. Key, value and header values are views: they hold on to the whole response they came in. */
export interface ConsumerRecord extends TopicPartition {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

export class Consumer {
  readonly #cluster: Cluster;
  readonly #ownsCluster: boolean;
  readonly #options: Required<ConsumerOptions>;
  readonly #assigned = new Map<string, Assigned>();
  /** By node: the fetch on its way to it. */
  readonly #fetching = new Map<number, Promise<void>>();
  /** What came and was not handed out. */
  #arrived: Arrived[] = [];
  #failure: { error: unknown } | null = null;
  #failures = 0;
  /** Long polls would hold up what others ask over the same connection. */
  readonly #lane = `consumer-${++consumers}`;
  #isClosed = false;

  /** Over a cluster that exists (and stays open at close()), or one of its own. */
  constructor(cluster: Cluster | ClusterOptions, options: ConsumerOptions = {}) {
    this.#ownsCluster = !(cluster instanceof Cluster);
    this.#cluster = cluster instanceof Cluster ? cluster : new Cluster(cluster);
    this.#options = {
      autoOffsetReset: "latest",
      isolation: "readUncommitted",
      minBytes: 1,
      fetchMaxWaitMs: 500,
      maxBytes: 16 << 20,
      maxPartitionBytes: 1 << 20,
      checkCrcs: true,
      ...options,
    };
  }

  /** Reads these partitions from now on and no others. Those it had already keep their positions. */
  assign(partitions: readonly TopicPartition[]): void {
    const wanted = new Map(partitions.map((partition) => [nameOf(partition), partition]));
    for (const name of this.#assigned.keys()) if (!wanted.has(name)) this.#assigned.delete(name);
    for (const [name, { topic, partition }] of wanted) {
      if (!this.#assigned.has(name)) this.#assigned.set(name, new Assigned(topic, partition));
    }
  }

  assignment(): TopicPartition[] {
    return [...this.#assigned.values()].map(({ topic, partition }) => ({ topic, partition }));
  }

  /** The next poll() continues at this offset. Throws an Error when the partition is not assigned. */
  seek(partition: TopicPartition, offset: number): void {
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new Error(`Cannot seek ${nameOf(partition)} to ${offset}: needed is an offset from 0`);
    }
    this.#seek(this.#get(partition), offset);
  }

  /** The next poll() continues at the beginning, the end, or the first record from a time on (the end if none). */
  async seekTo(partition: TopicPartition, at: "earliest" | "latest" | number): Promise<void> {
    const assigned = this.#get(partition);
    const [found] = await this.#offsets([assigned], at);
    this.#seek(assigned, found);
  }

  /** The offset of the next record poll() will give; null while it was not read and not sought. */
  position(partition: TopicPartition): number | null {
    return this.#get(partition).position;
  }

  /** The offset after the last one readable, as of the last fetch; null before that. */
  end(partition: TopicPartition): number | null {
    return this.#get(partition).end;
  }

  /**
   * Records in order within each partition; [] when none came in `maxWaitMs`. One call at a time. Throws KafkaError for what retrying will
   * not mend: OFFSET_OUT_OF_RANGE with autoOffsetReset "none", missing rights.
   */
  async poll(maxWaitMs = 500): Promise<ConsumerRecord[]> {
    const deadlineMs = performance.now() + maxWaitMs;
    for (;;) {
      if (this.#isClosed) throw new Error("Cannot poll: the consumer is closed");
      await this.#startFetches();
      const records = this.#takeArrived();
      if (records.length > 0) {
        await this.#startFetches();
        return records;
      }
      this.#throwFailure();
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) return [];
      await this.#waitForFetch(leftMs);
    }
  }

  /** Every record as it comes, without end; `break` leaves. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerRecord, void> {
    while (!this.#isClosed) yield* await this.poll();
  }

  close(): void {
    this.#isClosed = true;
    this.#cluster.closeLane(this.#lane);
    if (this.#ownsCluster) this.#cluster.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #get(partition: TopicPartition): Assigned {
    const assigned = this.#assigned.get(nameOf(partition));
    if (!assigned) throw new Error(`${nameOf(partition)} is not assigned to this consumer`);
    return assigned;
  }

  #seek(assigned: Assigned, offset: number): void {
    assigned.position = assigned.fetchFrom = offset;
    assigned.epoch++;
    this.#arrived = this.#arrived.filter((arrived) => arrived.assigned !== assigned);
  }

  #takeArrived(): ConsumerRecord[] {
    const records: ConsumerRecord[] = [];
    for (const { assigned, batch, nextOffset } of this.#arrived) {
      if (this.#assigned.get(nameOf(assigned)) !== assigned) continue;
      for (const record of batch) records.push(record);
      assigned.position = nextOffset;
    }
    this.#arrived = [];
    return records;
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = null;
    if (failure) throw failure.error;
  }

  async #waitForFetch(maxMs: number): Promise<void> {
    if (this.#fetching.size === 0) return await this.#cluster.pause(Math.min(maxMs, IDLE_MS));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, maxMs));
    await Promise.race([...this.#fetching.values(), timeout]);
    clearTimeout(timer);
  }

  /** A fetch to every leader that has none on its way and holds a partition of which nothing waits to be taken. */
  async #startFetches(): Promise<void> {
    if (this.#arrived.length > 0) return;
    try {
      await this.#findPositions();
      const byNode = new Map<number, Assigned[]>();
      for (const assigned of this.#assigned.values()) {
        const { nodeId } = await this.#cluster.leader(assigned.topic, assigned.partition);
        if (this.#fetching.has(nodeId)) continue;
        byNode.set(nodeId, [...byNode.get(nodeId) ?? [], assigned]);
      }
      for (const [nodeId, partitions] of byNode) {
        if (this.#fetching.has(nodeId)) continue;
        const fetch = this.#fetch(nodeId, partitions).catch((error) => this.#failed(error))
          .finally(() => this.#fetching.delete(nodeId));
        this.#fetching.set(nodeId, fetch);
      }
    } catch (error) {
      await this.#failed(error);
    }
  }

  async #findPositions(): Promise<void> {
    const lost = [...this.#assigned.values()].filter((assigned) => assigned.fetchFrom === null);
    if (lost.length === 0) return;
    const { autoOffsetReset } = this.#options;
    if (autoOffsetReset === "none") {
      throw new KafkaError(
        ErrorCode.OFFSET_OUT_OF_RANGE,
        `position of ${nameOf(lost[0])}`,
        "There is none, and autoOffsetReset is none.",
      );
    }
    const epochs = lost.map((assigned) => assigned.epoch);
    const offsets = await this.#offsets(lost, autoOffsetReset);
    lost.forEach((assigned, i) => {
      if (assigned.epoch === epochs[i]) this.#seek(assigned, offsets[i]);
    });
  }

  async #offsets(
    partitions: readonly Assigned[],
    at: "earliest" | "latest" | number,
  ): Promise<number[]> {
    const { isolation } = this.#options;
    const asked = partitions.map(({ topic, partition }) => ({ topic, partition, at }));
    const found = await listOffsets(this.#cluster, asked, { isolation });
    return await Promise.all(
      found.map(({ offset }, i) =>
        offset >= 0 ? offset : this.#offsets([partitions[i]], "latest").then(([end]) => end)
      ),
    );
  }

  async #fetch(nodeId: number, partitions: readonly Assigned[]): Promise<void> {
    const connection = await this.#cluster.connectionTo(nodeId, this.#lane);
    const asked = await Promise.all(partitions.map(async (assigned) => ({
      assigned,
      from: assigned.fetchFrom!,
      epoch: assigned.epoch,
      topic: await this.#cluster.topic(assigned.topic),
    })));
    const byKey = new Map<string, Asked>();
    for (const one of asked) {
      byKey.set(`${one.assigned.topic}-${one.assigned.partition}`, one);
      byKey.set(`${one.topic.id}-${one.assigned.partition}`, one);
    }
    const response = await this.#request(connection, asked);
    if (response.errorCode !== 0) throw new KafkaError(response.errorCode, "fetch");
    for (const { topic, topicId, partitions } of response.responses) {
      for (const partition of partitions) {
        const one = byKey.get(`${topic || topicId}-${partition.partitionIndex}`);
        if (one && one.epoch === one.assigned.epoch) await this.#accept(one, partition);
      }
    }
    this.#failures = 0;
  }

  #request(connection: Connection, asked: readonly Asked[]) {
    const { isolation, minBytes, fetchMaxWaitMs, maxBytes, maxPartitionBytes } = this.#options;
    const hasIds = asked.every(({ topic }) => topic.id !== ZERO_UUID);
    return connection.request(Fetch, connection.versionFor(Fetch, hasIds ? 17 : 12), {
      maxWaitMs: fetchMaxWaitMs,
      minBytes,
      maxBytes,
      isolationLevel: isolation === "readCommitted" ? 1 : 0,
      topics: asked.map(({ assigned, topic, from }) => ({
        topic: assigned.topic,
        topicId: topic.id,
        partitions: [{
          partition: assigned.partition,
          currentLeaderEpoch: topic.partitions[assigned.partition].leaderEpoch,
          fetchOffset: from,
          partitionMaxBytes: maxPartitionBytes,
        }],
      })),
    });
  }

  async #accept({ assigned, from }: Asked, answer: FetchAnswer): Promise<void> {
    const { isolation, checkCrcs } = this.#options;
    if (answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
      assigned.fetchFrom = null; // the next round finds a new one, or throws
      return;
    }
    if (answer.errorCode !== 0) {
      return await this.#failed(
        new KafkaError(answer.errorCode, `fetch of ${nameOf(assigned)} from ${from}`),
        assigned.topic,
      );
    }
    const isCommittedOnly = isolation === "readCommitted";
    assigned.end = isCommittedOnly ? answer.lastStableOffset : answer.highWatermark;
    const { records, nextOffset } = fetchedRecords(answer, from, { checkCrcs });
    if (nextOffset === from) return;
    const { topic, partition } = assigned;
    const batch = records.map((record): ConsumerRecord => ({ topic, partition, ...record }));
    this.#arrived.push({ assigned, batch, nextOffset });
    assigned.fetchFrom = nextOffset;
  }

  /** What may go away is waited for; the rest is what the next poll throws. */
  async #failed(error: unknown, topic?: string): Promise<void> {
    if (this.#isClosed) return;
    if (!mayRetry(error)) {
      this.#failure = { error };
      return;
    }
    if (topic !== undefined) this.#cluster.forget(topic);
    else if (!(error instanceof KafkaError) || isStaleMetadata(error.code)) {
      for (const assigned of this.#assigned.values()) this.#cluster.forget(assigned.topic);
    }
    await this.#cluster.pause(this.#cluster.backoffMs(this.#failures++));
  }
}

type FetchAnswer = Decoded<typeof Fetch.response>["responses"][number]["partitions"][number];

interface Asked {
  readonly assigned: Assigned;
  readonly from: number;
  readonly epoch: number;
  readonly topic: { readonly id: Uuid; readonly partitions: readonly { leaderEpoch: number }[] };
}

interface Arrived {
  readonly assigned: Assigned;
  readonly batch: readonly ConsumerRecord[];
  readonly nextOffset: number;
}

class Assigned implements TopicPartition {
  /** Of the next record to hand out. */
  position: number | null = null;
  /** Of the next fetch; ahead of the position while something waits to be handed out. null: to be found. */
  fetchFrom: number | null = null;
  end: number | null = null;
  /** Raised by a seek: what was fetched before is void. */
  epoch = 0;

  constructor(readonly topic: string, readonly partition: number) {}
}

/** Consumers made so far: the number names a lane. */
let consumers = 0;

/** How long a poll waits between looks when it has nothing to fetch. */
const IDLE_MS = 100;

const nameOf = ({ topic, partition }: TopicPartition) => `${topic}-${partition}`;
