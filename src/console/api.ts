/**
 * The console's API, version 1: what every route under `/api/v1` takes and answers. The front end and scripts go by it;
 * docs/console.md has the table of routes.
 *
 * Numbers are whole and exact below 2^53, offsets and ids included: the broker refuses larger ones. Times are ms since
 * 1970 by the broker's clock and end in `Ms`, as durations do. Texts that clients chose (names of groups, clients,
 * members, headers) are given as they are: whoever shows them escapes them.
 */

import type { RecordRow } from "./api_records.ts";

export const API_PATH = "/api/v1";
/** Every request that is not GET or HEAD carries it: a page of another origin cannot without being asked (CORS). */
export const CHANGE_HEADER = "x-runnel-console";
export const CHANGE_VALUE = "1";

export const LIMITS = {
  /** Things on a page of a list, if nothing is said, and at most. */
  pageItems: 100,
  maxPageItems: 1000,
  /** Of the body of a request; what publishes a record may have `maxPublishBytes`. */
  maxBodyBytes: 64 * 1024,
  maxPublishBytes: 2 * 1024 * 1024,
  /** Records of one answer, if nothing is said, and at most. */
  records: 50,
  maxRecords: 500,
  /** Of a key, a value or a header's value shown in a list; the whole of it is asked for with the record's own route. */
  previewBytes: 4 * 1024,
  maxHeaders: 100,
  /** One answer of records: bytes of all its texts together. */
  maxAnswerBytes: 4 * 1024 * 1024,
  /** Of a key, a value or a header's value of one record that is asked for by itself; the whole of it is there to save. */
  maxRecordBytes: 1024 * 1024,
  /** What one browse may read of logs, and how long it may look, before it answers with where to go on. */
  maxScanBytes: 64 * 1024 * 1024,
  maxScanMs: 2000,
  /** A batch that is larger once decompressed is not looked into. */
  maxBatchBytes: 8 * 1024 * 1024,
  /** Partitions of one browse; of a topic with more they have to be named. */
  maxBrowsedPartitions: 100,
  /** Of a filter's text. */
  maxFilterLength: 1000,
  /** Of a reset, what was shown of it. */
  maxSeen: 500,
  /** Streams (`live`, `follow`) at a time, of all browsers together. */
  maxStreams: 32,
  /** Groups whose lag is kept over time; groups that are so by partition, and partitions of each. */
  lagGroups: 500,
  lagWatched: 10,
  lagPartitions: 50,
  /** A download ends at this. */
  maxDownloadBytes: 256 * 1024 * 1024,
  maxDownloadRecords: 1_000_000,
} as const;

/** The body of every answer that is no success (status 4xx, 5xx). */
export interface ApiError {
  readonly error: {
    /** For programs. */
    readonly code: ErrorWord;
    /** For people: names the thing, the value, and what was needed. */
    readonly message: string;
    /** Kafka's name of it ("TOPIC_ALREADY_EXISTS"), where the broker refused; else null. */
    readonly kafka: string | null;
    /** The parameter or member of the body that is at fault; null where none is. */
    readonly field: string | null;
  };
}

/** With their HTTP status. */
export type ErrorWord =
  | "bad_request" // 400
  | "unauthenticated" // 401
  | "forbidden" // 403: the user's ACLs do not allow it
  | "read_only" // 403: console.write is off
  | "not_from_console" // 403: CHANGE_HEADER is missing, or the Origin is another's
  | "not_found" // 404
  | "method_not_allowed" // 405
  | "conflict" // 409: it exists already, has members, …
  | "too_large" // 413
  | "wrong_host" // 421: Host is none of console.hosts
  | "too_many_streams" // 429
  | "broker_failed" // 500
  | "starting" // 503: the broker is not ready, or stops
  | "too_late"; // 504: it took too long

