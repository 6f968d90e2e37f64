/**
 * GroupReading: records of the partitions that a group gives this member, from where the group has read to. What was
 * printed is committed, every second, before partitions go to others, and at the end: a record may come twice after a
 * crash, and none is left out.
 */
import type { CallOptions } from "../../client/call.ts";
import type { Cluster } from "../../client/cluster.ts";
import { Consumer, type ConsumerRecord } from "../../client/consumer.ts";
import { mayRetry } from "../../client/errors.ts";
import { nameOf } from "../../client/group/partitions_by_topic.ts";
import { GroupMember, isPutOut } from "../../client/group_member.ts";
import type { Isolation, TopicPartition } from "../../client/list_offsets.ts";
import { type PlannedPartition, plannedPartitions } from "./plan.ts";
import { CONSUMER_LIMITS } from "./read.ts";

export interface GroupReadOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** Else it ends when the partitions it has are read to where they ended at first. */
  readonly isFollowing: boolean;
  readonly isolation: Isolation;
  readonly isStopped: () => boolean;
  /** Aborted when isStopped() may say so: what waits for a broker that is away ends. */
  readonly signal?: AbortSignal;
  /** How long the broker may be away before the end is reached, 60 s if not given; without end where it follows. */
  readonly stalledMs?: number;
}

export class GroupReading {
  readonly #cluster: Cluster;
  readonly #options: GroupReadOptions;
  readonly #member: GroupMember;
  readonly #consumer: Consumer;
  #planned = new Map<string, PlannedPartition>();
  #owned: readonly TopicPartition[] = [];
  /** Offsets behind what was handed out, and of that behind what was printed; by partition. */
  readonly #handed = new Map<string, number>();
  readonly #printed = new Map<string, number>();
  readonly #committed = new Map<string, number>();
  /** Where it began in each, which may be behind its end: the group has read that far already. */
  readonly #began = new Map<string, number>();

