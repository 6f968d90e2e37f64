/**
 * TestBroker: a whole broker in this process, reached only as a client reaches it: over TCP.
 *
 * Each test starts its own, in memory unless it names a directory, and ends it with `await using`. `Wire` speaks raw
 * bytes for what no client would send; `Connection` (src/client) speaks typed messages.
 */
import { assertEquals } from "@std/assert";
import { readInt32 } from "../../src/bytes/int64.ts";
import type { Uuid } from "../../src/bytes/uuid.ts";
import { type Machine, type RunningBroker, startBroker } from "../../src/broker.ts";
import { Connection, type ConnectionOptions } from "../../src/client/connection.ts";
import { type Config, defaultConfig } from "../../src/config/options.ts";
import { resolveTopicConfig } from "../../src/config/topic_configs.ts";
import { joined } from "../../src/protocol/codec.ts";
import { decodeResponse, encodeRequest } from "../../src/protocol/frame.ts";
import { ApiVersions } from "../../src/protocol/messages/api_versions.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { Arrivals } from "../../src/testing/arrivals.ts";
import { poisonedFrames } from "../../src/testing/poisoned_frames.ts";
import type { Api, Decoded, Encodable, Fields, Message } from "../../src/protocol/schema.ts";

/** What a test sets; the rest is a broker's default. */
export interface Settings {
  readonly path?: string;
  readonly flush?: Config["storage"]["flush"];
  readonly flushIntervalMs?: number;
  /** Small, it makes a snapshot of the metadata after every commit. */
  readonly metadataSnapshotBytes?: number;
  readonly kafkaPort?: number;
  readonly httpPort?: number;
  readonly listenAddresses?: readonly string[];
  readonly advertisedAddress?: string;
  readonly listeners?: Config["listeners"];
  readonly tls?: Partial<Config["tls"]>;
  readonly http?: Partial<Config["http"]>;
  readonly auth?: Partial<Config["auth"]>;
  readonly oauth?: Partial<Config["oauth"]>;
  readonly delegationToken?: Partial<Config["delegationToken"]>;
  readonly insecure?: boolean;
  readonly autoCreateTopics?: boolean;
  readonly limits?: Partial<Config["limits"]>;
  readonly batching?: Partial<Config["batching"]>;
  readonly groups?: Partial<Config["groups"]>;
  readonly compaction?: Partial<Config["compaction"]>;
  readonly transactions?: Partial<Config["transactions"]>;
  readonly storage?: Partial<Config["storage"]>;
  readonly authorization?: Partial<Config["authorization"]>;
  readonly audit?: Partial<Config["audit"]>;
  readonly quotas?: Partial<Config["quotas"]>;
  /** Broker-wide topic defaults, as text. */
  readonly topic?: Readonly<Record<string, string>>;
}

export interface NewTopic {
  readonly partitions?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

export class TestBroker implements AsyncDisposable {
  readonly #broker: RunningBroker;
  readonly #connections: { close(): void }[] = [];
  #stopped: Promise<void> | null = null;

  readonly #arrivals: Arrivals;

  private constructor(broker: RunningBroker, arrivals: Arrivals) {
    this.#broker = broker;
    this.#arrivals = arrivals;
  }

  static async start(settings: Settings = {}, machine: Machine = {}): Promise<TestBroker> {
    const arrivals = new Arrivals(), { around = poisonedFrames } = machine;
    const broker = await startBroker(configOf(settings), {
      ...machine,
      around: (dispatch) => around(arrivals.around(dispatch)),
    });
    return new TestBroker(broker, arrivals);
  }

