/**
 * Proves what the coordinator adds to the machine of the consumer protocol: groups that begin, change sides and end,
 * commits and fetches by member epoch, sessions that end by the coordinator's own timer, and members that go on after
 * a restart. The log is the simulations'.
 */
import { assertEquals } from "@std/assert";
import { SimulatedLog } from "../../../tests/simulation/simulated_log.ts";
import { FakeClock } from "../../testing/fake_clock.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { commitOffsets, fetchOffsets } from "./committing.ts";
import { consumerContext, TableTopics } from "../../testing/consumer_groups.ts";
import type { MigrationPolicy } from "../consumer/consumer_decision.ts";
import { consumerGroupHeartbeat, describeConsumer } from "./consumer_membership.ts";
import type { HeartbeatRequest } from "../consumer/consumer_request.ts";
import { GroupCoordinator } from "../coordinator.ts";
import { deleteGroup, describeGroup, listGroups } from "./group_admin.ts";
import { joinGroup } from "./membership.ts";

const SESSION_MS = 45_000;
const CALLER = { apiVersion: 1, clientId: "c", clientHost: "/127.0.0.1" };

class Desk {
  readonly clock = new FakeClock();
  readonly topics = new TableTopics();
  readonly log = new SimulatedLog();
  #timers: { atMs: number; work: () => void }[] = [];
  coordinator: GroupCoordinator;

  constructor(readonly migrationPolicy: MigrationPolicy) {
    this.coordinator = this.#open();
  }

  static async open(migrationPolicy: MigrationPolicy = "bidirectional"): Promise<Desk> {
    const desk = new Desk(migrationPolicy);
    desk.log.liesAboutSync = true; // here: keeps everything at once
    desk.topics.set("t", 2);
    await desk.coordinator.loadAll();
    return desk;
  }

  async restart(): Promise<void> {
    this.#timers = [];
    this.coordinator = this.#open();
    await this.coordinator.loadAll();
  }

  pass(ms: number): void {
    this.clock.advance(ms);
    const due = this.#timers.filter(({ atMs }) => atMs <= this.clock.monotonicMs());
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { work } of due) work();
  }

  beat(request: Partial<HeartbeatRequest> & { memberId: string; memberEpoch: number }) {
    return consumerGroupHeartbeat(this.coordinator, {
      groupId: "g",
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      subscribedTopicNames: null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: null,
      ...request,
    }, CALLER);
  }

  join(memberId: string) {
    return this.beat({
      memberId,
      memberEpoch: 0,
      rebalanceTimeoutMs: 10_000,
      subscribedTopicNames: ["t"],
      topicPartitions: [],
    });
  }

  joinClassic(memberId = "") {
    return joinGroup(this.coordinator, {
      groupId: "g",
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId,
      groupInstanceId: null,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: new Uint8Array(0) }],
      reason: null,
    }, { ...CALLER, apiVersion: 3 });
  }

  commit(memberId: string, memberEpoch: number, partition = 0): Promise<number[]> {
    return commitOffsets(this.coordinator, {
      groupId: "g",
      generation: memberEpoch,
      memberId,
      instanceId: null,
      retentionTimeMs: -1,
      knowsGroupIdNotFound: true,
      offsets: [{
        topic: "t",
        topicId: this.topics.idOf("t"),
        partition,
        offset: 7n,
        leaderEpoch: -1,
        metadata: "",
      }],
    });
  }

  listed() {
    return listGroups(this.coordinator, { states: [], types: [] });
  }

  #open(): GroupCoordinator {
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
        offsetsRetentionMs: 100_000,
        offsetsRetentionCheckIntervalMs: 1_000_000,
        offsetMetadataMaxLength: 4096,
        offsetMetadataMaxBytes: 1 << 20,
        maxOffsets: 1 << 20,
      },
      topic: {
        name: "__consumer_offsets",
        partitionCount: 1,
        create: () => Promise.resolve(),
        led: () => ({ log, leaderEpoch: 0 }),
      },
      consumer: consumerContext(this.topics, { migrationPolicy: this.migrationPolicy }),
      give: () => {},
      newId: () => "id",
      wake: (delayMs, work) => {
        const timer = { atMs: this.clock.monotonicMs() + delayMs, work };
        this.#timers.push(timer);
        return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
      },
      onEvent: () => {},
    });
  }
}

