/**
 * TransactionRequests: what a transactional producer asks of coordinators, each until it is answered for good or its
 * time is over.
 *
 * A coordinator that moved is looked for again (15, 16), one that loads or is busy with the transaction before is asked
 * again after a pause (14, 51). All requests may be sent twice: coordinators answer a second one as they answered the
 * first.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { AddOffsetsToTxn } from "../protocol/messages/add_offsets_to_txn.ts";
import { AddPartitionsToTxn } from "../protocol/messages/add_partitions_to_txn.ts";
import { EndTxn } from "../protocol/messages/end_txn.ts";
import { InitProducerId } from "../protocol/messages/init_producer_id.ts";
import { TxnOffsetCommit } from "../protocol/messages/txn_offset_commit.ts";
import { withinLimits } from "./call.ts";
import type { Cluster } from "./cluster.ts";
import type { Connection } from "./connection.ts";
import { Coordinator } from "./coordinators.ts";
import { check, ConnectionError, KafkaError, mayRetry, TransactionError } from "./errors.ts";
import type { TopicPartition } from "./list_offsets.ts";
import type { Identity } from "./partition_sender.ts";

/** The member that offsets are committed for; brokers refuse those of one that is no longer in its group. */
export interface GroupMetadata {
  readonly groupId: string;
  /** Generation, or member epoch in groups of the consumer protocol; -1, of nobody in particular, if not given. */
  readonly generationId?: number;
  readonly memberId?: string;
  readonly groupInstanceId?: string | null;
}

/** Where a group is to go on: the offset after the last record that was used. */
export interface OffsetToCommit extends TopicPartition {
  readonly offset: number | bigint;
  readonly leaderEpoch?: number;
  readonly metadata?: string | null;
}

export class TransactionRequests {
  readonly #cluster: Cluster;
  readonly #id: string;
  readonly #coordinator: Coordinator;
  readonly #limitMs: number;
  readonly #groups = new Map<string, Coordinator>();

  /** No call takes longer than `limitMs`. */
  constructor(cluster: Cluster, transactionalId: string, limitMs: number) {
    this.#cluster = cluster;
    this.#id = transactionalId;
    this.#limitMs = limitMs;
    this.#coordinator = new Coordinator(cluster, "transaction", transactionalId);
  }

