/**
 * Proves that a partition of groups has its whole state or none: over a log that fails its nth read, for every n, one
 * with every bit of every batch flipped, one that is still being opened, and one with a record nobody understands. A
 * failed partition answers as one for every request, and heals by itself when its cause has gone.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { SimulatedLog } from "../../tests/simulation/simulated_log.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";
import type { CoordinatorLog, Leadership } from "../coordination/coordinator_log.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import * as batch from "../protocol/records/batch.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { consumerContext } from "../testing/consumer_groups.ts";
import { commitOffsets, deleteOffsets, fetchOffsets } from "./requests/committing.ts";
import { consumerGroupHeartbeat, describeConsumer } from "./requests/consumer_membership.ts";
import { GroupCoordinator } from "./coordinator.ts";
import { deleteGroup, describeGroup, listGroups } from "./requests/group_admin.ts";
import { encodeFact } from "./group_records.ts";
import { heartbeat, joinGroup, leaveGroup, syncGroup } from "./requests/membership.ts";

/** One batch a read, whatever fits; the reads and the bytes can be told to fail. */
class DamagedLog extends SimulatedLog {
  reads = 0;
  failAt = Infinity;
  /** Changes the bytes of the whole log as they are read. */
  damage: (bytes: Uint8Array) => void = () => {};

  override read(from: number): Uint8Array | null {
    if (++this.reads === this.failAt) throw new Error("the device failed");
    const whole = super.read(0)?.slice() ?? new Uint8Array(0);
    this.damage(whole);
    for (const at of batch.batches(whole)) {
      if (batch.lastOffset(whole, at) < from) continue;
      // Two at a time, so that there is a next read and a batch that is read again.
      const end = at + batch.sizeInBytes(whole, at);
      return whole.slice(at, Math.max(end, batch.endOf(whole, end)));
    }
    return null;
  }
}

class Desk {
  readonly clock = new FakeClock();
  readonly events: [string, Record<string, unknown>][] = [];
  timers: { atMs: number; work: () => void }[] = [];
  led: () => Leadership | null;
  readonly coordinator: GroupCoordinator;

  constructor(log: Leadership["log"]) {
    this.led = () => ({ log, leaderEpoch: 0 });
    this.coordinator = new GroupCoordinator({
      clock: this.clock,
      settings: {
        initialRebalanceDelayMs: 0,
        minSessionTimeoutMs: 6000,
        maxSessionTimeoutMs: 30_000,
        maxSize: 10,
        maxGroups: 100,
        maxMemberBytes: 1 << 20,
        offsetsRetentionMs: 1e12,
        offsetsRetentionCheckIntervalMs: 1e11,
        offsetMetadataMaxLength: 4096,
        offsetMetadataMaxBytes: 1 << 20,
        maxOffsets: 1 << 20,
      },
      topic: {
        name: "__consumer_offsets",
        partitionCount: 1,
        create: () => Promise.resolve(),
        led: () => this.led(),
      },
      consumer: consumerContext(),
      give: () => {},
      newId: () => "id",
      wake: (delayMs, work) => {
        const timer = { atMs: this.clock.monotonicMs() + delayMs, work };
        this.timers.push(timer);
        return () => void (this.timers = this.timers.filter((other) => other !== timer));
      },
      onEvent: (event, details) => this.events.push([event, details]),
    });
  }

  static async loaded(log: Leadership["log"]): Promise<Desk> {
    const desk = new Desk(log);
    await desk.coordinator.loadAll();
    return desk;
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    const nowMs = this.clock.monotonicMs();
    const due = this.timers.filter(({ atMs }) => atMs <= nowMs);
    this.timers = this.timers.filter(({ atMs }) => atMs > nowMs);
    for (const { work } of due) work();
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve));
  }

  /** The committed offsets of group g, or the error code. */
  async offsets(): Promise<(bigint | null)[] | number> {
    const wanted = [0, 1].map((partition) => ({ topic: "t", topicId: ZERO_UUID, partition }));
    const fetched = await fetchOffsets(this.coordinator, "g", wanted, false);
    return typeof fetched === "number"
      ? fetched
      : fetched.map(({ committed }) => committed?.offset ?? null);
  }
}

function commitOf(partition: number, offset: bigint): Uint8Array {
  const rest = { leaderEpoch: -1, metadata: "", commitTimestampMs: 5, expireTimestampMs: -1 };
  const committed = { offset, topicId: ZERO_UUID, ...rest };
  const fact = { kind: "committed", topic: "t", partition, committed } as const;
  return buildBatch({ records: [encodeFact("g", fact, 0)] });
}

const COMMITS = [[0, 40n], [1, 8n], [0, 41n]] as const;

