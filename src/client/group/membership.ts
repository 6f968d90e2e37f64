/**
 * Membership: a consumer's place in a group, in either protocol. It joins, beats and hears of rebalances by itself, in
 * the background; what concerns the consumer's partitions it has done within poll() (see Rebalancing).
 */
import type { CallOptions } from "../call.ts";
import type { Cluster } from "../cluster.ts";
import { ConnectionError, KafkaError, mayRetry } from "../errors.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Rebalancing } from "./rebalancing.ts";
import type { SubscribedTopics } from "./subscribed_topics.ts";

/** What brokers know a member by when it commits. */
export interface MemberIdentity {
  /** Generation, or member epoch in consumer groups; -1: it is no member now. */
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

export interface Membership {
  /** Generation -1 while it may not commit. */
  readonly identity: MemberIdentity;
  /** Whether it is about to be a member (again), with what it has still; else, without a generation, that is others'. */
  readonly isRebalancing: boolean;
  /** A broker refused something of this member with that code. Whether it may be tried again as it is. */
  refused(code: number, identity: MemberIdentity): boolean;
  /** The subscription is another now. */
  subscriptionChanged(): void;
  /** Ends the background work, within what a request takes; the group is not told. */
  stop(): Promise<void>;
  /**
   * Tells the group, after stop(). A static member is expected back: of a classic group it says nothing. Never rejects:
   * who cannot say it is put out by the group after a while.
   */
  leave(call: CallOptions): Promise<void>;
}

/** What both kinds need. */
export interface MembershipOptions {
  readonly cluster: Cluster;
  readonly groupId: string;
  readonly groupInstanceId: string | null;
  readonly clientRack: string | null;
  readonly maxPollIntervalMs: number;
  readonly topics: SubscribedTopics;
  readonly rebalancing: Rebalancing;
  /** Requests of its own lane may keep it waiting. */
  readonly lane: string;
  /** Told what retrying does not mend. `isFinal`: this member can do nothing more. */
  readonly failed: (error: unknown, isFinal: boolean) => void;
}

/** Whether the coordinator is to be looked for again. */
export function hasLostCoordinator(error: unknown): boolean {
  return error instanceof ConnectionError ||
    error instanceof KafkaError &&
      (mayRetry(error) || error.code === ErrorCode.BROKER_NOT_AVAILABLE);
}

/** Whether another member has taken this one's place, for good. */
export function isFenced(error: unknown): boolean {
  return error instanceof KafkaError && (error.code === ErrorCode.FENCED_INSTANCE_ID ||
    error.code === ErrorCode.UNRELEASED_INSTANCE_ID);
}

/** How long until topics are looked at again: sooner where one is missing. */
export function lookAgainInMs(cluster: Cluster, isMissing: boolean): number {
  return isMissing ? Math.min(MISSING_MS, cluster.metadataMaxAgeMs) : cluster.metadataMaxAgeMs;
}

const MISSING_MS = 5000;
