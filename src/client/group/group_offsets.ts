/**
 * GroupOffsets: what a consumer commits for its group, and what the group has committed.
 *
 * One request is on its way at a time, and what is committed meanwhile goes together into the next one, so that a later
 * commit is never overtaken by an earlier one that had to be tried again. Each caller hears of its own partitions.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import { OffsetCommit } from "../../protocol/messages/offset_commit.ts";
import { type CallOptions, withinLimits } from "../call.ts";
import type { Cluster } from "../cluster.ts";
import type { Connection } from "../connection.ts";
import type { CommittedOffset } from "../consumer_options.ts";
import { Coordinator } from "../coordinators.ts";
import { ConnectionError, KafkaError, mayRetry } from "../errors.ts";
import { fetchedOffsets } from "../fetched_offsets.ts";
import type { TopicPartition } from "../list_offsets.ts";
import type { OffsetToCommit } from "../transaction_requests.ts";
import { hasLostCoordinator, type MemberIdentity, type Membership } from "./membership.ts";
import { grouped, nameOf } from "./partitions_by_topic.ts";

export interface GroupOffsetsOptions {
  readonly cluster: Cluster;
  readonly groupId: string;
  /** The member that commits; null while partitions are assigned by hand. */
  readonly membership: () => Membership | null;
  /** Whether the member has it still. */
  readonly isOwned: (partition: TopicPartition) => boolean;
}

