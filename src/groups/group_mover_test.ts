/**
 * Proves that what an older Runnel kept in another partition of `__consumer_offsets` than Kafka is moved there once:
 * over logs that sync when told, that nothing is forgotten before it is kept elsewhere, that the newer record wins, and
 * who is answered meanwhile; over real logs, that a power loss at any call leaves everything.
 */
import { assert, assertEquals } from "@std/assert";
import { SimulatedLog } from "../../tests/simulation/simulated_log.ts";
import { randomUuid, ZERO_UUID } from "../bytes/uuid.ts";
import type { CoordinatorLog, Leadership } from "../coordination/coordinator_log.ts";
import { coordinatorPartition } from "../protocol/coordinator_partition.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { MemoryStore } from "../storage/backends/memory_store.ts";
import { consumerContext } from "../testing/consumer_groups.ts";
import { loadGroups } from "../testing/group_shards.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { FaultyStore } from "../testing/faulty_store.ts";
import { MortalStore } from "../testing/mortal_store.ts";
import { StorageWorld, wantedLog } from "../testing/storage_world.ts";
import { commitOffsets, fetchOffsets } from "./requests/committing.ts";
import { GroupCoordinator } from "./coordinator.ts";
import { listGroups } from "./requests/group_admin.ts";
import type { LogFact } from "./group.ts";
import { encodeFact } from "./group_records.ts";
import { earlierPartition } from "./misplaced.ts";

const PARTITIONS = 4;

/** Ids that Runnel 0.1 kept in partition 1 and Kafka keeps in 3, the other way round, and one that never moved. */
const [MOVED, MOVED_TOO, MOVED_BACK, STAYING] = [
  idsOf(1, 3)[0],
  idsOf(1, 3)[1],
  idsOf(3, 1)[0],
  idsOf(3, 3)[0],
];

function idsOf(earlier: number, right: number): string[] {
  const ids = Array.from({ length: 200 }, (_, i) => `group-${i}`);
  return ids.filter((id) =>
    earlierPartition(id, PARTITIONS) === earlier && coordinatorPartition(id, PARTITIONS) === right
  );
}

class Desk {
  readonly clock = new FakeClock();
  readonly events: [string, Record<string, unknown>][] = [];
  timers: { atMs: number; work: () => void }[] = [];
  readonly coordinator: GroupCoordinator;

  constructor(led: (index: number) => Leadership | null) {
    this.coordinator = new GroupCoordinator({
      clock: this.clock,
      settings: {
        initialRebalanceDelayMs: 0,
        minSessionTimeoutMs: 6000,
        maxSessionTimeoutMs: 30_000,
        maxSize: 10,
        maxGroups: 1000,
        maxMemberBytes: 1 << 20,
        offsetsRetentionMs: 1e12,
        offsetsRetentionCheckIntervalMs: 1e11,
        offsetMetadataMaxLength: 4096,
        offsetMetadataMaxBytes: 1 << 20,
        maxOffsets: 1 << 20,
      },
      topic: {
        name: "__consumer_offsets",
        partitionCount: PARTITIONS,
        create: () => Promise.resolve(),
        led,
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

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    const nowMs = this.clock.monotonicMs();
    const due = this.timers.filter(({ atMs }) => atMs <= nowMs);
    this.timers = this.timers.filter(({ atMs }) => atMs > nowMs);
    for (const { work } of due) work();
    await turns();
  }

  /** What is answered for partitions 0 and 1 of topic t: the offsets, or an error code. */
  async offsets(groupId: string): Promise<(bigint | null)[] | number> {
    const wanted = [0, 1].map((partition) => ({ topic: "t", topicId: ZERO_UUID, partition }));
    const fetched = await fetchOffsets(this.coordinator, groupId, wanted, false);
    return typeof fetched === "number"
      ? fetched
      : fetched.map(({ committed }) => committed?.offset ?? null);
  }

  names(event: string): Record<string, unknown>[] {
    return this.events.filter(([name]) => name === event).map(([, details]) => details);
  }
}

async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve));
}

/** Four logs that keep at once what they take. */
function logs(): SimulatedLog[] {
  return Array.from({ length: PARTITIONS }, () => {
    const log = new SimulatedLog();
    log.liesAboutSync = true;
    return log;
  });
}

function deskOf(all: readonly CoordinatorLog[]): Desk {
  return new Desk((index) => ({ log: all[index], leaderEpoch: 0 }));
}