  /** Resolves when so many requests of an API are in work or answered, since the start: a poll waits then. */
  arrived({ key, name }: { key: number; name: string }, count: number): Promise<void> {
    return within(this.#arrivals.reached(key, count), `${count} requests of ${name}`, 30_000);
  }

  /** How many have. */
  arrivals({ key }: { key: number }): number {
    return this.#arrivals.count(key);
  }

  /**
   * Lets the broker do what it is about to do: so many answers on connections of their own. Whatever it does not do then
   * it is not about to do, however slow the machine.
   */
  async turns(count = 20): Promise<void> {
    for (let i = 0; i < count; i++) await this.serves();
  }

  get port(): number {
    return Number(this.#broker.kafkaAddress.split(":").at(-1));
  }

  /** The port of a listener, as clients are told. */
  portOf(name: string): number {
    const listener = this.#broker.listeners.find((one) => one.name === name)!;
    return Number(listener.address.split(":").at(-1));
  }

  get httpAddress(): string {
    return this.#broker.httpAddress!;
  }

  /** A client's connection, which knows the broker's versions. Closed with the broker. */
  async connect(options: Partial<ConnectionOptions> = {}): Promise<Connection> {
    const connection = await Connection.open({ host: "127.0.0.1", port: this.port, ...options });
    this.#connections.push(connection);
    return connection;
  }

  /** A bare TCP connection. Closed with the broker. */
  async wire(): Promise<Wire> {
    const wire = new Wire(await Deno.connect({ hostname: "127.0.0.1", port: this.port }));
    this.#connections.push(wire);
    return wire;
  }

  /** Creates a topic, one partition unless told otherwise; its id. */
  async createTopic(name: string, { partitions = 1, configs = {} }: NewTopic = {}): Promise<Uuid> {
    const connection = await this.connect();
    const { topics: [topic] } = await connection.request(CreateTopics, 7, {
      topics: [{
        name,
        numPartitions: partitions,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
      }],
    });
    assertEquals([topic.errorCode, topic.errorMessage], [0, null], `creating ${name}`);
    return topic.topicId;
  }

  /** The broker serves others still: a fresh connection gets an answer. */
  async serves(): Promise<void> {
    const wire = await this.wire();
    await wire.send(ApiVersions, 0, {});
    assertEquals((await wire.answer(ApiVersions, 0)).errorCode, 0);
  }

  /** The sum of a metric over all its series whose labels contain `labels`; throws when there is no such metric. */
  async metric(name: string, labels = ""): Promise<number> {
    const text = await (await fetch(`http://${this.httpAddress}/metrics`)).text();
    if (!text.includes(`# TYPE runnel_${name} `)) throw new Error(`There is no metric ${name}`);
    const lines = text.split("\n").filter((line) =>
      (line.startsWith(`runnel_${name} `) || line.startsWith(`runnel_${name}{`)) &&
      line.includes(labels)
    );
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
  }

  /** A clean stop. The clients' connections stay as they are. */
  stop(): Promise<void> {
    return this.#stopped ??= this.#broker.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.close();
    await this.stop();
  }
}

/** A TCP connection that sends any bytes. */
export class Wire {
  readonly #socket: Deno.TcpConn;
  #correlationId = 0;

  constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
    socket.setNoDelay(true);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#socket.write(bytes.subarray(at));
  }

  /** One write call; how many bytes the system took. */
  writeSome(bytes: Uint8Array): Promise<number> {
    return this.#socket.write(bytes);
  }

  /** Sends a typed request with the next correlation id, which is returned. */
  async send<Q extends Fields, R extends Fields>(
    api: Api<Q, R>,
    version: number,
    body: Encodable<Message<Q>>,
  ): Promise<number> {
    await this.write(requestBytes(api, version, body, ++this.#correlationId));
    return this.#correlationId;
  }

  /** The next response frame without its size; null when the broker closed instead. */
  async frame(): Promise<Uint8Array | null> {
    const size = await this.#exactly(4);
    return size && await this.#exactly(readInt32(size, 0));
  }

  /** The next response, which must be there. */
  async answer<Q extends Fields, R extends Fields>(
    api: Api<Q, R>,
    version: number,
  ): Promise<Decoded<Message<R>>> {
    return (await this.answered(api, version)).body;
  }

  async answered<Q extends Fields, R extends Fields>(api: Api<Q, R>, version: number) {
    const frame = await this.frame();
    if (frame === null) throw new Error(`${api.name}: the broker closed instead of answering`);
    return decodeResponse(api, version, frame);
  }

  close(): void {
    try {
      this.#socket.close();
    } catch {
      // closed by the test
    }
  }

  async #exactly(size: number): Promise<Uint8Array | null> {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size;) {
      const read = await this.#socket.read(bytes.subarray(at)).catch(nullOnReset);
      if (read === null) return null;
      at += read;
    }
    return bytes;
  }
}

/** A request as it travels, size in front. */
export function requestBytes<Q extends Fields, R extends Fields>(
  api: Api<Q, R>,
  version: number,
  body: Encodable<Message<Q>>,
  correlationId = 1,
  clientId: string | null = "test",
): Uint8Array {
  return joined(encodeRequest(api, version, { correlationId, clientId }, body));
}

/** Runs `body` with a new directory, which is removed after it. */
export async function withDirectory(body: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "runnel-test-" });
  try {
    await body(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

/**
 * Rejects after `limitMs`, so that what should have happened does not hang the suite: as long as a slow machine may need,
 * and sooner than a broker gives a connection up by itself (limits.authentication_timeout_ms, ten seconds).
 */
export async function within<T>(promise: Promise<T>, what: string, limitMs = 8000): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${limitMs} ms`)), limitMs);
  });
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export const utf8 = (text: string) => new TextEncoder().encode(text);

function configOf(settings: Settings): Config {
  const config = defaultConfig();
  return {
    ...config,
    kafkaPort: settings.kafkaPort ?? 0,
    httpPort: settings.httpPort ?? 0,
    listenAddresses: settings.listenAddresses ?? config.listenAddresses,
    advertisedAddress: settings.advertisedAddress ?? config.advertisedAddress,
    listeners: settings.listeners ?? config.listeners,
    tls: { ...config.tls, ...settings.tls },
    http: { ...config.http, ...settings.http },
    auth: { ...config.auth, ...settings.auth },
    oauth: { ...config.oauth, ...settings.oauth },
    delegationToken: { ...config.delegationToken, ...settings.delegationToken },
    insecure: settings.insecure ?? config.insecure,
    autoCreateTopics: settings.autoCreateTopics ?? config.autoCreateTopics,
    storage: {
      ...config.storage,
      path: settings.path ?? "memory://",
      flush: settings.flush ?? config.storage.flush,
      metadataSnapshotBytes: settings.metadataSnapshotBytes ??
        config.storage.metadataSnapshotBytes,
      ...settings.storage,
    },
    batching: {
      ...config.batching,
      flushIntervalMs: settings.flushIntervalMs ?? config.batching.flushIntervalMs,
      ...settings.batching,
    },
    limits: { ...config.limits, ...settings.limits },
    groups: { ...config.groups, ...settings.groups },
    compaction: { ...config.compaction, ...settings.compaction },
    transactions: { ...config.transactions, ...settings.transactions },
    authorization: { ...config.authorization, ...settings.authorization },
    audit: { ...config.audit, ...settings.audit },
    quotas: { ...config.quotas, ...settings.quotas },
    topic: resolveTopicConfig(Object.entries(settings.topic ?? {})),
    topicSet: new Map(Object.entries(settings.topic ?? {})),
  };
}

function nullOnReset(error: unknown): null {
  if (error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe) {
    return null;
  }
  throw error;
}