export class GroupOffsets {
  readonly #options: GroupOffsetsOptions;
  readonly #coordinator: Coordinator;
  #waiting: Commit[] = [];
  #sending: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: GroupOffsetsOptions) {
    this.#options = options;
    this.#coordinator = new Coordinator(options.cluster, "group", options.groupId);
  }

  /** What the group has committed, null where nothing; in the order asked. Throws KafkaError and ConnectionError. */
  async committed(
    partitions: readonly TopicPartition[],
    call: CallOptions = {},
  ): Promise<(CommittedOffset | null)[]> {
    if (partitions.length === 0) return [];
    return await this.#options.cluster.retry(
      () => this.#asked((connection) => this.#fetch(connection, partitions)),
      call,
    );
  }

  /**
   * Commits; resolves when it is durable. Tries again as long as the call may go on, or not at all. Throws KafkaError:
   * REBALANCE_IN_PROGRESS where the member has to poll first; ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID or
   * FENCED_MEMBER_EPOCH where others may have the partitions now.
   */
  async commit(
    offsets: readonly OffsetToCommit[],
    { signal, timeoutMs = this.#options.cluster.callTimeoutMs }: CallOptions = {},
    isRetried = true,
  ): Promise<void> {
    signal?.throwIfAborted();
    for (const one of offsets) checkOffset(one);
    if (offsets.length === 0) return;
    const { groupId, membership } = this.#options;
    const generationId = membership()?.identity.generationId ?? -1;
    const committed = new Promise<void>((resolve, reject) => {
      this.#waiting.push({
        offsets: new Map(offsets.map((one) => [nameOf(one), one])),
        generationId,
        deadlineMs: isRetried ? performance.now() + timeoutMs : 0,
        resolve,
        reject,
      });
    });
    this.#sending ??= this.#sendAll();
    // A request on its way may take longer than the call.
    const late = () =>
      new ConnectionError(`Nothing was committed for ${groupId} in ${timeoutMs} ms`);
    await withinLimits(committed, { maxMs: timeoutMs + LATE_MS, signal, late });
  }

  /** What is on its way comes to its end; nothing is tried again. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#sending;
  }

  async #sendAll(): Promise<void> {
    const { cluster } = this.#options;
    try {
      for (let tries = 0; this.#waiting.length > 0;) {
        const commits = this.#waiting;
        this.#waiting = [];
        const left = await this.#send(commits, cluster.backoffMs(tries));
        if (left.length === 0) tries = 0;
        else {
          this.#waiting.unshift(...left);
          await cluster.pause(cluster.backoffMs(tries++));
        }
      }
    } finally {
      this.#sending = null; // in the turn that found nothing: what comes later begins anew
    }
  }

  /** Settles those that are decided; the others are to be sent again after `pauseMs`. Never rejects. */
  async #send(commits: readonly Commit[], pauseMs: number): Promise<Commit[]> {
    const failures = new Map<string, unknown>();
    const identity = this.#options.membership()?.identity ?? NOBODY;
    const merged = this.#merged(commits, identity, failures);
    try {
      if (merged.size > 0) {
        await this.#asked((connection) => this.#ask(connection, identity, merged, failures));
      }
    } catch (error) {
      for (const name of merged.keys()) failures.set(name, error);
    }
    return commits.filter(({ offsets, deadlineMs, resolve, reject }) => {
      const errors = [...offsets.keys()].filter((name) => failures.has(name))
        .map((name) => failures.get(name));
      if (errors.length === 0) return void resolve();
      const isOver = this.#isClosed || this.#options.cluster.isClosed ||
        performance.now() + pauseMs > deadlineMs;
      const final = errors.find((error) => !this.#mayRetry(error, identity));
      if (final === undefined && !isOver) return true;
      reject(final ?? errors[0]);
      return false;
    });
  }

  /** The last that was committed of each partition, which then counts for all who wait; without what may not be. */
  #merged(
    commits: readonly Commit[],
    identity: MemberIdentity,
    failures: Map<string, unknown>,
  ): Map<string, OffsetToCommit> {
    const { membership, isOwned, groupId } = this.#options;
    const merged = new Map<string, OffsetToCommit>();
    for (const { offsets, generationId } of commits) {
      for (const [name, one] of offsets) {
        const isMember = identity.generationId >= 0,
          isSame = generationId === identity.generationId;
        if (membership() === null || isMember && (isSame || isOwned(one))) {
          merged.set(name, one);
          continue;
        }
        const code = membership()!.isRebalancing
          ? ErrorCode.REBALANCE_IN_PROGRESS
          : ErrorCode.ILLEGAL_GENERATION;
        failures.set(name, new KafkaError(code, `commit of ${name} by group ${groupId}`));
      }
    }
    for (const { offsets } of commits) {
      for (const name of offsets.keys()) {
        const last = merged.get(name);
        if (last !== undefined) offsets.set(name, last);
      }
    }
    return merged;
  }

  async #ask(
    connection: Connection,
    { generationId, memberId, groupInstanceId }: MemberIdentity,
    offsets: ReadonlyMap<string, OffsetToCommit>,
    failures: Map<string, unknown>,
  ): Promise<void> {
    const { groupId } = this.#options;
    const version = connection.versionFor(OffsetCommit, LAST_VERSION_WITH_NAMES);
    const { topics } = await connection.request(OffsetCommit, version, {
      groupId,
      generationIdOrMemberEpoch: generationId,
      memberId,
      groupInstanceId,
      topics: [...grouped([...offsets.values()])].map(([name, some]) => ({
        name,
        partitions: some.map(({ partition, offset, leaderEpoch = -1, metadata }) => ({
          partitionIndex: partition,
          committedOffset: BigInt(offset),
          committedLeaderEpoch: leaderEpoch,
          committedMetadata: metadata ?? "",
        })),
      })),
    });
    for (const { name, partitions } of topics) {
      for (const { partitionIndex, errorCode } of partitions) {
        if (errorCode === 0) continue;
        const what = `commit of ${name}-${partitionIndex} by group ${groupId}`;
        const error = new KafkaError(errorCode, what);
        failures.set(`${name}-${partitionIndex}`, error);
        if (hasLostCoordinator(error)) this.#coordinator.forget();
      }
    }
  }

  #mayRetry(error: unknown, identity: MemberIdentity): boolean {
    const code = error instanceof KafkaError ? error.code : null;
    // A topic that was read is not there any more.
    if (code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return false;
    if (mayRetry(error)) return true;
    if (code === null) return false;
    return this.#options.membership()?.refused(code, identity) ?? false;
  }

  async #fetch(
    connection: Connection,
    partitions: readonly TopicPartition[],
  ): Promise<(CommittedOffset | null)[]> {
    const { groupId } = this.#options;
    const found = new Map<string, CommittedOffset>();
    for (const one of await fetchedOffsets(connection, { groupId, partitions, isStable: true })) {
      if (one.offset >= 0n) found.set(nameOf(one), { ...one, offset: Number(one.offset) });
    }
    return partitions.map((one) => found.get(nameOf(one)) ?? null);
  }

  async #asked<T>(ask: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      return await ask(await this.#coordinator.connection());
    } catch (error) {
      if (hasLostCoordinator(error)) this.#coordinator.forget();
      throw error;
    }
  }
}

interface Commit {
  /** By partition. */
  readonly offsets: Map<string, OffsetToCommit>;
  /** Of the member when it was asked for. */
  readonly generationId: number;
  /** 0: it is not tried again. */
  readonly deadlineMs: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const NOBODY: MemberIdentity = { generationId: -1, memberId: "", groupInstanceId: null };
const LAST_VERSION_WITH_NAMES = 9;
/** How much later than its time a commit may end, so that a last answer is heard. */
const LATE_MS = 500;

function checkOffset({ topic, partition, offset }: OffsetToCommit): void {
  const isWhole = typeof offset === "bigint" || Number.isSafeInteger(offset);
  if (isWhole && offset >= 0) return;
  throw new Error(`Cannot commit ${topic}-${partition} at ${offset}: needed is an offset from 0`);
}