Deno.test("the first member makes a consumer group, and DescribeGroups knows it is not classic", async () => {
  const desk = await Desk.open();
  const { memberEpoch, assignment } = await desk.join("a");
  assertEquals(memberEpoch, 2);
  assertEquals(assignment!.topicPartitions!.length, 1);
  assertEquals(desk.listed(), [
    { groupId: "g", protocolType: "consumer", state: "Stable", type: "consumer" },
  ]);
  assertEquals(describeConsumer(desk.coordinator, "").errorCode, ErrorCode.INVALID_GROUP_ID);
  assertEquals(describeConsumer(desk.coordinator, "g").members!.length, 1);
  const classic = describeGroup(desk.coordinator, "g", { knowsGroupIdNotFound: true });
  assertEquals(classic.errorCode, ErrorCode.GROUP_ID_NOT_FOUND);
  assertEquals(classic.errorMessage, "Group g is not a classic group.");
});

Deno.test("a refused heartbeat makes no group", async () => {
  const desk = await Desk.open();
  const { errorCode } = await desk.beat({ memberId: "a", memberEpoch: 3 });
  assertEquals(errorCode, ErrorCode.GROUP_ID_NOT_FOUND);
  assertEquals(desk.listed(), []);
});

Deno.test("members go on by heartbeat after a restart", async () => {
  const desk = await Desk.open();
  const { memberEpoch } = await desk.join("a");
  await desk.restart();
  assertEquals(
    (await desk.beat({ memberId: "a", memberEpoch: memberEpoch! })).errorCode,
    undefined,
  );
  desk.pass(SESSION_MS - 1);
  assertEquals(describeConsumer(desk.coordinator, "g").members!.length, 1);
  desk.pass(1);
  assertEquals(describeConsumer(desk.coordinator, "g").groupState, "Empty");
});

