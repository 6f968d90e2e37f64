/**
 * Assignor: how the leader of a classic group divides partitions among its members, and what each member tells the
 * leader for that. Leaders of other clients (Java, librdkafka) read the same bytes.
 */
import type { TopicPartition } from "../../list_offsets.ts";

export type AssignorName = "range" | "roundrobin" | "sticky" | "cooperative-sticky";

/** A member as the leader of its group sees it. */
export interface MemberSubscription {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly topics: readonly string[];
  readonly userData: Uint8Array | null;
  /** What it has still; [] of members that gave everything up before they joined. */
  readonly owned: readonly TopicPartition[];
  /** Of the group when it got those; -1: not known. */
  readonly generation: number;
  readonly rackId: string | null;
}

/** Partitions by member id. */
export type Assignments = Map<string, TopicPartition[]>;

export interface Assignor {
  /** Members of a group agree on one that all of them have. */
  readonly name: string;
  /** Whether members keep what they have through a rebalance, and give up afterwards what is not theirs any more. */
  readonly isCooperative: boolean;
  /** What the leader is to know of this member beside its subscription; null for nothing. */
  userData?(): Uint8Array | null;
  /** This member has these now, in this generation of the group. */
  assigned?(partitions: readonly TopicPartition[], generation: number): void;
  /** Divides; topics that there are none of are not in `partitionCounts`. */
  assign(
    partitionCounts: ReadonlyMap<string, number>,
    members: readonly MemberSubscription[],
  ): Assignments;
}

/** Static members by their own name first, in an order that survives restarts; as Kafka's MemberInfo. */
export function inOrder<M extends Pick<MemberSubscription, "memberId" | "instanceId">>(
  members: readonly M[],
): M[] {
  return [...members].sort((a, b) => {
    if (a.instanceId !== null && b.instanceId !== null) return compare(a.instanceId, b.instanceId);
    if (a.instanceId !== null) return -1;
    if (b.instanceId !== null) return 1;
    return compare(a.memberId, b.memberId);
  });
}

/** Topics that exist and that somebody subscribes to, in order. */
export function subscribedTopics(
  partitionCounts: ReadonlyMap<string, number>,
  members: readonly MemberSubscription[],
): string[] {
  const topics = new Set(members.flatMap((member) => member.topics));
  return [...topics].filter((topic) => partitionCounts.has(topic)).sort(compare);
}

export const compare = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0;
