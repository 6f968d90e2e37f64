/**
 * LedPartition: a shard over the log of its partition, and the only way to write about it.
 *
 * Facts are appended as one batch and then applied, in one turn, so that memory never runs ahead of the log. What an
 * append promised is kept only when `whenKept` says so: no answer that shows state may leave before.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { type BatchOptions, buildBatch, type NewRecord } from "../protocol/records/build.ts";
import type { CoordinatorLog, TransactionVerification } from "./coordinator_log.ts";
import { LogReplay } from "./log_replay.ts";
import type { Kinds, Shard } from "./shard.ts";

/** Whose transaction a batch is part of. */
export interface TransactionalProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** What the coordinator was asked with; null: it was not, since the transaction is open here; left out: nothing is asked for. */
  readonly verification?: TransactionVerification | null;
}

/** A marker in the log, and when it is kept. */
export interface LiveMarker {
  readonly producerId: number;
  readonly isCommit: boolean;
  readonly durable: Promise<void>;
}

/** What a partition's object appended and its log has not kept yet, for the next one that reads it there. */
export class Unkept {
  /** Of the topic, once the log is there. */
  topicId: Uuid | null = null;
  /** All that is on its way: where the last is lost, those before it are not for that. */
  readonly promises = new Set<Promise<void>>();
  hasLost = false;
}

export class LedPartition<K extends Kinds, S extends Shard<K> = Shard<K>> {
  readonly index: number;
  readonly leaderEpoch: number;
  readonly shard: S;
  /** Requests that wait for something to happen, by ticket; they are refused when the partition goes. */
  readonly waiting = new Map<number, (reply: K["Reply"]) => void>();
  readonly unkept = new Unkept();
  readonly #onLost: (error: unknown) => void;
  #state: "loading" | "active" | "failed" = "loading";
  #failure: string | null = null;
  #log: CoordinatorLog | null = null;
  #kept: Promise<void> | null = null;
  /** When the last append has left the process; null before the first. */
  #written: Promise<void> | null = null;

  /** `onLost` hears that something applied already could not be written: the state is ahead of its log then. */
  constructor(
    { index, leaderEpoch, shard, onLost = () => {} }: {
      readonly index: number;
      readonly leaderEpoch: number;
      readonly shard: S;
      readonly onLost?: (error: unknown) => void;
    },
  ) {
    this.index = index;
    this.leaderEpoch = leaderEpoch;
    this.shard = shard;
    this.#onLost = onLost;
  }

  /** Only an active one knows anything. */
  get state(): "loading" | "active" | "failed" {
    return this.#state;
  }

  /** Why it has failed; null when it has not. */
  get failure(): string | null {
    return this.#failure;
  }

  /** The topic's id, once the log is there. */
  get topicId(): Uuid | null {
    return this.unkept.topicId;
  }

  /**
   * Reads the log to its end and becomes active. Throws for what is damaged or not understood; then fail() is to be
   * called. When `goOn` says no it stops and stays as it is.
   */
  async load(
    log: CoordinatorLog,
    give: (chunk: Uint8Array) => void,
    goOn: () => boolean = () => true,
  ): Promise<void> {
    this.#log = log;
    this.unkept.topicId = log.topicId;
    this.shard.clear();
    await new LogReplay(log, this.shard).run(give, goOn, () => {
      this.shard.loaded();
      this.#state = "active";
      this.#failure = null;
    });
  }

  /** Takes back what was read of a log that could not be read to its end. */
  fail(reason: string): void {
    this.#state = "failed";
    this.#failure = reason;
    this.shard.clear();
  }

  /** It is no longer led: nothing is written through this object any more. */
  close(): void {
    this.#state = "failed";
    this.#failure = "it is no longer led";
  }

  /** Appends the facts of an entity, which may be new, and makes them true. With an error code nothing has happened. */
  write(entity: K["Entity"], facts: readonly K["Fact"][], wallMs: number): number {
    const errorCode = this.append(entity.id, facts, wallMs);
    if (errorCode !== ErrorCode.NONE) return errorCode;
    for (const fact of facts) this.shard.apply(entity, fact, null);
    this.shard.settle(entity);
    return ErrorCode.NONE;
  }

  /** The same in as many batches as their size needs. With an error code, those before it have happened. */
  writeAll(entity: K["Entity"], facts: readonly K["Fact"][], wallMs: number): number {
    for (const some of this.#batches(entity.id, facts)) {
      const errorCode = this.write(entity, some, wallMs);
      if (errorCode !== ErrorCode.NONE) return errorCode;
    }
    return ErrorCode.NONE;
  }

