/** Client: the requests of a producer and of a group in a transaction, short enough to tell a history with them. */
import { AddOffsetsToTxn } from "../../../src/protocol/messages/add_offsets_to_txn.ts";
import { AddPartitionsToTxn } from "../../../src/protocol/messages/add_partitions_to_txn.ts";
import { DescribeProducers } from "../../../src/protocol/messages/describe_producers.ts";
import { EndTxn } from "../../../src/protocol/messages/end_txn.ts";
import { InitProducerId } from "../../../src/protocol/messages/init_producer_id.ts";
import { OffsetFetch } from "../../../src/protocol/messages/offset_fetch.ts";
import { Produce } from "../../../src/protocol/messages/produce.ts";
import { TxnOffsetCommit } from "../../../src/protocol/messages/txn_offset_commit.ts";
import { WriteTxnMarkers } from "../../../src/protocol/messages/write_txn_markers.ts";
import { buildBatch } from "../../../src/protocol/records/build.ts";
import { ZERO_UUID } from "../../../src/bytes/uuid.ts";
import type { TransactionPlayer } from "./player.ts";

export interface Identity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export const NOBODY: Identity = { producerId: -1, producerEpoch: -1 };

export interface InitOptions {
  readonly version?: number;
  readonly timeoutMs?: number;
  /** The identity that the producer has (versions 3 and later). */
  readonly has?: Identity;
  /** Waits while an older transaction is being ended; else the first answer is kept. */
  readonly isSettled?: boolean;
}

export interface BatchOptions {
  readonly version?: number;
  readonly partition?: number;
  readonly sequence?: number;
  readonly count?: number;
  readonly isTransactional?: boolean;
  /** The transactional id that the request names; the client's own if not given. */
  readonly named?: string | null;
  /** Waits while an older transaction is being ended. */
  readonly isSettled?: boolean;
}

/** A producer with a transactional id. It does not check anything itself. */
export class Client {
  identity: Identity = NOBODY;

  constructor(readonly player: TransactionPlayer, readonly id: string) {}

  static async begin(player: TransactionPlayer, id: string, options?: InitOptions): Promise<Client> {
    const client = new Client(player, id);
    await player.coordinated(id);
    await client.init(options);
    return client;
  }

