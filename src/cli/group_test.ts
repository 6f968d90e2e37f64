/** Proves what is found in two looks at a group, and what is printed of them, on groups made up here. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import type { GroupDescription, GroupMember } from "../client/groups.ts";
import { ConfigError } from "../config/load.ts";
import { parsed, report } from "./group.ts";
import { findings, type GroupLook, type PartitionLook } from "./group_findings.ts";

function member(id: string, some: Partial<GroupMember> = {}): GroupMember {
  return {
    id,
    instanceId: null,
    clientId: "app",
    host: "/127.0.0.1",
    topics: ["t"],
    partitions: [{ topic: "t", partition: 0 }],
    target: null,
    epoch: null,
    awaited: null,
    silentMs: 1000,
    sessionTimeoutMs: 45_000,
    ...some,
  };
}

function look(
  group: Partial<GroupDescription> = {},
  ...partitions: Partial<PartitionLook>[]
): GroupLook {
  return {
    group: {
      groupId: "g",
      type: "classic",
      state: "Stable",
      assignor: "range",
      epoch: null,
      rebalancingMs: null,
      pendingMembers: 0,
      members: [member("m")],
      ...group,
    },
    partitions: partitions.map((one, partition) => ({
      topic: "t",
      partition,
      committed: 5,
      start: 0,
      end: 9,
      ownerId: "m",
      ...one,
    })),
  };
}

const found = (now: GroupLook, before = now) => findings(before, now, 6000);

Deno.test("a group that gets on has no findings, be it behind", () => {
  assertEquals(found(look({}, { committed: 6 }), look({}, { committed: 5 })), []);
  assertEquals(found(look({}, { committed: 9 })), []);
});

Deno.test("lag without progress is told, with where it stands", () => {
  assertEquals(found(look({}, {})), [
    "t-0 makes no progress: still at 5, 4 behind, over 6.0 s.",
  ]);
  assertEquals(found(look({}, { committed: null })), [
    "t-0 makes no progress: nothing is committed, 9 behind, over 6.0 s.",
  ]);
});

Deno.test("who has not joined is named, with how long the rebalance has been going on", () => {
  const members = [member("here"), member("away", { awaited: "join", instanceId: "i" })];
  const lines = found(look({ state: "PreparingRebalance", rebalancingMs: 12_000, members }));
  assertEquals(lines, [
    "A rebalance has been going on for 12 s.",
    "Has not joined the rebalance: away (instance i), client app at /127.0.0.1.",
  ]);
});

Deno.test("who joined and does not ask for an assignment is named", () => {
  const members = [member("m", { awaited: "sync" })];
  const [, line] = found(look({ state: "CompletingRebalance", rebalancingMs: 1, members }));
  assertStringIncludes(line, "not asked for its assignment: m");
});

Deno.test("silence counts from half the session timeout", () => {
  const silent = (silentMs: number) => look({ members: [member("m", { silentMs })] });
  assertEquals(found(silent(22_000)), []);
  assertEquals(found(silent(23_000)), [
    "Has stopped beating: m, client app at /127.0.0.1; silent for 23 s, dropped after 45 s.",
  ]);
});

Deno.test("partitions without an owner are told of a settled group with members only", () => {
  const orphan = { ownerId: null, committed: 9 };
  assertEquals(found(look({}, orphan)), ["t-0 has no owner."]);
  assert(!found(look({ state: "PreparingRebalance" }, orphan)).join().includes("owner"));
  assertEquals(found(look({ state: "Empty", members: [] }, orphan)), [
    "The group has no members: nobody reads for it.",
  ]);
});

Deno.test("a partition that is gone is told, not counted as lag", () => {
  assertEquals(found(look({}, { start: null, end: null, ownerId: null })), [
    "t-0 has a committed offset but does not exist.",
  ]);
});

Deno.test("members of the consumer protocol that lag behind their group are told", () => {
  const members = [member("m", { epoch: 3, target: [] })];
  const lines = found(look({ type: "consumer", state: "Reconciling", epoch: 4, members }));
  assertEquals(lines.slice(1), [
    "Is at epoch 3, behind the group's 4: m, client app at /127.0.0.1.",
    "Has yet to give up t-0: m, client app at /127.0.0.1.",
  ]);
});

Deno.test("the report has the group, its members, its partitions and what is wrong", () => {
  assertEquals(report(look({}, {}), look({}, {}), 6000), [
    "Group g: Stable (classic, range), 1 members",
    "",
    "Members",
    "  m, client app at /127.0.0.1: t-0",
    "",
    "Partitions",
    "  PARTITION  COMMITTED  END  LAG  OWNER",
    "  t-0        5          9    4    m",
    "",
    "What is wrong",
    "  t-0 makes no progress: still at 5, 4 behind, over 6.0 s.",
  ]);
});

Deno.test("arguments: a command, a group to describe, an address and a wait", () => {
  assertEquals(parsed(["describe", "7", "--bootstrap=h:1", "--wait=0.5"]), {
    command: "describe",
    groupId: "7",
    bootstrap: "h:1",
    waitMs: 500,
  });
  assertEquals(parsed(["list"]).bootstrap, "127.0.0.1:9092");
  for (const wrong of [[], ["describe"], ["list", "g"], ["drop", "g"], ["list", "--botstrap=x"]]) {
    assertThrows(() => parsed(wrong), ConfigError, "needed is runnel group list");
  }
  assertThrows(() => parsed(["list", "--wait=long"]), ConfigError, "--wait long");
});