  constructor(cluster: Cluster, options: GroupReadOptions) {
    const { group, topics, isolation } = options;
    this.#cluster = cluster;
    this.#options = options;
    this.#member = new GroupMember(cluster, { groupId: group, topics: [...new Set(topics)] });
    this.#consumer = new Consumer(cluster, {
      autoOffsetReset: "earliest",
      isolation,
      ...CONSUMER_LIMITS,
    });
  }

  /** The record was dealt with, and is printed once printed() is called. */
  note(record: ConsumerRecord): void {
    this.#handed.set(nameOf(record), record.offset + 1);
  }

  /** Everything noted so far is where it belongs. */
  printed(): void {
    for (const [name, offset] of this.#handed) this.#printed.set(name, offset);
    this.#handed.clear();
  }

  /**
   * Records that came together, [] every now and then. Leaves the group at the end, however it comes. Throws KafkaError,
   * and ConnectionError when the broker stays away; one that is restarted is waited for, as readers without a group do.
   */
  async *batches(): AsyncGenerator<readonly ConsumerRecord[], void> {
    const { isStopped, signal, isFollowing, stalledMs = 60_000 } = this.#options;
    let commitAtMs = performance.now() + COMMIT_MS, sinceMs = performance.now();
    let awaySinceMs: number | null = null;
    try {
      await this.#plan();
      while (!isStopped()) {
        try {
          if (this.#member.isDue) await this.#member.heartbeat({ signal });
          if (await this.#takeTarget()) sinceMs = performance.now();
          if (performance.now() > commitAtMs) {
            await this.#commit(this.#owned);
            commitAtMs = performance.now() + COMMIT_MS;
          }
          awaySinceMs = null;
        } catch (error) {
          awaySinceMs ??= performance.now();
          if (isStopped()) return;
          const isLate = !isFollowing && performance.now() - awaySinceMs > stalledMs;
          if (isLate || !mayRetry(error) && !isPutOut(error)) throw error;
          this.#member.hurry(); // who was put out hears of it, and joins anew
          await this.#cluster.pause(POLL_MS);
          continue;
        }
        if (this.#owned.length === 0) {
          // Others may have everything, or be about to give some of it up.
          if (!isFollowing && performance.now() - sinceMs > WITHOUT_MS) return;
          await this.#cluster.pause(POLL_MS);
          continue;
        }
        const records = await this.#consumer.poll(POLL_MS);
        yield records.filter((record) => record.offset < this.#endOf(record));
        this.#passed();
        const isRead = !isFollowing &&
          this.#owned.every((one) => this.#consumer.hasReached(one, this.#endOf(one)));
        if (isRead) return;
      }
    } finally {
      this.#consumer.close();
      // Who ends it while the broker is away does not wait for long.
      const call = awaySinceMs === null ? {} : { timeoutMs: LAST_MS };
      try {
        await this.#commit(this.#owned, call);
      } finally {
        await this.#leave(call);
      }
    }
  }

  /** Else the group waits for it until its session is over. A broker that is away, which has a limit, does that anyway. */
  async #leave(call: CallOptions): Promise<void> {
    try {
      await this.#member.leave(call);
    } catch (error) {
      if (call.timeoutMs === undefined || !mayRetry(error)) throw error;
    }
  }

  async #plan(): Promise<void> {
    const planned = await plannedPartitions(this.#cluster, {
      ...this.#options,
      partitions: [],
      ranges: { all: null, byPartition: new Map() },
    });
    this.#planned = new Map(planned.map((one) => [nameOf(one), one]));
  }

  /** Gives up and takes what the group says; whether there was anything. What fails has changed nothing, and is tried anew. */
  async #takeTarget(): Promise<boolean> {
    const told = this.#member.target, target = told ?? [];
    const wanted = new Set(target.map(nameOf)), had = new Set(this.#owned.map(nameOf));
    const given = this.#owned.filter((one) => !wanted.has(nameOf(one)));
    const taken = target.filter((one) => !had.has(nameOf(one)));
    if (given.length + taken.length === 0) return false;
    if (told !== null) await this.#commit(given);
    if (this.#member.target !== told) return true; // it heard another one meanwhile
    const offsets = await this.#member.committed(taken);
    for (const one of given) {
      for (const offsets of [this.#handed, this.#printed, this.#committed]) {
        offsets.delete(nameOf(one));
      }
    }
    this.#owned = target;
    this.#consumer.assign(target);
    for (const [i, one] of taken.entries()) {
      const known = offsets[i], from = known ?? this.#planned.get(nameOf(one))?.from ?? 0;
      this.#began.set(nameOf(one), from);
      if (known !== null) this.#committed.set(nameOf(one), known);
      this.#consumer.seek(one, from);
    }
    if (told !== null) await this.#member.owns(target);
    return true;
  }

  /** A partition made since is read when it follows. */
  #endOf(one: TopicPartition): number {
    if (this.#options.isFollowing) return Infinity;
    return this.#planned.get(nameOf(one))?.until ?? 0;
  }

  /** Everything handed out was printed; positions pass gaps too, and end where this is to end. */
  #passed(): void {
    for (const one of this.#owned) {
      const position = this.#consumer.position(one);
      if (position === null) continue;
      const name = nameOf(one), end = this.#endOf(one);
      const passed = this.#consumer.hasReached(one, end) ? end : position;
      this.#printed.set(name, Math.max(passed, this.#began.get(name) ?? 0));
    }
  }

  /** What was printed of these and is not committed. */
  async #commit(partitions: readonly TopicPartition[], call: CallOptions = {}): Promise<void> {
    const positions = partitions.flatMap(({ topic, partition }) => {
      const name = nameOf({ topic, partition }), offset = this.#printed.get(name);
      return offset === undefined || offset === this.#committed.get(name)
        ? []
        : [{ topic, partition, offset }];
    });
    try {
      await this.#member.commit(positions, call);
    } catch (error) {
      if (!isPutOut(error)) throw error;
      // Behind the group's epoch, or out of it: the heartbeat tells, and in the latter case others have them.
      await this.#member.heartbeat(call);
      if (this.#member.target === null) return;
      await this.#member.commit(positions, call);
    }
    for (const one of positions) this.#committed.set(nameOf(one), one.offset);
  }
}

const POLL_MS = 100;
const COMMIT_MS = 1000;
/** For the last commit, and for leaving, where the broker is away. */
const LAST_MS = 2000;
/** How long it waits for partitions, unless it follows. */
const WITHOUT_MS = 10_000;
