/**
 * Producer: sends records, in batches, and says for each where it went. What order and partitions follow from stands in
 * outbox.ts.
 */
import { abortable, type CallOptions, limited, type SignalOptions } from "./call.ts";
import { Cluster, type ClusterOptions } from "./cluster.ts";
import { mustBeOneOf } from "./one_of.ts";
import { Outbox, type SendingOptions } from "./outbox.ts";
import type { Identity } from "./partition_sender.ts";
import type { Delivery, Receiver } from "./producer_batch.ts";
import { newProducerId } from "./producer_id.ts";
import type { ProducerRecord } from "./producer_record.ts";

export type { Delivery, ProducerRecord, Receiver };

export interface ProducerOptions extends SendingOptions {
  /** How many must have a record before it counts as delivered: all in-sync replicas, the leader, or nobody. */
  readonly acks?: "all" | "leader" | "none";
  /** Each record once and in order, over retries too; yes if not given and acks is "all". */
  readonly idempotent?: boolean;
}

export class Producer {
  readonly #cluster: Cluster;
  readonly #ownsCluster: boolean;
  readonly #outbox: Outbox;
  /** How long a producer id is asked for: records wait for it. */
  readonly #identityMs: number;
  #identity: Promise<Identity> | null = null;
  #isClosed = false;

  /** Over a cluster that exists (and stays open at close()), or one of its own. Throws when options contradict. */
  constructor(cluster: Cluster | ClusterOptions, options: ProducerOptions = {}) {
    mustBeOneOf("acks", options.acks, ["all", "leader", "none"]);
    this.#ownsCluster = !(cluster instanceof Cluster);
    this.#cluster = cluster instanceof Cluster ? cluster : new Cluster(cluster);
    const { acks = "all", idempotent = acks === "all" } = options;
    if (idempotent && acks !== "all") {
      throw new Error(`An idempotent producer needs acks "all", not "${acks}"`);
    }
    const { deliveryTimeoutMs = Infinity } = options;
    this.#identityMs = Math.min(deliveryTimeoutMs, this.#cluster.callTimeoutMs);
    this.#outbox = new Outbox({
      cluster: this.#cluster,
      acks: acks === "all" ? -1 : acks === "leader" ? 1 : 0,
      identity: idempotent ? (used) => this.#newIdentity(used) : null,
      transaction: null,
    }, options);
  }

  /**
   * Sends one record; resolves when it is acknowledged. Throws KafkaError or ConnectionError when it was not delivered
   * (or, after a lost connection, perhaps was), TypeError for a record that is none, and an Error when the buffer is full
   * or the batch cannot be encoded; the reason of `signal`, with which the record may be delivered all the same.
   */
  send(record: ProducerRecord, call?: SignalOptions): Promise<Delivery> {
    if (this.#isClosed) return Promise.reject(new Error("Cannot send: the producer is closed"));
    if (call?.signal === undefined) return this.#outbox.send(record);
    return abortable(() => this.#outbox.send(record), call.signal);
  }

  /**
   * The same for very many records: `receiver` hears what became of each, with the `mark` that was given with it, and no
   * promise is made. What cannot be taken it hears of before this returns.
   */
  post(record: ProducerRecord, receiver: Receiver, mark: number): void {
    if (!this.#isClosed) this.#outbox.post(record, receiver, mark);
    else receiver.failed(mark, new Error("Cannot send: the producer is closed"));
  }

  /** Whether send() and post() take records now. */
  get hasRoom(): boolean {
    return this.#outbox.hasRoom;
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
   * Flushes and closes, which takes as long as deliveries may take. At once when the signal is aborted, with its reason,
   * or `timeoutMs` are over, with an Error: what is on its way may be lost then.
   */
  async close(call: CallOptions = {}): Promise<void> {
    this.#isClosed = true;
    try {
      await limited(() => this.flush(), call, "The last deliveries");
    } finally {
      if (this.#ownsCluster) this.#cluster.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #newIdentity(used: Identity | null): Promise<Identity> {
    for (;;) {
      const known = this.#identity;
      const identity = await (known ?? (this.#identity = this.#askIdentity()));
      if (identity !== used) return identity;
      if (this.#identity === known) this.#identity = null;
    }
  }

  async #askIdentity(): Promise<Identity> {
    try {
      return await newProducerId(this.#cluster, { timeoutMs: this.#identityMs });
    } catch (error) {
      this.#identity = null;
      throw error;
    }
  }
}
