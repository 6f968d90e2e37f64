/** Proves who may commit, what may be deleted and what expires, case by case as Kafka 4.3.1 answers. */
import { assertEquals } from "@std/assert";
import { ZERO_UUID } from "../../bytes/uuid.ts";
import { encodeVersioned } from "../../protocol/log_record.ts";
import { ConsumerProtocolSubscription } from "../../protocol/messages/consumer_protocol.ts";
import type { ClassicGroup } from "../classic/classic_group.ts";
import { applyLogFact, type Group, type LogFact, newGroup } from "../group.ts";
import {
  commitError,
  decideCommit,
  decideExpiry,
  decideGroupDelete,
  decideOffsetDelete,
  offsetDeleteError,
  topicOffsets,
} from "./offset_machine.ts";
import type { OpenOffsets } from "./pending_offsets.ts";

const DAY_MS = 86_400_000;
const nobody = { generation: -1, memberId: "", instanceId: null, retentionTimeMs: -1, offsets: [] };

Deno.test("a group that does not exist takes commits without a generation only", () => {
  assertEquals(commitError(undefined, nobody, true), 0);
  assertEquals(commitError(undefined, { ...nobody, generation: 3 }, false), 22);
  assertEquals(commitError(undefined, { ...nobody, generation: 3 }, true), 69);
});

Deno.test("a group without members takes commits of those who do not claim to be one", () => {
  const group = newGroup("g", 0);
  assertEquals(commitError(group, nobody, true), 0);
  assertEquals(commitError(group, { ...nobody, memberId: "m" }, true), 0);
  assertEquals(commitError(group, { ...nobody, generation: 0, memberId: "m" }, true), 25);
});

Deno.test("a group with members takes commits of its members and generation", () => {
  const group = stable("consumer", "t");
  assertEquals(commitError(group, nobody, true), 25);
  assertEquals(commitError(group, { ...nobody, generation: 2, memberId: "x" }, true), 25);
  assertEquals(commitError(group, { ...nobody, generation: 1, memberId: "m" }, true), 22);
  assertEquals(commitError(group, { ...nobody, generation: 2, memberId: "m" }, true), 0);
  assertEquals(
    commitError(group, { ...nobody, generation: 2, memberId: "n", instanceId: "i" }, true),
    82,
  );
  (group.members as ClassicGroup).state = "PreparingRebalance";
  assertEquals(commitError(group, { ...nobody, generation: 2, memberId: "m" }, true), 0);
  (group.members as ClassicGroup).state = "CompletingRebalance";
  assertEquals(commitError(group, { ...nobody, generation: 2, memberId: "m" }, true), 27);
});

Deno.test("a transaction's commit into a classic group may come while a rebalance completes, or from nobody", () => {
  const event = { ...nobody, isTransactional: true };
  assertEquals(commitError(undefined, event, false), 0);
  assertEquals(commitError(undefined, { ...event, memberId: "m" }, true), 0);
  assertEquals(commitError(undefined, { ...event, generation: 3 }, false), 22);
  assertEquals(commitError(undefined, { ...event, generation: 3 }, true), 69);
  assertEquals(commitError(newGroup("g", 0), { ...event, memberId: "anybody" }, true), 0);
  const group = stable("consumer", "t");
  for (const state of ["Stable", "CompletingRebalance"] as const) {
    (group.members as ClassicGroup).state = state;
    assertEquals(commitError(group, event, true), 0);
    assertEquals(commitError(group, { ...event, generation: 2, memberId: "m" }, true), 0);
    assertEquals(commitError(group, { ...event, generation: 1, memberId: "m" }, true), 22);
    assertEquals(commitError(group, { ...event, memberId: "m" }, true), 22);
    assertEquals(commitError(group, { ...event, generation: 2, memberId: "x" }, true), 25);
    assertEquals(commitError(group, { ...event, generation: 2 }, true), 25);
  }
});

Deno.test("metadata that is too long is refused by itself", () => {
  const one = { topic: "t", topicId: ZERO_UUID, partition: 0, offset: 1n, leaderEpoch: -1 };
  const offsets = [{ ...one, metadata: "é".repeat(4096) }, { ...one, metadata: "x".repeat(4097) }];
  const { facts, errorCodes } = decideCommit({ ...nobody, offsets }, {
    wallMs: 0,
    maxMetadataLength: 4096,
  });
  assertEquals([errorCodes, facts.length], [[0, 12], 1]);
});

