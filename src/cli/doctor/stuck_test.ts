/** Proves which groups are told of as stuck, and which are not, from two looks. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { GroupDescription, GroupMember } from "../../client/groups.ts";
import { describedGroup, describedMember } from "../../testing/described_group.ts";
import { hotIn } from "./hot.ts";
import { isOlder } from "./clients.ts";
import { type GroupAtOnce, stuckBecause } from "./stuck.ts";

const PARTITION = { topic: "t", partition: 0 };

function member(more: Partial<GroupMember> = {}): GroupMember {
  return describedMember({ id: "m-1", host: "/10.0.0.1", ...more });
}

interface Wish {
  readonly group?: Partial<GroupDescription>;
  readonly committed?: number;
  readonly start?: number;
  readonly end?: number;
}

function at({ group = {}, committed = 10, start = 0, end = 10 }: Wish = {}): GroupAtOnce {
  return {
    group: describedGroup({ members: [member()], ...group }),
    committed: committed < 0 ? [] : [{ ...PARTITION, offset: BigInt(committed) }],
    ends: new Map([["t-0", { ...PARTITION, start, end, error: null }]]),
  };
}

function told(before: Wish, now: Wish): string[] {
  return stuckBecause(at(before), at(now), 6000)
    .map(({ severity, what, evidence }) => `${severity}: ${what} (${evidence})`);
}

Deno.test("a group that has read everything, one that moves, and one with something new are well", () => {
  assertEquals(told({}, {}), []);
  assertEquals(told({ committed: 3 }, { committed: 5, end: 50 }), []);
  assertEquals(told({}, { end: 20 }), []); // it was at the end at the first look
});

Deno.test("a group that commits nothing of what it has, with records to read, is stuck", () => {
  const [one, ...rest] = told({ committed: 3 }, { committed: 3, end: 20 });
  assertEquals(rest, []);
  assertStringIncludes(one, "warning: commits nothing of t-0");
  assertStringIncludes(one, "17 records behind, 10 more than before, over 6 s");
  assertStringIncludes(told({ committed: -1 }, { committed: -1 })[0], "commits nothing of t-0");
});

Deno.test("a partition that its member has only just got is not stuck yet", () => {
  const before = { committed: 3, group: { members: [member({ partitions: [] })] } };
  assertEquals(told(before, { committed: 3 }), []);
});

Deno.test("a rebalance that goes on for long is told with whom it waits for, a short one not", () => {
  const long = { state: "PreparingRebalance", rebalancingMs: 25_000 };
  const members = [member({ awaited: "join" }), member({ id: "m-2" })];
  const [one, ...rest] = told({}, { group: { ...long, members } });
  assertEquals(rest, []);
  assertStringIncludes(one, "has been rebalancing for 25 s");
  assertStringIncludes(one, "it waits for m-1 (client app at /10.0.0.1)");
  assertEquals(told({}, { group: { ...long, rebalancingMs: 3000 } }), []);
  // A broker that does not say for how long: at both looks.
  const unknown = { group: { state: "CompletingRebalance" } };
  assertEquals(told({}, unknown), []);
  assertStringIncludes(told(unknown, unknown)[0], "has been rebalancing for 6 s at least");
});

Deno.test("members that stopped beating are told", () => {
  const quiet = { members: [member({ silentMs: 30_000, sessionTimeoutMs: 45_000 }), member()] };
  assertStringIncludes(told({}, { group: quiet })[0], "has 1 of 2 members that stopped beating");
  const beating = { members: [member({ silentMs: 3000, sessionTimeoutMs: 45_000 })] };
  assertEquals(told({}, { group: beating }), []);
});

Deno.test("offsets behind the end, and before the first record, are told", () => {
  assertStringIncludes(
    told({}, { committed: 99 })[0],
    "warning: has committed 99 of t-0, which ends at 10",
  );
  const deleted = told({ committed: 2, start: 5, end: 5 }, { committed: 2, start: 5, end: 5 });
  assertEquals(deleted.length, 1);
  assertStringIncludes(deleted[0], "has committed 2 of t-0, which begins at 5");
  const empty = { state: "Empty", members: [] };
  assertStringIncludes(told({}, { committed: 99, group: empty })[0], "note: ");
  assertEquals(told({}, { committed: 2, start: 5, group: empty }), []); // nobody minds
});

Deno.test("a group without members has no weight, and is told of only while it falls behind", () => {
  const empty = { state: "Empty", members: [] };
  assertEquals(told({ committed: 3, group: empty }, { committed: 3, group: empty }), []);
  const [one] = told({ committed: 3, group: empty }, { committed: 3, end: 30, group: empty });
  assertStringIncludes(one, "note: has no members, and falls behind (27 records behind, 20 more");
});

Deno.test("a partition is hot that takes far more than its share of much", () => {
  const grown = (...bytes: number[]) => new Map(bytes.map((one, index) => [index, one]));
  const mib = 1 << 20;
  assertEquals(hotIn(grown(0, 9 * mib, 0, mib))?.partition, 1);
  assertEquals(hotIn(grown(5 * mib, 4 * mib, 5 * mib, 4 * mib)), null);
  assertEquals(hotIn(grown(9 * mib)), null); // it has no other
  assertEquals(hotIn(grown(1000, 0, 0, 0)), null); // one batch
  assertEquals(hotIn(grown(7 * mib, 3 * mib)), null); // two are often uneven
  assertEquals(hotIn(grown(mib, 19 * mib))?.partition, 1);
});

Deno.test("versions are compared by their numbers", () => {
  assertEquals(isOlder("2.8.1", "3.0.0"), true);
  assertEquals(isOlder("10.0.0", "3.0.0"), false);
  assertEquals(isOlder("3.0.0", "3.0.0"), false);
  assertEquals(isOlder("2.0.2-rc1", "2.0.3"), true);
  assertEquals(isOlder("unknown", "3.0.0"), false);
});
