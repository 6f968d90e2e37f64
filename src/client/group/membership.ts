/**
 * Membership: a consumer's place in a group, in either protocol. It joins, beats and hears of rebalances by itself, in
 * the background; what concerns the consumer's partitions it has done within poll() (see Rebalancing).
 */
import type { CallOptions } from "../call.ts";

/** What brokers know a member by when it commits. */
export interface MemberIdentity {
  /** Generation, or member epoch in consumer groups. */
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

export interface Membership {
  /** Before it has joined: generation -1, and no member id. */
  readonly identity: MemberIdentity;
  /** Whether the partitions may be others' already, so that nothing may be committed. */
  readonly isLost: boolean;
  /** A broker said of this generation that it is no more, or that a rebalance is on. */
  refused(code: number, identity: MemberIdentity): void;
  /** The subscription is another now. */
  subscriptionChanged(): void;
  /** Ends the background work; the group is not told. */
  stop(): Promise<void>;
  /** Tells the group, after stop(); a static member of a classic group is expected back, and says nothing. */
  leave(options: CallOptions): Promise<void>;
}
