/**
 * GroupMember: membership in a group of the consumer protocol (KIP-848): which partitions it is to have, and the offsets
 * it commits. Whoever uses it calls heartbeat() when it is due, and acknowledges what it has taken or given up; there is
 * no timer in it, so a member that is stuck falls out of the group as it should.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { ConsumerGroupHeartbeat } from "../protocol/messages/consumer_group_heartbeat.ts";
import { OffsetCommit } from "../protocol/messages/offset_commit.ts";
import { OffsetFetch } from "../protocol/messages/offset_fetch.ts";
import type { Cluster } from "./cluster.ts";
import type { Connection } from "./connection.ts";
import { Coordinator } from "./coordinators.ts";
import { check, ConnectionError, KafkaError, mayRetry } from "./errors.ts";
import type { TopicPartition } from "./list_offsets.ts";

export interface GroupMemberOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  /** How long it may take to give up partitions, 60 s if not given. */
  readonly rebalanceTimeoutMs?: number;
}

export interface GroupPosition extends TopicPartition {
  /** Of the next record to read. */
  readonly offset: number;
}

export class GroupMember {
  readonly #cluster: Cluster;
  readonly #options: Required<GroupMemberOptions>;
  readonly #coordinator: Coordinator;
  #memberId: string = crypto.randomUUID();
  /** 0: not in the group. */
  #epoch = 0;
  #dueAtMs = 0;
  #target: readonly TopicPartition[] | null = null;
  #owned: readonly TopicPartition[] = [];
  #ownedChanged = true;

  constructor(cluster: Cluster, options: GroupMemberOptions) {
    this.#cluster = cluster;
    this.#options = { rebalanceTimeoutMs: 60_000, ...options };
    this.#coordinator = new Coordinator(cluster, "group", options.groupId);
  }

  /** What it is to have; null before the group has said so, and after it has put this member out. */
  get target(): readonly TopicPartition[] | null {
    return this.#target;
  }

  get isDue(): boolean {
    return performance.now() >= this.#dueAtMs;
  }

