/**
 * The options: the one table everything about configuration derives from, grouped as in the TOML file (where
 * `maxBatchSize` is written `max_batch_size`). `[topic]` is not here: its rows are Kafka's, in topic_config_table.ts.
 */
import { authOptions, oauthOptions } from "./auth_options.ts";
import { aclOptions } from "./acl_options.ts";
import { auditOptions } from "./audit_options.ts";
import { compactionOptions } from "./compaction_options.ts";
import { delegationTokenOptions } from "./delegation_token_options.ts";
import { groupOptions } from "./group_options.ts";
import { consoleOptions } from "./console_options.ts";
import { httpOptions } from "./http_options.ts";
import { LISTENERS_NEED } from "./listener_settings.ts";
import { metricsOptions } from "./metrics_options.ts";
import type { Option, ValueOf } from "./option.ts";
import { quotaOptions } from "./quota_options.ts";
import { storageOptions } from "./storage_options.ts";
import { tlsOptions } from "./tls_options.ts";
import { type TopicConfig, topicConfigDefaults } from "./topic_configs.ts";
import { transactionOptions } from "./transaction_options.ts";

/** Host names, IPv4 and IPv6 addresses: no spaces, slashes or "://". */
const HOST = /^[A-Za-z0-9._:%\[\]-]{1,255}$/;
const MIB = 1024 * 1024;
const INT_MAX = 2 ** 31 - 1;

