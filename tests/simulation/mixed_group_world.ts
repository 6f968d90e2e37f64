/**
 * A world of random members of both protocols around one group (LoggedGroup): they join, beat, sync, lose answers, leave,
 * fall silent and come back with the other protocol, while the topic grows, time passes and the broker restarts. The group
 * changes from one protocol to the other and back.
 */
import { assert, assertEquals } from "@std/assert";
import { readAssignment } from "../../src/groups/classic/embedded_protocol.ts";
import type { Bodies, Reply } from "../../src/groups/decision.ts";
import type { GroupEvent } from "../../src/groups/machines.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { encodeVersioned } from "../../src/protocol/log_record.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from "../../src/protocol/messages/consumer_protocol.ts";
import type { Random } from "../random.ts";
import { type Canary, LoggedGroup, SESSION_MS, TOPIC } from "./mixed_group.ts";

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
  readonly group: LoggedGroup;
  readonly #random: Random;
  readonly #clients: Client[] = [];
  #tickets = 0;
  #made = 0;

  constructor(random: Random, canary: Canary) {
    this.#random = random;
    this.group = new LoggedGroup(canary, random.between(1, 8));
  }

  run(steps: number): void {
    for (let i = 0; i < steps; i++) {
      this.#step();
      if (i % 10 === 0) this.group.checkReplay();
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
        if (random.oneIn(3)) this.group.partitions = random.between(1, 8);
        return;
      case 5:
        return this.group.pass(random.between(1, SESSION_MS));
      case 6:
        if (random.oneIn(4)) this.#restart();
        return;
      case 7:
        return this.#changeProtocol();
      default:
        this.group.pass(random.between(0, 700));
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
      const reply = this.group.answerTo(client.waits);
      if (reply === undefined) return;
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
        else this.group.mustHold(client.id, client.owned);
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
    this.group.makeWay();
    const ticket = client.waits = ++this.#tickets;
    this.group.send({
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
    const count = this.group.partitions, members = client.followers ?? [];
    const assignments = new Map(members.map((memberId, i) => {
      const partitions: number[] = [];
      for (let p = i; p < count; p += members.length) partitions.push(p);
      return [memberId, assignmentOf(partitions)];
    }));
    this.group.send({
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
    this.group.mustHold(client.id, client.owned);
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
      owned: isJoin ? [] : [{ topicId: this.group.topicId, partitions: [...client.owned] }],
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

  /** Asks what is answered at once. */
  #ask<A extends "heartbeat" | "leave" | "consumerHeartbeat">(kind: A, event: object): Bodies[A] {
    const ticket = ++this.#tickets;
    this.group.send({ kind, ticket, ...event } as unknown as GroupEvent);
    const reply = this.group.answerTo(ticket);
    if (reply?.api !== kind) throw new Error(`a ${kind} was not answered`);
    return reply.body as Bodies[A];
  }

  /** Whoever waits loses its connection. */
  #restart(): void {
    this.group.restart();
    for (const client of this.#clients) {
      if (client.waits === null) continue;
      client.waits = null;
      client.phase = "out";
    }
    this.group.send({ kind: "loaded" });
  }

  /** With everything quiet, each partition is read by one of those who live. */
  #settle(): void {
    for (let round = 0; round < SETTLE_ROUNDS; round++) {
      this.group.pass(500);
      for (const client of this.#clients) this.#act(client, false);
    }
    this.group.checkReplay();
    const living = this.#clients.filter(({ isSilent }) => !isSilent);
    const members = this.group.members.members.size;
    assertEquals(members, living.length, "those in the group are not those who live");
    if (living.length === 0) return;
    const { state } = this.group;
    assert(state === "Stable", `the group is still ${state}`);
    const read: number[] = [];
    for (const { assigned } of living) read.push(...assigned);
    const count = this.group.partitions;
    const known = living.some(({ speaks }) => speaks === "consumer") ? count : new Set(read).size;
    assertEquals(read.sort((a, b) => a - b), Array.from({ length: known }, (_, i) => i));
    const { type } = this.group.members;
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
