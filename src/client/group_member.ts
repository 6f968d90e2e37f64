/**
 * GroupMember: membership in a group of the consumer protocol (KIP-848): which partitions it is to have, and the offsets
 * it commits. Whoever uses it calls heartbeat() when it is due, and acknowledges what it has taken or given up; there is
 * no timer in it, so a member that is stuck falls out of the group as it should.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { ConsumerGroupHeartbeat } from "../protocol/messages/consumer_group_heartbeat.ts";
import { OffsetCommit } from "../protocol/messages/offset_commit.ts";
import type { CallOptions } from "./call.ts";
import type { Cluster } from "./cluster.ts";
import type { Connection } from "./connection.ts";
import { Coordinator } from "./coordinators.ts";
import { check, ConnectionError, KafkaError, mayRetry } from "./errors.ts";
import { fetchedOffsets } from "./fetched_offsets.ts";
import { grouped, nameOf } from "./group/partitions_by_topic.ts";
import type { TopicPartition } from "./list_offsets.ts";
import { type OfTopicId, TopicIds } from "./topic_ids.ts";

export interface GroupMemberOptions {
  readonly groupId: string;
  /** Names, as they are at each heartbeat. */
  readonly topics: readonly string[] | (() => readonly string[]);
  /** RE2 that the broker matches names against, as it is at each heartbeat; none if not given. */
  readonly pattern?: () => string | null;
  /** How long it may take to give up partitions, 60 s if not given. */
  readonly rebalanceTimeoutMs?: number;
  /** A static member keeps its partitions when it is back in time. */
  readonly instanceId?: string | null;
  readonly rackId?: string | null;
  /** The broker's assignor; its default if not given. */
  readonly assignor?: string | null;
  /** Whose connection it uses, see Cluster.connectionTo(). */
  readonly lane?: string;
}

export interface GroupPosition extends TopicPartition {
  /** Of the next record to read. */
  readonly offset: number;
}

export class GroupMember {
  readonly #cluster: Cluster;
  readonly #options: GroupMemberOptions;
  readonly #coordinator: Coordinator;
  readonly #ids: TopicIds;
  #memberId: string = crypto.randomUUID();
  /** 0: not in the group. */
  #epoch = 0;
  #dueAtMs = 0;
  /** Since the last heartbeat was begun something came that the next one has to say. */
  #isHurried = false;
  /** As the group said it, with topics that may not be known here yet. */
  #assigned: readonly OfTopicId[] | null = null;
  #isResolved = true;
  #target: readonly TopicPartition[] | null = null;
  #owned: readonly TopicPartition[] = [];
  #ownedChanged = true;
  /** What it has told the group that it subscribes to. */
  #told = "";

  constructor(cluster: Cluster, options: GroupMemberOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#coordinator = new Coordinator(cluster, "group", options.groupId, options.lane);
    this.#ids = new TopicIds(cluster);
  }

  get memberId(): string {
    return this.#memberId;
  }

  /** 0: not in the group. */
  get epoch(): number {
    return this.#epoch;
  }

  /** What it is to have; null before the group has said so, and after it has put this member out. */
  get target(): readonly TopicPartition[] | null {
    return this.#target;
  }

  /** Of a topic that it has, or is to have; one that is made anew under the same name has another. */
  idOf(topic: string): Uuid | null {
    return this.#ids.idOf(topic);
  }

  get isDue(): boolean {
    return this.dueInMs === 0;
  }

