/**
 * Admin: topics, configs and offsets of a cluster.
 *
 * Each call retries what may go away by itself and throws KafkaError for the first thing that failed; what came before
 * it in the same call has happened then.
 */
import { CreatePartitions } from "../protocol/messages/create_partitions.ts";
import { CreateTopics } from "../protocol/messages/create_topics.ts";
import { DeleteRecords } from "../protocol/messages/delete_records.ts";
import { DeleteTopics } from "../protocol/messages/delete_topics.ts";
import { DescribeCluster } from "../protocol/messages/describe_cluster.ts";
import { DescribeConfigs } from "../protocol/messages/describe_configs.ts";
import { IncrementalAlterConfigs } from "../protocol/messages/incremental_alter_configs.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";
import { Cluster, type ClusterOptions, type Node, type Topic } from "./cluster.ts";
import type { Connection } from "./connection.ts";
import { check } from "./errors.ts";
import {
  type FoundOffset,
  listOffsets,
  type ListOffsetsOptions,
  type OffsetAt,
  type TopicPartition,
} from "./list_offsets.ts";

export interface NewTopic {
  readonly name: string;
  /** The broker's num.partitions if not given. */
  readonly partitions?: number;
  /** The broker's default.replication.factor if not given. */
  readonly replicationFactor?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

export interface ConfigEntry {
  readonly name: string;
  /** null when it is sensitive. */
  readonly value: string | null;
  readonly isReadOnly: boolean;
  readonly isSensitive: boolean;
  /** Whether nobody has set it. */
  readonly isDefault: boolean;
  /** Who has set it: the resource itself or another, "default" where nobody has; "unknown" of a newer broker. */
  readonly source: ConfigSource;
}

export type ConfigSource =
  | "topic"
  | "broker"
  | "all brokers"
  | "broker's file"
  | "default"
  | "logger"
  | "client"
  | "group"
  | "unknown";

/**
 * Whose configs. A broker's name is its id; "" is the default of all brokers. A group need not be there; a client is a
 * subscription to clients' metrics (KIP-714).
 */
export interface ConfigResource {
  readonly type: "topic" | "broker" | "group" | "client";
  readonly name: string;
}

export interface ClusterDescription {
  readonly clusterId: string;
  /** -1: none. */
  readonly controllerId: number;
  readonly nodes: readonly Node[];
}

export class Admin {
  readonly #cluster: Cluster;
  readonly #ownsCluster: boolean;

  /** Over a cluster that exists (and stays open at close()), or one of its own. */
  constructor(cluster: Cluster | ClusterOptions) {
    this.#ownsCluster = !(cluster instanceof Cluster);
    this.#cluster = cluster instanceof Cluster ? cluster : new Cluster(cluster);
  }

