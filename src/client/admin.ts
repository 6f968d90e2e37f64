/**
 * Admin: topics, configs, offsets, groups, transactions, ACLs, quotas and users of a cluster.
 *
 * Each call retries what may go away by itself and throws KafkaError for the first thing that failed; what came before
 * it in the same call has happened then.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { CreatePartitions } from "../protocol/messages/create_partitions.ts";
import { CreateTopics } from "../protocol/messages/create_topics.ts";
import { DeleteRecords } from "../protocol/messages/delete_records.ts";
import { DeleteTopics } from "../protocol/messages/delete_topics.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";
import { type Acl, type AclFilter, createAcls, deleteAcls, describeAcls } from "./admin_acls.ts";
import { alterConfigs, type ConfigEntry, type ConfigResource, configsOf } from "./admin_configs.ts";
import { alterQuota, describeQuotas, type Quota, type QuotaEntity } from "./admin_quotas.ts";
import {
  deleteUser,
  describeUsers,
  type ScramCredential,
  type ScramMechanism,
  setPassword,
} from "./admin_users.ts";
import { abortable, type CallOptions, limited } from "./call.ts";
import { Cluster, type ClusterOptions, type Node, type Topic } from "./cluster.ts";
import type { Connection } from "./connection.ts";
import { check, KafkaError } from "./errors.ts";
import { commitOffsets, deleteGroup, deleteOffsets } from "./group_changes.ts";
import {
  type Committed,
  committedOffsets,
  describeGroup,
  type GroupDescription,
  type GroupListing,
  listGroups,
} from "./groups.ts";
import {
  type FoundOffset,
  listOffsets,
  type ListOffsetsOptions,
  type OffsetAt,
  type TopicPartition,
} from "./list_offsets.ts";
import { logDirs, type ReplicaSize } from "./log_dirs.ts";
import {
  describeTransaction,
  fenceProducer,
  listTransactions,
  type TransactionDescription,
  type TransactionFilters,
  type TransactionListing,
} from "./transactions.ts";

export type { ConfigEntry, ConfigResource, ConfigSource } from "./admin_configs.ts";

export interface NewTopic {
  readonly name: string;
  /** The broker's num.partitions if not given. */
  readonly partitions?: number;
  /** The broker's default.replication.factor if not given. */
  readonly replicationFactor?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

export interface ClusterDescription {
  readonly clusterId: string;
  /** -1: none. */
  readonly controllerId: number;
  readonly nodes: readonly Node[];
}