/** A part of a list: items `from`, `from + 1`, … of `total` that fit. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly from: number;
  readonly total: number;
}

/** Query of every list. */
export interface PageQuery {
  /** 0 if not given. */
  readonly from?: number;
  /** LIMITS.pageItems if not given, LIMITS.maxPageItems at most. */
  readonly limit?: number;
  /** Names that have it, whatever the case. */
  readonly q?: string;
  /** Which member of an item orders them; the name if not given. */
  readonly sort?: string;
  readonly order?: "asc" | "desc";
}

/** `GET session`: who asks, and what may be done. */
export interface Session {
  /** "User:ANONYMOUS" where nobody asks who it is. */
  readonly principal: string;
  /** console.write. What ACLs do not allow is refused when it is tried. */
  readonly canWrite: boolean;
  /** Whether ACLs are asked at all. */
  readonly hasAcls: boolean;
  readonly version: string;
  readonly clusterId: string;
  readonly nodeId: number;
  /** Where Kafka's clients connect. */
  readonly kafkaAddress: string;
  /** What comes before /api/v1: "" or "/runnel". */
  readonly basePath: string;
  readonly nowMs: number;
  readonly startedMs: number;
}

/** One look at the broker; rates are a second's, over the time since the sample before. */
export interface Sample {
  readonly atMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly recordsIn: number;
  readonly recordsOut: number;
  readonly requests: number;
  readonly errors: number;
  /** Of requests that do not wait for something to come (Fetch, JoinGroup, …); null where there was none. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** The same of Produce alone. */
  readonly produceP99Ms: number | null;
  readonly eventLoopP99Ms: number | null;
  readonly connections: number;
  readonly logBytes: number;
  /** null where nobody can tell. */
  readonly freeBytes: number | null;
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
}

export type SampleSeries = Exclude<keyof Sample, "atMs">;

/** `GET history?range=hour|day`: what was, in columns, oldest first: 5 s apart for an hour, 1 min for a day. */
export interface History {
  readonly range: "hour" | "day";
  readonly stepMs: number;
  readonly atMs: readonly number[];
  /** As long as `atMs` each; null where nothing is known. The minute's maximum of p50, p99 and so on, its mean of rates. */
  readonly series: { readonly [name in SampleSeries]: readonly (number | null)[] };
}

/** `GET overview` */
export interface Overview {
  /** null within the first seconds. */
  readonly now: Sample | null;
  readonly topics: number;
  readonly partitions: number;
  readonly groups: number;
  readonly disk: DiskForecast;
  /** Requests of the last minute, the most first. */
  readonly apis: readonly ApiTraffic[];
  readonly warnings: readonly Warning[];
  /** Why the broker is not ready; null: it is. */
  readonly notReady: string | null;
}

