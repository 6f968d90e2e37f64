/**
 * Proves what the shell around the machines promises: where a group is kept, that nothing is answered before the log
 * keeps it, that a refused append changes nothing, and that loading, unloading and clocks that jump do no harm. The
 * log is the simulations', whose disk syncs when told.
 */
import { assertEquals } from "@std/assert";
import { consumerContext } from "../testing/consumer_groups.ts";
import { SimulatedLog } from "../../tests/simulation/simulated_log.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import * as batch from "../protocol/records/batch.ts";
import { commitOffsets, deleteOffsets, fetchOffsets } from "./requests/committing.ts";
import { GroupCoordinator } from "./coordinator.ts";
import { deleteGroup, describeGroup, groupGauges, listGroups } from "./requests/group_admin.ts";
import { heartbeat, joinGroup, leaveGroup, syncGroup } from "./requests/membership.ts";

const DAY_MS = 86_400_000;

class Desk {
  readonly clock = new FakeClock();
  readonly log: SimulatedLog;
  coordinator: GroupCoordinator;
  timers: { atMs: number; work: () => void }[] = [];
  #ids = 0;

  constructor(log = new SimulatedLog()) {
    this.log = log;
    this.coordinator = this.open();
  }

  open(): GroupCoordinator {
    this.timers = [];
    const { log } = this;
    return new GroupCoordinator({
      clock: this.clock,
      settings: {
        initialRebalanceDelayMs: 0,
        minSessionTimeoutMs: 6000,
        maxSessionTimeoutMs: 30_000,
        maxSize: 10,
        maxGroups: 2,
        maxMemberBytes: 1 << 20,
        offsetsRetentionMs: 7 * DAY_MS,
        offsetsRetentionCheckIntervalMs: 600_000,
        offsetMetadataMaxLength: 4096,
        offsetMetadataMaxBytes: 1 << 20,
        maxOffsets: 1000,
      },
      topic: {
        name: "__consumer_offsets",
        partitionCount: 1,
        create: () => Promise.resolve(),
        led: () => ({ log, leaderEpoch: 0 }),
      },
      consumer: consumerContext(),
      give: () => {},
      newId: () => String(++this.#ids),
      wake: (delayMs, work) => {
        const timer = { atMs: this.clock.monotonicMs() + delayMs, work };
        this.timers.push(timer);
        return () => void (this.timers = this.timers.filter((other) => other !== timer));
      },
      onEvent: () => {},
    });
  }

  pass(ms: number): void {
    this.clock.advance(ms);
    const nowMs = this.clock.monotonicMs();
    const due = this.timers.filter(({ atMs }) => atMs <= nowMs);
    this.timers = this.timers.filter(({ atMs }) => atMs > nowMs);
    for (const { work } of due) work();
  }

  join(groupId: string, sessionTimeoutMs = 10_000, protocols = [RANGE]) {
    const request = {
      groupId,
      sessionTimeoutMs,
      rebalanceTimeoutMs: 20_000,
      memberId: "",
      groupInstanceId: null,
      protocolType: "consumer",
      protocols,
      reason: null,
    };
    return joinGroup(this.coordinator, request, CALLER);
  }

  sync(groupId: string, memberId: string, generationId: number, assignment = NINE) {
    const assignments = [{ memberId, assignment }];
    const rest = { groupInstanceId: null, protocolType: null, protocolName: null, assignments };
    return syncGroup(this.coordinator, { groupId, memberId, generationId, ...rest }, CALLER);
  }

  commit(groupId: string, offset: bigint) {
    return commitOffsets(this.coordinator, {
      ...FROM_NOBODY,
      groupId,
      offsets: [{
        topic: "t",
        topicId: ZERO_UUID,
        partition: 0,
        offset,
        leaderEpoch: -1,
        metadata: "",
      }],
    });
  }

  async committed(groupId: string): Promise<bigint | null> {
    const wanted = [{ topic: "t", topicId: ZERO_UUID, partition: 0 }];
    const fetched = await fetchOffsets(this.coordinator, groupId, wanted, false);
    return typeof fetched === "number" ? null : fetched[0].committed?.offset ?? null;
  }
}

/** Gives one batch at a read, so that loading takes its time. */
class PiecemealLog extends SimulatedLog {
  override read(from: number): Uint8Array | null {
    const whole = super.read(from);
    return whole && whole.subarray(0, batch.sizeInBytes(whole));
  }
}

const FROM_NOBODY = {
  generation: -1,
  memberId: "",
  instanceId: null,
  retentionTimeMs: -1,
  knowsGroupIdNotFound: true,
};
const NINE = new Uint8Array([9]);
const RANGE = { name: "range", metadata: new Uint8Array([1]) };
const CALLER = { clientId: "c", clientHost: "/127.0.0.1", apiVersion: 3 };

Deno.test("a commit is answered, and shown, only when the log keeps it", async () => {
  const desk = await loaded();
  const answer = track(desk.commit("g", 5n)), shown = track(desk.committed("g"));
  await turn();
  assertEquals([answer.value, shown.value], [undefined, undefined]);
  desk.log.sync();
  await turn();
  assertEquals([answer.value, shown.value], [[0], 5n]);
});

Deno.test("what members say of themselves is bounded over all groups, and free again when they go", async () => {
  const desk = await loaded();
  const join = (groupId: string, size: number) => {
    const protocols = [{ name: "range", metadata: new Uint8Array(size) }];
    return desk.join(groupId, 10_000, protocols);
  };
  const half = 1 << 19;
  assertEquals((await join("g", half)).errorCode, 81);
  const joining = join("g", half - 10);
  desk.log.sync();
  const { memberId } = await joining;
  assertEquals((await join("h", 20_000)).errorCode, 81);
  const members = [{ memberId: memberId!, groupInstanceId: null, reason: null }];
  const leaving = leaveGroup(
    desk.coordinator,
    { groupId: "g", memberId: memberId!, members },
    CALLER,
  );
  desk.log.sync();
  await leaving;
  desk.clock.advance(10);
  const later = join("h", half - 10);
  desk.log.sync();
  assertEquals((await later).errorCode ?? 0, 0);
});

Deno.test("what members are assigned counts with what they say of themselves", async () => {
  const desk = await loaded();
  const assign = async (groupId: string, size: number) => {
    const joining = desk.join(groupId);
    desk.log.sync();
    const { memberId, generationId } = await joining;
    const answer = desk.sync(groupId, memberId!, generationId!, new Uint8Array(size));
    desk.log.sync();
    return (await answer).errorCode ?? 0;
  };
  assertEquals([await assign("g", 300_000), await assign("h", 300_000)], [0, 81]);
});

/** Of so many partitions. */
function offsetsOf(from: number, count: number, metadata: string) {
  return Array.from({ length: count }, (_, i) => {
    const place = { topic: "t", topicId: ZERO_UUID, partition: from + i };
    return { ...place, offset: 1n, leaderEpoch: -1, metadata };
  });
}

Deno.test("offsets are bounded over all groups; what a group has may always be committed again", async () => {
  const desk = await loaded();
  const commit = async (groupId: string, from: number, count: number) => {
    const offsets = offsetsOf(from, count, "");
    const answer = commitOffsets(desk.coordinator, { ...FROM_NOBODY, groupId, offsets });
    desk.log.sync();
    return (await answer)[0];
  };
  assertEquals([await commit("g", 0, 600), await commit("h", 0, 401)], [0, 28]);
  for (let i = 0; i < 3; i++) assertEquals(await commit("g", 0, 600), 0);
  assertEquals([await commit("h", 0, 400), await commit("h", 400, 1)], [0, 28]);
  const deleting = deleteGroup(desk.coordinator, "g");
  desk.log.sync();
  await deleting;
  desk.clock.advance(10);
  assertEquals(await commit("h", 400, 1), 0);
});

Deno.test("groups with long ids count for several", async () => {
  const desk = await loaded(), long = "g".repeat(2 * 256 + 1);
  const joining = desk.join(long);
  desk.log.sync();
  const { memberId } = await joining;
  assertEquals((await desk.join("h")).errorCode, 81);
  const members = [{ memberId: memberId!, groupInstanceId: null, reason: null }];
  const leaving = leaveGroup(
    desk.coordinator,
    { groupId: long, memberId: memberId!, members },
    CALLER,
  );
  desk.log.sync();
  await leaving;
  const deleting = deleteGroup(desk.coordinator, long);
  desk.log.sync();
  assertEquals(await deleting, 0);
  const later = desk.join("h");
  desk.log.sync();
  assertEquals((await later).errorCode ?? 0, 0);
});

Deno.test("metadata of offsets is bounded over all groups, and offsets without it are taken", async () => {
  const desk = await loaded();
  const commit = async (from: number, metadata: string) => {
    const offsets = offsetsOf(from, 100, metadata);
    const answer = commitOffsets(desk.coordinator, { ...FROM_NOBODY, groupId: "g", offsets });
    desk.log.sync();
    return (await answer)[0];
  };
  const note = "n".repeat(4096);
  assertEquals([await commit(0, note), await commit(100, note), await commit(100, "")], [0, 12, 0]);
  assertEquals(await commit(100, "little"), 0);
  assertEquals(await commit(0, ""), 0); // which takes what was there
  desk.clock.advance(10);
  assertEquals([await commit(100, note), await commit(200, note)], [0, 12]);
});

Deno.test("an assignment is handed out only when the log keeps it", async () => {
  const desk = await loaded();
  const joining = desk.join("g");
  desk.log.sync();
  const { memberId, generationId } = await joining;
  const answer = track(desk.sync("g", memberId!, generationId!));
  await turn();
  assertEquals(answer.value, undefined);
  desk.log.sync();
  await turn();
  assertEquals([...answer.value!.assignment!], [9]);
});

Deno.test("an append that is refused changes nothing, and the client is sent to ask again", async () => {
  const desk = await loaded();
  desk.log.isRefusing = true;
  assertEquals(await desk.commit("g", 5n), [15]);
  assertEquals((await desk.join("g")).errorCode, 15);
  assertEquals([...desk.coordinator.groups()].length, 0);
  desk.log.isRefusing = false;
  assertEquals(await desk.committed("g"), null);
});

Deno.test("what the disk refuses after all is answered 16, and the state is the log's again", async () => {
  const desk = await loaded();
  const kept = desk.commit("g", 4n);
  desk.log.sync();
  await kept;
  const lost = desk.commit("g", 5n);
  const joining = desk.join("g");
  desk.log.failWrites();
  assertEquals(await lost, [16]);
  assertEquals((await joining).errorCode, 16);
  await turn();
  assertEquals(await desk.committed("g"), 4n);
});

Deno.test("a leader whose assignment could not be stored is refused, and may bring it again", async () => {
  const desk = await stable();
  const [group] = desk.coordinator.groups();
  const [memberId] = group.members.members.keys();
  const again = desk.join("h");
  desk.log.sync();
  const { memberId: other, generationId } = await again;
  desk.log.isRefusing = true;
  assertEquals((await desk.sync("h", other!, generationId!)).errorCode, 15);
  assertEquals(
    describeGroup(desk.coordinator, "h", { knowsGroupIdNotFound: true }).groupState,
    "CompletingRebalance",
  );
  desk.log.isRefusing = false;
  const answer = desk.sync("h", other!, generationId!);
  desk.log.sync();
  assertEquals((await answer).errorCode ?? 0, 0);
  assertEquals(beat(desk, memberId), 0);
});

Deno.test("a removal that could not be stored is tried again", async () => {
  const desk = await stable();
  desk.log.isRefusing = true;
  desk.pass(10_001);
  assertEquals(stateOf(desk), "PreparingRebalance");
  desk.log.isRefusing = false;
  desk.pass(1001);
  assertEquals(stateOf(desk), "Empty");
});

Deno.test("requests are answered 14 while the log is read, and beats pass", async () => {
  const desk = new Desk(new PiecemealLog());
  await desk.coordinator.loadAll();
  for (const offset of [1n, 2n]) {
    const answer = desk.commit("g", offset);
    desk.log.sync();
    await answer;
  }
  desk.coordinator = desk.open();
  const loading = desk.coordinator.loadAll();
  assertEquals(await desk.commit("g", 3n), [14]);
  assertEquals((await desk.join("g")).errorCode, 14);
  assertEquals([beat(desk, "m"), desk.coordinator.isLoading], [0, true]);
  await loading;
  assertEquals([beat(desk, "m"), desk.coordinator.isLoading], [25, false]);
  assertEquals(await desk.committed("g"), 2n);
});

Deno.test("giving a partition up answers whoever waits", async () => {
  const desk = await stable();
  const waiting = track(desk.join("g"));
  await turn();
  assertEquals(waiting.value, undefined);
  desk.coordinator.unload(0);
  await turn();
  assertEquals(waiting.value!.errorCode, 16);
  assertEquals(await desk.commit("g", 1n), [16]);
});

Deno.test("after a restart members go on by beating, and their offsets are there", async () => {
  const desk = await stable();
  const [group] = desk.coordinator.groups();
  const [memberId] = group.members.members.keys();
  const other = desk.commit("h", 7n);
  desk.log.sync();
  await other;
  desk.log.crash(() => 0);
  desk.coordinator = desk.open();
  await desk.coordinator.loadAll();
  assertEquals([beat(desk, memberId), await desk.committed("h")], [0, 7n]);
});

Deno.test("session timeouts outside the bounds, empty group ids and too many groups are refused", async () => {
  const desk = await stable();
  assertEquals((await desk.join("h", 5999)).errorCode, 26);
  assertEquals((await desk.join("h", 30_001)).errorCode, 26);
  assertEquals((await desk.join("")).errorCode, 24);
  const second = desk.commit("", 1n);
  desk.log.sync();
  assertEquals(await second, [0], "a commit may name the empty group");
  assertEquals([(await desk.join("h")).errorCode, await desk.commit("h", 1n)], [81, [81]]);
});

Deno.test("a wall clock that jumps ahead expires nothing; time that passes does", async () => {
  const desk = await loaded();
  const answer = desk.commit("g", 1n);
  desk.log.sync();
  await answer;
  desk.clock.stepWall(400 * DAY_MS);
  await desk.coordinator.expireOffsets();
  assertEquals(await desk.committed("g"), 1n);
  desk.clock.stepWall(-400 * DAY_MS);
  desk.clock.advance(7 * DAY_MS);
  await desk.coordinator.expireOffsets();
  assertEquals([...desk.coordinator.groups()].length, 0);
});

Deno.test("a commit made while the clock was set back is not too old once it is right again", async () => {
  const desk = await loaded();
  desk.clock.stepWall(-400 * DAY_MS);
  const answer = desk.commit("g", 1n);
  desk.log.sync();
  await answer;
  desk.clock.stepWall(400 * DAY_MS);
  await desk.coordinator.expireOffsets();
  assertEquals(await desk.committed("g"), 1n);
  desk.clock.advance(7 * DAY_MS);
  await desk.coordinator.expireOffsets();
  assertEquals([...desk.coordinator.groups()].length, 0);
});

Deno.test("a deleted topic takes its offsets with it", async () => {
  const desk = await loaded();
  const answer = desk.commit("g", 1n);
  desk.log.sync();
  await answer;
  await desk.coordinator.deleteTopics(new Set(["t"]));
  desk.log.sync();
  assertEquals(await desk.committed("g"), null);
});

Deno.test("a group whose last offset was deleted is there until expired offsets are looked for", async () => {
  const desk = await loaded();
  const place = [{ topic: "t", partition: 0 }];
  const committed = desk.commit("g", 1n);
  desk.log.sync();
  await committed;
  for (let time = 0; time < 2; time++) {
    const deleted = deleteOffsets(desk.coordinator, "g", place);
    desk.log.sync();
    assertEquals(await deleted, [0], "a repeated request is answered alike");
  }
  const all = { states: [], types: [] };
  assertEquals(listGroups(desk.coordinator, all).map(({ state }) => state), ["Empty"]);
  await desk.coordinator.expireOffsets();
  assertEquals(listGroups(desk.coordinator, all), []);
  assertEquals(await deleteOffsets(desk.coordinator, "g", place), 69);
});

Deno.test("a group is listed, described and counted, and deleted once its members are gone", async () => {
  const desk = await stable();
  const all = { states: [], types: [] };
  assertEquals(listGroups(desk.coordinator, all).map(({ groupId, state }) => [groupId, state]), [[
    "g",
    "Stable",
  ]]);
  assertEquals(listGroups(desk.coordinator, { states: ["stable"], types: ["CLASSIC"] }).length, 1);
  assertEquals(listGroups(desk.coordinator, { states: ["Empty"], types: [] }).length, 0);
  assertEquals(
    [...groupGauges(desk.coordinator)].map(({ members, generation }) => [members, generation]),
    [[1, 1]],
  );
  assertEquals(await deleteGroup(desk.coordinator, "g"), 68);
  const [group] = desk.coordinator.groups();
  const [memberId] = group.members.members.keys();
  const request = { groupId: "g", memberId, members: [] };
  const left = leaveGroup(desk.coordinator, request, { ...CALLER, apiVersion: 1 });
  desk.log.sync();
  assertEquals((await left).errorCode ?? 0, 0);
  const deleted = deleteGroup(desk.coordinator, "g");
  desk.log.sync();
  assertEquals([await deleted, await deleteGroup(desk.coordinator, "g")], [0, 69]);
  assertEquals(
    describeGroup(desk.coordinator, "g", { knowsGroupIdNotFound: false }).groupState,
    "Dead",
  );
});

async function loaded(): Promise<Desk> {
  const desk = new Desk();
  await desk.coordinator.loadAll();
  return desk;
}

/** Group g with one member, stable. */
async function stable(): Promise<Desk> {
  const desk = await loaded();
  const joining = desk.join("g");
  desk.log.sync();
  const { memberId, generationId } = await joining;
  const syncing = desk.sync("g", memberId!, generationId!);
  desk.log.sync();
  await syncing;
  assertEquals(stateOf(desk), "Stable");
  return desk;
}

function stateOf(desk: Desk): string | undefined {
  return describeGroup(desk.coordinator, "g", { knowsGroupIdNotFound: true }).groupState;
}

function beat(desk: Desk, memberId: string): number | undefined {
  const request = { groupId: "g", generationId: 1, memberId, groupInstanceId: null };
  return heartbeat(desk.coordinator, request).errorCode;
}

function track<T>(promise: Promise<T>): { value: T | undefined } {
  const tracked: { value: T | undefined } = { value: undefined };
  promise.then((value) => tracked.value = value);
  return tracked;
}

async function turn(): Promise<void> {
  for (let i = 0; i < 10; i++) await null;
}