Deno.test("a group with members of one protocol refuses the other where it may not change", async () => {
  const desk = await Desk.open("disabled");
  await desk.join("a");
  const stranger = await desk.joinClassic("m"); // as in Kafka its id does not come back, as it would from a classic group
  assertEquals(stranger.errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  assertEquals(stranger.memberId ?? "", "");
  await desk.beat({ memberId: "a", memberEpoch: -1 });
  const joined = desk.joinClassic();
  desk.pass(1);
  assertEquals((await joined).errorCode, undefined);
  const refused = await desk.join("b");
  assertEquals(refused.errorCode, ErrorCode.GROUP_ID_NOT_FOUND);
  assertEquals(
    refused.errorMessage,
    "Cannot upgrade classic group g to consumer group because online upgrade is disabled.",
  );
});

Deno.test("an empty group changes sides and keeps its offsets", async () => {
  const desk = await Desk.open();
  assertEquals(await desk.commit("", -1), [ErrorCode.NONE]);
  const { memberEpoch } = await desk.join("a");
  assertEquals(await desk.commit("a", memberEpoch!, 1), [ErrorCode.NONE]);
  await desk.beat({ memberId: "a", memberEpoch: -1 });
  const joined = desk.joinClassic();
  desk.pass(1);
  await joined;
  assertEquals(desk.listed().map(({ type }) => type), ["classic"]);
  const fetched = await fetchOffsets(desk.coordinator, "g", null, false);
  assertEquals((fetched as unknown[]).length, 2);
});

Deno.test("commits and fetches of stale members are refused", async () => {
  const desk = await Desk.open();
  const { memberEpoch } = await desk.join("a");
  assertEquals(await desk.commit("a", memberEpoch!), [ErrorCode.NONE]);
  assertEquals(await desk.commit("a", memberEpoch! + 1), [ErrorCode.STALE_MEMBER_EPOCH]);
  assertEquals(await desk.commit("a", memberEpoch! - 1), [ErrorCode.STALE_MEMBER_EPOCH]);
  assertEquals(await desk.commit("x", memberEpoch!), [ErrorCode.UNKNOWN_MEMBER_ID]);
  const fetch = (claim: { memberId: string; memberEpoch: number }) =>
    fetchOffsets(desk.coordinator, "g", null, false, claim);
  assertEquals(await fetch({ memberId: "a", memberEpoch: 9 }), ErrorCode.STALE_MEMBER_EPOCH);
  assertEquals(await fetch({ memberId: "x", memberEpoch: 2 }), ErrorCode.UNKNOWN_MEMBER_ID);
});

Deno.test("a consumer group with members cannot be deleted, an empty one leaves nothing", async () => {
  const desk = await Desk.open();
  const { memberEpoch } = await desk.join("a");
  await desk.commit("a", memberEpoch!);
  assertEquals(await deleteGroup(desk.coordinator, "g"), ErrorCode.NON_EMPTY_GROUP);
  await desk.beat({ memberId: "a", memberEpoch: -1 });
  assertEquals(await deleteGroup(desk.coordinator, "g"), ErrorCode.NONE);
  assertEquals(desk.listed(), []);
  await desk.restart();
  assertEquals(desk.listed(), []);
});

Deno.test("an empty consumer group goes when its offsets have expired", async () => {
  const desk = await Desk.open();
  const { memberEpoch } = await desk.join("a");
  await desk.commit("a", memberEpoch!);
  desk.pass(40_000);
  await desk.beat({ memberId: "a", memberEpoch: memberEpoch! });
  desk.pass(40_000);
  await desk.beat({ memberId: "a", memberEpoch: memberEpoch! });
  desk.pass(30_000);
  await desk.coordinator.expireOffsets();
  assertEquals([...desk.coordinator.groups()][0].offsets.count, 1, "still subscribed to");
  await desk.beat({ memberId: "a", memberEpoch: -1 });
  await desk.coordinator.expireOffsets();
  assertEquals(desk.listed(), []);
});

Deno.test("a group too many is refused", async () => {
  const desk = await Desk.open();
  for (const groupId of ["g", "h"]) {
    await desk.beat({
      groupId,
      memberId: "a",
      memberEpoch: 0,
      rebalanceTimeoutMs: 1,
      subscribedTopicNames: ["t"],
      topicPartitions: [],
    });
  }
  assertEquals(desk.listed().length, 2);
  const refused = await desk.beat({
    groupId: "i",
    memberId: "a",
    memberEpoch: 0,
    rebalanceTimeoutMs: 1,
    subscribedTopicNames: ["t"],
    topicPartitions: [],
  });
  assertEquals(refused.errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED);
});

Deno.test("what members subscribe to is bounded over all groups, and free again when they leave", async () => {
  const desk = await Desk.open();
  const join = async (groupId: string, memberId: string, count: number) => {
    const subscribedTopicNames = Array.from({ length: count }, (_, i) => `${i}`.padStart(100, "t"));
    const rest = { memberEpoch: 0, rebalanceTimeoutMs: 10_000, topicPartitions: [] };
    return (await desk.beat({ groupId, memberId, subscribedTopicNames, ...rest })).errorCode ?? 0;
  };
  const { GROUP_MAX_SIZE_REACHED } = ErrorCode;
  assertEquals(await join("g", "a", 5300), GROUP_MAX_SIZE_REACHED); // more than half
  assertEquals([await join("g", "a", 3000), await join("h", "b", 3000)], [
    0,
    GROUP_MAX_SIZE_REACHED,
  ]);
  assertEquals(await join("h", "c", 1), 0);
  await desk.beat({ memberId: "a", memberEpoch: -1 });
  desk.pass(10);
  assertEquals(await join("g", "b", 3000), 0);
});
