/**
 * GroupSession: what a consumer has to do with its group: the membership while it subscribes, what it commits, and when
 * that happens by itself.
 */
import type { Bell } from "../bell.ts";
import { type CallOptions, withinMs } from "../call.ts";
import type { Cluster } from "../cluster.ts";
import type { GroupOptions, RebalanceListener, Subscription } from "../consumer_options.ts";
import { KafkaError, mayRetry } from "../errors.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { TopicPartition } from "../list_offsets.ts";
import type { OffsetToCommit } from "../transaction_requests.ts";
import { assignorsOf } from "./assignors/mod.ts";
import { ClassicMembership } from "./classic_membership.ts";
import { ConsumerMembership } from "./consumer_membership.ts";
import { GroupOffsets } from "./group_offsets.ts";
import type { MemberIdentity, Membership } from "./membership.ts";
import { nameOf } from "./partitions_by_topic.ts";
import { Rebalancing } from "./rebalancing.ts";
import { SubscribedTopics } from "./subscribed_topics.ts";

/** The consumer, as its group's session sees it. */
export interface SessionConsumer {
  assign(partitions: readonly TopicPartition[]): void;
  isAssigned(partition: TopicPartition): boolean;
  /** Where each that is assigned was read to; without those that were not read. */
  positions(): OffsetToCommit[];
  readonly bell: Bell;
}

export class GroupSession {
  readonly groupId: string;
  readonly offsets: GroupOffsets;
  readonly #cluster: Cluster;
  readonly #options: GroupOptions;
  readonly #consumer: SessionConsumer;
  readonly #topics: SubscribedTopics;
  #rebalancing: Rebalancing | null = null;
  #membership: Membership | null = null;
  /** The end of the membership, on its way. */
  #leaving: Promise<void> | null = null;
  #failure: { readonly error: unknown; readonly isFinal: boolean } | null = null;
  /** What the group is known to have, so that it is not committed again. */
  readonly #committed = new Map<string, string>();
  #autoCommitAtMs = performance.now();
  #isAutoCommitting = false;

  /** Throws TypeError for options that cannot be. */
  constructor(cluster: Cluster, groupId: string, options: GroupOptions, consumer: SessionConsumer) {
    checkOptions(groupId, options);
    this.groupId = groupId;
    this.#cluster = cluster;
    this.#options = options;
    this.#consumer = consumer;
    this.#topics = new SubscribedTopics(cluster);
    this.offsets = new GroupOffsets({
      cluster,
      groupId,
      membership: () => this.#membership,
      isOwned: (partition) => consumer.isAssigned(partition),
    });
    this.#autoCommitAtMs += this.#autoCommitIntervalMs;
  }

  get isSubscribed(): boolean {
    return this.#membership !== null;
  }

