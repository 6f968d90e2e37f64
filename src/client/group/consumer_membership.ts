/**
 * ConsumerMembership: a member of a group of the consumer protocol (KIP-848). Heartbeats say what it subscribes to and
 * has; their answers, what it is to have. The group gives a partition only when nobody else has it, so what is new may be
 * read at once; what goes is given up within poll(), and the next heartbeat says so.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import { Bell } from "../bell.ts";
import { type CallOptions, withinMs } from "../call.ts";
import { KafkaError, mayRetry } from "../errors.ts";
import { GroupMember } from "../group_member.ts";
import type { TopicPartition } from "../list_offsets.ts";
import type { Uuid } from "../../bytes/uuid.ts";
import {
  isFenced,
  lookAgainInMs,
  type MemberIdentity,
  type Membership,
  type MembershipOptions,
} from "./membership.ts";

import { MembershipEnded } from "./rebalancing.ts";

export interface ConsumerMembershipOptions extends MembershipOptions {
  readonly groupRemoteAssignor: string | null;
}

export class ConsumerMembership implements Membership {
  readonly #options: ConsumerMembershipOptions;
  readonly #member: GroupMember;
  readonly #bell = new Bell();
  readonly #done: Promise<void>;
  /** The target that was taken last, or is being taken. */
  #taken: readonly TopicPartition[] | null = null;
  #isTaking = false;
  /** Of the topics it has. */
  #ids = new Map<string, Uuid | null>();
  #isStopped = false;
  #lookAtMs = 0;

  constructor(options: ConsumerMembershipOptions) {
    this.#options = options;
    const { cluster, topics } = options;
    this.#member = new GroupMember(cluster, {
      groupId: options.groupId,
      topics: () => topics.names,
      pattern: () => topics.serverPattern,
      rebalanceTimeoutMs: options.maxPollIntervalMs,
      instanceId: options.groupInstanceId,
      rackId: options.clientRack,
      assignor: options.groupRemoteAssignor,
      lane: options.lane,
    });
    this.#done = this.#run().catch((error) => {
      if (!(error instanceof MembershipEnded)) options.failed(error, true);
    });
  }

  get identity(): MemberIdentity {
    const { groupInstanceId } = this.#options, { epoch, memberId } = this.#member;
    return epoch <= 0
      ? { generationId: -1, memberId: "", groupInstanceId }
      : { generationId: epoch, memberId, groupInstanceId };
  }

  get isRebalancing(): boolean {
    return this.#member.epoch <= 0 && this.#options.rebalancing.owned.length === 0;
  }

  refused(code: number, { generationId }: MemberIdentity): boolean {
    if (this.#isStopped) return false;
    const isBehind = code === ErrorCode.STALE_MEMBER_EPOCH;
    const isOut = code === ErrorCode.UNKNOWN_MEMBER_ID || code === ErrorCode.FENCED_MEMBER_EPOCH;
    // The heartbeat tells which epoch it is now, or that it is none.
    if ((isBehind || isOut) && generationId === this.#member.epoch) {
      this.#member.hurry();
      this.#bell.ring();
    }
    return isBehind;
  }

  subscriptionChanged(): void {
    this.#lookAtMs = 0;
    this.#member.hurry();
    this.#bell.ring();
  }

  async stop(): Promise<void> {
    const { cluster, lane, rebalancing } = this.#options;
    this.#isStopped = true;
    rebalancing.end();
    this.#bell.ring();
    cluster.closeLane(lane);
    await withinMs(this.#done, STOP_MS);
  }

  async leave(call: CallOptions): Promise<void> {
    await this.#member.leave(call).catch(() => {}); // the group puts it out after a while
  }

  async #run(): Promise<void> {
    const { cluster, failed } = this.#options;
    for (let tries = 0; !this.#isStopped;) {
      try {
        await this.#look();
        await this.#beat();
        tries = 0;
        await this.#bell.wait(this.#member.dueInMs);
      } catch (error) {
        if (this.#isStopped || error instanceof MembershipEnded) return;
        if (isFenced(error)) return failed(error, true);
        if (!mayRetry(error)) {
          failed(error, false);
          await this.#options.rebalancing.inPoll(() => Promise.resolve());
        }
        await this.#bell.wait(cluster.backoffMs(tries++));
      }
    }
  }

  async #beat(): Promise<void> {
    const { rebalancing, maxPollIntervalMs } = this.#options;
    if (this.#member.epoch > 0 && rebalancing.silentMs > maxPollIntervalMs) {
      await this.#member.leave({ timeoutMs: STOP_MS }).catch(() => {});
    } else {
      await this.#member.heartbeat({ timeoutMs: 0 });
    }
    const { target } = this.#member;
    if (this.#member.epoch <= 0) {
      // Others may have what it had. It joins anew when it has given that up, in a poll.
      this.#taken = null;
      await rebalancing.inPoll(() => rebalancing.lose());
      await this.#bell.wait(this.#options.cluster.backoffMs(0));
    } else if (target !== null && target !== this.#taken && !this.#isTaking) {
      this.#isTaking = true;
      this.#taken = target;
      rebalancing.inPoll(() => this.#take()).catch((error) => {
        if (!(error instanceof MembershipEnded)) this.#options.failed(error, false);
      }).finally(() => {
        this.#isTaking = false;
        this.#bell.ring();
      });
    }
  }

  async #take(): Promise<void> {
    const { rebalancing } = this.#options, { target } = this.#member;
    if (target === null) return; // put out meanwhile
    this.#taken = target;
    const isAnew = (topic: string) =>
      this.#ids.has(topic) && this.#ids.get(topic) !== this.#member.idOf(topic);
    const anew = rebalancing.owned.filter(({ topic }) => isAnew(topic));
    if (anew.length > 0) await rebalancing.revoke(anew);
    await rebalancing.take(target);
    if (this.#member.target !== null) {
      this.#ids = new Map(target.map(({ topic }) => [topic, this.#member.idOf(topic)]));
      this.#member.acknowledge(target);
    }
  }

  /** Topics may have come that a RegExp matches; and where asking makes topics, they are asked for. */
  async #look(): Promise<void> {
    const { cluster, topics } = this.#options;
    if (performance.now() < this.#lookAtMs) return;
    if (topics.isRegExp) await topics.refresh();
    let isMissing = false;
    for (const name of topics.isRegExp ? [] : topics.names) {
      try {
        await cluster.topic(name);
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        isMissing = true; // the group waits for it, too
      }
    }
    this.#lookAtMs = performance.now() + lookAgainInMs(cluster, isMissing);
  }
}

/** How long what is on its way may take to end. */
const STOP_MS = 5000;
