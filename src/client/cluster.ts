/**
 * Cluster: the brokers behind a bootstrap address: who they are, who leads which partition, and one connection to
 * each.
 *
 * What is known of a topic is kept until an answer shows that it is out of date (`forget`) or it has reached
 * `metadataMaxAgeMs`. `retry` is the one loop that tries again; everything above only says what to try.
 */
import { type ErrorCode, ErrorCode as Code } from "../protocol/errors.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import type { Decoded } from "../protocol/schema.ts";
import { type Uuid, ZERO_UUID } from "../bytes/uuid.ts";
import { abortable, type CallOptions, timerMs, withinLimits } from "./call.ts";
import { Connection, type ConnectionOptions, type FinalizedFeatures } from "./connection.ts";
import { check, ConnectionError, KafkaError, mayRetry } from "./errors.ts";

export interface ClusterOptions extends Omit<ConnectionOptions, "host" | "port"> {
  /** One or more "host:port"; any of them that answers tells about the others. */
  readonly bootstrap: string | readonly string[];
  /** How long one call may go on trying, 60 s if not given. */
  readonly callTimeoutMs?: number;
  /** Pause before the first retry, doubled each time up to `retryBackoffMaxMs`; 50 ms and 1 s if not given. */
  readonly retryBackoffMs?: number;
  readonly retryBackoffMaxMs?: number;
  /** How long metadata is believed, 5 minutes if not given. */
  readonly metadataMaxAgeMs?: number;
  /** Whether asking about a topic may create it, where the broker allows that; no if not given. */
  readonly allowAutoTopicCreation?: boolean;
  /** Told of every attempt to connect to "host:port": with why it failed, or null when the broker answered. */
  readonly onConnect?: (address: string, failure: Error | null) => void;
}

export interface Node {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

/** A topic as metadata has it. */
export interface Topic {
  readonly name: string;
  /** ZERO_UUID before Kafka 2.8. */
  readonly id: Uuid;
  readonly isInternal: boolean;
  /** By partition index, without gaps. */
  readonly partitions: readonly Partition[];
}

export interface Partition {
  readonly index: number;
  /** -1: none. */
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #bootstrap: readonly { host: string; port: number }[];
  readonly #nodes = new Map<number, Node>();
  /** By lane and "host:port". */
  readonly #connections = new Map<string, Opening>();
  readonly #topics = new Map<string, { topic: Topic; freshUntilMs: number }>();
  readonly #asking = new Map<string, Promise<Topic>>();
  readonly #closing = new AbortController();
  #controllerId = -1;
  #features: FinalizedFeatures = { epoch: -1, levels: new Map() };