export const options = {
  kafkaPort: {
    type: "integer",
    default: 9092,
    min: 0,
    max: 65535,
    restart: true,
    doc: "Port for Kafka clients, and of those `listeners` that name none; 0 takes any free one.",
  },
  httpPort: {
    type: "integer",
    default: 9093,
    min: 0,
    max: 65535,
    restart: true,
    doc: "Port for the console, /metrics, /status, /healthz and /readyz; 0 takes any free one.",
  },
  listenAddresses: {
    type: "list",
    default: ["127.0.0.1"],
    pattern: HOST,
    need: "host names or IP addresses with commas between",
    restart: true,
    doc:
      "Addresses to listen on. Anything but this machine's own (127.0.0.1, ::1, localhost) also needs `insecure`.",
  },
  advertisedAddress: {
    type: "text",
    default: "",
    pattern: /^$|^[A-Za-z0-9._-]{1,255}(:\d{1,5})?$|^\[[0-9A-Fa-f:%.]+\](:\d{1,5})?$/,
    need: "a host or host:port, IPv6 in brackets",
    restart: true,
    doc:
      "Where clients are told to connect, as host or host:port; empty: the first listen address and the Kafka port, or, while all addresses are listened on (0.0.0.0, ::), the one by which each client came.",
  },
  listeners: {
    type: "listeners",
    default: [],
    need: LISTENERS_NEED,
    restart: true,
    kafkaName: "listeners",
    doc:
      "Where clients may connect, where `kafka_port` and `listen_addresses` do not say enough: several places, TLS. Tables ([[listeners]]), or Kafka's text.",
  },
  advertisedListeners: {
    type: "list",
    default: [],
    pattern: /^[^\s,]{1,400}$/,
    need: "NAME://host:port with commas between",
    restart: true,
    kafkaName: "advertised.listeners",
    doc: "Where the clients of each of `listeners` are told to connect, by its name.",
  },
  listenerSecurityProtocolMap: {
    type: "list",
    default: [],
    pattern: /^[A-Za-z0-9_.-]{1,100}:[A-Za-z_]{1,20}$/,
    need: "NAME:PROTOCOL with commas between",
    restart: true,
    kafkaName: "listener.security.protocol.map",
    doc:
      "What is spoken at each of `listeners`, by its name: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL. A listener that is called as a protocol needs no word.",
  },
  insecure: {
    type: "boolean",
    default: false,
    restart: true,
    doc:
      "Listen beyond this machine without authentication: everyone who can connect can read, write and delete.",
  },
  nodeId: {
    type: "integer",
    default: 0,
    min: 0,
    max: INT_MAX,
    restart: true,
    kafkaName: "node.id",
    doc: "This broker's number in Metadata; fixed for a data directory after its first start.",
  },
  numPartitions: {
    type: "integer",
    default: 1,
    min: 1,
    max: 10_000,
    restart: true,
    kafkaName: "num.partitions",
    doc: "Partitions of a topic created without a number.",
  },
  autoCreateTopics: {
    type: "boolean",
    default: true,
    restart: true,
    kafkaName: "auto.create.topics.enable",
    doc: "Create a topic when a client asks for its metadata and allows creation.",
  },
  tls: tlsOptions,
  http: httpOptions,
  console: consoleOptions,
  storage: storageOptions,
  auth: authOptions,
  oauth: oauthOptions,
  authorization: aclOptions,
  delegationToken: delegationTokenOptions,
  audit: auditOptions,
  quotas: quotaOptions,
  batching: {
    maxBatchSize: {
      type: "integer",
      default: 100 * MIB,
      min: 1024,
      max: INT_MAX,
      restart: true,
      doc:
        "Bytes in a record batch, over all topics; `max.message.bytes` bounds each topic further.",
    },
    maxBatchMessages: {
      type: "integer",
      default: 1_000_000,
      min: 1,
      max: INT_MAX,
      restart: true,
      doc: "Records in a batch.",
    },
    flushIntervalMs: {
      type: "integer",
      default: 0,
      min: 0,
      max: 3_600_000,
      restart: true,
      doc:
        "How long written bytes may wait to share an fsync; 0 begins the next one at once. With flush = interval it is the period and must be above 0.",
    },
  },
  compaction: compactionOptions,
  limits: {
    maxPartitions: {
      type: "integer",
      default: 20_000,
      min: 1,
      max: 1_000_000,
      restart: true,
      doc:
        "Partitions over all topics; creating more is refused. A request may name four things for each of them, and no fewer than 100,000; one that names more closes its connection.",
    },
    maxConnections: {
      type: "integer",
      default: 20_000,
      min: 1,
      max: 1_000_000,
      restart: true,
      kafkaName: "max.connections",
      doc:
        "Kafka connections at one time; more are closed as they come, as are those that would take the last descriptors the process may have (`ulimit -n`) from files.",
    },
    maxFrameBytes: {
      type: "integer",
      default: 104_857_600,
      min: 1024,
      max: INT_MAX,
      restart: true,
      kafkaName: "socket.request.max.bytes",
      doc: "Bytes in a request; a larger one closes its connection.",
    },
    unauthenticatedFrameBytes: {
      type: "integer",
      default: 524_288,
      min: 1024,
      max: INT_MAX,
      restart: true,
      kafkaName: "sasl.server.max.receive.size",
      doc: "The same before it is known whose request it is.",
    },
    authenticationTimeoutMs: {
      type: "integer",
      default: 10_000,
      min: 100,
      max: 3_600_000,
      restart: true,
      doc:
        "How long a client may take to say who it is, the TLS handshake included; then its connection is closed.",
    },
    maxQueuedRequests: {
      type: "integer",
      default: 64,
      min: 1,
      max: 10_000,
      restart: true,
      doc: "Requests of one connection in work; beyond, no more are read from it.",
    },
    maxBufferedBytes: {
      type: "integer",
      default: 256 * MIB,
      min: 16 * MIB,
      max: 2 ** 40,
      restart: true,
      kafkaName: "queued.max.request.bytes",
      doc:
        "Bytes of requests and responses in memory over all connections; beyond, they wait. Requests of up to 1/64 of it and larger ones have shares of their own, small ones do not wait.",
    },
    maxFetchBytes: {
      type: "integer",
      default: 57_671_680,
      min: 1024,
      max: INT_MAX,
      restart: true,
      kafkaName: "fetch.max.bytes",
      doc: "Bytes of records in one Fetch response.",
    },
    maxDecompressedBytes: {
      type: "integer",
      default: 128 * MIB,
      min: 1024,
      max: INT_MAX,
      restart: true,
      doc: "Bytes a compressed batch may grow to; a larger one is refused.",
    },
    fetchSessions: {
      type: "integer",
      default: 1000,
      min: 0,
      max: 1_000_000,
      restart: true,
      kafkaName: "max.incremental.fetch.session.cache.slots",
      doc:
        "Incremental fetch sessions remembered, each of `limits.max_partitions` partitions at most and no fewer than 100,000, and of ten times as many together. Who gets none fetches without.",
    },
    openFiles: {
      type: "integer",
      default: 0,
      min: 0,
      max: 1_000_000,
      restart: true,
      doc:
        "Log files held open; past that the least recently used is closed. 0 means as many as the limit of the process allows (`ulimit -Sn`), less what connections need.",
    },
    idleTimeoutMs: {
      type: "integer",
      default: 600_000,
      min: 1000,
      max: INT_MAX,
      restart: true,
      kafkaName: "connections.max.idle.ms",
      doc: "A connection that asks nothing for so long is closed.",
    },
    frameTimeoutMs: {
      type: "integer",
      default: 30_000,
      min: 100,
      max: INT_MAX,
      restart: true,
      doc:
        "How long a client may be slower than `min_bytes_per_second` with a request that has begun or a reply that waits for it; then its connection is closed.",
    },
    minBytesPerSecond: {
      type: "integer",
      default: 65_536,
      min: 1,
      max: INT_MAX,
      restart: true,
      doc:
        "What is slower is a stall, see `frame_timeout_ms`. While others wait for the memory it holds, a stall of 0.3 s closes the connection.",
    },
    httpConnections: {
      type: "integer",
      default: 1000,
      min: 1,
      max: 10_000,
      restart: true,
      doc:
        "HTTP connections at one time; as many as descriptors allow. With more the oldest makes room, so that a health check is answered among thousands that come and go.",
    },
  },
  groups: groupOptions,
  transactions: transactionOptions,
  metrics: metricsOptions,
  performance: {
    tcpNodelay: {
      type: "boolean",
      default: true,
      restart: true,
      doc: "Send small responses at once (TCP_NODELAY).",
    },
    socketSendBufferBytes: {
      type: "integer",
      default: 0,
      min: 0,
      max: INT_MAX,
      restart: true,
      kafkaName: "socket.send.buffer.bytes",
      unsupported: "Deno cannot set a socket's buffers; the system's own sizing is used",
      doc: "Send buffer of a socket; 0 leaves it to the system.",
    },
    socketRecvBufferBytes: {
      type: "integer",
      default: 0,
      min: 0,
      max: INT_MAX,
      restart: true,
      kafkaName: "socket.receive.buffer.bytes",
      unsupported: "Deno cannot set a socket's buffers; the system's own sizing is used",
      doc: "Receive buffer of a socket; 0 leaves it to the system.",
    },
    bufferPoolSize: {
      type: "integer",
      default: 16 * MIB,
      min: 0,
      max: 2 ** 40,
      restart: true,
      doc: "Bytes of network buffers kept for reuse.",
    },
    compressionLevel: {
      type: "integer",
      default: -1,
      min: -1,
      max: 22,
      restart: true,
      doc:
        "Level where the broker itself compresses and the topic sets none; -1 is the codec's own default, and what is beyond a codec's highest means its highest.",
    },
  },
  log: {
    level: {
      type: "choice",
      default: "info",
      choices: ["debug", "info", "warn", "error"],
      restart: true,
      doc: "The least important events that are logged.",
    },
    format: {
      type: "choice",
      default: "text",
      choices: ["text", "json"],
      restart: true,
      doc: "One line an event: for people, or JSON.",
    },
    maxClientEvents: {
      type: "integer",
      default: 10,
      min: 1,
      max: 10_000,
      restart: true,
      doc:
        "Lines a second of each kind that a client can cause, and ten times as many of any other kind; the rest are counted in the next line.",
    },
  },
} as const satisfies Record<string, Option | Record<string, Option>>;

