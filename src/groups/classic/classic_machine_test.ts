/**
 * Proves the rules of the classic protocol on the pure machine: a test drives one group with events and a clock of its
 * own, collects the answers by member, and compares the group with a replay of what was stored.
 */
import { assert, assertEquals } from "@std/assert";
import { apply, type ClassicFact, type StoredGroup } from "./classic_facts.ts";
import { type ClassicGroup, isSubscribed, newClassicGroup } from "./classic_group.ts";
import type { JoinEvent } from "./classic_join.ts";
import { type ClassicEvent, decide, due, nextDeadline } from "./classic_machine.ts";
import type { Reply } from "../decision.ts";
import { encodeVersioned } from "../../protocol/log_record.ts";
import { ConsumerProtocolSubscription } from "../../protocol/messages/consumer_protocol.ts";
import { ErrorCode } from "../../protocol/errors.ts";

const DELAY_MS = 3000;

class Table {
  group: ClassicGroup = newClassicGroup("g", 0);
  nowMs = 0;
  maxSize = 100;
  delayMs = DELAY_MS;
  readonly stored: StoredGroup[] = [];
  readonly answers = new Map<number, Reply>();
  #ticket = 0;

  send(event: ClassicEvent): void {
    const now = { ms: this.nowMs, wallMs: 1_000_000 + this.nowMs };
    const settings = { initialRebalanceDelayMs: this.delayMs, maxSize: this.maxSize };
    for (let next: ClassicEvent | null = event; next; next = due(this.group, this.nowMs)) {
      const { facts, replies } = decide(this.group, next, now, settings);
      for (const fact of facts) this.#take(fact);
      for (const reply of replies) {
        assert(!this.answers.has(reply.ticket), `request ${reply.ticket} was answered twice`);
        this.answers.set(reply.ticket, reply);
      }
    }
    const deadline = nextDeadline(this.group);
    assert(deadline === null || deadline > this.nowMs, "a deadline is in the past");
  }

  /** Lets time pass, from deadline to deadline. */
  pass(ms: number): void {
    const until = this.nowMs + ms;
    for (;;) {
      const deadline = nextDeadline(this.group);
      if (deadline === null || deadline > until) break;
      this.nowMs = deadline;
      const event = due(this.group, this.nowMs);
      if (event === null) throw new Error("nothing is due at a deadline");
      this.send(event);
    }
    this.nowMs = until;
  }

  join(options: Partial<JoinEvent> = {}): number {
    const ticket = ++this.#ticket;
    const who = options.instanceId ?? "c";
    this.send({
      kind: "join",
      ticket,
      memberId: "",
      newMemberId: `${who}-${ticket}`,
      instanceId: null,
      clientId: "c",
      clientHost: "/127.0.0.1",
      rebalanceTimeoutMs: 60_000,
      sessionTimeoutMs: 10_000,
      protocolType: "consumer",
      protocols: [protocol("range", "t")],
      mustKnowMemberId: false,
      maySkipAssignment: true,
      ...options,
    });
    return ticket;
  }

  sync(memberId: string, generation: number, assignments: Record<string, string> = {}): number {
    const ticket = ++this.#ticket;
    const parts = Object.entries(assignments).map(([id, text]) => [id, bytes(text)] as const);
    const rest = { instanceId: null, protocolType: "consumer", protocol: null };
    this.send({ kind: "sync", ticket, memberId, generation, assignments: new Map(parts), ...rest });
    return ticket;
  }

  beat(memberId: string, generation: number, instanceId: string | null = null): number {
    const ticket = ++this.#ticket;
    this.send({ kind: "heartbeat", ticket, memberId, generation, instanceId });
    return this.error(ticket)!;
  }

  leave(...members: [memberId: string, instanceId?: string][]): (number | undefined)[] {
    const ticket = ++this.#ticket;
    const parts = members.map(([memberId, instanceId]) => ({
      memberId,
      instanceId: instanceId ?? null,
    }));
    this.send({ kind: "leave", ticket, members: parts });
    const reply = this.answers.get(ticket)!;
    if (reply.api !== "leave") throw new Error(`a leave was answered as a ${reply.api}`);
    return reply.body.members!.map(({ errorCode }) => errorCode);
  }

