/**
 * TransactionCoordinator: transactional ids over the partitions of `__transaction_state` that this node leads. Requests come
 * and answers go without transport, in the coordinator's own codes; handlers add versions and names.
 *
 * What a request decides is in the log before it is answered. A transaction whose end is decided has its markers sent when
 * that is kept, and is complete when each of them is; after a start, or where a partition of the log is taken up again, they
 * are all sent again. So nothing that was decided depends on this process.
 */
import type { Clock, GivesWay } from "../clock.ts";
import type { TrustedTime } from "../clock/trusted_time.ts";
import type { CoordinatorTopic, Leadership } from "../coordination/coordinator_log.ts";
import type { LedPartition } from "../coordination/led_partition.ts";
import type { CoordinationEvent } from "../coordination/led_partitions.ts";
import { CoordinatorRuntime, type Happening } from "../coordination/runtime.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { AwaitedEnds } from "./awaited_ends.ts";
import { MarkerSending } from "./marker_sending.ts";
import type { MarkerWriter } from "./marker_writer.ts";
import type { Partition } from "./partition_set.ts";
import {
  type Credentials,
  refused,
  type TransactionEvent,
  type TransactionFact,
  type TransactionKinds,
  type TransactionReply,
} from "./transaction_events.ts";
import { isExpired, isTimedOut } from "./transaction_machine.ts";
import { TransactionMetrics } from "./transaction_metrics.ts";
import { isTooLongId } from "./transaction_records.ts";
import { TransactionShard } from "./transaction_shard.ts";
import {
  isIdle,
  isPrepared,
  newTransaction,
  State,
  type Transaction,
  type TransactionValue,
  type TransactionVersion,
} from "./transaction.ts";

export interface TransactionSettings {
  readonly maxTimeoutMs: number;
  readonly idExpirationMs: number;
  readonly maxIds: number;
  readonly abortTimedOutIntervalMs: number;
  readonly removeExpiredIntervalMs: number;
  readonly addPartitionsRetryBackoffMs: number;
  readonly addPartitionsRetryBackoffMaxMs: number;
}

export interface TransactionCoordinatorOptions {
  readonly clock: Clock;
  /** What ids expire by, and how old transactions are that were open at a start. */
  readonly time: TrustedTime;
  readonly settings: TransactionSettings;
  readonly topic: CoordinatorTopic;
  readonly markers: MarkerWriter;
  /** Whether the catalogue knows the partition. */
  readonly isKnown: (partition: Partition) => boolean;
  /** The finalised level of the feature. */
  readonly transactionVersion: () => TransactionVersion;
  /** An id that no producer has had; null when there is none for now. Does not reject. */
  readonly newProducerId: () => Promise<number | null>;
  /** Takes the memory of a read back. */
  readonly give: (chunk: Uint8Array) => void;
  /** Calls `work` once after this long; returns what takes that back. */
  readonly wake: (delayMs: number, work: () => void) => () => void;
  /** Gives others a turn while very many ids are looked at. */
  readonly turn?: GivesWay;
  readonly onEvent: (event: TransactionNews, details: Record<string, unknown>) => void;
}

/** What somebody should hear of. */
export type TransactionNews = CoordinationEvent | "marker_delayed" | "timed_out";

export type TransactionPartition = LedPartition<TransactionKinds, TransactionShard>;

export interface InitProducerIdRequest {
  readonly transactionalId: string;
  readonly timeoutMs: number;
  readonly expected: Credentials | null;
}

export class TransactionCoordinator {
  readonly metrics = new TransactionMetrics();
  readonly runtime: CoordinatorRuntime<TransactionKinds, TransactionShard>;
  readonly #options: TransactionCoordinatorOptions;
  readonly #sending: MarkerSending;
  readonly #ends: AwaitedEnds;
  /** Takes back the aborts that the next turns are to bring; null when none are. */
  #cancelAborts: (() => void) | null = null;
  /** When shards were begun to be loaded, monotonic. */
  readonly #loads = new WeakMap<TransactionShard, number>();