  get dueInMs(): number {
    return Math.max(0, this.#dueAtMs - performance.now());
  }

  /**
   * Joins, or says that it is there, and hears what it is to have. Put out of the group it joins anew at the next call.
   * Throws KafkaError and ConnectionError for what retrying does not mend in the cluster's time, or `timeoutMs`.
   */
  async heartbeat(call: CallOptions = {}): Promise<void> {
    const isJoin = this.#epoch === 0, hasNews = isJoin || this.#ownedChanged;
    let tries = 0;
    const { instanceId = null, rackId = null, assignor = null } = this.#options;
    const names = this.#names(), pattern = this.#options.pattern?.() ?? null;
    const subscription = JSON.stringify([names, pattern]);
    const isTold = !isJoin && subscription === this.#told;
    this.#ownedChanged = this.#isHurried = false;
    try {
      const answer = await this.#asked(async (connection) => {
        const version = connection.versionFor(ConsumerGroupHeartbeat);
        // Where an answer may have been lost everything is said, so that the group says everything, too.
        const isFull = isJoin || this.#told === "" || tries++ > 0;
        const answer = await connection.request(ConsumerGroupHeartbeat, version, {
          groupId: this.#options.groupId,
          memberId: isJoin && version === 0 ? "" : this.#memberId, // then the broker makes it
          memberEpoch: this.#epoch,
          instanceId,
          rackId: isFull ? rackId : null,
          rebalanceTimeoutMs: isFull ? this.#options.rebalanceTimeoutMs ?? 60_000 : -1,
          subscribedTopicNames: isTold && !isFull ? null : names,
          // "" takes back what was said before
          subscribedTopicRegex: isTold && !isFull ? null : isJoin ? pattern : pattern ?? "",
          serverAssignor: isFull ? assignor : null,
          topicPartitions: hasNews || isFull ? this.#ids.byId(isJoin ? [] : this.#owned) : null,
        });
        check(answer.errorCode, `member of group ${this.#options.groupId}`, answer.errorMessage);
        return answer;
      }, call);
      this.#memberId = answer.memberId ?? this.#memberId;
      this.#epoch = answer.memberEpoch;
      this.#dueIn(answer.heartbeatIntervalMs);
      this.#told = subscription;
      if (answer.assignment !== null) {
        this.#assigned = answer.assignment.topicPartitions;
        this.#isResolved = false;
      }
      await this.#resolve(answer.heartbeatIntervalMs, call);
    } catch (error) {
      this.#ownedChanged = true;
      this.#told = "";
      if (!isPutOut(error)) throw error;
      this.putOut();
    }
  }

  /** The group does not have it any more: the next heartbeat joins anew. */
  putOut(): void {
    this.#epoch = 0;
    this.#dueAtMs = 0;
    this.#assigned = this.#target = null;
    this.#owned = [];
  }

  /** The next heartbeat is due now, or once the one that is on its way is answered. */
  hurry(): void {
    this.#dueAtMs = 0;
    this.#isHurried = true;
  }

  /** These it has now: what it gave up others may have. */
  async owns(partitions: readonly TopicPartition[]): Promise<void> {
    this.acknowledge(partitions);
    await this.heartbeat();
  }

  /** As owns(), with the next heartbeat, which is due now. */
  acknowledge(partitions: readonly TopicPartition[]): void {
    this.#owned = partitions;
    this.#ownedChanged = true;
    this.hurry();
  }

  /** How far the group has read in them; null where it has committed nothing. In the order asked. */
  async committed(partitions: readonly TopicPartition[]): Promise<(number | null)[]> {
    if (partitions.length === 0) return [];
    return await this.#asked(async (connection) => {
      const found = new Map<string, number>();
      const all = await fetchedOffsets(connection, {
        groupId: this.#options.groupId,
        partitions,
        isStable: true,
        member: { memberId: this.#memberId, memberEpoch: this.#epoch },
      });
      for (const one of all) if (one.offset >= 0n) found.set(nameOf(one), Number(one.offset));
      return partitions.map((one) => found.get(nameOf(one)) ?? null);
    });
  }

  /** Commits, as a member: who was put out of the group throws KafkaError, and another has the partitions. */
  async commit(positions: readonly GroupPosition[], call: CallOptions = {}): Promise<void> {
    if (positions.length === 0) return;
    await this.#asked(async (connection) => {
      const version = connection.versionFor(OffsetCommit, LAST_VERSION_WITH_NAMES);
      const { topics } = await connection.request(OffsetCommit, version, {
        groupId: this.#options.groupId,
        generationIdOrMemberEpoch: this.#epoch,
        memberId: this.#memberId,
        groupInstanceId: null,
        topics: [...grouped(positions)].map(([name, some]) => ({
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
    }, call);
  }

  /**
   * Leaves the group; a static member's place is kept for a while, unless `forGood`. Who cannot leave is put out by the
   * group after a while.
   */
  async leave(call: CallOptions = {}, { forGood = false } = {}): Promise<void> {
    if (this.#epoch === 0) return;
    const isStatic = (this.#options.instanceId ?? null) !== null;
    this.#epoch = isStatic && !forGood ? LEAVES_FOR_A_WHILE : LEAVES;
    try {
      await this.heartbeat(call);
    } finally {
      this.putOut();
    }
  }

  #names(): readonly string[] {
    const { topics } = this.#options;
    return typeof topics === "function" ? topics() : topics;
  }

  /** Topics of ids that are not known yet are looked for again with the next heartbeat, which is sooner then. */
  async #resolve(intervalMs: number, call: CallOptions): Promise<void> {
    if (this.#assigned === null || this.#isResolved) return;
    const { partitions, isWhole } = await this.#ids.byName(this.#assigned, this.#names(), call);
    this.#target = partitions;
    this.#isResolved = isWhole;
    if (!isWhole) this.#dueIn(Math.min(intervalMs, UNKNOWN_TOPIC_MS));
  }

  #dueIn(ms: number): void {
    this.#dueAtMs = this.#isHurried ? 0 : performance.now() + ms;
  }

  /** Asks the coordinator, and another one where it has moved. */
  #asked<T>(ask: (connection: Connection) => Promise<T>, call: CallOptions = {}): Promise<T> {
    return this.#cluster.retry(async () => {
      try {
        return await ask(await this.#coordinator.connection());
      } catch (error) {
        if (mayRetry(error) || error instanceof ConnectionError) this.#coordinator.forget();
        throw error;
      }
    }, call);
  }
}

/** Whether the group does not have this member any more. */
export function isPutOut(error: unknown): boolean {
  return error instanceof KafkaError && (error.code === ErrorCode.UNKNOWN_MEMBER_ID ||
    error.code === ErrorCode.FENCED_MEMBER_EPOCH || error.code === ErrorCode.STALE_MEMBER_EPOCH);
}

const LEAVES = -1;
const LEAVES_FOR_A_WHILE = -2;
/** How soon a topic is looked for that the group gives and metadata does not have. */
const UNKNOWN_TOPIC_MS = 500;
const LAST_VERSION_WITH_NAMES = 9;
