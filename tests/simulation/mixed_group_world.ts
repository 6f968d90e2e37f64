/**
 * A world of random members of both protocols around one group: they join, beat, sync, lose answers, leave, fall silent
 * and come back with the other protocol, while the topic grows, time passes and the broker restarts. The group changes
 * from one protocol to the other and back. After every event the promises are checked.
 */
import { assert, assertEquals } from "@std/assert";
import type { Uuid } from "../../src/bytes/uuid.ts";
import { durable, TABLE_SETTINGS, TableTopics } from "../../src/testing/consumer_groups.ts";
import { readAssignment } from "../../src/groups/classic/embedded_protocol.ts";
import {
  type Group,
  isLogFact,
  isVoid,
  newGroup,
  replayLogFact,
  stateOf,
} from "../../src/groups/group.ts";
import { decodeFact, encodeFact } from "../../src/groups/group_records.ts";
import {
  applyFact,
  deadlineOf,
  decideEvent,
  dueIn,
  type GroupEvent,
  type GroupFact,
} from "../../src/groups/machines.ts";
import type { Bodies, Reply } from "../../src/groups/decision.ts";
import { groupGone } from "../../src/groups/offsets/offset_machine.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { encodeVersioned } from "../../src/protocol/log_record.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from "../../src/protocol/messages/consumer_protocol.ts";
import type { NewRecord } from "../../src/protocol/records/build.ts";
import type { Random } from "../random.ts";

/** A bug that the simulation has to find. */
export type Canary = "none" | "forgets who owns" | "unlogged upgrade" | "unlogged downgrade";

const TOPIC = "t";
const SESSION_MS = 6000;
const REBALANCE_MS = 8000;

/** A client of either protocol: what it believes. */
interface Client {
  readonly instanceId: string | null;
  speaks: "classic" | "consumer";
  readonly isCooperative: boolean;
  id: string;
  epoch: number;
  /** What it reads from. */
  owned: Set<number>;
  /** What it was told to read from. */
  assigned: Set<number>;
  /** The request it waits for an answer to; null: none. */
  waits: number | null;
  phase: "out" | "joined" | "in";
  /** Of a classic leader: whom to assign to. */
  followers: readonly string[] | null;
  isSilent: boolean;
}

export class World {
  readonly changes = { up: 0, down: 0 };
  readonly #random: Random;
  readonly #canary: Canary;
  readonly #topics = new TableTopics();
  readonly #clients: Client[] = [];
  readonly #log: NewRecord[] = [];
  readonly #answers = new Map<number, Reply>();
  #group: Group = newGroup("g", 0);
  #nowMs = 0;
  #tickets = 0;
  #made = 0;
  #lastGeneration = 0;

  constructor(random: Random, canary: Canary) {
    this.#random = random;
    this.#canary = canary;
    this.#topics.set(TOPIC, random.between(1, 8));
  }

  run(steps: number): void {
    for (let i = 0; i < steps; i++) {
      this.#step();
      if (i % 10 === 0) this.#checkReplay();
    }
    this.#settle();
  }