  async init(
    { version = 5, timeoutMs = 60_000, has = NOBODY, isSettled = true }: InitOptions = {},
  ): Promise<Identity> {
    const ask = isSettled ? this.player.settled : this.player.ask;
    const answer = await ask.call(this.player, InitProducerId, version, {
      transactionalId: this.player.name(this.id),
      transactionTimeoutMs: timeoutMs,
      ...(version >= 3 ? { producerId: has.producerId, producerEpoch: has.producerEpoch } : {}),
    }) as { errorCode: number; producerId: number; producerEpoch: number } | null;
    if (answer?.errorCode === 0) {
      this.identity = { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
    }
    return this.identity;
  }

  /** AddPartitionsToTxn up to version 3, as clients ask it. */
  async add(version: number, topics: Readonly<Record<string, readonly number[]>>, isSettled = true) {
    const list = Object.entries(topics).map(([topic, partitions]) => ({
      name: this.player.name(topic),
      partitions: [...partitions],
    }));
    const ask = isSettled ? this.player.settled : this.player.ask;
    return await ask.call(this.player, AddPartitionsToTxn, version, {
      v3AndBelowTransactionalId: this.player.name(this.id),
      v3AndBelowProducerId: this.identity.producerId,
      v3AndBelowProducerEpoch: this.identity.producerEpoch,
      v3AndBelowTopics: list,
    });
  }

  /** The part of this client in an AddPartitionsToTxn of versions 4 and later. */
  part(topics: Readonly<Record<string, readonly number[]>>, verifyOnly = false) {
    return {
      transactionalId: this.player.name(this.id),
      ...this.identity,
      verifyOnly,
      topics: Object.entries(topics).map(([topic, partitions]) => ({
        name: this.player.name(topic),
        partitions: [...partitions],
      })),
    };
  }

  async addOffsets(version: number, group: string) {
    return await this.player.settled(AddOffsetsToTxn, version, {
      transactionalId: this.player.name(this.id),
      ...this.identity,
      groupId: this.player.name(group),
    });
  }

  async produce(topic: string, options: BatchOptions = {}) {
    const { version = 12, partition = 0, sequence = 0, count = 1, isTransactional = true } = options;
    const records = buildBatch({
      records: Array.from({ length: count }, () => ({ timestampMs: Date.now(), value: VALUE })),
      ...this.identity,
      baseSequence: sequence,
      isTransactional,
    });
    const named = options.named === undefined ? this.id : options.named;
    const where = version >= 13
      ? { topicId: this.player.idOf(topic) }
      : { name: this.player.name(topic) };
    const ask = options.isSettled ? this.player.settled : this.player.ask;
    const kind = isTransactional ? "transactional" : "idempotent";
    return await ask.call(
      this.player,
      Produce,
      version,
      {
        transactionalId: named === null ? null : this.player.name(named),
        acks: -1,
        timeoutMs: 30_000,
        topicData: [{ ...where, partitionData: [{ index: partition, records }] }],
      },
      `${count} ${kind} to ${topic}-${partition} by ${named}, epoch ${this.identity.producerEpoch}, sequence ${sequence}`,
    );
  }

  async commitOffsets(
    version: number,
    group: string,
    offsets: Readonly<Record<string, readonly number[]>>,
    { isSettled = true, ...more }: {
      readonly isSettled?: boolean;
      readonly memberId?: string;
      readonly generationIdOrMemberEpoch?: number;
      readonly groupInstanceId?: string | null;
    } = {},
  ) {
    const ask = isSettled ? this.player.settled : this.player.ask;
    return await ask.call(this.player, TxnOffsetCommit, version, {
      transactionalId: this.player.name(this.id),
      groupId: this.player.name(group),
      ...this.identity,
      ...more,
      topics: Object.entries(offsets).map(([topic, list]) => ({
        ...(version >= 6
          ? { topicId: this.player.idOf(topic) ?? ZERO_UUID }
          : { name: this.player.name(topic) }),
        partitions: list.map((committedOffset, partitionIndex) => ({
          partitionIndex,
          committedOffset: BigInt(committedOffset),
          committedMetadata: "",
        })),
      })),
    });
  }

  async end(version: number, committed: boolean, { isSettled = true } = {}) {
    const ask = isSettled ? this.player.settled : this.player.ask;
    const answer = await ask.call(this.player, EndTxn, version, {
      transactionalId: this.player.name(this.id),
      ...this.identity,
      committed,
    }) as { errorCode: number; producerId: number; producerEpoch: number } | null;
    if (version >= 5 && answer?.errorCode === 0) {
      this.identity = { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
    }
    return answer;
  }

  /** WriteTxnMarkers, as a coordinator would send it. */
  async marker(
    version: number,
    topics: Readonly<Record<string, readonly number[]>>,
    more: {
      readonly commit?: boolean;
      readonly epoch?: number;
      readonly coordinatorEpoch?: number;
      readonly transactionVersion?: number;
    } = {},
  ) {
    return await this.player.ask(WriteTxnMarkers, version, {
      markers: [{
        producerId: this.identity.producerId,
        producerEpoch: more.epoch ?? this.identity.producerEpoch,
        transactionResult: more.commit ?? false,
        coordinatorEpoch: more.coordinatorEpoch ?? 0,
        ...(version >= 2 ? { transactionVersion: more.transactionVersion ?? 2 } : {}),
        topics: Object.entries(topics).map(([topic, partitions]) => ({
          name: this.player.name(topic),
          partitionIndexes: [...partitions],
        })),
      }],
    });
  }

  /** What the coordinator has of it, once it is not being ended any more. */
  async describe() {
    await this.player.ended(this.id);
  }

  async ended() {
    await this.player.ended(this.id);
  }
}

/** What a partition knows of its producers. */
export async function producersOf(player: TransactionPlayer, topic: string, ...partitions: number[]) {
  await player.ask(DescribeProducers, 0, {
    topics: [{ name: player.name(topic), partitionIndexes: partitions }],
  });
}

/** A group's offsets of some partitions. */
export async function offsetsOf(
  player: TransactionPlayer,
  group: string,
  topic: string,
  { version = 9, requireStable = false, partitions = [0] } = {},
) {
  const topics = [{
    ...(version >= 10 ? { topicId: player.idOf(topic) } : { name: player.name(topic) }),
    partitionIndexes: partitions,
  }];
  const name = player.name(group);
  await player.ask(OffsetFetch, version, {
    ...(version >= 8 ? { groups: [{ groupId: name, topics }] } : { groupId: name, topics: topics as never }),
    requireStable,
  });
}

const VALUE = new TextEncoder().encode("value");
