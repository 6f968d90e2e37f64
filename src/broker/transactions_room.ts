/**
 * The transactions' room: transactional ids over the partitions of `__transaction_state` that this node leads, and how they
 * follow what becomes of topics and logs.
 */
import type { Config } from "../config/options.ts";
import { OrphanedTransactions } from "../handlers/orphaned_transactions.ts";
import { TRANSACTION_TOPIC, transactionTopic } from "../handlers/transaction_topic.ts";
import { logger } from "../log.ts";
import { BackgroundWork } from "../metrics/background.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { withLateTransactions } from "../storage/log/late_transactions.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import type { LogManager } from "../storage/log_manager.ts";
import { type CatalogueChange, hasTopic } from "../topics/catalogue_change.ts";
import { TRANSACTION_VERSION } from "../topics/features.ts";
import { NotWrittenError } from "../topics/metadata_log_error.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import type { NodeRegistry } from "../topics/node_registry.ts";
import { ProducerIds } from "../topics/producer_ids.ts";
import { TransactionCoordinator, type TransactionNews } from "../transactions/coordinator.ts";
import { CoordinatorGate } from "../transactions/coordinator_gate.ts";
import type { MarkerWriter } from "../transactions/marker_writer.ts";
import { scrapeTransactions } from "../transactions/transaction_scrape.ts";
import type { TransactionVersion } from "../transactions/transaction.ts";
import type { MachineRoom } from "./machine.ts";

export interface TransactionsRoomOptions {
  readonly machine: MachineRoom;
  readonly metrics: Metrics;
  readonly metadata: MetadataStore;
  readonly nodes: NodeRegistry;
  readonly logs: LogManager;
  readonly markers: MarkerWriter;
}

export class TransactionsRoom implements AsyncDisposable {
  readonly coordinator: TransactionCoordinator;
  /** What partitions ask before they take the first batch of a transaction. */
  readonly admission: {
    readonly gate: CoordinatorGate;
    readonly isVerifying: boolean;
  };
  readonly work = new BackgroundWork("transactions");
  readonly #options: TransactionsRoomOptions;
  readonly #ids: ProducerIds;
  readonly #orphans: OrphanedTransactions;
  #loading: Promise<void> = Promise.resolve();

  constructor(config: Config, options: TransactionsRoomOptions) {
    const { metadata, nodes, metrics, machine: { clock } } = options;
    this.#options = options;
    this.#ids = new ProducerIds(metadata, nodes.selfId);
    this.coordinator = this.#coordinator(config);
    const { coordinator } = this, { transactions: settings } = config;
    this.admission = {
      gate: new CoordinatorGate(coordinator),
      isVerifying: settings.partitionVerificationEnable,
    };
    this.#orphans = new OrphanedTransactions({
      logs: () => options.logs.all(),
      coordinator,
      markers: options.markers,
      turn: options.machine.turn,
      onEnded: (details) => logger("transactions").clientEvent("transaction_orphan_ended", details),
    });
    coordinator.runtime.every(settings.abortTimedOutIntervalMs, () => this.#lookForOrphans());
    scrapeTransactions(metrics, this.coordinator, () => clock.monotonicMs());
    const { logs, machine: { time } } = options, { maxTimeoutMs } = settings;
    metrics.gauge(
      "partitions_with_late_transactions",
      "Partitions with a transaction that should have ended five minutes ago or more. Kafka: PartitionsWithLateTransactionsCount.",
      () => withLateTransactions(logs.all(), { nowMs: time.nowMs(), maxTimeoutMs }),
    );
  }

  /** An id that no producer has had; null when none can be written down for now. */
  readonly newProducerId = async (): Promise<number | null> => {
    try {
      return await this.#ids.next();
    } catch (error) {
      if (!(error instanceof NotWrittenError)) this.#tell("producer ids", error);
      return null;
    }
  };

  /** Takes up the partitions, in the background: requests are answered 14 until that is done. */
  load(): void {
    this.#loading = this.coordinator.loadAll()
      .then(() => this.#lookForOrphans())
      .catch((error) => this.#tell("loading", error));
  }

  #lookForOrphans(): Promise<void> {
    return this.#orphans.look().catch((error) => this.#tell("orphaned transactions", error));
  }

  /** Takes up what changed of topics, after their logs have. */
  async follow({ created, deleted, moved }: CatalogueChange): Promise<void> {
    if (deleted.length > 0) this.coordinator.deleted();
    // Under a new leader epoch a partition is loaded anew.
    if (moved.length > 0 || hasTopic(created, TRANSACTION_TOPIC)) await this.coordinator.loadAll();
  }

  /** A log serves that was offline before: what is kept in it is read, and what waits for it is written. */
  online({ topic, partition }: PartitionLog): void {
    if (topic === TRANSACTION_TOPIC) {
      this.coordinator.runtime.unload(partition);
      this.load();
    }
    this.coordinator.online({ topic, partition });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.coordinator.stop();
    await this.#loading;
    await this.#orphans.settled();
  }

  #coordinator({ transactions, limits }: Config): TransactionCoordinator {
    const { machine, metadata, nodes, logs, markers } = this.#options;
    const { clock, time, pool, timers, turn } = machine, { catalogue } = metadata;
    const log = logger("transactions");
    return new TransactionCoordinator({
      clock,
      time,
      settings: transactions,
      topic: transactionTopic({
        catalogue,
        logs,
        nodes,
        metadata,
        partitions: transactions.statePartitions,
        segmentBytes: transactions.stateSegmentBytes,
        maxPartitions: limits.maxPartitions,
      }),
      markers,
      isKnown: ({ topic, partition }) =>
        catalogue.topic(topic)?.partitions[partition] !== undefined,
      transactionVersion: () => levelOf(catalogue.features.get(TRANSACTION_VERSION)),
      newProducerId: this.newProducerId,
      give: (chunk) => pool.give(chunk),
      wake: (delayMs, work) => timers.after(delayMs, () => this.#run(work)),
      turn,
      onEvent: (event, details) => log.clientEvent(EVENTS[event], details),
    });
  }

  /** What is due by the clock. Its failure is none of the process. */
  #run(work: () => void): void {
    try {
      work();
      this.work.succeeded(TIMERS, this.#options.machine.clock.nowMs());
    } catch (error) {
      this.#tell(TIMERS, error);
    }
  }

  #tell(what: string, error: unknown): void {
    if (!this.work.failed(what, error)) return;
    const stack = error instanceof Error ? error.stack : undefined;
    logger("transactions").error("transaction_work_failed", { what, error: String(error), stack });
  }
}

/** A level that this broker does not know is not finalised (topics/features.ts). */
function levelOf(level = 0): TransactionVersion {
  return level >= 2 ? 2 : level === 1 ? 1 : 0;
}

/** What the coordinator tells of, in the words of the log (log/events.ts). */
const EVENTS: Record<TransactionNews, string> = {
  load_failed: "transaction_load_failed",
  load_healed: "transaction_load_healed",
  log_write_failed: "transaction_log_write_failed",
  topic_failed: "transaction_topic_failed",
  work_failed: "transaction_work_failed",
  marker_delayed: "transaction_marker_delayed",
  timed_out: "transaction_timed_out",
};

const TIMERS = "what is due";