  #step(): void {
    const random = this.#random;
    switch (random.below(20)) {
      case 0:
      case 1:
        return this.#begin();
      case 2:
        return this.#leave();
      case 3:
        if (this.#clients.length > 0 && random.oneIn(2)) {
          random.pick(this.#clients).isSilent = true;
        }
        return;
      case 4:
        if (random.oneIn(3)) this.#topics.set(TOPIC, random.between(1, 8));
        return;
      case 5:
        return this.#pass(random.between(1, SESSION_MS));
      case 6:
        if (random.oneIn(4)) this.#restart();
        return;
      case 7:
        return this.#changeProtocol();
      default:
        this.#pass(random.between(0, 700));
        if (this.#clients.length > 0) this.#act(random.pick(this.#clients), true);
    }
  }

  #begin(): void {
    const random = this.#random;
    if (this.#clients.length >= 6) return;
    this.#clients.push({
      instanceId: random.oneIn(3) ? `i${this.#made}` : null,
      speaks: random.pick(["classic", "consumer"] as const),
      isCooperative: random.oneIn(2),
      id: "",
      epoch: 0,
      owned: new Set(),
      assigned: new Set(),
      waits: null,
      phase: "out",
      followers: null,
      isSilent: false,
    });
    this.#made++;
  }

  /** Stops and starts with the other protocol; a static member keeps its place meanwhile. */
  #changeProtocol(): void {
    if (this.#clients.length === 0) return;
    const client = this.#random.pick(this.#clients);
    if (client.isSilent || client.waits !== null) return;
    if (client.phase !== "out" && client.speaks === "consumer") {
      this.#beat(client, client.instanceId === null ? -1 : -2);
    } else if (client.phase !== "out" && client.instanceId === null) this.#leaveClassic(client);
    this.#forget(client);
    client.id = "";
    client.speaks = client.speaks === "classic" ? "consumer" : "classic";
  }

  #leave(): void {
    if (this.#clients.length === 0) return;
    const client = this.#random.pick(this.#clients);
    if (client.isSilent || client.waits !== null) return;
    this.#clients.splice(this.#clients.indexOf(client), 1);
    if (client.phase === "out") return;
    this.#forget(client);
    if (client.speaks === "consumer") this.#beat(client, -1);
    else this.#leaveClassic(client);
  }

  /** What a client does next; when `isLossy` answers may get lost. */
  #act(client: Client, isLossy: boolean): void {
    if (client.isSilent) return;
    const isLost = () => isLossy && this.#random.oneIn(20);
    if (client.speaks === "consumer") return this.#consume(client, isLost());
    if (client.waits !== null) {
      const reply = this.#answers.get(client.waits);
      if (reply === undefined) return;
      this.#answers.delete(client.waits);
      client.waits = null;
      if (isLost()) return; // asks again
      return this.#answered(client, reply);
    }
    switch (client.phase) {
      case "out":
        return this.#join(client);
      case "joined":
        return this.#sync(client);
      case "in": {
        const { errorCode } = this.#ask("heartbeat", { ...this.#claim(client) });
        if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) return this.#join(client);
        if (errorCode) this.#refused(client, errorCode);
        else this.#checkClient(client);
      }
    }
  }

  #join(client: Client): void {
    client.phase = "out";
    for (const partition of client.owned) {
      if (!client.isCooperative || !client.assigned.has(partition)) client.owned.delete(partition);
    }
    const metadata = encodeVersioned(ConsumerProtocolSubscription, 1, {
      topics: [TOPIC],
      userData: null,
      ownedPartitions: [{ topic: TOPIC, partitions: [...client.owned] }],
    });
    const { members } = this.#group;
    if (members.type === "consumer" && members.members.size === 0) {
      for (const fact of groupGone(this.#group) as GroupFact[]) this.#take(fact); // as joinGroup() does
    }
    const ticket = client.waits = ++this.#tickets;
    this.#send({
      kind: "join",
      ticket,
      memberId: client.id,
      newMemberId: `n${ticket}`,
      instanceId: client.instanceId,
      clientId: "c",
      clientHost: "/127.0.0.1",
      rebalanceTimeoutMs: REBALANCE_MS,
      sessionTimeoutMs: SESSION_MS,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata }],
      mustKnowMemberId: true,
      maySkipAssignment: true,
    });
  }

  #sync(client: Client): void {
    const ticket = client.waits = ++this.#tickets;
    const count = this.#topics.byName(TOPIC)!.partitionCount, members = client.followers ?? [];
    const assignments = new Map(members.map((memberId, i) => {
      const partitions: number[] = [];
      for (let p = i; p < count; p += members.length) partitions.push(p);
      return [memberId, assignmentOf(partitions)];
    }));
    this.#send({
      kind: "sync",
      ticket,
      ...this.#claim(client),
      protocolType: "consumer",
      protocol: "range",
      assignments,
    });
  }

  #answered(client: Client, reply: Reply): void {
    const errorCode = reply.body.errorCode ?? ErrorCode.NONE;
    if (reply.api === "join") {
      if (errorCode === ErrorCode.MEMBER_ID_REQUIRED) client.id = reply.body.memberId!;
      if (errorCode !== ErrorCode.NONE) return this.#refused(client, errorCode);
      client.id = reply.body.memberId!;
      client.epoch = reply.body.generationId!;
      client.phase = "joined";
      const isLeader = reply.body.leader === client.id && !reply.body.skipAssignment;
      client.followers = isLeader ? reply.body.members!.map(({ memberId }) => memberId!) : null;
    } else if (reply.api === "sync") {
      if (errorCode !== ErrorCode.NONE) return this.#refused(client, errorCode);
      const read = readAssignment(reply.body.assignment!);
      client.assigned = new Set(
        read?.assignedPartitions.flatMap(({ partitions }) => partitions) ?? [],
      );
      client.phase = "in";
      // A cooperative member gives up what it lost first, and takes the rest in any case.
      const lost = [...client.owned].filter((partition) => !client.assigned.has(partition));
      client.owned = new Set([...client.assigned]);
      if (lost.length > 0 && client.isCooperative) this.#join(client);
    }
  }

  #consume(client: Client, isLost: boolean): void {
    for (const partition of client.owned) {
      if (!client.assigned.has(partition)) client.owned.delete(partition);
    }
    if (client.id === "") client.id = `m${++this.#tickets}`;
    const body = this.#beat(client, client.phase === "out" ? 0 : client.epoch);
    if (isLost) return;
    if (body.errorCode) return this.#refused(client, body.errorCode);
    client.phase = "in";
    client.epoch = body.memberEpoch!;
    if (body.assignment) {
      client.assigned = new Set(body.assignment.topicPartitions!.flatMap((one) => one.partitions!));
    }
    for (const partition of client.assigned) client.owned.add(partition);
    this.#checkClient(client);
  }

  #beat(client: Client, memberEpoch: number): Bodies["consumerHeartbeat"] {
    const isJoin = memberEpoch === 0;
    return this.#ask("consumerHeartbeat", {
      memberId: client.id,
      memberEpoch,
      instanceId: client.instanceId,
      clientId: "c",
      clientHost: "/127.0.0.1",
      rackId: null,
      rebalanceTimeoutMs: REBALANCE_MS,
      topicNames: [TOPIC],
      topicRegex: null,
      serverAssignor: null,
      owned: isJoin ? [] : [{ topicId: this.#topicId, partitions: [...client.owned] }],
    });
  }

  #leaveClassic({ id, instanceId }: Client): void {
    this.#ask("leave", { members: [{ memberId: id, instanceId }] });
  }

  #refused(client: Client, errorCode: number): void {
    const isRebalance = errorCode === ErrorCode.REBALANCE_IN_PROGRESS;
    if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID || errorCode === ErrorCode.FENCED_INSTANCE_ID) {
      client.id = "";
    }
    client.phase = "out";
    if (!isRebalance && errorCode !== ErrorCode.MEMBER_ID_REQUIRED) this.#forget(client);
  }

  #forget(client: Client): void {
    client.phase = "out";
    client.owned = new Set();
    client.assigned = new Set();
  }

  #claim({ id, instanceId, epoch }: Client) {
    return { memberId: id, instanceId, generation: epoch };
  }

  get #topicId(): Uuid {
    return this.#topics.idOf(TOPIC);
  }

  /** Asks what is answered at once. */
  #ask<A extends "heartbeat" | "leave" | "consumerHeartbeat">(kind: A, event: object): Bodies[A] {
    const ticket = ++this.#tickets;
    this.#send({ kind, ticket, ...event } as unknown as GroupEvent);
    const reply = this.#answers.get(ticket);
    if (reply?.api !== kind) throw new Error(`a ${kind} was not answered`);
    this.#answers.delete(ticket);
    return reply.body as Bodies[A];
  }

  #send(event: GroupEvent): void {
    for (let next: GroupEvent | null = event; next; next = dueIn(this.#group, this.#nowMs)) {
      const { facts, replies } = decideEvent(this.#group, next, {
        classicSettings: { initialRebalanceDelayMs: 0, maxSize: 8 },
        consumerCircumstances: {
          now: { ms: this.#nowMs, wallMs: 1_700_000_000_000 + this.#nowMs },
          settings: { ...TABLE_SETTINGS, sessionTimeoutMs: SESSION_MS, maxSize: 8 },
          topics: this.#topics,
        },
      });
      const { type } = this.#group.members;
      for (const fact of facts) this.#take(fact);
      const after = this.#group.members;
      if (after.members.size > 0 && after.type !== type) {
        this.changes[after.type === "consumer" ? "up" : "down"]++;
      }
      for (const reply of replies) this.#answers.set(reply.ticket, reply);
      this.#check();
    }
    const deadline = deadlineOf(this.#group);
    assert(deadline === null || deadline > this.#nowMs, "a deadline is in the past");
  }

  #take(fact: GroupFact): void {
    const { type } = this.#group.members;
    const isHidden =
      this.#canary === "unlogged upgrade" && fact.kind === "member" && type === "classic" ||
      this.#canary === "unlogged downgrade" && fact.kind === "epochGone";
    if (isLogFact(fact) && !isHidden) this.#log.push(encodeFact("g", fact, this.#nowMs));
    if (this.#canary === "forgets who owns" && fact.kind === "current") {
      const { members } = this.#group;
      if (members.type === "consumer") members.owners.clear();
    }
    applyFact(this.#group, fact);
  }

  #pass(ms: number): void {
    const until = this.#nowMs + ms;
    for (;;) {
      const deadline = deadlineOf(this.#group);
      if (deadline === null || deadline > until) break;
      this.#nowMs = deadline;
      const event = dueIn(this.#group, deadline);
      if (event === null) throw new Error("nothing is due at a deadline");
      this.#send(event);
    }
    this.#nowMs = until;
  }

  /** All that is known is what the log says; whoever waits loses its connection. */
  #restart(): void {
    this.#group = this.#replayed();
    this.#answers.clear();
    for (const client of this.#clients) {
      if (client.waits === null) continue;
      client.waits = null;
      client.phase = "out";
    }
    this.#send({ kind: "loaded" });
  }

  #replayed(log: Iterable<NewRecord> = this.#log): Group {
    const group = newGroup("g", 0);
    for (const { key, value } of log) {
      const decoded = decodeFact(key!, value ?? null);
      if (decoded) replayLogFact(group, decoded.fact);
    }
    return group;
  }

  /** Of a classic group a rebalance under way is not in the log, so only its type and what it last agreed on are compared. */
  #checkReplay(): void {
    for (const log of [this.#log, compacted(this.#log)]) {
      const { members } = this.#replayed(log), live = this.#group.members;
      if (isVoid(this.#group)) continue;
      assertEquals(members.type, live.type, "a replay of the log differs");
      if (members.type === "consumer" && live.type === "consumer") {
        assertEquals(durable(members), durable(live), "a replay of the log differs");
      } else if (members.type === "classic" && live.type === "classic" && live.state === "Stable") {
        assertEquals([...members.members.keys()].sort(), [...live.members.keys()].sort());
        assertEquals(members.generation, live.generation, "a replay of the log differs");
      }
    }
  }

  /** One owner at a time; epochs only rise, over changes of the protocol too. */
  #check(): void {
    const { members } = this.#group;
    this.#checkGeneration(members);
    if (members.type === "classic") return;
    const owners = new Map<number, string>();
    assert(members.members.size === 0 || members.epoch >= members.assignmentEpoch);
    for (const member of members.members.values()) {
      assert(member.epoch <= members.assignmentEpoch, `${member.id} is ahead of its target`);
      for (const assignment of [member.assigned, member.revoking]) {
        for (const partition of assignment.get(this.#topicId)?.keys() ?? []) {
          const other = owners.get(partition);
          if (other !== undefined) {
            throw new Error(`${other} and ${member.id} both own ${partition}`);
          }
          owners.set(partition, member.id);
        }
      }
    }
  }

  /** What a member reads from, when it is told that all is well, is what the coordinator holds for it. */
  #checkClient({ id, owned }: Client): void {
    const { members } = this.#group;
    if (members.type === "classic") return;
    const { assigned, revoking } = members.members.get(id)!, topicId = this.#topicId;
    for (const partition of owned) {
      const holds = assigned.get(topicId)?.has(partition) || revoking.get(topicId)?.has(partition);
      assert(holds, `${id} reads from ${partition}, which is not held for it`);
    }
  }

  /** A group without members may begin anew, and a generation counts once its assignment is kept. */
  #checkGeneration(members: Group["members"]): void {
    if (members.members.size === 0) this.#lastGeneration = 0;
    else if (members.type === "consumer" || members.state === "Stable") {
      const generation = members.type === "consumer" ? members.epoch : members.generation;
      assert(generation >= this.#lastGeneration, `the group fell to generation ${generation}`);
      this.#lastGeneration = generation;
    }
  }

  /** With everything quiet, each partition is read by one of those who live. */
  #settle(): void {
    for (let round = 0; round < SETTLE_ROUNDS; round++) {
      this.#pass(500);
      for (const client of this.#clients) this.#act(client, false);
    }
    this.#checkReplay();
    const living = this.#clients.filter(({ isSilent }) => !isSilent);
    const members = this.#group.members.members.size;
    assertEquals(members, living.length, "those in the group are not those who live");
    if (living.length === 0) return;
    const state = stateOf(this.#group);
    assert(state === "Stable", `the group is still ${state}`);
    const read: number[] = [];
    for (const { assigned } of living) read.push(...assigned);
    const count = this.#topics.byName(TOPIC)!.partitionCount;
    const known = living.some(({ speaks }) => speaks === "consumer") ? count : new Set(read).size;
    assertEquals(read.sort((a, b) => a - b), Array.from({ length: known }, (_, i) => i));
    const { type } = this.#group.members;
    const isMixed = living.some(({ speaks }) => speaks === "consumer");
    assertEquals(type, isMixed ? "consumer" : "classic");
  }
}

/** Enough for sessions and rebalances to end. */
const SETTLE_ROUNDS = 80;

function assignmentOf(partitions: number[]): Uint8Array {
  const assignedPartitions = [{ topic: TOPIC, partitions }];
  return encodeVersioned(ConsumerProtocolAssignment, 1, { assignedPartitions, userData: null });
}

/** The last record of each key, tombstones gone. */
function compacted(log: readonly NewRecord[]): NewRecord[] {
  const last = new Map<string, NewRecord>();
  for (const record of log) {
    const key = record.key!.join();
    last.delete(key);
    last.set(key, record);
  }
  return [...last.values()].filter(({ value }) => value !== null);
}
