/**
 * A world of random members around one group of the consumer protocol: they join, beat, lose answers, change what they
 * subscribe to, let go of partitions in their own time, leave, fall silent and come back, while topics come, grow and
 * go, the wall clock is set, and the broker restarts. After every event the promises are checked.
 */
import { assert } from "@std/assert";
import type { Uuid } from "../../src/bytes/uuid.ts";
import type { ConsumerFact } from "../../src/groups/consumer/consumer_facts.ts";
import { ConsumerTable } from "../../src/testing/consumer_groups.ts";
import {
  consumerGroupState,
  LEAVE_EPOCH,
  LEAVE_STATIC_EPOCH,
} from "../../src/groups/consumer/consumer_group.ts";
import type { ConsumerHeartbeatEvent } from "../../src/groups/consumer/consumer_heartbeat.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import type { Random } from "../random.ts";

/** A bug that the simulation has to find. */
export type Canary =
  | "none"
  | "two owners"
  | "no rebalance timeout"
  | "unlogged epoch"
  | "unlogged member";

const TOPICS = ["a", "b", "c", "d"];
const REGEXES = ["[ab]", "c|d", ".*", "x"];
const SESSION_MS = 6000;
const REBALANCE_MS = 10_000;

/** A client: what it believes, which is not always what the coordinator knows. */
interface Client {
  id: string;
  readonly instanceId: string | null;
  epoch: number;
  names: string[];
  regex: string;
  /** What it reads from, as "topicId partition". */
  owned: Set<string>;
  /** What it was told to read from. */
  assigned: Set<string>;
  /** Sends everything next time: it has just joined, or lost an answer. */
  isUnsure: boolean;
  /** Neither beats nor reads any more. */
  isSilent: boolean;
  /** Reads on: never lets go of what it is to give up, until it is fenced. */
  isStubborn: boolean;
}

export class World {
  readonly #random: Random;
  readonly #table = new ConsumerTable();
  readonly #clients: Client[] = [];
  #made = 0;
  #lastEpoch = 0;
  #lastAssignmentEpoch = 0;
  readonly #memberEpochs = new Map<string, number>();

  constructor(random: Random, canary: Canary) {
    this.#random = random;
    const table = this.#table;
    table.settings = {
      ...table.settings,
      sessionTimeoutMs: SESSION_MS,
      heartbeatIntervalMs: 1000,
      assignmentIntervalMs: random.pick([0, 1000]),
      maxSize: 8,
    };
    for (const topic of TOPICS.slice(0, 3)) table.topics.set(topic, random.between(1, 6));
    table.isApplied = (fact) => {
      if (canary === "two owners" && fact.kind === "current") table.group.owners.clear();
      return !(canary === "no rebalance timeout" && fact.kind === "revoking");
    };
    table.isLogged = (fact) => !isHidden(canary, fact);
  }

  run(steps: number): void {
    for (let i = 0; i < steps; i++) {
      this.#step();
      this.#check();
      if (i % 20 === 0) this.#table.checkReplay();
    }
    this.#settle();
  }

