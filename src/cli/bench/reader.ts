/**
 * Reader: fetches partitions as fast as their leaders answer. The next fetch is on its way before what the last one
 * brought is counted. Checksums are checked and records walked through, as any consumer has to; no objects are made of
 * them, so that what is measured is the broker.
 */
import type { Cluster, Topic } from "../../client/cluster.ts";
import { isStaleMetadata } from "../../client/cluster.ts";
import type { Connection } from "../../client/connection.ts";
import { ConnectionError, KafkaError, mayRetry } from "../../client/errors.ts";
import { CorruptBatchError } from "../../client/fetched_records.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import * as batch from "../../protocol/records/batch.ts";
import type { Decoded } from "../../protocol/schema.ts";
import { ZERO_UUID } from "../../bytes/uuid.ts";
import type { PartitionRange } from "../consume/plan.ts";
import { countRecords } from "./count_records.ts";

export interface FetchSizes {
  /** Of a fetch, and of one partition in it. */
  readonly maxBytes: number;
  readonly maxPartitionBytes: number;
  /** The broker waits for so much, or so long. */
  readonly minBytes: number;
  readonly maxWaitMs: number;
  readonly checkCrcs: boolean;
}

export interface ReaderOptions {
  readonly sizes: FetchSizes;
  readonly isOver: () => boolean;
  /** What a fetch has brought, and how long it took. */
  readonly onFetched: (fetched: Fetched) => void;
}

export interface Fetched {
  readonly records: number;
  readonly bytes: number;
  readonly tookMs: number;
}

interface Reading {
  readonly partition: number;
  readonly until: number;
  position: number;
}

export class Reader {
  readonly #cluster: Cluster;
  readonly #topic: string;
  readonly #readings: readonly Reading[];
  readonly #options: ReaderOptions;
  /** Fetches that came to nothing since one did not. */
  #tries = 0;

