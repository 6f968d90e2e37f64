/**
 * What a consumer is given and gives back: options, records, who hears of rebalances. Names are those of Kafka's Java
 * consumer, whose configuration says the same.
 */
import type { RecordHeader } from "../protocol/records/record.ts";
import type { Assignor, AssignorName } from "./group/assignors/assignor.ts";
import type { Isolation, TopicPartition } from "./list_offsets.ts";
import { mustBeOneOf } from "./one_of.ts";

/** How partitions are read. */
export interface FetchOptions {
  /**
   * Where to begin without a committed offset, and where a position is out of range: the first record, behind the last,
   * the first record not older than so long, or nowhere: poll() throws then. "latest" if not given.
   */
  readonly autoOffsetReset?: "earliest" | "latest" | "none" | { readonly byDurationMs: number };
  /** With readCommitted only what is no part of an open or aborted transaction; readUncommitted if not given. */
  readonly isolation?: Isolation;
  /** The broker waits for this many bytes, or fetchMaxWaitMs; 1 and 500 if not given. */
  readonly minBytes?: number;
  readonly fetchMaxWaitMs?: number;
  /** Bytes of one fetch and of one partition in it, 16 MiB and 1 MiB if not given; one batch may be larger. */
  readonly maxBytes?: number;
  readonly maxPartitionBytes?: number;
  /** What the records of one fetch may have when decompressed, about; a batch of each partition may be larger. */
  readonly maxDecodedBytes?: number;
  /** Whether checksums are checked, yes if not given. */
  readonly checkCrcs?: boolean;
}

/** Throws TypeError for words that there are not: one that is misspelt would count as another. */
export function checkReading({ autoOffsetReset: reset, isolation }: FetchOptions): void {
  mustBeOneOf("isolation", isolation, ["readUncommitted", "readCommitted"]);
  const isTime = typeof reset === "object" && reset !== null && reset.byDurationMs >= 0 &&
    Number.isFinite(reset.byDurationMs);
  if (reset === undefined || isTime || RESETS.includes(reset as string)) return;
  const words = RESETS.map((word) => `"${word}"`).join(" or ");
  throw new TypeError(
    `autoOffsetReset is ${JSON.stringify(reset)}, needs ${words} or { byDurationMs }`,
  );
}

const RESETS: readonly string[] = ["earliest", "latest", "none"];

/** Throws TypeError for what is no partition: it would be waited for in silence. */
export function checkPartitions(given: readonly TopicPartition[]): void {
  if (!Array.isArray(given)) {
    throw new TypeError(
      `Cannot assign ${JSON.stringify(given)}: needed is a list of { topic, partition }`,
    );
  }
  for (const one of given as readonly (TopicPartition | null)[]) {
    const { topic, partition } = one ?? {};
    if (
      typeof topic === "string" && topic !== "" && Number.isInteger(partition) && partition! >= 0
    ) continue;
    throw new TypeError(
      `Cannot assign ${JSON.stringify(one)}: needed is { topic, partition }`,
    );
  }
}

/** How a consumer is a member of a group. */
export interface GroupOptions {
  /** The group; needed by subscribe() and commit(). */
  readonly groupId?: string;
  /**
   * Who divides the partitions: the members among themselves ("classic"), or the broker ("consumer", KIP-848). All
   * members of a group should have the same. "classic" if not given, as in Kafka.
   */
  readonly groupProtocol?: "classic" | "consumer";
  /** A static member: it keeps its partitions when it is back within the session timeout (KIP-345). */
  readonly groupInstanceId?: string;
  /**
   * Classic groups: how partitions may be divided, the preferred way first; range and cooperative-sticky if not given.
   * Only where all are cooperative does a member keep reading through a rebalance.
   */
  readonly partitionAssignors?: readonly (AssignorName | Assignor)[];
  /** Consumer groups: the broker's assignor, "uniform" or "range"; its default if not given. */
  readonly groupRemoteAssignor?: string;
  /** The rack this member is in, for assignors that look at racks. */
  readonly clientRack?: string;
  /** Classic groups: without a heartbeat for so long a member is put out; 45 s if not given. */
  readonly sessionTimeoutMs?: number;
  /** Classic groups: 3 s if not given. In consumer groups the broker says it. */
  readonly heartbeatIntervalMs?: number;
  /**
   * Who does not call poll() for so long leaves the group; 5 minutes if not given. It is also how long the others wait
   * for this member in a rebalance.
   */
  readonly maxPollIntervalMs?: number;
  /**
   * Whether positions are committed by themselves: every autoCommitIntervalMs within poll(), before partitions go, and
   * at close(). Yes if not given, where there is a group.
   */
  readonly enableAutoCommit?: boolean;
  /** 5 s if not given. */
  readonly autoCommitIntervalMs?: number;
}

export interface ConsumerOptions extends FetchOptions, GroupOptions {
  /** What one poll() gives at most; everything that has come if not given. */
  readonly maxPollRecords?: number;
}

/** A record as read. Key, value and header values are views: they hold on to the whole response they came in. */
export interface ConsumerRecord extends TopicPartition {
  readonly offset: number;
  /** ms since 1970; ±(2^53 - 1) where it is beyond. */
  readonly timestampMs: number;
  /** There where it is beyond 2^53, which no number has. */
  readonly exactTimestampMs?: bigint;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

/**
 * Hears of partitions that come and go. All of it happens within poll(), unsubscribe() or close(), never while the
 * caller is busy with records, and the rebalance waits for what is returned. The consumer may be used meanwhile (commit,
 * seek, pause), but for poll() and close(). What it throws is thrown by that poll(), and the rebalance goes on.
 */
export interface RebalanceListener {
  /** These came, [] when none did; nothing of them was read yet. With cooperative members only what is new. */
  onPartitionsAssigned?(partitions: readonly TopicPartition[]): void | Promise<void>;
  /** These go to others, who begin where is committed now: the last chance to commit. */
  onPartitionsRevoked?(partitions: readonly TopicPartition[]): void | Promise<void>;
  /** Others have these already: too late to commit. onPartitionsRevoked is told if this is not there. */
  onPartitionsLost?(partitions: readonly TopicPartition[]): void | Promise<void>;
}

/**
 * Topics by a regular expression in RE2's syntax that the broker matches against whole names. Consumer groups only; a
 * RegExp is matched here and serves both protocols.
 */
export class SubscriptionPattern {
  constructor(readonly pattern: string) {
    if (typeof pattern !== "string" || pattern === "") {
      throw new TypeError(`Subscription pattern is ${JSON.stringify(pattern)}, needs text`);
    }
  }
}

/** One name, names, or a pattern of them. */
export type Subscription = string | readonly string[] | RegExp | SubscriptionPattern;

/** What a group has committed in a partition. */
export interface CommittedOffset extends TopicPartition {
  readonly offset: number;
  /** -1: not known. */
  readonly leaderEpoch: number;
  readonly metadata: string;
}
