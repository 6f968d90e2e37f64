/** Asker: the requests of the load and of the check, each with its answer's error as it came. */
import { Connection } from "../../src/client/connection.ts";
import { AddOffsetsToTxn } from "../../src/protocol/messages/add_offsets_to_txn.ts";
import { AddPartitionsToTxn } from "../../src/protocol/messages/add_partitions_to_txn.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { DeleteRecords } from "../../src/protocol/messages/delete_records.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { EndTxn } from "../../src/protocol/messages/end_txn.ts";
import { Fetch } from "../../src/protocol/messages/fetch.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { InitProducerId } from "../../src/protocol/messages/init_producer_id.ts";
import { ListOffsets } from "../../src/protocol/messages/list_offsets.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { OffsetFetch } from "../../src/protocol/messages/offset_fetch.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import { TxnOffsetCommit } from "../../src/protocol/messages/txn_offset_commit.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import { AbortedTransactions } from "../../src/client/fetched_records.ts";
import { type LogRecord, readRecords } from "../../src/protocol/records/record.ts";

/** A record as it was read. */
export interface Read {
  readonly offset: number;
  /** What the load calls it. */
  readonly id: string;
  readonly key: string | null;
  readonly value: Uint8Array | null;
}

export interface ReadLog {
  readonly error: number;
  readonly start: number;
  readonly end: number;
  readonly stable: number;
  readonly records: Read[];
}

const text = new TextDecoder();

export class Asker {
  readonly connection: Connection;

  private constructor(connection: Connection) {
    this.connection = connection;
  }

  static async open(address: string): Promise<Asker> {
    const [host, port] = address.split(":");
    const connection = await Connection.open({
      host,
      port: Number(port),
      requestTimeoutMs: 20_000,
    });
    return new Asker(connection);
  }

  close(): void {
    this.connection.close();
  }

  async produce(
    { topic, partition, bytes, acks = -1, transactionalId = null, version = 11 }: {
      topic: string;
      partition: number;
      bytes: Uint8Array;
      acks?: number;
      transactionalId?: string | null;
      version?: number;
    },
  ): Promise<{ error: number; offset: number }> {
    const answer = await this.connection.request(Produce, version, {
      transactionalId,
      acks,
      timeoutMs: 20_000,
      topicData: [{ name: topic, partitionData: [{ index: partition, records: bytes }] }],
    });
    const { errorCode, baseOffset } = answer.responses[0].partitionResponses[0];
    return { error: errorCode, offset: baseOffset };
  }

  async createTopic(name: string, numPartitions: number, configs: Record<string, string>) {
    const answer = await this.connection.request(CreateTopics, 7, {
      topics: [{
        name,
        numPartitions,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
      }],
      timeoutMs: 20_000,
      validateOnly: false,
    });
    const [{ errorCode, topicId, errorMessage }] = answer.topics;
    return { error: errorCode, id: String(topicId), message: errorMessage };
  }

  async deleteTopic(name: string): Promise<number> {
    const body = { topics: [], topicNames: [name], timeoutMs: 20_000 };
    return (await this.connection.request(DeleteTopics, 5, body)).responses[0].errorCode;
  }

  async deleteRecords(name: string, partitionIndex: number, offset: number): Promise<number> {
    const topics = [{ name, partitions: [{ partitionIndex, offset }] }];
    const answer = await this.connection.request(DeleteRecords, 2, { topics, timeoutMs: 20_000 });
    return answer.topics[0].partitions[0].errorCode;
  }

  async topics(): Promise<Map<string, { id: string; partitions: number }>> {
    const { topics } = await this.connection.request(Metadata, 12, {
      topics: null,
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: false,
    });
    return new Map(
      topics.map((
        one,
      ) => [one.name!, { id: String(one.topicId), partitions: one.partitions.length }]),
    );
  }

  async commit(groupId: string, name: string, partitionIndex: number, offset: number) {
    const answer = await this.connection.request(OffsetCommit, 8, {
      groupId,
      memberId: "",
      groupInstanceId: null,
      topics: [{
        name,
        partitions: [{
          partitionIndex,
          committedOffset: BigInt(offset) as never,
          committedMetadata: "",
        }],
      }],
    });
    return answer.topics[0].partitions[0].errorCode;
  }

  async committed(groupId: string, name: string, partitionIndex: number, requireStable = false) {
    const answer = await this.connection.request(OffsetFetch, 7, {
      groupId,
      topics: [{ name, partitionIndexes: [partitionIndex] }],
      groups: [],
      requireStable,
    });
    const one = answer.topics[0]?.partitions[0];
    return {
      error: answer.errorCode || (one?.errorCode ?? 0),
      offset: Number(one?.committedOffset),
    };
  }

  async findCoordinator(key: string, keyType: 0 | 1): Promise<number> {
    const body = { key, keyType, coordinatorKeys: [] };
    return (await this.connection.request(FindCoordinator, 3, body)).errorCode;
  }

  async initProducer(transactionalId: string | null) {
    for (let tries = 0;; tries++) {
      const answer = await this.connection.request(InitProducerId, 4, {
        transactionalId,
        transactionTimeoutMs: 60_000,
        enable2Pc: false,
        keepPreparedTxn: false,
      });
      const { errorCode: error, producerId: pid, producerEpoch: epoch } = answer;
      if (!RETRIED.has(error) || tries > 400) return { error, pid, epoch };
      await pause(20);
    }
  }

