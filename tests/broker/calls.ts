/**
 * Calls: the requests most tests make, with one partition and everything a test does not care for filled in.
 */
import { assertEquals } from "@std/assert";
import { type Uuid, ZERO_UUID } from "../../src/bytes/uuid.ts";
import type { Connection } from "../../src/client/connection.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { Fetch } from "../../src/protocol/messages/fetch.ts";
import { ListOffsets } from "../../src/protocol/messages/list_offsets.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import { type BatchOptions, buildBatch } from "../../src/protocol/records/build.ts";
import { type LogRecord, readRecords } from "../../src/protocol/records/record.ts";
import type { Encodable } from "../../src/protocol/schema.ts";
import { utf8 } from "./harness.ts";

export interface ProduceCall {
  /** By name; by id from version 13 on. */
  readonly topic: string;
  readonly partition?: number;
  readonly records: Uint8Array | null;
  readonly acks?: number;
  readonly transactionalId?: string | null;
}

/** The request of one partition. With version 13 `topic` is the id. */
export function produceRequest(
  version: number,
  call: ProduceCall,
): Encodable<typeof Produce.request> {
  const { topic, partition = 0, records, acks = -1, transactionalId = null } = call;
  const which = version >= 13 ? { topicId: topic as Uuid } : { name: topic };
  const partitionData = [{ index: partition, records }];
  return { transactionalId, acks, timeoutMs: 30_000, topicData: [{ ...which, partitionData }] };
}

/** Produces one batch; the answer for its partition. */
export async function produce(connection: Connection, call: ProduceCall, version = 12) {
  const request = produceRequest(version, call);
  const { responses } = await connection.request(Produce, version, request);
  return responses[0].partitionResponses[0];
}

/** Produces records with these values, which must succeed; their first offset. */
export async function append(
  connection: Connection,
  topic: string,
  values: readonly string[],
  options: { partition?: number; batch?: Partial<BatchOptions> } = {},
): Promise<number> {
  const records = batchOf(values, options.batch);
  const answer = await produce(connection, { topic, partition: options.partition, records });
  assertEquals(answer.errorCode, 0, `producing to ${topic}`);
  return answer.baseOffset;
}

/** A batch of records without keys, stamped with the present unless told otherwise. */
export function batchOf(values: readonly string[], options: Partial<BatchOptions> = {}) {
  const timestampMs = Date.now();
  const records = values.map((value) => ({ timestampMs, value: utf8(value) }));
  return buildBatch({ records, ...options });
}

export interface FetchCall {
  readonly topic?: string;
  readonly topicId?: Uuid;
  readonly partitions: readonly {
    partition: number;
    fetchOffset: number;
    partitionMaxBytes?: number;
    currentLeaderEpoch?: number;
    lastFetchedEpoch?: number;
  }[];
}

export interface FetchOptions {
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly isolationLevel?: number;
  readonly sessionId?: number;
  readonly sessionEpoch?: number;
  readonly replicaId?: number;
  readonly forgotten?: readonly { topic?: string; topicId?: Uuid; partitions: readonly number[] }[];
}

export function fetchRequest(
  topics: readonly FetchCall[],
  { maxWaitMs = 0, minBytes = 1, isolationLevel = 0, forgotten = [], ...more }: FetchOptions = {},
): Encodable<typeof Fetch.request> {
  return {
    maxWaitMs,
    minBytes,
    isolationLevel,
    ...more,
    topics: topics.map(({ topic = "", topicId = ZERO_UUID, partitions }) => ({
      topic,
      topicId,
      partitions: partitions.map((one) => ({ partitionMaxBytes: 1 << 20, ...one })),
    })),
    forgottenTopicsData: forgotten.map(({ topic = "", topicId = ZERO_UUID, partitions }) => ({
      topic,
      topicId,
      partitions,
    })),
  };
}

/** Fetches; version 12, the last with names, unless told otherwise. */
export function fetch(
  connection: Connection,
  topics: readonly FetchCall[],
  options: FetchOptions = {},
  version = 12,
) {
  return connection.request(Fetch, version, fetchRequest(topics, options));
}

/** Fetches one partition by name; the answer for it. */
export async function fetchOne(
  connection: Connection,
  topic: string,
  fetchOffset: number,
  options: FetchOptions & { partition?: number; partitionMaxBytes?: number } = {},
) {
  const { partition = 0, partitionMaxBytes, ...more } = options;
  const one = {
    partition,
    fetchOffset,
    ...partitionMaxBytes === undefined ? {} : { partitionMaxBytes },
  };
  const { responses } = await fetch(connection, [{ topic, partitions: [one] }], more);
  return responses[0].partitions[0];
}

/** As fetchOne(), once the partition is served: after a start its log may still be on its way to be opened. */
export async function fetchServed(
  connection: Connection,
  topic: string,
  fetchOffset: number,
  options: Parameters<typeof fetchOne>[3] = {},
): ReturnType<typeof fetchOne> {
  for (let tries = 0;; tries++) {
    const answer = await fetchOne(connection, topic, fetchOffset, options);
    if (answer.errorCode !== ErrorCode.NOT_LEADER_OR_FOLLOWER || tries === 300) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The records in a fetch answer. */
export function recordsIn(records: Uint8Array | null): LogRecord[] {
  if (records === null) return [];
  return [...batch.batches(records)].flatMap((at) => [...readRecords(records, at)]);
}

/** Their values. */
export function valuesIn(records: Uint8Array | null): (string | null)[] {
  return recordsIn(records).map(valueOf);
}

function valueOf({ value }: LogRecord): string | null {
  return value && new TextDecoder().decode(value);
}

/** The values of everything a partition shows from an offset on. */
export async function readAll(
  connection: Connection,
  topic: string,
  partition = 0,
  from = 0,
): Promise<(string | null)[]> {
  const values: (string | null)[] = [];
  for (let offset = from;;) {
    const answer = await fetchOne(connection, topic, offset, { partition });
    assertEquals(answer.errorCode, 0, `reading ${topic}-${partition} at ${offset}`);
    const records = recordsIn(answer.records).filter((record) => record.offset >= offset);
    values.push(...records.map(valueOf));
    offset = records.length === 0 ? answer.highWatermark : records[records.length - 1].offset + 1;
    if (offset >= answer.highWatermark) return values;
  }
}

export const EARLIEST = -2, LATEST = -1;

/** Asks for one offset. */
export async function listOffset(
  connection: Connection,
  topic: string,
  timestamp: number,
  options: { partition?: number; version?: number; isolationLevel?: number } = {},
) {
  const { partition = 0, version = 11, isolationLevel = 0 } = options;
  const { topics } = await connection.request(ListOffsets, version, {
    replicaId: -1,
    ...version >= 2 ? { isolationLevel } : {},
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }],
  });
  return topics[0].partitions[0];
}
