/**
 * A world of consumers around one group coordinator: they join, beat, commit, leave, die and come back; requests and
 * answers get lost; the broker loses power; the clock jumps. Everything follows from a seed, and after each step the
 * world checks what must hold.
 */
import type { ClassicGroup } from "../../src/groups/classic/classic_group.ts";
import { consumerContext } from "../../src/testing/consumer_groups.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { due, nextDeadline } from "../../src/groups/classic/classic_machine.ts";
import { storedGroup } from "../../src/groups/classic/classic_facts.ts";
import { storedMembers } from "../../src/groups/classic/classic_sync.ts";
import { fetchOffsets } from "../../src/groups/requests/committing.ts";
import { GroupCoordinator, type GroupSettings } from "../../src/groups/coordinator.ts";
import type { Group } from "../../src/groups/group.ts";
import type { GroupShard } from "../../src/groups/group_shard.ts";
import { loadGroups } from "../../src/testing/group_shards.ts";
import { ZERO_UUID } from "../../src/bytes/uuid.ts";
import type { Random } from "../random.ts";
import { Consumer } from "./consumer.ts";
import { Copier, type Fate } from "./copier.ts";
import { SimulatedLog } from "./simulated_log.ts";

/** Bugs that the checks must find. */
export type Canary =
  | "none"
  | "lost sync"
  | "same generation"
  | "lost timer"
  | "early offsets"
  | "lost marker";

export const REBALANCE_TIMEOUT_MS = 20_000;
const SETTINGS: GroupSettings = {
  initialRebalanceDelayMs: 3000,
  minSessionTimeoutMs: 1,
  maxSessionTimeoutMs: 60_000,
  maxSize: 6,
  maxGroups: 100,
  maxMemberBytes: 1 << 20,
  offsetsRetentionMs: Number.MAX_SAFE_INTEGER,
  offsetsRetentionCheckIntervalMs: 600_000,
  offsetMetadataMaxLength: 4096,
  offsetMetadataMaxBytes: 1 << 20,
  maxOffsets: 1 << 20,
};
/** Requests that wait: the rebalance timeout, and a little for retried appends. */
const LONGEST_WAIT_MS = REBALANCE_TIMEOUT_MS + 5000;

interface Timer {
  readonly atMs: number;
  readonly work: () => void;
}

export class World {
  readonly random: Random;
  readonly clock = new FakeClock();
  readonly log = new SimulatedLog();
  readonly canary: Canary;
  coordinator: GroupCoordinator;
  /** Grows when the broker restarts: answers of an earlier one reach nobody. */
  life = 0;
  /** Grows with every life and every reload. */
  leaderEpoch = 0;
  partitions = 4;
  readonly consumers: Consumer[];
  readonly copiers: Copier[];
  /** Requests without an answer, and when they were asked. */
  readonly waiting = new Map<object, number>();
  /** Who was given a partition in a generation: "group generation partition". */
  readonly #owners = new Map<string, string>();
  readonly #granted = new Map<string, number>();
  readonly #seen = new Map<string, number>();
  /** By "group partition": what was acknowledged last, and what was sent last. */
  readonly #acknowledged = new Map<string, bigint>();
  readonly #sent = new Map<string, bigint>();
  /** Of offsets sent in transactions, by "group partition offset". */
  readonly #fates = new Map<string, Fate>();
  /** What a consumer found wrong; thrown by the next check. */
  #violation: string | null = null;
  readonly #settings: GroupSettings;
  #timers: Timer[] = [];
  #ids = 0;
  #refusedMs = 0;

  constructor(random: Random, canary: Canary) {
    this.random = random;
    this.canary = canary;
    this.#settings = { ...SETTINGS, maxSize: random.pick([2, 6]) }; // sometimes too small for all
    this.log.liesAboutSync = canary === "lost sync";
    this.coordinator = this.#start();
    const count = 2 + random.below(5);
    this.consumers = Array.from({ length: count }, (_, i) => new Consumer(this, i, `g${i % 2}`));
    this.copiers = Array.from({ length: random.below(3) }, (_, i) => new Copier(this, i));
  }

  /** Runs a history of so many steps. */
  async run(steps: number): Promise<void> {
    await this.#load();
    for (let i = 0; i < steps; i++) {
      await this.#step();
      await this.settle();
      this.#check();
    }
    this.log.sync();
    await this.settle();
    await this.#compareWithReplay();
  }

  /** Lets everything that is only waiting for its turn happen. */
  async settle(): Promise<void> {
    for (let i = 0; i < 10; i++) await null;
  }

