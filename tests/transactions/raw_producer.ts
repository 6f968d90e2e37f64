/**
 * RawProducer: a transactional producer over raw requests, which does what the Java client does when something goes
 * wrong: asks again under the same sequence when a connection ends, aborts what may be aborted, and begins anew (by
 * InitProducerId) when it is fenced or does not know. Versions follow transaction.version: 2 has Produce 12, EndTxn 5 and
 * TxnOffsetCommit 5, which need no AddPartitionsToTxn; 0 and 1 have those before.
 */
import { Connection } from "../../src/client/connection.ts";
import { AddOffsetsToTxn } from "../../src/protocol/messages/add_offsets_to_txn.ts";
import { AddPartitionsToTxn } from "../../src/protocol/messages/add_partitions_to_txn.ts";
import { EndTxn } from "../../src/protocol/messages/end_txn.ts";
import { InitProducerId } from "../../src/protocol/messages/init_producer_id.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import { TxnOffsetCommit } from "../../src/protocol/messages/txn_offset_commit.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import type { Api, Decoded, Encodable, Fields, Message } from "../../src/protocol/schema.ts";
import type { Random } from "../random.ts";
import { pause } from "../crash/victim.ts";
import type { Transaction } from "./whole_or_never.ts";

export interface RawProducerOptions {
  readonly port: number;
  readonly producer: number;
  readonly transactionalId: string;
  readonly topic: string;
  readonly partitions: number;
  readonly group: string;
  /** The finalised transaction.version. */
  readonly level: number;
  readonly random: Random;
  readonly timeoutMs: number;
}

/** Ends a transaction: it is aborted, or the producer begins anew. */
class Refused extends Error {
  constructor(readonly what: string, readonly code: number) {
    super(`${what}: error ${code}`);
  }
}

export class RawProducer {
  readonly #options: RawProducerOptions;
  readonly #connections = new Map<string, Connection>();
  readonly transactions: Transaction[] = [];
  /** What the broker refused with, and how often. */
  readonly refusals = new Map<string, number>();
  #producerId = -1;
  #producerEpoch = -1;
  #sequences: number[] = [];
  #isOver = false;
  #number = 0;

  constructor(options: RawProducerOptions) {
    this.#options = options;
  }

