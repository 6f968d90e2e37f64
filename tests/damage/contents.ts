/**
 * What is in the directory that is damaged: small, and with one of each thing that a broker keeps. It is made by a broker, through
 * requests, but for the markers of transactions, which a later broker finds as if another one had written them.
 *
 * | topic | what is special |
 * |---|---|
 * | plain | two partitions of several segments; records of the second were deleted up to the middle of a segment |
 * | compacted | the cleaner has gone over it, and left tombstones |
 * | written | partition 0 by idempotent producers; partition 1 has an aborted, a committed and an open transaction |
 * | again | was deleted and made again |
 * | __consumer_offsets | two partitions; groups of both protocols, with and without members |
 *
 * The stops were unclean twice, so that leader epochs go up to 2. Of the two variants one was stopped cleanly; the other
 * is the same directory copied beside a broker that has written more, and acknowledged it, and rests: what kill -9
 * leaves.
 */
import { coordinatorPartition } from "../../src/protocol/coordinator_partition.ts";
import type { Settings } from "../broker/harness.ts";
import type { Tree } from "./tree.ts";

/** A batch of an idempotent producer, and the offset it was given: a retry is given the same. */
export interface Sent {
  readonly topic: string;
  readonly partition: number;
  readonly records: Uint8Array;
  readonly offset: number;
}

export interface Variant {
  readonly name: "after a clean stop" | "after kill -9";
  readonly tree: Tree;
  /** The last five batches of each idempotent producer, newest first. */
  readonly sent: readonly Sent[];
  /** No producer id up to this may be given again. */
  readonly lastProducerId: number;
}

export const PARTITIONS: readonly (readonly [topic: string, partition: number])[] = [
  ["plain", 0],
  ["plain", 1],
  ["compacted", 0],
  ["written", 0],
  ["written", 1],
  ["again", 0],
  ["__consumer_offsets", 0],
  ["__consumer_offsets", 1],
];
export const TOPICS = [...new Set(PARTITIONS.map(([topic]) => topic))];
const OFFSETS_PARTITIONS = 2;

export interface GroupName {
  readonly id: string;
  readonly protocol: "classic" | "consumer";
}
export const GROUPS: readonly GroupName[] = [
  { id: "simple-a", protocol: "classic" },
  { id: "simple-b", protocol: "classic" },
  { id: "left-a", protocol: "classic" },
  { id: "left-b", protocol: "classic" },
  { id: "member-a", protocol: "consumer" },
  { id: "member-b", protocol: "consumer" },
];

/** "__consumer_offsets-1" */
export function offsetsPartitionOf(groupId: string): string {
  return `__consumer_offsets-${coordinatorPartition(groupId, OFFSETS_PARTITIONS)}`;
}

/** What every broker of the campaign runs with: nothing but requests changes the directory meanwhile. */
export function settings(path: string, more: Settings = {}): Settings {
  return {
    path,
    ...more,
    flush: "fsync",
    groups: { offsetsPartitions: OFFSETS_PARTITIONS, initialRebalanceDelayMs: 0 },
    compaction: { backoffMs: 3_600_000, dedupeBufferBytes: 64 * 1024 },
  };
}

/** The one member of a group of the consumer protocol. */
export const memberOf = (groupId: string) => `member of ${groupId}`;
