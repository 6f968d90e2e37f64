/** Hostile console: what the console's API answers of a broker whose clients chose the worst names they could. */
import type {
  ApiError,
  Changed,
  ClientRow,
  ConfigRow,
  FollowLine,
  GroupDetail,
  GroupLag,
  History,
  LiveLine,
  Overview,
  Page,
  ProducerRow,
  Published,
  RecordRow,
  RecordsAnswer,
  ResetAnswer,
  Sample,
  SegmentRow,
  Session,
  TopicDetail,
  TransactionDetail,
  Warning,
} from "../console/api.ts";

/** Of groups, clients, members, transactional ids, headers and values. */
export const HOSTILE =
  '"><img src=x onerror=alert(1)><script>alert(2)</script>javascript:alert(3)\u202e&lt;b&gt;';

const NOW_MS = 1764505514123;

const sample: Sample = {
  atMs: NOW_MS,
  bytesIn: 1.5 * 1024 * 1024,
  bytesOut: 3 * 1024 * 1024,
  recordsIn: 1200,
  recordsOut: 2400,
  requests: 310,
  errors: 0.2,
  p50Ms: 0.4,
  p99Ms: 7.25,
  produceP99Ms: null,
  eventLoopP99Ms: 2,
  connections: 12,
  logBytes: 5e9,
  freeBytes: 2e10,
  residentBytes: 2e8,
  heapUsedBytes: 1e8,
};

const { atMs: _, ...values } = sample;
const history: History = {
  range: "hour",
  stepMs: 5000,
  atMs: [NOW_MS - 10_000, NOW_MS - 5000],
  series: Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, [null, value]]),
  ) as unknown as History["series"],
};

const session: Session = {
  principal: HOSTILE,
  canWrite: true,
  hasAcls: false,
  version: "0.1.0",
  clusterId: HOSTILE,
  nodeId: 1,
  kafkaAddress: "localhost:9092",
  basePath: "/runnel",
  nowMs: NOW_MS,
  startedMs: NOW_MS - 90_061_000,
};

const warning: Warning = {
  kind: "event",
  level: "warning",
  what: "disk_low",
  message: HOSTILE,
  count: 3,
  firstMs: NOW_MS - 60_000,
  lastMs: NOW_MS - 1000,
  fields: { [HOSTILE]: HOSTILE },
};

const overview: Overview = {
  now: sample,
  topics: 1,
  partitions: 2,
  groups: 1,
  disk: {
    path: HOSTILE,
    logBytes: 5e9,
    freeBytes: 2e10,
    minFreeBytes: 1e9,
    freeBytesPerSecond: -73_000,
    overMs: 3_600_000,
    fullAtMs: NOW_MS + 3 * 86_400_000,
  },
  apis: [{ api: "Produce", requests: 200, bytesIn: 1e6, bytesOut: 1e4, p50Ms: 0.4, p99Ms: null }],
  warnings: [warning],
  notReady: null,
};

const topic: TopicDetail = {
  name: "orders",
  isInternal: false,
  partitions: 2,
  bytes: 5e9,
  records: Number.MAX_SAFE_INTEGER,
  bytesIn: 1000,
  bytesOut: null,
  cleanupPolicy: "delete",
  retentionMs: 604_800_000,
  retentionBytes: -1,
  id: "AAAAAAAAAAAAAAAAAAAAAQ",
  groups: [HOSTILE],
  partitionList: [0, 1].map((partition) => ({
    partition,
    leaderId: 1,
    leaderEpoch: 3,
    replicas: [1],
    isr: [1],
    start: 0,
    end: Number.MAX_SAFE_INTEGER,
    bytes: partition === 0 ? 5e9 : null,
    error: partition === 0 ? null : HOSTILE,
  })),
};

const segments: readonly SegmentRow[] = [0, 1, 2].map((at) => ({
  start: at * 100,
  end: at * 100 + 100,
  bytes: at === 1 ? null : 1048576,
  latestMs: at === 2 ? null : NOW_MS + at * 60_000,
  isActive: at === 2,
}));

const producers: readonly ProducerRow[] = [{
  producerId: 4000,
  producerEpoch: 2,
  lastSequence: 99,
  lastTimestampMs: NOW_MS,
  openSince: 250,
}];

const configs: readonly ConfigRow[] = [{
  name: "cleanup.policy",
  value: HOSTILE,
  source: "topic",
  fallbacks: [{ name: "log.cleanup.policy", value: "delete", source: "default" }],
  type: "list",
  documentation: HOSTILE,
  isReadOnly: false,
  isSensitive: false,
}];