Deno.test("offsets that members are subscribed to stay, others go", () => {
  const group = stable("consumer", "t");
  commit(group, "t", 0);
  commit(group, "u", 0);
  assertEquals(offsetDeleteError(group), 0);
  const { facts, errorCodes } = decideOffsetDelete(group, [
    { topic: "t", partition: 0 },
    { topic: "u", partition: 0 },
    { topic: "u", partition: 1 },
  ]);
  assertEquals([errorCodes, facts.length], [[86, 0, 0], 1]);
});

Deno.test("what an open transaction commits is deleted with the rest: by offset, by topic, by group", () => {
  const group = newGroup("g", 0), open = openFor("g", ["t", 1], ["u", 0], ["t", 1]);
  commit(group, "t", 0);
  commit(group, "u", 0);
  const places = [0, 1, 2].map((partition) => ({ topic: "t", partition }));
  assertEquals(decideOffsetDelete(group, places, open).facts.map(show), ["t0", "t1"]);
  assertEquals(topicOffsets(group, new Set(["t"]), open).map(show), ["t0", "t1"]);
  assertEquals(topicOffsets(group, new Set(["u"]), open).map(show), ["u0"]);
  assertEquals(decideGroupDelete(group, open).facts.map(show), ["t0", "u0", "t1", "groupGone"]);
});

Deno.test("nothing expires that an open transaction may change, nor a group that one commits for", () => {
  const group = newGroup("g", 0), rules = { wallMs: 1e15, retentionMs: DAY_MS };
  commit(group, "t", 0);
  commit(group, "t", 1);
  const facts = (open?: OpenOffsets) => decideExpiry(group, { ...rules, open }).map(show);
  assertEquals(facts(), ["t0", "t1", "groupGone"]);
  assertEquals(facts(openFor("g", ["t", 1])), ["t0"]);
  assertEquals(facts(openFor("g", ["u", 0])), ["t0", "t1"]);
  assertEquals(facts(openFor("other", ["t", 1])), ["t0", "t1", "groupGone"]);
});

Deno.test("a group with members is not deleted, nor are offsets of one that is not of consumers", () => {
  assertEquals(decideGroupDelete(stable("consumer", "t")).errorCode, 68);
  assertEquals(offsetDeleteError(stable("connect", "t")), 68);
});

Deno.test("a group is deleted with all its offsets", () => {
  const group = newGroup("g", 0);
  commit(group, "t", 0);
  commit(group, "t", 1);
  assertEquals(decideGroupDelete(group).facts.map(({ kind }) => kind), [
    "offsetGone",
    "offsetGone",
    "groupGone",
  ]);
});

Deno.test("offsets without members expire by their commit, and the group with them", () => {
  const group = newGroup("g", 0);
  commit(group, "t", 0, 1000);
  commit(group, "t", 1, 5000);
  assertEquals(expired(group, DAY_MS + 999), []);
  assertEquals(expired(group, DAY_MS + 1000), ["t 0"]);
  assertEquals(expired(group, DAY_MS + 5000), ["t 0", "t 1", "group"]);
});

Deno.test("offsets of a group that members left expire by when it became empty", () => {
  const group = stable("consumer", "t");
  commit(group, "t", 0, 1000);
  const rest = {
    protocolType: "consumer",
    generation: 3,
    protocol: null,
    leaderId: null,
    members: [],
  };
  applyLogFact(group, { kind: "stored", stateSinceMs: DAY_MS, ...rest });
  assertEquals(expired(group, DAY_MS + 1000), []);
  assertEquals(expired(group, 2 * DAY_MS), ["t 0", "group"]);
});

Deno.test("while members are there only what nobody is subscribed to expires", () => {
  const group = stable("consumer", "t");
  commit(group, "t", 0, 0);
  commit(group, "u", 0, 0);
  assertEquals(expired(group, 9 * DAY_MS), ["u 0"]);
  (group.members as ClassicGroup).state = "PreparingRebalance";
  assertEquals(expired(group, 9 * DAY_MS), []);
});

