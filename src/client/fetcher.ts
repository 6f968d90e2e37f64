/**
 * Fetcher: what a consumer has of its partitions: where it is in each, what came from their leaders and was not handed
 * out, and the fetches on their way.
 *
 * One fetch to each leader is on its way at a time; the next one starts before the consumer hands out what the last one
 * brought, so that the network and the caller work at the same time. Seeking while a fetch is on its way makes its
 * answer for that partition void.
 *
 * Everything that has to be waited for goes on in the background and rings the bell when it is over. A partition that
 * fails is tried again after a pause of its own, while the others are read.
 */
import { ZERO_UUID } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { Fetch } from "../protocol/messages/fetch.ts";
import * as batch from "../protocol/records/batch.ts";
import type { Decoded } from "../protocol/schema.ts";
import { ArrivedRecords } from "./arrived_records.ts";
import { AssignedPartition } from "./assigned_partition.ts";
import type { Bell } from "./bell.ts";
import type { CallOptions } from "./call.ts";
import { type Cluster, isStaleMetadata, type Topic } from "./cluster.ts";
import type { Connection } from "./connection.ts";
import type { ConsumerRecord, FetchOptions } from "./consumer_options.ts";
import { KafkaError, mayRetry } from "./errors.ts";
import { fetchedRecords } from "./fetched_records.ts";
import { nameOf } from "./group/partitions_by_topic.ts";
import { locate, type Located } from "./locate.ts";
import { listOffsets, type OffsetAt, type TopicPartition } from "./list_offsets.ts";
import { cutError, cutPositions, isUnsure } from "./validate_positions.ts";

/** Where a group has read to: null where it has committed nothing. In the order asked. */
export type FindCommitted = (
  partitions: readonly TopicPartition[],
) => Promise<({ readonly offset: number; readonly leaderEpoch: number } | null)[]>;

export class Fetcher {
  readonly #cluster: Cluster;
  readonly #options: Required<FetchOptions>;
  readonly #findCommitted: FindCommitted | null;
  readonly #bell: Bell;
  readonly #assigned = new Map<string, AssignedPartition>();
  /** Nodes that a fetch is on its way to. */
  readonly #fetching = new Set<number>();
  /** Fetches and searches of positions on their way. */
  #inBackground = 0;
  #starting: Promise<void> | null = null;
  /** Whether something may start that might not when it was last tried. */
  #isDue = true;
  readonly #arrived = new ArrivedRecords();
  #failure: { error: unknown } | null = null;
  /** Long polls would hold up what others ask over the same connection. */
  readonly #lane = `consumer-${++fetchers}`;
  #isClosed = false;

  /** `findCommitted` says where partitions begin that have no position yet; null without a group. */
  constructor(
    cluster: Cluster,
    options: FetchOptions,
    { bell, findCommitted }: { bell: Bell; findCommitted: FindCommitted | null },
  ) {
    this.#cluster = cluster;
    this.#bell = bell;
    this.#findCommitted = findCommitted;
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    this.#options = { ...DEFAULTS, ...Object.fromEntries(given) };
  }

  /** Reads these from now on and no others. Those it had already keep their positions. */
  assign(partitions: readonly TopicPartition[]): void {
    const wanted = new Map(partitions.map((partition) => [nameOf(partition), partition]));
    for (const [name, assigned] of this.#assigned) {
      if (wanted.has(name)) continue;
      this.#assigned.delete(name);
      assigned.epoch++; // what is on its way for it is void
      this.#arrived.drop(assigned);
    }
    for (const [name, { topic, partition }] of wanted) {
      if (!this.#assigned.has(name)) {
        this.#assigned.set(name, new AssignedPartition(topic, partition));
      }
    }
    this.#isDue = true;
  }