type Options = typeof options;

/** The whole configuration: `config.kafkaPort`, `config.storage.path`, `config.topic["retention.ms"]`. */
export type Config =
  & {
    readonly [S in keyof Options]: Options[S] extends Option ? ValueOf<Options[S]>
      : { readonly [K in keyof Options[S]]: ValueOf<Options[S][K]> };
  }
  & {
    /** Defaults of topics' configs, typed. */
    readonly topic: TopicConfig;
    /** Those of them that were set, as text: what DescribeConfigs reports as static broker configs. */
    readonly topicSet: ReadonlyMap<string, string>;
  };

/** Every option's default: what a broker without file, environment and flags runs on, and tests start from. */
export function defaultConfig(): Config {
  const groups = Object.entries(options as Record<string, Option | Record<string, Option>>).map(
    ([name, group]) => {
      if (isOption(group)) return [name, group.default];
      return [
        name,
        Object.fromEntries(Object.entries(group).map(([key, option]) => [key, option.default])),
      ];
    },
  );
  return { ...Object.fromEntries(groups), topic: topicConfigDefaults(), topicSet: new Map() };
}

/** Sections have no option called `type`, so that an option is told from a section by it. */
export function isOption(value: Option | Record<string, Option>): value is Option {
  return typeof value.type === "string";
}