function filled(): DamagedLog {
  const log = new DamagedLog();
  for (const [partition, offset] of COMMITS) {
    log.append(commitOf(partition, offset), { origin: "coordinator", leaderEpoch: 0 });
  }
  log.sync();
  return log;
}

const RIGHT = [41n, 8n];

Deno.test("a load whose nth read fails has failed, for every n, and is whole after the next try", async () => {
  const log = filled();
  assertEquals(await (await Desk.loaded(log)).offsets(), RIGHT);
  const reads = log.reads;
  assert(reads > 1, `${reads} reads`);
  for (let n = 1; n <= reads; n++) {
    const failing = filled();
    failing.failAt = n;
    const desk = await Desk.loaded(failing);
    assertEquals([await desk.offsets(), desk.coordinator.count("failed")], [16, 1], `read ${n}`);
    assertEquals([...desk.coordinator.groups()], []);
    await desk.pass(1000);
    assertEquals([await desk.offsets(), desk.coordinator.count("failed")], [RIGHT, 0], `read ${n}`);
    assertEquals(desk.events.map(([event]) => event), ["group_load_failed", "group_load_healed"]);
  }
});

Deno.test("no bit of any batch can be flipped without the load failing, or the answer staying right", async () => {
  const log = filled();
  const bits = COMMITS.reduce((sum, [p, o]) => sum + commitOf(p, o).length, 0) * 8;
  let failures = 0;
  for (let bit = 0; bit < bits; bit++) {
    log.damage = (bytes) => void (bytes[bit >> 3] ^= 1 << bit % 8);
    const desk = await Desk.loaded(log);
    const answer = await desk.offsets();
    if (answer === 16) failures++;
    else assertEquals(answer, RIGHT, `bit ${bit}`);
    desk.coordinator.stop();
  }
  // The rest are bits of leader epochs that do not fall, and of base offsets where compaction could have left a gap.
  assert(failures > bits * 0.9, `${failures} of ${bits} failed`);
});

Deno.test("a log that ends before its end, in or between batches, fails", async () => {
  const log = filled();
  const size = COMMITS.reduce((sum, [p, o]) => sum + commitOf(p, o).length, 0);
  for (let cut = 1; cut < size; cut += 7) {
    log.damage = () => {};
    const cutLog = new (class extends DamagedLog {
      override read(from: number): Uint8Array | null {
        const chunk = log.read(from);
        const position = size - cut;
        const at = COMMITS.slice(0, from).reduce((sum, [p, o]) => sum + commitOf(p, o).length, 0);
        if (chunk === null || at >= position) return null;
        return chunk.subarray(0, Math.min(chunk.length, position - at));
      }
    })();
    cutLog.logEndOffset = log.logEndOffset;
    const desk = await Desk.loaded(cutLog);
    assertEquals(await desk.offsets(), 16, `cut by ${cut}`);
  }
});

Deno.test("a record that cannot be understood fails the load, and half of the state is not shown", async () => {
  const log = filled();
  const key = encodeFact("g", { kind: "groupGone" }, 0).key!;
  const value = new Uint8Array([0, 99, 1, 2]); // a version that nobody wrote
  log.append(buildBatch({ records: [{ timestampMs: 0, key, value }] }), {
    origin: "coordinator",
    leaderEpoch: 0,
  });
  const desk = await Desk.loaded(log);
  assertEquals([await desk.offsets(), [...desk.coordinator.groups()]], [16, []]);
  assertStringIncludes(
    desk.coordinator.failureOf("g")!,
    "The record at offset 3 cannot be understood",
  );
});

Deno.test("a failed partition answers as one to every request", async () => {
  const log = filled();
  log.failAt = 1;
  const { coordinator } = await Desk.loaded(log);
  const caller = { clientId: "c", clientHost: "/h", apiVersion: 4 };
  const groupId = "g", memberId = "m", groupInstanceId = null;
  const protocols = [{ name: "range", metadata: new Uint8Array() }];
  const timeouts = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000 };
  const of = { groupId, memberId, groupInstanceId };
  const join = { ...of, ...timeouts, protocolType: "consumer", protocols, reason: null };
  const sync = { ...of, generationId: 1, protocolType: null, protocolName: null, assignments: [] };
  const commit = {
    groupId,
    generation: -1,
    memberId: "",
    instanceId: null,
    retentionTimeMs: -1,
    knowsGroupIdNotFound: true,
    offsets: [{
      topic: "t",
      topicId: ZERO_UUID,
      partition: 0,
      offset: 1n,
      leaderEpoch: -1,
      metadata: "",
    }],
  };
  const consumer = {
    ...of,
    memberEpoch: 0,
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: 10_000,
    subscribedTopicNames: ["t"],
    subscribedTopicRegex: null,
    serverAssignor: null,
    topicPartitions: [],
  };
  assertEquals({
    join: (await joinGroup(coordinator, join, caller)).errorCode,
    sync: (await syncGroup(coordinator, sync, caller)).errorCode,
    heartbeat: heartbeat(coordinator, { ...of, generationId: 1 }).errorCode,
    leave: (await leaveGroup(coordinator, { groupId, memberId, members: [] }, caller)).errorCode,
    consumer: (await consumerGroupHeartbeat(coordinator, consumer, {
      clientId: "c",
      clientHost: "/h",
      apiVersion: 1,
    }))
      .errorCode,
    commit: await commitOffsets(coordinator, commit),
    deleteOffsets: await deleteOffsets(coordinator, groupId, [{ topic: "t", partition: 0 }]),
    deleteGroup: await deleteGroup(coordinator, groupId),
    describe: describeGroup(coordinator, groupId, { knowsGroupIdNotFound: true }).errorCode,
    describeConsumer: describeConsumer(coordinator, groupId).errorCode,
    listed: listGroups(coordinator, { states: [], types: [] }),
  }, {
    join: 16,
    sync: 16,
    heartbeat: 16,
    leave: 16,
    consumer: 16,
    commit: [16],
    deleteOffsets: 16,
    deleteGroup: 16,
    describe: 16,
    describeConsumer: 16,
    listed: [],
  });
});

