/** Answers: what each route answers, for programs: the types of api.ts as JSON Schema, by their names. */
import type {
  ApiError,
  ApiTraffic,
  Bytes,
  Changed,
  ClientRow,
  ConfigOrigin,
  ConfigRow,
  DiskForecast,
  FollowLine,
  GroupDetail,
  GroupLag,
  GroupOffset,
  GroupRow,
  History,
  LiveLine,
  MemberRow,
  Overview,
  Page,
  PartitionRow,
  ProducerRow,
  Published,
  RecordRow,
  RecordsAnswer,
  ResetAnswer,
  Sample,
  SegmentRow,
  Session,
  StreamLine,
  TopicDetail,
  TopicRow,
  TransactionDetail,
  TransactionRow,
  Warning,
} from "./api.ts";
import { SERIES } from "./history.ts";
import {
  either,
  flag,
  integer,
  list,
  map,
  named,
  nullable,
  number,
  object,
  type Schema,
  text,
  word,
} from "./schema.ts";

const place = object({ topic: text, partition: integer });

const session: Schema<Session> = object({
  principal: text,
  canWrite: flag,
  hasAcls: flag,
  version: text,
  clusterId: text,
  nodeId: integer,
  kafkaAddress: text,
  basePath: text,
  nowMs: number,
  startedMs: number,
});

const sample: Schema<Sample> = object({
  atMs: number,
  bytesIn: number,
  bytesOut: number,
  recordsIn: number,
  recordsOut: number,
  requests: number,
  errors: number,
  p50Ms: nullable(number),
  p99Ms: nullable(number),
  produceP99Ms: nullable(number),
  eventLoopP99Ms: nullable(number),
  connections: integer,
  logBytes: number,
  freeBytes: nullable(number),
  residentBytes: number,
  heapUsedBytes: number,
});

const history: Schema<History> = object({
  range: word("hour", "day"),
  stepMs: integer,
  atMs: list(number),
  series: object(
    Object.fromEntries(SERIES.map((name) => [name, list(nullable(number))])),
  ) as Schema<History["series"]>,
});

const warning: Schema<Warning> = object({
  kind: word("readiness", "advice", "offline", "event", "refused"),
  level: word("warning", "error"),
  what: text,
  message: text,
  count: integer,
  firstMs: nullable(number),
  lastMs: nullable(number),
  fields: map(text),
});

const disk: Schema<DiskForecast> = object({
  path: text,
  logBytes: number,
  freeBytes: nullable(number),
  minFreeBytes: number,
  freeBytesPerSecond: nullable(number),
  overMs: number,
  fullAtMs: nullable(number),
});

const api: Schema<ApiTraffic> = object({
  api: text,
  requests: number,
  bytesIn: number,
  bytesOut: number,
  p50Ms: nullable(number),
  p99Ms: nullable(number),
});

const overview: Schema<Overview> = object({
  now: nullable(named<Sample>("Sample")),
  topics: integer,
  partitions: integer,
  groups: integer,
  disk,
  apis: list(api),
  warnings: list(named<Warning>("Warning")),
  notReady: nullable(text),
});

const topicMembers = {
  name: text,
  isInternal: flag,
  partitions: integer,
  bytes: nullable(number),
  records: number,
  bytesIn: nullable(number),
  bytesOut: nullable(number),
  cleanupPolicy: nullable(text),
  retentionMs: nullable(number),
  retentionBytes: nullable(number),
};
const topicRow: Schema<TopicRow> = object(topicMembers);

const partitionRow: Schema<PartitionRow> = object({
  partition: integer,
  leaderId: integer,
  leaderEpoch: integer,
  replicas: list(integer),
  isr: list(integer),
  start: nullable(integer),
  end: nullable(integer),
  bytes: nullable(number),
  error: nullable(text),
});

const topicDetail: Schema<TopicDetail> = object({
  ...topicMembers,
  id: text,
  partitionList: list(partitionRow),
  groups: list(text),
});

const segmentRow: Schema<SegmentRow> = object({
  start: integer,
  end: integer,
  bytes: nullable(integer),
  latestMs: nullable(number),
  isActive: flag,
});

const producerRow: Schema<ProducerRow> = object({
  producerId: integer,
  producerEpoch: integer,
  lastSequence: integer,
  lastTimestampMs: number,
  openSince: nullable(integer),
});

const origin: Schema<ConfigOrigin> = word(
  "topic",
  "broker",
  "cluster",
  "file",
  "default",
  "client-metrics",
  "group",
  "unknown",
);
const configRow: Schema<ConfigRow> = object({
  name: text,
  value: nullable(text),
  source: origin,
  fallbacks: list(object({ name: text, value: nullable(text), source: origin })),
  type: text,
  documentation: nullable(text),
  isReadOnly: flag,
  isSensitive: flag,
});

const bytes: Schema<Bytes> = object({
  encoding: word("utf8", "base64"),
  text,
  bytes: integer,
  isCut: flag,
});

const recordRow: Schema<RecordRow> = object({
  partition: integer,
  offset: integer,
  timestampMs: number,
  timestampType: word("create", "append"),
  key: nullable(bytes),
  value: nullable(bytes),
  headers: list(object({ key: text, value: nullable(bytes) })),
  headersLeftOut: integer,
  isTransactional: flag,
  producerId: nullable(integer),
  compression: text,
});