  get identity(): MemberIdentity {
    const nobody = { generationId: -1, memberId: "" };
    return this.#membership?.identity ??
      { ...nobody, groupInstanceId: this.#options.groupInstanceId ?? null };
  }

  /** Names that are subscribed to, as far as they are known here. */
  get subscription(): readonly string[] {
    return this.isSubscribed ? this.#topics.names : [];
  }

  subscribe(subscription: Subscription, listener: RebalanceListener): void {
    const { groupProtocol = "classic" } = this.#options;
    const isServers = typeof subscription === "object" && "pattern" in subscription;
    if (isServers && groupProtocol !== "consumer") {
      throw new TypeError(`A SubscriptionPattern needs groupProtocol "consumer": take a RegExp`);
    }
    if (this.#leaving !== null) {
      throw new Error("Cannot subscribe: unsubscribe() is not over yet, await it first");
    }
    this.#topics.set(subscription);
    if (this.#membership !== null) {
      this.#rebalancing!.listener = listener;
      return this.#membership.subscriptionChanged();
    }
    const { bell } = this.#consumer;
    this.#rebalancing = new Rebalancing({
      assign: (partitions) => {
        for (const name of this.#committed.keys()) {
          if (!partitions.some((one) => nameOf(one) === name)) this.#committed.delete(name);
        }
        this.#consumer.assign(partitions);
      },
      commitBefore: (partitions) => this.#commitBefore(partitions),
      failed: (error) => this.#failed(error, false),
    }, bell);
    this.#rebalancing.listener = listener;
    this.#failure = null;
    this.#membership = this.#newMembership(this.#rebalancing);
  }

  /** Whether work() has something to do. */
  get isDue(): boolean {
    return this.#rebalancing?.isDue === true || this.#failure !== null;
  }

  /** What rebalances wait for. Throws what went wrong for good since the last time. */
  async work(): Promise<void> {
    this.#rebalancing?.polled();
    if (this.#rebalancing?.isDue) await this.#rebalancing.run();
    const failure = this.#failure;
    if (failure === null) return;
    if (!failure.isFinal) this.#failure = null;
    throw failure.error;
  }

  /** The caller polls, still. */
  polled(): void {
    this.#rebalancing?.polled();
  }

  /** Begins to commit what was read, where that is due. */
  autoCommit(): void {
    const nowMs = performance.now();
    if (nowMs < this.#autoCommitAtMs || !this.#hasAutoCommit || this.#isAutoCommitting) return;
    this.#autoCommitAtMs = nowMs + this.#autoCommitIntervalMs;
    this.#isAutoCommitting = true;
    this.#commitPositions(() => true, { timeoutMs: this.#autoCommitIntervalMs })
      .catch((error) => this.#autoCommitFailed(error))
      .finally(() => this.#isAutoCommitting = false);
  }

  /** Commits what was read, where that happens by itself, gives up everything, and leaves. Further calls wait for the first. */
  unsubscribe(call: CallOptions = {}): Promise<void> {
    return this.#leaving ??= this.#unsubscribe(call).finally(() => this.#leaving = null);
  }

  async close(call: CallOptions): Promise<void> {
    if (this.isSubscribed) await this.#unsubscribed(call);
    else await this.#commitBefore(null);
    await withinMs(this.offsets.close(), call.timeoutMs ?? LAST_COMMIT_MS);
    const failure = this.#failure;
    if (failure !== null && !failure.isFinal) throw failure.error;
  }

  /** Ends at once, and tells nobody: the group puts the member out after a while. */
  abandon(): void {
    this.#membership?.stop().catch(() => {});
    this.offsets.close().catch(() => {});
  }

  /** So much was committed by hand. */
  noteCommitted(offsets: readonly OffsetToCommit[]): void {
    for (const one of offsets) this.#committed.set(nameOf(one), String(one.offset));
  }

  /** The next poll() throws it. */
  failed(error: unknown): void {
    this.#failed(error, false);
  }

  /** Not beyond the time of this call, where one that has another is on its way. */
  async #unsubscribed(call: CallOptions): Promise<void> {
    if (this.#leaving === null) await this.unsubscribe(call);
    else await withinMs(this.#leaving, call.timeoutMs ?? LAST_COMMIT_MS);
  }

  async #unsubscribe(call: CallOptions): Promise<void> {
    const membership = this.#membership, rebalancing = this.#rebalancing;
    if (membership === null || rebalancing === null) return;
    await membership.stop();
    const { timeoutMs = this.#cluster.callTimeoutMs } = call;
    await rebalancing.giveUp(() => membership.identity.generationId < 0, timeoutMs);
    await membership.leave(call);
    this.#membership = this.#rebalancing = null;
    if (this.#failure?.isFinal) this.#failure = null; // of that membership
  }

  get #hasAutoCommit(): boolean {
    return this.#options.enableAutoCommit ?? true;
  }

  get #autoCommitIntervalMs(): number {
    return this.#options.autoCommitIntervalMs ?? 5000;
  }

  /** null: of all. Who cannot commit now has no other chance: others read again from what is committed. */
  async #commitBefore(partitions: readonly TopicPartition[] | null): Promise<void> {
    if (!this.#hasAutoCommit) return;
    const names = partitions && new Set(partitions.map(nameOf));
    await this.#commitPositions((one) => names?.has(nameOf(one)) ?? true, {
      timeoutMs: LAST_COMMIT_MS,
    }).catch((error) => this.#autoCommitFailed(error));
  }

  async #commitPositions(
    isMeant: (one: TopicPartition) => boolean,
    call: CallOptions,
  ): Promise<void> {
    const offsets = this.#consumer.positions().filter((one) =>
      isMeant(one) && this.#committed.get(nameOf(one)) !== String(one.offset)
    );
    await this.offsets.commit(offsets, call);
    this.noteCommitted(offsets);
  }

  /** What goes away, or goes with a rebalance, is tried again with the next one; poll() throws the rest. */
  #autoCommitFailed(error: unknown): void {
    const isPassing = mayRetry(error) ||
      error instanceof KafkaError && OF_REBALANCES.has(error.code);
    if (!isPassing) this.#failed(error, false);
  }

  #failed(error: unknown, isFinal: boolean): void {
    if (this.#failure === null || isFinal) this.#failure = { error, isFinal };
    this.#consumer.bell.ring();
  }

  #newMembership(rebalancing: Rebalancing): Membership {
    const {
      groupProtocol,
      groupInstanceId = null,
      clientRack = null,
      partitionAssignors,
      groupRemoteAssignor = null,
      sessionTimeoutMs = 45_000,
      heartbeatIntervalMs = 3000,
      maxPollIntervalMs = 300_000,
    } = this.#options;
    const options = {
      cluster: this.#cluster,
      groupId: this.groupId,
      groupInstanceId,
      clientRack,
      maxPollIntervalMs,
      topics: this.#topics,
      rebalancing,
      lane: `member-${++members}`,
      failed: (error: unknown, isFinal: boolean) => this.#failed(error, isFinal),
    };
    return groupProtocol === "consumer"
      ? new ConsumerMembership({ ...options, groupRemoteAssignor })
      : new ClassicMembership({
        ...options,
        assignors: assignorsOf(partitionAssignors),
        sessionTimeoutMs,
        heartbeatIntervalMs,
      });
  }
}