function say(
  log: CoordinatorLog,
  groupId: string,
  facts: readonly LogFact[],
  atMs: number,
): Promise<void> {
  const bytes = buildBatch({ records: facts.map((fact) => encodeFact(groupId, fact, atMs)) });
  return log.append(bytes, { origin: "coordinator", leaderEpoch: 0 }).durable;
}

function committed(partition: number, offset: bigint, atMs: number, metadata = ""): LogFact {
  const rest = { leaderEpoch: -1, metadata, expireTimestampMs: -1, topicId: ZERO_UUID };
  const value = { offset, commitTimestampMs: atMs, ...rest };
  return { kind: "committed", topic: "t", partition, committed: value };
}

const member = (id: string, subscription = new Uint8Array([0, 0, 0, 0, 0, 0])) => ({
  id,
  instanceId: null,
  clientId: "c",
  clientHost: "/127.0.0.1",
  rebalanceTimeoutMs: 20_000,
  sessionTimeoutMs: 10_000,
  subscription,
  assignment: new Uint8Array([7]),
});

function classic(generation: number, ...memberIds: string[]): LogFact {
  return {
    kind: "stored",
    protocolType: "consumer",
    generation,
    protocol: memberIds.length > 0 ? "range" : null,
    leaderId: memberIds[0] ?? null,
    stateSinceMs: 5,
    members: memberIds.map((id) => member(id)),
  };
}

const TOPIC_ID = randomUuid();

/** A consumer group at this epoch, with one member that has partition 0. */
function consumer(epoch: number, memberId: string): LogFact[] {
  const metadata = {
    instanceId: null,
    rackId: null,
    clientId: "c",
    clientHost: "/127.0.0.1",
    topicNames: ["t"],
    topicRegex: "",
    rebalanceTimeoutMs: 20_000,
    serverAssignor: null,
    classic: null,
  };
  return [
    { kind: "member", memberId, metadata },
    { kind: "epoch", epoch, metadataHash: 1 },
    { kind: "target", memberId, assignment: new Map([[TOPIC_ID, [0]]]) },
    { kind: "targetEpoch", epoch, assignedAtMs: 5 },
    {
      kind: "current",
      memberId,
      epoch,
      previousEpoch: epoch - 1,
      state: 0,
      assigned: new Map([[TOPIC_ID, new Map([[0, epoch]])]]),
      revoking: new Map(),
    },
  ];
}

/** What a partition holds by its log alone, wherever it belongs: ids with offsets, epochs and member ids. */
async function held(log: CoordinatorLog): Promise<Record<string, unknown>> {
  const { shard } = await loadGroups(log);
  const all: Record<string, unknown> = {};
  for (const [id, { members, offsets }] of shard.groups) {
    const epoch = members.type === "classic" ? members.generation : members.epoch;
    const values: Record<string, bigint> = {};
    for (const [topic, partitions] of offsets.topics()) {
      for (const [index, { offset }] of partitions) values[`${topic}-${index}`] = offset;
    }
    all[id] = { type: members.type, epoch, members: [...members.members.keys()], offsets: values };
  }
  return all;
}

Deno.test("groups that an older Runnel kept elsewhere are answered, moved, and told in one line", async () => {
  const all = logs();
  say(all[1], MOVED, [classic(3, "m"), committed(0, 10n, 5), committed(1, 11n, 5)], 5);
  say(all[1], MOVED_TOO, [...consumer(4, "n"), committed(0, 20n, 5)], 5);
  say(all[3], MOVED_BACK, [committed(0, 30n, 5)], 5);
  say(all[3], STAYING, [committed(0, 40n, 5)], 5);
  const desk = deskOf(all);
  await desk.coordinator.loadAll();
  assertEquals(await desk.offsets(MOVED), [10n, 11n]);
  assertEquals(await desk.offsets(MOVED_TOO), [20n, null]);
  assertEquals(await desk.offsets(MOVED_BACK), [30n, null]);
  assertEquals(await desk.offsets(STAYING), [40n, null]);
  const listed = listGroups(desk.coordinator, { states: [], types: [] });
  assertEquals(
    listed.map(({ groupId }) => groupId).sort(),
    [
      ...[MOVED, MOVED_TOO, MOVED_BACK, STAYING],
    ].sort(),
  );
  assertEquals(desk.events.length, 1, JSON.stringify(desk.events));
  const [{ groups, offsets }] = desk.names("groups_moved");
  assertEquals([groups, offsets], [3, 4]);
  assertEquals(await held(all[1]), {
    [MOVED_BACK]: { type: "classic", epoch: 0, members: [], offsets: { "t-0": 30n } },
  });
  assertEquals(await held(all[3]), {
    [STAYING]: { type: "classic", epoch: 0, members: [], offsets: { "t-0": 40n } },
    [MOVED]: { type: "classic", epoch: 3, members: ["m"], offsets: { "t-0": 10n, "t-1": 11n } },
    [MOVED_TOO]: { type: "consumer", epoch: 4, members: ["n"], offsets: { "t-0": 20n } },
  });
});

