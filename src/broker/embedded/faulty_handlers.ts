/**
 * Faulty handlers: handlers that fail as a test said, and are what they were while nothing is set.
 *
 * A fault of one topic parts its request, as a guard does: what is meant is answered with the error, the rest is carried
 * out, and both come back as one answer. A fetch within a session names next to nothing, so it is carried out, without
 * waiting, and what it answers of the partitions that are meant is replaced.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { Uuid } from "../../bytes/uuid.ts";
import { ZERO_UUID } from "../../bytes/uuid.ts";
import type { Timers } from "../../clock.ts";
import type { FetchPartition, FetchSessions } from "../../handlers/fetch_sessions.ts";
import {
  type Answer,
  CLOSE,
  type ConnectionInfo,
  type Handler,
  NO_REPLY,
  type RequestContext,
} from "../../handlers/handler.ts";
import { OFFSETS_TOPIC } from "../../handlers/offsets_topic.ts";
import { TRANSACTION_TOPIC } from "../../handlers/transaction_topic.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { Metadata } from "../../protocol/messages/metadata.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { errorAnswer, joined, type Meant, parted, type Struct } from "./error_answers.ts";
import type { FaultSet, Rule } from "./faults.ts";

/** What is asked to find out what a request is about. */
export interface FaultyParts {
  readonly faults: FaultSet;
  readonly timers: Timers;
  readonly sessions: Pick<FetchSessions, "partitionsOf">;
  /** The name of a topic; undefined where there is none of this id. */
  readonly nameOf: (topicId: Uuid) => string | undefined;
  /** Takes the memory back of records that will not be sent. */
  readonly giveBack: (records: Uint8Array) => void;
}

type Late = Answer<Struct> | Promise<Answer<Struct>>;
type Serve = (request: Struct) => Late;

export function faultyHandlers(handlers: readonly Handler[], parts: FaultyParts): Handler[] {
  const { faults } = parts;
  return handlers.map((handler) => ({
    ...handler,
    handle: (request, context) =>
      faults.isIdle
        ? handler.handle(request, context)
        : struck(parts, handler, request as Struct, context),
  }));
}

function struck(
  parts: FaultyParts,
  handler: Handler,
  request: Struct,
  context: RequestContext,
): Late {
  const { faults } = parts, { api } = handler, { apiVersion } = context;
  const serve: Serve = (rest) => handler.handle(rest, context);
  let answer: ((serve: Serve) => Late) | null = null;
  const rule = faults.take(api, context, (rule) => {
    answer = answerBy(parts, handler, rule, request, apiVersion);
    return answer !== null;
  });
  if (rule === null) return noted(parts, handler, request, serve(request));
  const strike = (): Late =>
    rule.disconnect === "after"
      ? lost(parts, serve(request))
      : rule.disconnect
      ? CLOSE
      : rule.errorCode === null
      ? serve(request)
      : answer!(serve);
  if (rule.delayMs === 0) return strike();
  let late: Late = CLOSE;
  const begun = delayed(parts.timers, rule.delayMs, context.connection)
    .then(() => void (late = strike()));
  // Until it is begun its bytes stay, and what came behind it waits: order is kept.
  context.connection.hold(begun);
  return begun.then(() => late);
}

/** How a request is answered by a rule; null where the rule is not about it. */
function answerBy(
  parts: FaultyParts,
  { api }: Handler,
  rule: Rule,
  request: Struct,
  version: number,
): ((serve: Serve) => Late) | null {
  if (api.key === Fetch.key) return fetchBy(parts, rule, request, version);
  if (api.key === Metadata.key) return metadataBy(parts, rule, request, version);
  const { errorCode } = rule;
  if (rule.topic === undefined) {
    if (errorCode === null) return (serve) => serve(request);
    const answer = errorAnswer(api, version, request, errorCode);
    return answer === null
      ? null
      : () => request.acks === 0 && api.key === Produce.key ? CLOSE : answer;
  }
  const { hit, rest } = parted(request, meantBy(parts, rule));
  if (hit === null) return null;
  if (errorCode === null) return (serve) => serve(request);
  const errors = errorAnswer(api, version, hit, errorCode, { atTop: false });
  if (errors === null) return null;
  if (rest === null) return () => request.acks === 0 && api.key === Produce.key ? CLOSE : errors;
  return (serve) =>
    then(serve(rest), (answer) => {
      // With acks=0 the end of the connection is the only sign of an error; what was right is written before.
      if (answer === NO_REPLY || answer === CLOSE) return CLOSE;
      return joined(answer, errors);
    });
}

