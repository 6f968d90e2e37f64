/**
 * Fetch 4–18: reads record batches, waiting up to maxWaitMs until minBytes have come together.
 *
 * Whole batches leave, from the one that holds the offset on; only the first non-empty partition may exceed the
 * limits, so that a consumer never starves on a batch larger than it asked for. An error in any partition is
 * answered at once, unless that does not exist, beside others that do; so is a batch that is not what its checksum says, with 2, while other partitions and offsets go on. Consumers see no further than the high watermark, under read_committed than the last stable
 * offset. What an ACL that was removed meanwhile let be read is refused at the end of a wait, where Kafka still answers
 * with it once.
 *
 * Versions: 5 log start offset · 7 sessions · 9 leader epoch · 12 diverging epochs · 13 topic ids · 15 replica state ·
 * 16 addresses of leaders (there are none to tell of) · 18 high watermark known to the fetcher. Replicas (replica id ≥ 0) do
 * not fetch from here: 6.
 */
import type { BufferPool } from "../bytes/pool.ts";
import type { Clock, GivesWay, Timers } from "../clock.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";
import type { TopicMetrics } from "../metrics/metrics.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { Fetch } from "../protocol/messages/fetch.ts";
import * as batch from "../protocol/records/batch.ts";
import type { Decoded, Encodable, Message } from "../protocol/schema.ts";
import type { Access } from "../security/acl/access.ts";
import { Operation } from "../security/acl/acl.ts";
import type { RequestQuota } from "../quotas/request_quota.ts";
import type { PartitionLog, ReadBound } from "../storage/log/partition_log.ts";
import type { FetchPartition, FetchPlan, FetchSession, FetchSessions } from "./fetch_sessions.ts";
import { type ConnectionInfo, type Handler, handler } from "./handler.ts";
import { LongPoll, type Polled } from "./long_poll.ts";
import { epochError, findLog, findTopic, type PartitionLookup, readError } from "./partitions.ts";

export interface FetchOptions extends PartitionLookup {
  readonly sessions: FetchSessions;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly pool: BufferPool;
  /** Bytes of records in one response. */
  readonly maxFetchBytes: number;
  readonly meter: (topic: string) => TopicMetrics;
  readonly turn: GivesWay;
}

/** For one request, where not everybody may read everything. */
interface Guarded extends FetchOptions {
  readonly access?: Access;
}

type Request = Decoded<Message<(typeof Fetch)["request"]["fields"]>>;
type Response = Encodable<Message<(typeof Fetch)["response"]["fields"]>>;

/** What reading one partition came to. */
interface Row {
  readonly partition: FetchPartition;
  readonly log: PartitionLog | null;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly diverging: { epoch: number; endOffset: number } | null;
  readonly records: Uint8Array | null;
}

/** What reading all partitions came to. */
interface Harvest {
  readonly rows: Row[];
  readonly bytes: number;
  /** An error or a divergence: there is no use in waiting. */
  readonly isUrgent: boolean;
  /** Rows of topics and partitions that do not exist, which the others need not wait for. */
  readonly unknown: number;
}

export function fetch(options: FetchOptions): Handler {
  return handler(Fetch, { min: 4, max: 18 }, (asked, context) => {
    const { apiVersion, connection, access, quota } = context;
    const request = quota === null ? asked : withinQuota(asked, quota);
    const plan = options.sessions.plan({
      sessionId: request.sessionId,
      sessionEpoch: request.sessionEpoch,
      usesTopicIds: apiVersion >= 13,
      named: namedPartitions(request),
      forgotten: request.forgottenTopicsData,
    });
    if (typeof plan === "number") return { errorCode: plan };
    const guarded = access.isOpen ? options : { ...options, access };
    const bound = boundOf(request);
    const replicaId = Math.max(request.replicaId, request.replicaState.replicaId);
    const finish = (harvest: Harvest) => {
      const throttleTimeMs = quota === null ? 0 : quota.fetched(harvest.bytes);
      if (throttleTimeMs > 0) return withhold(options, plan, harvest, throttleTimeMs);
      return respond(options, plan, harvest, request.isolationLevel);
    };
    const answer = (harvest: Harvest) => {
      const enough = harvest.bytes >= request.minBytes || request.maxWaitMs <= 0 ||
        harvest.isUrgent ||
        harvest.rows.length === harvest.unknown;
      return enough
        ? finish(harvest)
        : waitForMore(guarded, plan, request, harvest, bound, connection)
          .then(finish);
    };
    const harvest = readSoon(guarded, plan, request, bound, replicaId, connection);
    return harvest instanceof Promise ? harvest.then(answer) : answer(harvest);
  });
}