Deno.test("what was moved is not moved again, and a directory with nothing misplaced is left as it is", async () => {
  const all = logs();
  say(all[1], MOVED, [classic(3, "m"), committed(0, 10n, 5)], 5);
  await deskOf(all).coordinator.loadAll();
  const ends = all.map(({ logEndOffset }) => logEndOffset);
  const desk = deskOf(all);
  await desk.coordinator.loadAll();
  assertEquals(await desk.offsets(MOVED), [10n, null]);
  assertEquals(all.map(({ logEndOffset }) => logEndOffset), ends);
  assertEquals(desk.events, []);
});

Deno.test("a moved record does not win over a newer one in the right partition, of offsets and of members", async () => {
  const all = logs();
  say(all[1], MOVED, [classic(9, "old"), committed(0, 10n, 50), committed(1, 11n, 70)], 50);
  say(all[3], MOVED, [classic(2, "new"), committed(0, 99n, 60), committed(1, 98n, 60)], 60);
  const desk = deskOf(all);
  await desk.coordinator.loadAll();
  assertEquals(await desk.offsets(MOVED), [99n, 11n]);
  assertEquals(await held(all[3]), {
    [MOVED]: { type: "classic", epoch: 2, members: ["new"], offsets: { "t-0": 99n, "t-1": 11n } },
  });
  assertEquals(await held(all[1]), {});
});

Deno.test("a newer membership takes the place of an older one, also of another protocol", async () => {
  const kinds = [
      [classic(9, "moved")],
      consumer(9, "moved"),
    ],
    there = [[classic(2, "old")], consumer(2, "old")];
  for (const moved of kinds) {
    for (const earlier of there) {
      const all = logs();
      say(all[1], MOVED, moved, 70);
      say(all[3], MOVED, [...earlier, committed(0, 5n, 60)], 60);
      await deskOf(all).coordinator.loadAll();
      const type = moved.length === 1 ? "classic" : "consumer";
      const expected = { type, epoch: 9, members: ["moved"], offsets: { "t-0": 5n } };
      assertEquals(await held(all[3]), { [MOVED]: expected });
      assertEquals(await held(all[1]), {});
    }
  }
});

Deno.test("what was deleted in the right partition after it was written does not come back", async () => {
  const all = logs();
  say(all[1], MOVED, [classic(1), committed(0, 10n, 50), committed(1, 11n, 50)], 50);
  say(all[3], MOVED, [classic(1), committed(0, 12n, 40), committed(1, 13n, 30)], 40);
  say(all[3], MOVED, [{ kind: "offsetGone", topic: "t", partition: 0 }], 60);
  say(all[3], MOVED, [{ kind: "groupGone" }], 60);
  const desk = deskOf(all);
  await desk.coordinator.loadAll();
  assertEquals(await desk.offsets(MOVED), [null, 11n]);
  assertEquals(await held(all[1]), {});
});

Deno.test("nothing is taken from the older partition before the right one has kept it", async () => {
  const all = logs();
  say(all[1], MOVED, [classic(3, "m"), committed(0, 10n, 5)], 5);
  all[1].liesAboutSync = all[3].liesAboutSync = false;
  all[1].sync();
  const desk = deskOf(all), before = await held(all[1]);
  const loading = desk.coordinator.loadAll();
  await turns();
  assertEquals(await held(all[1]), before);
  assertEquals(await desk.offsets(MOVED), 14);
  assertEquals(desk.coordinator.isLoading, true);
  all[3].sync();
  await turns();
  assertEquals(await held(all[1]), {});
  assertEquals(await desk.offsets(MOVED), 14, "its tombstones are not kept yet");
  all[1].sync();
  await loading;
  assertEquals(await desk.offsets(MOVED), [10n, null]);
});