  /** A member was told that these partitions are its own. */
  granted(group: string, generation: number, owner: string, partitions: Iterable<number>): void {
    for (const partition of partitions) {
      const key = `${group} ${generation} ${partition}`;
      const other = this.#owners.get(key) ?? owner;
      this.#owners.set(key, owner);
      if (other !== owner) {
        this.#violation ??=
          `partition ${partition} of ${group} in generation ${generation} belongs to ${other} and ${owner}`;
      }
    }
    this.#granted.set(group, Math.max(generation, this.#granted.get(group) ?? 0));
  }

  /** The next offset to commit: they grow, so that an older one is recognised. */
  nextOffset(group: string, partition: number): bigint {
    const key = `${group} ${partition}`;
    const offset = (this.#sent.get(key) ?? 0n) + 1n;
    this.#sent.set(key, offset);
    return offset;
  }

  acknowledged(group: string, partition: number, offset: bigint): void {
    const key = `${group} ${partition}`, before = this.#acknowledged.get(key) ?? 0n;
    if (offset > before) this.#acknowledged.set(key, offset);
  }

  sentInTransaction(
    group: string,
    partition: number,
    { offset, fate }: { offset: bigint; fate: Fate },
  ): void {
    this.#fates.set(`${group} ${partition} ${offset}`, fate);
  }

  async #step(): Promise<void> {
    const { random } = this;
    const dice = random.below(200);
    if (dice < 140) return random.pick([...this.consumers, ...this.copiers]).act();
    if (dice < 170) return this.#pass(random.below(random.oneIn(5) ? 15_000 : 2000));
    if (dice < 190) return this.log.sync();
    if (dice < 193) return this.clock.stepWall(random.below(200_000_000) - 100_000_000);
    if (dice < 195) {
      this.log.isRefusing = random.oneIn(3);
      return;
    }
    if (dice < 197) return this.#grow();
    if (dice < 198) return await this.#reload();
    if (dice < 199) return await this.#restart();
    return await this.#compareWithReplay();
  }