Deno.test("a load that goes on failing is tried ever more seldom, and told once", async () => {
  const log = filled();
  log.damage = (bytes) => void (bytes[70] ^= 1);
  const desk = await Desk.loaded(log);
  const waits: number[] = [];
  for (let i = 0; i < 9; i++) {
    const [{ atMs }] = desk.timers.filter(({ atMs }) => atMs < 1e10 + desk.clock.monotonicMs());
    waits.push(atMs - desk.clock.monotonicMs());
    await desk.pass(waits[i]);
  }
  assertEquals(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  assertEquals(desk.events.map(([event]) => event), ["group_load_failed"]);
  log.damage = () => {};
  await desk.pass(60_000);
  assertEquals(await desk.offsets(), RIGHT);
});

Deno.test("a try again takes the log that is led by then, and a partition no longer led is forgotten", async () => {
  const broken = filled();
  broken.damage = (bytes) => void (bytes[70] ^= 1);
  const desk = await Desk.loaded(broken);
  desk.led = () => ({ log: filled(), leaderEpoch: 0 });
  await desk.pass(1000);
  assertEquals(await desk.offsets(), RIGHT);
  const other = await Desk.loaded(broken);
  other.led = () => null;
  await other.pass(1000);
  assertEquals([await other.offsets(), other.coordinator.count("failed")], [16, 0]);
});

Deno.test("a log that is offline fails the load, and what is offline for good is not shown", async () => {
  const log = filled();
  Object.defineProperty(log, "offline", { value: "__consumer_offsets-0: damaged" });
  const desk = await Desk.loaded(log);
  assertEquals(await desk.offsets(), 16);
  assertStringIncludes(desk.coordinator.failureOf("g")!, "damaged");
});

Deno.test("while its log is being opened a partition is loading, and nobody waits for it", async () => {
  const { promise, resolve } = Promise.withResolvers<CoordinatorLog>();
  const desk = await Desk.loaded(() => promise);
  const beat = () =>
    heartbeat(desk.coordinator, {
      groupId: "g",
      memberId: "m",
      groupInstanceId: null,
      generationId: 1,
    }).errorCode;
  assertEquals([await desk.offsets(), beat(), desk.coordinator.isLoading], [14, 0, true]);
  desk.led = () => ({ log: () => Promise.reject(new Error("asked twice")), leaderEpoch: 0 });
  await desk.coordinator.loadAll(); // again, while it is on its way: nobody asks for it twice
  resolve(filled());
  await desk.pass(1);
  assertEquals([await desk.offsets(), beat(), desk.coordinator.isLoading], [RIGHT, 25, false]);
});

Deno.test("a log that is never opened is a failed partition", async () => {
  const { promise, reject } = Promise.withResolvers<CoordinatorLog>();
  const desk = await Desk.loaded(() => promise);
  reject(new Error("The log of __consumer_offsets-0 could not be opened"));
  await desk.pass(1);
  assertEquals(await desk.offsets(), 16);
  assertStringIncludes(desk.coordinator.failureOf("g")!, "could not be opened");
});

Deno.test("a coordinator that stops while it loads or waits to try again does nothing more", async () => {
  const log = filled();
  log.failAt = 2;
  const desk = new Desk(log);
  const loading = desk.coordinator.loadAll();
  desk.coordinator.stop();
  await loading;
  assertEquals([desk.events, desk.timers], [[], []]);
  log.reads = 0;
  log.failAt = 1;
  const failed = await Desk.loaded(log);
  failed.coordinator.stop();
  assertEquals(failed.timers, []);
});