Deno.test("an offset with its own time to expire goes by that", () => {
  const group = newGroup("g", 0);
  commit(group, "t", 0, 0, 500);
  assertEquals([expired(group, 499), expired(group, 500)], [[], ["t 0", "group"]]);
});

/** One that nobody knows yet: more fields behind those of version 3. */
const NEWER = (() => {
  const known = encodeVersioned(ConsumerProtocolSubscription, 3, { topics: ["t"] });
  const newer = new Uint8Array([...known, 1, 2, 3]);
  newer[1] = 9;
  return newer;
})();

Deno.test("a subscription of a newer version is read as far as it is known", () => {
  const group = stable("consumer", NEWER);
  commit(group, "t", 0);
  commit(group, "u", 0);
  assertEquals(expired(group, 9 * DAY_MS), ["u 0"]);
  const both = [{ topic: "t", partition: 0 }, { topic: "u", partition: 0 }];
  assertEquals(decideOffsetDelete(group, both).errorCodes, [86, 0]);
});

Deno.test("one member whose subscription is none makes every topic count as subscribed to", () => {
  const text = new TextEncoder().encode("hello"), valid = subscriptionTo("t");
  const cut = valid.slice(0, -1), tooMany = new Uint8Array([0, 0, 0x7f, 0xff, 0xff, 0xff]);
  for (const bytes of [new Uint8Array(0), text, cut, new Uint8Array([0]), tooMany]) {
    const group = stable("consumer", bytes, valid);
    commit(group, "t", 0);
    commit(group, "u", 0);
    assertEquals(offsetDeleteError(group), 0);
    const both = [{ topic: "t", partition: 0 }, { topic: "u", partition: 0 }];
    const { facts, errorCodes } = decideOffsetDelete(group, both);
    assertEquals([errorCodes, facts], [[86, 86], []], `${bytes}`);
    assertEquals(expired(group, 9 * DAY_MS), [], `${bytes}`);
  }
});

function subscriptionTo(topic: string): Uint8Array {
  return encodeVersioned(ConsumerProtocolSubscription, 0, { topics: [topic] });
}

/** A group with a member for each topic or subscription. */
function stable(protocolType: string, ...of: (string | Uint8Array)[]): Group {
  const group = newGroup("g", 0);
  const members = of.map((one, i) => ({
    id: i === 0 ? "m" : `m${i}`,
    instanceId: i === 0 ? "i" : null,
    clientId: "c",
    clientHost: "h",
    rebalanceTimeoutMs: 1,
    sessionTimeoutMs: 1,
    subscription: typeof one === "string" ? subscriptionTo(one) : one,
    assignment: new Uint8Array(),
  }));
  const rest = { protocolType, protocol: "range", leaderId: "m", stateSinceMs: 0 };
  applyLogFact(group, { kind: "stored", generation: 2, members, ...rest });
  return group;
}

function commit(group: Group, topic: string, partition: number, atMs = 0, expireTimestampMs = -1) {
  const rest = { leaderEpoch: -1, metadata: "", topicId: ZERO_UUID };
  const committed = { offset: 1n, commitTimestampMs: atMs, expireTimestampMs, ...rest };
  applyLogFact(group, { kind: "committed", topic, partition, committed });
}

function show(fact: LogFact): string {
  return fact.kind === "offsetGone" ? `${fact.topic}${fact.partition}` : fact.kind;
}

/** What open transactions have pending for a group. */
function openFor(groupId: string, ...places: [topic: string, partition: number][]): OpenOffsets {
  const of = places.map(([topic, partition]) => ({ topic, partition }));
  return {
    of: (id) => id === groupId ? of : [],
    has: (id, at) =>
      id === groupId &&
      of.some(({ topic, partition }) => topic === at.topic && partition === at.partition),
  };
}

function expired(group: Group, wallMs: number): string[] {
  const show = (fact: LogFact) =>
    fact.kind === "offsetGone" ? `${fact.topic} ${fact.partition}` : "group";
  return decideExpiry(group, { wallMs, retentionMs: DAY_MS }).map(show);
}