  /** Connects at first use. Throws an Error when a bootstrap address is not "host:port", or there is none. */
  constructor(options: ClusterOptions) {
    this.#options = options;
    const bootstrap: unknown = options?.bootstrap; // JavaScript may leave it out, as one does who calls it brokers
    const addresses = typeof bootstrap === "string" ? bootstrap.split(",") : bootstrap;
    if (!Array.isArray(addresses)) {
      throw new TypeError(
        'bootstrap is missing: { bootstrap: "localhost:9092" } says where the cluster is',
      );
    }
    if (addresses.length === 0) throw new Error("Bootstrap addresses: needed is one at least");
    this.#bootstrap = addresses.map(parseAddress);
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** How long a call may go on trying, unless it says otherwise. */
  get callTimeoutMs(): number {
    return this.#options.callTimeoutMs ?? 60_000;
  }

  get metadataMaxAgeMs(): number {
    return this.#options.metadataMaxAgeMs ?? 300_000;
  }

  /** The level a feature had by the newest connection, which tells it once; 0 where none tells of it. */
  finalizedLevel(feature: string): number {
    return this.#features.levels.get(feature) ?? 0;
  }

  /** A connection to any broker: one that is open, else the first address that answers. */
  async anyConnection(): Promise<Connection> {
    let failure: unknown;
    const known = [...this.#nodes.values(), ...this.#bootstrap];
    for (const { host, port } of known) {
      try {
        return await this.#connect(host, port);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /**
   * A connection to this broker. A broker answers in the order it was asked, so whoever makes it wait (a long poll) asks
   * in a lane of its own, which is another connection. Throws KafkaError BROKER_NOT_AVAILABLE when metadata does not know
   * the id.
   */
  async connectionTo(nodeId: number, lane = ""): Promise<Connection> {
    if (!this.#nodes.has(nodeId)) await this.#ask([]);
    const node = this.#nodes.get(nodeId);
    if (node === undefined) throw new KafkaError(Code.BROKER_NOT_AVAILABLE, `broker ${nodeId}`);
    try {
      return await this.#connect(node.host, node.port, lane);
    } catch (error) {
      const isAsked = this.#bootstrap.some((it) => it.host === node.host && it.port === node.port);
      throw isAsked || this.isClosed || !(error instanceof ConnectionError)
        ? error
        : new ConnectionError(`${error.message}; ${toldBy(nodeId)}`, { cause: error });
    }
  }

  /** The broker that takes topic and cluster changes; any where the metadata names none (KRaft forwards). */
  async controllerConnection(): Promise<Connection> {
    if (this.#nodes.size === 0) await this.#ask([]);
    return this.#nodes.has(this.#controllerId)
      ? await this.connectionTo(this.#controllerId)
      : await this.anyConnection();
  }

  /** Every broker. */
  async nodes(): Promise<Node[]> {
    await this.#ask([]);
    return [...this.#nodes.values()];
  }

  /** What is known of a topic, asked for when that is nothing or too old. Throws KafkaError; does not retry. */
  async topic(name: string): Promise<Topic> {
    const known = this.#topics.get(name);
    if (known && known.freshUntilMs > performance.now()) return known.topic;
    let asking = this.#asking.get(name);
    if (asking === undefined) {
      asking = this.#askOne(name).finally(() => this.#asking.delete(name));
      this.#asking.set(name, asking);
    }
    return await asking;
  }

  /** What was last heard of a topic, however old; null when nothing was. */
  lastKnown(name: string): Topic | null {
    return this.#topics.get(name)?.topic ?? null;
  }

  /** Every topic the broker lets this client see, or those of these that there are, sorted by name. */
  async topics(names: readonly string[] | null = null): Promise<Topic[]> {
    const response = await this.#ask(names);
    return response.topics.filter((topic) => topic.errorCode === 0).map(toTopic)
      .sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** A connection to the leader of a partition. Throws KafkaError LEADER_NOT_AVAILABLE when it has none. */
  async leader(
    topicName: string,
    index: number,
  ): Promise<{ connection: Connection; nodeId: number; topic: Topic; leaderEpoch: number }> {
    const topic = await this.topic(topicName);
    const partition = topic.partitions[index];
    const about = `partition ${topicName}-${index}`;
    if (partition === undefined) throw new KafkaError(Code.UNKNOWN_TOPIC_OR_PARTITION, about);
    if (partition.leaderId < 0) throw new KafkaError(Code.LEADER_NOT_AVAILABLE, about);
    const connection = await this.connectionTo(partition.leaderId);
    return { connection, nodeId: partition.leaderId, topic, leaderEpoch: partition.leaderEpoch };
  }

  /** What is known of the topic is out of date: the next one who asks gets it from a broker. */
  forget(topicName: string): void {
    this.#topics.delete(topicName);
  }

  /**
   * Runs `attempt` until it succeeds, fails for good, or the time for the call is over; then throws what it threw
   * last, or the reason of `signal`. A time that is given cuts the last attempt short, too; 0 is one attempt. Whatever
   * was known of `topic` is forgotten before each retry.
   */
  async retry<T>(
    attempt: () => Promise<T>,
    { topic, timeoutMs, signal }: CallOptions & { topic?: string } = {},
  ): Promise<T> {
    const deadlineMs = performance.now() + (timeoutMs ?? this.callTimeoutMs);
    let last: Error | null = null;
    const late = () => last ?? new ConnectionError(`No answer within ${timeoutMs} ms`);
    for (let tries = 0;; tries++) {
      try {
        signal?.throwIfAborted();
        if (!timeoutMs) return await abortable(attempt, signal);
        const maxMs = Math.max(0, deadlineMs - performance.now());
        return await withinLimits(attempt(), { maxMs, signal, late });
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        const pauseMs = this.backoffMs(tries);
        const isLate = performance.now() + pauseMs > deadlineMs;
        if (!mayRetry(error) || isLate || this.isClosed) throw error;
        if (error instanceof Error) last = error;
        if (topic !== undefined) this.forget(topic);
        await abortable(() => this.pause(pauseMs), signal);
      }
    }
  }

  /** How long to wait before retry number `tries` (from 0), with a fifth of it left to chance. */
  backoffMs(tries: number): number {
    const { retryBackoffMs = 50, retryBackoffMaxMs = 1000 } = this.#options;
    return Math.min(retryBackoffMaxMs, retryBackoffMs * 2 ** tries) * (0.8 + Math.random() * 0.4);
  }

  /** Waits, but not beyond close(). */
  pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, timerMs(ms));
      signal.addEventListener("abort", end);
    });
  }

  /** Closes the connections of a lane. */
  closeLane(lane: string): void {
    for (const [address, connection] of this.#connections) {
      if (!address.startsWith(`${lane} `)) continue;
      this.#connections.delete(address);
      connection.end();
    }
  }

  /** Closes every connection; what is unanswered fails with ConnectionError. */
  close(): void {
    this.#closing.abort();
    for (const connection of this.#connections.values()) connection.end();
    this.#connections.clear();
  }

  async #connect(host: string, port: number, lane = ""): Promise<Connection> {
    if (this.isClosed) throw new ConnectionError("The client is closed");
    const address = `${lane} ${host}:${port}`;
    const known = this.#connections.get(address);
    if (known) {
      const connection = await known.connection;
      if (!connection.isClosed && !connection.isStale) return connection;
      if (this.#connections.get(address) === known) this.#connections.delete(address);
      connection.retire();
      return await this.#connect(host, port, lane);
    }
    const opening = newOpening({ ...this.#options, host, port });
    this.#connections.set(address, opening);
    try {
      const connection = await opening.connection;
      // An older broker than another, or one that lags, does not take back what is known.
      if (connection.features.epoch >= this.#features.epoch) this.#features = connection.features;
      this.#options.onConnect?.(`${host}:${port}`, null);
      return connection;
    } catch (error) {
      if (this.#connections.get(address) === opening) this.#connections.delete(address);
      if (!this.isClosed) this.#options.onConnect?.(`${host}:${port}`, error as Error);
      throw error;
    }
  }

  async #askOne(name: string): Promise<Topic> {
    const { topics: [topic] } = await this.#ask([name]);
    check(topic.errorCode, `topic ${name}`);
    return toTopic(topic); // what was learnt may already be forgotten: another answer came behind this one
  }

  /** [] asks about brokers only, null about every topic. */
  async #ask(names: readonly string[] | null): Promise<Decoded<typeof Metadata.response>> {
    const connection = await this.anyConnection();
    const response = await connection.request(Metadata, connection.versionFor(Metadata), {
      topics: names?.map((name) => ({ name, topicId: ZERO_UUID })) ?? null,
      allowAutoTopicCreation: this.#options.allowAutoTopicCreation ?? false,
    });
    check(response.errorCode, "metadata");
    this.#learn(response);
    return response;
  }

  #learn(response: Decoded<typeof Metadata.response>): void {
    this.#nodes.clear();
    for (const { nodeId, host, port } of response.brokers) {
      this.#nodes.set(nodeId, { id: nodeId, host, port });
    }
    this.#controllerId = response.controllerId;
    const freshUntilMs = performance.now() + this.metadataMaxAgeMs;
    for (const topic of response.topics) {
      if (topic.errorCode === 0) {
        this.#topics.set(topic.name!, { topic: toTopic(topic), freshUntilMs });
      } else if (topic.name !== null) this.#topics.delete(topic.name);
    }
  }
}

/** Where it came from that nobody who calls has heard of: it may lead there from elsewhere, and not from here. */
function toldBy(nodeId: number): string {
  return `broker ${nodeId} tells its clients this address (advertised_address; in Kafka advertised.listeners), ` +
    "which has to be one that they reach";
}

/** A connection, or the attempt to make it, which its callers share. */
interface Opening {
  readonly connection: Promise<Connection>;
  /** Closes it, also while it is being made. */
  end(): void;
}

function newOpening(options: ConnectionOptions): Opening {
  const ending = new AbortController();
  const connection = Connection.open(options, ending.signal);
  const end = () => {
    ending.abort();
    connection.then((open) => open.close(), () => {});
  };
  return { connection, end };
}

/** An error code that says the leader moved or the topic changed: ask again before retrying. */
export function isStaleMetadata(code: ErrorCode | number): boolean {
  return code === Code.NOT_LEADER_OR_FOLLOWER || code === Code.UNKNOWN_TOPIC_OR_PARTITION ||
    code === Code.UNKNOWN_TOPIC_ID || code === Code.INCONSISTENT_TOPIC_ID ||
    code === Code.FENCED_LEADER_EPOCH || code === Code.UNKNOWN_LEADER_EPOCH ||
    code === Code.LEADER_NOT_AVAILABLE || code === Code.KAFKA_STORAGE_ERROR;
}

function toTopic(topic: Decoded<typeof Metadata.response>["topics"][number]): Topic {
  const partitions: Partition[] = topic.partitions.map((partition) => ({
    index: partition.partitionIndex,
    leaderId: partition.leaderId,
    leaderEpoch: partition.leaderEpoch,
    replicas: partition.replicaNodes,
    isr: partition.isrNodes,
  }));
  partitions.sort((a, b) => a.index - b.index);
  return { name: topic.name!, id: topic.topicId, isInternal: topic.isInternal, partitions };
}

/** "host:port", "[::1]:9092" too. */
export function parseAddress(text: string): { host: string; port: number } {
  const match = /^\s*(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})\s*$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    throw new Error(`Bootstrap address "${text}": needed is host:port, such as localhost:9092`);
  }
  return { host: match[1] ?? match[2], port };
}