const recordsAnswer: Schema<RecordsAnswer> = object({
  records: list(named<RecordRow>("RecordRow")),
  next: nullable(text),
  scanned: object({ records: integer, bytes: integer, elapsedMs: number }),
  ended: word("limit", "edge", "time", "bytes"),
  problems: list(object({ partition: integer, offset: nullable(integer), reason: text })),
});

const published: Schema<Published> = object({ partition: integer, offset: integer });
const changed: Schema<Changed> = object({ isDone: flag });

const groupMembers = {
  id: text,
  type: text,
  state: text,
  members: integer,
  lag: nullable(integer),
};
const groupRow: Schema<GroupRow> = object(groupMembers);

const memberRow: Schema<MemberRow> = object({
  id: text,
  instanceId: nullable(text),
  clientId: text,
  host: text,
  topics: list(text),
  partitions: list(place),
});

const groupOffset: Schema<GroupOffset> = object({
  topic: text,
  partition: integer,
  committed: nullable(integer),
  start: nullable(integer),
  end: nullable(integer),
  lag: nullable(integer),
  memberId: nullable(text),
});

const groupDetail: Schema<GroupDetail> = object({
  ...groupMembers,
  assignor: text,
  generation: nullable(integer),
  memberList: list(memberRow),
  offsets: list(groupOffset),
  stuck: list(text),
});

const lags = list(nullable(integer));
const groupLag: Schema<GroupLag> = object({
  stepMs: integer,
  atMs: list(number),
  lag: lags,
  partitions: list(object({ topic: text, partition: integer, lag: lags })),
});

const resetAnswer: Schema<ResetAnswer> = object({
  isDone: flag,
  offsets: list(object({
    topic: text,
    partition: integer,
    before: nullable(integer),
    after: integer,
    moves: nullable(integer),
  })),
});

const clientRow: Schema<ClientRow> = object({
  clientId: nullable(text),
  software: text,
  version: text,
  principal: text,
  address: text,
  listener: text,
  connections: integer,
  requests: integer,
  throttledMs: nullable(number),
});

const transactionMembers = { transactionalId: text, producerId: integer, state: text };
const transactionRow: Schema<TransactionRow> = object(transactionMembers);
const transactionDetail: Schema<TransactionDetail> = object({
  ...transactionMembers,
  producerEpoch: integer,
  timeoutMs: integer,
  startedMs: nullable(number),
  partitions: list(place),
});

const streamLines: readonly Schema<StreamLine>[] = [
  object({ type: word("beat"), nowMs: number }),
  object({ type: word("dropped"), lines: integer }),
  object({ type: word("end"), reason: text }),
];
const liveLine: Schema<LiveLine> = either<LiveLine>(
  object({
    type: word("hello"),
    session: named<Session>("Session"),
    history: named<History>("History"),
  }),
  object({ type: word("sample"), sample: named<Sample>("Sample") }),
  object({ type: word("warnings"), warnings: list(named<Warning>("Warning")) }),
  ...streamLines,
);
const followLine: Schema<FollowLine> = either<FollowLine>(
  object({ type: word("record"), record: named<RecordRow>("RecordRow") }),
  object({ type: word("scanned"), records: integer, bytes: integer, next: text }),
  ...streamLines,
);

const apiError: Schema<ApiError> = object({
  error: object({
    code: text as Schema<ApiError["error"]["code"]>,
    message: text,
    kafka: nullable(text),
    field: nullable(text),
  }),
});

/** What stands among the components, and is referred to. */
export const SCHEMAS: { readonly [name: string]: unknown } = {
  ApiError: apiError.json,
  Session: session.json,
  Sample: sample.json,
  History: history.json,
  Warning: warning.json,
  RecordRow: recordRow.json,
};

const JSON_TYPE = "application/json", LINES_TYPE = "application/x-ndjson";

function pageOf<T>(items: Schema<T>): Schema<Page<T>> {
  return object({ items: list(items), from: integer, total: integer });
}

function json({ json }: Schema<unknown>) {
  return { [JSON_TYPE]: json };
}

/** One a line. */
function lines({ json }: Schema<unknown>) {
  return { [LINES_TYPE]: json };
}

/** By what a route says that it answers: its types, with what each is of. */
export const ANSWERS = {
  "Session": json(named("Session")),
  "Overview": json(overview),
  "History": json(named("History")),
  "LiveLine, one a line": lines(liveLine),
  "Page<TopicRow>": json(pageOf(topicRow)),
  "TopicDetail": json(topicDetail),
  "ConfigRow[]": json(list(configRow)),
  "SegmentRow[]": json(list(segmentRow)),
  "ProducerRow[]": json(list(producerRow)),
  "Changed": json(changed),
  "Published": json(published),
  "RecordsAnswer": json(recordsAnswer),
  "RecordDetail": json(named("RecordRow")),
  "FollowLine, one a line": lines(followLine),
  "records to save, one a line": {
    [LINES_TYPE]: { type: "object" },
    "text/csv; charset=utf-8": { type: "string" },
  },
  "bytes to save": { "application/octet-stream": {} },
  "Page<GroupRow>": json(pageOf(groupRow)),
  "GroupDetail": json(groupDetail),
  "GroupLag": json(groupLag),
  "ResetAnswer": json(resetAnswer),
  "Page<ClientRow>": json(pageOf(clientRow)),
  "Page<TransactionRow>": json(pageOf(transactionRow)),
  "TransactionDetail": json(transactionDetail),
  "Page<Warning>": json(pageOf(named("Warning"))),
} as const;

export type AnswerName = keyof typeof ANSWERS;