Deno.test("while the older partition is opened its groups are answered 14, and the others served", async () => {
  const all = logs(), opened = Promise.withResolvers<CoordinatorLog>();
  say(all[1], MOVED, [committed(0, 10n, 5)], 5);
  say(all[3], STAYING, [committed(0, 40n, 5)], 5);
  const desk = new Desk((index) => ({
    log: index === 1 ? () => opened.promise : all[index],
    leaderEpoch: 0,
  }));
  await desk.coordinator.loadAll();
  assertEquals([await desk.offsets(MOVED), await desk.offsets(STAYING)], [14, [40n, null]]);
  opened.resolve(all[1]);
  await turns();
  assertEquals(await desk.offsets(MOVED), [10n, null]);
  assertEquals(desk.names("groups_moved").length, 1);
});

Deno.test("while either partition has failed its groups are answered 16, and moved once it has healed", async () => {
  for (const failing of [1, 3]) {
    const all = logs();
    say(all[1], MOVED, [committed(0, 10n, 5)], 5);
    say(all[3], STAYING, [committed(0, 40n, 5)], 5);
    let isBroken = true;
    const desk = new Desk((index) => ({
      log: index === failing && isBroken
        ? () => Promise.reject(new Error("it is damaged"))
        : all[index],
      leaderEpoch: 0,
    }));
    await desk.coordinator.loadAll();
    await turns();
    assertEquals(await desk.offsets(MOVED), 16, `${failing}`);
    const why = `Partition __consumer_offsets-${failing} cannot be loaded: it is damaged`;
    assertEquals(desk.coordinator.failureOf(MOVED), why);
    assertEquals(await desk.offsets(STAYING), failing === 1 ? [40n, null] : 16);
    isBroken = false;
    await desk.pass(1000);
    assertEquals(await desk.offsets(MOVED), [10n, null]);
    assertEquals(await held(all[1]), {});
  }
});

Deno.test("a partition that takes nothing is asked again, and told once", async () => {
  for (const refusing of [1, 3]) {
    const all = logs();
    say(all[1], MOVED, [committed(0, 10n, 5)], 5);
    all[refusing].isRefusing = true;
    const desk = deskOf(all);
    await desk.coordinator.loadAll();
    for (let i = 0; i < 3; i++) await desk.pass(1000);
    assertEquals(await desk.offsets(MOVED), 14);
    assertEquals(desk.events.map(([event]) => event), ["group_move_failed"]);
    all[refusing].isRefusing = false;
    await desk.pass(1000);
    assertEquals(await desk.offsets(MOVED), [10n, null]);
    assertEquals(desk.events.map(([event]) => event), ["group_move_failed", "groups_moved"]);
  }
});

Deno.test("a group that is larger than a batch is moved in several", async () => {
  const all = logs(), metadata = "m".repeat(4000);
  for (let i = 0; i < 600; i += 100) {
    const some = Array.from({ length: 100 }, (_, n) => committed(i + n, 1n, 5, metadata));
    say(all[1], MOVED, some, 5);
  }
  const desk = deskOf(all);
  await desk.coordinator.loadAll();
  assertEquals(desk.names("groups_moved")[0]?.offsets, 600);
  const there = await held(all[3]) as Record<string, { offsets: Record<string, bigint> }>;
  assertEquals(Object.keys(there[MOVED].offsets).length, 600);
  assertEquals(await held(all[1]), {});
});

Deno.test("a topic deleted while its offsets wait to be moved takes them along", async () => {
  const all = logs();
  say(all[1], MOVED, [committed(0, 10n, 5)], 5);
  all[3].isRefusing = true;
  const desk = deskOf(all);
  await desk.coordinator.loadAll();
  await desk.coordinator.deleteTopics(new Set(["t"]));
  all[3].isRefusing = false;
  await desk.pass(1000);
  assertEquals(await desk.offsets(MOVED), [null, null]);
  assertEquals([await held(all[1]), await held(all[3])], [{}, {}]);
});