  /** `planned` are partitions of one topic; those without an end are read until it is over. */
  constructor(cluster: Cluster, planned: readonly PartitionRange[], options: ReaderOptions) {
    this.#cluster = cluster;
    this.#topic = planned[0].topic;
    this.#readings = planned.map(({ partition, from, until }) => ({
      partition,
      until: until ?? Infinity,
      position: from,
    }));
    this.#options = options;
  }

  /** Resolves when each partition is at its end, or it is over. Throws KafkaError, ConnectionError, CorruptBatchError. */
  async run(): Promise<void> {
    for (let left = this.#left(); left.length > 0 && !this.#options.isOver(); left = this.#left()) {
      try {
        await this.#readSome(left);
      } catch (error) {
        if (!mayRetry(error) || this.#tries >= MOST_TRIES || this.#options.isOver()) throw error;
        if (!(error instanceof KafkaError) || isStaleMetadata(error.code)) {
          this.#cluster.forget(this.#topic);
        }
        await this.#cluster.pause(this.#cluster.backoffMs(this.#tries++));
      }
    }
  }

  #left(): Reading[] {
    return this.#readings.filter(({ position, until }) => position < until);
  }

  /** From each leader as long as it leads them. When one fails the others end too, and then all begin anew. */
  async #readSome(readings: readonly Reading[]): Promise<void> {
    const topic = await this.#cluster.topic(this.#topic);
    const byLeader = Map.groupBy(readings, ({ partition }) => topic.partitions[partition].leaderId);
    const failures: unknown[] = [];
    await Promise.all([...byLeader].map(async ([nodeId, some]) => {
      try {
        await this.#readFrom(nodeId, topic, [...some], () => failures.length > 0);
      } catch (error) {
        failures.push(error);
      }
    }));
    if (failures.length > 0) throw failures[0];
  }

  async #readFrom(
    nodeId: number,
    topic: Topic,
    readings: Reading[],
    isBroken: () => boolean,
  ): Promise<void> {
    if (nodeId < 0) throw new KafkaError(ErrorCode.LEADER_NOT_AVAILABLE, `leader of ${topic.name}`);
    const isOver = () => isBroken() || this.#options.isOver();
    const connection = await this.#cluster.connectionTo(nodeId);
    let pending = this.#ask(connection, topic, readings);
    for (;;) {
      const { answer, sinceMs } = await pending;
      if (answer.errorCode !== 0) throw new KafkaError(answer.errorCode, "fetch");
      const brought = answer.responses.flatMap(({ partitions }) => partitions);
      const from = brought.map((one) => this.#accept(one, readings));
      const failed = brought.find(({ errorCode }) => errorCode !== 0);
      const isEmpty = brought.every(({ records }) => (records?.length ?? 0) === 0);
      if (isEmpty) this.#atEnd(brought, readings);
      readings = rotated(readings.filter(({ position, until }) => position < until));
      const goesOn = readings.length > 0 && failed === undefined && !isOver();
      if (goesOn) {
        pending = this.#ask(connection, topic, readings);
        pending.catch(() => {}); // it is heard of in the next round
      }
      const tookMs = performance.now() - sinceMs;
      this.#count(brought, from, tookMs);
      if (failed !== undefined) {
        const what = `fetch of ${topic.name}-${failed.partitionIndex}`;
        throw new KafkaError(failed.errorCode, what);
      }
      this.#tries = 0;
      if (!goesOn || isOver()) return;
    }
  }

  async #ask(connection: Connection, topic: Topic, readings: readonly Reading[]) {
    const { sizes: { maxBytes, maxPartitionBytes, minBytes, maxWaitMs } } = this.#options;
    const sinceMs = performance.now();
    const version = connection.versionFor(Fetch, topic.id === ZERO_UUID ? 12 : 17);
    const answer = await connection.request(Fetch, version, {
      maxWaitMs,
      minBytes,
      maxBytes,
      isolationLevel: 0,
      topics: [{
        topic: topic.name,
        topicId: topic.id,
        partitions: readings.map(({ partition, position }) => ({
          partition,
          currentLeaderEpoch: topic.partitions[partition].leaderEpoch,
          fetchOffset: position,
          partitionMaxBytes: maxPartitionBytes,
        })),
      }],
    });
    return { answer, sinceMs };
  }

  /** Where it was read from; the position is behind what came. */
  #accept(brought: Brought, readings: readonly Reading[]): number {
    const { partitionIndex, records } = brought;
    const reading = readings.find(({ partition }) => partition === partitionIndex);
    if (reading === undefined) {
      throw new ConnectionError(`${this.#topic}-${partitionIndex} was answered and not asked for`);
    }
    const from = reading.position;
    for (const at of batch.batches(records ?? NOTHING)) {
      reading.position = Math.max(reading.position, batch.lastOffset(records!, at) + 1);
    }
    return from;
  }

  /** A compacted log may end in a gap, which no fetch passes. */
  #atEnd(brought: readonly Brought[], readings: readonly Reading[]): void {
    for (const { partitionIndex, errorCode, highWatermark } of brought) {
      if (errorCode !== 0) continue;
      const reading = readings.find(({ partition }) => partition === partitionIndex)!;
      if (highWatermark >= reading.until) reading.position = reading.until;
    }
  }

  #count(brought: readonly Brought[], from: readonly number[], tookMs: number): void {
    let records = 0, bytes = 0;
    for (const [i, { records: some, partitionIndex }] of brought.entries()) {
      for (const at of batch.batches(some ?? NOTHING)) {
        if (this.#options.sizes.checkCrcs && !batch.isIntact(some!, at)) {
          throw new CorruptBatchError(
            `Cannot read the batch at offset ${
              batch.baseOffset(some!, at)
            } of ${this.#topic}-${partitionIndex}: its checksum is wrong`,
          );
        }
        if (batch.isControl(some!, at)) continue;
        const counted = countRecords(some!, at, from[i]);
        records += counted.records;
        bytes += counted.bytes;
      }
    }
    this.#options.onFetched({ records, bytes, tookMs });
  }
}

type Brought = Decoded<typeof Fetch.response>["responses"][number]["partitions"][number];

/** What stands first gets the most of an answer, so each does in turn. */
function rotated(readings: readonly Reading[]): Reading[] {
  return [...readings.slice(1), ...readings.slice(0, 1)];
}

const NOTHING = new Uint8Array();
/** With pauses up to a second. */
const MOST_TRIES = 30;