/** Waits until enough has become visible, time is up, or the connection goes; then reads again. */
async function waitForMore(
  options: Guarded,
  plan: FetchPlan,
  request: Request,
  harvest: Harvest,
  bound: ReadBound,
  connection: ConnectionInfo,
): Promise<Harvest> {
  const { clock } = options, { sessionEndsMs = Infinity } = connection;
  const deadlineMs = Math.min(clock.monotonicMs() + request.maxWaitMs, sessionEndsMs);
  const missing = request.minBytes - harvest.bytes;
  release(options.pool, harvest);
  const logs = harvest.rows.flatMap((row) => row.log ?? []);
  const { minBytes } = request;
  let fresh = harvest;
  do {
    const stable = bound === "lso" ? { polled: polledOf(fresh), minBytes } : null;
    await new LongPoll(logs, missing, deadlineMs, connection.ends, options, stable).done;
    const guarded = options.access === undefined
      ? options
      : { ...options, access: options.access.again() };
    fresh = await readSoon(guarded, plan, request, bound, -1, connection);
    if (fresh.bytes >= minBytes || fresh.isUrgent) break;
    if (fresh.unknown !== harvest.unknown) break; // a topic was deleted, or made
    if (clock.monotonicMs() >= deadlineMs || connection.isEnding) break;
    release(options.pool, fresh); // under read_committed more may be visible than is stable
  } while (true);
  return fresh;
}

/** Asks for no more than can ever be had at once, and waits for no more. */
function withinQuota(request: Request, { maxFetchBytes }: RequestQuota): Request {
  const maxBytes = Math.min(request.maxBytes, maxFetchBytes);
  return { ...request, maxBytes, minBytes: Math.min(request.minBytes, maxBytes) };
}

/**
 * The answer to a client that has had more than its quota: nothing, and how long it is to wait. Its session goes on from
 * what it was told last; one that would begin does not, as in Kafka.
 */
function withhold(
  { pool, sessions }: FetchOptions,
  { session, isIncremental }: FetchPlan,
  harvest: Harvest,
  throttleTimeMs: number,
): Response {
  release(pool, harvest);
  if (session !== null && !isIncremental) sessions.end(session);
  return { throttleTimeMs, sessionId: isIncremental ? session?.id ?? 0 : 0, responses: [] };
}

function polledOf({ rows }: Harvest): Polled[] {
  return rows.flatMap(({ log, lastStableOffset, partition: { fetchOffset } }) =>
    log === null ? [] : [{ log, fetchOffset, lastStableOffset }]
  );
}

/**
 * Reads when there is memory for what is read: while replies that nobody takes fill it, a fetch waits, until they are
 * taken or the listener has closed who does not take them.
 */
function readSoon(
  options: Guarded,
  plan: FetchPlan,
  request: Request,
  bound: ReadBound,
  replicaId: number,
  connection: ConnectionInfo,
): Harvest | Promise<Harvest> {
  if (options.pool.spareBytes > 0) return read(options, plan, request, bound, replicaId);
  return options.pool.room(connection)
    .then(() => read(options, plan, request, bound, replicaId));
}

function read(
  options: Guarded,
  plan: FetchPlan,
  request: Request,
  bound: ReadBound,
  replicaId: number,
): Harvest | Promise<Harvest> {
  // What is left is shared out: the more replies wait to be taken, the less goes into the next one, down to one batch.
  const fairBytes = Math.floor(options.pool.spareBytes / 4);
  let budget = Math.min(Math.max(0, request.maxBytes), options.maxFetchBytes, fairBytes);
  const rows: Row[] = [];
  const partitions = plan.partitions[Symbol.iterator]();
  let bytes = 0, unknown = 0, isUrgent = false;
  const take = (row: Row): void => {
    if (row.records !== null) {
      bytes += row.records.length;
      budget = Math.max(0, budget - row.records.length);
    }
    if (isUnknown(row)) unknown++;
    else if (row.errorCode !== ErrorCode.NONE || row.diverging !== null) isUrgent = true;
    rows.push(row);
  };
  /** Reads on until a log answers later: its answer. Null when all have answered. */
  const readOn = (): Promise<Row> | null => {
    for (let next = partitions.next(); !next.done; next = partitions.next()) {
      const refused = plan.usesTopicIds && next.value.topicId === ZERO_UUID
        ? ErrorCode.UNKNOWN_TOPIC_ID // no id is not a name
        : options.access === undefined
        ? ErrorCode.NONE
        : refusal(options, options.access, next.value, replicaId);
      const row = refused !== ErrorCode.NONE
        ? errorRow(next.value, refused)
        : replicaId >= 0
        ? errorRow(next.value, ErrorCode.NOT_LEADER_OR_FOLLOWER)
        : readSound(options, next.value, bound, budget, bytes === 0);
      if (row instanceof Promise) return row;
      take(row);
    }
    return null;
  };
  const readLate = async (late: Promise<Row> | null): Promise<Harvest> => {
    for (; late !== null; late = readOn()) take(await late);
    return { rows, bytes, isUrgent, unknown };
  };
  const late = readOn();
  return late === null ? { rows, bytes, isUrgent, unknown } : readLate(late);
}

