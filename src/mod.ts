/**
 * Runnel in your own process: a broker that listens for every Kafka client, and a small client of its own.
 *
 * ```ts
 * import { Broker, Consumer, Producer } from "runnel";
 *
 * await using broker = await Broker.start(); // in memory, on any free port
 * await using producer = new Producer({ bootstrap: broker.address, allowAutoTopicCreation: true });
 * await producer.send({ topic: "greetings", value: "hello" });
 * using consumer = new Consumer({ bootstrap: broker.address }, { autoOffsetReset: "earliest" });
 * consumer.assign([{ topic: "greetings", partition: 0 }]);
 * for (const record of await consumer.poll(1000)) console.log(record.offset, record.value);
 * ```
 *
 * What belongs together goes into a transaction: readers with `isolation: "readCommitted"` see all of it or nothing.
 *
 * ```ts
 * await using copier = new TransactionalProducer({ bootstrap: broker.address }, { transactionalId: "copier" });
 * await copier.init(); // once; fences an earlier one
 * copier.begin();
 * copier.send({ topic: "greetings", value: "hello again" });
 * await copier.sendOffsets("readers", [{ topic: "greetings", partition: 0, offset: 1 }]);
 * await copier.commit(); // TransactionError with kind "abort": abort() and begin anew
 * ```
 */
import { type RunningBroker, startBroker } from "./broker.ts";
import { ConfigError, configOfOptions } from "./config/load.ts";
import type { Config } from "./config/options.ts";
import { logWarnings } from "./config/warnings.ts";
import { configureLog } from "./log.ts";

export {
  Admin,
  type ClusterDescription,
  type ConfigEntry,
  type ConfigResource,
  type ConfigSource,
  type NewTopic,
} from "./client/admin.ts";
export type { CallOptions } from "./client/call.ts";
export {
  Cluster,
  type ClusterOptions,
  type Node,
  type Partition,
  type Topic,
} from "./client/cluster.ts";
export type { Committable } from "./client/committable.ts";
export type { SaslOptions } from "./client/sasl.ts";
export type { TlsOptions } from "./client/connection.ts";
export { Consumer } from "./client/consumer.ts";
export {
  type CommittedOffset,
  type ConsumerOptions,
  type ConsumerRecord,
  type FetchOptions,
  type GroupOptions,
  type RebalanceListener,
  type Subscription,
  SubscriptionPattern,
} from "./client/consumer_options.ts";
export {
  ConnectionError,
  KafkaError,
  TransactionError,
  type TransactionErrorKind,
  WakeupError,
} from "./client/errors.ts";
export type {
  Assignments,
  Assignor,
  AssignorName,
  MemberSubscription,
} from "./client/group/assignors/assignor.ts";
export type {
  FoundOffset,
  Isolation,
  ListOffsetsOptions,
  OffsetAt,
  TopicPartition,
} from "./client/list_offsets.ts";
export {
  type Delivery,
  Producer,
  type ProducerOptions,
  type ProducerRecord,
} from "./client/producer.ts";
export {
  type GroupMetadata,
  type OffsetToCommit,
  TransactionalProducer,
  type TransactionalProducerOptions,
} from "./client/transactional_producer.ts";
export { ErrorCode } from "./protocol/errors.ts";
export { type Config, ConfigError };

/** Any part of the configuration; what is left out has its default, but for what Broker.start() says. */
export type BrokerOptions = {
  readonly [K in keyof Config]?: Config[K] extends string | number | boolean | readonly unknown[]
    ? Config[K]
    : Partial<Config[K]>;
};

/** A broker in this process. */
export class Broker implements AsyncDisposable {
  readonly #running: RunningBroker;

  private constructor(running: RunningBroker) {
    this.#running = running;
  }

  /**
   * Starts a broker. Unlike the executable it keeps its data in memory and takes free ports, unless told otherwise
   * (`{ storage: { path: "./data" }, kafkaPort: 9092 }`), and logs warnings and errors only.
   *
   * The same rules hold as for the executable: an address that others can reach needs `insecure: true`. Throws
   * ConfigError for values that cannot be, TypeError for options that there are none of, DirectoryLockedError when another broker has the directory, and what
   * listening throws (Deno.errors.AddrInUse).
   */
  static async start(options: BrokerOptions = {}): Promise<Broker> {
    const loaded = configOfOptions(options, BASE);
    configureLog(loaded.config.log);
    const running = await startBroker(loaded.config);
    logWarnings(loaded);
    return new Broker(running);
  }

  /** Where clients connect: "127.0.0.1:41234". */
  get address(): string {
    return this.#running.kafkaAddress;
  }

  /** Where /metrics, /healthz and /readyz are. */
  get httpAddress(): string | null {
    return this.#running.httpAddress;
  }

  /** Answers what is in flight, syncs, and closes everything. */
  stop(): Promise<void> {
    return this.#running.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** What is otherwise than in the executable. */
const BASE = { kafkaPort: 0, httpPort: 0, storage: { path: "memory://" }, log: { level: "warn" } };
