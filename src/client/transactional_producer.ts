/**
 * TransactionalProducer: sends records and offsets of groups in transactions: readers with `isolation: "readCommitted"`
 * see all of one, or nothing.
 *
 * ```ts
 * await using producer = new TransactionalProducer({ bootstrap: "127.0.0.1:9092" }, {
 *   transactionalId: "copier-1",
 * });
 * await producer.init(); // fences whoever had the id before, and aborts what it left open
 * producer.begin();
 * try {
 *   producer.send({ topic: "out", value: "two" });
 *   await producer.sendOffsets({ groupId: "copiers" }, [{ topic: "in", partition: 0, offset: 2 }]);
 *   await producer.commit();
 * } catch (error) {
 *   if (!(error instanceof TransactionError) || error.kind !== "abort") throw error;
 *   await producer.abort();
 * }
 * ```
 *
 * How the broker is spoken to follows from its feature transaction.version. From 2 on (KIP-890) Produce and
 * TxnOffsetCommit make their partition or group part of the transaction, and each transaction has an epoch of its own,
 * which the answer to its end brings. Below, AddPartitionsToTxn and AddOffsetsToTxn come before, and the epoch is raised
 * after a failure only. Kafka's TransactionManager does the same.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { abortable, type SignalOptions, withinLimits, withinMs } from "./call.ts";
import { Cluster, type ClusterOptions } from "./cluster.ts";
import { KafkaError, TransactionError } from "./errors.ts";
import { kindOf, messageOf, OpenTransaction } from "./open_transaction.ts";
import { Outbox, type SendingOptions } from "./outbox.ts";
import type { Identity } from "./partition_sender.ts";
import type { Delivery } from "./producer_batch.ts";
import type { ProducerRecord } from "./producer_record.ts";
import {
  type GroupMetadata,
  type OffsetToCommit,
  TransactionRequests,
} from "./transaction_requests.ts";

export type { GroupMetadata, OffsetToCommit };

export interface TransactionalProducerOptions extends SendingOptions {
  /** Who this is over restarts. Of two producers with one id the later fences the earlier. */
  readonly transactionalId: string;
  /** How long a transaction may stay open before the coordinator aborts it and fences its producer; 60 s if not given. */
  readonly transactionTimeoutMs?: number;
  /** How long init(), commit(), abort() and sendOffsets() may go on trying, 60 s each if not given. */
  readonly callTimeoutMs?: number;
}

/** new: before init(); open: after begin(); the end of a transaction is committing or aborting until it is answered. */
type State = "new" | "ready" | "open" | "committing" | "aborting" | "dead";

export class TransactionalProducer {
  readonly transactionalId: string;
  readonly #cluster: Cluster;
  readonly #ownsCluster: boolean;
  readonly #timeoutMs: number;
  readonly #limitMs: number;
  readonly #requests: TransactionRequests;
  readonly #outbox: Outbox;
  #state: State = "new";
  #identity: Identity = { producerId: -1, producerEpoch: -1 };
  #joinsByProduce = false;
  #transaction: OpenTransaction;
  #deathCause: TransactionError | null = null;
  /** init(), commit() or abort() on its way: a second call of the same kind waits for it too. */
  #call: { readonly name: Call; readonly done: Promise<void> } | null = null;
  #isClosed = false;