export interface ApiTraffic {
  readonly api: string;
  /** A second. */
  readonly requests: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export interface DiskForecast {
  readonly path: string;
  readonly logBytes: number;
  readonly freeBytes: number | null;
  /** Below it producers are refused. */
  readonly minFreeBytes: number;
  /** How the free space changed a second, over `overMs`; null while that is too short to tell. */
  readonly freeBytesPerSecond: number | null;
  readonly overMs: number;
  /** When producers are refused at this rate; null: not within a year, or nobody can tell. */
  readonly fullAtMs: number | null;
}

/** `GET warnings` answers Page<Warning>: of the last hour, the latest first. */
export interface Warning {
  readonly kind: "readiness" | "advice" | "offline" | "event" | "refused";
  readonly level: "warning" | "error";
  /** What it is about: an event's name (docs/log.md), a kind of refusal (docs/status.md). */
  readonly what: string;
  readonly message: string;
  readonly count: number;
  readonly firstMs: number | null;
  readonly lastMs: number | null;
  readonly fields: { readonly [name: string]: string };
}

/** `GET topics` answers Page<TopicRow>; `internal=true` has internal ones too. */
export interface TopicRow {
  readonly name: string;
  readonly isInternal: boolean;
  readonly partitions: number;
  /** null where the log cannot be asked. */
  readonly bytes: number | null;
  readonly records: number;
  /** A second, over the last sample; null where the topic has no counters of its own (metrics.max_topics). */
  readonly bytesIn: number | null;
  readonly bytesOut: number | null;
  readonly cleanupPolicy: string | null;
  /** -1: for ever; null where the user may not read configs. */
  readonly retentionMs: number | null;
  readonly retentionBytes: number | null;
}

/** `GET topics/{topic}` */
export interface TopicDetail extends TopicRow {
  readonly id: string;
  readonly partitionList: readonly PartitionRow[];
  /** Groups that have committed offsets of it, as far as they were looked at. */
  readonly groups: readonly string[];
}

export interface PartitionRow {
  readonly partition: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly start: number | null;
  readonly end: number | null;
  readonly bytes: number | null;
  /** Why it cannot be asked; null: it can. */
  readonly error: string | null;
}

/** `GET topics/{topic}/partitions/{partition}/segments` answers SegmentRow[], the oldest first; the latest 200 at most. */
export interface SegmentRow {
  /** Of its first record, and the one after its last. */
  readonly start: number;
  readonly end: number;
  readonly bytes: number | null;
  /** The latest timestamp of a record in it; null where there is none, or it cannot be told. */
  readonly latestMs: number | null;
  /** Whether it is the one that is written to. */
  readonly isActive: boolean;
}

/** `GET topics/{topic}/partitions/{partition}/producers` answers ProducerRow[]: those whose batches are remembered. */
export interface ProducerRow {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly lastTimestampMs: number;
  /** Where its open transaction begins; null: none is open. */
  readonly openSince: number | null;
}

/** `GET topics/{topic}/configs` answers ConfigRow[], sorted by name. */
export interface ConfigRow {
  readonly name: string;
  /** null when it is sensitive. */
  readonly value: string | null;
  /** Where it comes from. */
  readonly source: ConfigOrigin;
  /** What it would be without its own setting, nearest first. */
  readonly fallbacks: readonly {
    readonly name: string;
    readonly value: string | null;
    readonly source: ConfigOrigin;
  }[];
  readonly type: string;
  readonly documentation: string | null;
  readonly isReadOnly: boolean;
  readonly isSensitive: boolean;
}

export type ConfigOrigin =
  | "topic"
  | "broker"
  | "cluster"
  | "file"
  | "default"
  | "client-metrics"
  | "group"
  | "unknown";

export type * from "./api_records.ts";

/** Body of `POST topics`; answers Changed. */
export interface CreateTopicBody {
  readonly name: string;
  readonly partitions?: number;
  readonly configs?: { readonly [name: string]: string };
  readonly validateOnly?: boolean;
}

/** Body of `POST topics/{topic}/partitions`; answers Changed. */
export interface GrowTopicBody {
  readonly count: number;
  readonly validateOnly?: boolean;
}

/** Body of `POST topics/{topic}/configs`; answers Changed. null takes a config back to what it would be. */
export interface ChangeConfigsBody {
  readonly configs: { readonly [name: string]: string | null };
  readonly validateOnly?: boolean;
}

/** Body of `POST topics/{topic}/delete` (`confirm` is the topic's name) and of `POST group/delete?id=` (the group's). */
export interface DeleteBody {
  readonly confirm: string;
}

export interface Changed {
  /** false when it was only checked. */
  readonly isDone: boolean;
}

/** `GET groups` answers Page<GroupRow>. */
export interface GroupRow {
  readonly id: string;
  readonly type: string;
  readonly state: string;
  readonly members: number;
  /** Over what it has committed; null where nobody can tell. */
  readonly lag: number | null;
}

/** `GET group?id=` : names of groups may be anything ("..", "a/b"), so they are in no path. */
export interface GroupDetail extends GroupRow {
  readonly assignor: string;
  readonly generation: number | null;
  readonly memberList: readonly MemberRow[];
  readonly offsets: readonly GroupOffset[];
  /** Why it does not get on, in words; empty: it does. */
  readonly stuck: readonly string[];
}

export interface MemberRow {
  readonly id: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly host: string;
  readonly topics: readonly string[];
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[];
}

export interface GroupOffset {
  readonly topic: string;
  readonly partition: number;
  readonly committed: number | null;
  readonly start: number | null;
  readonly end: number | null;
  readonly lag: number | null;
  /** Who has the partition. */
  readonly memberId: string | null;
}

/**
 * `GET group/lag?id=`: how far a group was behind within the last hour, in columns, oldest first. It is kept for
 * LIMITS.lagGroups groups: those that were asked for lately, then those that are most behind.
 */
export interface GroupLag {
  readonly stepMs: number;
  readonly atMs: readonly number[];
  /** Over all that it has committed, as long as `atMs`; null where nothing is known. */
  readonly lag: readonly (number | null)[];
  /** The partitions that are most behind, as long as somebody asks for the group every ten minutes. */
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly lag: readonly (number | null)[];
  }[];
}