/** Memberships made so far: the number names a lane. */
let members = 0;

/** How long a commit may take that others wait for. */
const LAST_COMMIT_MS = 5000;

const OF_REBALANCES: ReadonlySet<number> = new Set([
  ErrorCode.REBALANCE_IN_PROGRESS,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.STALE_MEMBER_EPOCH,
  ErrorCode.FENCED_INSTANCE_ID,
]);

function checkOptions(groupId: string, options: GroupOptions): void {
  if (typeof groupId !== "string" || groupId === "") {
    throw new TypeError(`groupId is ${JSON.stringify(groupId)}, needs text`);
  }
  const { groupProtocol = "classic", groupInstanceId } = options;
  if (groupProtocol !== "classic" && groupProtocol !== "consumer") {
    throw new TypeError(`groupProtocol is "${groupProtocol}", needs "classic" or "consumer"`);
  }
  if (groupInstanceId === "") throw new TypeError(`groupInstanceId is "", needs text`);
  for (const name of TIMES) {
    const value = options[name];
    if (value === undefined || Number.isSafeInteger(value) && value > 0 && value <= MAX_INT32) {
      continue;
    }
    throw new TypeError(`${name} is ${value}, needs whole milliseconds from 1 to ${MAX_INT32}`);
  }
  if (groupProtocol === "classic") assignorsOf(options.partitionAssignors);
  const { heartbeatIntervalMs = 3000, sessionTimeoutMs = 45_000 } = options;
  if (groupProtocol === "classic" && heartbeatIntervalMs >= sessionTimeoutMs) {
    throw new TypeError(
      `heartbeatIntervalMs is ${heartbeatIntervalMs}, needs less than sessionTimeoutMs, ${sessionTimeoutMs}`,
    );
  }
}

const TIMES = [
  "sessionTimeoutMs",
  "heartbeatIntervalMs",
  "maxPollIntervalMs",
  "autoCommitIntervalMs",
] as const;
const MAX_INT32 = 0x7fffffff;