  /** Creates topics. With `validateOnly` it only says whether it could. */
  async createTopics(
    topics: readonly NewTopic[],
    { validateOnly = false, timeoutMs = TIMEOUT_MS }: {
      validateOnly?: boolean;
      timeoutMs?: number;
    } = {},
  ): Promise<void> {
    await this.#onController(async (connection) => {
      const response = await connection.request(
        CreateTopics,
        connection.versionFor(CreateTopics),
        {
          topics: topics.map(({ name, partitions = -1, replicationFactor = -1, configs = {} }) => ({
            name,
            numPartitions: partitions,
            replicationFactor,
            configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
          })),
          timeoutMs,
          validateOnly,
        },
      );
      for (const { name, errorCode, errorMessage } of response.topics) {
        check(errorCode, `create topic ${name}`, errorMessage);
        this.#cluster.forget(name);
      }
    });
  }

  /** Deletes topics by name, with all their records. */
  async deleteTopics(
    names: readonly string[],
    { timeoutMs = TIMEOUT_MS }: { timeoutMs?: number } = {},
  ): Promise<void> {
    await this.#onController(async (connection) => {
      const version = connection.versionFor(DeleteTopics);
      const response = await connection.request(DeleteTopics, version, {
        ...version >= 6
          ? { topics: names.map((name) => ({ name, topicId: ZERO_UUID })) }
          : { topicNames: names },
        timeoutMs,
      });
      for (const { name, errorCode, errorMessage } of response.responses) {
        check(errorCode, `delete topic ${name}`, errorMessage);
        this.#cluster.forget(name!);
      }
    });
  }

  /** Raises a topic's number of partitions to `count`. */
  async createPartitions(
    topic: string,
    count: number,
    { timeoutMs = TIMEOUT_MS }: { timeoutMs?: number } = {},
  ): Promise<void> {
    await this.#onController(async (connection) => {
      const response = await connection.request(
        CreatePartitions,
        connection.versionFor(CreatePartitions),
        { topics: [{ name: topic, count, assignments: null }], timeoutMs, validateOnly: false },
      );
      for (const { name, errorCode, errorMessage } of response.results) {
        check(errorCode, `partitions of ${name}`, errorMessage);
        this.#cluster.forget(name);
      }
    });
  }

  /** Every topic, sorted by name. */
  async listTopics({ includeInternal = false } = {}): Promise<Topic[]> {
    const topics = await this.#cluster.retry(() => this.#cluster.topics());
    return topics.filter((topic) => includeInternal || !topic.isInternal);
  }

  /** One topic with its partitions, as a broker has it now. */
  async describeTopic(name: string): Promise<Topic> {
    this.#cluster.forget(name);
    return await this.#cluster.topic(name);
  }

  /** The cluster's id, controller and brokers. */
  async describeCluster(): Promise<ClusterDescription> {
    return await this.#cluster.retry(async () => {
      const connection = await this.#cluster.anyConnection();
      const response = await connection.request(
        DescribeCluster,
        connection.versionFor(DescribeCluster),
        {},
      );
      check(response.errorCode, "cluster", response.errorMessage);
      const { clusterId, controllerId, brokers } = response;
      const nodes = brokers.map(({ brokerId, host, port }) => ({ id: brokerId, host, port }));
      return { clusterId, controllerId, nodes };
    });
  }

  /** Offsets of partitions, in the order asked; see OffsetAt. */
  async listOffsets(
    asked: readonly (TopicPartition & { readonly at: OffsetAt })[],
    options?: ListOffsetsOptions,
  ): Promise<FoundOffset[]> {
    return await listOffsets(this.#cluster, asked, options);
  }

  /**
   * Makes every record before `offset` unreadable; -1 stands for all there are. Resolves with the partition's first
   * offset after that.
   */
  async deleteRecords(
    { topic, partition, offset }: TopicPartition & { readonly offset: number },
    { timeoutMs = TIMEOUT_MS }: { timeoutMs?: number } = {},
  ): Promise<number> {
    return await this.#cluster.retry(async () => {
      const { connection } = await this.#cluster.leader(topic, partition);
      const response = await connection.request(
        DeleteRecords,
        connection.versionFor(DeleteRecords),
        {
          topics: [{ name: topic, partitions: [{ partitionIndex: partition, offset }] }],
          timeoutMs,
        },
      );
      const answer = response.topics[0].partitions[0];
      check(answer.errorCode, `delete records of ${topic}-${partition} before ${offset}`);
      return answer.lowWatermark;
    }, { topic });
  }

  /** All configs of a topic or broker, or those named. */
  async describeConfigs(
    resource: ConfigResource,
    names: readonly string[] | null = null,
  ): Promise<ConfigEntry[]> {
    return await this.#onResource(resource, async (connection) => {
      const [entries] = await configsOf(connection, [resource], names);
      return entries;
    });
  }

  /** Those of many topics, in the order asked, a few hundred a request. */
  async describeTopicConfigs(topics: readonly string[]): Promise<ConfigEntry[][]> {
    const found: ConfigEntry[][] = [];
    for (let at = 0; at < topics.length; at += TOPICS_A_REQUEST) {
      const some = topics.slice(at, at + TOPICS_A_REQUEST);
      found.push(
        ...await this.#cluster.retry(async () => {
          const connection = await this.#cluster.anyConnection();
          const resources = some.map((name): ConfigResource => ({ type: "topic", name }));
          return await configsOf(connection, resources, null);
        }),
      );
    }
    return found;
  }

  /**
   * Sets configs one by one; null takes a config back to its default. All or none of them change. With `validateOnly` it
   * only says whether it could.
   */
  async alterConfigs(
    resource: ConfigResource,
    configs: Readonly<Record<string, string | null>>,
    { validateOnly = false }: { validateOnly?: boolean } = {},
  ): Promise<void> {
    await this.#onResource(resource, async (connection) => {
      const response = await connection.request(
        IncrementalAlterConfigs,
        connection.versionFor(IncrementalAlterConfigs),
        {
          resources: [{
            resourceType: RESOURCE_TYPES[resource.type],
            resourceName: resource.name,
            configs: Object.entries(configs).map(([name, value]) => ({
              name,
              value,
              configOperation: value === null ? 1 : 0,
            })),
          }],
          validateOnly,
        },
      );
      const [result] = response.responses;
      check(result.errorCode, `configs of ${resource.type} ${resource.name}`, result.errorMessage);
    });
  }

  close(): void {
    if (this.#ownsCluster) this.#cluster.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #onController<T>(attempt: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#cluster.retry(async () => attempt(await this.#cluster.controllerConnection()));
  }

  /** A broker answers for its own configs; any of them for the others. */
  #onResource<T>(
    { type, name }: ConfigResource,
    attempt: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    return this.#cluster.retry(async () =>
      attempt(
        type === "broker" && name !== ""
          ? await this.#cluster.connectionTo(Number(name))
          : await this.#cluster.controllerConnection(),
      )
    );
  }
}

const TIMEOUT_MS = 30_000;
const RESOURCE_TYPES = { topic: 2, broker: 4, client: 16, group: 32 };
const DEFAULT_SOURCE = 5;
/** By Kafka's number (DescribeConfigsResponse.ConfigSource). */
const SOURCES: readonly ConfigSource[] = [
  "unknown",
  "topic",
  "broker",
  "all brokers",
  "broker's file",
  "default",
  "logger",
  "client",
  "group",
];

const TOPICS_A_REQUEST = 500;

/** In the order asked. Throws KafkaError for the first that fails. */
async function configsOf(
  connection: Connection,
  resources: readonly ConfigResource[],
  names: readonly string[] | null,
): Promise<ConfigEntry[][]> {
  const { results } = await connection.request(
    DescribeConfigs,
    connection.versionFor(DescribeConfigs),
    {
      resources: resources.map(({ type, name }) => ({
        resourceType: RESOURCE_TYPES[type],
        resourceName: name,
        configurationKeys: names,
      })),
    },
  );
  const byName = new Map(results.map((result) => [result.resourceName, result]));
  return resources.map(({ type, name }) => {
    const result = byName.get(name);
    if (result === undefined) throw new Error(`${connection.address} left out ${type} ${name}`);
    check(result.errorCode, `configs of ${type} ${name}`, result.errorMessage);
    return result.configs.map(({ name, value, readOnly, isSensitive, configSource }) => ({
      name,
      value,
      isReadOnly: readOnly,
      isSensitive,
      isDefault: configSource === DEFAULT_SOURCE,
      source: SOURCES[configSource] ?? "unknown",
    }));
  });
}