Deno.test("a commit made after the move is in the right partition", async () => {
  const all = logs();
  say(all[1], MOVED, [committed(0, 10n, 5)], 5);
  const desk = deskOf(all);
  await desk.coordinator.loadAll();
  const answer = await commitOffsets(desk.coordinator, {
    groupId: MOVED,
    generation: -1,
    memberId: "",
    instanceId: null,
    retentionTimeMs: -1,
    knowsGroupIdNotFound: true,
    offsets: [{
      topic: "t",
      topicId: ZERO_UUID,
      partition: 0,
      offset: 12n,
      leaderEpoch: -1,
      metadata: "",
    }],
  });
  assertEquals(answer, [0]);
  assertEquals(await deskOfLoaded(all), [12n, null]);
});

async function deskOfLoaded(all: readonly CoordinatorLog[]) {
  const desk = deskOf(all);
  await desk.coordinator.loadAll();
  return await desk.offsets(MOVED);
}

const OFFSETS_ID = randomUuid();
const WANTED = Array.from(
  { length: PARTITIONS },
  (_, partition) =>
    wantedLog(OFFSETS_ID, { topic: "__consumer_offsets", partition }, {
      "cleanup.policy": ["compact"],
    }),
);
const SMALL = { journalBytes: 64 << 10 };

async function worldOf(
  store: FaultyStore,
): Promise<{ world: StorageWorld; all: CoordinatorLog[] }> {
  const world = await StorageWorld.open(store, WANTED, SMALL);
  return { world, all: WANTED.map(({ partition }) => world.logs.get(OFFSETS_ID, partition)!) };
}

/** A directory as Runnel 0.1 left it. */
async function olderDirectory(): Promise<MemoryStore> {
  const store = new FaultyStore(new MemoryStore());
  const { world, all } = await worldOf(store);
  await Promise.all([
    say(all[1], MOVED, [classic(3, "m"), committed(0, 10n, 5), committed(1, 11n, 5)], 5),
    say(all[1], MOVED_TOO, [...consumer(4, "n"), committed(0, 20n, 5)], 5),
    say(all[3], MOVED_BACK, [committed(0, 30n, 50)], 50),
    say(all[1], MOVED_BACK, [committed(0, 33n, 60)], 60),
    say(all[3], STAYING, [committed(0, 40n, 5)], 5),
  ]);
  await world.stop();
  return await store.crash({ unsynced: "lost", names: "kept" });
}

Deno.test("a power loss at any call of the move loses nothing and brings nothing older back", async () => {
  const older = await olderDirectory();
  let cuts = 0, cutMoves = 0;
  for (let at = 1;; at++) {
    const store = new MortalStore(await new FaultyStore(older).crash({ unsynced: "kept" }));
    const opened = await worldOf(store);
    const before = store.count;
    store.powerOffAt = before + at;
    const desk = deskOf(opened.all);
    await Promise.race([desk.coordinator.loadAll(), turns(60)]);
    const isDone = store.count < before + at;
    if (!isDone) cuts++;
    if (!isDone && desk.names("groups_moved").length === 0) cutMoves++;
    for (const unsynced of ["lost", "kept"] as const) {
      const left = await store.crash({ unsynced, names: "kept" });
      const { world, all } = await worldOf(new FaultyStore(left));
      const after = deskOf(all), at = `cut off at call ${cuts}, unsynced ${unsynced}`;
      await after.coordinator.loadAll();
      assertEquals(await after.offsets(MOVED), [10n, 11n], at);
      assertEquals(await after.offsets(MOVED_TOO), [20n, null], at);
      assertEquals(await after.offsets(MOVED_BACK), [33n, null], at);
      assertEquals(await after.offsets(STAYING), [40n, null], at);
      assertEquals(await held(all[1]), {
        [MOVED_BACK]: { type: "classic", epoch: 0, members: [], offsets: { "t-0": 33n } },
      }, at);
      assertEquals(await held(all[3]), {
        [STAYING]: { type: "classic", epoch: 0, members: [], offsets: { "t-0": 40n } },
        [MOVED]: { type: "classic", epoch: 3, members: ["m"], offsets: { "t-0": 10n, "t-1": 11n } },
        [MOVED_TOO]: { type: "consumer", epoch: 4, members: ["n"], offsets: { "t-0": 20n } },
      }, at);
      after.coordinator.stop();
      world.abandon();
    }
    desk.coordinator.stop();
    opened.world.abandon();
    if (isDone) break;
  }
  assert(cutMoves >= 4, `only ${cutMoves} of ${cuts} cuts struck before the move was over`);
});
