/**
 * Proves what decides whether a group changes its protocol: the migration policy, the sizes, what the members say; and
 * that what changes is what the log says. The answers that members get are compared with Kafka's in
 * tests/broker/mixed_groups_test.ts.
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode } from "../protocol/errors.ts";
import { encodeVersioned } from "../protocol/log_record.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from "../protocol/messages/consumer_protocol.ts";
import type { ClassicGroup } from "./classic/classic_group.ts";
import type { MigrationPolicy } from "./consumer/consumer_decision.ts";
import type { ConsumerGroup } from "./consumer/consumer_group.ts";
import { TABLE_SETTINGS, TableTopics } from "../testing/consumer_groups.ts";
import type { Bodies } from "./decision.ts";
import { readAssignment } from "./classic/embedded_protocol.ts";
import { type Group, isLogFact, type LogFact, newGroup, replayLogFact } from "./group.ts";
import { applyFact, deadlineOf, decideEvent, dueIn, type GroupEvent } from "./machines.ts";

const SUBSCRIPTION = encodeVersioned(ConsumerProtocolSubscription, 1, {
  topics: ["t"],
  userData: null,
});

const JOIN = {
  memberId: "",
  instanceId: null,
  clientId: "c",
  clientHost: "/127.0.0.1",
  rebalanceTimeoutMs: 10_000,
  sessionTimeoutMs: 8000,
  protocolType: "consumer",
  protocols: [{ name: "range", metadata: SUBSCRIPTION }],
  mustKnowMemberId: false,
  maySkipAssignment: true,
};

/** One group, its topic and its clock. */
class Table {
  group: Group = newGroup("g", 0);
  readonly topics = new TableTopics();
  readonly logged: string[] = [];
  readonly #log: LogFact[] = [];
  nowMs = 0;
  migrationPolicy: MigrationPolicy = "bidirectional";
  maxSize = 10;
  classicMaxSize = 10;
  readonly replies = new Map<number, unknown>();
  #tickets = 0;

  constructor() {
    this.topics.set("t", 4);
  }

  ask<A extends "join" | "sync" | "heartbeat" | "leave" | "consumerHeartbeat">(
    kind: A,
    event: object,
  ): Bodies[A] {
    const body = this.replies.get(this.begin(kind, event));
    assert(body !== undefined, `${kind} was not answered`);
    return body as Bodies[A];
  }

  /** Asks, and gives the ticket that the answer will be kept under. */
  begin(kind: keyof Bodies, event: object): number {
    const ticket = ++this.#tickets;
    this.send({ kind, ticket, newMemberId: `n${ticket}`, ...event } as unknown as GroupEvent);
    return ticket;
  }

  get consumers(): ConsumerGroup["members"] {
    return (this.group.members as ConsumerGroup).members;
  }

  send(event: GroupEvent): void {
    for (let next: GroupEvent | null = event; next; next = dueIn(this.group, this.nowMs)) {
      const { facts, replies } = decideEvent(this.group, next, {
        classicSettings: { initialRebalanceDelayMs: 0, maxSize: this.classicMaxSize },
        consumerCircumstances: {
          now: { ms: this.nowMs, wallMs: 1_700_000_000_000 + this.nowMs },
          settings: {
            ...TABLE_SETTINGS,
            migrationPolicy: this.migrationPolicy,
            maxSize: this.maxSize,
          },
          topics: this.topics,
        },
      });
      for (const fact of facts) {
        if (isLogFact(fact)) {
          this.logged.push(fact.kind);
          this.#log.push(fact);
        }
        applyFact(this.group, fact);
      }
      for (const { ticket, body } of replies) this.replies.set(ticket, body);
    }
  }