  #grow(): void {
    this.partitions++;
    for (const consumer of this.consumers) consumer.sawTopicChange();
  }

  /** The partition is taken up anew, with what is still on its way to the disk; whoever waits is sent away. */
  async #reload(): Promise<void> {
    this.#seen.clear();
    await this.coordinator.load(0, { log: this.log, leaderEpoch: ++this.leaderEpoch });
  }

  async #restart(): Promise<void> {
    this.life++;
    this.leaderEpoch++;
    this.log.crash((unsynced) => this.random.below(unsynced + 1));
    this.#timers = [];
    this.waiting.clear();
    this.#seen.clear();
    for (const client of [...this.consumers, ...this.copiers]) client.lostConnection();
    this.coordinator = this.#start();
    await this.#load();
    await this.#checkCommits();
    for (const { id, members } of classicGroups(this.coordinator)) {
      const granted = this.#granted.get(id) ?? 0;
      if (members.generation < granted) {
        throw new Error(
          `${id} is back at generation ${members.generation}, ${granted} was given out`,
        );
      }
    }
  }

  #start(): GroupCoordinator {
    const { log } = this;
    return new GroupCoordinator({
      clock: this.clock,
      settings: this.#settings,
      topic: {
        name: "__consumer_offsets",
        partitionCount: 1,
        create: () => Promise.resolve(),
        led: () => ({ log, leaderEpoch: this.leaderEpoch }),
      },
      consumer: consumerContext(),
      give: () => {},
      newId: () => String(++this.#ids),
      wake: (delayMs, work) => this.#wake(delayMs, work),
      onEvent: (event, details) => {
        throw new Error(`${event} ${JSON.stringify(details)}`);
      },
    });
  }

  #load(): Promise<void> {
    return this.coordinator.loadAll();
  }

  #wake(delayMs: number, work: () => void): () => void {
    const timer = { atMs: this.clock.monotonicMs() + delayMs, work };
    if (this.canary === "lost timer" && this.random.oneIn(10)) return () => {};
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Time enough for the disk to finish what it had to sync, and for every timer on the way. */
  async #pass(ms: number): Promise<void> {
    this.log.sync();
    const until = this.clock.monotonicMs() + ms;
    for (;;) {
      const next = this.#timers.reduce<Timer | null>(
        (a, b) => a === null || b.atMs < a.atMs ? b : a,
        null,
      );
      if (next === null || next.atMs > until) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.clock.advance(Math.max(0, next.atMs - this.clock.monotonicMs()));
      next.work();
      await this.settle();
      this.log.sync();
    }
    this.clock.advance(until - this.clock.monotonicMs());
  }

  #check(): void {
    if (this.#violation !== null) throw new Error(this.#violation);
    const nowMs = this.clock.monotonicMs();
    if (this.log.isRefusing) this.#refusedMs = nowMs;
    const retrying = nowMs - this.#refusedMs <= 1000 && this.#refusedMs > 0;
    for (const { id, members } of classicGroups(this.coordinator)) {
      if (this.canary === "same generation") spoilGeneration(members);
      const seen = this.#seen.get(id) ?? 0;
      if (members.generation < seen) {
        throw new Error(`${id} fell from generation ${seen} to ${members.generation}`);
      }
      this.#seen.set(id, members.generation);
      const deadline = nextDeadline(members);
      const late = due(members, nowMs);
      if (!retrying && late !== null) {
        throw new Error(`${id}: ${late.kind} is due and has not happened`);
      }
      if (!retrying && deadline !== null && deadline < nowMs) {
        throw new Error(`${id} left a deadline ${nowMs - deadline} ms in the past`);
      }
    }
    this.#checkTransactions();
    for (const askedMs of this.waiting.values()) {
      if (nowMs - askedMs <= LONGEST_WAIT_MS) continue;
      throw new Error(`a request has waited ${nowMs - askedMs} ms for its answer`);
    }
  }

  /** Offsets of a transaction are there once it is decided that they are, and pending before. */
  #checkTransactions(): void {
    for (const { id, offsets } of this.coordinator.groups()) {
      for (const [, partitions] of offsets.topics()) {
        for (const [partition, { offset }] of partitions) {
          const fate = this.#fates.get(`${id} ${partition} ${offset}`);
          if (fate === undefined || fate.isCommit) continue;
          const what = fate.isCommit === null ? "open" : "aborted";
          throw new Error(`${id} ${partition} is at ${offset}, of a transaction that is ${what}`);
        }
      }
    }
    const [active] = this.coordinator.active();
    if (active === undefined) return;
    for (const copier of this.copiers) {
      for (const { group, partition } of copier.pending()) {
        if (active.shard.pending.has(group, { topic: "t", partition })) continue;
        throw new Error(`${group} ${partition} is stable, and a transaction may change it`);
      }
    }
  }

  async #checkCommits(): Promise<void> {
    for (const [key, acknowledged] of this.#acknowledged) {
      const [group, partition] = key.split(" ");
      const wanted = [{ topic: "t", topicId: ZERO_UUID, partition: Number(partition) }];
      const fetched = await fetchOffsets(this.coordinator, group, wanted, false);
      const offset = typeof fetched === "number" ? null : fetched[0].committed?.offset ?? -1n;
      if (offset !== null && offset < acknowledged) {
        throw new Error(`${key} is back at ${offset}, ${acknowledged} was acknowledged`);
      }
    }
  }

  /** What a restart would find is what is there: offsets always, groups where they are settled. */
  async #compareWithReplay(): Promise<void> {
    const { shard: replayed } = await loadGroups(this.log), [active] = this.coordinator.active();
    for (const id of ["g0", "g1"]) {
      const [live, found] = [active.shard, replayed].map((shard) => pendingIn(shard, id));
      if (live !== found) throw new Error(`pending of ${id}: ${live}, replayed ${found}`);
    }
    for (const group of classicGroups(this.coordinator)) {
      const other = replayed.groups.get(group.id);
      const [live, found] = [picture(group), other ? picture(other as Classic) : undefined];
      if (live.offsets !== (found?.offsets ?? "[]")) {
        throw new Error(`offsets of ${group.id}: ${live.offsets}, replayed ${found?.offsets}`);
      }
      const settled = group.members.state === "Stable" || group.members.state === "Empty";
      if (settled && group.isStored && live.members !== found?.members) {
        throw new Error(`${group.id}: ${live.members}, replayed ${found?.members}`);
      }
    }
  }
}

type Classic = Group & { members: ClassicGroup };

/** All groups there are in this simulation. */
function classicGroups(coordinator: GroupCoordinator): Classic[] {
  return [...coordinator.groups()] as Classic[];
}

function pendingIn({ pending }: GroupShard, groupId: string): string {
  const partitions = new Set(pending.of(groupId).map(({ partition }) => partition));
  return [...partitions].sort((a, b) => a - b).join(" ");
}

function picture({ members, offsets }: Classic): { members: string; offsets: string } {
  const stored = storedGroup(members, {
    members: storedMembers(members, members.protocol, ({ assignment }) => assignment),
  });
  const all = [...offsets.topics()].flatMap(([topic, partitions]) =>
    [...partitions].map(([partition, { offset }]) => `${topic} ${partition} ${offset}`)
  );
  return {
    members: JSON.stringify(
      { ...stored, state: members.state },
      (_, value) => value instanceof Uint8Array ? [...value] : value,
    ),
    offsets: JSON.stringify(all.sort()),
  };
}

const spoiled = new WeakSet<object>();

/** The bug of the canary "same generation": a rebalance forgets to begin a new one. */
function spoilGeneration(members: ClassicGroup): void {
  if (members.state !== "CompletingRebalance") spoiled.delete(members);
  else if (!spoiled.has(members) && members.generation > 1) {
    spoiled.add(members);
    members.generation--;
  }
}