  assignment(): AssignedPartition[] {
    return [...this.#assigned.values()];
  }

  /** Throws an Error when it is not assigned. */
  get(partition: TopicPartition): AssignedPartition {
    const assigned = this.#assigned.get(nameOf(partition));
    if (!assigned) throw new Error(`${nameOf(partition)} is not assigned to this consumer`);
    return assigned;
  }

  /** null when it is not assigned. */
  find(partition: TopicPartition): AssignedPartition | null {
    return this.#assigned.get(nameOf(partition)) ?? null;
  }

  seek(assigned: AssignedPartition, offset: number, leaderEpoch = -1): void {
    assigned.seek(offset, leaderEpoch);
    this.#arrived.drop(assigned);
    this.#isDue = true;
  }

  pause(assigned: AssignedPartition, isPaused: boolean): void {
    assigned.isPaused = isPaused;
    this.#isDue = true;
  }

  /** Records in order within each partition, as far as they have come and are not paused. */
  take(maxRecords: number): ConsumerRecord[] {
    const records = this.#arrived.take(maxRecords);
    if (records.length > 0) this.#isDue = true;
    return records;
  }

  /** The next record alone; null when none has come. */
  takeOne(): ConsumerRecord | null {
    const record = this.#arrived.takeOne();
    if (record === null || this.#arrived.hasRecords) return record;
    this.#isDue = true;
    this.start();
    return record;
  }

  get hasRecords(): boolean {
    return this.#arrived.hasRecords;
  }

  /** Throws what went wrong for good since it was last asked. */
  throwFailure(): void {
    const failure = this.#failure;
    this.#failure = null;
    if (failure) throw failure.error;
  }

  /** Starts what may start, unless something is there to be handed out first; null: nothing is being started. */
  start(): Promise<void> | null {
    if (this.#starting !== null) return this.#starting;
    if (!this.#isDue || this.#arrived.hasRecords || this.#isClosed) return null;
    this.#isDue = false;
    this.#starting = this.#startFetches().catch((error) => this.#failed(error, []))
      .finally(() => {
        this.#starting = null;
        this.#bell.ring();
      });
    return this.#starting;
  }

  /** Until something is over, a pause ends, somebody else rings, or `maxMs` have passed. */
  async news(maxMs: number): Promise<void> {
    const nowMs = performance.now();
    const isIdle = this.#inBackground === 0 && this.#starting === null;
    let waitMs = isIdle ? Math.min(maxMs, IDLE_MS) : maxMs;
    for (const assigned of this.#assigned.values()) {
      const pauseMs = assigned.pauseLeftMs(nowMs);
      if (pauseMs > 0) waitMs = Math.min(waitMs, pauseMs);
    }
    await this.#bell.wait(waitMs);
    if (performance.now() - nowMs >= waitMs) this.#isDue = true;
  }

  close(): void {
    this.#isClosed = true;
    this.#cluster.closeLane(this.#lane);
    this.#bell.ring();
  }

  /** The offsets that a search finds, in the order asked; for a time that nothing is as late as, the end. */
  async offsets(
    partitions: readonly TopicPartition[],
    at: OffsetAt,
    { timeoutMs, signal }: CallOptions = {},
  ): Promise<number[]> {
    const { isolation } = this.#options, call = { isolation, timeoutMs, signal };
    const asked = partitions.map(({ topic, partition }) => ({ topic, partition, at }));
    const found = await listOffsets(this.#cluster, asked, call);
    return await Promise.all(
      found.map(({ offset }, i) =>
        offset >= 0 ? offset : this.offsets([partitions[i]], "latest", call).then(([end]) => end)
      ),
    );
  }

  /**
   * A fetch to every leader that has none on its way, of all its partitions that may be asked for; and a search for the
   * positions that are not known.
   */
  async #startFetches(): Promise<void> {
    const nowMs = performance.now();
    const due = [...this.#assigned.values()].filter((one) => one.pauseLeftMs(nowMs) === 0);
    const fetches = new Map<number, Located[]>(), searches = new Map<number, Located[]>();
    const unsure = new Map<number, Located[]>();
    const failed = (error: unknown, some: AssignedPartition[]) => this.#failed(error, some);
    for (const located of await locate(this.#cluster, due, failed)) {
      const { assigned, nodeId } = located;
      if (!this.#has(assigned)) continue; // it went meanwhile
      if (assigned.fetchFrom === null ? assigned.isSearched : assigned.isPaused) continue;
      const byNode = assigned.fetchFrom === null ? searches : isUnsure(located) ? unsure : fetches;
      const partitions = byNode.get(nodeId);
      if (partitions === undefined) byNode.set(nodeId, [located]);
      else partitions.push(located);
    }
    if (this.#isClosed) return;
    for (const partitions of searches.values()) {
      this.#run(this.#search(partitions.map(({ assigned }) => assigned)));
    }
    for (const [nodeId, partitions] of [...unsure, ...fetches]) {
      if (this.#fetching.has(nodeId)) continue;
      this.#fetching.add(nodeId);
      const isSure = fetches.get(nodeId) === partitions;
      const fetch = (isSure ? this.#fetch(nodeId, partitions) : this.#validate(nodeId, partitions))
        .catch((error) => this.#failed(error, partitions.map(({ assigned }) => assigned)))
        .finally(() => this.#fetching.delete(nodeId));
      this.#run(fetch);
    }
  }

  #run(work: Promise<void>): void {
    this.#inBackground++;
    work.catch((error) => this.#failed(error, [])).finally(() => {
      this.#inBackground--;
      this.#isDue = true;
      this.#bell.ring();
    });
  }

  /** Finds where to begin, for all in one request, or each alone where that fails: it may be for one of them. */
  async #search(lost: readonly AssignedPartition[]): Promise<void> {
    for (const assigned of lost) assigned.isSearched = true;
    try {
      const left = await this.#searchCommitted(lost);
      if (left.length > 0) await this.#reset(left);
    } catch (error) {
      if (lost.length === 1 || !mayRetry(error)) this.#failed(error, lost);
      else await Promise.all(lost.map((assigned) => this.#search([assigned])));
    } finally {
      for (const assigned of lost) assigned.isSearched = false;
    }
  }

  /** Those that are new go on where the group is. The others remain. */
  async #searchCommitted(lost: readonly AssignedPartition[]): Promise<AssignedPartition[]> {
    const fresh = lost.filter(({ isNew }) => isNew);
    if (this.#findCommitted === null || fresh.length === 0) return [...lost];
    const epochs = fresh.map(({ epoch }) => epoch);
    const committed = await this.#findCommitted(fresh);
    fresh.forEach((assigned, i) => {
      const found = committed[i];
      if (assigned.epoch !== epochs[i]) return;
      if (found === null) assigned.isNew = false;
      else this.seek(assigned, found.offset, found.leaderEpoch);
    });
    return lost.filter(({ fetchFrom }) => fetchFrom === null);
  }

  async #reset(lost: readonly AssignedPartition[]): Promise<void> {
    const { autoOffsetReset } = this.#options;
    if (autoOffsetReset === "none") {
      const what = `position of ${lost[0].name}`;
      const why = "There is none, and autoOffsetReset is none.";
      return this.#failed(new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE, what, why), lost);
    }
    const at = typeof autoOffsetReset === "string"
      ? autoOffsetReset
      : Math.max(0, Date.now() - autoOffsetReset.byDurationMs);
    const epochs = lost.map(({ epoch }) => epoch);
    const offsets = await this.offsets(lost, at, { timeoutMs: 0 });
    lost.forEach((assigned, i) => {
      assigned.answered();
      if (assigned.epoch === epochs[i]) this.seek(assigned, offsets[i]);
    });
  }

  /** Where a log was cut its reader goes on at the cut, or, where nothing is known of it, where it is told to begin. */
  async #validate(nodeId: number, partitions: readonly Located[]): Promise<void> {
    const connection = await this.#cluster.connectionTo(nodeId, this.#lane);
    const failed = (error: unknown, assigned: AssignedPartition) => this.#failed(error, [assigned]);
    for (const cut of await cutPositions(connection, partitions, failed)) {
      const { assigned, currentEpoch, end } = cut;
      if (this.#options.autoOffsetReset === "none") this.#failed(cutError(cut), [assigned]);
      else if (end === null) this.#lose(assigned);
      else {
        this.seek(assigned, end.offset, end.leaderEpoch);
        assigned.validEpoch = currentEpoch;
      }
    }
  }

  /** The next round finds where to begin. */
  #lose(assigned: AssignedPartition): void {
    assigned.fetchFrom = null;
    assigned.fetchEpoch = -1;
    assigned.isNew = false;
  }

  async #fetch(nodeId: number, partitions: readonly Located[]): Promise<void> {
    const connection = await this.#cluster.connectionTo(nodeId, this.#lane);
    const asked = partitions
      .filter(({ assigned }) => this.#has(assigned) && assigned.fetchFrom !== null)
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
    const empty: Asked[] = [];
    for (const { topic, topicId, partitions } of response.responses) {
      for (const partition of partitions) {
        const one = byKey.get(`${topic || topicId}-${partition.partitionIndex}`);
        if (!one || !stands(one)) continue;
        leftBytes -= this.#accept(one, partition, leftBytes);
        if (isEmpty && partition.errorCode === 0) empty.push(one);
      }
    }
    await this.#noteGaps(empty);
  }

  /** Of partitions that were answered without a record: from another tier that may only have taken too long (KIP-405). */
  async #noteGaps(empty: readonly Asked[]): Promise<void> {
    const gaps = empty.filter((one) =>
      stands(one) && Math.max(one.from, one.assigned.emptyUntil) < (one.assigned.end ?? 0)
    );
    if (gaps.length === 0) return;
    const partitions = gaps.map(({ assigned }) => assigned);
    const starts = await this.offsets(partitions, "earliestLocal", { timeoutMs: 0 });
    for (const [i, one] of gaps.entries()) {
      if (stands(one) && one.from >= starts[i]) one.assigned.emptyUntil = one.assigned.end ?? -1;
    }
  }

  /** Whether it is assigned still: one that was given up and taken again is another. */
  #has(assigned: AssignedPartition): boolean {
    return this.#assigned.get(assigned.name) === assigned;
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
  #accept(
    { assigned, topic: ofTopic, from }: Asked,
    answer: FetchAnswer,
    maxBytes: number,
  ): number {
    const { isolation, checkCrcs } = this.#options;
    if (answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
      this.#lose(assigned);
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
    assigned.validEpoch = ofTopic.partitions[assigned.partition].leaderEpoch;
    const { records, nextOffset, bytes } = fetchedRecords(answer, from, { checkCrcs, maxBytes });
    if (nextOffset === from) return 0;
    const leaderEpoch = epochBefore(answer.records!, nextOffset);
    const { topic, partition } = assigned;
    this.#arrived.add({
      assigned,
      // Spelled out: to spread an object takes longer than all else that is done to a small record here.
      records: records.map((record): ConsumerRecord => {
        const { offset, timestampMs, exactTimestampMs, key, value, headers } = record;
        return exactTimestampMs === undefined
          ? { topic, partition, offset, timestampMs, key, value, headers }
          : { topic, partition, ...record };
      }),
      nextOffset,
      leaderEpoch,
    });
    assigned.fetchFrom = nextOffset;
    assigned.fetchEpoch = leaderEpoch;
    return bytes;
  }

  /** What may go away is tried again after a pause; the rest is what the next poll throws. */
  #failed(error: unknown, partitions: readonly AssignedPartition[]): void {
    const isNobodys = partitions.length > 0 && !partitions.some((one) => this.#has(one));
    if (this.#isClosed || isNobodys) return;
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

/**
 * Whether an answer is to the point still: nobody sought meanwhile, and no other leader has answered from there before, as
 * when a partition moves while a fetch is on its way. Kafka's FetchCollector compares the same.
 */
function stands({ assigned, epoch, from }: Asked): boolean {
  return assigned.epoch === epoch && assigned.fetchFrom === from;
}

/** In which leader epoch the batch before an offset was written. */
function epochBefore(bytes: Uint8Array, offset: number): number {
  let epoch = -1;
  for (let at = 0; at + batch.BATCH_OVERHEAD <= bytes.length; at += batch.sizeInBytes(bytes, at)) {
    if (batch.baseOffset(bytes, at) >= offset) break;
    epoch = batch.partitionLeaderEpoch(bytes, at);
  }
  return epoch;
}

const DEFAULTS: Required<FetchOptions> = {
  autoOffsetReset: "latest",
  isolation: "readUncommitted",
  minBytes: 1,
  fetchMaxWaitMs: 500,
  maxBytes: 16 << 20,
  maxPartitionBytes: 1 << 20,
  maxDecodedBytes: Infinity,
  checkCrcs: true,
};

/** Fetchers made so far: the number names a lane. */
let fetchers = 0;

/** How long a poll waits between looks when it has nothing to fetch. */
const IDLE_MS = 100;