  #step(): void {
    const random = this.#random, { topics } = this.#table;
    switch (random.below(24)) {
      case 0:
      case 1:
        return this.#join();
      case 2:
        return this.#leave();
      case 3:
        if (this.#clients.length > 0) random.pick(this.#clients).isSilent = true;
        return;
      case 4:
        topics.set(random.pick(TOPICS), random.between(1, 8));
        return;
      case 5:
        topics.delete(random.pick(TOPICS));
        return;
      case 6:
        return this.#resubscribe();
      case 7:
        this.#table.pass(random.between(1, SESSION_MS));
        return;
      case 8:
        if (random.oneIn(3)) this.#table.restart();
        return;
      case 9:
        if (random.oneIn(3)) this.#table.wallStepMs += random.between(-1e6, 1e6);
        return;
      default:
        this.#table.pass(random.between(0, 700));
        if (this.#clients.length > 0) this.#beat(random.pick(this.#clients));
    }
  }

  #join(): void {
    const random = this.#random;
    if (this.#clients.length >= 10) return;
    this.#clients.push({
      id: `m${this.#made++}`,
      instanceId: random.oneIn(3) ? `i${this.#made}` : null,
      epoch: 0,
      names: random.oneIn(2) ? TOPICS.slice(0, 3) : TOPICS.filter(() => random.oneIn(2)),
      regex: random.oneIn(4) ? random.pick(REGEXES) : "",
      owned: new Set(),
      assigned: new Set(),
      isUnsure: true,
      isSilent: false,
      isStubborn: random.oneIn(8),
    });
  }

  #leave(): void {
    if (this.#clients.length === 0) return;
    const client = this.#random.pick(this.#clients);
    if (client.isSilent || client.epoch <= 0) return;
    const returns = client.instanceId !== null && this.#random.oneIn(2);
    const memberEpoch = returns ? LEAVE_STATIC_EPOCH : LEAVE_EPOCH;
    this.#forget(client);
    this.#table.send(this.#event(client, { memberEpoch, owned: null }));
    if (returns) client.id = `m${this.#made++}`;
    else this.#clients.splice(this.#clients.indexOf(client), 1);
  }

  #resubscribe(): void {
    if (this.#clients.length === 0) return;
    const client = this.#random.pick(this.#clients);
    client.names = TOPICS.filter(() => this.#random.oneIn(2));
    client.regex = this.#random.oneIn(3) ? this.#random.pick(REGEXES) : "";
    client.isUnsure = true;
  }

  /** A heartbeat that may not arrive, or whose answer may not. */
  #beat(client: Client, isLossy = true): void {
    if (client.isSilent) return;
    if (!client.isStubborn) this.#letGo(client, isLossy);
    if (isLossy && this.#random.oneIn(12)) {
      client.isUnsure = true;
      return;
    }
    const saysAll = client.isUnsure || client.epoch === 0;
    const owned = saysAll || this.#random.oneIn(2) || !isLossy ? client.owned : null;
    const reply = this.#table.send(this.#event(client, { memberEpoch: client.epoch, owned }))!;
    if (isLossy && this.#random.oneIn(12)) {
      client.isUnsure = true;
      return;
    }
    const { errorCode = ErrorCode.NONE } = reply;
    if (errorCode !== ErrorCode.NONE) {
      // Whatever it is, the member gives up all it has and begins again.
      this.#forget(client);
      client.isStubborn = false;
      if (errorCode === ErrorCode.FENCED_INSTANCE_ID) client.id = `m${this.#made++}`;
      return;
    }
    client.isUnsure = false;
    client.epoch = reply.memberEpoch!;
    if (reply.assignment) client.assigned = keysOf(reply.assignment.topicPartitions!);
    for (const key of client.assigned) client.owned.add(key);
    this.#checkClient(client);
  }

  /** Some or all of what the client is not to have any more. */
  #letGo(client: Client, isSlow: boolean): void {
    for (const key of client.owned) {
      if (!client.assigned.has(key) && !(isSlow && this.#random.oneIn(3))) client.owned.delete(key);
    }
  }

  #forget(client: Client): void {
    client.epoch = 0;
    client.owned = new Set();
    client.assigned = new Set();
    client.isUnsure = true;
  }

  #event(
    client: Client,
    { memberEpoch, owned }: { memberEpoch: number; owned: ReadonlySet<string> | null },
  ): ConsumerHeartbeatEvent {
    const saysAll = memberEpoch === 0 || client.isUnsure;
    return {
      kind: "consumerHeartbeat",
      memberId: client.id,
      memberEpoch,
      instanceId: client.instanceId,
      clientId: "c",
      clientHost: "/127.0.0.1",
      rackId: null,
      rebalanceTimeoutMs: saysAll ? REBALANCE_MS : -1,
      topicNames: saysAll ? client.names : null,
      topicRegex: saysAll ? client.regex : null,
      serverAssignor: null,
      owned: owned && Array.from(owned, partitionOf),
    };
  }

  /** One owner at a time; epochs only rise; nobody is ahead of the group. */
  #check(): void {
    const { group } = this.#table, owners = new Map<string, string>();
    if (group.epoch < this.#lastEpoch) throw new Error(`the group epoch fell to ${group.epoch}`);
    assert(group.assignmentEpoch >= this.#lastAssignmentEpoch, "the assignment epoch fell");
    assert(group.assignmentEpoch <= group.epoch, "the assignment epoch is ahead of the group's");
    this.#lastEpoch = group.epoch;
    this.#lastAssignmentEpoch = group.assignmentEpoch;
    for (const member of group.members.values()) {
      const before = this.#memberEpochs.get(member.id) ?? 0;
      if (member.epoch > 0) {
        assert(member.epoch >= before, `the epoch of ${member.id} fell to ${member.epoch}`);
        this.#memberEpochs.set(member.id, member.epoch);
      }
      assert(member.epoch <= group.assignmentEpoch, `${member.id} is ahead of its target`);
      for (const assignment of [member.assigned, member.revoking]) {
        for (const [topicId, partitions] of assignment) {
          for (const partition of partitions.keys()) {
            const key = `${topicId} ${partition}`, other = owners.get(key);
            if (other !== undefined) throw new Error(`${other} and ${member.id} both own ${key}`);
            owners.set(key, member.id);
          }
        }
      }
    }
  }

  /** What a member of the group reads from is what the coordinator holds for it. */
  #checkClient(client: Client): void {
    const member = this.#table.group.members.get(client.id)!;
    for (const key of client.owned) {
      const { topicId, partitions: [partition] } = partitionOf(key);
      const holds = member.assigned.get(topicId)?.has(partition) ||
        member.revoking.get(topicId)?.has(partition);
      assert(holds, `${client.id} reads from ${key}, which is not held for it`);
    }
  }

  /** With everything quiet, those who live get all that they subscribe to within a few heartbeats. */
  #settle(): void {
    const table = this.#table;
    for (let round = 0; round < SETTLE_ROUNDS; round++) {
      table.pass(1000);
      for (const client of this.#clients) {
        this.#beat(client, false);
        this.#check();
      }
    }
    table.checkReplay();
    const living = this.#clients.filter(({ isSilent, id }) =>
      !isSilent && table.group.members.has(id)
    );
    assert(living.length === table.group.members.size, "a silent member is still there");
    if (living.length === 0) return;
    const state = consumerGroupState(table.group);
    assert(state === "Stable", `the group is still ${state}`);
    const read = new Set<string>();
    for (const client of living) for (const key of client.owned) read.add(key);
    for (const topic of TOPICS) {
      const facts = table.topics.byName(topic);
      const isWanted = living.some(({ names, regex }) =>
        names.includes(topic) || regex !== "" && new RegExp(`^(?:${regex})$`).test(topic)
      );
      if (facts === undefined || !isWanted) continue;
      for (let partition = 0; partition < facts.partitionCount; partition++) {
        const key = `${facts.id} ${partition}`;
        assert(read.has(key), `nobody reads from partition ${partition} of ${topic}`);
      }
    }
  }
}

/** Enough for sessions to end, for stubborn members to be fenced, and for regular expressions to be matched again. */
const SETTLE_ROUNDS = 60;

function isHidden(canary: Canary, fact: ConsumerFact): boolean {
  return canary === "unlogged epoch" && fact.kind === "epoch" ||
    canary === "unlogged member" && fact.kind === "memberGone";
}

function keysOf(
  partitions: readonly { readonly topicId?: Uuid; readonly partitions?: readonly number[] }[],
): Set<string> {
  const keys = new Set<string>();
  for (const { topicId, partitions: numbers } of partitions) {
    for (const partition of numbers!) keys.add(`${topicId} ${partition}`);
  }
  return keys;
}

function partitionOf(key: string): { topicId: Uuid; partitions: number[] } {
  const [topicId, partition] = key.split(" ");
  return { topicId: topicId as Uuid, partitions: [Number(partition)] };
}