function record(offset: number, key: string, value: string): RecordRow {
  const utf8 = (text: string) => ({
    encoding: "utf8" as const,
    text,
    bytes: new TextEncoder().encode(text).length,
    isCut: false,
  });
  return {
    partition: 0,
    offset,
    timestampMs: NOW_MS,
    timestampType: "create",
    key: utf8(key),
    value: utf8(value),
    headers: [{ key: HOSTILE, value: utf8(HOSTILE) }, { key: "none", value: null }],
    headersLeftOut: 0,
    isTransactional: false,
    producerId: null,
    compression: "zstd",
  };
}

const records: RecordsAnswer = {
  records: [
    record(
      41,
      HOSTILE,
      JSON.stringify({ [HOSTILE]: HOSTILE }).replace("{", '{"id":9007199254740993,'),
    ),
    {
      ...record(42, HOSTILE, HOSTILE),
      key: { encoding: "base64", text: "//79", bytes: 3, isCut: false },
    },
  ],
  next: "0:43",
  scanned: { records: 12, bytes: 4096, elapsedMs: 3 },
  ended: "limit",
  problems: [{ partition: 1, offset: null, reason: HOSTILE }],
};

const group: GroupDetail = {
  id: HOSTILE,
  type: "classic",
  state: "Stable",
  members: 1,
  lag: 5,
  assignor: HOSTILE,
  generation: 7,
  memberList: [{
    id: HOSTILE,
    instanceId: HOSTILE,
    clientId: HOSTILE,
    host: HOSTILE,
    topics: ["orders"],
    partitions: [{ topic: "orders", partition: 0 }],
  }],
  offsets: [{
    topic: "orders",
    partition: 0,
    committed: 5,
    start: 0,
    end: 10,
    lag: 5,
    memberId: HOSTILE,
  }],
  stuck: [`It waits for a member ${HOSTILE}`],
};

const groupLag: GroupLag = {
  stepMs: 10_000,
  atMs: [NOW_MS - 20_000, NOW_MS - 10_000],
  lag: [null, 5],
  partitions: [{ topic: "orders", partition: 0, lag: [null, 5] }],
};

const client: ClientRow = {
  clientId: HOSTILE,
  software: "librdkafka",
  version: HOSTILE,
  principal: HOSTILE,
  address: "127.0.0.1",
  listener: "kafka",
  connections: 2,
  requests: 1234,
  throttledMs: 250,
};

const transaction: TransactionDetail = {
  transactionalId: HOSTILE,
  producerId: 4000,
  state: "Ongoing",
  producerEpoch: 2,
  timeoutMs: 60_000,
  startedMs: NOW_MS,
  partitions: [{ topic: "orders", partition: 0 }],
};

const reset: ResetAnswer = {
  isDone: false,
  offsets: [{ topic: "orders", partition: 0, before: 5, after: 0, moves: -5 }],
};

const refusal: ApiError = {
  error: {
    code: "forbidden",
    message: "It may not grow <b>",
    kafka: "TOPIC_AUTHORIZATION_FAILED",
    field: null,
  },
};

/** Of the stream `follow`. */
export const FOLLOWED: readonly FollowLine[] = [
  { type: "record", record: { ...record(43, HOSTILE, HOSTILE), partition: 1 } },
  { type: "scanned", records: 1, bytes: 100, next: "1:44" },
  { type: "dropped", lines: 7 },
];

/** Of the stream `live`. */
export const LIVE: readonly LiveLine[] = [
  { type: "hello", session, history },
  { type: "sample", sample },
  { type: "warnings", warnings: [warning] },
  { type: "beat", nowMs: NOW_MS },
];

const published: Published = { partition: 1, offset: 44 };
const done: Changed = { isDone: true };

/** By method and path below /api/v1. */
export const ANSWERS: { readonly [request: string]: unknown } = {
  "GET overview": overview,
  "GET history": history,
  "GET warnings": page(warning),
  "GET topics": page(topic),
  "GET topics/orders": topic,
  "GET topics/orders/configs": configs,
  "GET topics/orders/partitions/0/segments": segments,
  "GET topics/orders/partitions/0/producers": producers,
  "GET topics/orders/records": records,
  "GET groups": page(group),
  "GET group": group,
  "GET group/lag": groupLag,
  "GET clients": page(client),
  "GET transactions": page(transaction),
  "GET transaction": transaction,
  "POST topics": done,
  "POST topics/orders/configs": done,
  "POST topics/orders/records": published,
  "POST topics/orders/delete": done,
  "POST topics/orders/partitions": () => Response.json(refusal, { status: 403 }),
  "POST group/offsets": reset,
};

function page<T>(item: T): Page<T> {
  return { items: [item], from: 0, total: 1 };
}
