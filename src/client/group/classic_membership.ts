/**
 * ClassicMembership: a member of a classic group. Rounds of: give up (within poll), JoinGroup, SyncGroup, take (within
 * poll), and then heartbeats until one of them, a commit, or a look at the topics says that the group divides anew.
 *
 * Eager members give everything up before they join. Cooperative ones (KIP-429) keep it, give up after a round what is
 * not theirs any more, and then join again, so that others can have that. Requests that the coordinator keeps waiting
 * go over a connection of their own. Kafka's AbstractCoordinator and ConsumerCoordinator do the same.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import { Bell } from "../bell.ts";
import { type CallOptions, withinMs } from "../call.ts";
import { KafkaError, mayRetry } from "../errors.ts";
import type { TopicPartition } from "../list_offsets.ts";
import type { Assignor } from "./assignors/assignor.ts";
import { ClassicRequests, type Joined } from "./classic_requests.ts";
import { GroupLeader } from "./group_leader.ts";
import { Heartbeats } from "./heartbeats.ts";
import { encodeSubscription } from "./member_metadata.ts";
import {
  isFenced,
  lookAgainInMs,
  type MemberIdentity,
  type Membership,
  type MembershipOptions,
} from "./membership.ts";
import { without } from "./partitions_by_topic.ts";
import { MembershipEnded } from "./rebalancing.ts";

export interface ClassicOptions extends MembershipOptions {
  readonly assignors: readonly Assignor[];
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
}

export class ClassicMembership implements Membership {
  readonly #options: ClassicOptions;
  readonly #requests: ClassicRequests;
  readonly #leader: GroupLeader;
  readonly #isCooperative: boolean;
  readonly #bell = new Bell();
  readonly #heartbeats = new Heartbeats(() => this.#beat());
  readonly #done: Promise<void>;
  #memberId = "";
  #generationId = -1;
  /** Whether others may have this member's partitions already. */
  #isLost = false;
  /** From JoinGroup to the end of the round: which generation it is in is the coordinator's to know. */
  #isJoining = false;
  #mustJoin = true;
  #isStopped = false;
  #lookAtMs = 0;

  constructor(options: ClassicOptions) {
    this.#options = options;
    this.#requests = new ClassicRequests(options);
    this.#leader = new GroupLeader(options.cluster, options.assignors);
    this.#isCooperative = options.assignors.every(({ isCooperative }) => isCooperative);
    this.#done = this.#run().catch((error) => options.failed(error, true));
  }

  get identity(): MemberIdentity {
    const { groupInstanceId } = this.#options;
    return this.#isLost || this.#isJoining
      ? { generationId: -1, memberId: "", groupInstanceId }
      : { generationId: this.#generationId, memberId: this.#memberId, groupInstanceId };
  }

  get isRebalancing(): boolean {
    return !this.#isLost && (this.#isJoining || this.#generationId < 0);
  }

  refused(code: number, { generationId }: MemberIdentity): boolean {
    // What a round says of an older generation the round itself finds out.
    if (generationId !== this.#generationId || this.#isJoining || this.#isStopped) return false;
    if (code === ErrorCode.REBALANCE_IN_PROGRESS) this.#joinAgain();
    if (code === ErrorCode.ILLEGAL_GENERATION) this.#lost();
    if (code === ErrorCode.UNKNOWN_MEMBER_ID) {
      this.#memberId = "";
      this.#lost();
    }
    return false;
  }

  subscriptionChanged(): void {
    this.#lookAtMs = 0;
    this.#joinAgain();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#heartbeats.stop();
    this.#options.rebalancing.end();
    this.#bell.ring();
    this.#requests.interrupt();
    await withinMs(this.#done, STOP_MS);
    this.#isJoining = false; // what was read is committed as of the round before, where that is heard
  }

  async leave(call: CallOptions): Promise<void> {
    if (this.#memberId === "" || this.#options.groupInstanceId !== null) return;
    const memberId = this.#memberId;
    this.#memberId = "";
    this.#generationId = -1;
    await this.#requests.leave(memberId, call);
  }

  async #run(): Promise<void> {
    const { cluster } = this.#options;
    for (let tries = 0; !this.#isStopped;) {
      try {
        await this.#join();
        tries = 0;
        await this.#untilRebalance();
      } catch (error) {
        if (this.#isStopped || error instanceof MembershipEnded) return;
        if (this.#hasEndedBy(error)) return;
        await this.#pause(cluster.backoffMs(tries++));
      }
    }
  }

  /** One round. */
  async #join(): Promise<void> {
    const { rebalancing, topics, assignors, clientRack, heartbeatIntervalMs } = this.#options;
    if (topics.isRegExp && performance.now() >= this.#lookAtMs) await topics.refresh();
    await rebalancing.inPoll(() => this.#giveUp());
    this.#heartbeats.stop();
    this.#mustJoin = false;
    this.#isJoining = true;
    const { names } = topics;
    const protocols = assignors.map((assignor) => ({
      name: assignor.name,
      metadata: encodeSubscription({
        topics: names,
        userData: assignor.userData?.() ?? null,
        owned: rebalancing.owned,
        generation: rebalancing.owned.length === 0 ? -1 : this.#generationId,
        rackId: clientRack,
      }),
    }));
    const joined = await this.#requests.join(
      this.#memberId,
      protocols,
      (memberId) => this.#memberId = memberId,
    );
    this.#memberId = joined.memberId;
    const assigned = await this.#requests.sync(joined, await this.#leader.divide(joined, names));
    if (this.#isStopped) return;
    this.#generationId = joined.generationId;
    const wasLost = this.#isLost;
    this.#isLost = this.#isJoining = false;
    this.#heartbeats.start(heartbeatIntervalMs);
    await rebalancing.inPoll(() => this.#take(joined, assigned, wasLost));
    this.#lookAtMs = performance.now() + this.#lookInMs();
  }

  /** Before it joins. */
  async #giveUp(): Promise<void> {
    const { rebalancing, topics } = this.#options;
    if (this.#isLost) {
      await rebalancing.lose();
      this.#isLost = false;
      this.#generationId = -1;
    } else if (!this.#isCooperative) await rebalancing.revoke(rebalancing.owned);
    else {
      const names = new Set(topics.names);
      await rebalancing.revoke(rebalancing.owned.filter(({ topic }) => !names.has(topic)));
    }
  }

  /** After a round. `wasLost`: what it had until then was others' already. */
  async #take(
    { protocolName, generationId }: Joined,
    assigned: readonly TopicPartition[],
    wasLost: boolean,
  ): Promise<void> {
    const { rebalancing, assignors } = this.#options;
    if (wasLost) await rebalancing.lose();
    if (this.#isLost || this.#generationId !== generationId) return; // put out again meanwhile
    const isGivingUp = without(rebalancing.owned, assigned).length > 0;
    assignors.find(({ name }) => name === protocolName)?.assigned?.(assigned, generationId);
    await rebalancing.take(assigned);
    if (isGivingUp && this.#isCooperative) this.#joinAgain();
  }

  async #untilRebalance(): Promise<void> {
    while (!this.#mustJoin && !this.#isStopped) {
      await this.#bell.wait(this.#lookAtMs - performance.now());
      if (this.#mustJoin || this.#isStopped || performance.now() < this.#lookAtMs) continue;
      try {
        const isOther = await this.#options.topics.refresh() || await this.#leader.seesChange();
        if (isOther) this.#mustJoin = true;
      } catch (error) {
        if (!mayRetry(error)) throw error;
      }
      this.#lookAtMs = performance.now() + this.#lookInMs();
    }
  }

  #lookInMs(): number {
    return lookAgainInMs(this.#options.cluster, this.#leader.isMissingTopics);
  }

  /** Resolves with the ms until the next one. */
  async #beat(): Promise<number> {
    const { rebalancing, maxPollIntervalMs, heartbeatIntervalMs, cluster } = this.#options;
    const { identity } = this;
    try {
      if (rebalancing.silentMs > maxPollIntervalMs) await this.#leaveForSilence();
      else await this.#requests.heartbeat(identity);
      return heartbeatIntervalMs;
    } catch (error) {
      if (this.#isStopped || identity.generationId !== this.#generationId) {
        return heartbeatIntervalMs;
      }
      if (isFenced(error)) {
        this.#isStopped = true;
        this.#heartbeats.stop();
        this.#bell.ring();
        this.#options.failed(error, true);
      } else if (error instanceof KafkaError && IS_REFUSAL.has(error.code)) {
        this.refused(error.code, identity);
      } else if (!mayRetry(error)) this.#options.failed(error, false);
      return Math.min(heartbeatIntervalMs, cluster.backoffMs(RETRIES_OF_BEATS));
    }
  }

  /** Nobody polls: others get the partitions, and the next poll() joins anew. */
  async #leaveForSilence(): Promise<void> {
    const memberId = this.#memberId;
    this.#memberId = "";
    this.#lost();
    if (this.#options.groupInstanceId === null) {
      await this.#requests.leave(memberId, { timeoutMs: STOP_MS });
    }
  }

  #lost(): void {
    this.#isLost = true;
    this.#heartbeats.stop();
    this.#joinAgain();
  }

  #joinAgain(): void {
    this.#mustJoin = true;
    this.#bell.ring();
  }

  /** Takes a failed round for what it is; whether there is nothing left to try. */
  #hasEndedBy(error: unknown): boolean {
    if (isFenced(error)) {
      this.#options.failed(error, true);
      return true;
    }
    this.#mustJoin = true;
    const code = error instanceof KafkaError ? error.code : null;
    if (code === ErrorCode.UNKNOWN_MEMBER_ID || code === ErrorCode.ILLEGAL_GENERATION) {
      if (code === ErrorCode.UNKNOWN_MEMBER_ID) this.#memberId = "";
      this.#isLost = true;
      this.#isJoining = false;
    } else if (code !== ErrorCode.REBALANCE_IN_PROGRESS && !mayRetry(error)) {
      this.#options.failed(error, false);
    }
    return false;
  }

  async #pause(ms: number): Promise<void> {
    const endMs = performance.now() + ms;
    while (!this.#isStopped && performance.now() < endMs) {
      await this.#bell.wait(endMs - performance.now());
    }
  }
}

/** Answers to a heartbeat or commit that say where the group is. */
const IS_REFUSAL: ReadonlySet<number> = new Set([
  ErrorCode.REBALANCE_IN_PROGRESS,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.UNKNOWN_MEMBER_ID,
]);

/** How long what is on its way may take to end. */
const STOP_MS = 5000;
/** A heartbeat that failed is tried again after the pause of a third try. */
const RETRIES_OF_BEATS = 2;
