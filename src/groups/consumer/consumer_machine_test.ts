/**
 * Proves the rules of the consumer protocol that take time or have no counterpart in the transcripts: sessions, time-outs
 * for giving partitions up, sizes, regular expressions, restarts. One group on a table, with a clock moved by hand.
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode } from "../../protocol/errors.ts";
import type { HeartbeatReply } from "./consumer_decision.ts";
import { apply } from "./consumer_facts.ts";
import { ConsumerTable } from "../../testing/consumer_groups.ts";
import { consumerGroupState, isSubscribedTo, newConsumerGroup } from "./consumer_group.ts";
import type { ConsumerHeartbeatEvent } from "./consumer_heartbeat.ts";
import { goneFacts } from "./consumer_leaving.ts";
import { nextDeadline } from "./consumer_machine.ts";
import { consumerCommitCheck, consumerFetchError } from "./consumer_offsets.ts";

const SESSION_MS = 45_000;
const REBALANCE_MS = 10_000;

Deno.test("a member that is silent for its session is out, and its partitions are free", () => {
  const table = tableWith({ t: 2 });
  join(table, "a");
  table.pass(SESSION_MS - 1);
  assert(table.group.members.has("a"));
  const { epoch } = table.group;
  table.pass(1);
  assertEquals(table.group.members.size, 0);
  assertEquals(table.group.epoch, epoch + 1);
  assertEquals(consumerGroupState(table.group), "Empty");
  assertEquals(beat(table, "a", epoch).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  assertEquals(partitions(table, join(table, "b")), { t: [0, 1] });
  table.checkReplay();
});

Deno.test("heartbeats keep a session alive, refused ones do not", () => {
  const table = tableWith({ t: 1 });
  const { memberEpoch } = join(table, "a");
  for (let i = 0; i < 5; i++) {
    table.pass(SESSION_MS - 1);
    assertEquals(beat(table, "a", memberEpoch!).errorCode, undefined);
  }
  table.pass(SESSION_MS - 1);
  assertEquals(beat(table, "a", 99).errorCode, ErrorCode.FENCED_MEMBER_EPOCH);
  table.pass(1);
  assertEquals(table.group.members.size, 0);
});

Deno.test("a member that does not let go in its rebalance timeout is out", () => {
  const table = tableWith({ t: 2 });
  const { memberEpoch } = join(table, "a");
  join(table, "b");
  const asked = beat(table, "a", memberEpoch!, { t: [0, 1] });
  assertEquals(partitions(table, asked), { t: [0] });
  assertEquals(asked.memberEpoch, memberEpoch);
  table.pass(REBALANCE_MS / 2);
  beat(table, "a", memberEpoch!, { t: [0, 1] });
  table.pass(REBALANCE_MS / 2 - 1);
  assert(table.group.members.has("a"), "a heartbeat is no reason to give up early");
  table.pass(1);
  assert(!table.group.members.has("a"), "nor one to wait longer");
  assertEquals(beat(table, "a", memberEpoch!).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
});

Deno.test("a member that lets go in time has no deadline but its session's", () => {
  const table = tableWith({ t: 2 });
  const { memberEpoch } = join(table, "a");
  join(table, "b");
  beat(table, "a", memberEpoch!, { t: [0, 1] });
  beat(table, "a", memberEpoch!, { t: [0] });
  assertEquals(nextDeadline(table.group), table.nowMs + SESSION_MS);
});

Deno.test("a static member that stays away is out when its session ends", () => {
  const table = tableWith({ t: 1 });
  join(table, "a", { instanceId: "i" });
  table.pass(1000);
  send(table, { memberId: "a", memberEpoch: -2, instanceId: "i" });
  table.pass(SESSION_MS - 1001);
  assert(table.group.members.has("a"));
  table.pass(1);
  assertEquals(table.group.members.size, 0);
  assertEquals(table.group.instances.size, 0);
});

Deno.test("a full group takes no new member, and keeps those it has", () => {
  const table = tableWith({ t: 1 });
  table.settings = { ...table.settings, maxSize: 1 };
  const { memberEpoch } = join(table, "a");
  const refused = join(table, "b");
  assertEquals(refused.errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED);
  assertEquals(
    refused.errorMessage,
    "The consumer group has reached its maximum capacity of 1 members.",
  );
  assertEquals(beat(table, "a", memberEpoch!).errorCode, undefined);
  assertEquals(table.group.members.size, 1);
});

Deno.test("group configs set the session and the interval of heartbeats", () => {
  const table = tableWith({ t: 1 });
  table.settings = { ...table.settings, sessionTimeoutMs: 7000, heartbeatIntervalMs: 123 };
  assertEquals(join(table, "a").heartbeatIntervalMs, 123);
  assertEquals(nextDeadline(table.group), 7000);
});

Deno.test("a refused join leaves no trace of a group", () => {
  const table = tableWith({ t: 1 });
  assertEquals(
    join(table, "a", { topicRegex: "[" }).errorCode,
    ErrorCode.INVALID_REGULAR_EXPRESSION,
  );
  assertEquals(table.log, []);
  assertEquals(table.group.epoch, 0);
});

Deno.test("a regular expression subscribes to what it matches as a whole, now and later", () => {
  const table = tableWith({ "orders.eu": 1, "orders.us": 1, "old-orders.eu": 1 });
  const reply = join(table, "a", { topicNames: [], topicRegex: "orders\\..*" });
  assertEquals(partitions(table, reply), { "orders.eu": [0], "orders.us": [0] });
  assert(isSubscribedTo(table.group, "orders.eu"));
  assert(!isSubscribedTo(table.group, "old-orders.eu"));

  table.topics.set("orders.asia", 1);
  assertEquals(beat(table, "a", reply.memberEpoch!).assignment, null, "only now and then");
  table.pass(10_000);
  const later = beat(table, "a", reply.memberEpoch!);
  assertEquals(partitions(table, later), {
    "orders.asia": [0],
    "orders.eu": [0],
    "orders.us": [0],
  });
  table.checkReplay();
});

Deno.test("a regular expression that nobody uses any more is forgotten", () => {
  const table = tableWith({ a: 1, b: 1 });
  const a = join(table, "a", { topicNames: [], topicRegex: "a" });
  join(table, "b", { topicNames: [], topicRegex: "a" });
  send(table, { memberId: "a", memberEpoch: a.memberEpoch!, topicRegex: "b" });
  assertEquals([...table.group.regexes.keys()].sort(), ["a", "b"]);
  send(table, { memberId: "b", memberEpoch: -1 });
  assertEquals([...table.group.regexes.keys()], ["b"]);
  table.checkReplay();
});

Deno.test("names and a regular expression together subscribe to both", () => {
  const table = tableWith({ a: 1, b: 1, c: 1 });
  const reply = join(table, "a", { topicNames: ["c"], topicRegex: "a|b" });
  assertEquals(partitions(table, reply), { a: [0], b: [0], c: [0] });
});

Deno.test("hostile regular expressions cost little time and do no harm", () => {
  const table = tableWith({ ["a".repeat(249)]: 1 });
  for (const pattern of ["(a+)+b", "(a|a)*b", "(.*)*x", "((a{1,30}){1,30}b?)+c"]) {
    const beganMs = performance.now();
    join(table, `m${pattern}`, { topicNames: [], topicRegex: pattern });
    assert(performance.now() - beganMs < 1000, pattern);
  }
  const huge = join(table, "h", { topicNames: [], topicRegex: "(a{0,1000}b?)".repeat(20) });
  assertEquals(huge.errorCode, ErrorCode.INVALID_REGULAR_EXPRESSION);
  const long = join(table, "l", { topicNames: [], topicRegex: "a".repeat(30_000) });
  assertEquals(long.errorCode, ErrorCode.INVALID_REGULAR_EXPRESSION);
  const nested = join(table, "n", { topicNames: [], topicRegex: "(".repeat(20_000) });
  assertEquals(nested.errorCode, ErrorCode.INVALID_REGULAR_EXPRESSION);
});

Deno.test("members go on by heartbeat after a restart, with sessions begun anew", () => {
  const table = tableWith({ t: 4 });
  const a = join(table, "a"), b = join(table, "b");
  beat(table, "a", a.memberEpoch!, { t: [0, 1, 2, 3] });
  table.pass(REBALANCE_MS / 2);
  table.restart();
  const settled = beat(table, "a", a.memberEpoch!, { t: [0, 1] });
  assertEquals(settled.memberEpoch, b.memberEpoch);
  assertEquals(partitions(table, beat(table, "b", b.memberEpoch!)), { t: [2, 3] });
  assertEquals(consumerGroupState(table.group), "Stable");
  table.pass(SESSION_MS);
  assertEquals(table.group.members.size, 0);
});

Deno.test("a restart does not lose the deadline for letting go", () => {
  const table = tableWith({ t: 2 });
  const { memberEpoch } = join(table, "a");
  join(table, "b");
  beat(table, "a", memberEpoch!, { t: [0, 1] });
  table.restart();
  table.pass(REBALANCE_MS);
  assert(!table.group.members.has("a"));
});

Deno.test("the member whose answer got lost is told again", () => {
  const table = tableWith({ t: 2 });
  const a = join(table, "a");
  join(table, "b");
  beat(table, "a", a.memberEpoch!, { t: [0, 1] });
  const lost = beat(table, "a", a.memberEpoch!, { t: [0] });
  assertEquals(lost.memberEpoch, a.memberEpoch! + 1);
  const again = beat(table, "a", a.memberEpoch!, { t: [0] });
  assertEquals(again.errorCode, undefined);
  assertEquals(again.memberEpoch, lost.memberEpoch);
});

Deno.test("a member that says everything of itself is told everything", () => {
  const table = tableWith({ t: 1 });
  const { memberEpoch } = join(table, "a");
  assertEquals(beat(table, "a", memberEpoch!).assignment, null);
  const full = send(table, {
    memberId: "a",
    memberEpoch: memberEpoch!,
    rebalanceTimeoutMs: REBALANCE_MS,
    topicNames: ["t"],
    owned: [],
  });
  assertEquals(partitions(table, full), { t: [0] });
});

Deno.test("most members decide on the assignor", () => {
  const table = tableWith({ t: 3, u: 1 });
  join(table, "a", { topicNames: ["t", "u"], serverAssignor: "uniform" });
  join(table, "b", { topicNames: ["t", "u"], serverAssignor: "range" });
  join(table, "c", { topicNames: ["t", "u"], serverAssignor: "range" });
  const { targets } = table.group, u = table.topics.idOf("u");
  assertEquals([...targets].filter(([, target]) => target.has(u)).map(([id]) => id), ["a"]);
  assertEquals(targets.get("a")!.size, 2, "range gives the first member one of each topic");
});

Deno.test("a clock set back does not hold up target assignments", () => {
  const table = tableWith({ t: 2 });
  table.settings = { ...table.settings, assignmentIntervalMs: 1000 };
  join(table, "a");
  table.wallStepMs = -3_600_000;
  join(table, "b");
  assertEquals(table.group.assignmentEpoch, table.group.epoch);
});

Deno.test("a topic that a member may describe only later is its pattern's when that is matched again, in time", () => {
  const table = tableWith({ "t-1": 1, "t-2": 1 });
  const shown = new Set(["t-1"]), mayDescribe = (topic: string) => shown.has(topic);
  let epoch = join(table, "a", { topicNames: [], topicRegex: "t.*", mayDescribe }).memberEpoch!;
  const found = () => table.group.regexes.get("t.*")!.topics;
  const stay = (forMs: number) => {
    for (let passedMs = 0; passedMs < forMs; passedMs += 20_000) {
      table.pass(20_000);
      const reply = send(table, { memberId: "a", memberEpoch: epoch, mayDescribe });
      assertEquals(reply.errorCode, undefined);
      epoch = reply.memberEpoch!;
    }
  };
  assertEquals(found(), ["t-1"]);
  shown.add("t-2");
  stay(table.settings.regexRefreshIntervalMs - 20_000);
  assertEquals(found(), ["t-1"]);
  stay(20_000);
  assertEquals(found(), ["t-1", "t-2"]);
  shown.delete("t-1");
  stay(table.settings.regexRefreshIntervalMs);
  assertEquals(found(), ["t-2"]);
});

Deno.test("the first assignment of a group that subscribed to nothing before does not wait for the interval", () => {
  const table = tableWith({ t: 1 });
  table.settings = { ...table.settings, assignmentIntervalMs: 1000 };
  const { memberEpoch } = join(table, "a", { topicNames: [] });
  assertEquals([memberEpoch, table.group.epoch, table.group.assignmentEpoch], [1, 1, 1]);
  const subscribed = send(table, { memberId: "a", memberEpoch: 1, topicNames: ["t"], owned: [] });
  assertEquals([subscribed.memberEpoch, partitions(table, subscribed)], [2, { t: [0] }]);
  join(table, "b");
  assertEquals([table.group.epoch, table.group.assignmentEpoch], [3, 2], "the second one does");
  table.checkReplay();
});

Deno.test("another assignor that most members prefer makes a new epoch; of two the uniform one is preferred", () => {
  const table = tableWith({ t: 3 });
  const { memberEpoch } = join(table, "a");
  join(table, "b");
  beat(table, "a", memberEpoch!, { t: [0, 1] });
  const { epoch } = table.group;
  const prefer = (memberId: string, serverAssignor: string) =>
    send(table, {
      memberId,
      memberEpoch: table.group.members.get(memberId)!.epoch,
      serverAssignor,
    });
  prefer("a", "uniform");
  assertEquals(table.group.epoch, epoch, "it is the default");
  prefer("b", "range");
  assertEquals(table.group.epoch, epoch, "it is as many as before");
  prefer("a", "range");
  assertEquals(table.group.epoch, epoch + 1);
  table.checkReplay();
});

Deno.test("a steady heartbeat is one fact in memory and none in the log", () => {
  const table = tableWith({ t: 1 });
  const { memberEpoch } = join(table, "a");
  const { length } = table.log;
  for (let i = 0; i < 10; i++) beat(table, "a", memberEpoch!, { t: [0] });
  assertEquals(table.log.length, length);
});

Deno.test("a deleted group leaves nothing in the log", () => {
  const table = tableWith({ t: 2 });
  join(table, "a", { topicNames: [], topicRegex: "t" });
  for (const fact of goneFacts(table.group)) apply(table.group, fact);
  assertEquals(table.group, newConsumerGroup("GROUP"));
});

Deno.test("commits are taken from members of the epoch, and late ones for what they had before", () => {
  const table = tableWith({ t: 2 }), t = table.topics.idOf("t");
  const claim = {
    memberId: "a",
    instanceId: null,
    memberEpoch: -1,
    knowsEpochs: true,
    isTransactional: false,
  };
  assertEquals(consumerCommitCheck(table.group, claim), ErrorCode.NONE, "nobody is there");
  const { memberEpoch } = join(table, "a");
  assertEquals(check(table, -1), ErrorCode.STALE_MEMBER_EPOCH);
  assertEquals(
    consumerCommitCheck(table.group, { ...claim, memberId: "x" }),
    ErrorCode.UNKNOWN_MEMBER_ID,
  );
  assertEquals(check(table, memberEpoch!), ErrorCode.NONE);
  assertEquals(check(table, memberEpoch! + 1), ErrorCode.STALE_MEMBER_EPOCH);
  assertEquals(
    consumerCommitCheck(table.group, { ...claim, memberEpoch: memberEpoch!, knowsEpochs: false }),
    ErrorCode.UNSUPPORTED_VERSION,
  );
  join(table, "b");
  beat(table, "a", memberEpoch!, { t: [0, 1] });
  beat(table, "a", memberEpoch!, { t: [0] });
  const late = consumerCommitCheck(table.group, { ...claim, memberEpoch: memberEpoch! });
  if (typeof late === "number") throw new Error("a late commit is a matter of the partition");
  assertEquals(late(t, 0), ErrorCode.NONE);
  assertEquals(late(t, 1), ErrorCode.STALE_MEMBER_EPOCH);
  assertEquals(consumerFetchError(table.group, "a", memberEpoch!), ErrorCode.STALE_MEMBER_EPOCH);
  assertEquals(consumerFetchError(table.group, "a", memberEpoch! + 1), ErrorCode.NONE);
  assertEquals(consumerFetchError(table.group, null, -1), ErrorCode.NONE);
  assertEquals(consumerFetchError(table.group, "", -1), ErrorCode.UNKNOWN_MEMBER_ID);
  assertEquals(consumerFetchError(table.group, "x", 1), ErrorCode.UNKNOWN_MEMBER_ID);
});

Deno.test("a transaction's commit may come from nobody, and an old client hears 22 for a stale epoch", () => {
  const table = tableWith({ t: 1 }), t = table.topics.idOf("t");
  const memberEpoch = join(table, "a").memberEpoch!;
  const claim = {
    memberId: "a",
    instanceId: null as string | null,
    memberEpoch,
    knowsEpochs: false,
    isTransactional: true,
  };
  const answer = (own: Partial<typeof claim>) => {
    const result = consumerCommitCheck(table.group, { ...claim, ...own });
    return typeof result === "number" ? result : result(t, 9);
  };
  assertEquals([answer({}), answer({ memberId: "", memberEpoch: -1 })], [0, 0]);
  const claimed = { memberId: "", memberEpoch: -1, instanceId: "i" };
  assertEquals(answer(claimed), ErrorCode.UNKNOWN_MEMBER_ID, "it says it is somebody");
  assertEquals(answer({ memberId: "x" }), ErrorCode.UNKNOWN_MEMBER_ID);
  for (const stale of [-1, memberEpoch - 1, memberEpoch + 1]) {
    assertEquals(answer({ memberEpoch: stale }), ErrorCode.ILLEGAL_GENERATION);
    assertEquals(
      answer({ memberEpoch: stale, knowsEpochs: true }),
      ErrorCode.STALE_MEMBER_EPOCH,
    );
  }
});

function check(table: ConsumerTable, memberEpoch: number): number {
  const rest = { instanceId: null, knowsEpochs: true, isTransactional: false };
  const claim = { memberId: "a", memberEpoch, ...rest };
  const result = consumerCommitCheck(table.group, claim);
  return typeof result === "number" ? result : result(table.topics.idOf("t"), 1);
}

function tableWith(topics: Record<string, number>): ConsumerTable {
  const table = new ConsumerTable();
  for (const [name, count] of Object.entries(topics)) table.topics.set(name, count);
  return table;
}

type Options = Partial<ConsumerHeartbeatEvent> & { memberId: string; memberEpoch: number };

function send(table: ConsumerTable, options: Options): HeartbeatReply {
  return table.send({
    kind: "consumerHeartbeat",
    instanceId: null,
    clientId: "c",
    clientHost: "/127.0.0.1",
    rackId: null,
    rebalanceTimeoutMs: -1,
    topicNames: null,
    topicRegex: null,
    serverAssignor: null,
    owned: null,
    ...options,
  })!;
}

function join(
  table: ConsumerTable,
  memberId: string,
  options: Partial<ConsumerHeartbeatEvent> = {},
): HeartbeatReply {
  return send(table, {
    memberId,
    memberEpoch: 0,
    rebalanceTimeoutMs: REBALANCE_MS,
    topicNames: ["t"],
    owned: [],
    ...options,
  });
}

function beat(
  table: ConsumerTable,
  memberId: string,
  memberEpoch: number,
  owned?: Record<string, number[]>,
): HeartbeatReply {
  return send(table, {
    memberId,
    memberEpoch,
    owned: owned
      ? Object.entries(owned).map(([topic, partitions]) => ({
        topicId: table.topics.idOf(topic),
        partitions,
      }))
      : null,
  });
}

function partitions(table: ConsumerTable, reply: HeartbeatReply): Record<string, number[]> | null {
  return reply.assignment ? table.named(reply.assignment.topicPartitions) : null;
}