function meantBy({ nameOf }: FaultyParts, { topic, partition }: Rule): Meant {
  return {
    partition,
    topic: ({ name, topicId }) => {
      const isById = topicId !== null && topicId !== ZERO_UUID;
      return topic === (isById ? nameOf(topicId as Uuid) : name);
    },
  };
}

/** Codes that speak of a fetch as a whole. */
const OF_SESSIONS: readonly number[] = [
  ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
  ErrorCode.INVALID_FETCH_SESSION_EPOCH,
  ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR,
];

function fetchBy(
  parts: FaultyParts,
  rule: Rule,
  request: Struct,
  version: number,
): ((serve: Serve) => Late) | null {
  const { errorCode } = rule, meant = meantBy(parts, rule);
  const partitions = fetched(parts, request);
  const hit = rule.topic === undefined
    ? partitions
    : partitions.filter((one) =>
      meant.topic({ name: one.topic, topicId: one.topicId }) &&
      (rule.partition === undefined || rule.partition === one.index)
    );
  if (rule.topic !== undefined && hit.length === 0) return null;
  if (errorCode === null) return (serve) => serve(request);
  if (OF_SESSIONS.includes(errorCode) && version >= SESSIONS_SINCE) return () => ({ errorCode });
  if (hit.length === 0) return null;
  return (serve) =>
    then(serve({ ...request, maxWaitMs: 0 }), (answer) => {
      if (answer === NO_REPLY || answer === CLOSE || (answer.errorCode ?? 0) !== 0) return answer;
      for (const one of hit) { // what was told of it is not
        if ("toldHighWatermark" in one) one.toldHighWatermark = -1;
      }
      return withErrors(parts, answer, hit, errorCode);
    });
}

const SESSIONS_SINCE = 7;

/** What a fetch is about: what it names, and what its session remembers. */
function fetched({ sessions }: FaultyParts, request: Struct): (FetchPartition | Named)[] {
  const { sessionId, sessionEpoch } = request as { sessionId: number; sessionEpoch: number };
  const remembered = sessionEpoch > 0 ? [...sessions.partitionsOf(sessionId) ?? []] : [];
  const isForgotten = new Set(
    (request.forgottenTopicsData as { topic: string; topicId: Uuid; partitions: number[] }[])
      .flatMap(({ topic, topicId, partitions }) => partitions.map((i) => keyOf(topic, topicId, i))),
  );
  const all = new Map<string, FetchPartition | Named>();
  for (const one of remembered) {
    const key = keyOf(one.topic, one.topicId, one.index);
    if (!isForgotten.has(key)) all.set(key, one);
  }
  for (const { topic, topicId, partitions } of request.topics as FetchTopic[]) {
    for (const { partition: index } of partitions) {
      const key = keyOf(topic, topicId, index);
      if (!all.has(key)) all.set(key, { topic, topicId, index });
    }
  }
  return [...all.values()];
}

interface Named {
  readonly topic: string;
  readonly topicId: Uuid;
  readonly index: number;
}

interface FetchTopic {
  readonly topic: string;
  readonly topicId: Uuid;
  readonly partitions: readonly { readonly partition: number }[];
}

interface FetchedTopic {
  readonly topic?: string;
  readonly topicId?: Uuid;
  readonly partitions: readonly { readonly partitionIndex: number; readonly records?: unknown }[];
}

function keyOf(topic = "", topicId: Uuid = ZERO_UUID, index: number): string {
  return `${topicId === ZERO_UUID ? topic : topicId}:${index}`;
}

/** The answer of a fetch with an error in these partitions, in place of what was read of them. */
function withErrors(
  { giveBack }: FaultyParts,
  answer: Struct,
  hit: readonly Named[],
  errorCode: number,
): Struct {
  const keys = new Set(hit.map((one) => keyOf(one.topic, one.topicId, one.index)));
  const responses = (answer.responses as FetchedTopic[] | undefined ?? []).map((topic) => ({
    ...topic,
    partitions: topic.partitions.filter(({ partitionIndex, records }) => {
      if (!keys.has(keyOf(topic.topic, topic.topicId, partitionIndex))) return true;
      if (records instanceof Uint8Array && records.length > 0) giveBack(records);
      return false;
    }),
  })).filter(({ partitions }) => partitions.length > 0);
  const errors = hit.map(({ topic, topicId, index }) => ({
    topic,
    topicId,
    partitions: [{
      partitionIndex: index,
      errorCode,
      highWatermark: -1,
      lastStableOffset: -1,
      logStartOffset: -1,
      abortedTransactions: null,
      records: new Uint8Array(0),
    }],
  }));
  return joined({ ...answer, responses }, { responses: errors });
}