/**
 * Brokers may fetch everything; consumers what they may read. A name is refused whether or not it exists, as in Kafka, and
 * to who is no broker and says so an id as well.
 */
function refusal(
  { catalogue }: FetchOptions,
  access: Access,
  { topic, topicId }: FetchPartition,
  replicaId: number,
): number {
  if (replicaId >= 0) {
    const may = access.mayCluster(Operation.CLUSTER_ACTION);
    return may ? ErrorCode.NONE : ErrorCode.TOPIC_AUTHORIZATION_FAILED;
  }
  const name = topicId === ZERO_UUID ? topic : catalogue.topicById(topicId)?.name;
  if (name === undefined) return ErrorCode.NONE; // an unknown id, which is said so
  const may = access.mayTopic(Operation.READ, name);
  return may ? ErrorCode.NONE : ErrorCode.TOPIC_AUTHORIZATION_FAILED;
}

/** Whether there is nothing here for who asks: as Kafka, the rest of the fetch goes on without it. */
function isUnknown({ errorCode }: Row): boolean {
  return errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED ||
    errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION ||
    errorCode === ErrorCode.UNKNOWN_TOPIC_ID;
}

/** A damaged batch is the partition's error, answered at once: no wait makes it whole. The log has told the operator. */
function readSound(
  options: FetchOptions,
  partition: FetchPartition,
  bound: ReadBound,
  budget: number,
  minOneBatch: boolean,
): Row | Promise<Row> {
  const damaged = (error: unknown) => {
    const log = logOf(options, partition);
    return errorRow(partition, readError(error), typeof log === "number" ? null : log);
  };
  try {
    const row = readPartition(options, partition, bound, budget, minOneBatch);
    return row instanceof Promise ? row.catch(damaged) : row;
  } catch (error) {
    return damaged(error);
  }
}

function readPartition(
  options: FetchOptions,
  partition: FetchPartition,
  bound: ReadBound,
  budget: number,
  minOneBatch: boolean,
  isLookedAt = false,
): Row | Promise<Row> {
  const log = logOf(options, partition);
  if (typeof log === "number") return errorRow(partition, log);
  // Only here, every negative epoch says that none is known (Kafka: FetchRequest.optionalEpoch).
  const epochCode = epochError(log, Math.max(-1, partition.currentLeaderEpoch));
  if (epochCode !== ErrorCode.NONE) return errorRow(partition, epochCode);
  const diverging = divergence(log, partition);
  const from = partition.fetchOffset;
  // An epoch from the future has no end to tell of (Partition.readRecords).
  const isUnknownEpoch = diverging !== null && diverging.epoch < 0;
  if (isUnknownEpoch || from < log.logStartOffset || from > log.logEndOffset) {
    return errorRow(partition, ErrorCode.OFFSET_OUT_OF_RANGE, log);
  }
  const maxBytes = Math.min(Math.max(0, partition.maxBytes), budget);
  const wanted = diverging === null && log.hasData(from, bound) && (maxBytes > 0 || minOneBatch);
  const records = wanted ? log.read(from, { maxBytes, bound, minOneBatch }) : null;
  /** What was read, or what is when it has been looked whose transactions were aborted: that may take some turns. */
  const rowOf = (records: Uint8Array | null): Row | Promise<Row> => {
    const look = records === null || bound !== "lso" || isLookedAt
      ? null
      : log.lookForMarkers(from, records, options.turn);
    if (look === null) return rowWith(records);
    options.pool.give(records!);
    return look.then(() => readPartition(options, partition, bound, budget, minOneBatch, true));
  };
  const rowWith = (records: Uint8Array | null): Row => ({
    partition,
    log,
    errorCode: ErrorCode.NONE,
    highWatermark: log.highWatermark,
    lastStableOffset: stableOffset(log, bound),
    logStartOffset: log.logStartOffset,
    diverging,
    records,
  });
  return records instanceof Promise ? records.then(rowOf) : rowOf(records);
}

/** -1 when damage hides it from a reader who has no need of it. */
function stableOffset(log: PartitionLog, bound: ReadBound): number {
  try {
    return log.lastStableOffset;
  } catch (error) {
    if (bound === "lso") throw error;
    readError(error);
    return -1;
  }
}

/** The partition's log. A session asks again each time: the topic may be another by now, or led elsewhere. */
function logOf(options: FetchOptions, partition: FetchPartition): PartitionLog | number {
  const topic = findTopic(options, partition.topic, partition.topicId);
  return typeof topic === "number" ? topic : findLog(options, topic, partition.index);
}