  /** A group of `count` dynamic members, stable, each with its number as assignment. */
  stable(count: number): string[] {
    const tickets = Array.from({ length: count }, () => this.join());
    this.pass(2 * DELAY_MS);
    const ids = tickets.map((ticket) => this.joined(ticket).memberId!);
    const { generation } = this.group;
    for (const id of ids.slice(1)) this.sync(id, generation);
    this.sync(ids[0], generation, Object.fromEntries(ids.map((id, i) => [id, String(i)])));
    assertEquals(this.group.state, "Stable");
    return ids;
  }

  joined(ticket: number) {
    const reply = this.answers.get(ticket);
    if (reply?.api !== "join") throw new Error(`join ${ticket} has no answer`);
    return reply.body;
  }

  assignment(ticket: number): string | null {
    const reply = this.answers.get(ticket);
    if (reply?.api !== "sync") throw new Error(`sync ${ticket} has no answer`);
    return reply.body.assignment ? new TextDecoder().decode(reply.body.assignment) : null;
  }

  error(ticket: number): number | undefined {
    const reply = this.answers.get(ticket);
    if (reply === undefined) throw new Error(`request ${ticket} has no answer`);
    return reply.body.errorCode ?? 0;
  }

  /** The group as a restarted broker would find it. */
  replayed(): ClassicGroup {
    const group = newClassicGroup("g", 0);
    apply(group, this.stored.at(-1)!);
    return group;
  }

  #take(fact: ClassicFact): void {
    if (fact.kind === "stored") this.stored.push(fact);
    apply(this.group, fact);
  }
}

Deno.test("members that join within the initial delay share the first generation", () => {
  const table = new Table();
  const first = table.join();
  table.pass(1000);
  const second = table.join();
  assertEquals(table.answers.size, 0);
  table.pass(2 * DELAY_MS);
  const leader = table.joined(first), follower = table.joined(second);
  assertEquals([leader.generationId, follower.generationId], [1, 1]);
  assertEquals(leader.members!.map(({ memberId }) => memberId), ["c-1", "c-2"]);
  assertEquals([follower.members!.length, follower.leader], [0, "c-1"]);
  assertEquals(leader.protocolName, "range");
});

Deno.test("the initial delay is extended while members keep coming, up to their rebalance timeout", () => {
  const table = new Table();
  const first = table.join({ rebalanceTimeoutMs: 8000 });
  for (let i = 0; i < 7; i++) {
    table.pass(1000);
    assert(!table.answers.has(first), `answered after ${i + 1} s`);
    table.join({ rebalanceTimeoutMs: 8000 });
  }
  table.pass(1000);
  assertEquals(table.joined(first).members!.length, 8);
});

Deno.test("without an initial delay the first member is answered at once", () => {
  const table = new Table();
  table.delayMs = 0;
  assertEquals(table.joined(table.join()).generationId, 1);
});

Deno.test("a dynamic member is given an id first, and the group waits for it to come back", () => {
  const table = new Table();
  const [existing] = table.stable(1);
  const asked = table.join({ mustKnowMemberId: true });
  assertEquals(table.error(asked), ErrorCode.MEMBER_ID_REQUIRED);
  const memberId = table.joined(asked).memberId!;
  const again = table.join({ memberId });
  assertEquals(table.group.state, "PreparingRebalance");
  table.join({ memberId: existing });
  assertEquals(table.joined(again).generationId, 2);
});

Deno.test("an id that was handed out lapses with the session timeout", () => {
  const table = new Table();
  const memberId = table.joined(table.join({ mustKnowMemberId: true })).memberId!;
  table.pass(10_001);
  assertEquals(table.group.pendingMembers.size, 0);
  assertEquals(table.error(table.join({ memberId })), ErrorCode.UNKNOWN_MEMBER_ID);
});

Deno.test("the leader's assignment reaches everyone, and those who ask late", () => {
  const table = new Table();
  const tickets = [table.join(), table.join(), table.join()];
  table.pass(2 * DELAY_MS);
  const [a, b, c] = tickets.map((ticket) => table.joined(ticket).memberId!);
  const waiting = table.sync(b, 1);
  assert(!table.answers.has(waiting));
  const leading = table.sync(a, 1, { [a]: "0", [b]: "1" });
  assertEquals([table.assignment(leading), table.assignment(waiting)], ["0", "1"]);
  assertEquals(table.assignment(table.sync(c, 1)), "", "the leader forgot it");
  assertEquals(table.group.state, "Stable");
});

