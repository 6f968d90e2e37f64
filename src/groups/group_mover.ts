/**
 * GroupMover: takes groups that Runnel 0.1 put into another partition than Kafka (misplaced.ts) to where they belong,
 * once, when both partitions have been loaded.
 *
 * | step | after a crash behind it |
 * |---|---|
 * | what is newer than what the right partition has is appended there | nothing has happened, or a part, which is as old as its source and is not moved again |
 * | that is durable | both have it; the right one wins, being as new |
 * | tombstones are appended behind | some of the old records are left, and lose again |
 * | those are durable | done: the older partition has nothing of the group |
 *
 * Until the last step a group is answered 14, like one that is being loaded, and 16 while its older partition cannot be
 * read: its offsets may be there, and "none" would make consumers begin anew. So nobody can change what is on its way.
 */
import type { LedPartitions } from "../coordination/led_partitions.ts";
import { coordinatorPartition } from "../protocol/coordinator_partition.ts";
import { ErrorCode, errorName } from "../protocol/errors.ts";
import type { Group } from "./group.ts";
import type { GroupKinds, GroupPartition, GroupPlaces, GroupShard } from "./group_shard.ts";
import {
  counterpartOf,
  earlierPartition,
  isMisplaced,
  newerFacts,
  tombstones,
} from "./misplaced.ts";

export interface GroupMoverOptions {
  readonly partitionCount: () => number;
  readonly partitions: () => LedPartitions<GroupKinds, GroupShard>;
  readonly wallMs: () => number;
  readonly wake: (delayMs: number, work: () => void) => () => void;
  readonly onEvent: (event: string, details: Record<string, unknown>) => void;
  /** A group has come to its right partition. */
  readonly onMoved: (partition: GroupPartition, group: Group) => void;
}

export class GroupMover implements GroupPlaces {
  readonly #options: GroupMoverOptions;
  /** Partitions that have nothing that belongs elsewhere. */
  readonly #settled = new Set<number>();
  readonly #moving = new Map<GroupPartition, Promise<void>>();
  /** By partition: why its last move failed, and what takes the next try back. */
  readonly #failed = new Map<GroupPartition, { reason: string; cancel: () => void }>();
  #moved = { groups: 0, offsets: 0 };

  constructor(options: GroupMoverOptions) {
    this.#options = options;
  }

  isMoving(groupId: string): boolean {
    const count = this.#options.partitionCount();
    return count > 0 && earlierPartition(groupId, count) !== coordinatorPartition(groupId, count);
  }

  isMisplaced(groupId: string, index: number): boolean {
    const count = this.#options.partitionCount();
    return count > 0 && isMisplaced(groupId, index, count);
  }

  /** Whether groups are on their way, so that a list of them would not be whole. */
  get isBusy(): boolean {
    return this.#moving.size > 0;
  }

