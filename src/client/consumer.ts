/**
 * Consumer: reads partitions that it was assigned, or that its group gives it, in the order of their offsets.
 *
 * ```ts
 * await using consumer = new Consumer({ bootstrap: "127.0.0.1:9092" }, { groupId: "readers" });
 * consumer.subscribe("greetings");
 * for await (const record of consumer) console.log(record.offset, record.value);
 * ```
 *
 * Whatever has to be waited for goes on in the background: poll() waits for news of it, and no longer than its limit.
 * Partitions come and go within poll() only, so that nothing changes while the caller is busy with what it was given.
 * What brings records is the Fetcher, what has to do with the group the GroupSession.
 */
import type { AssignedPartition } from "./assigned_partition.ts";
import { Bell } from "./bell.ts";
import { abortable, type CallOptions, type SignalOptions, withinMs } from "./call.ts";
import { Cluster, type ClusterOptions, type Partition } from "./cluster.ts";
import {
  checkPartitions,
  checkReading,
  type CommittedOffset,
  type ConsumerOptions,
  type ConsumerRecord,
  type RebalanceListener,
  type Subscription,
} from "./consumer_options.ts";
import { type Committable, offsetsOf } from "./committable.ts";
import { WakeupError } from "./errors.ts";
import { Fetcher } from "./fetcher.ts";
import { GroupSession } from "./group/group_session.ts";
import { nameOf } from "./group/partitions_by_topic.ts";
import {
  type FoundOffset,
  listOffsets,
  type OffsetAt,
  type TopicPartition,
} from "./list_offsets.ts";
import type { GroupMetadata, OffsetToCommit } from "./transaction_requests.ts";

export type { ConsumerOptions, ConsumerRecord } from "./consumer_options.ts";

export class Consumer {
  readonly #cluster: Cluster;
  readonly #ownsCluster: boolean;
  readonly #bell = new Bell();
  readonly #fetcher: Fetcher;
  readonly #group: GroupSession | null;
  readonly #maxPollRecords: number;
  readonly #newsMs: number;
  #isPolling = false;
  #isWoken = false;
  /** What a loop over records() is busy with, or left with. */
  #atHand: ConsumerRecord | null = null;
  #closing: Promise<void> | null = null;
  #isOver = false;

