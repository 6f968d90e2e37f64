/**
 * Catalogue: the image of the metadata log in memory. `apply` is the only mutation, so a replay of the log gives the
 * same image as the commits did that wrote it.
 *
 * Topics and partitions are objects that look-ups share and nobody else writes; hold one only as long as a request
 * takes. What no room reads here (ACLs, credentials, quotas, tokens) is kept by key all the same, so that a snapshot
 * of the image loses nothing of a directory that Kafka filled.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { resolveTopicConfig, type TopicConfig } from "../config/topic_configs.ts";
import { foldedName } from "../storage/backends/name_case.ts";
import { brokerConfigOverrides } from "./broker_configs.ts";
import { DeletedTopics } from "./deleted_topics.ts";
import type { MetadataRecord, ValueOf } from "./metadata_record.ts";
import { type CatalogueChange, noChange } from "./catalogue_change.ts";
import { collisionKey } from "./names.ts";

export interface Topic {
  readonly name: string;
  readonly id: Uuid;
  /** By partition index, without holes. */
  readonly partitions: readonly Partition[];
  /** Overrides only, as text. */
  readonly configs: ReadonlyMap<string, string>;
}

export interface Partition {
  readonly index: number;
  /** -1: none. */
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly eligibleLeaderReplicas: readonly number[];
  readonly lastKnownElr: readonly number[];
  readonly addingReplicas: readonly number[];
  readonly removingReplicas: readonly number[];
  readonly directories: readonly Uuid[];
  /** After an unclean election, until the leader has looked at its log. */
  readonly isRecovering: boolean;
}

export type BrokerRegistration = Readonly<ValueOf<"RegisterBrokerRecord">>;
export type AccessControlEntry = Readonly<ValueOf<"AccessControlEntryRecord">>;
export type ControllerRegistration = Readonly<ValueOf<"RegisterControllerRecord">>;

/** Resource types of configs (Kafka: ConfigResource.Type). */
export const ConfigResource = {
  TOPIC: 2,
  BROKER: 4,
  BROKER_LOGGER: 8,
  CLIENT_METRICS: 16,
  GROUP: 32,
} as const;

export interface CatalogueOptions {
  readonly nodeId: number;
  /** What a topic without overrides has: the static configuration. */
  readonly topicDefaults: TopicConfig;
  /** Whether two names that differ in case alone would be one folder. */
  readonly foldsCase?: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
interface TopicState extends Topic {
  readonly partitions: Mutable<Partition>[];
  readonly configs: Map<string, string>;
  /** Computed at first use; null after a change. */
  typed: TopicConfig | null;
}

const NO_CONFIGS: ReadonlyMap<string, string> = new Map();

export class Catalogue {
  readonly #options: CatalogueOptions;
  readonly #byName = new Map<string, TopicState>();
  readonly #byId = new Map<Uuid, TopicState>();
  /** Mostly one: only topics of one request may collide. By the folded name where case is folded. */
  readonly #namesByKey = new Map<string, readonly string[]>();
  #sorted: readonly Topic[] | null = null;
  #partitionCount = 0;
  /** Of everything but topics, by "type:name". */
  readonly #configs = new Map<string, Map<string, string>>();
  #defaults: TopicConfig | null = null;
  readonly #features = new Map<string, number>();
  readonly #brokers = new Map<number, Mutable<BrokerRegistration>>();
  readonly #controllers = new Map<number, ControllerRegistration>();
  /** Records kept whole, by kind and key. */
  readonly #kept = new Map<string, MetadataRecord>();
  /** As far as the log still says so, and somewhat longer: a snapshot knows only what is there. */
  readonly deleted = new DeletedTopics();
  #nextProducerId = 0;

  constructor(options: CatalogueOptions) {
    this.#options = options;
  }

  topic(name: string): Topic | undefined {
    return this.#byName.get(name);
  }

  topicById(id: Uuid): Topic | undefined {
    return this.#byId.get(id);
  }

  /** All topics by name, in the order of UTF-16 code units, which is Kafka's. */
  topics(): readonly Topic[] {
    return this.#sorted ??= [...this.#byName.values()].sort((a, b) => a.name < b.name ? -1 : 1);
  }

  get partitionCount(): number {
    return this.#partitionCount;
  }

  /** An existing topic whose metric names a topic of this name would share ("a.b" and "a_b"), or undefined. */
  collidingTopic(name: string): string | undefined {
    const key = collisionKey(name);
    return this.#alike(name).find((other) => collisionKey(other) === key);
  }

  /** Whether two names that differ in case alone would be one folder. */
  get foldsCase(): boolean {
    return this.#options.foldsCase ?? false;
  }