  /** Appends facts as part of a producer's transaction: they count once its marker commits them. */
  writeInTransaction(
    entityId: string,
    facts: readonly K["Fact"][],
    { producer, wallMs }: { readonly producer: TransactionalProducer; readonly wallMs: number },
  ): number {
    const errorCode = this.append(entityId, facts, wallMs, { producer });
    if (errorCode !== ErrorCode.NONE) return errorCode;
    for (const fact of facts) this.shard.hold(producer.producerId, entityId, fact);
    return ErrorCode.NONE;
  }

  /** Appends those of the facts that the log keeps; the caller applies all before it awaits anything. */
  append(
    entityId: string,
    facts: readonly K["Fact"][],
    wallMs: number,
    { producer = null, mayWait = false }: {
      readonly producer?: TransactionalProducer | null;
      readonly mayWait?: boolean;
    } = {},
  ): number {
    const records: NewRecord[] = [];
    for (const fact of facts) {
      const record = this.shard.encode(entityId, fact, wallMs);
      if (record === null) continue;
      records.push({ timestampMs: wallMs, key: record.key, value: record.value });
    }
    if (records.length === 0) return ErrorCode.NONE;
    const log = this.#log, { leaderEpoch } = this;
    if (log === null || this.#state !== "active") return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    const bytes = buildBatch(producer === null ? { records } : batchOf(producer, records));
    if (bytes.length > log.config["max.message.bytes"]) return ErrorCode.MESSAGE_TOO_LARGE;
    const { errorCode, written, durable } = log.append(bytes, {
      origin: "coordinator",
      leaderEpoch,
      verification: producer?.verification,
      mayWait,
    });
    if (errorCode !== ErrorCode.NONE) return errorCode;
    this.#written = log.isKeptInOrder === true ? written : durable;
    this.#await(durable);
    return ErrorCode.NONE;
  }

  /** A marker has just been appended to the log. Where the log is yet to be read, it is read with it. */
  marker({ producerId, isCommit, durable }: LiveMarker): void {
    if (this.#state === "active") this.shard.marker(producerId, isCommit);
    this.#await(durable);
  }

  /** Whether everything appended so far is kept. */
  get isKept(): boolean {
    return this.#kept === null;
  }

  /** Calls back once everything appended so far is kept: at once where nothing is on its way. Or once it is lost. */
  whenKept(then: () => void, orLost: () => void): void {
    if (this.#kept === null) then();
    else this.#kept.then(then, orLost);
  }

  /**
   * The same once everything appended so far is written, so that no end of the process takes it back, and is kept before
   * whatever is written then; where logs are kept in any order, once it is kept.
   */
  whenWritten(then: () => void, orLost: () => void): void {
    if (this.#written === null) then();
    else this.#written.then(then, orLost); // writes of a log come in order, so the last stands for all before
  }

  /** What an earlier object for the same log appended is read by this one, and kept no sooner for that. */
  inherit({ promises, hasLost }: Unkept): void {
    if (!hasLost) {
      for (const durable of promises) this.#await(durable); // what is lost yet was read here
    } else if (promises.size > 0) {
      // Behind a lost append nothing is in the log any more: what fails still is not read.
      this.#await(Promise.allSettled(promises).then(() => {}));
    }
    this.#written = this.#kept;
  }

  *#batches(entityId: string, facts: readonly K["Fact"][]): Generator<K["Fact"][]> {
    const maxBytes = (this.#log?.config["max.message.bytes"] ?? 0) - BATCH_HEADER_BYTES;
    let some: K["Fact"][] = [], bytes = 0;
    for (const fact of facts) {
      const record = this.shard.encode(entityId, fact, 0);
      const size = record === null
        ? 0
        : RECORD_OVERHEAD_BYTES + record.key.length + (record.value?.length ?? 0);
      if (some.length === MAX_BATCH_FACTS || some.length > 0 && bytes + size > maxBytes) {
        yield some;
        some = [], bytes = 0;
      }
      some.push(fact);
      bytes += size;
    }
    if (some.length > 0) yield some;
  }

  #await(durable: Promise<void>): void {
    const { unkept } = this;
    this.#kept = durable; // acknowledgements come in order, so the last stands for all before
    unkept.promises.add(durable);
    durable.then(() => {
      unkept.promises.delete(durable);
      if (this.#kept === durable) this.#kept = null;
    }, (error) => {
      unkept.promises.delete(durable);
      unkept.hasLost = true;
      this.#onLost(error);
    });
  }
}

/** Kafka's coordinators begin every batch of a producer with sequence 0; logs check it for clients only. */
function batchOf(
  { producerId, producerEpoch }: TransactionalProducer,
  records: readonly NewRecord[],
): BatchOptions {
  return { records, producerId, producerEpoch, baseSequence: 0, isTransactional: true };
}

const BATCH_HEADER_BYTES = 61;
/** Lengths, deltas and attributes of one record at their largest. */
const RECORD_OVERHEAD_BYTES = 32;
const MAX_BATCH_FACTS = 1000;