  async addPartitions(
    transactionalId: string,
    pid: number,
    epoch: number,
    topic: string,
    partition: number,
  ) {
    for (let tries = 0;; tries++) {
      const answer = await this.connection.request(AddPartitionsToTxn, 3, {
        transactions: [],
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: pid,
        v3AndBelowProducerEpoch: epoch,
        v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
      });
      const error = answer.resultsByTopicV3AndBelow[0].resultsByPartition[0].partitionErrorCode;
      if (!RETRIED.has(error) || tries > 400) return error;
      await pause(5);
    }
  }

  async txnCommit(
    { transactionalId, pid, epoch, group, topic, partition, offset }: {
      transactionalId: string;
      pid: number;
      epoch: number;
      group: string;
      topic: string;
      partition: number;
      offset: number;
    },
  ): Promise<number> {
    const owner = { transactionalId, producerId: pid, producerEpoch: epoch, groupId: group };
    for (let tries = 0;; tries++) {
      const { errorCode } = await this.connection.request(AddOffsetsToTxn, 3, owner);
      if (errorCode !== 0 && (!RETRIED.has(errorCode) || tries > 400)) return errorCode;
      if (errorCode === 0) break;
      await pause(5);
    }
    const answer = await this.connection.request(TxnOffsetCommit, 3, {
      ...owner,
      memberId: "",
      groupInstanceId: null,
      topics: [{
        name: topic,
        partitions: [{
          partitionIndex: partition,
          committedOffset: BigInt(offset) as never,
          committedMetadata: "",
        }],
      }],
    });
    return answer.topics[0].partitions[0].errorCode;
  }

  async endTxn(transactionalId: string, pid: number, epoch: number, committed: boolean) {
    for (let tries = 0;; tries++) {
      const body = { transactionalId, producerId: pid, producerEpoch: epoch, committed };
      const { errorCode } = await this.connection.request(EndTxn, 3, body);
      if (!RETRIED.has(errorCode) || tries > 400) return errorCode;
      await pause(10);
    }
  }

  async offsetAt(topic: string, partition: number, at: -1 | -2) {
    const answer = await this.connection.request(ListOffsets, 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: at }] }],
      timeoutMs: 20_000,
    });
    const { errorCode: error, offset } = answer.topics[0].partitions[0];
    return { error, offset };
  }

  /** One fetch. */
  async fetch(topic: string, partition: number, offset: number, isCommitted: boolean) {
    const answer = await this.connection.request(Fetch, 12, {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 50_000_000,
      isolationLevel: isCommitted ? 1 : 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{
        topic,
        partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: 10_000_000 }],
      }],
      forgottenTopicsData: [],
      rackId: "",
    });
    return answer.responses[0].partitions[0];
  }

  /** Of one fetch, markers left out; and where the next one begins. */
  recordsOf(bytes: Uint8Array, from: number): { records: Read[]; next: number } {
    const records: Read[] = [];
    let next = from;
    for (const b of batch.batches(bytes)) {
      next = batch.lastOffset(bytes, b) + 1;
      if (batch.isControl(bytes, b)) continue;
      for (const record of readRecords(bytes, b)) {
        if (record.offset >= from) records.push(readOf(record));
      }
    }
    return { records, next };
  }

  /** All there is. Throws where it is not as a log is: checksums, offsets that do not rise, an end that is not reached. */
  async readAll(topic: string, partition: number, isCommitted: boolean): Promise<ReadLog> {
    const none = { start: -1, end: -1, stable: -1, records: [] as Read[] };
    const first = await this.offsetAt(topic, partition, -2);
    if (first.error !== 0) return { ...none, error: first.error };
    const start = first.offset, records: Read[] = [];
    const name = `${topic}-${partition}`;
    let end = -1, stable = -1;
    for (let at = start;;) {
      const got = await this.fetch(topic, partition, at, isCommitted);
      if (got.errorCode !== 0) return { ...none, start, records, error: got.errorCode };
      end = got.highWatermark;
      stable = got.lastStableOffset;
      const bytes = got.records ?? new Uint8Array();
      const aborted = new AbortedTransactions(got.abortedTransactions ?? []);
      let next = at;
      for (const b of batch.batches(bytes)) {
        const base = batch.baseOffset(bytes, b);
        if (!batch.isIntact(bytes, b)) {
          throw new Error(`${name}: the batch at ${base} is not intact`);
        }
        if (next > at && base < next) {
          throw new Error(`${name}: batch ${base} comes behind ${next}`);
        }
        next = batch.lastOffset(bytes, b) + 1;
        if (isCommitted && aborted.hides(bytes, b) || batch.isControl(bytes, b)) continue;
        for (const record of readRecords(bytes, b)) {
          if (record.offset >= at) records.push(readOf(record));
        }
      }
      const limit = isCommitted ? stable : end;
      if (next >= limit) return { error: 0, start, end, stable, records };
      if (next === at) throw new Error(`${name}: nothing comes at ${at}, and the end is ${limit}`);
      at = next;
    }
  }
}

const readOf = ({ offset, key, value, headers }: LogRecord): Read => ({
  offset,
  id: headers.length === 0 ? "?" : text.decode(headers[0].value!),
  key: key === null ? null : text.decode(key),
  value,
});

export const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Errors that ask for another try: coordinator loading or not there, transactions in the making. */
const RETRIED = new Set([14, 15, 16, 51]);
