/** Proves what is found in two looks at a group, and what is printed of them, on groups made up here. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import type { GroupDescription, GroupMember } from "../../client/groups.ts";
import { ConfigError } from "../../config/load.ts";
import { describedGroup, describedMember } from "../../testing/described_group.ts";
import { configOf } from "../reach.ts";
import type { Call } from "../call.ts";
import { parse } from "../parse.ts";
import { reachedBy } from "../reach.ts";
import { groupCommand } from "./command.ts";
import { report, waitLine, waitMsOf } from "./describe.ts";
import { findings, type GroupLook, type PartitionLook } from "./findings.ts";

function member(id: string, some: Partial<GroupMember> = {}): GroupMember {
  return describedMember({ id, silentMs: 1000, sessionTimeoutMs: 45_000, ...some });
}

function look(
  group: Partial<GroupDescription> = {},
  ...partitions: Partial<PartitionLook>[]
): GroupLook {
  return {
    group: describedGroup({ members: [member("m")], ...group }),
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
    "Group g: Stable (classic, range), 1 member",
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

Deno.test("partitions that nobody reads are summed up, a line for each topic", () => {
  const partitions = [0, 1, 2, 3, 4].map((partition) => ({
    ownerId: partition === 3 ? "m" : null,
    committed: partition === 3 ? 9 : null,
  }));
  assertEquals(found(look({}, ...partitions)), [
    "4 partitions of t have no owner, 36 behind: 0-2, 4.",
  ]);
  const empty = { state: "Empty", members: [] };
  const now = look(empty, ...partitions.map((one) => ({ ...one, ownerId: null })));
  assertEquals(found(now), [
    "The group has no members: nobody reads for it.",
    "4 partitions of t have no owner, 36 behind: 0-2, 4.",
  ]);
  // Somebody commits for it without being a member.
  const before = look(empty, ...partitions.map(() => ({ ownerId: null, committed: 1 })));
  assertEquals(found(now, before).length, 1);
});

Deno.test("describe says that it waits, and for how long", () => {
  assertStringIncludes(waitLine(6000), "6 s apart (--wait)");
});

function called(...args: string[]): Call {
  const parsed = parse(groupCommand, args);
  if (parsed.kind !== "call") throw new Error(parsed.text);
  return parsed.call;
}

async function bootstrapOf(...args: string[]): Promise<string> {
  const call = called("list", ...args);
  return reachedBy(call, await configOf(call.options)).bootstrap;
}

Deno.test("arguments: an action, a group to describe, an address and a wait", async () => {
  const call = called("describe", "7", "--bootstrap=h:1", "--wait=0.5");
  assertEquals([call.action.name, call.words, waitMsOf(call)], ["describe", ["7"], 500]);
  assertEquals(reachedBy(call, await configOf([])), { bootstrap: "h:1", security: {} });
  assertEquals(waitMsOf(called("describe", "g")), 6000);
  assertEquals(waitMsOf(called("describe", "g", "--wait=1.5m")), 90_000);
  assertEquals(waitMsOf(called("describe", "--all")), 0);
  assertEquals(await bootstrapOf("--bootstrap-server", "h:1,[::1]:2"), "h:1,[::1]:2");
  for (
    const [wrong, says] of [
      [[], "needs one of list, describe, reset, delete, watch"],
      [["reset"], "missing required argument 'GROUP'"],
      [["list", "g"], "too many arguments"],
      [["drop", "g"], "unknown command 'drop'"],
      [["list", "--botstrap=x"], "Did you mean --bootstrap?"],
      [["list", "--bootstrap"], "argument missing"],
    ] as const
  ) {
    assertThrows(() => parse(groupCommand, wrong), ConfigError, says);
  }
  await assertRejects(() => bootstrapOf("--bootstrap=h"), ConfigError, "host:port");
  for (const wait of ["long", "", "3601", "2h"]) {
    const says = `--wait ${wait || '""'}`;
    assertThrows(() => waitMsOf(called("describe", "g", `--wait=${wait}`)), ConfigError, says);
  }
});

Deno.test("where the broker is follows the configuration, like everything else", async () => {
  assertEquals(await bootstrapOf(), "127.0.0.1:9092");
  assertEquals(await bootstrapOf("--kafka-port", "7"), "127.0.0.1:7");
  assertEquals(await bootstrapOf("--listen-addresses=0.0.0.0", "--insecure"), "127.0.0.1:9092");
  assertEquals(await bootstrapOf("--listen-addresses=::", "--insecure"), "[::1]:9092");
  assertEquals(await bootstrapOf("--kafka-port=7", "--bootstrap=h:1"), "h:1");
  await assertRejects(() => bootstrapOf("--kafka-port=0"), ConfigError, "--bootstrap");
});
