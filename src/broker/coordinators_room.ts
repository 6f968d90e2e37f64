/**
 * The coordinators' room: consumer groups over the partitions of `__consumer_offsets` that this node leads, and how they
 * follow what becomes of topics and logs; and the transactions' room beside them (transactions_room.ts).
 */
import type { Config } from "../config/options.ts";
import { GroupCoordinator } from "../groups/coordinator.ts";
import { scrapeGroups } from "../groups/group_scrape.ts";
import { groupTopics } from "../handlers/group_topics.ts";
import { LocalMarkers, type MarkerListener } from "../handlers/local_markers.ts";
import { OFFSETS_TOPIC, offsetsTopic } from "../handlers/offsets_topic.ts";
import { logger } from "../log.ts";
import { BackgroundWork } from "../metrics/background.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import type { LogManager } from "../storage/log_manager.ts";
import { type CatalogueChange, hasTopic } from "../topics/catalogue_change.ts";
import { consumerGroupConfig } from "../topics/consumer_group_configs.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import type { NodeRegistry } from "../topics/node_registry.ts";
import type { MachineRoom } from "./machine.ts";
import { TransactionsRoom } from "./transactions_room.ts";

export interface CoordinatorsRoomOptions {
  readonly machine: MachineRoom;
  readonly metrics: Metrics;
  readonly metadata: MetadataStore;
  readonly nodes: NodeRegistry;
  readonly logs: LogManager;
}

export class CoordinatorsRoom implements AsyncDisposable {
  readonly groups: GroupCoordinator;
  /** How transactions are ended in the partitions of this node. */
  readonly markers: LocalMarkers;
  readonly transactions: TransactionsRoom;
  readonly topics: ReturnType<typeof groupTopics>;
  readonly #options: CoordinatorsRoomOptions;
  readonly #work = new BackgroundWork("groups");
  #loading: Promise<void> = Promise.resolve();

  constructor(config: Config, options: CoordinatorsRoomOptions) {
    const { metrics, metadata, logs } = options;
    this.#options = options;
    this.topics = groupTopics(metadata, options.machine.matching);
    this.groups = this.#coordinator(config);
    const { machine: { clock }, nodes } = options;
    const listener = this.#listener();
    this.markers = new LocalMarkers({
      catalogue: metadata.catalogue,
      logs,
      nodes,
      clock,
      listener,
    });
    this.transactions = new TransactionsRoom(config, { ...options, markers: this.markers });
    scrapeGroups(metrics, this.groups, (topicName, partition) => {
      const topic = metadata.catalogue.topic(topicName);
      return topic === undefined ? null : logs.get(topic.id, partition)?.highWatermark ?? null;
    });
  }

  get work(): readonly BackgroundWork[] {
    return [this.#work, this.transactions.work];
  }

  /** Takes up the partitions, in the background: requests are answered 14 until that is done. */
  load(): void {
    this.#loadGroups();
    this.transactions.load();
  }

  /** Takes up what changed of topics, after their logs have. */
  async follow(change: CatalogueChange): Promise<void> {
    const { created, deleted, moved } = change;
    if (deleted.length > 0) {
      await this.groups.deleteTopics(new Set(deleted.map(({ name }) => name)));
    }
    // Under a new leader epoch a partition is loaded anew.
    if (moved.length > 0 || hasTopic(created, OFFSETS_TOPIC)) await this.groups.loadAll();
    await this.transactions.follow(change);
  }

  /** A log serves that was offline before: what is kept in it is read, and not when it is tried again anyway. */
  online(log: PartitionLog): void {
    const { topic, partition } = log;
    if (topic === OFFSETS_TOPIC) {
      this.groups.unload(partition);
      this.#loadGroups();
    }
    this.transactions.online(log);
  }

  #loadGroups(): void {
    this.#loading = this.groups.loadAll().catch((error) => this.#tell("loading", error));
  }

  /** Offsets that were committed in a transaction count from its marker on. */
  #listener(): MarkerListener {
    return {
      onMarker: (topic, partition, marker) => {
        if (topic === OFFSETS_TOPIC) this.groups.marker(partition, marker);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.transactions[Symbol.asyncDispose]();
    this.groups.stop();
    await this.#loading;
  }

  #coordinator(config: Config): GroupCoordinator {
    const { machine, metadata, nodes, logs } = this.#options,
      { clock, time, pool, timers, turn } = machine;
    const { catalogue } = metadata, log = logger("groups"), nodeId = nodes.selfId;
    const { offsetsRetentionMinutes, offsetsPartitions, ...settings } = config.groups;
    const usual = {
      maxSize: settings.consumerMaxSize,
      assignors: settings.consumerAssignors,
      migrationPolicy: settings.consumerMigrationPolicy,
      regexRefreshIntervalMs: settings.consumerRegexRefreshIntervalMs,
    };
    return new GroupCoordinator({
      clock,
      time,
      settings: { ...settings, offsetsRetentionMs: offsetsRetentionMinutes * 60_000 },
      topic: offsetsTopic({
        catalogue,
        logs,
        nodes,
        metadata,
        partitions: offsetsPartitions,
        maxPartitions: config.limits.maxPartitions,
      }),
      consumer: {
        topics: this.topics,
        settings: (groupId) => {
          const own = consumerGroupConfig(catalogue, groupId, { nodeId, groups: config.groups });
          return { ...usual, ...own };
        },
      },
      give: (chunk) => pool.give(chunk),
      newId: () => crypto.randomUUID(),
      wake: (delayMs, work) => timers.after(delayMs, () => this.#run(work)),
      turn,
      onEvent: (event, details) => log.clientEvent(event, details),
    });
  }

  /** What is due by the clock: timeouts of members, expiry of offsets. Its failure is none of the process. */
  #run(work: () => void): void {
    try {
      work();
      this.#work.succeeded(TIMERS, this.#options.machine.clock.nowMs());
    } catch (error) {
      this.#tell(TIMERS, error);
    }
  }

  #tell(what: string, error: unknown): void {
    if (!this.#work.failed(what, error)) return;
    const stack = error instanceof Error ? error.stack : undefined;
    logger("groups").error("group_work_failed", { what, error: String(error), stack });
  }
}

const TIMERS = "what is due";