export interface ChangeOptions extends CallOptions {
  /** It only says whether it could; no if not given. */
  readonly validateOnly?: boolean;
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
    { validateOnly = false, ...call }: ChangeOptions = {},
  ): Promise<void> {
    mustBeTopics(topics);
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
          timeoutMs: call.timeoutMs || TIMEOUT_MS,
          validateOnly,
        },
      );
      for (const { name, errorCode, errorMessage } of response.topics) {
        check(errorCode, `create topic ${name}`, errorMessage);
        this.#cluster.forget(name);
      }
    }, call);
  }

  /** Deletes topics by name, with all their records. */
  async deleteTopics(
    names: readonly string[],
    call: CallOptions = {},
  ): Promise<void> {
    await this.#onController(async (connection) => {
      const version = connection.versionFor(DeleteTopics);
      const response = await connection.request(DeleteTopics, version, {
        ...version >= 6
          ? { topics: names.map((name) => ({ name, topicId: ZERO_UUID })) }
          : { topicNames: names },
        timeoutMs: call.timeoutMs || TIMEOUT_MS,
      });
      for (const { name, errorCode, errorMessage } of response.responses) {
        check(errorCode, `delete topic ${name}`, errorMessage);
        this.#cluster.forget(name!);
      }
    }, call);
  }

  /** Raises a topic's number of partitions to `count`. */
  async createPartitions(
    topic: string,
    count: number,
    call: CallOptions = {},
  ): Promise<void> {
    await this.#onController(async (connection) => {
      const response = await connection.request(
        CreatePartitions,
        connection.versionFor(CreatePartitions),
        {
          topics: [{ name: topic, count, assignments: null }],
          timeoutMs: call.timeoutMs || TIMEOUT_MS,
          validateOnly: false,
        },
      );
      for (const { name, errorCode, errorMessage } of response.results) {
        check(errorCode, `partitions of ${name}`, errorMessage);
        this.#cluster.forget(name);
      }
    }, call);
  }

  /** Every topic, sorted by name. */
  async listTopics(
    { includeInternal = false, signal, timeoutMs }: CallOptions & {
      readonly includeInternal?: boolean;
    } = {},
  ): Promise<Topic[]> {
    const call = { signal, timeoutMs };
    const topics = await this.#cluster.retry(() => this.#cluster.topics(), call);
    return topics.filter((topic) => includeInternal || !topic.isInternal);
  }

  /** One topic with its partitions, as a broker has it now. */
  async describeTopic(name: string, call: CallOptions = {}): Promise<Topic> {
    this.#cluster.forget(name);
    const { signal, timeoutMs } = call, limits = { signal, timeoutMs: timeoutMs || undefined };
    return await limited(() => this.#cluster.topic(name), limits, `Topic ${name}`); // one try in any case
  }

  /** The cluster's id, controller and brokers. */
  async describeCluster(call: CallOptions = {}): Promise<ClusterDescription> {
    return await this.#cluster.retry(async () => {
      const connection = await this.#cluster.anyConnection();
      // Which brokers of any age answer; DescribeCluster says no more than this, since Kafka 2.8.
      const answer = await connection.request(Metadata, connection.versionFor(Metadata), {
        topics: [],
        allowAutoTopicCreation: false,
      });
      check(answer.errorCode, "cluster");
      const { clusterId, controllerId, brokers } = answer;
      const nodes = brokers.map(({ nodeId, host, port }) => ({ id: nodeId, host, port }));
      return { clusterId: clusterId ?? "", controllerId, nodes };
    }, call);
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
    { timeoutMs = TIMEOUT_MS, signal }: CallOptions = {},
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
    }, { topic, signal });
  }

  /** All configs of a topic or broker, or those named. */
  async describeConfigs(
    resource: ConfigResource,
    names: readonly string[] | null = null,
    call: CallOptions = {},
  ): Promise<ConfigEntry[]> {
    return await this.#onResource(resource, async (connection) => {
      const [entries] = await configsOf(connection, [resource], names);
      return entries;
    }, call);
  }

  /**
   * Sets configs one by one; null takes a config back to its default. All or none of them change. With `validateOnly` it
   * only says whether it could.
   */
  async alterConfigs(
    resource: ConfigResource,
    configs: Readonly<Record<string, string | null>>,
    { validateOnly = false, ...call }: ChangeOptions = {},
  ): Promise<void> {
    const change = { resource, configs, validateOnly };
    await this.#onResource(resource, (connection) => alterConfigs(connection, change), call);
  }

  /** Every group of every broker, of both protocols, sorted by name. */
  async listGroups(call: CallOptions = {}): Promise<GroupListing[]> {
    return await listGroups(this.#cluster, call);
  }

  /** A group with its members, as its coordinator has it; null when there is none of that name. */
  async describeGroup(groupId: string, call: CallOptions = {}): Promise<GroupDescription | null> {
    return await describeGroup(this.#cluster, groupId, call);
  }

  /** Everything that a group has committed, by topic and partition. */
  async listGroupOffsets(groupId: string, call: CallOptions = {}): Promise<Committed[]> {
    return await committedOffsets(this.#cluster, groupId, call);
  }

  /** Commits for a group without members, which goes on there; throws KafkaError UNKNOWN_MEMBER_ID while it has some. */
  async alterGroupOffsets(
    groupId: string,
    offsets: readonly Committed[],
    call: CallOptions = {},
  ): Promise<void> {
    await commitOffsets(this.#cluster, groupId, offsets, call);
  }

  /** Forgets what a group has committed there; refused for topics that a member subscribes to. */
  async deleteGroupOffsets(
    groupId: string,
    partitions: readonly TopicPartition[],
    call: CallOptions = {},
  ): Promise<void> {
    await deleteOffsets(this.#cluster, groupId, partitions, call);
  }

  /** Deletes a group with all it has committed; throws KafkaError NON_EMPTY_GROUP while it has members. */
  async deleteGroup(groupId: string, call: CallOptions = {}): Promise<void> {
    await deleteGroup(this.#cluster, groupId, call);
  }

  /** Transactional ids of all coordinators that fit, sorted. */
  async listTransactions(
    filters: TransactionFilters = {},
    call: CallOptions = {},
  ): Promise<TransactionListing[]> {
    return await listTransactions(this.#cluster, filters, call);
  }

  /** null when the coordinator does not know it. */
  async describeTransaction(
    transactionalId: string,
    call: CallOptions = {},
  ): Promise<TransactionDescription | null> {
    return await describeTransaction(this.#cluster, transactionalId, call);
  }

  /** Aborts what the transactional id has open, and fences its producer. */
  async fenceProducer(
    transactionalId: string,
    { signal, timeoutMs = TIMEOUT_MS }: CallOptions = {},
  ): Promise<void> {
    await abortable(() => fenceProducer(this.#cluster, transactionalId, timeoutMs), signal);
  }

  /** Bytes of every replica on every broker. */
  async describeLogDirs(call: CallOptions = {}): Promise<ReplicaSize[]> {
    return await logDirs(this.#cluster, call);
  }

  async createAcls(acls: readonly Acl[], call: CallOptions = {}): Promise<void> {
    await createAcls(this.#cluster, acls, call);
  }

  /** Those that fit; what the filter leaves out is any. */
  async describeAcls(filter: AclFilter = {}, call: CallOptions = {}): Promise<Required<Acl>[]> {
    return await describeAcls(this.#cluster, filter, call);
  }

  /** Deletes those that fit one of the filters, and resolves with them. */
  async deleteAcls(
    filters: readonly AclFilter[],
    call: CallOptions = {},
  ): Promise<Required<Acl>[]> {
    return await deleteAcls(this.#cluster, filters, call);
  }

  /** Quotas of all that have this in their name; all there are if nothing is given. */
  async describeQuotas(entity: QuotaEntity = {}, call: CallOptions = {}): Promise<Quota[]> {
    return await describeQuotas(this.#cluster, entity, call);
  }

  /** Sets quotas by Kafka's names ("producer_byte_rate"); null takes one away. */
  async alterQuota(
    entity: QuotaEntity,
    values: Readonly<Record<string, number | null>>,
    call: CallOptions = {},
  ): Promise<void> {
    await alterQuota(this.#cluster, entity, values, call);
  }

  /** SCRAM credentials by user. */
  async describeUsers(call: CallOptions = {}): Promise<Map<string, ScramCredential[]>> {
    return await describeUsers(this.#cluster, call);
  }

  /** Makes a user, or gives it another password; the password itself is not sent. 8192 rounds of SHA-512 if not given. */
  async setPassword(
    user: string,
    password: string,
    { mechanism = "SCRAM-SHA-512", iterations = 8192 }: Partial<ScramCredential> = {},
    call: CallOptions = {},
  ): Promise<void> {
    await setPassword(this.#cluster, user, password, { mechanism, iterations }, call);
  }

  /** Deletes a credential of a user; throws KafkaError RESOURCE_NOT_FOUND when there is none. */
  async deleteUser(
    user: string,
    mechanism: ScramMechanism = "SCRAM-SHA-512",
    call: CallOptions = {},
  ): Promise<void> {
    await deleteUser(this.#cluster, user, mechanism, call);
  }

  close(): void {
    if (this.#ownsCluster) this.#cluster.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** A topic that the controller does not know is not there: that is its last word. */
  #onController<T>(
    attempt: (connection: Connection) => Promise<T>,
    call: CallOptions,
  ): Promise<T> {
    return this.#tried(
      async () => attempt(await this.#cluster.controllerConnection()),
      { call, unknownMs: 0 },
    );
  }

  /** A broker answers for its own configs; any of them for the others, of a new topic perhaps a moment later. */
  #onResource<T>(
    { type, name }: ConfigResource,
    attempt: (connection: Connection) => Promise<T>,
    call: CallOptions,
  ): Promise<T> {
    return this.#tried(async () =>
      attempt(
        type === "broker" && name !== ""
          ? await this.#cluster.connectionTo(Number(name))
          : await this.#cluster.controllerConnection(),
      ), { call, unknownMs: NEW_TOPIC_MS });
  }

  /**
   * Tries again what may go away. That a topic is not there does not: producers and consumers wait for one that is on its
   * way, and Kafka's Admin tells it at once; here for so long after the first try.
   */
  async #tried<T>(
    attempt: () => Promise<T>,
    { call, unknownMs }: { readonly call: CallOptions; readonly unknownMs: number },
  ): Promise<T> {
    const untilMs = performance.now() + unknownMs;
    const [value, unknown] = await this.#cluster.retry(async (): Promise<Tried<T>> => {
      try {
        return [await attempt(), null];
      } catch (error) {
        if (!isUnknownTopic(error) || performance.now() < untilMs) throw error;
        return [null, error as KafkaError];
      }
    }, call);
    if (unknown !== null) throw unknown;
    return value as T;
  }
}

/** JavaScript may give others. */
function mustBeTopics(topics: unknown): void {
  const isList = Array.isArray(topics) && topics.every((one) => typeof one?.name === "string");
  if (isList) return;
  throw new TypeError("Cannot create topics: needed is a list of { name, partitions, configs }");
}

/** What came of it, or why nothing will. */
type Tried<T> = [value: T, unknown: null] | [value: null, unknown: KafkaError];

function isUnknownTopic(error: unknown): boolean {
  return error instanceof KafkaError && error.code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
}

const TIMEOUT_MS = 30_000;
/** How long a broker may not have heard of a topic that was made. */
const NEW_TOPIC_MS = 1000;