  /** The topic whose folders one of this name would have, where the file system folds case, or undefined. */
  topicInFolderOf(name: string): string | undefined {
    const folded = foldedName(name);
    return this.#alike(name).find((other) => foldedName(other) === folded);
  }

  /** The topic's whole config, typed: override, else dynamic broker config, else static default. */
  topicConfig(topic: Topic): TopicConfig {
    const state = topic as TopicState;
    return state.typed ??= resolveTopicConfig(state.configs, this.topicDefaults());
  }

  /** What a topic without overrides has. */
  topicDefaults(): TopicConfig {
    return this.#defaults ??= resolveTopicConfig(
      brokerConfigOverrides(this.brokerConfigs(""), this.brokerConfigs(this.#options.nodeId)),
      this.#options.topicDefaults,
    );
  }

  /** Dynamic configs of one broker, or of all ("" is the cluster's default). */
  brokerConfigs(id: number | ""): ReadonlyMap<string, string> {
    return this.configs(ConfigResource.BROKER, String(id));
  }

  /** Configs set on a resource other than a topic. */
  configs(resourceType: number, resourceName: string): ReadonlyMap<string, string> {
    return this.#configs.get(`${resourceType}:${resourceName}`) ?? NO_CONFIGS;
  }

  /** Names of the resources of a type, topics apart, that have configs set. */
  configured(resourceType: number): string[] {
    const prefix = `${resourceType}:`;
    return [...this.#configs.keys()].filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length));
  }

  broker(id: number): BrokerRegistration | undefined {
    return this.#brokers.get(id);
  }

  /** Every registered broker, by id. */
  brokers(): BrokerRegistration[] {
    return [...this.#brokers.values()].sort((a, b) => a.brokerId - b.brokerId);
  }

  controllers(): ControllerRegistration[] {
    return [...this.#controllers.values()].sort((a, b) => a.controllerId - b.controllerId);
  }

  /** Finalized feature levels. */
  get features(): ReadonlyMap<string, number> {
    return this.#features;
  }

  /** The first producer id that no block holds. */
  get nextProducerId(): number {
    return this.#nextProducerId;
  }

  /** Records of a kind that are kept whole: access control entries, credentials, quotas, tokens. */
  *kept<K extends MetadataRecord["kind"]>(kind: K): Generator<ValueOf<K>> {
    for (const record of this.#kept.values()) {
      if (record.kind === kind) yield record.value as ValueOf<K>;
    }
  }

  /** What verifies a user's password by a mechanism of SCRAM (1: SHA-256, 2: SHA-512). */
  scramCredential(mechanism: number, name: string): ValueOf<"UserScramCredentialRecord"> | null {
    const record = this.#kept.get(`scram ${mechanism} ${name}`);
    return record?.kind === "UserScramCredentialRecord" ? record.value : null;
  }

  /** All of them, as they were written: for a snapshot. */
  keptRecords(): Iterable<MetadataRecord> {
    return this.#kept.values();
  }

  /** Every resource with configs set on it, topics first. */
  *allConfigs(): Generator<
    { resourceType: number; resourceName: string; configs: ReadonlyMap<string, string> }
  > {
    for (const { name, configs } of this.topics()) {
      if (configs.size > 0) {
        yield { resourceType: ConfigResource.TOPIC, resourceName: name, configs };
      }
    }
    for (const [key, configs] of this.#configs) {
      const colon = key.indexOf(":");
      yield {
        resourceType: Number(key.slice(0, colon)),
        resourceName: key.slice(colon + 1),
        configs,
      };
    }
  }

  /** Takes one record in, and notes in `change` what that changed. */
  apply(record: MetadataRecord, change: CatalogueChange = noChange()): void {
    switch (record.kind) {
      case "TopicRecord":
        return this.#createTopic(record.value.name, record.value.topicId, change);
      case "RemoveTopicRecord":
        return this.#removeTopic(record.value.topicId, change);
      case "PartitionRecord":
        return this.#putPartition(record.value, change);
      case "PartitionChangeRecord":
        return this.#changePartition(record.value, change);
      case "ClearElrRecord":
        return this.#clearElr(record.value.topicName);
      case "ConfigRecord":
        return this.#setConfig(record.value, change);
      case "FeatureLevelRecord":
        if (record.value.featureLevel === 0) this.#features.delete(record.value.name);
        else this.#features.set(record.value.name, record.value.featureLevel);
        return;
      case "ProducerIdsRecord":
        this.#nextProducerId = record.value.nextProducerId;
        return;
      case "NoOpRecord":
        return;
      default:
        return this.#applyNode(record, change);
    }
  }

  #applyNode(record: MetadataRecord, change: CatalogueChange): void {
    switch (record.kind) {
      case "RegisterBrokerRecord":
        this.#brokers.set(record.value.brokerId, { ...record.value });
        return;
      case "UnregisterBrokerRecord":
        this.#brokers.delete(record.value.brokerId);
        return;
      case "FenceBrokerRecord":
      case "UnfenceBrokerRecord":
        this.#registered(record.value.id).fenced = record.kind === "FenceBrokerRecord";
        return;
      case "BrokerRegistrationChangeRecord":
        return this.#changeRegistration(record.value);
      case "RegisterControllerRecord":
        this.#controllers.set(record.value.controllerId, record.value);
        return;
      case "UnregisterControllerRecord":
        this.#controllers.delete(record.value.controllerId);
        return;
      default:
        return this.#keep(record, change);
    }
  }

  #keep(record: MetadataRecord, change: CatalogueChange): void {
    switch (record.kind) {
      case "AccessControlEntryRecord":
        this.#kept.set(`acl ${record.value.id}`, record);
        (change.acls ??= new Map()).set(record.value.id, record.value);
        return;
      case "RemoveAccessControlEntryRecord":
        this.#kept.delete(`acl ${record.value.id}`);
        (change.acls ??= new Map()).set(record.value.id, null);
        return;
      case "UserScramCredentialRecord":
        this.#kept.set(`scram ${record.value.mechanism} ${record.value.name}`, record);
        return;
      case "RemoveUserScramCredentialRecord":
        this.#kept.delete(`scram ${record.value.mechanism} ${record.value.name}`);
        return;
      case "DelegationTokenRecord":
        this.#kept.set(`token ${record.value.tokenId}`, record);
        return;
      case "RemoveDelegationTokenRecord":
        this.#kept.delete(`token ${record.value.tokenId}`);
        return;
      case "ClientQuotaRecord": {
        const entity = record.value.entity.map((e) => [e.entityType, e.entityName]).sort();
        const key = `quota ${JSON.stringify([entity, record.value.key])}`;
        if (record.value.remove) this.#kept.delete(key);
        else this.#kept.set(key, record);
        (change.quotas ??= []).push(record.value);
        return;
      }
      case "ZkMigrationStateRecord":
        this.#kept.set("zk migration", record);
        return;
      default:
        // Transaction markers: MetadataLog resolves them, and only whole transactions come here.
        throw new Error(`The catalogue cannot apply a ${record.kind}`);
    }
  }

  #keyOf(name: string): string {
    return collisionKey(this.foldsCase ? foldedName(name) : name);
  }

  /** Topics whose names have the same key. */
  #alike(name: string): readonly string[] {
    return this.#namesByKey.get(this.#keyOf(name)) ?? [];
  }