  /** The partition that may still have records of the group that belong into this one; null: none. */
  unsettled(groupId: string, index: number): GroupPartition | null {
    const count = this.#options.partitionCount();
    if (this.#settled.size >= count) return null;
    const earlier = earlierPartition(groupId, count);
    if (earlier === index || this.#settled.has(earlier)) return null;
    return this.#options.partitions().get(earlier) ?? null; // what is led elsewhere cannot be moved from here
  }

  /** A partition has become active: what it has of others goes, and what others have of it comes. */
  taken(partition: GroupPartition): void {
    this.#begin(partition);
    const other = this.#counterpart(partition);
    if (other !== null && other !== partition) this.#begin(other);
  }

  /** Resolves when what is under way has ended, well or not. Does not reject. */
  async idle(): Promise<void> {
    while (this.#moving.size > 0) await Promise.all(this.#moving.values());
  }

  stop(): void {
    for (const { cancel } of this.#failed.values()) cancel();
    this.#failed.clear();
  }

  #counterpart({ index }: GroupPartition): GroupPartition | null {
    const other = counterpartOf(index, this.#options.partitionCount());
    return this.#options.partitions().get(other) ?? null;
  }

  #begin(from: GroupPartition): void {
    if (from.state !== "active" || this.#moving.has(from)) return;
    if (from.shard.misplaced.size === 0) return this.#settle(from);
    const to = this.#counterpart(from);
    if (to?.state !== "active") return; // it begins when that one has become so
    const moving = this.#move(from, to).then(
      () => this.#ended(from, null),
      (error) => this.#ended(from, error instanceof Error ? error.message : String(error)),
    );
    this.#moving.set(from, moving);
  }

  async #move(from: GroupPartition, to: GroupPartition): Promise<void> {
    let count = 0;
    for (const group of from.shard.misplaced.values()) {
      this.#moved.offsets += this.#copy(group, from, to);
      if (++count % GROUPS_AT_ONCE === 0) await this.#turn(from, to);
    }
    await this.#kept(to);
    for (const group of from.shard.misplaced.values()) {
      mustTake(from, from.writeAll(group, tombstones(group), this.#options.wallMs()));
      if (++count % GROUPS_AT_ONCE === 0) await this.#turn(from, to);
    }
    await this.#kept(from);
    const ids = [...from.shard.misplaced.keys()];
    this.#moved.groups += ids.length;
    from.shard.misplaced.clear();
    this.#settle(from);
    for (const id of ids) {
      const group = to.shard.get(id);
      if (group !== undefined && this.#isCurrent(to)) this.#options.onMoved(to, group);
    }
  }

  /** Appends what is newer to the right partition; the number of its offsets. */
  #copy(group: Group, from: GroupPartition, to: GroupPartition): number {
    const { id } = group, there = { group: to.shard.get(id), times: to.shard.times };
    const { membership, membershipMs, offsets } = newerFacts(
      id,
      { group, times: from.shard.times },
      there,
    );
    if (membership.length + offsets.length === 0) return 0;
    const wallMs = this.#options.wallMs(), arrived = to.shard.getOrNew(id, wallMs);
    // Membership keeps its time, by which a start after a crash sees that it is there already.
    mustTake(to, to.writeAll(arrived, membership, membershipMs));
    mustTake(to, to.writeAll(arrived, offsets, wallMs));
    return offsets.length;
  }

  /** Gives way to others. */
  async #turn(from: GroupPartition, to: GroupPartition): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve));
    this.#mustBeCurrent(from);
    this.#mustBeCurrent(to);
  }

  async #kept(partition: GroupPartition): Promise<void> {
    const lost = () => new Error(`__consumer_offsets-${partition.index} could not keep it`);
    await new Promise<void>((resolve, reject) => partition.whenKept(resolve, () => reject(lost())));
    this.#mustBeCurrent(partition);
  }

  #mustBeCurrent(partition: GroupPartition): void {
    if (this.#isCurrent(partition)) return;
    throw new Error(`__consumer_offsets-${partition.index} is no longer led`);
  }

  #isCurrent(partition: GroupPartition): boolean {
    return this.#options.partitions().isCurrent(partition);
  }

  #settle(partition: GroupPartition): void {
    this.#settled.add(partition.index);
    this.#counterpart(partition)?.shard.times.clear(); // nothing will be compared with it any more
  }

  #ended(from: GroupPartition, reason: string | null): void {
    this.#moving.delete(from);
    const before = this.#failed.get(from);
    this.#failed.delete(from);
    if (reason === null || !this.#isCurrent(from)) return this.#tell();
    const partition = from.index;
    if (before?.reason !== reason) { // told once, and not at every try
      const retryMs = RETRY_MS;
      this.#options.onEvent("group_move_failed", { partition, reason, retryMs });
    }
    const cancel = this.#options.wake(RETRY_MS, () => this.#isCurrent(from) && this.#begin(from));
    this.#failed.set(from, { reason, cancel });
  }

  /** One line for all that was moved, once nothing is under way. */
  #tell(): void {
    if (this.isBusy || this.#moved.groups === 0) return;
    if (this.#options.partitions().count("loading") > 0) return;
    this.#options.onEvent("groups_moved", {
      ...this.#moved,
      why: "an older Runnel kept them in other partitions of __consumer_offsets than Kafka",
    });
    this.#moved = { groups: 0, offsets: 0 };
  }
}

const GROUPS_AT_ONCE = 100;
const RETRY_MS = 1000;

function mustTake({ index }: GroupPartition, errorCode: number): void {
  if (errorCode === ErrorCode.NONE) return;
  throw new Error(`__consumer_offsets-${index} took nothing: ${errorName(errorCode)}`);
}