  /**
   * Joins, or says that it is there, and hears what it is to have. Put out of the group it joins anew at the next call.
   * Throws KafkaError and ConnectionError for what retrying does not mend in the cluster's time.
   */
  async heartbeat(): Promise<void> {
    const isJoin = this.#epoch === 0, hasNews = isJoin || this.#ownedChanged;
    this.#ownedChanged = false;
    try {
      const answer = await this.#asked(async (connection) => {
        const version = connection.versionFor(ConsumerGroupHeartbeat);
        const answer = await connection.request(ConsumerGroupHeartbeat, version, {
          groupId: this.#options.groupId,
          memberId: isJoin && version === 0 ? "" : this.#memberId, // then the broker makes it
          memberEpoch: this.#epoch,
          instanceId: null,
          rackId: null,
          rebalanceTimeoutMs: isJoin ? this.#options.rebalanceTimeoutMs : -1,
          subscribedTopicNames: isJoin ? this.#options.topics : null,
          subscribedTopicRegex: null,
          serverAssignor: null,
          topicPartitions: hasNews ? await this.#byId(isJoin ? [] : this.#owned) : null,
        });
        check(answer.errorCode, `member of group ${this.#options.groupId}`, answer.errorMessage);
        return answer;
      });
      this.#memberId = answer.memberId ?? this.#memberId;
      this.#epoch = answer.memberEpoch;
      this.#dueAtMs = performance.now() + answer.heartbeatIntervalMs;
      if (answer.assignment !== null) {
        this.#target = await this.#byName(answer.assignment.topicPartitions);
      }
    } catch (error) {
      this.#ownedChanged = true;
      if (!isPutOut(error)) throw error;
      this.#epoch = 0;
      this.#dueAtMs = 0;
      this.#target = null;
      this.#owned = [];
    }
  }

  /** These it has now: what it gave up others may have. */
  async owns(partitions: readonly TopicPartition[]): Promise<void> {
    this.#owned = partitions;
    this.#ownedChanged = true;
    await this.heartbeat();
  }

  /** How far the group has read in them; null where it has committed nothing. In the order asked. */
  async committed(partitions: readonly TopicPartition[]): Promise<(number | null)[]> {
    if (partitions.length === 0) return [];
    return await this.#asked(async (connection) => {
      const version = connection.versionFor(OffsetFetch, LAST_VERSION_WITH_NAMES);
      const { groups: [group] } = await connection.request(OffsetFetch, version, {
        groups: [{
          groupId: this.#options.groupId,
          memberId: this.#memberId,
          memberEpoch: this.#epoch,
          topics: grouped(partitions).map(([name, some]) => ({
            name,
            partitionIndexes: some.map(({ partition }) => partition),
          })),
        }],
        requireStable: true,
      });
      check(group.errorCode, `offsets of group ${this.#options.groupId}`);
      const found = new Map<string, number | null>();
      for (const { name, partitions } of group.topics) {
        for (const { partitionIndex, committedOffset, errorCode } of partitions) {
          check(errorCode, `offset of ${name}-${partitionIndex}`);
          const offset = committedOffset < 0n ? null : Number(committedOffset);
          found.set(`${name}-${partitionIndex}`, offset);
        }
      }
      return partitions.map(({ topic, partition }) => found.get(`${topic}-${partition}`) ?? null);
    });
  }

  /** Commits, as a member: who was put out of the group throws KafkaError, and another has the partitions. */
  async commit(positions: readonly GroupPosition[]): Promise<void> {
    if (positions.length === 0) return;
    await this.#asked(async (connection) => {
      const version = connection.versionFor(OffsetCommit, LAST_VERSION_WITH_NAMES);
      const { topics } = await connection.request(OffsetCommit, version, {
        groupId: this.#options.groupId,
        generationIdOrMemberEpoch: this.#epoch,
        memberId: this.#memberId,
        groupInstanceId: null,
        topics: grouped(positions).map(([name, some]) => ({
          name,
          partitions: some.map(({ partition, offset }) => ({
            partitionIndex: partition,
            committedOffset: BigInt(offset),
            committedMetadata: "",
          })),
        })),
      });
      for (const { name, partitions } of topics) {
        for (const { partitionIndex, errorCode } of partitions) {
          check(errorCode, `commit of ${name}-${partitionIndex} by ${this.#options.groupId}`);
        }
      }
    });
  }

  /** Leaves the group. Who cannot is put out by it after a while. */
  async leave(): Promise<void> {
    if (this.#epoch === 0) return;
    this.#epoch = LEAVES;
    await this.heartbeat();
    this.#epoch = 0;
    this.#target = null;
  }

  /** Asks the coordinator, and another one where it has moved. */
  #asked<T>(ask: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#cluster.retry(async () => {
      try {
        return await ask(await this.#coordinator.connection());
      } catch (error) {
        if (mayRetry(error) || error instanceof ConnectionError) this.#coordinator.forget();
        throw error;
      }
    });
  }

  async #byId(partitions: readonly TopicPartition[]) {
    return await Promise.all(
      grouped(partitions).map(async ([name, some]) => ({
        topicId: (await this.#cluster.topic(name)).id,
        partitions: some.map(({ partition }) => partition),
      })),
    );
  }

  /** Without topics that it has not asked for: one made anew under the name has another id until metadata says so. */
  async #byName(
    topics: readonly { readonly topicId: Uuid; readonly partitions: readonly number[] }[],
  ): Promise<TopicPartition[]> {
    const names = new Map<Uuid, string>();
    for (const name of topics.length === 0 ? [] : this.#options.topics) {
      names.set((await this.#cluster.retry(() => this.#cluster.topic(name))).id, name);
    }
    return topics.flatMap(({ topicId, partitions }) => {
      const topic = names.get(topicId);
      return topic === undefined ? [] : partitions.map((partition) => ({ topic, partition }));
    });
  }
}

/** Whether the group does not have this member any more. */
export function isPutOut(error: unknown): boolean {
  return error instanceof KafkaError && (error.code === ErrorCode.UNKNOWN_MEMBER_ID ||
    error.code === ErrorCode.FENCED_MEMBER_EPOCH || error.code === ErrorCode.STALE_MEMBER_EPOCH);
}

const LEAVES = -1;
const LAST_VERSION_WITH_NAMES = 9;

function grouped<P extends TopicPartition>(partitions: readonly P[]): [string, P[]][] {
  const topics = new Map<string, P[]>();
  for (const one of partitions) {
    const some = topics.get(one.topic);
    if (some === undefined) topics.set(one.topic, [one]);
    else some.push(one);
  }
  return [...topics];
}