Deno.test("a new member makes a stable group rebalance, and beats tell the others to join", () => {
  const table = new Table();
  const [a, b] = table.stable(2);
  assertEquals(table.beat(a, 1), ErrorCode.NONE);
  const ticket = table.join();
  assertEquals(table.beat(a, 1), ErrorCode.REBALANCE_IN_PROGRESS);
  table.join({ memberId: a });
  const last = table.join({ memberId: b });
  assertEquals([table.joined(ticket).generationId, table.joined(last).generationId], [2, 2]);
  assertEquals(table.beat(a, 1), ErrorCode.ILLEGAL_GENERATION);
});

Deno.test("a member that does not join in time is dropped, and the rest go on", () => {
  const table = new Table();
  const [a, b] = table.stable(2);
  const ticket = table.join({ memberId: a, protocols: [protocol("range", "t", "u")] });
  for (let passed = 0; passed < 60; passed += 5) {
    if (!table.answers.has(ticket)) table.beat(b, 1);
    table.pass(5000);
  }
  assertEquals(table.joined(ticket).members!.length, 1);
  assertEquals(table.beat(b, 2), ErrorCode.UNKNOWN_MEMBER_ID);
});

Deno.test("a silent member is dropped after its session timeout", () => {
  const table = new Table();
  const [a, b] = table.stable(2);
  table.pass(6000);
  table.beat(a, 1);
  table.pass(4001);
  assertEquals(table.group.state, "PreparingRebalance");
  assertEquals([table.group.members.has(a), table.group.members.has(b)], [true, false]);
});

Deno.test("members that never ask for their assignment are dropped", () => {
  const table = new Table();
  const tickets = [table.join(), table.join()];
  table.pass(2 * DELAY_MS);
  const [a, b] = tickets.map((ticket) => table.joined(ticket).memberId!);
  table.sync(a, 1, { [a]: "0", [b]: "1" });
  for (let passed = 0; passed < 60; passed += 5) {
    table.pass(5000);
    table.beat(a, 1);
    table.beat(b, 1);
  }
  assertEquals([...table.group.members.keys()], [a]);
});

Deno.test("the last member's leave stores an empty group of the next generation", () => {
  const table = new Table();
  const [a] = table.stable(1);
  assertEquals(table.leave([a]), [0]);
  assertEquals([table.group.state, table.group.generation, table.group.protocol], [
    "Empty",
    2,
    null,
  ]);
  assertEquals(table.stored.at(-1)!.members.length, 0);
  assertEquals(nextDeadline(table.group), null);
});

Deno.test("several members leave at once, each with its own answer", () => {
  const table = new Table();
  const [a, b, c] = table.stable(3);
  assertEquals(table.leave([a], ["nobody"], [b], [b]), [0, 25, 0, 25]);
  assertEquals([...table.group.members.keys()], [c]);
  assertEquals(table.group.leaderId, c);
});

Deno.test("who leaves while it waits for an answer gets one", () => {
  const table = new Table();
  const ticket = table.join();
  table.leave(["c-1"]);
  assertEquals(table.error(ticket), ErrorCode.UNKNOWN_MEMBER_ID);
});

Deno.test("a static member takes its place back without a rebalance, and its old id is fenced", () => {
  const table = new Table();
  table.join({ instanceId: "i" });
  table.join();
  table.pass(2 * DELAY_MS);
  table.sync("i-1", 1, { "i-1": "0", "c-2": "1" });
  const back = table.joined(table.join({ instanceId: "i" }));
  assertEquals([back.errorCode ?? 0, back.generationId, back.skipAssignment], [0, 1, true]);
  assertEquals([back.leader, back.members!.length], [back.memberId, 2]);
  assertEquals(table.group.state, "Stable");
  assertEquals(table.beat("i-1", 1, "i"), ErrorCode.FENCED_INSTANCE_ID);
  assertEquals(table.beat("i-1", 1), ErrorCode.UNKNOWN_MEMBER_ID);
  assertEquals(table.assignment(table.sync(back.memberId!, 1)), "0");
  assertEquals(table.error(table.join({ memberId: "i-1", instanceId: "i" })), 82);
});

Deno.test("before version 9 a returning static leader is told that its old id leads", () => {
  const table = new Table();
  table.join({ instanceId: "i" });
  table.pass(2 * DELAY_MS);
  table.sync("i-1", 1, { "i-1": "0" });
  const back = table.joined(table.join({ instanceId: "i", maySkipAssignment: false }));
  assertEquals([back.leader, back.skipAssignment, back.members], ["i-1", false, []]);
});