  #createTopic(name: string, id: Uuid, change: CatalogueChange): void {
    const topic: TopicState = { name, id, partitions: [], configs: new Map(), typed: null };
    this.#byName.set(name, topic);
    this.#byId.set(id, topic);
    this.#namesByKey.set(this.#keyOf(name), [...this.#alike(name), name]);
    this.#sorted = null;
    change.created.add(topic);
  }

  #removeTopic(id: Uuid, change: CatalogueChange): void {
    const topic = this.#topicOf(id, "RemoveTopicRecord");
    this.#byId.delete(id);
    this.deleted.add(id);
    this.#byName.delete(topic.name);
    const left = this.#alike(topic.name).filter((name) => name !== topic.name);
    if (left.length > 0) this.#namesByKey.set(this.#keyOf(topic.name), left);
    else this.#namesByKey.delete(this.#keyOf(topic.name));
    this.#partitionCount -= topic.partitions.length;
    this.#sorted = null;
    change.deleted.push(topic);
  }

  #putPartition(value: ValueOf<"PartitionRecord">, change: CatalogueChange): void {
    const topic = this.#topicOf(value.topicId, "PartitionRecord");
    const from = topic.partitions.length;
    if (value.partitionId < 0 || value.partitionId > from) {
      throw new Error(
        `PartitionRecord of topic ${topic.name} has partition ${value.partitionId}, needs 0 to ${from}`,
      );
    }
    if (value.partitionId === from) {
      this.#partitionCount++;
      const isNoted = change.created.has(topic) || change.grown.has(topic);
      if (!isNoted) change.grown.set(topic, from);
    }
    const { replicas, isr, directories } = topic.partitions[value.partitionId - 1] ?? value;
    topic.partitions[value.partitionId] = {
      index: value.partitionId,
      leaderId: value.leader,
      leaderEpoch: value.leaderEpoch,
      partitionEpoch: value.partitionEpoch,
      replicas: shared(value.replicas, replicas),
      isr: shared(value.isr, isr),
      eligibleLeaderReplicas: shared(value.eligibleLeaderReplicas ?? NONE, NONE),
      lastKnownElr: shared(value.lastKnownElr ?? NONE, NONE),
      addingReplicas: shared(value.addingReplicas, NONE),
      removingReplicas: shared(value.removingReplicas, NONE),
      directories: shared(value.directories, directories),
      isRecovering: value.leaderRecoveryState === 1,
    };
  }

  #changePartition(value: ValueOf<"PartitionChangeRecord">, change: CatalogueChange): void {
    const topic = this.#topicOf(value.topicId, "PartitionChangeRecord");
    const partition = topic.partitions[value.partitionId];
    if (partition === undefined) {
      throw new Error(
        `PartitionChangeRecord of topic ${topic.name} has partition ${value.partitionId}, of ${topic.partitions.length}`,
      );
    }
    // A leader that is named is a new leadership even when it is the old leader (PartitionRegistration.merge).
    if (value.leader !== LEADER_UNCHANGED) {
      partition.leaderId = value.leader;
      partition.leaderEpoch++;
    }
    partition.partitionEpoch++;
    partition.isr = value.isr ?? partition.isr;
    partition.replicas = value.replicas ?? partition.replicas;
    partition.addingReplicas = value.addingReplicas ?? partition.addingReplicas;
    partition.removingReplicas = value.removingReplicas ?? partition.removingReplicas;
    partition.directories = value.directories ?? partition.directories;
    partition.eligibleLeaderReplicas = value.eligibleLeaderReplicas ??
      partition.eligibleLeaderReplicas;
    partition.lastKnownElr = value.lastKnownElr ?? partition.lastKnownElr;
    if (value.leaderRecoveryState >= 0) partition.isRecovering = value.leaderRecoveryState === 1;
    change.moved.push({ topic, partition });
  }

  /** "" means all topics. */
  #clearElr(topicName: string): void {
    for (const topic of this.#byName.values()) {
      if (topicName !== "" && topic.name !== topicName) continue;
      for (const partition of topic.partitions) {
        if (partition.eligibleLeaderReplicas.length + partition.lastKnownElr.length === 0) continue;
        partition.eligibleLeaderReplicas = [];
        partition.lastKnownElr = [];
        partition.partitionEpoch++;
      }
    }
  }

  #setConfig(value: ValueOf<"ConfigRecord">, change: CatalogueChange): void {
    const topic = value.resourceType === ConfigResource.TOPIC
      ? this.#byName.get(value.resourceName)
      : undefined;
    if (topic !== undefined) {
      put(topic.configs, value.name, value.value);
      topic.typed = null;
      if (!change.created.has(topic)) change.configured.add(topic);
      return;
    }
    // Kafka removes a topic's configs with the topic, so what names a topic that is not there is kept like the rest.
    const key = `${value.resourceType}:${value.resourceName}`;
    const configs = this.#configs.get(key) ?? new Map<string, string>();
    put(configs, value.name, value.value);
    if (configs.size === 0) this.#configs.delete(key);
    else this.#configs.set(key, configs);
    if (value.resourceType !== ConfigResource.BROKER) return;
    change.brokerConfigured = true;
    this.#defaults = null;
    for (const topic of this.#byName.values()) topic.typed = null;
  }

  #changeRegistration(value: ValueOf<"BrokerRegistrationChangeRecord">): void {
    const broker = this.#registered(value.brokerId);
    if (value.fenced !== 0) broker.fenced = value.fenced === 1;
    if (value.inControlledShutdown !== 0) broker.inControlledShutdown = true;
    if (value.logDirs.length > 0) broker.logDirs = value.logDirs;
    broker.cordonedLogDirs = value.cordonedLogDirs ?? broker.cordonedLogDirs;
  }

  #registered(id: number): Mutable<BrokerRegistration> {
    const broker = this.#brokers.get(id);
    if (broker === undefined) {
      throw new Error(`The metadata log changes broker ${id}, which it did not register`);
    }
    return broker;
  }

  #topicOf(id: Uuid, record: string): TopicState {
    const topic = this.#byId.get(id);
    if (topic === undefined) {
      throw new Error(`${record} names topic id ${id}, which the metadata log did not create`);
    }
    return topic;
  }
}

const LEADER_UNCHANGED = -2;
const NONE: readonly number[] = [];

/** `list`, as the object that says the same if there is one: neighbours mostly have the same replicas. */
function shared<T>(list: readonly T[], known: readonly T[]): readonly T[] {
  return list.length === known.length && list.every((one, i) => one === known[i]) ? known : list;
}

function put(map: Map<string, string>, name: string, value: string | null): void {
  if (value === null) map.delete(name);
  else map.set(name, value);
}