  /** A broker that restarts: all that is known is what the log says. */
  restart(): void {
    this.group = newGroup("g", 0);
    for (const fact of this.#log) replayLogFact(this.group, fact);
    this.send({ kind: "loaded" });
  }

  join(more: object = {}): Bodies["join"] {
    return this.ask("join", { ...JOIN, ...more });
  }

  sync(
    memberId: string,
    generation: number,
    partitions: number[] | null = null,
    instanceId: string | null = null,
  ): Bodies["sync"] {
    const assignment = partitions && encodeVersioned(ConsumerProtocolAssignment, 1, {
      assignedPartitions: [{ topic: "t", partitions }],
      userData: null,
    });
    return this.ask("sync", {
      memberId,
      instanceId,
      generation,
      protocolType: "consumer",
      protocol: "range",
      assignments: new Map(assignment ? [[memberId, assignment]] : []),
    });
  }

  beat(
    memberId: string,
    memberEpoch: number,
    instanceId: string | null = null,
    more: object = {},
  ): Bodies["consumerHeartbeat"] {
    return this.ask("consumerHeartbeat", {
      memberId,
      memberEpoch,
      instanceId,
      clientId: "c",
      clientHost: "/127.0.0.1",
      rackId: null,
      rebalanceTimeoutMs: 10_000,
      topicNames: ["t"],
      topicRegex: null,
      serverAssignor: null,
      owned: [],
      ...more,
    });
  }

  /** A classic group with one member, who has all partitions. */
  classic(): { memberId: string; generation: number } {
    const { memberId, generationId } = this.join();
    this.sync(memberId!, generationId!, [0, 1, 2, 3]);
    return { memberId: memberId!, generation: generationId! };
  }

  classicBeat({ memberId, generation }: { memberId: string; generation: number }): number {
    const body = this.ask("heartbeat", { memberId, generation, instanceId: null });
    return body.errorCode ?? ErrorCode.NONE;
  }
}

for (
  const [policy, up, down, joins] of [
    ["bidirectional", true, true, true],
    ["upgrade", true, false, true],
    ["downgrade", false, true, true],
    ["disabled", false, false, false],
  ] as const
) {
  Deno.test(`policy ${policy}: ${up ? "" : "no "}upgrade, ${down ? "" : "no "}downgrade`, () => {
    const upwards = new Table();
    upwards.migrationPolicy = policy;
    upwards.classic();
    const joined = upwards.beat("c", 0);
    assertEquals(joined.errorCode ?? ErrorCode.NONE, up ? 0 : ErrorCode.GROUP_ID_NOT_FOUND);
    assertEquals(upwards.group.members.type, up ? "consumer" : "classic");

    const downwards = new Table();
    downwards.migrationPolicy = policy;
    downwards.beat("c", 0);
    const { errorCode = 0 } = downwards.join();
    assertEquals(errorCode, joins ? 0 : ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    downwards.beat("c", -1);
    assertEquals(downwards.group.members.type, down ? "classic" : "consumer");
  });
}

Deno.test("a group that is too large for the other protocol keeps its own", () => {
  const classic = new Table();
  classic.maxSize = 0;
  classic.classic();
  assertEquals(
    classic.beat("c", 0).errorMessage,
    "Cannot upgrade classic group g to consumer group because the group size exceeds the consumer group maximum size.",
  );
  const consumer = new Table();
  consumer.classicMaxSize = 0;
  consumer.beat("c", 0);
  consumer.join();
  consumer.beat("c", -1);
  assertEquals(consumer.group.members.type, "consumer");
});

Deno.test("an upgrade writes the group anew, a downgrade takes that back and writes a classic group", () => {
  const table = new Table();
  table.classic();
  table.logged.length = 0;
  table.beat("c", 0);
  assertEquals(table.logged.slice(0, 6), [
    "groupGone",
    "member",
    "epoch",
    "target",
    "targetEpoch",
    "current",
  ]);
  table.logged.length = 0;
  table.beat("c", -1);
  assertEquals(table.logged, [
    "currentGone",
    "currentGone",
    "targetGone",
    "targetGone",
    "targetEpochGone",
    "memberGone",
    "memberGone",
    "epochGone",
    "stored",
  ]);
});

Deno.test("a partition that a leader assigned twice is taken over once", () => {
  const table = new Table();
  const { memberId: a } = table.classic();
  const { members } = table.group.members as ClassicGroup;
  members.set("b", { ...members.get(a)!, id: "b" });
  table.beat("c", 0);
  assertEquals(table.consumers.get("b")!.assigned.size, 0);
});

Deno.test("a member that waits in a classic rebalance is told to join again", () => {
  const table = new Table();
  table.classic();
  const ticket = table.begin("join", JOIN);
  assertEquals(table.replies.has(ticket), false);
  table.beat("c", 0);
  const { errorCode } = table.replies.get(ticket) as Bodies["join"];
  assertEquals(errorCode, ErrorCode.REBALANCE_IN_PROGRESS);
});

Deno.test("bytes that are no subscription are refused in a consumer group", () => {
  const table = new Table();
  table.beat("c", 0);
  for (const metadata of [[], [9], [0, 0, 9], [0xff, 0xff]]) {
    const protocols = [{ name: "range", metadata: Uint8Array.from(metadata) }];
    assertEquals(table.join({ protocols }).errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  }
  assertEquals(table.group.members.members.size, 1);
});

Deno.test("a subscription of a version still unknown is read as the newest that is known", () => {
  const table = new Table();
  table.beat("c", 0);
  const metadata = encodeVersioned(ConsumerProtocolSubscription, 3, {
    topics: ["t"],
    userData: null,
  });
  metadata[1] = 7;
  const { errorCode = 0, memberId } = table.join({ protocols: [{ name: "range", metadata }] });
  assertEquals(errorCode, 0);
  assertEquals(table.consumers.get(memberId!)!.metadata.topicNames, ["t"]);
});

Deno.test("classic members alone in a consumer group share what a member that left had", () => {
  const table = new Table();
  table.migrationPolicy = "upgrade";
  table.beat("c", 0);
  const { memberId, generationId } = table.join();
  const member = { memberId: memberId!, generation: generationId! };
  table.sync(member.memberId, member.generation);
  table.beat("c", -1);
  assertEquals(table.classicBeat(member), ErrorCode.REBALANCE_IN_PROGRESS);
  const again = table.join({ memberId });
  const { assignment } = table.sync(member.memberId, again.generationId!);
  assertEquals(readAssignment(assignment!)!.assignedPartitions, [{
    topic: "t",
    partitions: [0, 1, 2, 3],
  }]);
  const settled = { ...member, generation: again.generationId! };
  assertEquals(table.classicBeat(settled), ErrorCode.NONE);
});

Deno.test("a classic member of a consumer group that falls silent is removed after its own session timeout", () => {
  const table = new Table();
  table.beat("c", 0);
  const { memberId, generationId } = table.join();
  table.sync(memberId!, generationId!);
  table.nowMs = 7999;
  table.beat("c", 2);
  assertEquals(dueIn(table.group, table.nowMs), null);
  assertEquals(deadlineOf(table.group), 8000);
  assertEquals(dueIn(table.group, 8000), { kind: "consumerExpires", memberId: memberId! });
});

Deno.test("a static member that takes its own place in the other protocol leaves what is whole as it is", () => {
  const table = new Table();
  const { memberId, generationId } = table.join({ instanceId: "i" });
  table.sync(memberId!, generationId!, [0, 1, 2, 3], "i");
  assertEquals(table.beat("c", 0, "i").memberEpoch, generationId);
  const back = table.join({ instanceId: "i" });
  assertEquals(back.generationId, generationId);
  assertEquals((table.group.members as ClassicGroup).state, "Stable");
});

Deno.test("partitions that the classic leader left out are assigned after the upgrade", () => {
  const table = new Table();
  const { memberId, generationId } = table.join({ instanceId: "i" });
  table.sync(memberId!, generationId!, [0, 1], "i");
  const { memberEpoch, assignment } = table.beat("c", 0, "i");
  assertEquals(memberEpoch, generationId! + 1);
  assertEquals(assignment!.topicPartitions![0].partitions, [0, 1, 2, 3]);
});

Deno.test("a group that is downgraded on its way to a new assignment rebalances", () => {
  const table = new Table();
  table.beat("c", 0, "i");
  table.join();
  table.beat("c", -2, "i");
  table.join({ instanceId: "i" });
  const members = table.group.members as ClassicGroup;
  assertEquals([members.type, members.state], ["classic", "PreparingRebalance"]);
});

Deno.test("a rebalance that a downgrade began is begun again by the broker that starts in the middle of it", () => {
  const table = new Table();
  table.beat("c", 0);
  const { memberId, generationId } = table.join();
  table.sync(memberId!, generationId!);
  table.beat("c", -1);
  assertEquals((table.group.members as ClassicGroup).state, "PreparingRebalance");
  table.restart();
  assertEquals((table.group.members as ClassicGroup).state, "PreparingRebalance");
  const again = table.join({ memberId });
  const { assignment } = table.sync(memberId!, again.generationId!, [0, 1, 2, 3]);
  assertEquals(readAssignment(assignment!)!.assignedPartitions, [{
    topic: "t",
    partitions: [0, 1, 2, 3],
  }]);
  table.restart();
  assertEquals((table.group.members as ClassicGroup).state, "Stable");
});

Deno.test("a classic member that joins finds nothing by other members' patterns: what those may describe it cannot say", () => {
  const table = new Table();
  const subscribed = {
    topicNames: [],
    topicRegex: "t.*",
    mayDescribe: (topic: string) => topic !== "t-hidden",
  };
  const found = () => (table.group.members as ConsumerGroup).regexes.get("t.*")!.topics;
  const { memberEpoch } = table.beat("m", 0, null, subscribed);
  table.topics.set("t-hidden", 1);
  table.topics.set("t-new", 1);
  table.nowMs += 20_000;
  table.join();
  assertEquals(found(), ["t"]);
  table.beat("m", memberEpoch!, null, { ...subscribed, owned: null });
  assertEquals(found(), ["t", "t-new"]);
});