  /** An id and epoch of its own, or `current` with its epoch raised. Fences every other producer of this id. */
  async initProducerId(timeoutMs: number, current: Identity | null): Promise<Identity> {
    return await this.#ask(this.#coordinator, "init", async (connection) => {
      const version = connection.versionFor(InitProducerId);
      if (current !== null && version < 3) {
        throw new Error(
          `The epoch of ${this.#id} cannot be raised: ${connection.address} speaks InitProducerId ${version}, needed is 3`,
        );
      }
      const answer = await connection.request(InitProducerId, version, {
        transactionalId: this.#id,
        transactionTimeoutMs: timeoutMs,
        ...current ?? {},
      });
      check(answer.errorCode, `init of transactional id ${this.#id}`);
      return { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
    });
  }

  /** Makes partitions part of the transaction. `isFirst`: the one before may be writing its markers still. */
  async addPartitions(
    { producerId, producerEpoch }: Identity,
    partitions: readonly TopicPartition[],
    isFirst: boolean,
  ): Promise<void> {
    await this.#ask(this.#coordinator, "send", async (connection) => {
      const answer = await connection.request(
        AddPartitionsToTxn,
        connection.versionFor(AddPartitionsToTxn, LAST_VERSION_FOR_CLIENTS),
        {
          v3AndBelowTransactionalId: this.#id,
          v3AndBelowProducerId: producerId,
          v3AndBelowProducerEpoch: producerEpoch,
          v3AndBelowTopics: byTopic(partitions, ({ partition }) => partition),
        },
      );
      checkAll(
        answer.resultsByTopicV3AndBelow.flatMap(({ name, resultsByPartition }) =>
          resultsByPartition.map((one) => ({
            code: one.partitionErrorCode,
            about: `add ${name}-${one.partitionIndex} to the transaction of ${this.#id}`,
          }))
        ),
      );
    }, isFirst ? FIRST_ADD_PAUSE_MS : Infinity);
  }

  /** Makes a group's offsets part of the transaction, where TxnOffsetCommit does not do it itself. */
  async addOffsets({ producerId, producerEpoch }: Identity, groupId: string): Promise<void> {
    await this.#ask(this.#coordinator, "send offsets", async (connection) => {
      const { errorCode } = await connection.request(
        AddOffsetsToTxn,
        connection.versionFor(AddOffsetsToTxn),
        { transactionalId: this.#id, producerId, producerEpoch, groupId },
      );
      check(errorCode, `add offsets of group ${groupId} to the transaction of ${this.#id}`);
    });
  }

  /** Commits offsets as part of the transaction; those that were answered with success are not sent again. */
  async commitOffsets(
    identity: Identity,
    group: GroupMetadata,
    offsets: readonly OffsetToCommit[],
    joinsByCommit: boolean,
  ): Promise<void> {
    let left = offsets;
    await this.#ask(this.#groupCoordinator(group.groupId), "send offsets", async (connection) => {
      const answer = await connection.request(
        TxnOffsetCommit,
        connection.versionFor(TxnOffsetCommit, joinsByCommit ? 5 : 4),
        {
          transactionalId: this.#id,
          groupId: group.groupId,
          ...identity,
          generationIdOrMemberEpoch: group.generationId ?? -1,
          memberId: group.memberId ?? "",
          groupInstanceId: group.groupInstanceId ?? null,
          topics: byTopic(left, ({ partition, offset, leaderEpoch = -1, metadata = "" }) => ({
            partitionIndex: partition,
            committedOffset: BigInt(offset),
            committedLeaderEpoch: leaderEpoch,
            committedMetadata: metadata,
          })),
        },
      );
      const codes = new Map(
        answer.topics.flatMap(({ name, partitions }) =>
          partitions.map((one) => [`${name}-${one.partitionIndex}`, one.errorCode])
        ),
      );
      const codeOf = (one: TopicPartition) => codes.get(`${one.topic}-${one.partition}`);
      left = left.filter((one) => codeOf(one) !== 0);
      checkAll(left.map((one) => ({
        code: codeOf(one) ?? ErrorCode.UNKNOWN_SERVER_ERROR,
        about: `commit ${one.topic}-${one.partition} of group ${group.groupId}`,
      })));
    });
  }

  /** Commits or aborts. Answers the id and epoch of the next transaction where the broker gave them, else null. */
  async endTxn(
    { producerId, producerEpoch }: Identity,
    committed: boolean,
    isBumpedByEnd: boolean,
  ): Promise<Identity | null> {
    return await this.#ask(
      this.#coordinator,
      committed ? "commit" : "abort",
      async (connection) => {
        const answer = await connection.request(
          EndTxn,
          connection.versionFor(EndTxn, isBumpedByEnd ? 5 : 4),
          { transactionalId: this.#id, producerId, producerEpoch, committed },
        );
        check(
          answer.errorCode,
          `${committed ? "commit" : "abort"} the transaction of ${this.#id}`,
        );
        return answer.producerId < 0
          ? null
          : { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
      },
    );
  }

  #groupCoordinator(groupId: string): Coordinator {
    let coordinator = this.#groups.get(groupId);
    if (coordinator === undefined) {
      if (this.#groups.size >= MAX_GROUPS) this.#groups.clear();
      coordinator = new Coordinator(this.#cluster, "group", groupId);
      this.#groups.set(groupId, coordinator);
    }
    return coordinator;
  }

  /** Throws KafkaError and other errors for what asking again will not mend, TransactionError "again" past the time. */
  async #ask<T>(
    coordinator: Coordinator,
    call: string,
    attempt: (connection: Connection) => Promise<T>,
    busyPauseMs = Infinity,
  ): Promise<T> {
    const deadlineMs = performance.now() + this.#limitMs;
    let last: unknown = null;
    for (let tries = 0;; tries++) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0 || this.#cluster.isClosed) throw this.#late(call, last);
      const asking = (async () => await attempt(await coordinator.connection()))();
      try {
        return await withinLimits(asking, { maxMs: leftMs, late: () => this.#late(call, last) });
      } catch (error) {
        if (error instanceof TransactionError) coordinator.forget();
        if (!mayAskAgain(error)) throw error;
        if (isElsewhere(error)) coordinator.forget();
        last = error;
      }
      const isBusy = last instanceof KafkaError && last.code === ErrorCode.CONCURRENT_TRANSACTIONS;
      const pauseMs = Math.min(this.#cluster.backoffMs(tries), isBusy ? busyPauseMs : Infinity);
      await this.#cluster.pause(Math.min(pauseMs, deadlineMs - performance.now()));
    }
  }

  #late(call: string, last: unknown): TransactionError {
    const why = last instanceof Error ? `: ${last.message}` : "";
    return new TransactionError(
      "again",
      `No answer to ${call} of transactional id ${this.#id} within ${this.#limitMs} ms, so whether it took effect is not known${why}`,
      last,
    );
  }
}

/** From 4 on it is for brokers. */
const LAST_VERSION_FOR_CLIENTS = 3;
/** Kafka's ADD_PARTITIONS_RETRY_BACKOFF_MS: the markers of the transaction before are a matter of milliseconds. */
const FIRST_ADD_PAUSE_MS = 20;
/** Groups whose coordinators are remembered. */
const MAX_GROUPS = 1000;

/** Throws what will not go away before what will, and what was not tried (55) only where nothing says why. */
function checkAll(results: readonly { readonly code: number; readonly about: string }[]): void {
  const errors = results.filter(({ code }) => code !== 0)
    .map(({ code, about }) => new KafkaError(code, about));
  const reasons = errors.filter(({ code }) => code !== ErrorCode.OPERATION_NOT_ATTEMPTED);
  const worst = reasons.find((error) => !mayAskAgain(error)) ?? reasons[0] ?? errors[0];
  if (worst !== undefined) throw worst;
}

/** In the shape of requests: a list of topics, with what there is to say of each partition. */
function byTopic<T extends TopicPartition, P>(
  partitions: readonly T[],
  toPartition: (one: T) => P,
): { name: string; partitions: P[] }[] {
  const topics = new Map<string, P[]>();
  for (const one of partitions) {
    const known = topics.get(one.topic);
    if (known === undefined) topics.set(one.topic, [toPartition(one)]);
    else known.push(toPartition(one));
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}

function mayAskAgain(error: unknown): boolean {
  // The coordinator's broker is not in the metadata yet.
  if (error instanceof KafkaError && error.code === ErrorCode.BROKER_NOT_AVAILABLE) return true;
  return mayRetry(error);
}

function isElsewhere(error: unknown): boolean {
  return error instanceof ConnectionError || error instanceof KafkaError && MOVED.has(error.code);
}

const MOVED: ReadonlySet<number> = new Set([
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.REQUEST_TIMED_OUT,
]);