  /** Transactions until it is told to end. */
  async run(): Promise<void> {
    await this.#begin();
    while (!this.#isOver) await this.#transaction();
    for (const connection of this.#connections.values()) connection.close();
  }

  end(): void {
    this.#isOver = true;
  }

  async #transaction(): Promise<void> {
    const { random, producer } = this.#options;
    const number = this.#number++;
    const records = Array.from(
      { length: 2 + random.below(7) },
      () => random.below(this.#options.partitions),
    );
    const size = records.length;
    const note = (outcome: Transaction["outcome"]) =>
      this.transactions.push({ producer, number, size, outcome });
    const isWanted = !random.oneIn(4);
    try {
      await this.#write(number, records);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      note("aborted");
      return await this.#abort();
    }
    if (random.oneIn(3)) await pause(random.next() * 100);
    if (!isWanted) {
      note("aborted");
      return await this.#abort();
    }
    try {
      await this.#endTransaction(true);
      note("committed");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      note("unknown");
      await this.#begin();
    }
  }

  async #write(number: number, records: readonly number[]): Promise<void> {
    const { level, random } = this.#options;
    if (level < 2) await this.#addPartitions([...new Set(records)]);
    const byPartition = Map.groupBy(
      records.map((partition, index) => ({ partition, index })),
      (one) => one.partition,
    );
    const offsetFirst = random.oneIn(2);
    if (offsetFirst) await this.#commitOffset(number + 1);
    const writing = Array.from(byPartition, async ([partition, own]) => {
      for (const { index } of own) {
        if (random.oneIn(6)) await pause(random.next() * 60);
        await this.#produce(partition, { number, index, size: records.length });
      }
    });
    const results = await Promise.allSettled(writing);
    for (const result of results) if (result.status === "rejected") throw result.reason;
    if (!offsetFirst) await this.#commitOffset(number + 1);
  }

  async #addPartitions(partitions: number[]): Promise<void> {
    const answer = await this.#ask(
      "coordinator",
      AddPartitionsToTxn,
      3,
      {
        v3AndBelowTransactionalId: this.#options.transactionalId,
        v3AndBelowProducerId: this.#producerId,
        v3AndBelowProducerEpoch: this.#producerEpoch,
        v3AndBelowTopics: [{ name: this.#options.topic, partitions }],
      },
      (answer) =>
        answer.resultsByTopicV3AndBelow[0].resultsByPartition.find((one) =>
          one.partitionErrorCode !== 0
        )?.partitionErrorCode ?? 0,
    );
    if (answer !== 0) throw this.#refused("AddPartitionsToTxn", answer);
  }

  async #produce(
    partition: number,
    record: { number: number; index: number; size: number },
  ): Promise<void> {
    const { topic, transactionalId, producer, level } = this.#options;
    const value = new TextEncoder().encode(JSON.stringify({ producer, ...record }));
    const records = buildBatch({
      records: [{ timestampMs: Date.now(), value }],
      producerId: this.#producerId,
      producerEpoch: this.#producerEpoch,
      baseSequence: this.#sequences[partition],
      isTransactional: true,
    });
    const code = await this.#ask(`produce ${partition}`, Produce, level === 2 ? 12 : 11, {
      transactionalId,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
    }, (answer) => answer.responses[0].partitionResponses[0].errorCode);
    if (code !== 0 && code !== DUPLICATE_SEQUENCE_NUMBER) throw this.#refused("Produce", code);
    this.#sequences[partition]++;
  }

  /** The group's offset of the producer's own partition. */
  async #commitOffset(offset: number): Promise<void> {
    const { transactionalId, group, topic, producer, level } = this.#options;
    const identity = { producerId: this.#producerId, producerEpoch: this.#producerEpoch };
    if (level < 2) {
      const code = await this.#ask("coordinator", AddOffsetsToTxn, 3, {
        transactionalId,
        ...identity,
        groupId: group,
      }, ({ errorCode }) => errorCode);
      if (code !== 0) throw this.#refused("AddOffsetsToTxn", code);
    }
    const code = await this.#ask("group", TxnOffsetCommit, level === 2 ? 5 : 4, {
      transactionalId,
      groupId: group,
      ...identity,
      topics: [{
        name: topic,
        partitions: [{
          partitionIndex: producer,
          committedOffset: BigInt(offset),
          committedMetadata: "",
        }],
      }],
    }, (answer) => answer.topics[0].partitions[0].errorCode);
    if (code !== 0) throw this.#refused("TxnOffsetCommit", code);
  }

  async #endTransaction(committed: boolean): Promise<void> {
    const { level, transactionalId } = this.#options;
    const code = await this.#ask("coordinator", EndTxn, level === 2 ? 5 : 4, {
      transactionalId,
      producerId: this.#producerId,
      producerEpoch: this.#producerEpoch,
      committed,
    }, (answer) => {
      if (level === 2 && answer.errorCode === 0) {
        this.#producerId = answer.producerId;
        this.#producerEpoch = answer.producerEpoch;
        this.#sequences = this.#sequences.map(() => 0);
      }
      return answer.errorCode;
    });
    if (code !== 0) throw this.#refused("EndTxn", code);
  }

  /** Nobody asked to commit it, and nobody does any more. */
  async #abort(): Promise<void> {
    try {
      await this.#endTransaction(false);
      // What was written and not answered is of an epoch that must end with it: the older clients bump it themselves.
      if (this.#options.level < 2) await this.#begin(true);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      await this.#begin();
    }
  }

  /** A new epoch; as itself (KIP-360), or as an instance that has just started. */
  async #begin(isItself = false): Promise<void> {
    const code = await this.#ask("coordinator", InitProducerId, 4, {
      transactionalId: this.#options.transactionalId,
      transactionTimeoutMs: this.#options.timeoutMs,
      producerId: isItself ? this.#producerId : -1,
      producerEpoch: isItself ? this.#producerEpoch : -1,
    }, (answer) => {
      if (answer.errorCode === 0) {
        this.#producerId = answer.producerId;
        this.#producerEpoch = answer.producerEpoch;
        this.#sequences = Array(this.#options.partitions).fill(0);
      }
      return answer.errorCode;
    });
    if (code === 0) return;
    this.#refused("InitProducerId", code);
    await pause(20);
    await this.#begin();
  }

  /** Asks until there is an answer that does not pass by itself; its error code. */
  async #ask<Q extends Fields, R extends Fields>(
    lane: string,
    api: Api<Q, R>,
    version: number,
    body: Encodable<Message<Q>>,
    codeOf: (answer: Decoded<Message<R>>) => number,
  ): Promise<number> {
    const deadlineMs = performance.now() + ASK_LIMIT_MS;
    for (;;) {
      try {
        const connection = await this.#connection(lane);
        const code = codeOf(await connection.request(api, version, body));
        if (!PASSING.has(code)) return code;
      } catch {
        this.#connections.delete(lane);
      }
      if (performance.now() > deadlineMs) {
        throw new Error(`${api.name} of ${this.#options.transactionalId} is not answered`);
      }
      await pause(10 + this.#options.random.next() * 20);
    }
  }

  async #connection(lane: string): Promise<Connection> {
    const known = this.#connections.get(lane);
    if (known && !known.isClosed) return known;
    const connection = await Connection.open({
      host: "127.0.0.1",
      port: this.#options.port,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
    });
    this.#connections.set(lane, connection);
    return connection;
  }

  #refused(what: string, code: number): Refused {
    const name = `${what} ${code}`;
    this.refusals.set(name, (this.refusals.get(name) ?? 0) + 1);
    return new Refused(what, code);
  }
}

/** Not there (yet), led elsewhere, an older transaction is still being ended: 3, 5, 6, 7, 14, 15, 16, 19, 51, 56. */
const PASSING: ReadonlySet<number> = new Set([3, 5, 6, 7, 14, 15, 16, 19, 51, 56]);
const DUPLICATE_SEQUENCE_NUMBER = 46;
const REQUEST_TIMEOUT_MS = 2000, ASK_LIMIT_MS = 60_000;