Deno.test("a static member that waits to join is fenced when another takes its place", () => {
  const table = new Table();
  const first = table.join({ instanceId: "i" });
  const second = table.join({ instanceId: "i" });
  assertEquals(table.error(first), ErrorCode.FENCED_INSTANCE_ID);
  table.pass(2 * DELAY_MS);
  assertEquals(table.joined(second).generationId, 1);
});

Deno.test("static members keep their place through a rebalance that they miss", () => {
  const table = new Table();
  table.join({ instanceId: "i", sessionTimeoutMs: 300_000 });
  const dynamic = table.join();
  table.pass(2 * DELAY_MS);
  const id = table.joined(dynamic).memberId!;
  table.sync("i-1", 1, {});
  table.join();
  const again = table.join({ memberId: id });
  table.pass(60_000);
  assertEquals(table.joined(again).generationId, 2);
  assert(table.group.members.has("i-1"));
  assertEquals(table.group.leaderId, id, "a member that joined leads");
});

Deno.test("an administrator removes a static member by its instance id alone", () => {
  const table = new Table();
  table.join({ instanceId: "i" });
  table.pass(2 * DELAY_MS);
  assertEquals(table.leave(["", "i"], ["", "j"], ["x", "i"]), [0, 25, 25]);
  assertEquals(table.group.members.size, 0);
});

Deno.test("the protocol is the one most members prefer among those that all know", () => {
  const table = new Table();
  const p = (...names: string[]) => ({ protocols: names.map((name) => protocol(name, "t")) });
  const ticket = table.join(p("x", "range", "sticky"));
  table.join(p("sticky", "range"));
  table.join(p("sticky", "range"));
  table.pass(3 * DELAY_MS);
  assertEquals(table.joined(ticket).protocolName, "sticky");
});

Deno.test("a member without a protocol in common is refused", () => {
  const table = new Table();
  table.stable(1);
  assertEquals(table.error(table.join({ protocols: [protocol("other", "t")] })), 23);
  assertEquals(table.error(table.join({ protocolType: "connect" })), 23);
  assertEquals(table.error(table.join({ protocols: [] })), 23);
  assertEquals(table.group.state, "Stable");
});

Deno.test("a full group refuses one more", () => {
  const table = new Table();
  table.maxSize = 2;
  table.stable(2);
  assertEquals(table.error(table.join()), ErrorCode.GROUP_MAX_SIZE_REACHED);
  assertEquals(table.group.state, "Stable");
});

Deno.test("a follower that repeats its join hears the current generation, a leader's causes a rebalance", () => {
  const table = new Table();
  const [a, b] = table.stable(2);
  assertEquals(table.joined(table.join({ memberId: b })).generationId, 1);
  assertEquals(table.group.state, "Stable");
  table.join({ memberId: a });
  assertEquals(table.group.state, "PreparingRebalance");
});

Deno.test("members that wait for an assignment are told to join again when a rebalance begins", () => {
  const table = new Table();
  const tickets = [table.join(), table.join()];
  table.pass(2 * DELAY_MS);
  const [, b] = tickets.map((ticket) => table.joined(ticket).memberId!);
  const waiting = table.sync(b, 1);
  table.join();
  assertEquals(table.error(waiting), ErrorCode.REBALANCE_IN_PROGRESS);
});

Deno.test("a sync with another protocol type is refused", () => {
  const table = new Table();
  const [a] = table.stable(1);
  const rest = { instanceId: null, protocol: null, assignments: new Map() };
  table.send({
    kind: "sync",
    ticket: 99,
    memberId: a,
    generation: 1,
    protocolType: "connect",
    ...rest,
  });
  assertEquals(table.error(99), ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
});

Deno.test("a replay gives the generation, and its members go on beating", () => {
  const table = new Table();
  const [a, b] = table.stable(2);
  table.group = table.replayed();
  table.send({ kind: "loaded" });
  assertEquals([table.group.state, table.group.generation], ["Stable", 1]);
  assertEquals([table.beat(a, 1), table.beat(b, 1)], [0, 0]);
  assertEquals(table.assignment(table.sync(b, 1)), "1");
  table.pass(10_001);
  assertEquals(table.group.state, "Empty", "sessions began with the replay, and ended");
});

Deno.test("a topic counts as subscribed only when a member's chosen subscription names it", () => {
  const table = new Table();
  table.stable(1);
  assertEquals([isSubscribed(table.group, "t"), isSubscribed(table.group, "u")], [true, false]);
});

function protocol(name: string, ...topics: string[]) {
  return { name, metadata: encodeVersioned(ConsumerProtocolSubscription, 1, { topics }) };
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