  constructor(options: TransactionCoordinatorOptions) {
    this.#options = options;
    const { topic, give, wake, turn, onEvent, settings } = options;
    this.#sending = new MarkerSending({
      writer: options.markers,
      isKnown: options.isKnown,
      wake,
      onDelayed: (details) => onEvent("marker_delayed", details),
      onFailed: (error) => onEvent("work_failed", { error: String(error) }),
    });
    this.#ends = new AwaitedEnds({
      wake,
      nowMs: () => this.#now().ms,
      isEnding: (id) => this.#isEnding(id),
      retryMs: settings.addPartitionsRetryBackoffMs,
      limitMs: settings.addPartitionsRetryBackoffMaxMs,
    });
    this.runtime = new CoordinatorRuntime<TransactionKinds, TransactionShard>({
      topic,
      give,
      wake,
      turn,
      onEvent,
      now: () => this.#now(),
      newShard: () => this.#newShard(),
      refusal: refused,
      onActive: (partition) => this.#taken(partition),
      onTaken: (happening) => this.#count(happening),
      onKept: ({ entity, facts }, partition) => {
        if (facts.some((fact) => says(fact, entity.value))) this.#sendMarkers(partition, entity);
      },
    });
    this.runtime.every(settings.abortTimedOutIntervalMs, () => this.abortTimedOut());
    this.runtime.every(settings.removeExpiredIntervalMs, () => this.removeExpired());
  }

  /** Loads every partition that this node leads and has not loaded, at start and whenever leaders change. */
  loadAll(): Promise<void> {
    return this.runtime.loadAll();
  }

  load(index: number, led: Leadership): Promise<void> {
    return this.runtime.load(index, led);
  }

  /** Ends all waiting and all timers. The state is in the logs. */
  stop(): void {
    this.runtime.stop();
    this.#cancelAborts?.();
    this.#sending.stop();
    this.#ends.stop();
  }

  /** The partition serves (again): markers that wait for it are sent. */
  online(partition: Partition): void {
    this.#sending.online(partition);
  }

  /** Topics were deleted: their markers are waited for no longer. */
  deleted(): void {
    this.#sending.deleted();
  }

  /** Markers that wait for their partition. */
  get delayedMarkers(): number {
    return this.#sending.delayed;
  }

  /** Where an id is kept, or why it cannot be asked for here and now. */
  place(transactionalId: string): TransactionPartition | number {
    if (transactionalId === "") return ErrorCode.INVALID_REQUEST;
    // Kafka coordinates nothing while there is no such topic: clients look for the coordinator, which makes it.
    if (this.runtime.partitionFor(transactionalId) === null) return ErrorCode.NOT_COORDINATOR;
    return this.runtime.place(transactionalId);
  }

  /** The id and epoch that a producer has from now on; everyone who had the transactional id before is fenced. */
  async initProducerId(request: InitProducerIdRequest): Promise<TransactionReply> {
    const { transactionalId, timeoutMs, expected } = request, { settings } = this.#options;
    if (transactionalId === "" || isTooLongId(transactionalId)) {
      return refused(0, ErrorCode.INVALID_REQUEST);
    }
    if (timeoutMs <= 0 || timeoutMs > settings.maxTimeoutMs) {
      return refused(0, ErrorCode.INVALID_TRANSACTION_TIMEOUT);
    }
    const event = (ticket: number, freshProducerId: number | null) =>
      ({ kind: "initProducerId", ticket, timeoutMs, expected, freshProducerId }) as const;
    return await this.#ask(transactionalId, event, { mayBeNew: true });
  }

  /**
   * Makes partitions part of the producer's transaction, which begins with the first. While the transaction before is being
   * ended it waits for a moment, so that the producer need not be told to come again (51). With `isBeside`, what is written
   * to them follows as soon as this resolves, which is when they are written down and not when that is kept.
   */
  async addPartitions(
    transactionalId: string,
    request: Credentials & {
      readonly partitions: readonly Partition[];
      readonly clientVersion: TransactionVersion;
      readonly isBeside?: boolean;
    },
  ): Promise<number> {
    await this.#ends.whileEnding(transactionalId);
    const reply = await this.#ask(
      transactionalId,
      (ticket) => ({ kind: "addPartitions", ticket, ...request }),
    );
    return reply.errorCode;
  }

  /** A code for each of the partitions: whether it is part of the producer's transaction (120 if not). */
  async verifyPartitions(
    transactionalId: string,
    request: Credentials & { readonly partitions: readonly Partition[] },
  ): Promise<readonly number[]> {
    const { errorCode, partitionErrors } = await this.#ask(
      transactionalId,
      (ticket) => ({ kind: "verifyPartitions", ticket, ...request }),
    );
    return errorCode === ErrorCode.NONE ? partitionErrors : request.partitions.map(() => errorCode);
  }

  /** Answered when the decision is kept; the markers follow. */
  endTxn(
    transactionalId: string,
    request: Credentials & {
      readonly isCommit: boolean;
      readonly clientVersion: TransactionVersion;
    },
  ): Promise<TransactionReply> {
    return this.#ask(
      transactionalId,
      (ticket, freshProducerId) => ({ kind: "endTxn", ticket, ...request, freshProducerId }),
    );
  }

  /** Whether an end that was decided is still under way. */
  #isEnding(transactionalId: string): boolean {
    const partition = this.place(transactionalId);
    if (typeof partition === "number") return false;
    const transaction = partition.shard.get(transactionalId);
    return transaction !== undefined && isPrepared(transaction.value);
  }

  /**
   * Aborts what is open for longer than its producer asked for. Called by itself at intervals. Of many, some in this turn
   * and the others in those that follow; what is not done by the next look is found by that.
   */
  abortTimedOut(): void {
    const { ms } = this.#now(), found: [TransactionPartition, Transaction][] = [];
    for (const partition of this.runtime.active()) {
      for (const transaction of partition.shard.entities()) {
        if (isTimedOut(transaction, ms)) found.push([partition, transaction]);
      }
    }
    this.#cancelAborts?.();
    this.#abortSome(found, 0);
  }

  #abortSome(found: readonly [TransactionPartition, Transaction][], from: number): void {
    const end = Math.min(found.length, from + ABORTS_A_TURN);
    for (const [partition, transaction] of found.slice(from, end)) {
      this.#abort(partition, transaction);
    }
    this.#cancelAborts = end === found.length
      ? null
      : this.#options.wake(0, () => this.#abortSome(found, end));
  }

  /** Forgets ids that nothing became of for long. Called by itself at intervals. */
  async removeExpired(): Promise<void> {
    const trustedMs = this.#options.time.nowMs(),
      { idExpirationMs: expirationMs } = this.#options.settings;
    await this.runtime.sweep(
      (transaction) => isExpired(transaction, { trustedMs, expirationMs }) ? GONE : [],
      () => this.metrics.expiredIds++,
    );
  }

  /** Wherever it lies: in a foreign directory whose topic was made larger, that is not where its id belongs. */
  #abort(partition: TransactionPartition, { id, value }: Transaction): void {
    const { producerId, producerEpoch, timeoutMs } = value;
    const asked = this.#ask(
      id,
      (ticket, freshProducerId) => ({ kind: "timedOut", ticket, freshProducerId }),
      { place: () => this.runtime.partitions.isCurrent(partition) ? partition : this.place(id) },
    );
    asked.then(({ errorCode }) => {
      if (errorCode !== ErrorCode.NONE) return; // ended by others, or looked at again next time
      this.metrics.timedOut++;
      const details = { transactionalId: id, producerId, producerEpoch, timeoutMs };
      this.#options.onEvent("timed_out", details);
    }, (error) => this.#options.onEvent("work_failed", { error: String(error) }));
  }

  /** Runs a request through its machine, with a producer id that is new where the machine needs one. */
  async #ask(
    transactionalId: string,
    event: (ticket: number, freshProducerId: number | null) => TransactionEvent,
    { mayBeNew = false, place = () => this.place(transactionalId) } = {},
  ): Promise<TransactionReply> {
    for (let freshProducerId: number | null = null;;) {
      const partition = place();
      if (typeof partition === "number") return refused(0, partition);
      const known = partition.shard.get(transactionalId);
      const isNew = mayBeNew && known === undefined;
      if (isNew && this.#isFull(transactionalId)) return refused(0, ErrorCode.POLICY_VIOLATION);
      if (!isNew || freshProducerId !== null) {
        const reply = await this.runtime.ask(
          partition,
          known ?? newTransaction(transactionalId),
          (ticket) => event(ticket, freshProducerId),
        );
        if (!reply.needsProducerId) return reply;
      }
      freshProducerId = await this.#options.newProducerId();
      if (freshProducerId === null) return refused(0, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    }
  }

  /** Whether there is no room for one more. Long ids count for several: one may take 32 KiB, and is kept for days. */
  #isFull({ length }: string): boolean {
    const { maxIds } = this.#options.settings;
    let count = 0;
    for (const { shard } of this.runtime.active()) {
      count += shard.size;
      length += shard.idLength;
    }
    return count >= maxIds || length > maxIds * USUAL_ID_LENGTH;
  }

  #now() {
    const { time } = this.#options;
    return { ms: time.monotonicMs(), wallMs: time.stampMs() };
  }

  #newShard(): TransactionShard {
    const shard = new TransactionShard(this.#options.transactionVersion);
    this.#loads.set(shard, this.#now().ms);
    return shard;
  }

  /** What was open goes on ageing, what was decided goes on being carried out. */
  #taken(partition: TransactionPartition): void {
    const { shard } = partition, { ms } = this.#now();
    this.metrics.loads.observe((ms - (this.#loads.get(shard) ?? ms)) / 1000);
    const trustedMs = this.#options.time.nowMs();
    for (const transaction of [...shard.entities()]) {
      if (isIdle(transaction.value)) continue;
      // A fact in memory, whose log is whole: what follows from it is kept is told, and then its markers are sent.
      this.runtime.submit(partition, transaction, { kind: "loaded", trustedMs });
    }
  }

  #count({ entity, facts, now }: Happening<TransactionKinds>): void {
    for (const fact of facts) {
      if (fact.kind !== "changed") continue;
      const { state } = fact.value;
      if (state !== State.CompleteCommit && state !== State.CompleteAbort) continue;
      if (state === State.CompleteCommit) this.metrics.committed++;
      else this.metrics.aborted++;
      if (entity.sinceMs !== null) this.metrics.markers.observe((now.ms - entity.sinceMs) / 1000);
      this.#ends.ended(entity.id);
    }
  }

  #sendMarkers(partition: TransactionPartition, transaction: Transaction): void {
    const { id, value } = transaction;
    if (!isPrepared(value)) return;
    const { producerId, producerEpoch, clientVersion } = value;
    const marker = {
      producerId,
      producerEpoch,
      isCommit: value.state === State.PrepareCommit,
      coordinatorEpoch: partition.leaderEpoch,
      transactionVersion: clientVersion,
      isOwnCoordinators: true,
    };
    const credentials = { producerId, producerEpoch };
    this.#sending.send({
      transactionalId: id,
      marker,
      isCurrent: () => this.runtime.partitions.isCurrent(partition) && transaction.value === value,
      onWritten: (written) => {
        const event = { kind: "markerWritten", ...credentials, partition: written } as const;
        this.runtime.submit(partition, transaction, event);
      },
    }, [...transaction.unwritten]);
  }
}

/**
 * Whether it is this value that the fact made true, or found in the log, so that what it decided is kept. What came after it
 * may be on its way still: its markers leave when it is kept itself.
 */
function says(fact: TransactionFact, value: TransactionValue): boolean {
  return (fact.kind === "changed" || fact.kind === "since") && fact.value === value;
}

/** Longer than nearly all are. */
const USUAL_ID_LENGTH = 256;
/** Each is a record, a marker for each of its partitions, and another record. */
const ABORTS_A_TURN = 50;
const GONE = [{ kind: "gone" }] as const;