/** Where a fetcher's last epoch ended here, when that is not where it believes (KIP-595; consumers send -1). */
function divergence(
  log: PartitionLog,
  { lastFetchedEpoch, fetchOffset }: FetchPartition,
): { epoch: number; endOffset: number } | null {
  if (lastFetchedEpoch < 0) return null;
  const end = log.epochs.endOffsetFor(lastFetchedEpoch, log.logEndOffset);
  const agrees = end.epoch === lastFetchedEpoch && end.endOffset >= fetchOffset;
  return agrees ? null : end;
}

function respond(
  options: FetchOptions,
  plan: FetchPlan,
  harvest: Harvest,
  isolationLevel: number,
): Response {
  const { session, isIncremental } = plan;
  const responses: NonNullable<Response["responses"]>[number][] = [];
  let current: { topic: string; topicId: string; partitions: unknown[] } | null = null;
  for (const read of harvest.rows) {
    const { row, aborted } = isolationLevel === READ_COMMITTED
      ? withAborted(read, options.pool)
      : { row: read, aborted: null };
    const { partition, records } = row;
    if (isIncremental && !hasNews(row)) continue;
    if (session) {
      partition.toldHighWatermark = row.highWatermark;
      partition.toldLogStart = row.logStartOffset;
    }
    if (records !== null) {
      count(options.meter(row.log!.topic), records);
      if (session) moveToEnd(session, partition);
    }
    if (
      current === null || current.topic !== partition.topic || current.topicId !== partition.topicId
    ) {
      const { topic, topicId } = partition;
      current = { topic, topicId, partitions: [] };
      responses.push(current as unknown as typeof responses[number]);
    }
    current.partitions.push({
      partitionIndex: partition.index,
      errorCode: row.errorCode,
      highWatermark: row.highWatermark,
      lastStableOffset: row.lastStableOffset,
      logStartOffset: row.logStartOffset,
      ...row.diverging && { divergingEpoch: row.diverging },
      abortedTransactions: aborted,
      records: records ?? NO_RECORDS,
    });
  }
  return { sessionId: session?.id ?? 0, responses };
}

function count(meter: TopicMetrics, records: Uint8Array): void {
  meter.bytesOut += records.length;
  for (let at = 0; at < records.length; at += batch.sizeInBytes(records, at)) {
    meter.messagesOut += batch.recordCount(records, at);
  }
}

function hasNews(row: Row): boolean {
  return row.records !== null || row.errorCode !== ErrorCode.NONE || row.diverging !== null ||
    row.partition.toldHighWatermark !== row.highWatermark ||
    row.partition.toldLogStart !== row.logStartOffset;
}

/** What was served goes to the end of the session, so that under small limits every partition has its turn. */
function moveToEnd(session: FetchSession, partition: FetchPartition): void {
  const { topic, topicId, index } = partition;
  const key = `${topicId === ZERO_UUID ? topic : topicId}:${index}`;
  if (session.partitions.size === 1 || !session.partitions.delete(key)) return;
  session.partitions.set(key, partition);
}

/**
 * With the aborted transactions whose records are in what was read: the consumer drops those records. Where damage hides
 * them nothing may leave.
 */
function withAborted(
  row: Row,
  pool: BufferPool,
): { row: Row; aborted: { producerId: number; firstOffset: number }[] } {
  const { log, partition, records } = row;
  if (log === null || records === null) return { row, aborted: [] };
  try {
    return { row, aborted: log.abortedTransactions(partition.fetchOffset, records) };
  } catch (error) {
    pool.give(records);
    return { row: errorRow(partition, readError(error), log), aborted: [] };
  }
}

function errorRow(
  partition: FetchPartition,
  errorCode: number,
  log: PartitionLog | null = null,
): Row {
  return {
    partition,
    log,
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    diverging: null,
    records: null,
  };
}

function release(pool: BufferPool, harvest: Harvest): void {
  for (const { records } of harvest.rows) if (records !== null) pool.give(records);
}

function boundOf(request: Request): ReadBound {
  return request.isolationLevel === READ_COMMITTED ? "lso" : "hw";
}

const READ_COMMITTED = 1;
const NO_RECORDS = new Uint8Array(0);

function namedPartitions(request: Request): FetchPartition[] {
  const named: FetchPartition[] = [];
  for (const { topic, topicId, partitions } of request.topics) {
    for (const one of partitions) {
      named.push({
        topic,
        topicId,
        index: one.partition,
        fetchOffset: one.fetchOffset,
        maxBytes: one.partitionMaxBytes,
        currentLeaderEpoch: one.currentLeaderEpoch,
        lastFetchedEpoch: one.lastFetchedEpoch,
        toldHighWatermark: -1,
        toldLogStart: -1,
      });
    }
  }
  return named;
}