/**
 * Metadata is answered as always, with who the brokers are, and the error with the topics that are meant: without brokers
 * a client would not know whom to ask again.
 */
function metadataBy(
  parts: FaultyParts,
  rule: Rule,
  request: Struct,
  version: number,
): ((serve: Serve) => Late) | null {
  const { errorCode } = rule, meant = meantBy(parts, rule);
  const topics = request.topics as { name: string | null; topicId: Uuid }[] | null;
  const asksAll = topics === null || version === 0 && topics.length === 0;
  if (rule.topic !== undefined && !asksAll && !topics!.some(meant.topic)) return null;
  if (errorCode === null) return (serve) => serve(request);
  if (topics?.length === 0 && !asksAll) return null; // it asks for brokers alone
  return (serve) =>
    then(serve(request), (answer) => {
      if (answer === NO_REPLY || answer === CLOSE) return answer;
      const told = (answer.topics as Struct[] | undefined ?? []).map((topic) => {
        const { name = null, topicId = ZERO_UUID } = topic as { name?: string; topicId?: Uuid };
        if (rule.topic !== undefined && !meant.topic({ name, topicId })) return topic;
        return { ...topic, errorCode, partitions: [] };
      });
      return { ...answer, topics: told };
    });
}

/** The request is carried out, and its answer is not sent. */
function lost({ giveBack }: FaultyParts, answer: Late): Late {
  return then(answer, (answer) => {
    if (answer === NO_REPLY || answer === CLOSE) return CLOSE;
    for (const { partitions } of answer.responses as FetchedTopic[] | undefined ?? []) {
      for (const { records } of partitions ?? []) {
        if (records instanceof Uint8Array && records.length > 0) giveBack(records);
      }
    }
    return CLOSE;
  });
}

/** Notes which of what lasts (a partition without a leader, a full disk) a request met with. */
function noted(
  parts: FaultyParts,
  { api }: Handler,
  request: Struct,
  answer: Late,
): Late {
  for (const lasting of parts.faults.lasting) {
    const { topic, partition } = lasting;
    const note = (codes: readonly number[]) => {
      const seen = then(answer, (answer) => {
        // With acks=0 the end of the connection is all that a producer hears of an error.
        if (answer === CLOSE ? api.key === Produce.key : hasCode(answer, codes)) lasting.fired++;
        return answer;
      });
      if (seen instanceof Promise) seen.catch(ignore);
    };
    if (topic === undefined) {
      if (api.key === Produce.key) note([ErrorCode.KAFKA_STORAGE_ERROR]);
      continue;
    }
    const meant = meantBy(parts, { topic, partition } as Rule);
    const isNamed = api.key === Fetch.key
      ? fetched(parts, request).some((one) =>
        meant.topic({ name: one.topic, topicId: one.topicId }) && one.index === partition
      )
      : parted(request, meant).hit !== null;
    if (isNamed) lasting.fired++;
    else if (COORDINATORS_TOPICS.includes(topic)) note(WITHOUT_COORDINATOR);
  }
  return answer;
}

/** Nobody names their partitions, but for those who read them: who asks their coordinators meets with it. */
const COORDINATORS_TOPICS: readonly string[] = [OFFSETS_TOPIC, TRANSACTION_TOPIC];
const WITHOUT_COORDINATOR: readonly number[] = [
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
];

/** Whether one of these codes is anywhere in an answer. */
function hasCode(value: unknown, codes: readonly number[]): boolean {
  if (Array.isArray(value)) return value.some((one) => hasCode(one, codes));
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return false;
  return Object.entries(value).some(([name, inner]) =>
    name === "errorCode" ? codes.includes(inner as number) : hasCode(inner, codes)
  );
}

/** Until then, or until the connection goes. */
function delayed(timers: Timers, ms: number, { ends }: ConnectionInfo): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = timers.after(ms, resolve);
  ends.add(resolve);
  return promise.then(() => {
    cancel();
    ends.delete(resolve);
  });
}

function then(answer: Late, work: (answer: Answer<Struct>) => Answer<Struct>): Late {
  return answer instanceof Promise ? answer.then(work) : work(answer);
}

const ignore = (): void => {};
