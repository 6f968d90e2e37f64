/**
 * Consumer: reads partitions it was assigned, in the order of their offsets.
 *
 * One fetch to each leader is on its way at a time; the next one starts before poll() hands out what the last one
 * brought, so that the network and the caller work at the same time. Seeking while a fetch is on its way makes its
 * answer for that partition void.
 *
 * Whatever has to be waited for goes on in the background: poll() waits for news of it, and no longer than its limit.
 * A partition that fails is tried again after a pause of its own, while the others are read.
 *
 * Membership in a group (subscribe, commit) will choose the partitions and starting positions from outside: all it needs
 * here is assign(), seek() and position().
 */
import { ErrorCode } from "../protocol/errors.ts";
import { Fetch } from "../protocol/messages/fetch.ts";
import type { RecordHeader } from "../protocol/records/record.ts";
import type { Decoded } from "../protocol/schema.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";
import { AssignedPartition } from "./assigned_partition.ts";
import { Cluster, type ClusterOptions, isStaleMetadata, type Topic } from "./cluster.ts";
import type { Connection } from "./connection.ts";
import { KafkaError, mayRetry } from "./errors.ts";
import { fetchedRecords } from "./fetched_records.ts";
import { locate, type Located } from "./locate.ts";
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
  /** What the records of one fetch may have when decompressed, about; a batch of each partition may be larger. */
  readonly maxDecodedBytes?: number;
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
  readonly #assigned = new Map<string, AssignedPartition>();
  /** Nodes that a fetch is on its way to. */
  readonly #fetching = new Set<number>();
  /** Fetches and searches of positions on their way; none of them rejects. */
  readonly #background = new Set<Promise<void>>();
  #starting: Promise<void> | null = null;
  /** What came and was not handed out. */
  #arrived: Arrived[] = [];
  #failure: { error: unknown } | null = null;
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
      maxDecodedBytes: Infinity,
      checkCrcs: true,
      ...options,
    };
  }

  /** Reads these partitions from now on and no others. Those it had already keep their positions. */
  assign(partitions: readonly TopicPartition[]): void {
    const wanted = new Map(partitions.map((partition) => [nameOf(partition), partition]));
    for (const name of this.#assigned.keys()) if (!wanted.has(name)) this.#assigned.delete(name);
    for (const [name, { topic, partition }] of wanted) {
      if (!this.#assigned.has(name)) {
        this.#assigned.set(name, new AssignedPartition(topic, partition));
      }
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
   * Whether everything before `offset` was handed out. The position alone does not tell: a compacted log may end in a
   * gap, and then no fetch moves it.
   */
  hasReached(partition: TopicPartition, offset: number): boolean {
    const { position, fetchFrom, emptyUntil } = this.#get(partition);
    if (position === null) return false;
    return position >= offset || position === fetchFrom && emptyUntil >= offset;
  }

  /**
   * Records in order within each partition; [] when none came in `maxWaitMs`, which holds whatever the brokers do. One
   * call at a time. Throws KafkaError for what retrying will not mend: OFFSET_OUT_OF_RANGE with autoOffsetReset "none",
   * missing rights.
   */
  async poll(maxWaitMs = 500): Promise<ConsumerRecord[]> {
    const deadlineMs = performance.now() + maxWaitMs;
    for (;;) {
      if (this.#isClosed) throw new Error("Cannot poll: the consumer is closed");
      await this.#started(deadlineMs);
      const records = this.#takeArrived();
      if (records.length > 0) {
        await this.#started(deadlineMs);
        return records;
      }
      this.#throwFailure();
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) return [];
      await this.#waitForNews(leftMs);
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

  #get(partition: TopicPartition): AssignedPartition {
    const assigned = this.#assigned.get(nameOf(partition));
    if (!assigned) throw new Error(`${nameOf(partition)} is not assigned to this consumer`);
    return assigned;
  }

  #seek(assigned: AssignedPartition, offset: number): void {
    assigned.seek(offset);
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

  /** Waits until something on its way is over, a pause ends, or the time is up. */
  async #waitForNews(maxMs: number): Promise<void> {
    const nowMs = performance.now();
    let waitMs = this.#background.size === 0 ? Math.min(maxMs, IDLE_MS) : maxMs;
    for (const assigned of this.#assigned.values()) {
      const pauseMs = assigned.pauseLeftMs(nowMs);
      if (pauseMs > 0) waitMs = Math.min(waitMs, pauseMs);
    }
    if (this.#background.size === 0) return await this.#cluster.pause(waitMs);
    await withinMs([...this.#background], waitMs);
  }

  /** Starts what may start. That takes a turn where the metadata is known; else it goes on behind the deadline. */
  async #started(deadlineMs: number): Promise<void> {
    if (this.#arrived.length > 0) return;
    this.#starting ??= this.#startFetches().catch((error) => this.#failed(error, []))
      .finally(() => this.#starting = null);
    await withinMs([this.#starting], Math.max(0, deadlineMs - performance.now()));
  }

  /**
   * A fetch to every leader that has none on its way, of all its partitions that may be asked for; and a search for the
   * positions that are not known.
   */
  async #startFetches(): Promise<void> {
    const nowMs = performance.now();
    const due = [...this.#assigned.values()].filter((one) => one.pauseLeftMs(nowMs) === 0);
    const fetches = new Map<number, Located[]>(), searches = new Map<number, Located[]>();
    const failed = (error: unknown, some: AssignedPartition[]) => this.#failed(error, some);
    for (const located of await locate(this.#cluster, due, failed)) {
      const { assigned, nodeId } = located;
      if (assigned.fetchFrom === null && assigned.isSearched) continue;
      const byNode = assigned.fetchFrom === null ? searches : fetches;
      const partitions = byNode.get(nodeId);
      if (partitions === undefined) byNode.set(nodeId, [located]);
      else partitions.push(located);
    }
    if (this.#isClosed) return;
    for (const partitions of searches.values()) {
      this.#run(this.#search(partitions.map(({ assigned }) => assigned)));
    }
    for (const [nodeId, partitions] of fetches) {
      if (this.#fetching.has(nodeId)) continue;
      this.#fetching.add(nodeId);
      const fetch = this.#fetch(nodeId, partitions)
        .catch((error) => this.#failed(error, partitions.map(({ assigned }) => assigned)))
        .finally(() => this.#fetching.delete(nodeId));
      this.#run(fetch);
    }
  }

  #run(work: Promise<void>): void {
    const done = work.catch((error) => this.#failed(error, []))
      .finally(() => this.#background.delete(done));
    this.#background.add(done);
  }

  /** Finds where to begin, for all in one request, or each alone where that fails: it may be for one of them. */
  async #search(lost: readonly AssignedPartition[]): Promise<void> {
    const { autoOffsetReset } = this.#options;
    if (autoOffsetReset === "none") {
      const what = `position of ${lost[0].name}`;
      const why = "There is none, and autoOffsetReset is none.";
      return this.#failed(new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE, what, why), []);
    }
    for (const assigned of lost) assigned.isSearched = true;
    const epochs = lost.map((assigned) => assigned.epoch);
    try {
      const offsets = await this.#offsets(lost, autoOffsetReset, 0);
      lost.forEach((assigned, i) => {
        assigned.answered();
        if (assigned.epoch === epochs[i]) this.#seek(assigned, offsets[i]);
      });
    } catch (error) {
      if (lost.length === 1 || !mayRetry(error)) this.#failed(error, lost);
      else await Promise.all(lost.map((assigned) => this.#search([assigned])));
    } finally {
      for (const assigned of lost) assigned.isSearched = false;
    }
  }

  async #offsets(
    partitions: readonly AssignedPartition[],
    at: "earliest" | "latest" | number,
    timeoutMs?: number,
  ): Promise<number[]> {
    const { isolation } = this.#options;
    const asked = partitions.map(({ topic, partition }) => ({ topic, partition, at }));
    const found = await listOffsets(this.#cluster, asked, { isolation, timeoutMs });
    return await Promise.all(
      found.map(({ offset }, i) =>
        offset >= 0
          ? offset
          : this.#offsets([partitions[i]], "latest", timeoutMs).then(([end]) => end)
      ),
    );
  }

  async #fetch(nodeId: number, partitions: readonly Located[]): Promise<void> {
    const connection = await this.#cluster.connectionTo(nodeId, this.#lane);
    const asked = partitions.filter(({ assigned }) => assigned.fetchFrom !== null)
      .map(({ assigned, topic }): Asked => ({
        assigned,
        topic,
        from: assigned.fetchFrom!,
        epoch: assigned.epoch,
      }));
    if (asked.length === 0) return;
    const byKey = new Map<string, Asked>();
    for (const one of asked) {
      byKey.set(`${one.assigned.topic}-${one.assigned.partition}`, one);
      byKey.set(`${one.topic.id}-${one.assigned.partition}`, one);
    }
    const response = await this.#request(connection, asked);
    if (response.errorCode !== 0) throw new KafkaError(response.errorCode, "fetch");
    // A partition without records beside others with some may only have found no room left in the answer.
    const isEmpty = response.responses.every(({ partitions }) =>
      partitions.every(({ records }) => records === null || records.length === 0)
    );
    let leftBytes = this.#options.maxDecodedBytes;
    for (const { topic, topicId, partitions } of response.responses) {
      for (const partition of partitions) {
        const one = byKey.get(`${topic || topicId}-${partition.partitionIndex}`);
        if (!one || one.epoch !== one.assigned.epoch) continue;
        leftBytes -= this.#accept(one, partition, leftBytes);
        if (isEmpty && partition.errorCode === 0) one.assigned.emptyUntil = one.assigned.end ?? -1;
      }
    }
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

  /** Takes about `maxBytes` of it, a batch at least; returns how much that was, decompressed. */
  #accept({ assigned, from }: Asked, answer: FetchAnswer, maxBytes: number): number {
    const { isolation, checkCrcs } = this.#options;
    if (answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
      assigned.fetchFrom = null; // the next round finds a new one, or throws
      return 0;
    }
    if (answer.errorCode !== 0) {
      const what = `fetch of ${assigned.name} from ${from}`;
      this.#failed(new KafkaError(answer.errorCode, what), [assigned]);
      return 0;
    }
    assigned.answered();
    const isCommittedOnly = isolation === "readCommitted";
    assigned.end = isCommittedOnly ? answer.lastStableOffset : answer.highWatermark;
    const { records, nextOffset, bytes } = fetchedRecords(answer, from, { checkCrcs, maxBytes });
    if (nextOffset === from) return 0;
    const { topic, partition } = assigned;
    const batch = records.map((record): ConsumerRecord => ({ topic, partition, ...record }));
    this.#arrived.push({ assigned, batch, nextOffset });
    assigned.fetchFrom = nextOffset;
    return bytes;
  }

  /** What may go away is tried again after a pause; the rest is what the next poll throws. */
  #failed(error: unknown, partitions: readonly AssignedPartition[]): void {
    if (this.#isClosed) return;
    const isOver = !mayRetry(error);
    if (isOver) this.#failure = { error };
    const isStale = !(error instanceof KafkaError) || isStaleMetadata(error.code);
    const nowMs = performance.now();
    for (const assigned of partitions) {
      assigned.failed(nowMs, (tries) => this.#cluster.backoffMs(tries));
      if (isStale && !isOver) this.#cluster.forget(assigned.topic);
    }
  }
}

type FetchAnswer = Decoded<typeof Fetch.response>["responses"][number]["partitions"][number];

interface Asked {
  readonly assigned: AssignedPartition;
  readonly topic: Topic;
  readonly from: number;
  readonly epoch: number;
}

interface Arrived {
  readonly assigned: AssignedPartition;
  readonly batch: readonly ConsumerRecord[];
  readonly nextOffset: number;
}

/** Consumers made so far: the number names a lane. */
let consumers = 0;

/** How long a poll waits between looks when it has nothing to fetch. */
const IDLE_MS = 100;

const nameOf = ({ topic, partition }: TopicPartition) => `${topic}-${partition}`;

/** Resolves when one of them does, or after `maxMs`. None of them may reject. */
async function withinMs(promises: readonly Promise<void>[], maxMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, maxMs));
  await Promise.race([...promises, timeout]);
  clearTimeout(timer);
}