  /**
   * Over a cluster that exists (and stays open at close()), or one of its own. Connects at first use. Throws TypeError
   * for options that cannot be.
   */
  constructor(cluster: Cluster | ClusterOptions, options: ConsumerOptions = {}) {
    const { groupId, maxPollRecords = Infinity } = options;
    checkReading(options);
    const isCount = Number.isInteger(maxPollRecords) || maxPollRecords === Infinity;
    if (!isCount || maxPollRecords < 1) {
      throw new TypeError(`maxPollRecords is ${maxPollRecords}, needs a whole number from 1`);
    }
    this.#newsMs = Math.min(NEWS_MS, (options.maxPollIntervalMs ?? Infinity) / 2);
    this.#ownsCluster = !(cluster instanceof Cluster);
    this.#cluster = cluster instanceof Cluster ? cluster : new Cluster(cluster);
    this.#maxPollRecords = maxPollRecords;
    this.#group = groupId === undefined ? null : new GroupSession(this.#cluster, groupId, options, {
      assign: (partitions) => this.#fetcher.assign(partitions),
      isAssigned: (partition) => this.#fetcher.find(partition) !== null,
      positions: () => this.#readPositions(),
      bell: this.#bell,
    });
    const offsets = this.#group?.offsets;
    this.#fetcher = new Fetcher(this.#cluster, options, {
      bell: this.#bell,
      findCommitted: offsets === undefined
        ? null
        : (partitions) => offsets.committed(partitions, { timeoutMs: 0 }),
    });
  }

  /**
   * Has the group give it partitions of these topics, from the next poll() on; instead of what it subscribed to before.
   * A RegExp is matched here (without an end it matches beginnings), a SubscriptionPattern by the broker. Throws an Error
   * without a groupId, and while partitions are assigned by hand; TypeError for what is no subscription.
   *
   * @example
   * ```ts
   * consumer.subscribe(["orders", "returns"], {
   *   onPartitionsRevoked: () => consumer.commit(), // before others go on there
   * });
   * consumer.subscribe(/^orders-/);
   * ```
   */
  subscribe(subscription: Subscription, listener: RebalanceListener = {}): void {
    this.#throwIfClosed("subscribe");
    const group = this.#groupTo("subscribe");
    if (!group.isSubscribed && this.#fetcher.assignment().length > 0) {
      throw new Error("Cannot subscribe: partitions are assigned by hand; assign([]) comes first");
    }
    group.subscribe(subscription, listener);
  }

  /**
   * Leaves the group, after what was read is committed (if that happens by itself) and its listener was told, which it
   * waits for within the time of the call: the next poll() throws that it took longer. Nothing may be subscribed to before
   * it is over.
   */
  async unsubscribe(call: CallOptions = {}): Promise<void> {
    await abortable(async () => await this.#group?.unsubscribe(call), call.signal);
    this.#fetcher.assign([]);
  }

  /** Names of topics that it subscribes to; of a pattern, those that are known. */
  subscription(): readonly string[] {
    return this.#group?.subscription ?? [];
  }

  /**
   * Reads these partitions from now on and no others. Those it had already keep their positions; with a groupId the
   * others begin where that is committed. Throws an Error while it subscribes, a TypeError for what is no partition.
   */
  assign(partitions: readonly TopicPartition[]): void {
    this.#throwIfClosed("assign");
    if (this.#group?.isSubscribed) {
      throw new Error("Cannot assign: it subscribes, and its group assigns; unsubscribe() first");
    }
    checkPartitions(partitions);
    this.#fetcher.assign(partitions);
  }

  /** What it reads: as assigned, or as the group gave it. */
  assignment(): TopicPartition[] {
    return this.#fetcher.assignment().map(({ topic, partition }) => ({ topic, partition }));
  }

  /** The next poll() continues at this offset. Throws an Error when the partition is not assigned. */
  seek(partition: TopicPartition, offset: number): void {
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new Error(`Cannot seek ${nameOf(partition)} to ${offset}: needed is an offset from 0`);
    }
    this.#fetcher.seek(this.#fetcher.get(partition), offset);
  }

  /** The next poll() continues at the beginning, the end, or the first record from a time on (the end if none). */
  async seekTo(partition: TopicPartition, at: OffsetAt, call: CallOptions = {}): Promise<void> {
    await this.#seekAll([partition], at, call);
  }

  /** Of all that are assigned if not given. */
  async seekToBeginning(partitions = this.assignment(), call: CallOptions = {}): Promise<void> {
    await this.#seekAll(partitions, "earliest", call);
  }

  /** Of all that are assigned if not given; with readCommitted, the last stable offset. */
  async seekToEnd(partitions = this.assignment(), call: CallOptions = {}): Promise<void> {
    await this.#seekAll(partitions, "latest", call);
  }

  /** The offset of the next record poll() will give; null while it was not read and not sought. */
  position(partition: TopicPartition): number | null {
    return this.#fetcher.get(partition).position;
  }

  /** The offset after the last one readable, as of the last fetch; null before that. */
  end(partition: TopicPartition): number | null {
    return this.#fetcher.get(partition).end;
  }

  /** How many records are between position and end, about; null while either is not known. */
  currentLag(partition: TopicPartition): number | null {
    const { position, end } = this.#fetcher.get(partition);
    return position === null || end === null ? null : Math.max(0, end - position);
  }

  /**
   * Whether everything before `offset` was handed out. The position alone does not tell: a compacted log may end in a
   * gap, and then no fetch moves it.
   */
  hasReached(partition: TopicPartition, offset: number): boolean {
    const { position, fetchFrom, emptyUntil } = this.#fetcher.get(partition);
    if (position === null) return false;
    return position >= offset || position === fetchFrom && emptyUntil >= offset;
  }

  /** poll() gives nothing of these until resume(); they stay assigned. Throws an Error when one is not assigned. */
  pause(partitions: readonly TopicPartition[] = this.assignment()): void {
    for (const assigned of this.#all(partitions)) this.#fetcher.pause(assigned, true);
  }

  resume(partitions: readonly TopicPartition[] = this.assignment()): void {
    for (const assigned of this.#all(partitions)) this.#fetcher.pause(assigned, false);
    this.#bell.ring();
  }

  paused(): TopicPartition[] {
    return this.#fetcher.assignment().filter(({ isPaused }) => isPaused)
      .map(({ topic, partition }) => ({ topic, partition }));
  }

  /**
   * Records in order within each partition; [] when none came in `maxWaitMs`, which holds whatever the brokers do (a
   * listener of rebalances is waited for, though; where `signal` ends that, the next poll() waits on). One call at a time.
   * Throws KafkaError for what retrying will not mend: OFFSET_OUT_OF_RANGE with autoOffsetReset "none", missing rights,
   * FENCED_INSTANCE_ID where another member took this one's place; WakeupError after wakeup(); and what a listener threw.
   */
  async poll(maxWaitMs = 500, { signal }: SignalOptions = {}): Promise<ConsumerRecord[]> {
    if (this.#isPolling) throw new Error("Cannot poll: another poll() is not over yet");
    const wake = () => this.#bell.ring();
    this.#isPolling = true;
    signal?.addEventListener("abort", wake);
    try {
      return await this.#poll(performance.now() + maxWaitMs, signal);
    } finally {
      signal?.removeEventListener("abort", wake);
      this.#isPolling = false;
      this.#group?.polled();
    }
  }

  /**
   * Every record as it comes, without end; `break` leaves, and loses none. commit() within the loop is up to and with the
   * record at hand. What is committed by itself has it only when the loop comes back for the next one: who leaves with an
   * error gets it again. Ends when the consumer is closed; throws as poll().
   *
   * @example
   * ```ts
   * const signal = AbortSignal.timeout(100);
   * try {
   *   for await (const record of consumer.records({ signal })) console.log(record.offset);
   * } catch (error) {
   *   if (error !== signal.reason) throw error;
   * }
   * ```
   */
  async *records({ signal }: SignalOptions = {}): AsyncGenerator<ConsumerRecord, void> {
    while (this.#closing === null) {
      signal?.throwIfAborted();
      const isQuiet = !this.#isWoken && !this.#group?.isDue;
      const record = isQuiet && !this.#isPolling ? this.#fetcher.takeOne() : null;
      if (record !== null) {
        this.#group?.polled();
        this.#atHand = record;
        yield record;
        this.#atHand = null;
        this.#group?.autoCommit();
        continue;
      }
      try {
        await this.#pollOne(signal);
      } catch (error) {
        if (this.#closing === null) throw error;
      }
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<ConsumerRecord, void> {
    return this.records();
  }

  /** Ends the wait that is on, or the next one, with WakeupError: of poll(), and of a loop over records. */
  wakeup(): void {
    this.#isWoken = true;
    this.#bell.ring();
  }

  /**
   * Commits how far it has read, in all that is assigned; or offsets to go on at; or records that are done with, each
   * and all before it in its partition. Resolves when that is durable. Throws an Error without a groupId; KafkaError:
   * REBALANCE_IN_PROGRESS when the member has to poll() first (and may commit then what it still has);
   * ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, FENCED_INSTANCE_ID when others may have the partitions.
   *
   * @example
   * ```ts
   * for (const record of await consumer.poll()) {
   *   await consumer.commit([record]); // the group goes on behind it
   * }
   * await consumer.commit([{ topic: "orders", partition: 0, offset: 7, metadata: "by hand" }]);
   * ```
   */
  async commit(what?: readonly Committable[], call: CallOptions = {}): Promise<void> {
    const group = this.#groupTo("commit"), offsets = what ? offsetsOf(what) : this.#positions();
    await group.offsets.commit(offsets, call);
    group.noteCommitted(offsets);
  }

  /** As commit(), once and without waiting; `onDone` hears of it, with null when it is durable; what it throws poll() throws. */
  commitAsync(
    what?: readonly Committable[],
    onDone: (error: unknown, offsets: readonly OffsetToCommit[]) => void | Promise<void> = () => {},
  ): void {
    const group = this.#groupTo("commit"), offsets = what ? offsetsOf(what) : this.#positions();
    group.offsets.commit(offsets, {}, false).then(() => {
      group.noteCommitted(offsets);
      return onDone(null, offsets);
    }, (error) => onDone(error, offsets)).catch((error) => group.failed(error));
  }

  /** What the group has committed in these (in all that are assigned if not given); null where nothing. */
  async committed(
    partitions: readonly TopicPartition[] = this.assignment(),
    call: CallOptions = {},
  ): Promise<(CommittedOffset | null)[]> {
    return await this.#groupTo("ask what is committed").offsets.committed(partitions, call);
  }

  /** Who this is in its group; what TransactionalProducer.sendOffsets() needs. */
  groupMetadata(): Required<GroupMetadata> {
    const { groupId, identity } = this.#groupTo("tell its group");
    return { groupId, ...identity };
  }

  /** The first record at or after a time (ms since 1970) in each; offset -1 where none is that late. */
  async offsetsForTimes(
    asked: readonly (TopicPartition & { readonly timestampMs: number })[],
    call: CallOptions = {},
  ): Promise<FoundOffset[]> {
    const wanted = asked.map(({ topic, partition, timestampMs }) => ({
      topic,
      partition,
      at: timestampMs,
    }));
    return await listOffsets(this.#cluster, wanted, call);
  }

  /** In the order asked. */
  async beginningOffsets(
    partitions: readonly TopicPartition[],
    call: CallOptions = {},
  ): Promise<number[]> {
    return await this.#fetcher.offsets(partitions, "earliest", call);
  }

  /** Behind the last record, or with readCommitted the last stable offset; in the order asked. */
  async endOffsets(
    partitions: readonly TopicPartition[],
    call: CallOptions = {},
  ): Promise<number[]> {
    return await this.#fetcher.offsets(partitions, "latest", call);
  }

  /** Throws KafkaError UNKNOWN_TOPIC_OR_PARTITION when there is none for the time of the call. */
  async partitionsFor(topic: string, call: CallOptions = {}): Promise<readonly Partition[]> {
    return (await this.#cluster.retry(() => this.#cluster.topic(topic), call)).partitions;
  }

  /**
   * Commits what was read (if that happens by itself), tells the listener, leaves the group and closes; within
   * `timeoutMs` (30 s if not given) and a few seconds. A static member does not leave: its partitions wait for it. Throws
   * what the listener threw, and where that took longer. Further calls wait for the first.
   */
  close({ timeoutMs = CLOSE_MS, signal }: CallOptions = {}): Promise<void> {
    this.#closing ??= this.#close({ timeoutMs, signal });
    return this.#closing;
  }

  /** Closes at once. Of a group it does not take its leave: `await using` does. */
  [Symbol.dispose](): void {
    if (this.#closing !== null) return;
    this.#closing = Promise.resolve();
    this.#group?.abandon();
    this.#end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(call: CallOptions): Promise<void> {
    this.#bell.ring();
    try {
      await abortable(async () => await this.#group?.close(call), call.signal);
    } finally {
      this.#group?.abandon(); // what is left of it
      this.#end();
    }
  }

  #end(): void {
    this.#isOver = true;
    this.#fetcher.close();
    if (this.#ownsCluster) this.#cluster.close();
  }

  async #poll(deadlineMs: number, signal?: AbortSignal): Promise<ConsumerRecord[]> {
    for (;;) {
      await this.#rebalance(signal);
      const records = this.#fetcher.take(this.#maxPollRecords);
      const starting = this.#fetcher.start();
      if (records.length > 0) {
        // The next fetch leaves before the caller gets busy.
        if (starting !== null) await withinMs(starting, STARTING_MS);
        return records;
      }
      this.#fetcher.throwFailure();
      if (!await this.#hasNews(deadlineMs)) return [];
    }
  }

  /** As poll(), but leaves the records where they are: one of them, at least, can be taken then. */
  async #pollOne(signal?: AbortSignal): Promise<void> {
    if (this.#isPolling) throw new Error("Cannot read on: a poll() is not over yet");
    const wake = () => this.#bell.ring();
    this.#isPolling = true;
    signal?.addEventListener("abort", wake);
    try {
      do {
        await this.#rebalance(signal);
        if (this.#fetcher.hasRecords) return;
        this.#fetcher.start();
        this.#fetcher.throwFailure();
      } while (await this.#hasNews(Infinity));
    } finally {
      signal?.removeEventListener("abort", wake);
      this.#isPolling = false;
    }
  }

  /** What comes first in a poll. */
  async #rebalance(signal?: AbortSignal): Promise<void> {
    this.#throwIfEnded(signal);
    this.#atHand = null;
    if (this.#group === null) return;
    this.#group.autoCommit();
    await abortable(() => this.#group!.work(), signal);
    this.#throwIfEnded(signal);
  }

  /** Waits for some; false when the time is up. */
  async #hasNews(deadlineMs: number): Promise<boolean> {
    const leftMs = deadlineMs - performance.now();
    if (!(leftMs > 0)) return false;
    await this.#fetcher.news(Math.min(leftMs, this.#newsMs));
    return true;
  }

  #throwIfEnded(signal?: AbortSignal): void {
    this.#throwIfClosed("poll");
    signal?.throwIfAborted();
    if (!this.#isWoken) return;
    this.#isWoken = false;
    throw new WakeupError();
  }

  #throwIfClosed(what: string): void {
    if (this.#closing !== null) throw new Error(`Cannot ${what}: the consumer is closed`);
  }

  /** Also while it closes: a listener may commit. */
  #groupTo(what: string): GroupSession {
    if (this.#isOver) this.#throwIfClosed(what);
    if (this.#group === null) throw new Error(`Cannot ${what}: needed is a groupId`);
    return this.#group;
  }

  async #seekAll(
    partitions: readonly TopicPartition[],
    at: OffsetAt,
    call: CallOptions,
  ): Promise<void> {
    const all = this.#all(partitions), offsets = await this.#fetcher.offsets(all, at, call);
    all.forEach((assigned, i) => this.#fetcher.seek(assigned, offsets[i]));
  }

  #all(partitions: readonly TopicPartition[]): AssignedPartition[] {
    return partitions.map((one) => this.#fetcher.get(one));
  }

  /** Without a record that a loop was given and may not be done with. */
  #readPositions(): OffsetToCommit[] {
    const atHand = this.#atHand;
    return this.#positions().map((one) => {
      const isBefore = atHand !== null && nameOf(atHand) === nameOf(one) &&
        one.offset > atHand.offset;
      return isBefore ? { ...one, offset: atHand.offset } : one;
    });
  }

  #positions(): OffsetToCommit[] {
    return this.#fetcher.assignment().flatMap(({ topic, partition, position, leaderEpoch }) =>
      position === null ? [] : [{ topic, partition, offset: position, leaderEpoch }]
    );
  }
}

/** How long close() may take if not given. */
const CLOSE_MS = 30_000;
/** How long records wait for the next fetch to be on its way. */
const STARTING_MS = 20;
/** How long a poll waits between looks at most: positions are committed meanwhile, and the group hears that it polls. */
const NEWS_MS = 1000;