/** Body of `POST group/offsets?id=`; answers ResetAnswer. */
export interface ResetOffsetsBody {
  readonly topic: string;
  /** All of the topic if not given. */
  readonly partitions?: readonly number[];
  readonly to:
    | { readonly kind: "start" | "end" }
    | { readonly kind: "offset"; readonly offset: number }
    | { readonly kind: "time"; readonly timeMs: number }
    | { readonly kind: "shift"; readonly by: number };
  /** Only shows what would be; true if not given. */
  readonly preview?: boolean;
  /** What was shown: that is done, whatever `to` would be now, or nothing where it does not hold any more. */
  readonly seen?: readonly {
    readonly partition: number;
    readonly before: number | null;
    readonly after: number;
  }[];
}
export interface ResetAnswer extends Changed {
  readonly offsets: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly before: number | null;
    readonly after: number;
    /** `after - before`: what will be skipped (+) or read again (-). */
    readonly moves: number | null;
  }[];
}

/** `GET clients` answers Page<ClientRow>: those that have the same of everything are one. */
export interface ClientRow {
  readonly clientId: string | null;
  readonly software: string;
  readonly version: string;
  readonly principal: string;
  readonly address: string;
  readonly listener: string;
  readonly connections: number;
  /** Of these connections, since each was made. */
  readonly requests: number;
  /** What quotas that bind it told it to wait, and those that share them with it; null where none does. */
  readonly throttledMs: number | null;
}

/** `GET transactions` answers Page<TransactionRow>. */
export interface TransactionRow {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly state: string;
}

/** `GET transaction?id=` */
export interface TransactionDetail extends TransactionRow {
  readonly producerEpoch: number;
  readonly timeoutMs: number;
  /** null when none is open. */
  readonly startedMs: number | null;
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[];
}

/**
 * Streams: one JSON value a line (application/x-ndjson). Who reads too slowly loses lines, never the connection: the next
 * `dropped` says how many. A `beat` comes when nothing else did for 10 s. A stream ends with `end`, or by being cut.
 *
 * `GET live`: begins with `hello`, then a `sample` every 5 s and `warnings` when they change.
 * `GET topics/{topic}/records/follow`: begins at `at` ("end": what comes from now on) with a `scanned`, whose `next` is where
 * it is; then `record` and `scanned`.
 */
export type LiveLine =
  | { readonly type: "hello"; readonly session: Session; readonly history: History }
  | { readonly type: "sample"; readonly sample: Sample }
  | { readonly type: "warnings"; readonly warnings: readonly Warning[] }
  | StreamLine;

export type FollowLine =
  | { readonly type: "record"; readonly record: RecordRow }
  | {
    readonly type: "scanned";
    readonly records: number;
    readonly bytes: number;
    readonly next: string;
  }
  | StreamLine;

export type StreamLine =
  | { readonly type: "beat"; readonly nowMs: number }
  | { readonly type: "dropped"; readonly lines: number }
  | { readonly type: "end"; readonly reason: string };