  /** Over a cluster that exists (and stays open at close()), or one of its own. Throws when the id is empty. */
  constructor(cluster: Cluster | ClusterOptions, options: TransactionalProducerOptions) {
    const { transactionalId, transactionTimeoutMs = 60_000, callTimeoutMs = 60_000 } = options;
    if (typeof transactionalId !== "string" || transactionalId === "") {
      throw new Error(
        `transactionalId is ${transactionalId === "" ? '""' : typeof transactionalId}, needs text`,
      );
    }
    this.transactionalId = transactionalId;
    this.#ownsCluster = !(cluster instanceof Cluster);
    this.#cluster = cluster instanceof Cluster ? cluster : new Cluster(cluster);
    this.#timeoutMs = transactionTimeoutMs;
    this.#limitMs = callTimeoutMs;
    this.#requests = new TransactionRequests(this.#cluster, transactionalId, callTimeoutMs);
    this.#transaction = this.#newTransaction();
    this.#outbox = new Outbox({
      cluster: this.#cluster,
      acks: -1,
      identity: null,
      transaction: () => this.#transaction,
      callTimeoutMs: Math.min(callTimeoutMs, this.#cluster.callTimeoutMs),
    }, options);
  }

  /**
   * Gets the producer's id and epoch; comes first, and once. A transaction that an earlier producer of this
   * transactional id left open is aborted, and that producer is fenced. Throws TransactionError "again" when no answer
   * came in time.
   */
  init({ signal }: SignalOptions = {}): Promise<void> {
    const init = async () => {
      this.#identity = await this.#initialise(null);
      this.#joinsByProduce = this.#hasVersionTwo();
      this.#state = "ready";
    };
    return abortable(() => this.#run("init", ["new"], init), signal);
  }

  /** Begins a transaction. The broker hears of it with the first record or offsets. */
  begin(): void {
    const refusal = this.#refusal("begin", ["ready"]);
    if (refusal !== null) throw refusal;
    this.#transaction = this.#newTransaction();
    this.#state = "open";
  }

  /**
   * Sends one record of the transaction; resolves when it is acknowledged, which does not mean that readers may see it.
   * It need not be awaited: whatever could not be sent makes commit() throw. Throws as Producer.send() does, and
   * TransactionError where there is no transaction that may still be committed.
   */
  send(record: ProducerRecord, call?: SignalOptions): Promise<Delivery> {
    if (call?.signal !== undefined) return abortable(() => this.send(record), call.signal);
    const refusal = this.#refusal("send", ["open"]) ?? this.#transaction.failure;
    const delivery = refusal === null ? this.#outbox.send(record) : Promise.reject(refusal);
    delivery.catch(() => {}); // commit() tells of it
    return delivery;
  }

  /** Resolves when send() takes records again. */
  room({ signal }: SignalOptions = {}): Promise<void> {
    return abortable(() => this.#outbox.room(), signal);
  }

  /** Sends what waits for company; resolves when everything sent before is delivered or has failed. */
  flush({ signal }: SignalOptions = {}): Promise<void> {
    return abortable(() => this.#outbox.flush(), signal);
  }

  /**
   * Commits offsets of a consumer group with the transaction: they count when it is committed, and not when it is
   * aborted. With a member of the group the group's coordinator refuses them when that member is no longer in it. Throws
   * TransactionError: "abort" for that, for missing rights, and without an answer in time.
   */
  sendOffsets(
    group: string | GroupMetadata,
    offsets: readonly OffsetToCommit[],
    { signal }: SignalOptions = {},
  ): Promise<void> {
    if (signal !== undefined) return abortable(() => this.sendOffsets(group, offsets), signal);
    const refusal = this.#refusal("send offsets", ["open"]) ?? this.#transaction.failure;
    const metadata = typeof group === "string" ? { groupId: group } : group;
    const sent = refusal === null
      ? this.#transaction.sendOffsets(metadata, offsets)
      : Promise.reject(refusal);
    sent.catch(() => {}); // commit() tells of it
    return sent;
  }

  /**
   * Sends what is left and commits. Throws TransactionError: "abort" when something was not delivered, so that abort()
   * has to follow; "again" when no answer came in time, so that it may be committed or not: commit() once more tells, as
   * it does after its signal was aborted; "fenced" when another producer took over.
   */
  commit({ signal }: SignalOptions = {}): Promise<void> {
    const commit = async () => {
      const transaction = this.#transaction;
      this.#state = "committing";
      await this.#delivered(transaction, "commit");
      if (transaction.failure !== null) {
        this.#state = "open";
        throw transaction.failure;
      }
      await this.#end(transaction, true);
    };
    return abortable(() => this.#run("commit", ["open", "committing"], commit), signal);
  }

  /** Aborts: what was not sent yet is rejected, what was sent readers will not see. Throws TransactionError. */
  abort({ signal }: SignalOptions = {}): Promise<void> {
    const abort = async () => {
      const transaction = this.#transaction;
      this.#state = "aborting";
      transaction.stop(
        new TransactionError("abort", `The transaction of ${this.transactionalId} was aborted`),
      );
      await this.#delivered(transaction, "abort");
      await this.#end(transaction, false);
    };
    return abortable(() => this.#run("abort", ["open", "aborting"], abort), signal);
  }

  /**
   * Aborts what is open, and closes. Throws nothing but the signal's reason, when that is aborted: a transaction that
   * could not be aborted is aborted by the coordinator once its own time is over.
   */
  async close({ signal }: SignalOptions = {}): Promise<void> {
    if (this.#isClosed) return;
    try {
      await abortable(() => this.#abortOpen(), signal);
    } finally {
      this.#isClosed = true;
      this.#transaction.stop(
        new TransactionError("fatal", `The producer of ${this.transactionalId} was closed`),
      );
      const flushed = withinMs(this.#outbox.flush(), this.#limitMs).catch(() => {});
      if (!signal?.aborted) await abortable(() => flushed, signal).catch(() => {});
      if (this.#ownsCluster) this.#cluster.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #abortOpen(): Promise<void> {
    await this.#call?.done.catch(() => {});
    if (this.#state === "open") await this.abort().catch(() => {});
  }

  /** Everything sent has been answered, or was given up. */
  async #delivered(transaction: OpenTransaction, call: Call): Promise<void> {
    const all = Promise.all([this.#outbox.flush(), transaction.settled()]).then(() => {});
    await withinLimits(all, { maxMs: this.#limitMs, late: () => this.#late(call) });
    if (this.#deathCause !== null) throw this.#deathCause;
  }

  #late(call: Call): TransactionError {
    return new TransactionError(
      "again",
      `Not everything was answered within ${this.#limitMs} ms, so the transaction of ${this.transactionalId} is not ended yet: ${call}() again`,
    );
  }

  /** Each step that is done is not done again when the call is repeated. */
  async #end(transaction: OpenTransaction, isCommit: boolean): Promise<void> {
    if (!transaction.isEnded) {
      const next = await this.#endAtCoordinator(transaction, isCommit);
      transaction.isEnded = true;
      if (next !== null) {
        this.#identity = next;
        transaction.isEpochSpent = false;
      }
    }
    // A cluster that went on to version 2: what is late of this epoch must not meet the next transaction.
    const isUpgrade = this.#hasVersionTwo() && !transaction.joinsByProduce;
    if (transaction.isEpochSpent || isUpgrade) {
      this.#identity = await this.#initialise(this.#identity);
    }
    this.#joinsByProduce = this.#hasVersionTwo();
    this.#state = "ready";
  }

  async #endAtCoordinator(
    transaction: OpenTransaction,
    isCommit: boolean,
  ): Promise<Identity | null> {
    if (transaction.started === "no" || transaction.isForgotten) return null;
    const { identity, joinsByProduce } = transaction;
    try {
      return await this.#requests.endTxn(identity, isCommit, joinsByProduce);
    } catch (error) {
      if (error instanceof TransactionError) throw error; // no answer: the state tells which call may follow
      const isNothing = error instanceof KafkaError && error.code === ErrorCode.INVALID_TXN_STATE;
      if (isNothing && transaction.started === "perhaps") return null;
      const failure = transaction.endFailed(error);
      if (failure.kind === "abort") this.#state = "open";
      throw failure;
    }
  }

  async #initialise(current: Identity | null): Promise<Identity> {
    try {
      return await this.#requests.initProducerId(this.#timeoutMs, current);
    } catch (error) {
      if (error instanceof TransactionError) throw error;
      const kind = kindOf(error, "init", false);
      const failure = new TransactionError(
        kind,
        messageOf(this.transactionalId, kind, error),
        error,
      );
      this.#die(failure);
      throw failure;
    }
  }

  #newTransaction(): OpenTransaction {
    return new OpenTransaction({
      transactionalId: this.transactionalId,
      identity: this.#identity,
      joinsByProduce: this.#joinsByProduce,
      requests: this.#requests,
      onFatal: (error) => this.#die(error),
    });
  }

  #hasVersionTwo(): boolean {
    return this.#cluster.finalizedLevel("transaction.version") >= 2;
  }

  #die(cause: TransactionError): void {
    if (this.#state === "dead") return;
    this.#state = "dead";
    this.#deathCause = cause;
    this.#transaction.stop(cause);
  }

  /** One of init(), commit() and abort() at a time. */
  #run(name: Call, allowed: readonly State[], run: () => Promise<void>): Promise<void> {
    if (this.#call?.name === name) return this.#call.done;
    const refusal = this.#refusal(name, this.#call === null ? allowed : []);
    if (refusal !== null) return Promise.reject(refusal);
    const done = run().finally(() => this.#call = null);
    this.#call = { name, done };
    return done;
  }

  /** Why something may not be done now; null when it may. */
  #refusal(call: string, allowed: readonly State[]): Error | null {
    const cannot = `Cannot ${call} with transactional id ${this.transactionalId}`;
    if (this.#isClosed) return new Error(`${cannot}: the producer is closed`);
    if (this.#deathCause !== null) {
      const { kind, message } = this.#deathCause;
      return new TransactionError(kind, `${cannot}. ${message}`, this.#deathCause);
    }
    if (allowed.includes(this.#state)) return null;
    return new Error(
      `${cannot}: ${
        this.#call === null ? WHY_NOT[this.#state] : `${this.#call.name}() is on its way`
      }`,
    );
  }
}

type Call = "init" | "commit" | "abort";

const WHY_NOT: Readonly<Record<State, string>> = {
  new: "init() comes first",
  ready: "there is no transaction: begin() comes first, and init() only once",
  open: "a transaction is open: commit() or abort() it",
  committing: "a commit is not answered yet: commit() again",
  aborting: "an abort is not answered yet: abort() again",
  dead: "it can do nothing more",
};
